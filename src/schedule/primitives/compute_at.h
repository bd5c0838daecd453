// Compute location of producers. Meaning and refusals: Schedule::compute_at.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Status compute_at(State& state, BlockId block, LoopId loop, bool keep_unit_loops);

}  // namespace tilewright::schedule
