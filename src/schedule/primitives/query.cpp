#include "schedule/primitives/query.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/refusal.h"

namespace tilewright::schedule {

Expected<BlockId> get_block(const State& state, const std::string& name) {
  std::vector<BlockId> found;
  for (const BlockId id : state.all_blocks()) {
    if (state.find_block(id)->name == name) found.push_back(id);
  }
  if (found.size() == 1) return found[0];
  if (found.empty())
    return Refusal(state, codes::kUnknownBlock, fmt::format("there is no block `{}`", name))
        .legal("blocks", state.block_names());
  Refusal refusal(state, codes::kAmbiguousBlock, fmt::format("there are {} blocks `{}`", found.size(), name));
  for (const BlockId id : found) refusal.at(id);
  return refusal.remedy("get the block around them and use get_child_blocks");
}

Expected<std::vector<LoopId>> get_loops(const State& state, BlockId block) {
  Expected<const BlockNode*> found = state.block(block);
  if (!found) return found.error();
  return state.loops_of(block);
}
Expected<std::vector<BlockId>> get_child_blocks(const State& state, BlockId block) {
  Expected<const BlockNode*> found = state.block(block);
  if (!found) return found.error();
  return state.child_blocks(block);
}
Expected<std::vector<BlockId>> get_child_blocks(const State& state, LoopId loop) {
  Expected<const ForNode*> found = state.loop(loop);
  if (!found) return found.error();
  return state.child_blocks(loop);
}

namespace {

Expected<std::vector<BlockId>> neighbours(const State& state, BlockId block, bool producers) {
  Expected<const BlockNode*> found = state.block(block);
  if (!found) return found.error();
  if (block == state.root()) return std::vector<BlockId>();
  return producers ? state.producers(block) : state.consumers(block);
}

}  // namespace

Expected<std::vector<BlockId>> get_producers(const State& state, BlockId block) {
  return neighbours(state, block, true);
}
Expected<std::vector<BlockId>> get_consumers(const State& state, BlockId block) {
  return neighbours(state, block, false);
}

std::vector<BlockId> get_output_blocks(const State& state) {
  std::vector<BlockId> out;
  for (const BlockId id : state.child_blocks(state.root())) {
    const auto& writes = state.find_block(id)->writes;
    if (std::any_of(writes.begin(), writes.end(), [&](const auto& w) { return state.is_parameter(w.buffer.get()); }))
      out.push_back(id);
  }
  return out;
}

}  // namespace tilewright::schedule
