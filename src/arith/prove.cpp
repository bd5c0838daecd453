// Proofs of s >= 0: constant bounds, then a bounded search that subtracts facts and opens divisions.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

void tighten_ge0(Sum* s) {
  int64_t g = 0;
  for (const Term& t : s->terms) g = gcd_of(g, t.scale);
  if (g <= 1) return;
  for (Term& t : s->terms) t.scale /= g;
  s->base = floor_div(s->base, g);
}

namespace {

/// out = p * s - k * f with the smallest p, k > 0 that cancel term `i` of s against term `j` of f (scales of one sign).
bool cancel(Engine& engine, const Sum& s, size_t i, const Sum& f, size_t j, Sum* out, int64_t* p) {
  const int64_t a = s.terms[i].scale, c = f.terms[j].scale;
  if (a == kNegInf || c == kNegInf) return false;
  const int64_t g = gcd_of(a, c), x = (a < 0 ? -a : a) / g, y = (c < 0 ? -c : c) / g;
  *p = y;
  return engine.add_scaled(out, s, y) && engine.add_scaled(out, f, -x);
}

}  // namespace

/// A lower bound of s, by constant bounds and by at most `depth` facts.
int64_t Engine::low_with_facts(const Sum& s, int depth) {
  int64_t best = bound(s).min;
  if (depth == 0 || s.terms.size() < 2) return best;
  for (size_t n = 0; n < facts_.size(); ++n) {
    const Sum f = facts_[n].sum;  // a copy: bounds of atoms may open scopes, which move the facts
    for (size_t j = 0; j < f.terms.size(); ++j) {
      for (size_t i = 0; i < s.terms.size(); ++i) {
        if (!s.terms[i].same_split(f.terms[j]) || (s.terms[i].scale > 0) != (f.terms[j].scale > 0)) continue;
        Sum rest;
        int64_t p;
        if (!cancel(*this, s, i, f, j, &rest, &p)) continue;
        const int64_t low = low_with_facts(rest, depth - 1);  // p * s >= low
        if (low == kNegInf) continue;
        best = std::max(best, low == kPosInf ? low : -floor_div(-low, p));
      }
    }
  }
  return best;
}

ConstBound Engine::bound_with_facts(const Sum& s) {
  ConstBound b = bound(s);
  if (facts_.empty() || s.is_const() || (b.min == b.max)) return b;
  const int depth = facts_.size() > 8 ? 1 : 2;
  auto low_of = [&](const Sum& x) {
    int64_t low = kNegInf;
    if (x.terms.size() >= 2) return low_with_facts(x, depth);
    for (size_t n = 0; n < facts_.size(); ++n) {
      const Sum f = facts_[n].sum;
      for (size_t j = 0; j < f.terms.size(); ++j) {
        if (!x.terms[0].same_split(f.terms[j]) || (x.terms[0].scale > 0) != (f.terms[j].scale > 0)) continue;
        Sum rest;
        int64_t p;
        if (!cancel(*this, x, 0, f, j, &rest, &p)) continue;
        const int64_t r = low_with_facts(rest, depth - 1);
        if (r != kNegInf && r != kPosInf) low = std::max(low, -floor_div(-r, p));
      }
    }
    return low;
  };
  b.min = std::max(b.min, low_of(s));
  Sum negated;
  if (add_scaled(&negated, s, -1) && !negated.is_const()) {
    const int64_t low = low_of(negated);
    if (low != kNegInf) b.max = std::min(b.max, -low);
  }
  return b;
}

bool Engine::prove_ge0(const Sum& original, int depth) {
  Sum s = original;
  tighten_ge0(&s);
  const ConstBound b = bound(s);
  if (b.min >= 0) return true;
  if (b.max < 0 || depth == 0 || s.is_const()) return false;
  // p * s >= k * f + rest with f >= 0, so rest > -p is enough: s is an integer.
  for (size_t n = 0; n < facts_.size(); ++n) {
    const Sum f = facts_[n].sum;
    int64_t done_x = 0, done_p = 0;
    for (size_t j = 0; j < f.terms.size(); ++j) {
      for (size_t i = 0; i < s.terms.size(); ++i) {
        if (!s.terms[i].same_split(f.terms[j]) || (s.terms[i].scale > 0) != (f.terms[j].scale > 0)) continue;
        Sum rest;
        int64_t p;
        if (!cancel(*this, s, i, f, j, &rest, &p)) continue;
        const int64_t x = s.terms[i].scale;
        if (p == done_p && x == done_x) continue;
        done_p = p;
        done_x = x;
        if (!add_ok(rest.base, p - 1, &rest.base)) continue;
        if (prove_ge0(rest, depth - 1)) return true;
      }
    }
  }
  // Opening x // l: l * (x // l) = x - x % l. Worth it only where x then meets other terms or facts.
  for (size_t i = 0; i < s.terms.size(); ++i) {
    const Term t = s.terms[i];
    if (t.lower == 1 || t.extent != 0) continue;
    if (t.atom->kind == ExprKind::kVar) {
      bool meets = !facts_.empty();
      for (size_t j = 0; j < s.terms.size(); ++j) meets |= j != i && s.terms[j].atom == t.atom;
      if (!meets) continue;
    }
    const Atom* a = t.atom->kind == ExprKind::kVar ? nullptr : find(t.atom);
    const int64_t g = gcd_of(t.scale, t.lower), p = t.lower / g;
    Sum opened;
    int64_t scale;
    Sum without = s;
    without.terms.erase_at(i);
    if (!add_scaled(&opened, without, p)) continue;
    if (!mul_ok(t.scale, p, &scale)) continue;
    scale /= t.lower;  // exact: p * scale is a multiple of lower
    // The remainder is replaced by its bound, so that the opened form does not close again.
    ConstBound remainder = mod_bound(bound_atom(t.atom), t.lower);
    const int64_t worst = scale > 0 ? remainder.max : remainder.min;
    int64_t c;
    if (!mul_ok(scale, worst, &c) || c == kNegInf || !add_ok(opened.base, -c, &opened.base)) continue;
    if (!add_ok(opened.base, p - 1, &opened.base)) continue;
    bool ok;
    if (a && a->sum)
      ok = add_scaled(&opened, *a->sum, scale);
    else
      ok = add_term(&opened, {t.atom, 1, 0, scale});
    if (ok && prove_ge0(opened, depth - 1)) return true;
  }
  return prove_by_cases(s, depth);
}

/// A minimum, maximum or select is one of its operands: all must do, or any where the operands bound it from below.
bool Engine::prove_by_cases(const Sum& s, int depth) {
  for (size_t i = 0; i < s.terms.size(); ++i) {
    const Term t = s.terms[i];
    if (t.lower != 1 || t.extent != 0) continue;
    const bool select = t.atom->kind == ExprKind::kSelect;
    if (!select && t.atom->kind != ExprKind::kMin && t.atom->kind != ExprKind::kMax) continue;
    const Expr e(t.atom);
    const Expr a = select ? as<SelectNode>(e)->true_value : as<BinaryNode>(e)->a;
    const Expr b = select ? as<SelectNode>(e)->false_value : as<BinaryNode>(e)->b;
    const bool any = !select && (t.atom->kind == ExprKind::kMax) == (t.scale > 0);
    Sum with_a = s, with_b;
    with_a.terms.erase_at(i);
    with_b = with_a;
    if (!raw_sum(a, t.scale, &with_a) || !raw_sum(b, t.scale, &with_b)) continue;
    const bool first = prove_ge0(with_a, depth - 1);
    if (any ? first || prove_ge0(with_b, depth - 1) : first && prove_ge0(with_b, depth - 1)) return true;
  }
  return false;
}

bool Engine::prove_gt0(const Sum& s) {
  Sum less = s;
  return add_ok(less.base, -1, &less.base) && prove_ge0(less);
}

namespace {
/// a - b + offset; false on overflow.
bool difference(Engine& engine, const Sum& a, const Sum& b, int64_t offset, Sum* out) {
  *out = a;
  return engine.add_scaled(out, b, -1) && add_ok(out->base, offset, &out->base);
}
bool comparable(const Expr& e) {
  return is_comparison(e.kind()) && as<BinaryNode>(e)->a.dtype() == kI64;
}
}  // namespace

bool Engine::prove(const Expr& e) {
  if (is_true(e)) return true;
  if (comparable(e)) {
    const auto* n = as<BinaryNode>(e);
    const Sum a = parse(n->a), b = parse(n->b);
    Sum d;
    switch (e.kind()) {
      case ExprKind::kLt:
        return difference(*this, b, a, -1, &d) && prove_ge0(d);
      case ExprKind::kLe:
        return difference(*this, b, a, 0, &d) && prove_ge0(d);
      case ExprKind::kGt:
        return difference(*this, a, b, -1, &d) && prove_ge0(d);
      case ExprKind::kGe:
        return difference(*this, a, b, 0, &d) && prove_ge0(d);
      default:
        break;  // == and != below
    }
  }
  switch (e.kind()) {
    case ExprKind::kAnd:
      return prove(as<BinaryNode>(e)->a) && prove(as<BinaryNode>(e)->b);
    case ExprKind::kOr:
      if (prove(as<BinaryNode>(e)->a) || prove(as<BinaryNode>(e)->b)) return true;
      break;
    case ExprKind::kNot:
      if (disprove(as<NotNode>(e)->value)) return true;
      break;
    default:
      break;
  }
  return is_true(simplify(e));
}

bool Engine::disprove(const Expr& e) {
  if (is_false(e)) return true;
  if (comparable(e)) {
    const auto* n = as<BinaryNode>(e);
    const Sum a = parse(n->a), b = parse(n->b);
    Sum d;
    switch (e.kind()) {
      case ExprKind::kLt:
        return difference(*this, a, b, 0, &d) && prove_ge0(d);
      case ExprKind::kLe:
        return difference(*this, a, b, -1, &d) && prove_ge0(d);
      case ExprKind::kGt:
        return difference(*this, b, a, 0, &d) && prove_ge0(d);
      case ExprKind::kGe:
        return difference(*this, b, a, -1, &d) && prove_ge0(d);
      default:
        break;
    }
  }
  switch (e.kind()) {
    case ExprKind::kAnd:
      if (disprove(as<BinaryNode>(e)->a) || disprove(as<BinaryNode>(e)->b)) return true;
      break;
    case ExprKind::kOr:
      return disprove(as<BinaryNode>(e)->a) && disprove(as<BinaryNode>(e)->b);
    case ExprKind::kNot:
      return prove(as<NotNode>(e)->value);
    default:
      break;
  }
  return is_false(simplify(e));
}

}  // namespace tilewright::arith
