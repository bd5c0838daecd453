#include "schedule/primitives/rfactor.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/dependence.h"
#include "schedule/nest.h"
#include "schedule/primitives/split.h"
#include "schedule/reducer.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::Buffer;
using tir::Expr;
using tir::IterKind;
using tir::IterVar;
using tir::Var;
using tir::VarMap;
using tir::VarNode;

namespace {

/// Which kinds of iterators a loop variable binds.
struct LoopUse {
  bool spatial = false;
  int reduce = 0;
};
LoopUse use_of(const BlockNode& block, const VarNode* var) {
  LoopUse use;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (!tir::uses_var(block.bindings[i], var)) continue;
    if (block.iters[i].kind == IterKind::kReduce)
      ++use.reduce;
    else
      use.spatial = true;
  }
  return use;
}

Expr combine(tir::ExprKind kind, Expr a, Expr b) {
  return tir::make_binary(kind, std::move(a), std::move(b));
}

}  // namespace

Expected<BlockId> rfactor(State& state, LoopId loop_id, int factor_axis) {
  Expected<const ForNode*> found = state.loop(loop_id);
  if (!found) return found.error();
  const ForNode* loop = *found;
  const std::string& loop_name = loop->var.name();
  if (Status s = require_plain(state, *loop); !s) return s.error();
  const std::vector<BlockId> below = state.child_blocks(loop_id);
  std::string why;
  if (below.size() != 1) {
    return Refusal(state, codes::kNotReductionBelow,
                   fmt::format("loop `{}` has {} blocks below it, expected one reduction", loop_name, below.size()))
        .at(loop_id);
  }
  const BlockId id = below[0];
  const BlockNode* block = state.find_block(id);
  if (state.classify(id, &why) != BlockClass::kReduction || state.has_raw_statements(loop_id)) {
    if (!block->init.defined()) why = "it has no init";
    return Refusal(state, codes::kNotReductionBelow,
                   fmt::format("block `{}` below loop `{}` is no reduction: {}", block->name, loop_name, why))
        .at(id)
        .remedy("rfactor before decompose_reduction");
  }
  const LoopUse own = use_of(*block, loop->var.get());
  if (own.reduce == 0 || own.spatial) {
    std::vector<std::string> legal;
    for (const LoopId l : state.loops_of(id)) {
      const LoopUse u = use_of(*block, state.find_loop(l)->var.get());
      if (u.reduce > 0 && !u.spatial) legal.push_back(state.find_loop(l)->var.name());
    }
    return Refusal(state, codes::kLoopNotReduce,
                   fmt::format("loop `{}` does not bind reduce iterators of block `{}` alone", loop_name, block->name))
        .at(loop_id)
        .legal("loops", legal);
  }
  if (!state.stage_pipeline(state.scope_of(id))) {
    return Refusal(state, codes::kRfactorPipeline, fmt::format("the blocks around `{}` are no pipeline", block->name))
        .at(id);
  }
  const auto reduction = match_reduction(*block);
  const auto* init = tir::as<tir::StoreNode>(block->init);
  if (!reduction || !init) {
    return Refusal(state, codes::kUnknownReducer,
                   fmt::format("the update of block `{}` is no sum, product, minimum, maximum, and, or", block->name))
        .at(id)
        .remedy("write the update as C[..] = C[..] + x, or with one of *, min, max, &&, ||");
  }
  const Buffer buffer = reduction->store->buffer;
  const int rank = buffer.rank();
  const int axis = factor_axis < 0 ? factor_axis + rank + 1 : factor_axis;
  if (axis < 0 || axis > rank) {
    return Refusal(state, codes::kAxisOutOfRange,
                   fmt::format("factor_axis {} is not in {}..{}, as `{}` has {} dimensions", factor_axis, -rank - 1,
                               rank, buffer.name(), rank));
  }
  int64_t extent_value;
  if (!tir::is_const_int(loop->extent, &extent_value) || !tir::is_const_int(loop->min)) {
    for (const LoopId l : state.loops_of(loop_id)) {
      if (!tir::uses_var(loop->extent, state.find_loop(l)->var.get()) &&
          !tir::uses_var(loop->min, state.find_loop(l)->var.get()))
        continue;
      return Refusal(
                 state, codes::kLoopNotReduce,
                 fmt::format("the range of loop `{}` depends on loop `{}`", loop_name, state.find_loop(l)->var.name()))
          .at(loop_id);
    }
  }

  // Loops shared with other blocks stay around both nests; from `top` on inwards the nest belongs to the block alone.
  const std::vector<LoopId> loops = state.loops_of(id);
  size_t top = 0;
  while (state.child_blocks(loops[top]).size() != 1 || state.has_raw_statements(loops[top])) ++top;
  for (size_t i = 0; i < top; ++i) {
    const ForNode* f = state.find_loop(loops[i]);
    if (use_of(*block, f->var.get()).reduce == 0) continue;
    return Refusal(state, codes::kNotReductionBelow,
                   fmt::format("loop `{}`, which carries the reduction, holds other blocks too", f->var.name()))
        .at(loops[i]);
  }

  State next = state;
  const Buffer partial(next.unique_buffer_name(buffer.name() + "_rf"), buffer.dtype(), [&] {
    std::vector<Expr> shape = buffer.shape();
    shape.insert(shape.begin() + axis, loop->extent);
    return shape;
  }());

  // ---- The block that reduces for each value of the loop.
  BlockNode rf;
  rf.id = next.fresh_block_id();
  rf.name = next.unique_block_name(block->name + "_rf");
  VarMap iter_map, loop_map;
  const Var lane("v" + loop_name);
  for (size_t i = 0; i < block->iters.size(); ++i) {
    const IterVar& it = block->iters[i];
    if (it.kind == IterKind::kReduce) continue;
    Var v(it.var.name());
    iter_map[it.var.get()] = v;
    rf.iters.push_back({v, it.domain, it.kind});
    rf.bindings.push_back(block->bindings[i]);
  }
  rf.iters.push_back({lane, {loop->min, loop->extent}, IterKind::kSpatial});
  rf.bindings.push_back(loop->var);
  loop_map[loop->var.get()] = lane;
  // Each other reduce loop is an iterator of its own.
  for (const LoopId l : loops) {
    const ForNode* f = state.find_loop(l);
    if (l == loop_id || use_of(*block, f->var.get()).reduce == 0) continue;
    if (use_of(*block, f->var.get()).spatial) {
      return Refusal(state, codes::kLoopNotReduce,
                     fmt::format("loop `{}` binds spatial and reduce iterators at once", f->var.name()))
          .at(l);
    }
    Var v("v" + f->var.name());
    loop_map[f->var.get()] = v;
    rf.iters.push_back({v, {f->min, f->extent}, IterKind::kReduce});
    rf.bindings.push_back(f->var);
  }
  for (size_t i = 0; i < block->iters.size(); ++i) {
    if (block->iters[i].kind != IterKind::kReduce) continue;
    const bool shared = tir::uses_any_var(block->bindings[i], [&](const VarNode* v) {
      return !loop_map.count(v) && [&] {
        return std::any_of(loops.begin(), loops.end(), [&](LoopId l) { return state.find_loop(l)->var.get() == v; });
      }();
    });
    if (shared)
      return Refusal(state, codes::kLoopNotReduce,
                     fmt::format("reduce iterator `{}` depends on a spatial loop", block->iters[i].var.name()))
          .at(id);
    iter_map[block->iters[i].var.get()] = substitute(block->bindings[i], loop_map);
  }
  // Conditions on reduce loops go into the value: the partial results that they leave empty are the identity.
  Expr value = substitute(reduction->value, iter_map);
  Expr spatial_predicate;
  for (const Expr& c : conjuncts(block->predicate)) {
    const bool reduces = tir::uses_any_var(c, [&](const VarNode* v) { return loop_map.count(v) != 0; });
    if (!reduces) {
      spatial_predicate = conjunction(spatial_predicate, c);
      continue;
    }
    const Expr inside = substitute(c, loop_map);
    const bool mixed = tir::uses_any_var(inside, [&](const VarNode* v) {
      return std::any_of(loops.begin(), loops.end(), [&](LoopId l) { return state.find_loop(l)->var.get() == v; });
    });
    if (mixed) {
      return Refusal(state, codes::kLoopNotReduce,
                     fmt::format("the condition `{}` of block `{}` mixes spatial and reduce loops", tir::to_string(c),
                                 block->name))
          .at(id);
    }
    value = tir::select(inside, value, reduction->identity);
  }
  rf.predicate = spatial_predicate;
  std::vector<Expr> rf_indices;
  for (const Expr& e : reduction->store->indices) rf_indices.push_back(substitute(e, iter_map));
  const Expr lane_index = tir::is_const_int(loop->min, 0) ? Expr(lane) : Expr(lane) - loop->min;
  rf_indices.insert(rf_indices.begin() + axis, lane_index);
  const bool any_reduce =
      std::any_of(rf.iters.begin(), rf.iters.end(), [](const IterVar& it) { return it.kind == IterKind::kReduce; });
  if (any_reduce) {
    rf.init = tir::store(partial, rf_indices, reduction->identity);
    rf.body = tir::store(partial, rf_indices, combine(reduction->combine, tir::load(partial, rf_indices), value));
  } else {
    rf.body = tir::store(partial, rf_indices, value);
  }
  rf.annotations = block->annotations;
  rf = with_detected_regions(std::move(rf));
  const BlockId rf_id = rf.id;

  // ---- The block that reduces the partial results. It keeps the id.
  BlockNode last = *block;
  last.predicate = nullptr;
  last.iters.clear();
  last.bindings.clear();
  VarMap last_iters, last_loops;
  std::vector<std::pair<Var, const ForNode*>> nest;
  for (size_t i = top; i < loops.size(); ++i) {
    const ForNode* f = state.find_loop(loops[i]);
    if (!use_of(*block, f->var.get()).spatial &&
        !(spatial_predicate.defined() && tir::uses_var(spatial_predicate, f->var.get())))
      continue;
    Var v(f->var.name());
    last_loops[f->var.get()] = v;
    nest.emplace_back(v, f);
  }
  for (size_t i = 0; i < block->iters.size(); ++i) {
    const IterVar& it = block->iters[i];
    if (it.kind == IterKind::kReduce) continue;
    Var v(it.var.name());
    last_iters[it.var.get()] = v;
    last.iters.push_back({v, it.domain, it.kind});
    last.bindings.push_back(substitute(block->bindings[i], last_loops));
  }
  const Var last_lane("v" + loop_name), last_loop(loop_name);
  last.iters.push_back({last_lane, {loop->min, loop->extent}, IterKind::kReduce});
  last.bindings.push_back(last_loop);
  if (spatial_predicate.defined()) last.predicate = substitute(spatial_predicate, last_loops);
  std::vector<Expr> indices;
  for (const Expr& e : reduction->store->indices) indices.push_back(substitute(e, last_iters));
  std::vector<Expr> partial_indices = indices;
  partial_indices.insert(partial_indices.begin() + axis,
                         tir::is_const_int(loop->min, 0) ? Expr(last_lane) : Expr(last_lane) - loop->min);
  last.init = tir::store(buffer, indices, substitute(init->value, last_iters));
  last.body = tir::store(buffer, indices,
                         combine(reduction->combine, tir::load(buffer, indices), tir::load(partial, partial_indices)));
  last = with_detected_regions(std::move(last));
  Stmt last_nest = tir::make_for(last_loop, loop->min, loop->extent, tir::make_stmt(std::move(last)),
                                 tir::ForKind::kSerial, next.fresh_loop_id());
  for (size_t i = nest.size(); i-- > 0;) {
    ForNode f = *nest[i].second;
    f.id = next.fresh_loop_id();
    f.var = nest[i].first;
    f.min = substitute(f.min, last_loops);
    f.extent = substitute(f.extent, last_loops);
    f.body = std::move(last_nest);
    last_nest = tir::make_stmt(std::move(f));
  }
  const LoopId outermost = loops[top];
  next.replace_block(id, tir::make_stmt(std::move(rf)));
  insert_after(next, next.find_loop(outermost), std::move(last_nest));
  const BlockId scope = next.scope_of(rf_id);
  allocate(next, scope, partial);
  if (Status s = recheck_loop_kinds(next); !s) return s.error();
  state = std::move(next);
  return rf_id;
}

}  // namespace tilewright::schedule
