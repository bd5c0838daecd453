// A loop of extent 1. Meaning: Schedule::add_unit_loop.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Expected<LoopId> add_unit_loop(State& state, BlockId block);
Expected<LoopId> add_unit_loop(State& state, LoopId loop);

}  // namespace tilewright::schedule
