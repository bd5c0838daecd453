// Inlining of a producer into its consumers. Meaning and refusals: Schedule::compute_inline.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Status compute_inline(State& state, BlockId block);

}  // namespace tilewright::schedule
