// Factoring of a reduction loop. Meaning and refusals: Schedule::rfactor.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Expected<BlockId> rfactor(State& state, LoopId loop, int factor_axis);

}  // namespace tilewright::schedule
