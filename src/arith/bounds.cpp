// Constant bounds and modular sets of atoms, terms and sums.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

ConstBound mul_bounds(ConstBound a, ConstBound b) {
  if (a.is_const()) return scale_bound(b, a.min);
  if (b.is_const()) return scale_bound(a, b.min);
  const bool finite = a.min != kNegInf && a.max != kPosInf && b.min != kNegInf && b.max != kPosInf;
  if (finite) {
    ConstBound r{kPosInf, kNegInf};
    for (const int64_t x : {a.min, a.max}) {
      for (const int64_t y : {b.min, b.max}) {
        int64_t p;
        if (!mul_ok(x, y, &p)) return {};
        r.min = std::min(r.min, p);
        r.max = std::max(r.max, p);
      }
    }
    return r;
  }
  ConstBound r;
  if (a.min >= 0 && b.min >= 0 && !mul_ok(a.min, b.min, &r.min)) r.min = kNegInf;
  return r;
}

namespace {

/// Values that the type can hold.
ConstBound type_bound(DataType t) {
  if (t.is_bool()) return {0, 1};
  if (!t.is_integer() || t.bits >= 64) return {};
  if (t.is_uint()) return {0, (int64_t{1} << t.bits) - 1};
  return {-(int64_t{1} << (t.bits - 1)), (int64_t{1} << (t.bits - 1)) - 1};
}
bool inside(ConstBound a, ConstBound b) {
  return a.min >= b.min && a.max <= b.max;
}

ConstBound div_bounds(ConstBound a, ConstBound b) {
  if (b.min <= 0 || b.max < b.min) return {};  // contradictory facts give empty bounds
  // |a // b| never exceeds what b's smallest value gives, and is 0 or -1 at least.
  ConstBound r = div_bound(a, b.min);
  if (r.min > 0) r.min = b.max == kPosInf ? 0 : floor_div(a.min, b.max);
  if (r.max < 0 && r.max != kPosInf) r.max = b.max == kPosInf ? -1 : floor_div(a.max, b.max);
  return r;
}

}  // namespace

namespace {

ModularSet make_modular(int64_t coeff, int64_t base) {
  if (coeff < 0) coeff = -coeff;
  if (coeff == 0) return {0, base};
  return {coeff, floor_mod(base, coeff)};
}
ModularSet add_modular(ModularSet a, ModularSet b) {
  const int64_t coeff = gcd_of(a.coeff, b.coeff);
  int64_t base;
  if (coeff != 0) return make_modular(coeff, (a.base % coeff + b.base % coeff) % coeff);
  return add_ok(a.base, b.base, &base) ? ModularSet{0, base} : ModularSet{};
}
ModularSet scale_modular(ModularSet a, int64_t k) {
  int64_t coeff, base;
  if (k == 0) return {0, 0};
  if (!mul_ok(a.coeff, k, &coeff) || !mul_ok(a.base, k, &base) || coeff == kNegInf) return {};
  return make_modular(coeff, base);
}
/// d > 0.
ModularSet div_modular(ModularSet m, int64_t d) {
  if (m.coeff % d != 0) return {};
  return make_modular(m.coeff / d, floor_div(m.base, d));
}
/// d > 0.
ModularSet mod_modular(ModularSet m, int64_t d) {
  if (m.coeff % d == 0) return {0, floor_mod(m.base, d)};
  return make_modular(gcd_of(m.coeff, d), m.base);
}
ModularSet join_modular(ModularSet a, ModularSet b) {
  int64_t difference;
  if (!sub_ok(a.base, b.base, &difference) || difference == kNegInf) return {};
  return make_modular(gcd_of(gcd_of(a.coeff, b.coeff), difference), a.base);
}

}  // namespace

/// Interval arithmetic for integers of any width, with the check that nothing wraps.
ConstBound Engine::bound_narrow(const Expr& e) {
  const DataType t = e.dtype();
  if (t.lanes != 1 || !(t.is_integer() || t.is_bool())) return {};
  const ConstBound all = type_bound(t);
  if (t.is_uint() && t.bits >= 64) return {};
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return {as<IntImmNode>(e)->value, as<IntImmNode>(e)->value};
    case ExprKind::kVar:
      return intersect(all, bound_atom(e.get()));
    case ExprKind::kCast: {
      const Expr& value = as<CastNode>(e)->value;
      const DataType from = value.dtype();
      if (from.lanes != 1 || !(from.is_integer() || from.is_bool()) || t.is_bool()) return all;
      if (from.is_uint() && from.bits >= 64) return all;
      const ConstBound b = raw_bound(value);
      return inside(b, all) ? b : all;
    }
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMin:
    case ExprKind::kMax: {
      const auto* n = as<BinaryNode>(e);
      const ConstBound a = bound_narrow(n->a), b = bound_narrow(n->b);
      ConstBound r;
      switch (e.kind()) {
        case ExprKind::kAdd:
          r = add_bounds(a, b);
          break;
        case ExprKind::kSub:
          r = add_bounds(a, scale_bound(b, -1));
          break;
        case ExprKind::kMul:
          r = mul_bounds(a, b);
          break;
        case ExprKind::kFloorDiv:
          r = div_bounds(a, b);
          break;
        case ExprKind::kFloorMod:
          if (b.min > 0 && b.is_const())
            r = mod_bound(a, b.min);
          else if (b.min > 0)
            r = {0, b.max == kPosInf ? kPosInf : b.max - 1};
          break;
        case ExprKind::kMin:
          r = {std::min(a.min, b.min), std::min(a.max, b.max)};
          break;
        default:
          r = {std::max(a.min, b.min), std::max(a.max, b.max)};
          break;
      }
      return inside(r, all) ? r : all;
    }
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      return hull(bound_narrow(n->true_value), bound_narrow(n->false_value));
    }
    default:
      return all;
  }
}

/// Interval arithmetic on an expression that is canonical already. Nothing is simplified here: bounds are asked for in
/// the middle of simplification.
ConstBound Engine::raw_bound(const Expr& e) {
  if (!is_index(e)) return bound_narrow(e);
  int64_t d;
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return {as<IntImmNode>(e)->value, as<IntImmNode>(e)->value};
    case ExprKind::kAdd:
      return add_bounds(raw_bound(as<BinaryNode>(e)->a), raw_bound(as<BinaryNode>(e)->b));
    case ExprKind::kSub:
      return add_bounds(raw_bound(as<BinaryNode>(e)->a), scale_bound(raw_bound(as<BinaryNode>(e)->b), -1));
    case ExprKind::kMul:
      if (is_const_int(as<BinaryNode>(e)->b, &d)) return scale_bound(raw_bound(as<BinaryNode>(e)->a), d);
      break;
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      if (is_const_int(as<BinaryNode>(e)->b, &d) && d > 0) {
        const ConstBound b = raw_bound(as<BinaryNode>(e)->a);
        return e.kind() == ExprKind::kFloorDiv ? div_bound(b, d) : mod_bound(b, d);
      }
      break;
    default:
      break;
  }
  return bound_atom(e.get());
}

ModularSet Engine::raw_modular(const Expr& e) {
  if (!is_index(e)) return {};
  int64_t d;
  const auto* n = as<BinaryNode>(e);
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return {0, as<IntImmNode>(e)->value};
    case ExprKind::kAdd:
      return add_modular(raw_modular(n->a), raw_modular(n->b));
    case ExprKind::kSub:
      return add_modular(raw_modular(n->a), scale_modular(raw_modular(n->b), -1));
    case ExprKind::kMul:
      if (is_const_int(n->b, &d)) return scale_modular(raw_modular(n->a), d);
      break;
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      if (is_const_int(n->b, &d) && d > 0) {
        const ModularSet m = raw_modular(n->a);
        return e.kind() == ExprKind::kFloorDiv ? div_modular(m, d) : mod_modular(m, d);
      }
      break;
    default:
      break;
  }
  return modular_atom(e.get());
}

ConstBound Engine::compute_bound(const Atom& atom) {
  const Expr& e = atom.expr;
  if (atom.sum) return bound(*atom.sum);
  auto side = [&](const Expr& x) { return raw_bound(x); };
  switch (e.kind()) {
    case ExprKind::kMul:
      return mul_bounds(side(as<BinaryNode>(e)->a), side(as<BinaryNode>(e)->b));
    case ExprKind::kMin: {
      const ConstBound a = side(as<BinaryNode>(e)->a), b = side(as<BinaryNode>(e)->b);
      return {std::min(a.min, b.min), std::min(a.max, b.max)};
    }
    case ExprKind::kMax: {
      const ConstBound a = side(as<BinaryNode>(e)->a), b = side(as<BinaryNode>(e)->b);
      return {std::max(a.min, b.min), std::max(a.max, b.max)};
    }
    case ExprKind::kFloorDiv:
      return div_bounds(side(as<BinaryNode>(e)->a), side(as<BinaryNode>(e)->b));
    case ExprKind::kFloorMod: {
      const ConstBound b = side(as<BinaryNode>(e)->b);
      if (b.min <= 0) return {};
      const ConstBound a = side(as<BinaryNode>(e)->a);
      ConstBound r{0, b.max == kPosInf ? kPosInf : b.max - 1};
      if (a.min >= 0) r.max = std::min(r.max, a.max);
      return r;
    }
    case ExprKind::kSelect:
      return hull(side(as<SelectNode>(e)->true_value), side(as<SelectNode>(e)->false_value));
    case ExprKind::kCall: {
      const auto* n = as<CallNode>(e);
      if (n->op == Intrinsic::kAbs) {
        const ConstBound a = side(n->args[0]);
        if (a.min >= 0) return a;
        const ConstBound negative = scale_bound(a, -1);
        return {0, std::max(a.max, negative.max)};
      }
      if (n->op == Intrinsic::kPopcount) return {0, 64};
      if (n->op == Intrinsic::kBitAnd) {
        const ConstBound a = side(n->args[0]), b = side(n->args[1]);
        if (a.min >= 0) return {0, b.min >= 0 ? std::min(a.max, b.max) : a.max};
        if (b.min >= 0) return {0, b.max};
      }
      return {};
    }
    case ExprKind::kCast:
      return bound_narrow(e);
    default:
      return {};
  }
}

ConstBound Engine::bound_atom(const ExprNode* atom) {
  Atom* a = find(atom);
  if (!a) {
    if (atom->kind == ExprKind::kVar) return {};
    a = intern(Expr(atom), Atom::kOpaque);
  }
  if (a->kind == Atom::kVar) return a->bound;
  if (a->cached_epoch != epoch_) {
    a->cached = a->bound;  // what recursion sees, should an atom contain itself
    a->cached_epoch = epoch_;
    const ConstBound b = intersect(a->bound, compute_bound(*a));
    a->cached = b;
  }
  return a->cached;
}

ConstBound Engine::bound(const Term& t) {
  ConstBound b = bound_atom(t.atom);
  if (t.lower != 1) b = div_bound(b, t.lower);
  if (t.extent != 0) b = mod_bound(b, t.extent);
  return scale_bound(b, t.scale);
}

ConstBound Engine::bound(const Sum& s) {
  for (const Term& t : s.terms) {
    if (t.atom->kind == ExprKind::kVar || s.terms.size() == 1) continue;
    Sum copy = s;
    recompose(&copy);
    ConstBound b{copy.base, copy.base};
    for (const Term& x : copy.terms) b = add_bounds(b, bound(x));
    return b;
  }
  ConstBound b{s.base, s.base};
  for (const Term& x : s.terms) b = add_bounds(b, bound(x));
  return b;
}

ModularSet Engine::modular_atom(const ExprNode* atom) {
  if (const ConstBound b = bound_atom(atom); b.is_const()) return {0, b.min};
  const Atom* a = find(atom);
  if (!a) return {};
  if (a->modular.coeff != 1 || a->kind == Atom::kVar) return a->modular;
  if (a->sum) return modular(*a->sum);
  const Expr& e = a->expr;
  switch (e.kind()) {
    case ExprKind::kMul: {
      const ModularSet x = raw_modular(as<BinaryNode>(e)->a), y = raw_modular(as<BinaryNode>(e)->b);
      // (p a + q)(r b + s) = pr ab + ps a + qr b + qs
      const ModularSet both = scale_modular({x.coeff, 0}, y.coeff);
      if (x.coeff != 0 && y.coeff != 0 && both.coeff == 1) return {};
      return add_modular(add_modular(both, scale_modular({x.coeff, 0}, y.base)),
                         add_modular(scale_modular({y.coeff, 0}, x.base), scale_modular({0, x.base}, y.base)));
    }
    case ExprKind::kMin:
    case ExprKind::kMax:
      return join_modular(raw_modular(as<BinaryNode>(e)->a), raw_modular(as<BinaryNode>(e)->b));
    case ExprKind::kSelect:
      return join_modular(raw_modular(as<SelectNode>(e)->true_value), raw_modular(as<SelectNode>(e)->false_value));
    default:
      return {};
  }
}

ModularSet Engine::modular(const Term& t) {
  ModularSet m = modular_atom(t.atom);
  if (t.lower != 1) m = div_modular(m, t.lower);
  if (t.extent != 0) m = mod_modular(m, t.extent);
  return scale_modular(m, t.scale);
}

ModularSet Engine::modular(const Sum& s) {
  ModularSet m{0, s.base};
  for (const Term& t : s.terms) m = add_modular(m, modular(t));
  return m;
}

}  // namespace tilewright::arith
