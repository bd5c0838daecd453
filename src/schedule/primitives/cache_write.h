// A copy of what is written. Meaning and refusals: Schedule::cache_write.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Expected<BlockId> cache_write(State& state, BlockId block, int write_index, tir::Scope scope);

}  // namespace tilewright::schedule
