// Fusing of nested loops. Meaning and refusals: Schedule::fuse.
#pragma once

#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

Expected<LoopId> fuse(State& state, const std::vector<LoopId>& loops);

}  // namespace tilewright::schedule
