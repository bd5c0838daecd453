// A copy of what is read. Meaning and refusals: Schedule::cache_read.
#pragma once

#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

/// No consumers given: every reader in the scope.
Expected<BlockId> cache_read(State& state, BlockId block, int read_index, tir::Scope scope,
                             const std::vector<BlockId>& consumers);

}  // namespace tilewright::schedule
