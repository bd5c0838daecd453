// Physical layout of a buffer. Meaning and refusals: Schedule::transform_layout.
#pragma once

#include <string>

#include "schedule/state.h"

namespace tilewright::schedule {

Status transform_layout(State& state, BlockId block, Access access, int index, const std::string& map);

}  // namespace tilewright::schedule
