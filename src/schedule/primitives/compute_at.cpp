#include "schedule/primitives/compute_at.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "schedule/compute_location.h"
#include "schedule/dependence.h"
#include "schedule/nest.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"

namespace tilewright::schedule {

using tir::BufferRegion;
using tir::Range;

namespace {

/// What must hold at the loop for any consumer to run; null when that is nothing.
tir::Expr guard_at(const State& state, const std::vector<BlockId>& consumers, LoopId loop) {
  if (consumers.size() != 1) return nullptr;
  tir::Expr guard;
  for (const tir::Expr& c : conjuncts(state.find_block(consumers[0])->predicate)) {
    bool inside = false;
    for (const LoopId l : state.loops_of(consumers[0])) {
      inside |= state.is_below(l, loop) && tir::uses_var(c, state.find_loop(l)->var.get());
    }
    if (!inside) guard = conjunction(guard, c);
  }
  return guard;
}

}  // namespace

Status compute_at(State& state, BlockId id, LoopId loop_id, bool keep_unit_loops) {
  if (Status s = check_movable(state, id, loop_id); !s) return s;
  const BlockNode* block = state.find_block(id);
  const std::string& name = block->name;
  const std::string& loop_name = state.find_loop(loop_id)->var.name();
  if (state.is_output_block(id)) {
    return Refusal(state, codes::kOutputBlock,
                   fmt::format("block `{}` writes an output, which must be computed as a whole", name))
        .at(id)
        .remedy("cache_write first, and move the block that writes the cache");
  }
  const std::vector<BlockId> consumers = state.consumers(id);
  if (consumers.empty()) {
    return Refusal(state, codes::kNoConsumer, fmt::format("block `{}` has no consumer", name)).at(id);
  }
  for (const BlockId c : consumers) {
    if (state.is_below(c, loop_id)) continue;
    const BlockNode* consumer = state.find_block(c);
    std::vector<std::string> legal;
    // Loops around every consumer.
    for (const LoopId l : state.loops_of(consumers[0])) {
      if (std::all_of(consumers.begin(), consumers.end(), [&](BlockId o) { return state.is_below(o, l); }))
        legal.push_back(state.find_loop(l)->var.name());
    }
    return Refusal(state, codes::kConsumerElsewhere,
                   fmt::format("block `{}` reads what `{}` writes, but is not below loop `{}`", consumer->name, name,
                               loop_name))
        .at(loop_id)
        .at(c)
        .legal("loops", legal)
        .remedy(legal.empty() ? fmt::format("move the consumers of `{}` below one loop first", name) : "");
  }
  // Directly before the first consumer.
  const StmtNode* anchor = child_holding(state, loop_id, consumers[0]);
  for (const BlockId p : state.producers(id)) {
    if (state.before(p, consumers[0]) && !(state.is_below(p, loop_id) && child_holding(state, loop_id, p) == anchor))
      continue;
    return Refusal(state, codes::kProducerAfter,
                   fmt::format("block `{}`, which `{}` reads, would come after it", state.find_block(p)->name, name))
        .at(p)
        .at(loop_id)
        .remedy(fmt::format("move block `{}` first, or choose an inner loop", state.find_block(p)->name));
  }

  // What the consumers read in one iteration of the loop decides which part of the block is computed there.
  arith::Analyzer analyzer = state.analyzer_at(anchor);
  std::vector<std::optional<Range>> parts(block->iters.size());
  bool consistent = true;
  for (const BufferRegion& write : block->writes) {
    std::optional<std::vector<Range>> wanted;
    for (const BlockId c : consumers) {
      for (const BufferRegion& read : state.find_block(c)->reads) {
        if (!read.buffer.same_as(write.buffer)) continue;
        const std::vector<Range> part = region_at(state, c, read, loop_id).ranges;
        wanted = wanted ? arith::region_union(*wanted, part, analyzer) : part;
      }
    }
    if (wanted) solve_iterators(*block, write, *wanted, analyzer, &parts, &consistent, /*enlarge=*/true);
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    // A reduction runs whole.
    if (block->iters[i].kind != tir::IterKind::kSpatial) parts[i].reset();
  }

  const auto move = [&](const tir::Expr& guard) {
    State next = state;
    Stmt nest = make_nest(next, *block, parts, keep_unit_loops, analyzer);
    if (guard.defined()) {
      LazyAnalyzer none(state, nullptr);
      nest = rewrite_nest(nest, {}, {}, guard, none);
    }
    bury_private_loops(next, id);
    next.replace_block(id, Stmt(), /*keep_facts=*/true);
    const StmtNode* place = child_holding(next, loop_id, consumers[0]);
    insert_before(next, place, std::move(nest));
    next.forget(id);
    return next;
  };
  State next = move(nullptr);
  // Where consumers are guarded, the part may reach beyond what its own producers have made by then.
  if (!next.region_cover(id)) next = move(guard_at(state, consumers, loop_id));
  if (!next.region_cover(id)) {
    return Refusal(
               state, codes::kProducerAfter,
               fmt::format("one iteration of loop `{}` would compute elements of `{}` whose inputs are not there yet",
                           loop_name, block->writes[0].buffer.name()))
        .at(loop_id)
        .at(id)
        .remedy("choose an outer loop");
  }
  for (const BlockId c : consumers) {
    if (next.region_cover(c)) continue;
    return Refusal(state, codes::kConsumerElsewhere,
                   fmt::format(
                       "what block `{}` reads in one iteration of loop `{}` is no box that `{}` could compute there",
                       state.find_block(c)->name, loop_name, name))
        .at(loop_id)
        .at(c)
        .remedy("choose an outer loop");
  }
  if (Status s = recheck_loop_kinds(next); !s) return s;
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
