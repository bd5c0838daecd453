// What is known: ranges of variables, assumptions, and their removal at the end of a scope.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

Engine::Scope::Scope(Engine& engine) : engine_(engine), facts_(engine.facts_.size()), log_(engine.undo_.size()) {
  ++engine_.scopes_;
}
Engine::Scope::~Scope() {
  --engine_.scopes_;
  bool changed = engine_.facts_.size() != facts_;
  engine_.facts_.resize(facts_);
  for (; engine_.undo_.size() > log_; engine_.undo_.pop_back()) {
    const Undo& u = engine_.undo_.back();
    u.atom->bound = u.bound;
    u.atom->modular = u.modular;
    changed = true;
  }
  if (changed) ++engine_.epoch_;
}

void Engine::bind(const Var& var, const Range& range) {
  std::erase_if(facts_, [&](const Fact& f) { return f.owner == var.get(); });
  {
    Atom* a = intern(var, Atom::kVar);
    a->in_fact = true;
    a->value = nullptr;
    a->bound = {};
    a->modular = {};
  }
  ++epoch_;
  if (!range.min.defined() || !is_index(var)) {
    if (!range.min.defined() || !range.extent.defined()) return;
    // Narrow variables keep constant ends only.
    int64_t low, extent;
    if (is_const_int(range.min, &low) && is_const_int(range.extent, &extent) && add_ok(low, extent, &extent) &&
        extent != kNegInf)
      find(var.get())->bound = {low, extent - 1};
    return;
  }
  const Sum low = parse(range.min);
  ConstBound b;
  b.min = bound_with_facts(low).min;
  Sum self, d;
  self.terms.push_back({var.get(), 1, 0, 1});
  Sum high = low;
  const bool has_high =
      range.extent.defined() && add_scaled(&high, parse(range.extent), 1) && add_ok(high.base, -1, &high.base);
  if (has_high) b.max = bound_with_facts(high).max;
  find(var.get())->bound = b;
  ++epoch_;
  if (!low.is_const()) {
    d = self;
    if (add_scaled(&d, low, -1)) add_fact(std::move(d), var.get());
  }
  if (has_high && !high.is_const()) {
    d = high;
    if (add_scaled(&d, self, -1)) add_fact(std::move(d), var.get());
  }
}

void Engine::bind(const Var& var, const Expr& value) {
  const Expr simple = simplify(value);
  if (simple.same_as(var)) return;
  if (uses_var(simple, var.get())) {
    if (is_index(var)) assume(var == simple);
    return;
  }
  std::erase_if(facts_, [&](const Fact& f) { return f.owner == var.get(); });
  // Facts about the variable become facts about its value.
  std::vector<Expr> renewed;
  for (const Fact& f : facts_) {
    bool uses = false;
    for (const Term& t : f.sum.terms) uses |= uses_var(Expr(t.atom), var.get());
    if (uses) renewed.push_back(emit(f.sum) >= 0);
  }
  std::erase_if(facts_, [&](const Fact& f) {
    return std::any_of(f.sum.terms.begin(), f.sum.terms.end(),
                       [&](const Term& t) { return uses_var(Expr(t.atom), var.get()); });
  });
  Atom* a = intern(var, Atom::kVar);
  a->in_fact = true;
  a->bound = {};
  a->modular = {};
  a->value = simple;
  ++epoch_;
  for (const Expr& f : renewed) assume(f);
}

void Engine::forget(const std::vector<const VarNode*>& vars) {
  auto uses = [&](const ExprNode* e) {
    return uses_any_var(Expr(e),
                        [&](const VarNode* v) { return std::find(vars.begin(), vars.end(), v) != vars.end(); });
  };
  std::erase_if(facts_, [&](const Fact& f) {
    return std::any_of(f.sum.terms.begin(), f.sum.terms.end(), [&](const Term& t) { return uses(t.atom); });
  });
  for (Atom& a : atoms_) {
    if (!uses(a.expr.get()) && !(a.value.defined() && uses(a.value.get()))) continue;
    a.bound = {};
    a.modular = {};
    a.value = nullptr;
  }
  ++epoch_;
}

void Engine::tighten(const ExprNode* atom, ConstBound b) {
  Atom* a = atom->kind == ExprKind::kVar ? intern(Expr(atom), Atom::kVar) : find(atom);
  if (!a) return;
  const ConstBound r = intersect(a->bound, b);
  if (r.min == a->bound.min && r.max == a->bound.max) return;
  if (scopes_ > 0)
    undo_.push_back({a, a->bound, a->modular});
  else
    a->in_fact = true;
  a->bound = r;
  ++epoch_;
}

void Engine::set_modular(const ExprNode* atom, ModularSet m) {
  Atom* a = atom->kind == ExprKind::kVar ? intern(Expr(atom), Atom::kVar) : find(atom);
  if (!a || m.coeff <= 1) return;
  // Of two facts the one that divides finer stays.
  if (a->modular.coeff != 1 && m.coeff % a->modular.coeff != 0) return;
  if (scopes_ > 0)
    undo_.push_back({a, a->bound, a->modular});
  else
    a->in_fact = true;
  a->modular = m;
  ++epoch_;
}

void Engine::add_fact(Sum s, const VarNode* owner) {
  tighten_ge0(&s);
  if (s.is_const()) return;
  if (s.terms.size() == 1 && s.terms[0].extent == 0 && owner == nullptr) {
    // scale is 1 or -1: a bound of atom // lower.
    const Term t = s.terms[0];
    int64_t limit;
    if (s.base == kNegInf) return;
    if (t.scale == 1) {
      if (!mul_ok(-s.base, t.lower, &limit)) return;
    } else {
      if (!add_ok(s.base, 1, &limit) || !mul_ok(limit, t.lower, &limit) || !sub_ok(limit, 1, &limit)) return;
    }
    const ConstBound b = t.scale == 1 ? ConstBound{limit, kPosInf} : ConstBound{kNegInf, limit};
    const Atom* a = t.atom->kind == ExprKind::kVar ? nullptr : find(t.atom);
    tighten(t.atom, b);
    if (!a || !a->sum) return;
    // The same for the terms of a sum.
    Sum inner;
    if (!add_scaled(&inner, *a->sum, t.scale)) return;
    if (t.scale == 1 ? !sub_ok(inner.base, limit, &inner.base) : !add_ok(inner.base, limit, &inner.base)) return;
    s = std::move(inner);
  }
  if (scopes_ == 0) pin(s);
  facts_.push_back({std::move(s), owner});
  ++epoch_;
}

void Engine::assume_eq0(const Sum& s) {
  Sum negated;
  if (s.terms.size() == 1) {
    const Term t = s.terms[0];
    if (t.scale != kNegInf && s.base != kNegInf && s.base % t.scale == 0 && t.lower == 1 && t.extent != 0) {
      const int64_t v = -(s.base / t.scale);
      if (v >= 0 && v < t.extent) set_modular(t.atom, {t.extent, v});
    }
  }
  add_fact(s, nullptr);
  if (add_scaled(&negated, s, -1)) add_fact(std::move(negated), nullptr);
}

void Engine::assume(const Expr& e) {
  if (!e.defined()) return;
  if (e.kind() == ExprKind::kAnd && e.dtype() == kBool) {
    assume(as<BinaryNode>(e)->a);
    return assume(as<BinaryNode>(e)->b);
  }
  if (const auto* n = as<NotNode>(e)) {
    const Expr& v = n->value;
    if (v.kind() == ExprKind::kOr && v.dtype() == kBool) {
      assume(!as<BinaryNode>(v)->a);
      return assume(!as<BinaryNode>(v)->b);
    }
    const auto* c = is_comparison(v.kind()) ? as<BinaryNode>(v) : nullptr;
    if (!c || c->a.dtype() != kI64) return;
    switch (v.kind()) {
      case ExprKind::kLt:
        return assume(c->a >= c->b);
      case ExprKind::kLe:
        return assume(c->a > c->b);
      case ExprKind::kGt:
        return assume(c->a <= c->b);
      case ExprKind::kGe:
        return assume(c->a < c->b);
      case ExprKind::kEq:
        return assume(c->a != c->b);
      default:
        return assume(c->a == c->b);
    }
  }
  const auto* n = is_comparison(e.kind()) ? as<BinaryNode>(e) : nullptr;
  if (!n || n->a.dtype() != kI64) return;
  const Sum a = parse(n->a), b = parse(n->b);
  const bool flip = e.kind() == ExprKind::kLt || e.kind() == ExprKind::kLe;
  Sum d = flip ? b : a;
  if (!add_scaled(&d, flip ? a : b, -1)) return;
  switch (e.kind()) {
    case ExprKind::kLt:
    case ExprKind::kGt:
      if (!add_ok(d.base, -1, &d.base)) return;
      return add_fact(std::move(d), nullptr);
    case ExprKind::kLe:
    case ExprKind::kGe:
      return add_fact(std::move(d), nullptr);
    case ExprKind::kEq:
      recompose(&d);
      return assume_eq0(d);
    default: {
      // x != c at an end of what is known of x.
      if (d.terms.size() != 1 || d.terms[0].lower != 1 || d.terms[0].extent != 0) return;
      const Term t = d.terms[0];
      if (t.scale == kNegInf || d.base == kNegInf || d.base % t.scale != 0) return;
      const int64_t c = -(d.base / t.scale);
      const ConstBound known = bound_atom(t.atom);
      if (known.min == c && c < kPosInf - 1)
        tighten(t.atom, {c + 1, kPosInf});
      else if (known.max == c && c > kNegInf + 1)
        tighten(t.atom, {kNegInf, c - 1});
      return;
    }
  }
}

}  // namespace tilewright::arith
