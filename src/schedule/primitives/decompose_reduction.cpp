#include "schedule/primitives/decompose_reduction.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/dependence.h"
#include "schedule/nest.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::Expr;
using tir::IterKind;
using tir::IterVar;
using tir::Var;
using tir::VarMap;

namespace {

bool binds(const BlockNode& block, const ForNode& loop, IterKind kind) {
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind == kind && tir::uses_var(block.bindings[i], loop.var.get())) return true;
  }
  return false;
}

}  // namespace

Expected<BlockId> decompose_reduction(State& state, BlockId id, LoopId loop_id) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  const BlockNode* block = *found;
  Expected<const ForNode*> at = state.loop(loop_id);
  if (!at) return at.error();
  std::string why;
  if (state.classify(id, &why) != BlockClass::kReduction) {
    if (!block->init.defined()) why = "it has no init";
    return Refusal(state, codes::kNotReduction, fmt::format("block `{}` is no reduction: {}", block->name, why)).at(id);
  }
  const std::vector<LoopId> loops = state.loops_of(id);
  const auto position = std::find(loops.begin(), loops.end(), loop_id);
  if (position == loops.end()) {
    std::vector<std::string> legal;
    for (const LoopId l : loops) legal.push_back(state.find_loop(l)->var.name());
    return Refusal(state, codes::kLoopNotAround,
                   fmt::format("loop `{}` is not around block `{}`", (*at)->var.name(), block->name))
        .at(loop_id)
        .at(id)
        .legal("loops", legal);
  }
  for (auto l = loops.begin(); l != position; ++l) {
    const ForNode* outer = state.find_loop(*l);
    if (!binds(*block, *outer, IterKind::kReduce)) continue;
    return Refusal(
               state, codes::kReduceLoopAbove,
               fmt::format(
                   "loop `{}`, outside of `{}`, carries the reduction: its later iterations would set the result back",
                   outer->var.name(), (*at)->var.name()))
        .at(*l)
        .at(id)
        .remedy(fmt::format("decompose at `{}` or further out", outer->var.name()));
  }

  // The loops from here on that the spatial iterators need are copied for the init.
  State next = state;
  VarMap map;
  std::vector<const ForNode*> copied;
  std::vector<Var> vars;
  for (auto l = position; l != loops.end(); ++l) {
    const ForNode* f = state.find_loop(*l);
    // A loop may stand in the guard alone, where simplification found that it changes no iterator.
    const bool guards = block->predicate.defined() && !binds(*block, *f, IterKind::kReduce) &&
                        tir::uses_var(block->predicate, f->var.get());
    if (!binds(*block, *f, IterKind::kSpatial) && !guards) continue;
    copied.push_back(f);
    vars.emplace_back(f->var.name() + "_init");
    map[f->var.get()] = vars.back();
  }
  const auto gone = [&](const tir::VarNode* v) {
    return std::any_of(position, loops.end(), [&](LoopId l) {
      const ForNode* f = state.find_loop(l);
      return f->var.get() == v && !map.count(v);
    });
  };
  BlockNode init;
  init.id = next.fresh_block_id();
  init.name = next.unique_block_name(block->name + "_init");
  VarMap iter_map;
  for (size_t i = 0; i < block->iters.size(); ++i) {
    const IterVar& it = block->iters[i];
    if (it.kind != IterKind::kSpatial) continue;
    Var v(it.var.name());
    iter_map[it.var.get()] = v;
    init.iters.push_back({v, it.domain, it.kind});
    init.bindings.push_back(substitute(block->bindings[i], map));
  }
  for (const Expr& c : conjuncts(block->predicate)) {
    const bool reduces = tir::uses_any_var(c, gone);
    if (!reduces) {
      init.predicate = conjunction(init.predicate, substitute(c, map));
      continue;
    }
    if (tir::uses_any_var(c, [&](const tir::VarNode* v) { return map.count(v) != 0; })) {
      return Refusal(state, codes::kReduceLoopAbove,
                     fmt::format("the condition `{}` of block `{}` mixes spatial and reduce loops", tir::to_string(c),
                                 block->name))
          .at(id)
          .remedy("reorder so that loops of one kind are fused only with each other");
    }
  }
  init.body = substitute(block->init, iter_map);
  for (const IterVar& it : block->iters) {
    if (it.kind != IterKind::kReduce) continue;
    bool used = false;
    tir::for_each_expr(init.body, [&](const Expr& e) { used |= tir::uses_var(e, it.var.get()); });
    TILEWRIGHT_CHECK(!used);
  }
  init.annotations = block->annotations;
  init = with_detected_regions(std::move(init));
  const BlockId init_id = init.id;
  Stmt nest = tir::make_stmt(std::move(init));
  for (size_t i = copied.size(); i-- > 0;) {
    ForNode f = *copied[i];
    f.id = next.fresh_loop_id();
    f.var = vars[i];
    f.min = substitute(f.min, map);
    f.extent = substitute(f.extent, map);
    f.body = std::move(nest);
    nest = tir::make_stmt(std::move(f));
  }
  BlockNode update = *block;
  update.init = nullptr;
  // The same instances read what the init wrote directly before: facts of the block stay as they are.
  next.replace_block(id, tir::make_stmt(std::move(update)), /*keep_facts=*/true);
  insert_before(next, next.find_loop(loop_id), std::move(nest));
  if (Status s = recheck_loop_kinds(next); !s) return s.error();
  state = std::move(next);
  return init_id;
}

}  // namespace tilewright::schedule
