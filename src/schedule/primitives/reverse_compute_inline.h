// Inlining of a consumer into its producer. Meaning and refusals: Schedule::reverse_compute_inline.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Status reverse_compute_inline(State& state, BlockId block);

}  // namespace tilewright::schedule
