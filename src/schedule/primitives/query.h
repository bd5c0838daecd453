// Queries that give handles. Meaning and refusals: Schedule::get_block and so on.
#pragma once

#include <string>
#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

Expected<BlockId> get_block(const State& state, const std::string& name);
Expected<std::vector<LoopId>> get_loops(const State& state, BlockId block);
Expected<std::vector<BlockId>> get_child_blocks(const State& state, BlockId block);
Expected<std::vector<BlockId>> get_child_blocks(const State& state, LoopId loop);
Expected<std::vector<BlockId>> get_producers(const State& state, BlockId block);
Expected<std::vector<BlockId>> get_consumers(const State& state, BlockId block);
std::vector<BlockId> get_output_blocks(const State& state);

}  // namespace tilewright::schedule
