#include "arith/set_eval.h"

#include <algorithm>

namespace tilewright::arith {

using namespace tir;

SetEvaluator::SetEvaluator(const Engine& known, const IntSetMap& domains) : engine_(known) {
  // In order of the variables' creation: the map's own order is not reproducible.
  std::vector<std::pair<const VarNode*, const IntSet*>> sorted;
  for (const auto& [var, set] : domains) {
    if (var->dtype == kI64)
      sorted.emplace_back(var, &set);
    else
      domains_.push_back({var, {}});  // varies, and nothing is known
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first->id < b.first->id; });
  for (const auto& [var, set] : sorted) engine_.bind(Var(var), Range{});
  for (const auto& [var, set] : sorted) {
    Domain d{var, {}};
    if (set->min.defined()) {
      d.set.min = engine_.parse(set->min);
      d.set.has_min = true;
    }
    if (set->max.defined()) {
      d.set.max = engine_.parse(set->max);
      d.set.has_max = true;
    }
    domains_.push_back(std::move(d));
  }
  for (const auto& [var, set] : sorted) {
    if (set->min.defined()) engine_.assume(Expr(var) >= set->min);
    if (set->max.defined()) engine_.assume(Expr(var) <= set->max);
  }
}

bool SetEvaluator::varies(const Expr& e) const {
  if (e.kind() == ExprKind::kIntImm) return false;
  auto is_domain = [&](const VarNode* v) {
    return std::any_of(domains_.begin(), domains_.end(), [&](const Domain& d) { return d.var == v; });
  };
  if (e.kind() == ExprKind::kVar) return is_domain(static_cast<const VarNode*>(e.get()));
  if (is_binary(e.kind())) return varies(as<BinaryNode>(e)->a) || varies(as<BinaryNode>(e)->b);
  return uses_any_var(e, is_domain);
}

bool SetEvaluator::varies(const Sum& s) const {
  return std::any_of(s.terms.begin(), s.terms.end(), [&](const Term& t) { return varies(Expr(t.atom)); });
}

void SetEvaluator::narrow(const Sum& s, SumInterval* set) {
  const bool low_open = !set->has_min || set->min.is_const(), high_open = !set->has_max || set->max.is_const();
  if (!low_open && !high_open) return;
  const ConstBound b = engine_.bound_with_facts(s);
  if (low_open && b.min != kNegInf && (!set->has_min || b.min > set->min.base)) {
    set->min = Sum();
    set->min.base = b.min;
    set->has_min = true;
  }
  if (high_open && b.max != kPosInf && (!set->has_max || b.max < set->max.base)) {
    set->max = Sum();
    set->max.base = b.max;
    set->has_max = true;
  }
}

bool SetEvaluator::scale(SumInterval* s, int64_t k) {
  Sum low, high;
  if (s->has_min && !engine_.add_scaled(&low, s->min, k)) s->has_min = false;
  if (s->has_max && !engine_.add_scaled(&high, s->max, k)) s->has_max = false;
  s->min = std::move(low);
  s->max = std::move(high);
  if (k < 0) {
    std::swap(s->min, s->max);
    std::swap(s->has_min, s->has_max);
  }
  return true;
}

SumInterval SetEvaluator::eval(const Sum& s) {
  if (!varies(s)) return SumInterval::point(s);
  SumInterval r;
  r.has_min = r.has_max = true;
  r.min.base = r.max.base = s.base;
  for (const Term& t : s.terms) {
    const SumInterval x = eval(t);
    r.has_min = r.has_min && x.has_min && engine_.add_scaled(&r.min, x.min, 1);
    r.has_max = r.has_max && x.has_max && engine_.add_scaled(&r.max, x.max, 1);
  }
  narrow(s, &r);
  return r;
}

SumInterval SetEvaluator::eval(const Term& t) {
  Sum unit;
  if (!varies(Expr(t.atom))) {
    unit.terms.push_back(t);
    return SumInterval::point(unit);
  }
  SumInterval r = eval_atom(t.atom);
  auto divide = [&](Sum* s, int64_t d) {
    Sum q;
    if (!engine_.div_const(*s, d, &q)) return false;
    *s = std::move(q);
    return true;
  };
  if (t.lower != 1) {
    r.has_min = r.has_min && divide(&r.min, t.lower);
    r.has_max = r.has_max && divide(&r.max, t.lower);
  }
  if (t.extent != 0) {
    // Inside one period the modulo only shifts.
    Sum low = r.min, high = r.max, gap;
    bool one_period = r.has_min && r.has_max && divide(&low, t.extent) && divide(&high, t.extent) &&
                      engine_.add_scaled(&gap, high, 1) && engine_.add_scaled(&gap, low, -1) && gap.is_const() &&
                      gap.base == 0;
    one_period = one_period && engine_.add_scaled(&r.min, low, -t.extent) && engine_.add_scaled(&r.max, low, -t.extent);
    if (!one_period) {
      r = {};
      r.has_min = r.has_max = true;
      r.max.base = t.extent - 1;
    }
  }
  unit.terms.push_back({t.atom, t.lower, t.extent, 1});
  narrow(unit, &r);
  scale(&r, t.scale);
  return r;
}

SumInterval SetEvaluator::raw(const Expr& e) {
  Sum s;
  if (!engine_.raw_sum(e, 1, &s)) return {};
  return eval(s);
}

SumInterval SetEvaluator::hull(const Expr& a, const Expr& b) {
  const SumInterval x = raw(a), y = raw(b);
  SumInterval r;
  std::vector<Sum> low{x.min, y.min}, high{x.max, y.max};
  r.has_min = x.has_min && y.has_min && engine_.min_max_of(ExprKind::kMin, &low, &r.min);
  r.has_max = x.has_max && y.has_max && engine_.min_max_of(ExprKind::kMax, &high, &r.max);
  return r;
}

SumInterval SetEvaluator::eval_atom(const ExprNode* atom) {
  if (atom->kind == ExprKind::kVar) {
    for (const Domain& d : domains_) {
      if (d.var == atom) return d.set;
    }
    return {};
  }
  if (const Atom* a = engine_.find(atom); a && a->sum) {
    const Sum s = *a->sum;
    return eval(s);
  }
  const Expr e(atom);
  SumInterval r;
  switch (e.kind()) {
    case ExprKind::kMin:
    case ExprKind::kMax: {
      const SumInterval x = raw(as<BinaryNode>(e)->a), y = raw(as<BinaryNode>(e)->b);
      const bool is_min = e.kind() == ExprKind::kMin;
      std::vector<Sum> low{x.min, y.min}, high{x.max, y.max};
      if (x.has_min && y.has_min)
        r.has_min = engine_.min_max_of(e.kind(), &low, &r.min);
      else if (!is_min && (x.has_min || y.has_min))
        r.has_min = true, r.min = x.has_min ? x.min : y.min;
      if (x.has_max && y.has_max)
        r.has_max = engine_.min_max_of(e.kind(), &high, &r.max);
      else if (is_min && (x.has_max || y.has_max))
        r.has_max = true, r.max = x.has_max ? x.max : y.max;
      break;
    }
    case ExprKind::kSelect:
      r = hull(as<SelectNode>(e)->true_value, as<SelectNode>(e)->false_value);
      break;
    case ExprKind::kMul: {
      const Expr &a = as<BinaryNode>(e)->a, &b = as<BinaryNode>(e)->b;
      if (varies(a) && varies(b)) break;
      Sum factor, negative;
      if (!engine_.raw_sum(varies(a) ? b : a, 1, &factor) || !engine_.add_scaled(&negative, factor, -1)) break;
      const bool up = engine_.prove_ge0(factor), down = !up && engine_.prove_ge0(negative);
      if (!up && !down) break;
      SumInterval x = raw(varies(a) ? a : b);
      if (down) std::swap(x.min, x.max), std::swap(x.has_min, x.has_max);
      r.has_min = x.has_min && engine_.mul(x.min, factor, &r.min);
      r.has_max = x.has_max && engine_.mul(x.max, factor, &r.max);
      break;
    }
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      const Expr &a = as<BinaryNode>(e)->a, &b = as<BinaryNode>(e)->b;
      Sum divisor;
      if (varies(b) || !engine_.raw_sum(b, 1, &divisor) || !engine_.prove_gt0(divisor)) break;
      if (e.kind() == ExprKind::kFloorMod) {
        r.has_min = true;
        r.has_max = engine_.add_scaled(&r.max, divisor, 1) && add_ok(r.max.base, -1, &r.max.base);
        break;
      }
      const SumInterval x = raw(a);
      r.has_min = x.has_min && engine_.divmod_symbolic(e.kind(), x.min, divisor, &r.min);
      r.has_max = x.has_max && engine_.divmod_symbolic(e.kind(), x.max, divisor, &r.max);
      break;
    }
    default:
      break;
  }
  Sum unit;
  unit.terms.push_back({atom, 1, 0, 1});
  narrow(unit, &r);
  return r;
}

Expr SetEvaluator::settle(SumInterval set, bool low) {
  // Ends may depend on other domain variables: each round removes at least the innermost.
  for (size_t round = 0; round <= domains_.size(); ++round) {
    if (!(low ? set.has_min : set.has_max)) return nullptr;
    const Sum& end = low ? set.min : set.max;
    if (!varies(end)) return engine_.emit(end);
    const Sum copy = end;
    set = eval(copy);
  }
  return nullptr;
}

IntSet SetEvaluator::eval(const Expr& e) {
  const Sum s = engine_.parse(e);
  if (!varies(s)) return IntSet::point(engine_.emit(s, e));
  const SumInterval set = eval(s);
  return {settle(set, true), settle(set, false)};
}

IntSet Analyzer::eval_set(const Expr& e, const IntSetMap& domains) {
  if (!is_index(e)) {
    const bool varies = uses_any_var(e, [&](const VarNode* v) { return domains.count(v) != 0; });
    return varies ? IntSet{} : IntSet::point(e);
  }
  return SetEvaluator(engine(), domains).eval(e);
}

}  // namespace tilewright::arith
