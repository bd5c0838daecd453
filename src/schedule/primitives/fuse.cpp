#include "schedule/primitives/fuse.h"

#include <fmt/format.h>

#include "schedule/nest.h"
#include "schedule/primitives/split.h"
#include "schedule/refusal.h"

namespace tilewright::schedule {

using tir::Expr;

Expected<LoopId> fuse(State& state, const std::vector<LoopId>& loops) {
  if (loops.empty()) return Refusal(state, codes::kNoLoops, "no loops are given").remedy("give at least one loop");
  std::vector<const ForNode*> nodes;
  for (const LoopId id : loops) {
    Expected<const ForNode*> found = state.loop(id);
    if (!found) return found.error();
    nodes.push_back(*found);
    if (Status plain = require_plain(state, **found); !plain) return plain.error();
  }
  for (size_t i = 1; i < nodes.size(); ++i) {
    const ForNode *outer = nodes[i - 1], *inner = nodes[i];
    if (outer->body.get() == inner) continue;
    const bool below = !(loops[i] == loops[i - 1]) && state.is_below(loops[i], loops[i - 1]);
    return Refusal(
               state, codes::kNotNested,
               below ? fmt::format("loop `{}` is not all that loop `{}` contains", inner->var.name(), outer->var.name())
                     : fmt::format("loop `{}` is not inside loop `{}`", inner->var.name(), outer->var.name()))
        .at(loops[i - 1])
        .at(loops[i])
        .remedy(below ? "reorder the loops so that they are next to each other"
                      : "give loops that are nested directly, outermost first");
  }
  for (size_t i = 1; i < nodes.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const auto* var = nodes[k]->var.get();
      if (!uses_var(nodes[i]->min, var) && !uses_var(nodes[i]->extent, var)) continue;
      return Refusal(state, codes::kDependentRange,
                     fmt::format("the range of loop `{}` depends on loop `{}`", nodes[i]->var.name(), var->name))
          .at(loops[i]);
    }
  }
  if (nodes.size() == 1) return loops[0];

  State next = state;
  for (const BlockId b : next.child_blocks(loops.back())) next.affine_binding(b);
  LazyAnalyzer analyzer(state, nodes[0]);
  std::string name;
  Expr extent = 1;
  for (const ForNode* n : nodes) {
    name += n->var.name() + "_";
    extent = extent * n->extent;
    analyzer.bind(n->var, tir::Range{n->min, n->extent});
  }
  extent = canonical(extent, analyzer);
  const tir::Var fused(name + "fused");
  analyzer.bind(fused, tir::Range{Expr(0), extent});
  tir::VarMap map;
  size_t first = 0;  // the outermost loop that is not trivial: its digit needs no modulo
  while (first + 1 < nodes.size() && tir::is_const_int(nodes[first]->extent, 1)) ++first;
  Expr below = 1;  // product of the extents inside
  for (size_t i = nodes.size(); i-- > 0;) {
    Expr digit = tir::is_const_int(below, 1) ? Expr(fused) : tir::floordiv(fused, below);
    if (i > first) digit = tir::floormod(digit, nodes[i]->extent);
    if (tir::is_const_int(nodes[i]->extent, 1)) digit = 0;
    digit = canonical(digit, analyzer);
    map[nodes[i]->var.get()] = tir::is_const_int(nodes[i]->min, 0) ? digit : nodes[i]->min + digit;
    below = below * nodes[i]->extent;
  }
  const LoopId id = next.fresh_loop_id();
  Stmt body = rewrite_nest(nodes.back()->body, map, map, nullptr, analyzer);
  for (const LoopId l : loops) next.bury(l, {id});
  next.replace_loop(loops[0], tir::make_for(fused, Expr(0), extent, std::move(body), tir::ForKind::kSerial, id),
                    /*keep_facts=*/true);
  state = std::move(next);
  return id;
}

}  // namespace tilewright::schedule
