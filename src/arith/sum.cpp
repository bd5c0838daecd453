// Sums of split terms: parsing, addition, products.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

bool Engine::add_term(Sum* s, const Term& t) {
  if (t.scale == 0) return true;
  for (size_t i = 0; i < s->terms.size(); ++i) {
    Term& x = s->terms[i];
    if (x.atom != t.atom) continue;
    if (x.same_split(t) && t.lower == 1 && t.extent == 0) {
      bool alone = true;
      for (size_t j = i + 1; j < s->terms.size(); ++j) alone &= s->terms[j].atom != t.atom;
      if (alone) {
        if (!add_ok(x.scale, t.scale, &x.scale)) return false;
        if (x.scale == 0) s->terms.erase_at(i);
        return true;
      }
    }
    s->terms.push_back(t);
    return regroup(s, t.atom);
  }
  s->terms.push_back(t);
  if (t.lower != 1) {
    // What is known modulo some number may now apply: the rules depend on the scale.
    const Atom* a = find(t.atom);
    if (a && a->modular.coeff != 1) return regroup(s, t.atom);
  }
  return true;
}

bool Engine::add_scaled(Sum* s, const Sum& x, int64_t k) {
  int64_t base;
  if (!mul_ok(x.base, k, &base) || !add_ok(s->base, base, &s->base)) return false;
  for (const Term& t : x.terms) {
    Term scaled = t;
    if (!mul_ok(t.scale, k, &scaled.scale) || !add_term(s, scaled)) return false;
  }
  return true;
}

namespace {
struct Quotient {
  int64_t lower, scale;
};
using Quotients = SmallVector<Quotient, 8>;

bool put(Quotients* q, int64_t lower, int64_t scale) {
  for (Quotient& x : *q) {
    if (x.lower == lower) return add_ok(x.scale, scale, &x.scale);
  }
  q->push_back({lower, scale});
  for (size_t i = q->size() - 1; i > 0 && (*q)[i].lower < (*q)[i - 1].lower; --i) std::swap((*q)[i], (*q)[i - 1]);
  return true;
}
uint64_t magnitude(int64_t x) {
  return x < 0 ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
}
}  // namespace

bool Engine::regroup(Sum* s, const ExprNode* atom) {
  Quotients q;
  size_t kept = 0;
  for (size_t i = 0; i < s->terms.size(); ++i) {
    const Term t = s->terms[i];
    if (t.atom != atom) {
      s->terms[kept++] = t;
      continue;
    }
    if (!put(&q, t.lower, t.scale)) return false;
    int64_t high, scale;
    if (t.extent == 0) continue;
    if (!mul_ok(t.lower, t.extent, &high) || !mul_ok(t.scale, t.extent, &scale) || scale == kNegInf) return false;
    if (!put(&q, high, -scale)) return false;
  }
  s->terms.resize_down(kept);
  // Quotients that bounds make constant.
  const ConstBound b = bound_atom(atom);
  if (b.min != kNegInf && b.max != kPosInf && b.min <= b.max) {
    for (Quotient& x : q) {
      if (x.scale == 0 || floor_div(b.min, x.lower) != floor_div(b.max, x.lower)) continue;
      int64_t c;
      if (!mul_ok(floor_div(b.min, x.lower), x.scale, &c) || !add_ok(s->base, c, &s->base)) return false;
      x.scale = 0;
    }
  }
  // atom = base modulo coeff: q(l) = r * q(l * r) + constant wherever l * r divides coeff.
  const ModularSet m = modular_atom(atom);
  if (m.coeff > 1) {
    for (size_t i = 0; i < q.size(); ++i) {
      // scale * q(l) with a common divisor g of scale and l is scale / g * (q(l / g) - constant).
      const Quotient x = q[i];
      if (x.scale == 0 || m.coeff % x.lower != 0) continue;
      const int64_t g = gcd_of(x.scale, x.lower);
      int64_t c;
      if (g == 1) continue;
      if (!mul_ok(x.scale / g, floor_mod(floor_div(m.base, x.lower / g), g), &c)) return false;
      if (!sub_ok(s->base, c, &s->base)) return false;
      q[i].scale = 0;
      if (!put(&q, x.lower / g, x.scale / g)) return false;
    }
    for (size_t i = 0; i < q.size(); ++i) {
      for (size_t j = i + 1; j < q.size(); ++j) {
        Quotient &low = q[i], &high = q[j];
        if (low.scale == 0 || high.scale == 0 || high.lower % low.lower != 0 || m.coeff % high.lower != 0) continue;
        const int64_t r = high.lower / low.lower, offset = floor_mod(floor_div(m.base, low.lower), r);
        int64_t moved, c;
        if (high.scale % r == 0) {
          moved = high.scale / r;
          if (!mul_ok(moved, offset, &c) || c == kNegInf || !add_ok(s->base, -c, &s->base)) return false;
          if (!add_ok(low.scale, moved, &low.scale)) return false;
          high.scale = 0;
        } else {
          if (!mul_ok(low.scale, offset, &c) || !add_ok(s->base, c, &s->base)) return false;
          if (!mul_ok(low.scale, r, &moved) || !add_ok(high.scale, moved, &high.scale)) return false;
          low.scale = 0;
        }
      }
    }
  }
  // Split again: q(l) = (atom // l) % r + r * q(l * r) wherever that does not enlarge the scale of
  // q(l * r), or gives both one sign.
  const Sum* expansion = nullptr;
  int64_t expand_scale = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    if (q[i].scale == 0) continue;
    int64_t extent = 0;
    for (size_t j = i + 1; j < q.size(); ++j) {
      if (q[j].scale == 0 || q[j].lower % q[i].lower != 0) continue;
      const int64_t r = q[j].lower / q[i].lower;
      int64_t moved, carried;
      if (!mul_ok(q[i].scale, r, &moved) || !add_ok(q[j].scale, moved, &carried)) return false;
      const bool one_sign = (carried > 0) == (q[i].scale > 0) && (q[j].scale > 0) != (q[i].scale > 0);
      if (one_sign || magnitude(carried) <= magnitude(q[j].scale)) {
        extent = r;
        q[j].scale = carried;
      }
      break;
    }
    if (q[i].lower == 1 && extent == 0) {
      if (Atom* a = atom->kind == ExprKind::kVar ? nullptr : find(atom); a && a->sum) {
        expansion = a->sum.get();
        expand_scale = q[i].scale;
        continue;
      }
    }
    s->terms.push_back({atom, q[i].lower, extent, q[i].scale});
  }
  return !expansion || add_scaled(s, *expansion, expand_scale);
}

Sum Engine::parse(const Expr& e) {
  Sum out;
  if (parse_into(&out, e, 1)) return out;
  // Does not fit into 64 bits: the expression stays as it is.
  Sum whole;
  whole.terms.push_back({opaque(e), 1, 0, 1});
  return whole;
}

bool Engine::parse_into(Sum* out, const Expr& e, int64_t k) {
  auto add_const = [&](int64_t value) {
    int64_t c;
    return mul_ok(value, k, &c) && add_ok(out->base, c, &out->base);
  };
  auto add_atom = [&](const ExprNode* atom) {
    const ConstBound b = bound_atom(atom);
    return b.is_const() ? add_const(b.min) : add_term(out, {atom, 1, 0, k});
  };
  if (e.kind() != ExprKind::kIntImm && e.kind() != ExprKind::kVar) {
    const Atom* a = find(e.get());
    if (a && a->kind == Atom::kOpaque && a->canonical_epoch == epoch_) return add_atom(e.get());
  }
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return add_const(as<IntImmNode>(e)->value);
    case ExprKind::kVar: {
      if (const Atom* a = find(e.get())) {
        if (a->value.defined()) return parse_into(out, a->value, k);
        if (a->bound.is_const()) return add_const(a->bound.min);
      }
      return add_term(out, {e.get(), 1, 0, k});
    }
    case ExprKind::kAdd:
    case ExprKind::kSub: {
      const auto* n = static_cast<const BinaryNode*>(e.get());
      if (e.kind() == ExprKind::kSub && k == kNegInf) return false;
      return parse_into(out, n->a, k) && parse_into(out, n->b, e.kind() == ExprKind::kAdd ? k : -k);
    }
    case ExprKind::kMul: {
      const auto* n = static_cast<const BinaryNode*>(e.get());
      int64_t c;
      if (is_const_int(n->b, &c)) return mul_ok(c, k, &c) && (c == 0 || parse_into(out, n->a, c));
      if (is_const_int(n->a, &c)) return mul_ok(c, k, &c) && (c == 0 || parse_into(out, n->b, c));
      Sum product;
      return mul(parse(n->a), parse(n->b), &product) && add_scaled(out, product, k);
    }
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      const auto* n = static_cast<const BinaryNode*>(e.get());
      const bool div = e.kind() == ExprKind::kFloorDiv;
      const Sum a = parse(n->a);
      Sum result;
      int64_t d = 0;
      if (!is_const_int(n->b, &d)) {
        const Sum b = parse(n->b);
        if (!b.is_const()) return divmod_symbolic(e.kind(), a, b, &result) && add_scaled(out, result, k);
        d = b.base;
      }
      if (d == 0 || d >= kLarge || d <= -kLarge) return false;
      if (d > 0) return (div ? div_const(a, d, &result) : mod_const(a, d, &result)) && add_scaled(out, result, k);
      // floor(a / -d) = floor(-a / d), and the remainder has the divisor's sign.
      Sum negated;
      if (!movable(a) || !add_scaled(&negated, a, -1) || k == kNegInf) return false;
      return div ? div_const(negated, -d, &result) && add_scaled(out, result, k)
                 : mod_const(negated, -d, &result) && add_scaled(out, result, -k);
    }
    default:
      break;
  }
  Expr simple;
  switch (e.kind()) {
    case ExprKind::kMin:
    case ExprKind::kMax:
      simple = simplify_min_max(e);
      break;
    case ExprKind::kSelect:
      simple = simplify_select(e);
      break;
    default:
      simple = rebuild(e);
  }
  switch (simple.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kVar:
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      if (!same_expr(simple, e)) return parse_into(out, simple, k);
      break;
    default:
      break;
  }
  return add_atom(opaque(simple));
}

namespace {
void flatten_product(const Expr& e, std::vector<Expr>* factors) {
  if (e.kind() == ExprKind::kMul) {
    flatten_product(as<BinaryNode>(e)->a, factors);
    flatten_product(as<BinaryNode>(e)->b, factors);
  } else {
    factors->push_back(e);
  }
}
}  // namespace

bool Engine::mul(const Sum& a, const Sum& b, Sum* out) {
  if (a.is_const()) return add_scaled(out, b, a.base);
  if (b.is_const()) return add_scaled(out, a, b.base);
  if ((a.terms.size() + 1) * (b.terms.size() + 1) > 20) return false;
  if (!mul_ok(a.base, b.base, &out->base)) return false;
  for (const Term& x : a.terms) {
    Term t = x;
    if (!mul_ok(x.scale, b.base, &t.scale) || !add_term(out, t)) return false;
  }
  for (const Term& y : b.terms) {
    Term t = y;
    if (!mul_ok(y.scale, a.base, &t.scale) || !add_term(out, t)) return false;
  }
  for (const Term& x : a.terms) {
    for (const Term& y : b.terms) {
      std::vector<Expr> factors;
      Term unit = x;
      unit.scale = 1;
      flatten_product(emit_term(unit), &factors);
      unit = y;
      unit.scale = 1;
      flatten_product(emit_term(unit), &factors);
      std::stable_sort(factors.begin(), factors.end(),
                       [](const Expr& p, const Expr& q) { return order(p.get(), q.get()) < 0; });
      Expr product = factors[0];
      for (size_t i = 1; i < factors.size(); ++i) product = product * factors[i];
      int64_t scale;
      if (!mul_ok(x.scale, y.scale, &scale)) return false;
      if (!add_term(out, {opaque(product), 1, 0, scale})) return false;
    }
  }
  return true;
}

}  // namespace tilewright::arith
