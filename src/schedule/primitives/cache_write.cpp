#include "schedule/primitives/cache_write.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/dependence.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::Buffer;
using tir::Range;

Expected<BlockId> cache_write(State& state, BlockId id, int write_index, tir::Scope scope) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  const BlockNode* block = *found;
  if (scope == tir::Scope::kFragment || scope == tir::Scope::kRegister) {
    return Refusal(state, codes::kBadScope,
                   fmt::format("buffers cannot be allocated in scope `{}`", tir::scope_name(scope)))
        .legal("scopes", {"global", "shared", "local", "warp"});
  }
  if (write_index < 0 || static_cast<size_t>(write_index) >= block->writes.size()) {
    return Refusal(state, codes::kNoSuchRegion,
                   fmt::format("block `{}` has {} writes, there is no number {}", block->name, block->writes.size(),
                               write_index))
        .at(id);
  }
  const tir::BufferRegion& write = block->writes[static_cast<size_t>(write_index)];
  const Buffer buffer = write.buffer;
  const BlockId scope_block = state.scope_of(id);
  for (const BlockId w : state.writers(scope_block, buffer.get())) {
    if (w == id) continue;
    return Refusal(state, codes::kSeveralWriters,
                   fmt::format("`{}` is written by block `{}` too", buffer.name(), state.find_block(w)->name))
        .at(w)
        .remedy("cache before decompose_reduction");
  }
  std::string why;
  const BlockClass c = state.classify(id, &why);
  if (c != BlockClass::kComplete && c != BlockClass::kReduction) {
    return Refusal(state, codes::kCachePipeline,
                   fmt::format("block `{}` is neither complete nor a reduction: {}", block->name, why))
        .at(id);
  }
  if (!state.stage_pipeline(scope_block)) {
    return Refusal(
               state, codes::kCachePipeline,
               fmt::format("the blocks around `{}` are no pipeline, so there is no moment at which `{}` is complete",
                           block->name, buffer.name()))
        .at(id);
  }
  const StmtNode* nest = child_holding(state, scope_block, id);
  for (const BlockId r : state.readers(scope_block, buffer.get())) {
    if (r == id || child_holding(state, scope_block, r) != nest) continue;
    return Refusal(state, codes::kCachePipeline,
                   fmt::format("block `{}` reads `{}` in the same nest, before a copy could be made",
                               state.find_block(r)->name, buffer.name()))
        .at(r)
        .remedy("cache before compute_at");
  }

  const std::vector<Range> region = region_at(state, id, write, {}).ranges;
  State next = state;
  const Buffer cache(next.unique_buffer_name(buffer.name() + "_" + tir::scope_name(scope)), buffer.dtype(),
                     buffer.shape(), scope);
  const BlockId copy_id = next.fresh_block_id();
  Stmt copy = copy_nest(next, copy_id, next.unique_block_name(block->name), cache, buffer, region);
  next.replace_block(id, with_buffer(next.stmt(id), buffer, cache), /*keep_facts=*/true);
  insert_after(next, child_holding(next, scope_block, id), std::move(copy));
  allocate(next, scope_block, cache);
  next.forget(copy_id);
  if (Status s = recheck_loop_kinds(next); !s) return s.error();
  state = std::move(next);
  return copy_id;
}

}  // namespace tilewright::schedule
