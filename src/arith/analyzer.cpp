#include "tilewright/arith/analyzer.h"

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

struct Analyzer::Impl {
  Engine engine;
};

Analyzer::Analyzer() : impl_(std::make_unique<Impl>()) {}
Analyzer::~Analyzer() = default;
Analyzer::Analyzer(const Analyzer& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Analyzer::Analyzer(Analyzer&& other) noexcept = default;
Analyzer& Analyzer::operator=(Analyzer other) noexcept {
  impl_ = std::move(other.impl_);
  return *this;
}

Engine& Analyzer::engine() {
  return impl_->engine;
}

void Analyzer::bind(const Var& var, const Range& range) {
  impl_->engine.bind(var, range);
}
void Analyzer::bind(const Var& var, const Expr& value) {
  impl_->engine.bind(var, value);
}
void Analyzer::assume(const Expr& fact) {
  impl_->engine.assume(fact);
}

Expr Analyzer::simplify(const Expr& e) {
  impl_->engine.trim();
  return impl_->engine.simplify(e);
}
bool Analyzer::can_prove(const Expr& condition) {
  impl_->engine.trim();
  return !condition.defined() || impl_->engine.prove(condition);
}

namespace {
bool difference(Engine& engine, const Expr& a, const Expr& b, Sum* out) {
  if (!is_index(a) || !is_index(b)) return false;
  *out = engine.parse(a);
  return engine.add_scaled(out, engine.parse(b), -1);
}
}  // namespace

bool Analyzer::can_prove_equal(const Expr& a, const Expr& b) {
  if (same_expr(a, b)) return true;
  Engine& engine = impl_->engine;
  engine.trim();
  Sum d;
  if (!difference(engine, a, b, &d)) return a.dtype() == b.dtype() && same_expr(engine.simplify(a), engine.simplify(b));
  if (d.is_const()) return d.base == 0;
  Sum negated;
  return engine.prove_ge0(d) && engine.add_scaled(&negated, d, -1) && engine.prove_ge0(negated);
}

bool Analyzer::can_prove_ge(const Expr& a, const Expr& b) {
  impl_->engine.trim();
  Sum d;
  return difference(impl_->engine, a, b, &d) ? impl_->engine.prove_ge0(d) : impl_->engine.prove(a >= b);
}

bool Analyzer::can_prove_lt(const Expr& a, const Expr& b) {
  impl_->engine.trim();
  Sum d;
  return difference(impl_->engine, b, a, &d) ? impl_->engine.prove_gt0(d) : impl_->engine.prove(a < b);
}

ConstBound Analyzer::const_bound(const Expr& e) {
  impl_->engine.trim();
  return impl_->engine.bound_of(e);
}

ModularSet Analyzer::modular_set(const Expr& e) {
  impl_->engine.trim();
  return impl_->engine.modular_of(e);
}

ConstBound Engine::bound_of(const Expr& e) {
  return is_index(e) ? bound_with_facts(parse(e)) : bound_narrow(simplify(e));
}

ModularSet Engine::modular_of(const Expr& e) {
  int64_t c;
  if (is_index(e)) return modular(parse(e));
  return is_const_int(e, &c) ? ModularSet{0, c} : ModularSet{};
}

IntSet IntSet::from_range(const Range& r) {
  return {r.min, r.min + (r.extent - 1)};
}

}  // namespace tilewright::arith
