// Compute location of consumers. Meaning and refusals: Schedule::reverse_compute_at.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Status reverse_compute_at(State& state, BlockId block, LoopId loop, bool keep_unit_loops);

}  // namespace tilewright::schedule
