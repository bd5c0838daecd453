#include "schedule/nest.h"

#include <algorithm>

#include "schedule/linear.h"

namespace tilewright::schedule {

using tir::as;
using tir::BinaryNode;
using tir::Expr;
using tir::ExprKind;
using tir::IfNode;
using tir::LetStmtNode;
using tir::SeqNode;
using tir::StmtKind;
using tir::VarMap;

namespace {

/// The variable of var, var // c, var % c or var // c % d; null for anything else.
const tir::ExprNode* digit_var(const Expr& atom) {
  const Expr* e = &atom;
  for (int depth = 0; depth < 3; ++depth) {
    if (e->kind() == ExprKind::kVar) return e->get();
    const auto* b = as<BinaryNode>(*e);
    if (!b || (e->kind() != ExprKind::kFloorDiv && e->kind() != ExprKind::kFloorMod) || !tir::is_const_int(b->b))
      return nullptr;
    e = &b->a;
  }
  return nullptr;
}

/// Sums of digits of different variables: nothing in them can combine, so they need no analyzer.
bool is_plain(const LinearForm& form) {
  for (size_t i = 0; i < form.terms.size(); ++i) {
    const tir::ExprNode* var = digit_var(form.terms[i].atom);
    if (!var) return false;
    for (size_t k = 0; k < i; ++k) {
      if (digit_var(form.terms[k].atom) == var) return false;
    }
  }
  return true;
}

Expr rebuild(const LinearForm& form) {
  Expr sum;
  for (const auto& t : form.terms) {
    const Expr term = t.coeff == 1 ? t.atom : t.atom * Expr(t.coeff);
    sum = sum.defined() ? sum + term : term;
  }
  if (!sum.defined()) return form.base;
  return form.base == 0 ? sum : sum + Expr(form.base);
}

class Rewriter {
 public:
  Rewriter(const VarMap& map, const VarMap& guard_map, const Expr& guard, LazyAnalyzer& analyzer)
      : map_(map), guard_map_(guard_map), guard_(guard), analyzer_(analyzer) {}

  Stmt rewrite(const Stmt& s) {
    if (!s.defined()) return s;
    switch (s.kind()) {
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(s);
        Expr min = replace(n->min, map_), extent = replace(n->extent, map_);
        analyzer_.bind(n->var, tir::Range{min, extent});
        Stmt body = rewrite(n->body);
        if (min.same_as(n->min) && extent.same_as(n->extent) && body.same_as(n->body)) return s;
        ForNode copy = *n;
        copy.min = std::move(min);
        copy.extent = std::move(extent);
        copy.body = std::move(body);
        return tir::make_stmt(std::move(copy));
      }
      case StmtKind::kBlock: {
        const auto* n = as<BlockNode>(s);
        std::vector<Expr> bindings;
        bindings.reserve(n->bindings.size());
        bool changed = guard_.defined();
        for (const Expr& b : n->bindings) {
          bindings.push_back(replace(b, map_));
          changed |= !bindings.back().same_as(b);
        }
        Expr predicate = n->predicate.defined() ? replace(n->predicate, guard_map_) : n->predicate;
        changed |= !predicate.same_as(n->predicate);
        if (!changed) return s;
        BlockNode copy = *n;
        copy.bindings = std::move(bindings);
        copy.predicate = conjunction(predicate, guard_);
        return tir::make_stmt(std::move(copy));
      }
      case StmtKind::kSeq: {
        std::vector<Stmt> items;
        bool changed = false;
        for (const Stmt& item : as<SeqNode>(s)->items) {
          items.push_back(rewrite(item));
          changed |= !items.back().same_as(item);
        }
        return changed ? tir::seq(std::move(items)) : s;
      }
      case StmtKind::kIf: {
        const auto* n = as<IfNode>(s);
        Expr condition = substitute(n->condition, map_);
        Stmt a = rewrite(n->then_body), b = rewrite(n->else_body);
        if (condition.same_as(n->condition) && a.same_as(n->then_body) && b.same_as(n->else_body)) return s;
        return tir::make_if(condition, a, b);
      }
      case StmtKind::kLet: {
        const auto* n = as<LetStmtNode>(s);
        Expr value = substitute(n->value, map_);
        Stmt body = rewrite(n->body);
        return value.same_as(n->value) && body.same_as(n->body) ? s : tir::make_let(n->var, value, body);
      }
      default:
        return substitute(s, map_);
    }
  }

 private:
  Expr replace(const Expr& e, const VarMap& map) {
    Expr now = substitute(e, map);
    return now.same_as(e) ? e : canonical(now, analyzer_);
  }

  const VarMap& map_;
  const VarMap& guard_map_;
  const Expr& guard_;
  LazyAnalyzer& analyzer_;
};

}  // namespace

namespace {

template <typename Get>
Expr canonical_with(const Expr& e, const Get& analyzer) {
  if (const auto* b = as<BinaryNode>(e)) {
    // A condition keeps its shape, `index < bound`: lowering finds the tail by it.
    if (e.kind() == ExprKind::kAnd || tir::is_comparison(e.kind()))
      return tir::make_binary(e.kind(), canonical_with(b->a, analyzer), canonical_with(b->b, analyzer));
  }
  if (!e.dtype().is_int()) return analyzer().simplify(e);
  LinearForm form;
  if (linear_form(e, &form) && is_plain(form)) return rebuild(form);
  return analyzer().simplify(e);
}

}  // namespace

Expr canonical(const Expr& e, LazyAnalyzer& analyzer) {
  return canonical_with(e, [&]() -> arith::Analyzer& { return analyzer.get(); });
}
Expr canonical(const Expr& e, arith::Analyzer& analyzer) {
  return canonical_with(e, [&]() -> arith::Analyzer& { return analyzer; });
}

Expr conjunction(const Expr& a, const Expr& b) {
  if (!a.defined() || tir::is_true(a)) return b;
  if (!b.defined() || tir::is_true(b)) return a;
  return a && b;
}

Stmt rewrite_nest(const Stmt& s, const VarMap& map, const VarMap& guard_map, const Expr& guard,
                  LazyAnalyzer& analyzer) {
  return Rewriter(map, guard_map, guard, analyzer).rewrite(s);
}

}  // namespace tilewright::schedule
