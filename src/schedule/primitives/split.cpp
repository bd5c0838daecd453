#include "schedule/primitives/split.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "schedule/nest.h"
#include "schedule/refusal.h"

namespace tilewright::schedule {

using tir::Expr;

Status require_plain(const State& state, const ForNode& loop) {
  if (loop.loop_kind != tir::ForKind::kSerial) {
    return Refusal(state, codes::kLoopNotSerial,
                   fmt::format("loop `{}` is {} already", loop.var.name(), tir::for_kind_name(loop.loop_kind)))
        .at(loop.id)
        .remedy(fmt::format("do this while `{}` is serial, and make one of the results {}", loop.var.name(),
                            tir::for_kind_name(loop.loop_kind)));
  }
  if (!loop.annotations.empty()) {
    return Refusal(state, codes::kLoopAnnotated,
                   fmt::format("loop `{}` carries the annotation \"{}\", which would be lost", loop.var.name(),
                               loop.annotations.items()[0].first))
        .at(loop.id)
        .remedy("unannotate it first, and annotate one of the results");
  }
  return {};
}

namespace {

/// Whether code outside of blocks would run for the iterations behind the end.
bool needs_if(const State& state, LoopId loop) {
  if (state.has_raw_statements(loop)) return true;
  bool loads = false;
  pre_order(state.stmt(loop), [&](const Stmt& s) {
    if (const auto* f = tir::as<ForNode>(s); f && !(f->id == loop)) {
      for (const Expr& e : {f->min, f->extent})
        post_order(e, [&](const Expr& x) { loads |= x.kind() == tir::ExprKind::kLoad; });
    }
    return s.kind() != tir::StmtKind::kBlock;
  });
  return loads;
}

std::string spell(const std::vector<std::optional<int64_t>>& factors) {
  std::vector<std::string> parts;
  for (const auto& f : factors) parts.push_back(f ? std::to_string(*f) : "nullopt");
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

}  // namespace

Expected<std::vector<LoopId>> split(State& state, LoopId id, const std::vector<std::optional<int64_t>>& factors) {
  Expected<const ForNode*> found = state.loop(id);
  if (!found) return found.error();
  const ForNode& loop = **found;
  const std::string& name = loop.var.name();
  if (Status plain = require_plain(state, loop); !plain) return plain.error();
  if (factors.empty()) {
    return Refusal(state, codes::kBadFactor, fmt::format("no factors are given for loop `{}`", name)).at(id);
  }
  int64_t product = 1;
  int inferred = -1;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!factors[i]) {
      if (inferred >= 0) {
        return Refusal(state, codes::kSeveralInferred,
                       fmt::format("{} leaves more than one factor of loop `{}` to be inferred", spell(factors), name))
            .at(id)
            .remedy("give all factors but one");
      }
      inferred = static_cast<int>(i);
      continue;
    }
    if (*factors[i] < 1) {
      return Refusal(state, codes::kBadFactor, fmt::format("factor {} of loop `{}` is below 1", *factors[i], name))
          .at(id)
          .remedy("give factors of 1 or more");
    }
    if (__builtin_mul_overflow(product, *factors[i], &product) || product > (int64_t{1} << 40)) {
      return Refusal(state, codes::kBadFactor,
                     fmt::format("the product of the factors {} of loop `{}` is too large", spell(factors), name))
          .at(id)
          .remedy("give factors whose product is at most 2^40");
    }
  }

  int64_t extent = 0;
  const bool constant = tir::is_const_int(loop.extent, &extent);
  std::vector<Expr> extents;
  for (const auto& f : factors) extents.push_back(f ? Expr(*f) : Expr());
  bool exact = false;
  if (inferred >= 0) {
    if (constant) {
      const int64_t rest = extent <= 0 ? 0 : (extent - 1) / product + 1;
      extents[inferred] = rest;
      exact = rest * product == extent || extent <= 0;
    } else {
      arith::Analyzer analyzer = state.analyzer_at(&loop);
      const arith::ModularSet divides = analyzer.modular_set(loop.extent);
      exact = divides.coeff % product == 0 && divides.base % product == 0;
      extents[inferred] = analyzer.simplify(exact ? tir::floordiv(loop.extent, Expr(product))
                                                  : tir::ceildiv(loop.extent, Expr(product)));
      if (!exact) exact = analyzer.can_prove_equal(extents[inferred] * Expr(product), loop.extent);
    }
  } else if (constant) {
    exact = product == extent;
    if (product < extent) {
      return Refusal(state, codes::kProductTooSmall,
                     fmt::format("the factors {} make {} iterations, loop `{}` has {}", spell(factors), product, name,
                                 extent))
          .at(id)
          .remedy("leave one factor out (nullopt), to be inferred");
    }
  } else {
    arith::Analyzer analyzer = state.analyzer_at(&loop);
    exact = analyzer.can_prove_equal(Expr(product), loop.extent);
    if (!exact && !analyzer.can_prove_ge(Expr(product), loop.extent)) {
      return Refusal(state, codes::kProductTooSmall,
                     fmt::format("the factors {} make {} iterations, not proven to reach the extent {} of loop `{}`",
                                 spell(factors), product, tir::to_string(loop.extent), name))
          .at(id)
          .remedy("leave one factor out (nullopt), to be inferred");
    }
  }

  State next = state;
  // Splitting keeps the order of instances, so what is known about bindings stays true; know it while it is easy.
  for (const BlockId b : next.child_blocks(id)) next.affine_binding(b);
  LazyAnalyzer analyzer(state, &loop);
  std::vector<tir::Var> vars;
  std::vector<LoopId> ids;
  Expr flat, decided;
  for (size_t i = 0; i < extents.size(); ++i) {
    vars.emplace_back(extents.size() == 1 ? name : fmt::format("{}_{}", name, i));
    ids.push_back(next.fresh_loop_id());
    analyzer.bind(vars[i], tir::Range{Expr(0), extents[i]});
    flat = i == 0 ? Expr(vars[0]) : flat * extents[i] + Expr(vars[i]);
    // A loop of one iteration decides nothing: guards do without it.
    const Expr digit = tir::is_const_int(extents[i], 1) ? Expr(0) : Expr(vars[i]);
    decided = i == 0 ? digit : decided * extents[i] + digit;
  }
  flat = canonical(flat, analyzer);
  decided = canonical(decided, analyzer);
  const bool shifted = !tir::is_const_int(loop.min, 0);
  const tir::VarMap map{{loop.var.get(), shifted ? loop.min + flat : flat}};
  const tir::VarMap guard_map{{loop.var.get(), shifted ? loop.min + decided : decided}};
  const Expr guard = exact ? Expr() : decided < loop.extent;
  const bool wrap = !exact && needs_if(state, id);
  Stmt body = rewrite_nest(loop.body, map, guard_map, wrap ? Expr() : guard, analyzer);
  if (wrap) body = tir::make_if(guard, std::move(body));
  for (size_t i = extents.size(); i-- > 0;)
    body = tir::make_for(vars[i], Expr(0), extents[i], std::move(body), tir::ForKind::kSerial, ids[i]);
  next.bury(id, ids);
  next.replace_loop(id, std::move(body), /*keep_facts=*/true);
  state = std::move(next);
  return ids;
}

}  // namespace tilewright::schedule
