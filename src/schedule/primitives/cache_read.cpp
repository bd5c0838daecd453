#include "schedule/primitives/cache_read.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/dependence.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::Buffer;
using tir::BufferRegion;
using tir::Range;

namespace {

Status check_scope(const State& state, tir::Scope scope) {
  if (scope == tir::Scope::kGlobal || scope == tir::Scope::kShared || scope == tir::Scope::kLocal ||
      scope == tir::Scope::kWarp)
    return {};
  return Refusal(state, codes::kBadScope,
                 fmt::format("buffers cannot be allocated in scope `{}`", tir::scope_name(scope)))
      .legal("scopes", {"global", "shared", "local", "warp"});
}

bool reads(const BlockNode& block, const Buffer& buffer) {
  return std::any_of(block.reads.begin(), block.reads.end(), [&](const auto& r) { return r.buffer.same_as(buffer); });
}

}  // namespace

Expected<BlockId> cache_read(State& state, BlockId id, int read_index, tir::Scope scope,
                             const std::vector<BlockId>& given) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  const BlockNode* block = *found;
  if (Status s = check_scope(state, scope); !s) return s.error();
  if (read_index < 0 || static_cast<size_t>(read_index) >= block->reads.size()) {
    std::vector<std::string> legal;
    for (size_t i = 0; i < block->reads.size(); ++i)
      legal.push_back(fmt::format("{} ({})", i, block->reads[i].buffer.name()));
    return Refusal(state, codes::kNoSuchRegion,
                   fmt::format("block `{}` has {} reads, there is no number {}", block->name, legal.size(), read_index))
        .at(id)
        .legal("reads", legal);
  }
  const Buffer buffer = block->reads[static_cast<size_t>(read_index)].buffer;
  const BlockId scope_block = state.scope_of(id);
  const std::vector<BlockId> writers = state.writers(scope_block, buffer.get());
  if (writers.size() > 1) {
    return Refusal(state, codes::kSeveralWriters,
                   fmt::format("`{}` is written by several blocks: `{}` and `{}`", buffer.name(),
                               state.find_block(writers[0])->name, state.find_block(writers[1])->name))
        .at(writers[1])
        .remedy("a copy has one moment at which the buffer is complete; cache before decompose_reduction");
  }
  if (!state.stage_pipeline(scope_block)) {
    return Refusal(
               state, codes::kCachePipeline,
               fmt::format("the blocks around `{}` are no pipeline, so there is no moment at which `{}` is complete",
                           block->name, buffer.name()))
        .at(id);
  }
  std::vector<BlockId> consumers = given;
  if (consumers.empty()) {
    for (const BlockId r : state.readers(scope_block, buffer.get())) {
      if (writers.empty() || !(r == writers[0])) consumers.push_back(r);
    }
  }
  for (const BlockId c : consumers) {
    Expected<const BlockNode*> consumer = state.block(c);
    if (!consumer) return consumer.error();
    const bool self = !writers.empty() && c == writers[0];
    if (!reads(**consumer, buffer) || !(state.scope_of(c) == scope_block) || self) {
      return Refusal(state, codes::kNotAConsumer,
                     self ? fmt::format("block `{}` writes `{}`; it cannot read a copy made afterwards",
                                        (*consumer)->name, buffer.name())
                          : fmt::format("block `{}` does not read `{}` in the scope of `{}`", (*consumer)->name,
                                        buffer.name(), block->name))
          .at(c);
    }
  }
  if (consumers.empty()) {
    return Refusal(state, codes::kNotAConsumer, fmt::format("no block reads `{}` after it is complete", buffer.name()))
        .at(id);
  }
  // The copy is made once, before everything: the writer must be done before any consumer's nest begins.
  for (const BlockId c : consumers) {
    if (writers.empty() || child_holding(state, scope_block, writers[0]) != child_holding(state, scope_block, c))
      continue;
    return Refusal(state, codes::kCachePipeline,
                   fmt::format("`{}` is written and read in one nest, by `{}` and `{}`", buffer.name(),
                               state.find_block(writers[0])->name, state.find_block(c)->name))
        .at(writers[0])
        .at(c)
        .remedy("cache before compute_at");
  }

  arith::Analyzer analyzer = state.analyzer_at(nullptr);
  std::optional<std::vector<Range>> region;
  for (const BlockId c : consumers) {
    for (const BufferRegion& r : state.find_block(c)->reads) {
      if (!r.buffer.same_as(buffer)) continue;
      const std::vector<Range> part = region_at(state, c, r, {}).ranges;
      region = region ? arith::region_union(*region, part, analyzer) : part;
    }
  }
  if (!writers.empty()) {
    // What was never written must not be read, not even by a copy.
    const auto& writes = state.find_block(writers[0])->writes;
    for (const BufferRegion& w : writes) {
      if (!w.buffer.same_as(buffer)) continue;
      const std::vector<Range> written = region_at(state, writers[0], w, {}).ranges;
      if (arith::region_contains(*region, written, analyzer)) region = written;
    }
  }
  for (size_t d = 0; d < region->size(); ++d) {
    // No copy leaves the buffer, whatever the bound says.
    Range& r = (*region)[d];
    const tir::Expr& extent = buffer.shape()[d];
    if (!analyzer.can_prove_ge(r.min, tir::Expr(0)) || !analyzer.can_prove_ge(extent, r.min + r.extent))
      r = {tir::Expr(0), extent};
  }

  State next = state;
  const std::string suffix = std::string("_") + tir::scope_name(scope);
  const Buffer cache(next.unique_buffer_name(buffer.name() + suffix), buffer.dtype(), buffer.shape(), scope);
  const BlockId copy_id = next.fresh_block_id();
  Stmt copy = copy_nest(next, copy_id, next.unique_block_name(buffer.name() + suffix), buffer, cache, *region);
  for (const BlockId c : consumers) next.replace_block(c, with_buffer(next.stmt(c), buffer, cache));
  if (writers.empty()) {
    const StmtNode* first = child_holding(next, scope_block, next.child_blocks(scope_block).front());
    insert_before(next, first, std::move(copy));
  } else {
    insert_after(next, child_holding(next, scope_block, writers[0]), std::move(copy));
  }
  allocate(next, scope_block, cache);
  if (Status s = recheck_loop_kinds(next); !s) return s.error();
  state = std::move(next);
  return copy_id;
}

}  // namespace tilewright::schedule
