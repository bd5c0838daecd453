// Simplification of expressions of every kind: minimum, maximum, comparisons, logic, select.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

namespace {

class Children : public Mutator {
 public:
  explicit Children(Engine& engine) : engine_(engine) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e.defined() ? engine_.simplify(e) : e; }
  Expr run(const Expr& e) { return mutate_children(e); }

 private:
  Engine& engine_;
};

bool is_arithmetic(ExprKind k) {
  return k == ExprKind::kAdd || k == ExprKind::kSub || k == ExprKind::kMul || k == ExprKind::kFloorDiv ||
         k == ExprKind::kFloorMod;
}

}  // namespace

bool movable(const Sum& s) {
  auto small = [](int64_t c) { return c < kLarge && c > -kLarge; };
  return small(s.base) && std::all_of(s.terms.begin(), s.terms.end(), [&](const Term& t) { return small(t.scale); });
}

Expr Engine::rebuild(const Expr& e) {
  return Children(*this).run(e);
}

Expr Engine::simplify(const Expr& e) {
  if (!e.defined()) return e;
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
      return e;
    case ExprKind::kVar: {
      const Atom* a = find(e.get());
      if (!a) return e;
      if (a->value.defined()) return simplify(a->value);
      return a->bound.is_const() && e.dtype().is_integer() ? make_int(e.dtype(), a->bound.min) : e;
    }
    default:
      break;
  }
  if (is_index(e)) return emit(parse(e), e);
  if (is_comparison(e.kind())) {
    const auto* n = as<BinaryNode>(e);
    if (n->a.dtype() == kI64) {
      Expr r = compare(e.kind(), parse(n->a), parse(n->b));
      if (!r.defined()) r = rebuild(e);
      return same_expr(r, e) ? e : r;
    }
  }
  if (e.dtype() == kBool) {
    switch (e.kind()) {
      case ExprKind::kAnd:
        return simplify_and(e);
      case ExprKind::kOr:
        return simplify_or(e);
      case ExprKind::kNot:
        return simplify_not(as<NotNode>(e)->value, e);
      default:
        break;
    }
  }
  if (e.kind() == ExprKind::kSelect && as<SelectNode>(e)->condition.dtype() == kBool) return simplify_select(e);
  Expr r = rebuild(e);
  // Narrow integers: only what bounds make constant.
  if (r.dtype().lanes == 1 && r.dtype().is_integer() && is_arithmetic(r.kind())) {
    const ConstBound b = bound_narrow(r);
    if (b.is_const()) return make_int(r.dtype(), b.min);
  }
  if (is_comparison(r.kind()) && r.dtype() == kBool && as<BinaryNode>(r)->a.dtype().is_integer()) {
    const auto* n = as<BinaryNode>(r);
    const bool wide_unsigned = n->a.dtype().is_uint() && n->a.dtype().bits >= 64;
    const ConstBound a = wide_unsigned ? ConstBound{} : bound_narrow(n->a),
                     b = wide_unsigned ? ConstBound{} : bound_narrow(n->b);
    // Bounds outside these stay "unknown" and decide nothing.
    const bool less = a.max != kPosInf && b.min != kNegInf && a.max < b.min;
    const bool less_equal = a.max != kPosInf && b.min != kNegInf && a.max <= b.min;
    const bool greater = a.min != kNegInf && b.max != kPosInf && a.min > b.max;
    const bool greater_equal = a.min != kNegInf && b.max != kPosInf && a.min >= b.max;
    switch (r.kind()) {
      case ExprKind::kLt:
        return less ? Expr(true) : greater_equal ? Expr(false) : r;
      case ExprKind::kLe:
        return less_equal ? Expr(true) : greater ? Expr(false) : r;
      case ExprKind::kGt:
        return greater ? Expr(true) : less_equal ? Expr(false) : r;
      case ExprKind::kGe:
        return greater_equal ? Expr(true) : less ? Expr(false) : r;
      case ExprKind::kEq:
        return less || greater ? Expr(false) : r;
      default:
        return less || greater ? Expr(true) : r;
    }
  }
  return r;
}

Expr Engine::compare(ExprKind kind, const Sum& a, const Sum& b) {
  Sum d;
  switch (kind) {
    case ExprKind::kGt:
    case ExprKind::kGe:
      d = a;
      break;
    default:
      d = b;
  }
  if (!add_scaled(&d, kind == ExprKind::kGt || kind == ExprKind::kGe ? b : a, -1)) return nullptr;
  if (!movable(a) || !movable(b) || !movable(d)) return nullptr;
  if (kind == ExprKind::kEq || kind == ExprKind::kNe) return condition_eq0(std::move(d), kind == ExprKind::kEq);
  if (kind == ExprKind::kLt || kind == ExprKind::kGt) {
    if (!add_ok(d.base, -1, &d.base)) return nullptr;
  }
  return condition_ge0(std::move(d));
}

namespace {

/// left - right = s, both without negative scales; the constant stays apart.
bool sides(const Sum& s, Sum* positive, Sum* negative) {
  for (Term t : s.terms) {
    if (t.scale > 0) {
      positive->terms.push_back(t);
    } else {
      if (t.scale == kNegInf) return false;
      t.scale = -t.scale;
      negative->terms.push_back(t);
    }
  }
  return true;
}

}  // namespace

/// x // l >= k is x >= k * l, and x // l <= k is x < (k + 1) * l.
void Engine::open_quotient(Sum* s) {
  tighten_ge0(s);
  if (s->terms.size() != 1 || s->terms[0].lower == 1 || s->terms[0].extent != 0 || s->base == kNegInf) return;
  const Term t = s->terms[0];
  Sum x;
  int64_t limit;
  if (t.scale == 1 ? !mul_ok(s->base, t.lower, &limit)
                   : !add_ok(s->base, 1, &limit) || !mul_ok(limit, t.lower, &limit) || !add_ok(limit, -1, &limit))
    return;
  const Atom* a = t.atom->kind == ExprKind::kVar ? nullptr : find(t.atom);
  x.base = limit;
  if (a && a->sum ? !add_scaled(&x, *a->sum, t.scale) : !add_term(&x, {t.atom, 1, 0, t.scale})) return;
  *s = std::move(x);
  tighten_ge0(s);
}

Expr Engine::condition_ge0(Sum s) {
  recompose(&s);
  open_quotient(&s);
  if (prove_ge0(s)) return Expr(true);
  Sum negated;
  if (add_scaled(&negated, s, -1) && add_ok(negated.base, -1, &negated.base) && prove_ge0(negated)) return Expr(false);
  // s >= 0 is floor(s / g) >= 0: small terms that cannot decide vanish.
  int64_t largest = 0;
  for (const Term& t : s.terms) {
    if (t.scale != kNegInf) largest = std::max(largest, t.scale < 0 ? -t.scale : t.scale);
  }
  if (s.terms.size() > 1 && largest > 1) {
    Sum small;
    drop_small(&s, largest, &small);
    open_quotient(&s);
  }
  Sum positive, negative;
  int64_t bound;
  if (!sides(s, &positive, &negative)) return nullptr;
  if (negative.is_const()) {
    if (s.base == kNegInf) return nullptr;
    return make_binary(ExprKind::kGe, emit(positive), Expr(-s.base));
  }
  if (s.base == 0 && !positive.is_const()) return make_binary(ExprKind::kLe, emit(negative), emit(positive));
  if (!add_ok(s.base, 1, &bound)) return nullptr;
  positive.base = bound;
  return make_binary(ExprKind::kLt, emit(negative), emit(positive));
}

Expr Engine::condition_eq0(Sum s, bool equal) {
  recompose(&s);
  if (s.is_const()) return Expr((s.base == 0) == equal);
  int64_t g = 0;
  for (const Term& t : s.terms) g = gcd_of(g, t.scale);
  if (g > 1) {
    if (s.base % g != 0) return Expr(!equal);
    for (Term& t : s.terms) t.scale /= g;
    s.base /= g;
  }
  const ModularSet m = modular(s);
  if (m.coeff == 0 ? m.base != 0 : m.coeff > 1 && floor_mod(m.base, m.coeff) != 0) return Expr(!equal);
  // Above or below zero for sure?
  Sum below, above = s;
  if (add_ok(above.base, -1, &above.base) && prove_ge0(above)) return Expr(!equal);
  if (!add_scaled(&below, s, -1)) return nullptr;
  if (Sum b = below; add_ok(b.base, -1, &b.base) && prove_ge0(b)) return Expr(!equal);
  if (has_facts() && prove_ge0(s) && prove_ge0(below)) return Expr(equal);
  // One sign for both forms: most terms positive, else the first in order.
  Sum positive, negative;
  if (!sides(s, &positive, &negative)) return nullptr;
  if (positive.terms.size() < negative.terms.size()) {
    std::swap(positive, negative);
    if (s.base == kNegInf) return nullptr;
    s.base = -s.base;
  }
  if (s.base == kNegInf) return nullptr;
  if (positive.terms.size() == negative.terms.size() && positive.terms.size() > 0) {
    const Expr p = emit(positive), n = emit(negative);
    if (order(p.get(), n.get()) > 0) {
      std::swap(positive, negative);
      s.base = -s.base;
    }
  }
  negative.base = -s.base;
  return make_binary(equal ? ExprKind::kEq : ExprKind::kNe, emit(positive), emit(negative));
}

namespace {
void flatten(const Expr& e, ExprKind kind, std::vector<Expr>* out) {
  if (e.kind() == kind) {
    flatten(as<BinaryNode>(e)->a, kind, out);
    flatten(as<BinaryNode>(e)->b, kind, out);
  } else {
    out->push_back(e);
  }
}
Expr join(const std::vector<Expr>& items, ExprKind kind) {
  if (items.empty()) return Expr(kind == ExprKind::kAnd);
  Expr r = items[0];
  for (size_t i = 1; i < items.size(); ++i) r = make_binary(kind, r, items[i]);
  return r;
}
Expr negate(const Expr& e) {
  const auto* n = is_comparison(e.kind()) ? as<BinaryNode>(e) : nullptr;
  // Comparisons of floats do not negate to one another: NaN.
  if (n && (n->a.dtype().is_integer() || n->a.dtype().is_bool())) {
    switch (e.kind()) {
      case ExprKind::kLt:
        return n->a >= n->b;
      case ExprKind::kLe:
        return n->a > n->b;
      case ExprKind::kGt:
        return n->a <= n->b;
      case ExprKind::kGe:
        return n->a < n->b;
      case ExprKind::kEq:
        return n->a != n->b;
      default:
        return n->a == n->b;
    }
  }
  return !e;
}
}  // namespace

Expr Engine::simplify_and(const Expr& e) {
  std::vector<Expr> items, kept;
  flatten(e, ExprKind::kAnd, &items);
  {
    Scope scope(*this);
    for (const Expr& x : items) {
      const Expr s = simplify(x);
      if (is_false(s)) return Expr(false);
      if (is_true(s)) continue;
      flatten(s, ExprKind::kAnd, &kept);
      assume(s);
    }
  }
  // A condition implied by later ones goes, if those may be evaluated without it.
  bool total = true;
  for (const Expr& x : kept) total &= is_total(x);
  for (size_t i = 0; total && kept.size() > 1 && i + 1 < kept.size();) {
    Scope scope(*this);
    for (size_t j = i + 1; j < kept.size(); ++j) assume(kept[j]);
    if (prove(kept[i]))
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  }
  const Expr r = join(kept, ExprKind::kAnd);
  return same_expr(r, e) ? e : r;
}

Expr Engine::simplify_or(const Expr& e) {
  std::vector<Expr> items, kept;
  flatten(e, ExprKind::kOr, &items);
  Scope scope(*this);
  for (const Expr& x : items) {
    const Expr s = simplify(x);
    if (is_true(s)) return Expr(true);
    if (is_false(s)) continue;
    flatten(s, ExprKind::kOr, &kept);
    assume(negate(s));
  }
  const Expr r = join(kept, ExprKind::kOr);
  return same_expr(r, e) ? e : r;
}

Expr Engine::simplify_not(const Expr& value, const Expr& original) {
  const Expr s = simplify(value);
  if (s.kind() == ExprKind::kAnd) return simplify(!as<BinaryNode>(s)->a || !as<BinaryNode>(s)->b);
  if (s.kind() == ExprKind::kOr) return simplify(!as<BinaryNode>(s)->a && !as<BinaryNode>(s)->b);
  const Expr r = negate(s);
  if (r.kind() != ExprKind::kNot) return simplify(r);
  return same_expr(r, original) ? original : r;
}

Expr Engine::simplify_select(const Expr& e) {
  const auto* n = as<SelectNode>(e);
  const Expr c = simplify(n->condition);
  if (is_true(c)) return simplify(n->true_value);
  if (is_false(c)) return simplify(n->false_value);
  Expr t, f;
  {
    Scope scope(*this);
    assume(c);
    t = simplify(n->true_value);
  }
  {
    Scope scope(*this);
    assume(negate(c));
    f = simplify(n->false_value);
  }
  if (same_expr(t, f)) return t;
  if (t.dtype() == kBool && is_true(t) && is_false(f)) return c;
  if (c.same_as(n->condition) && t.same_as(n->true_value) && f.same_as(n->false_value)) return e;
  const Expr r = select(c, t, f);
  return same_expr(r, e) ? e : r;
}

}  // namespace tilewright::arith
