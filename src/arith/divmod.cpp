// Division of sums. Everything rests on floor((d * A + B) / d) = A + floor(B / d).
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

/// Looks for g > 1 that divides d and the scales of the terms above some size, while the terms below it (`B`, with the
/// base) stay inside one multiple of g: q * g <= B < (q + 1) * g. Then floor((A + B) / d) = floor((A + q * g) / d), and
/// B - q * g is left over for the remainder. Replaces s by A + q * g; false when nothing was found.
bool Engine::drop_small(Sum* s, int64_t d, Sum* small) {
  const size_t n = s->terms.size();
  if (n == 0) return false;
  std::sort(s->terms.begin(), s->terms.end(), [](const Term& a, const Term& b) {
    const int64_t x = a.scale < 0 ? a.scale : -a.scale, y = b.scale < 0 ? b.scale : -b.scale;
    return x > y;  // ascending size, computed without overflow
  });
  // suffix[k]: gcd of d and the scales from k on.
  SmallVector<int64_t, 8> suffix;
  for (size_t i = 0; i <= n; ++i) suffix.push_back(d);
  for (size_t i = n; i-- > 0;) suffix[i] = gcd_of(suffix[i + 1], s->terms[i].scale);
  ConstBound b{s->base, s->base};
  size_t best = 0;
  int64_t best_q = 0;
  for (size_t k = 1; k <= n; ++k) {
    b = add_bounds(b, bound(s->terms[k - 1]));
    if (b.min == kNegInf || b.max == kPosInf) break;
    const int64_t g = suffix[k];
    if (g == suffix[k - 1] && k < n) continue;
    if (g > 1 && floor_div(b.min, g) == floor_div(b.max, g)) {
      best = k;
      best_q = floor_div(b.min, g);
    }
  }
  if (best == 0) return false;
  int64_t multiple;
  if (!mul_ok(best_q, suffix[best], &multiple)) return false;
  small->terms.clear();
  if (!sub_ok(s->base, multiple, &small->base)) return false;
  Sum rest;
  rest.base = multiple;
  for (size_t i = 0; i < n; ++i) (i < best ? small : &rest)->terms.push_back(s->terms[i]);
  *s = std::move(rest);
  return true;
}

/// If the term is known modulo d: t = d * quotient + remainder for every value of its atom.
bool Engine::divides(const Term& t, int64_t d, Term* quotient, int64_t* remainder) {
  Term unit = t;
  unit.scale = 1;
  const ModularSet m = modular(unit);
  if (m.coeff == 1) return false;
  const int64_t g = gcd_of(t.scale, d), k = d / g;
  // scale * T = scale / g * (g * T), and g * T = d * (T // k) + g * (T % k).
  if (m.coeff % k != 0 || (t.extent != 0 && t.extent % k != 0)) return false;
  *quotient = {t.atom, 0, t.extent == 0 ? 0 : t.extent / k, t.scale / g};
  return mul_ok(t.lower, k, &quotient->lower) && mul_ok(t.scale, floor_mod(m.base, k), remainder) &&
         quotient->extent != 1;
}

bool Engine::div_const(const Sum& s, int64_t d, Sum* out) {
  if (d == 1) {
    *out = s;
    return true;
  }
  Sum rest;
  out->base = floor_div(s.base, d);
  rest.base = floor_mod(s.base, d);
  for (const Term& t : s.terms) {
    // Only whole multiples leave: what is left of others, (5 * x + y) // 4 = x + (x + y) // 4, would hide that 5 * x +
    // y is one fused iterator.
    Term whole = t, part = t;
    whole.scale = t.scale % d == 0 ? t.scale / d : 0;
    part.scale = t.scale % d == 0 ? 0 : t.scale;
    if (whole.scale != 0 && !add_term(out, whole)) return false;
    Term quotient;
    int64_t remainder;
    if (part.scale != 0 && divides(part, d, &quotient, &remainder)) {
      out->terms.push_back(quotient);
      if (!regroup(out, t.atom) || !add_ok(rest.base, remainder, &rest.base)) return false;
      continue;
    }
    if (part.scale != 0 && !add_term(&rest, part)) return false;
  }
  Sum small;
  drop_small(&rest, d, &small);
  int64_t quotient = floor_div(rest.base, d);
  rest.base -= quotient * d;
  if (!add_ok(out->base, quotient, &out->base)) return false;
  if (rest.is_const()) return true;
  int64_t g = d;
  for (const Term& t : rest.terms) g = gcd_of(g, t.scale);
  if (g > 1) {
    for (Term& t : rest.terms) t.scale /= g;
    rest.base = floor_div(rest.base, g);
    d /= g;
    if (d == 1) return add_scaled(out, rest, 1);
  }
  if (has_facts()) {
    const ConstBound b = bound_with_facts(rest);
    if (b.min != kNegInf && b.max != kPosInf && b.min <= b.max && floor_div(b.min, d) == floor_div(b.max, d))
      return add_ok(out->base, floor_div(b.min, d), &out->base);
  }
  if (rest.terms.size() == 1 && rest.terms[0].scale == 1) {
    const Term t = rest.terms[0];
    int64_t lower;
    if (rest.base == 0 && t.extent == 0) {
      if (!mul_ok(t.lower, d, &lower)) return false;
      out->terms.push_back({t.atom, lower, 0, 1});
      return regroup(out, t.atom);
    }
    if (rest.base == 0 && t.extent % d == 0) {
      if (!mul_ok(t.lower, d, &lower)) return false;
      out->terms.push_back({t.atom, lower, t.extent / d, 1});
      return regroup(out, t.atom);
    }
    if (t.extent == 0 && t.lower > 1) {
      // (x // l + b) // d = (x + b * l) // (l * d)
      Sum inner, result;
      Atom* a = t.atom->kind == ExprKind::kVar ? nullptr : find(t.atom);
      if (a && a->sum)
        inner = *a->sum;
      else
        inner.terms.push_back({t.atom, 1, 0, 1});
      int64_t offset;
      if (mul_ok(rest.base, t.lower, &offset) && mul_ok(t.lower, d, &lower) && add_ok(inner.base, offset, &inner.base))
        return div_const(inner, lower, &result) && add_scaled(out, result, 1);
    }
  }
  const Term t = term_of_sum(rest, d, 0);
  out->terms.push_back(t);
  return regroup(out, t.atom);
}

bool Engine::mod_const(const Sum& s, int64_t d, Sum* out) {
  if (d == 1) return true;
  Sum rest;
  rest.base = floor_mod(s.base, d);
  for (const Term& t : s.terms) {
    Term part = t;
    if (t.scale % d == 0) continue;
    Term quotient;
    int64_t remainder;
    if (divides(part, d, &quotient, &remainder)) {
      if (!add_ok(rest.base, remainder, &rest.base)) return false;
      continue;
    }
    // The inner modulo is invisible when its multiples are multiples of d.
    int64_t period;
    if (t.extent != 0 && mul_ok(part.scale, t.extent, &period) && period % d == 0) part.extent = 0;
    if (!add_term(&rest, part)) return false;
    if (part.extent != t.extent && !regroup(&rest, t.atom)) return false;
  }
  rest.base = floor_mod(rest.base, d);
  if (rest.is_const()) {
    out->base = rest.base;
    return true;
  }
  Sum small;
  const bool dropped = drop_small(&rest, d, &small);
  if (!add_scaled(out, small, dropped ? 1 : 0)) return false;
  rest.base = floor_mod(rest.base, d);
  if (rest.is_const()) return add_ok(out->base, rest.base, &out->base);
  int64_t g = d;
  for (const Term& t : rest.terms) g = gcd_of(g, t.scale);
  if (g > 1) {
    for (Term& t : rest.terms) t.scale /= g;
    if (!add_ok(out->base, floor_mod(rest.base, g), &out->base)) return false;
    rest.base = floor_div(rest.base, g);
    d /= g;
    if (d == 1) return true;
  }
  if (has_facts()) {
    const ConstBound b = bound_with_facts(rest);
    if (b.min != kNegInf && b.max != kPosInf && b.min <= b.max && floor_div(b.min, d) == floor_div(b.max, d)) {
      int64_t offset;
      return mul_ok(floor_div(b.min, d), d, &offset) && sub_ok(rest.base, offset, &rest.base) &&
             add_scaled(out, rest, g);
    }
  }
  Sum result;
  if (rest.terms.size() == 1 && rest.terms[0].scale == 1 && rest.base == 0 && rest.terms[0].extent == 0) {
    Term t = rest.terms[0];
    t.extent = d;
    result.terms.push_back(t);
    if (!regroup(&result, t.atom)) return false;
  } else {
    const Term t = term_of_sum(rest, 1, d);
    result.terms.push_back(t);
    if (!regroup(&result, t.atom)) return false;
  }
  return add_scaled(out, result, g);
}

namespace {
void factors_of(const Expr& e, std::vector<const ExprNode*>* out) {
  if (e.kind() == ExprKind::kMul) {
    factors_of(as<BinaryNode>(e)->a, out);
    factors_of(as<BinaryNode>(e)->b, out);
  } else {
    out->push_back(e.get());
  }
}
/// product / divisor as an expression; null when a factor is missing.
Expr divide_product(const Expr& product, const std::vector<const ExprNode*>& divisor) {
  std::vector<const ExprNode*> factors;
  factors_of(product, &factors);
  for (const ExprNode* d : divisor) {
    const auto it =
        std::find_if(factors.begin(), factors.end(), [&](const ExprNode* f) { return same_expr(Expr(f), Expr(d)); });
    if (it == factors.end()) return nullptr;
    factors.erase(it);
  }
  Expr result = Expr(1);
  for (const ExprNode* f : factors) result = result * Expr(f);
  return result;
}
}  // namespace

bool Engine::divmod_symbolic(ExprKind kind, const Sum& a, const Sum& b, Sum* out) {
  const bool div = kind == ExprKind::kFloorDiv;
  if (a.is_const() && a.base == 0) return true;
  // Whole multiples of a divisor that is one product leave the numerator.
  Sum rest = a, multiple;
  if (b.terms.size() == 1 && b.base == 0) {
    Term unit = b.terms[0];
    unit.scale = 1;
    std::vector<const ExprNode*> divisor;
    const Expr product = emit_term(unit);
    factors_of(product, &divisor);
    rest.terms.clear();
    for (const Term& t : a.terms) {
      if (t.scale == kNegInf) return false;
      Term one = t;
      one.scale = 1;
      const Expr e = emit_term(one);
      Expr q = t.scale % b.terms[0].scale == 0 ? divide_product(e, divisor) : Expr(nullptr);
      if (!q.defined()) {
        rest.terms.push_back(t);
        continue;
      }
      if (!add_scaled(&multiple, parse(q), t.scale / b.terms[0].scale)) return false;
    }
  }
  if (div && !add_scaled(out, multiple, 1)) return false;
  if (rest.is_const() && rest.base == 0) return true;
  // 0 <= rest < b: quotient 0.
  Sum gap = b;
  if (prove_ge0(rest) && add_scaled(&gap, rest, -1) && add_ok(gap.base, -1, &gap.base) && prove_ge0(gap))
    return div || add_scaled(out, rest, 1);
  const Expr e = make_binary(kind, emit(rest), emit(b));
  return add_term(out, {opaque(e), 1, 0, 1});
}

}  // namespace tilewright::arith
