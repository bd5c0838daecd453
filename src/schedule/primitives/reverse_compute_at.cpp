#include "schedule/primitives/reverse_compute_at.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/compute_location.h"
#include "schedule/dependence.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::BufferRegion;
using tir::IterKind;
using tir::Range;

namespace {

/// The loop at or around `loop` that binds a reduce iterator of the block: one iteration of `loop` has a partial result
/// only.
LoopId partial_at(const State& state, BlockId id, LoopId loop) {
  const BlockNode* block = state.find_block(id);
  std::vector<LoopId> around = state.loops_of(loop);
  around.push_back(loop);
  for (const LoopId l : around) {
    for (size_t i = 0; i < block->iters.size(); ++i) {
      if (block->iters[i].kind == IterKind::kReduce && tir::uses_var(block->bindings[i], state.find_loop(l)->var.get()))
        return l;
    }
  }
  return {};
}

}  // namespace

Status reverse_compute_at(State& state, BlockId id, LoopId loop_id, bool keep_unit_loops) {
  if (Status s = check_movable(state, id, loop_id); !s) return s;
  const BlockNode* block = state.find_block(id);
  const std::string& name = block->name;
  const std::string& loop_name = state.find_loop(loop_id)->var.name();
  std::vector<BlockId> below;
  for (const BlockId p : state.producers(id)) {
    if (state.is_below(p, loop_id)) {
      below.push_back(p);
      const LoopId partial = partial_at(state, p, loop_id);
      if (!partial) continue;
      return Refusal(
                 state, codes::kProducerElsewhere,
                 fmt::format(
                     "one iteration of loop `{}` has only part of the reduction of block `{}`: loop `{}` carries it",
                     loop_name, state.find_block(p)->name, state.find_loop(partial)->var.name()))
          .at(partial)
          .at(p)
          .remedy(fmt::format("reorder the reduce loops of `{}` inside the loop", state.find_block(p)->name));
    }
    // A producer that ran before the loop began is complete as well.
    if (!state.is_below(p, loop_id) && state.before(p, state.child_blocks(loop_id).front())) continue;
    return Refusal(state, codes::kProducerElsewhere,
                   fmt::format("block `{}`, which `{}` reads, is not below loop `{}`", state.find_block(p)->name, name,
                               loop_name))
        .at(loop_id)
        .at(p)
        .remedy(fmt::format("choose a loop around block `{}`", state.find_block(p)->name));
  }
  if (below.empty()) {
    return Refusal(state, codes::kProducerElsewhere,
                   fmt::format("no block below loop `{}` produces what `{}` reads", loop_name, name))
        .at(loop_id)
        .at(id);
  }
  for (const BlockId c : state.consumers(id)) {
    if (!state.is_below(c, loop_id)) continue;
    return Refusal(state, codes::kOrderViolated,
                   fmt::format("block `{}` must run after `{}`", state.find_block(c)->name, name))
        .at(c);
  }

  // What one iteration of the loop produces decides which part of the block can run there.
  const StmtNode* anchor = child_holding(state, loop_id, below.back());
  arith::Analyzer analyzer = state.analyzer_at(anchor);
  std::vector<std::optional<Range>> parts(block->iters.size());
  bool consistent = true;
  struct Produced {
    const BufferRegion* read;
    std::vector<Range> box;
  };
  std::vector<Produced> produced;
  const auto not_covered = [&](BlockId p, const std::string& buffer) {
    return Refusal(state, codes::kProducerElsewhere,
                   fmt::format(
                       "one iteration of loop `{}` does not produce all of `{}` that an instance of block `{}` reads",
                       loop_name, buffer, name))
        .at(loop_id)
        .at(p)
        .remedy("choose an outer loop");
  };
  for (const BlockId p : below) {
    for (const BufferRegion& write : state.find_block(p)->writes) {
      for (const BufferRegion& read : block->reads) {
        if (!read.buffer.same_as(write.buffer)) continue;
        const LoopRegion region = region_at(state, p, write, loop_id);
        if (!region.exact || !state.affine_binding(p)) return not_covered(p, write.buffer.name());
        solve_iterators(*block, read, region.ranges, analyzer, &parts, &consistent, /*enlarge=*/false);
        produced.push_back({&read, region.ranges});
      }
    }
  }
  if (!consistent) return not_covered(below.back(), produced.front().read->buffer.name());
  for (size_t i = 0; i < parts.size(); ++i) {
    const tir::IterVar& iter = block->iters[i];
    if (iter.kind == IterKind::kSpatial || !parts[i]) continue;
    // A reduction must find all it reduces over.
    const bool whole = analyzer.can_prove_ge(iter.domain.min, parts[i]->min) &&
                       analyzer.can_prove_ge(parts[i]->min + parts[i]->extent, iter.domain.min + iter.domain.extent);
    if (!whole) return not_covered(below.back(), produced.front().read->buffer.name());
    parts[i].reset();
  }
  // Every read of the part must lie in what was produced.
  for (const Produced& p : produced) {
    arith::IntSetMap domains;
    arith::Analyzer inside = analyzer;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Range range = parts[i] ? *parts[i] : block->iters[i].domain;
      domains[block->iters[i].var.get()] = arith::IntSet::from_range(range);
      inside.bind(block->iters[i].var, range);
    }
    for (size_t d = 0; d < p.read->ranges.size(); ++d) {
      const Range& r = p.read->ranges[d];
      const arith::IntSet low = inside.eval_set(r.min, domains), high = inside.eval_set(r.min + r.extent, domains);
      const bool covered = low.bounded() && high.bounded() && analyzer.can_prove_ge(low.min, p.box[d].min) &&
                           analyzer.can_prove_ge(p.box[d].min + p.box[d].extent, high.max);
      if (!covered) return not_covered(below.back(), p.read->buffer.name());
    }
  }

  State next = state;
  Stmt nest = make_nest(next, *block, parts, keep_unit_loops, analyzer);
  bury_private_loops(next, id);
  next.replace_block(id, Stmt(), /*keep_facts=*/true);
  insert_after(next, child_holding(next, loop_id, below.back()), std::move(nest));
  next.forget(id);
  // The parts together must be the whole block, each instance once and after what it reads: edges that no producer's
  // part reaches, or parts that reach beyond it, would be lost or come too early.
  if (!next.affine_binding(id) || !next.region_cover(id))
    return not_covered(below.back(), produced.front().read->buffer.name());
  if (Status s = recheck_loop_kinds(next); !s) return s;
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
