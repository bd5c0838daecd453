// Two splits and a reorder. Meaning and refusals: Schedule::tile.
#pragma once

#include <optional>
#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

Expected<std::vector<LoopId>> tile(State& state, LoopId i, LoopId j, std::optional<int64_t> ti,
                                   std::optional<int64_t> tj);

}  // namespace tilewright::schedule
