// From sums back to expressions, in one fixed order: positive terms by falling scale, then negative ones, then the
// constant.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

namespace {

bool before(const Term& a, const Term& b) {
  if ((a.scale > 0) != (b.scale > 0)) return a.scale > 0;
  if (a.scale != b.scale) return a.scale > 0 ? a.scale > b.scale : a.scale < b.scale;
  if (const int c = order(a.atom, b.atom)) return c < 0;
  if (a.lower != b.lower) return a.lower > b.lower;
  return a.extent < b.extent;
}

Expr binary(ExprKind kind, Expr a, Expr b) {
  return Expr(new BinaryNode(kind, kI64, std::move(a), std::move(b)));
}

/// True if `e` is what `emit` makes of the term, its sign apart.
bool is_term(const Expr& whole, const Term& t, int64_t scale) {
  Expr e = whole;
  int64_t c;
  if (scale != 1) {
    const auto* n = e.kind() == ExprKind::kMul ? as<BinaryNode>(e) : nullptr;
    if (!n || !is_const_int(n->b, &c) || c != scale) return false;
    e = n->a;
  }
  if (t.extent != 0) {
    const auto* n = e.kind() == ExprKind::kFloorMod ? as<BinaryNode>(e) : nullptr;
    if (!n || !is_const_int(n->b, &c) || c != t.extent) return false;
    e = n->a;
  }
  if (t.lower != 1) {
    const auto* n = e.kind() == ExprKind::kFloorDiv ? as<BinaryNode>(e) : nullptr;
    if (!n || !is_const_int(n->b, &c) || c != t.lower) return false;
    e = n->a;
  }
  return e.get() == t.atom || same_expr(e, Expr(t.atom));
}

/// True if `e` is what `emit` makes of the sum, whose terms are in order.
bool is_sum(Expr e, const Sum& s) {
  if (s.terms[0].scale < 0) return false;  // rare: no positive term
  int64_t c;
  if (s.base != 0) {
    const auto* n = e.kind() == ExprKind::kAdd || e.kind() == ExprKind::kSub ? as<BinaryNode>(e) : nullptr;
    if (!n || !is_const_int(n->b, &c) || s.base == kNegInf) return false;
    if (e.kind() == ExprKind::kAdd ? c != s.base || c < 0 : c <= 0 || -c != s.base) return false;
    e = n->a;
  }
  for (size_t i = s.terms.size(); i-- > 1;) {
    const int64_t scale = s.terms[i].scale;
    const auto* n = e.kind() == (scale > 0 ? ExprKind::kAdd : ExprKind::kSub) ? as<BinaryNode>(e) : nullptr;
    if (!n || scale == kNegInf || !is_term(n->b, s.terms[i], scale < 0 ? -scale : scale)) return false;
    e = n->a;
  }
  return is_term(e, s.terms[0], s.terms[0].scale);
}

Expr scaled_term(const Term& t, int64_t scale) {
  Expr e(t.atom);
  if (t.lower != 1) e = binary(ExprKind::kFloorDiv, std::move(e), Expr(t.lower));
  if (t.extent != 0) e = binary(ExprKind::kFloorMod, std::move(e), Expr(t.extent));
  return scale == 1 ? e : binary(ExprKind::kMul, std::move(e), Expr(scale));
}

}  // namespace

Expr Engine::emit_term(const Term& t) {
  return scaled_term(t, t.scale);
}

Expr Engine::emit(const Sum& sum, const Expr& hint) {
  if (sum.is_const()) {
    int64_t c;
    return hint.defined() && is_const_int(hint, &c) && c == sum.base ? hint : Expr(sum.base);
  }
  Sum s = sum;
  recompose(&s);
  if (s.terms.size() > 1) std::sort(s.terms.begin(), s.terms.end(), before);
  if (s.is_const()) return Expr(s.base);
  if (hint.defined() && is_sum(hint, s)) return hint;
  size_t first = 0;
  Expr e;
  if (s.terms[0].scale > 0) {
    e = scaled_term(s.terms[0], s.terms[0].scale);
    first = 1;
  } else {
    e = Expr(s.base);
  }
  for (size_t i = first; i < s.terms.size(); ++i) {
    const int64_t scale = s.terms[i].scale;
    if (scale > 0 || scale == kNegInf)
      e = binary(ExprKind::kAdd, std::move(e), scaled_term(s.terms[i], scale));
    else
      e = binary(ExprKind::kSub, std::move(e), scaled_term(s.terms[i], -scale));
  }
  if (first == 1 && s.base != 0) {
    if (s.base > 0 || s.base == kNegInf)
      e = binary(ExprKind::kAdd, std::move(e), Expr(s.base));
    else
      e = binary(ExprKind::kSub, std::move(e), Expr(-s.base));
  }
  return hint.defined() && same_expr(e, hint) ? hint : e;
}

}  // namespace tilewright::arith
