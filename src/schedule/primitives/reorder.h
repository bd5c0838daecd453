// Permuting of nested loops. Meaning and refusals: Schedule::reorder.
#pragma once

#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

Status reorder(State& state, const std::vector<LoopId>& loops);

}  // namespace tilewright::schedule
