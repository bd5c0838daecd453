// A reduction's init as a block of its own. Meaning and refusals: Schedule::decompose_reduction.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

/// The new init block; `block` keeps its id as the update.
Expected<BlockId> decompose_reduction(State& state, BlockId block, LoopId loop);

}  // namespace tilewright::schedule
