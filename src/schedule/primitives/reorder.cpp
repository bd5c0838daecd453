#include "schedule/primitives/reorder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "schedule/dependence.h"
#include "schedule/nest.h"
#include "schedule/refusal.h"
#include "tilewright/arith/iter_map.h"

namespace tilewright::schedule {

using tir::BufferRegion;
using tir::Expr;
using tir::IterKind;

namespace {

/// The loops from the outermost to the innermost one to be moved, before and after.
struct Permutation {
  std::vector<const ForNode*> before, after;
};

Expected<Permutation> find_chain(const State& state, const std::vector<LoopId>& loops) {
  std::vector<const ForNode*> wanted;
  for (const LoopId id : loops) {
    Expected<const ForNode*> found = state.loop(id);
    if (!found) return found.error();
    if (std::find(wanted.begin(), wanted.end(), *found) != wanted.end()) {
      return Refusal(state, codes::kLoopTwice, fmt::format("loop `{}` is given twice", (*found)->var.name()))
          .at(id)
          .remedy("give every loop once");
    }
    wanted.push_back(*found);
  }
  // The deepest loop has all others around it, if they are a chain.
  size_t deepest = 0;
  for (size_t i = 1; i < loops.size(); ++i) {
    if (state.is_below(loops[i], loops[deepest])) deepest = i;
  }
  std::vector<LoopId> around = state.loops_of(loops[deepest]);
  around.push_back(loops[deepest]);
  for (size_t i = 0; i < loops.size(); ++i) {
    if (std::find(around.begin(), around.end(), loops[i]) != around.end()) continue;
    return Refusal(state, codes::kNotOneChain,
                   fmt::format("loops `{}` and `{}` are not nested in each other",
                               wanted[std::min(i, deepest)]->var.name(), wanted[std::max(i, deepest)]->var.name()))
        .at(loops[i])
        .at(loops[deepest])
        .remedy("reorder loops of one nest");
  }
  const auto first = std::find_if(around.begin(), around.end(),
                                  [&](LoopId l) { return std::find(loops.begin(), loops.end(), l) != loops.end(); });
  Permutation out;
  for (auto it = first; it != around.end(); ++it) {
    const ForNode* node = state.find_loop(*it);
    if (!out.before.empty() && out.before.back()->body.get() != node) {
      return Refusal(state, codes::kNotOneChain,
                     fmt::format("loop `{}` is not all that loop `{}` contains", node->var.name(),
                                 out.before.back()->var.name()))
          .at(out.before.back()->id)
          .at(*it)
          .remedy(fmt::format(
              "reorder only loops inside or only loops outside of `{}`, or compute its other stages elsewhere",
              out.before.back()->var.name()));
    }
    out.before.push_back(node);
  }
  size_t at = 0;
  for (const ForNode* node : out.before) {
    const bool moved = std::find(wanted.begin(), wanted.end(), node) != wanted.end();
    out.after.push_back(moved ? wanted[at++] : node);
  }
  return out;
}

Status check_ranges(const State& state, const Permutation& p) {
  for (size_t i = 0; i < p.after.size(); ++i) {
    for (size_t k = i + 1; k < p.after.size(); ++k) {
      const auto* var = p.after[k]->var.get();
      if (!uses_var(p.after[i]->min, var) && !uses_var(p.after[i]->extent, var)) continue;
      return Refusal(state, codes::kReorderRange,
                     fmt::format("the range of loop `{}` depends on loop `{}`, which would be inside it",
                                 p.after[i]->var.name(), var->name))
          .at(p.after[i]->id)
          .at(p.after[k]->id)
          .remedy(fmt::format("keep `{}` outside of `{}`", var->name, p.after[i]->var.name()));
    }
  }
  return {};
}

/// The loops whose place among those that `relevant` holds for changes.
template <typename F>
bool order_kept(const Permutation& p, F relevant) {
  std::vector<const ForNode*> a, b;
  std::copy_if(p.before.begin(), p.before.end(), std::back_inserter(a), relevant);
  std::copy_if(p.after.begin(), p.after.end(), std::back_inserter(b), relevant);
  return a == b;
}

bool binds(const BlockNode& block, const ForNode* loop, IterKind kind) {
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind == kind && uses_var(block.bindings[i], loop->var.get())) return true;
  }
  return false;
}

/// For a block with an init: the instance with all reduce iterators at their minimum stays the first for its element.
Status check_init_first(State& state, const Permutation& p, BlockId id) {
  const BlockNode& block = *state.find_block(id);
  const auto reduces = [&](const ForNode* f) { return binds(block, f, IterKind::kReduce); };
  if (std::none_of(p.before.begin(), p.before.end(), reduces)) return {};
  bool one_to_one = state.affine_binding(id);
  if (!one_to_one) {
    // Recomputed for several iterations outside; it is enough that it is one to one for the loops at hand.
    std::vector<arith::IterDomain> domains;
    for (const LoopId l : state.loops_of(id)) {
      const ForNode* f = state.find_loop(l);
      if (l == p.before[0]->id || state.is_below(l, p.before[0]->id)) domains.push_back({f->var, {f->min, f->extent}});
    }
    arith::Analyzer analyzer = state.analyzer_at(p.before[0]);
    one_to_one =
        arith::detect_iter_map(block.bindings, domains, block.predicate, arith::IterMapLevel::kBijective, analyzer)
            .has_value();
  }
  const auto refuse = [&](const std::string& why) {
    return Refusal(state, codes::kReorderNotAffine,
                   fmt::format("block `{}` initialises `{}` at the first step of its reduction, and {}", block.name,
                               block.writes[0].buffer.name(), why))
        .at(id)
        .remedy(fmt::format(
            "decompose_reduction({0}, ...) first, or keep the order of the loops that `{0}` reduces over", block.name));
  };
  if (!one_to_one) return refuse("its bindings do not say which step comes first in the new order");
  if (order_kept(p, reduces)) return {};
  for (const ForNode* f : p.before) {
    if (reduces(f) && binds(block, f, IterKind::kSpatial))
      return refuse(fmt::format("loop `{}` drives spatial and reduce iterators at once", f->var.name()));
  }
  // The first point of all reduce loops is the first in any order; it must be the minimum of the reduce iterators.
  tir::VarMap first;
  for (const LoopId l : state.loops_of(id)) {
    const ForNode* f = state.find_loop(l);
    if (reduces(f)) first[f->var.get()] = f->min;
  }
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind != IterKind::kReduce) continue;
    const Expr value = substitute(block.bindings[i], first);
    if (structural_equal(value, block.iters[i].domain.min)) continue;
    arith::Analyzer analyzer = state.analyzer_at(&block);
    if (!analyzer.can_prove_equal(value, block.iters[i].domain.min))
      return refuse(fmt::format("iterator `{}` does not start at its minimum", block.iters[i].var.name()));
  }
  return {};
}

Status check_dependences(State& state, const Permutation& p) {
  const ForNode *top = p.before.front(), *bottom = p.before.back();
  const std::vector<BlockId> blocks = state.child_blocks(top->id);
  if (has_raw_effects(state, top->id)) {
    return Refusal(state, codes::kReorderDependence,
                   fmt::format("loop `{}` contains statements outside of blocks, whose dependences are not known",
                               bottom->var.name()))
        .at(bottom->id)
        .remedy("put the statements into a block");
  }
  std::vector<const tir::BufferNode*> seen;
  for (const BlockId id : blocks) {
    const BlockNode& block = *state.find_block(id);
    if (block.init.defined()) {
      if (Status s = check_init_first(state, p, id); !s) return s;
    }
    for (size_t i = 0; i < block.iters.size(); ++i) {
      if (block.iters[i].kind != IterKind::kOpaque) continue;
      const auto drives = [&](const ForNode* f) { return uses_var(block.bindings[i], f->var.get()); };
      if (std::any_of(p.before.begin(), p.before.end(), drives) &&
          !order_kept(p, [](const ForNode*) { return true; })) {
        return Refusal(state, codes::kReorderDependence,
                       fmt::format("iterator `{}` of block `{}` is opaque: its order must stay",
                                   block.iters[i].var.name(), block.name))
            .at(id)
            .remedy("reorder loops that bind spatial or reduce iterators only");
      }
    }
    for (const BufferRegion& w : block.writes) {
      const tir::BufferNode* buffer = w.buffer.get();
      if (std::find(seen.begin(), seen.end(), buffer) != seen.end()) continue;
      seen.push_back(buffer);
      // One block whose instances may run in any order.
      std::string why;
      const auto uses = [&](BlockId other) {
        const BlockNode& b = *state.find_block(other);
        const auto is = [&](const BufferRegion& r) { return r.buffer.get() == buffer; };
        return std::any_of(b.reads.begin(), b.reads.end(), is) || std::any_of(b.writes.begin(), b.writes.end(), is);
      };
      const auto users = std::count_if(blocks.begin(), blocks.end(), uses);
      if (users == 1 && state.order_class(id, top->id, &why) != BlockClass::kOther) continue;
      if (is_private_below(state, bottom->id, buffer)) continue;
      // Dependences carried by one loop at most keep their direction in any order.
      std::vector<const ForNode*> carrying;
      Conflict shown;
      for (const ForNode* f : p.before) {
        DependenceQuery query;
        query.loop = f->id;
        for (const ForNode* g : p.before) {
          if (g == f) break;
          query.varying.push_back(g->id);
        }
        if (Conflict c = find_conflict_on(state, query, buffer)) {
          if (tir::is_const_int(f->extent, 1)) continue;
          carrying.push_back(f);
          if (!shown) shown = c;
        }
      }
      if (order_kept(
              p, [&](const ForNode* f) { return std::find(carrying.begin(), carrying.end(), f) != carrying.end(); }))
        continue;
      std::vector<std::string> names;
      for (const ForNode* f : carrying) names.push_back("`" + f->var.name() + "`");
      Refusal refusal(state, codes::kReorderDependence,
                      fmt::format("loops {} carry dependences on `{}` of block `{}`{}, so their order must stay",
                                  fmt::join(names, ", "), buffer->name, block.name, why.empty() ? "" : ": " + why));
      for (const ForNode* f : carrying) refusal.at(f->id);
      return refusal.remedy("keep these loops in their order among each other");
    }
  }
  return {};
}

}  // namespace

Status reorder(State& state, const std::vector<LoopId>& loops) {
  if (loops.empty())
    return Refusal(state, codes::kNoLoops, "no loops are given").remedy("give the loops in their new order");
  Expected<Permutation> chain = find_chain(state, loops);
  if (!chain) return chain.error();
  const Permutation& p = *chain;
  if (p.before == p.after) return {};
  if (Status s = check_ranges(state, p); !s) return s;
  if (Status s = check_dependences(state, p); !s) return s;
  State next = state;
  for (const BlockId b : next.child_blocks(p.before.back()->id)) next.affine_binding(b);
  Stmt body = p.before.back()->body;
  for (size_t i = p.after.size(); i-- > 0;) {
    ForNode copy = *p.after[i];
    copy.body = std::move(body);
    body = tir::make_stmt(std::move(copy));
  }
  // A loop that is concurrent already has other iterations inside it now.
  const bool concurrent = std::any_of(p.before.begin(), p.before.end(), [](const ForNode* f) {
    return f->loop_kind != tir::ForKind::kSerial && f->loop_kind != tir::ForKind::kUnrolled;
  });
  next.replace_loop(p.before[0]->id, std::move(body), /*keep_facts=*/true);
  if (concurrent) {
    if (Status s = recheck_loop_kinds(next); !s) return s;
  }
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
