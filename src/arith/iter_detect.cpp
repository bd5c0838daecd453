// From expressions to lists of splits.
#include "arith/iter_detect.h"

#include <algorithm>

namespace tilewright::arith {

using namespace tir;

IterDetector::IterDetector(const Engine& known, const std::vector<IterDomain>& loops) : known_(known), engine_(known) {
  for (const IterDomain& l : loops) {
    failed_ |=
        l.var.dtype() != kI64 || std::find(loop_vars_.begin(), loop_vars_.end(), l.var.get()) != loop_vars_.end();
    loop_vars_.push_back(l.var.get());
  }
  if (failed_) return;
  engine_.forget(loop_vars_);
  for (const IterDomain& l : loops) {
    Mark m;
    m.var = l.var;
    if (uses_loop(l.range.min) || uses_loop(l.range.extent)) {
      failed_ = true;
      return;
    }
    const Sum extent = engine_.parse(l.range.extent), low = engine_.parse(l.range.min);
    failed_ |= !quantity(extent, &m.extent);
    Var counter = l.var;
    if (low.is_const() && low.base == 0) {
      engine_.bind(l.var, Range{Expr(0), l.range.extent});
    } else {
      m.min = engine_.emit(low);
      counter = Var(l.var.name());
      engine_.bind(counter, Range{Expr(0), l.range.extent});
      engine_.bind(l.var, counter + m.min);
      loop_vars_.push_back(counter.get());
    }
    by_atom_.emplace_back(counter.get(), static_cast<int>(marks_.size()));
    marks_.push_back(std::move(m));
  }
}

bool IterDetector::uses_loop(const Expr& e) const {
  if (e.kind() == ExprKind::kIntImm) return false;
  auto is_loop = [&](const VarNode* v) {
    return std::find(loop_vars_.begin(), loop_vars_.end(), v) != loop_vars_.end();
  };
  if (e.kind() == ExprKind::kVar) return is_loop(static_cast<const VarNode*>(e.get()));
  if (is_binary(e.kind())) return uses_loop(as<BinaryNode>(e)->a) || uses_loop(as<BinaryNode>(e)->b);
  return uses_any_var(e, is_loop);
}
bool IterDetector::uses_loop(const Sum& s) const {
  return std::any_of(s.terms.begin(), s.terms.end(), [&](const Term& t) { return uses_loop(Expr(t.atom)); });
}

// ---- Quantities

bool IterDetector::quantity(const Sum& s, Quantity* out) {
  *out = {};
  if (s.is_const()) {
    out->c = s.base;
    return s.base > 0;
  }
  out->e = engine_.emit(s);
  return !uses_loop(s);
}
// `out` may be one of the operands.
bool IterDetector::multiply(const Quantity& a, const Quantity& b, Quantity* out) {
  Quantity r;
  if (a.is_const() && b.is_const()) {
    if (!mul_ok(a.c, b.c, &r.c)) return false;
  } else if (a.is_one()) {
    r = b;
  } else if (b.is_one()) {
    r = a;
  } else if (!quantity(engine_.parse(a.expr() * b.expr()), &r)) {
    return false;
  }
  *out = std::move(r);
  return true;
}
bool IterDetector::divides(const Quantity& a, const Quantity& b, Quantity* k) {
  Quantity r;
  if (a.is_const() && b.is_const()) {
    if (a.c <= 0 || b.c % a.c != 0) return false;
    r.c = b.c / a.c;
  } else if (a.is_one()) {
    r = b;
  } else {
    const Sum rest = engine_.parse(floormod(b.expr(), a.expr()));
    if (!rest.is_const() || rest.base != 0 || !quantity(engine_.parse(floordiv(b.expr(), a.expr())), &r)) return false;
  }
  *k = std::move(r);
  return true;
}
bool IterDetector::equal(const Quantity& a, const Quantity& b) {
  if (a.is_const() && b.is_const()) return a.c == b.c;
  Sum d = engine_.parse(a.expr());
  return engine_.add_scaled(&d, engine_.parse(b.expr()), -1) && d.is_const() && d.base == 0;
}
bool IterDetector::at_least(const Quantity& a, const Quantity& b) {
  if (a.is_const() && b.is_const()) return a.c >= b.c;
  Sum d = engine_.parse(a.expr());
  return engine_.add_scaled(&d, engine_.parse(b.expr()), -1) && engine_.prove_ge0(d);
}
bool IterDetector::runs(const Quantity& extent) {
  if (extent.is_const()) return extent.c >= 1;
  Engine without(known_);
  without.forget(loop_vars_);
  return without.prove_gt0(without.parse(extent.e));
}
bool IterDetector::extent_of(const Split& s, Quantity* out) {
  if (!s.top) {
    *out = s.extent;
    return true;
  }
  const Quantity& whole = marks_[static_cast<size_t>(s.mark)].extent;
  if (s.lower.is_one()) {
    *out = whole;
    return true;
  }
  if (whole.is_const() && s.lower.is_const()) {
    *out = {};
    out->c = (whole.c - 1) / s.lower.c + 1;
    return true;
  }
  return divides(s.lower, whole, out) ||
         quantity(engine_.parse(floordiv(whole.expr() + s.lower.expr() - 1, s.lower.expr())), out);
}

// ---- Parsing

bool IterDetector::constrain(const Expr& predicate) {
  if (failed_) return false;
  if (!predicate.defined()) return true;
  if (!condition(predicate) || !absorb_all()) return false;
  engine_.assume(predicate);
  return true;
}

bool IterDetector::condition(const Expr& e) {
  if (is_true(e)) return true;
  if (e.kind() == ExprKind::kAnd) return condition(as<BinaryNode>(e)->a) && condition(as<BinaryNode>(e)->b);
  const auto* n = is_comparison(e.kind()) ? as<BinaryNode>(e) : nullptr;
  if (!n || n->a.dtype() != kI64 || e.kind() == ExprKind::kNe) return engine_.prove(e);
  const bool flip = e.kind() == ExprKind::kLt || e.kind() == ExprKind::kLe;
  const bool strict = e.kind() == ExprKind::kLt || e.kind() == ExprKind::kGt;
  Sum d = engine_.parse(flip ? n->b : n->a);
  if (!engine_.add_scaled(&d, engine_.parse(flip ? n->a : n->b), -1)) return false;
  if (strict && !add_ok(d.base, -1, &d.base)) return false;
  if (!ge0(d)) return false;
  if (e.kind() != ExprKind::kEq) return true;
  Sum negated;
  return engine_.add_scaled(&negated, d, -1) && ge0(negated);
}

/// Adds the condition d >= 0.
bool IterDetector::ge0(Sum d) {
  if (engine_.prove_ge0(d)) return true;
  engine_.open_quotient(&d);
  Constraint c;
  Sum loops;
  c.limit.base = d.base;
  int sign = 0;
  for (const Term& t : d.terms) {
    if (!uses_loop(Expr(t.atom))) {
      c.limit.terms.push_back(t);
      continue;
    }
    const int s = t.scale > 0 ? 1 : -1;
    if ((sign != 0 && s != sign) || t.scale == kNegInf) return false;
    sign = s;
    loops.terms.push_back(t);
    loops.terms.back().scale = t.scale * s;
  }
  if (sign == 0) return false;  // a condition on free variables that is not known
  c.upper = sign < 0;
  if (!c.upper) {
    Sum negated;
    if (!engine_.add_scaled(&negated, c.limit, -1)) return false;
    c.limit = std::move(negated);
  }
  if (!to_list(loops, &c.list)) return false;
  // Terms without loops that the list found belong to the limit.
  if (!engine_.add_scaled(&c.limit, c.list.base, -1)) return false;
  c.list.base = Sum();
  if (c.upper && c.limit.is_const()) {
    // A term that oversteps the limit alone must be 0.
    for (size_t i = 0; i < c.list.terms.size() && c.list.terms.size() > 1;) {
      const Split& s = c.list.terms[i];
      if (!s.scale.is_const() || s.scale.c <= c.limit.base) {
        ++i;
        continue;
      }
      Constraint zero;
      zero.upper = true;
      zero.list.terms.push_back(s);
      zero.list.terms[0].scale = {};
      constraints_.push_back(std::move(zero));
      c.list.terms.erase(c.list.terms.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  constraints_.push_back(std::move(c));
  return true;
}

bool IterDetector::add_index(const Expr& e) {
  if (failed_ || !is_index(e)) return false;
  SplitList list;
  if (!to_list(engine_.parse(e), &list)) return false;
  indices_.push_back(std::move(list));
  return true;
}

bool IterDetector::to_list(const Sum& s, SplitList* out) {
  if (!add_ok(out->base.base, s.base, &out->base.base)) return false;
  for (const Term& t : s.terms) {
    if (uses_loop(Expr(t.atom)) ? !to_splits(t, out) : !engine_.add_term(&out->base, t)) return false;
  }
  return true;
}

bool IterDetector::divide(Split* s, const Quantity& lower, const Quantity* extent) {
  if (!s->scale.is_one()) return false;
  if (!lower.is_one()) {
    if (!s->top && !divides(lower, s->extent, &s->extent)) return false;
    if (!multiply(s->lower, lower, &s->lower)) return false;
  }
  if (extent) {
    Quantity k;
    if (!s->top && !divides(*extent, s->extent, &k)) return false;
    s->extent = *extent;
    s->top = false;
  }
  return true;
}

bool IterDetector::fuse(const SplitList& list, const ExprNode* key, Split* out) {
  if (!list.base.is_const() || list.base.base != 0 || list.terms.empty()) return false;
  if (list.terms.size() == 1 && list.terms[0].scale.is_one() && list.terms[0].top) {
    *out = list.terms[0];
    return true;
  }
  for (const auto& [atom, mark] : by_atom_) {
    if (atom != key) continue;
    *out = Split();
    out->mark = mark;
    return true;
  }
  Mark m;
  m.fused = list.terms;
  if (std::any_of(marks_.begin(), marks_.end(), [](const Mark& x) { return x.constrained; })) {
    // The predicate may shrink inner iterators to what makes this a chain.
    indices_.push_back(list);
    const bool ok = settle() && indices_.back().base.is_const() && indices_.back().base.base == 0;
    m.fused = indices_.back().terms;
    indices_.pop_back();
    if (!ok) return false;
    coalesce(&m.fused);
  }
  if (m.fused.empty() || !chain(&m.fused) || !m.fused[0].scale.is_one()) return false;
  if (!extent_of_chain(m.fused, &m.extent)) return false;
  *out = Split();
  out->mark = static_cast<int>(marks_.size());
  by_atom_.emplace_back(key, out->mark);
  marks_.push_back(std::move(m));
  return true;
}

bool IterDetector::to_splits(const Term& t, SplitList* out) {
  Split s;
  if (t.scale <= 0) return false;
  Quantity lower, extent;
  lower.c = t.lower;
  extent.c = t.extent;
  const Quantity* modulo = t.extent == 0 ? nullptr : &extent;
  const Expr e(t.atom);
  const auto loop = std::find_if(by_atom_.begin(), by_atom_.end(), [&](const auto& x) { return x.first == t.atom; });
  if (loop != by_atom_.end()) {
    s.mark = loop->second;
    if (!divide(&s, lower, modulo)) return false;
  } else if (const Atom* a = engine_.find(t.atom); a && a->sum) {
    SplitList inner;
    const Sum sum = *a->sum;
    if (!to_list(sum, &inner) || !fuse(inner, t.atom, &s) || !divide(&s, lower, modulo)) return false;
  } else if (e.kind() == ExprKind::kMul && t.lower == 1 && t.extent == 0) {
    // One factor runs, the others scale it.
    std::vector<Expr> factors;
    Expr rest = Expr(t.scale), running;
    for (Expr x = e; x.defined();) {
      const auto* n = x.kind() == ExprKind::kMul ? as<BinaryNode>(x) : nullptr;
      factors.push_back(n ? n->b : x);
      x = n ? n->a : Expr();
    }
    for (const Expr& f : factors) {
      if (!uses_loop(f))
        rest = rest * f;
      else if (running.defined())
        return false;
      else
        running = f;
    }
    Sum inner;
    SplitList list;
    if (!running.defined() || !engine_.raw_sum(running, 1, &inner) || !to_list(inner, &list)) return false;
    if (list.terms.size() != 1 || !list.base.is_const() || list.base.base != 0) return false;
    s = list.terms[0];
    Quantity scale;
    if (!quantity(engine_.parse(rest), &scale) || !multiply(s.scale, scale, &s.scale)) return false;
    out->terms.push_back(std::move(s));
    return true;
  } else if ((e.kind() == ExprKind::kFloorDiv || e.kind() == ExprKind::kFloorMod) && !uses_loop(as<BinaryNode>(e)->b)) {
    // Symbolic divisors.
    const auto* n = as<BinaryNode>(e);
    Sum inner, divisor;
    SplitList list;
    Quantity d;
    if (!engine_.raw_sum(n->a, 1, &inner) || !to_list(inner, &list) ||
        !fuse(list, engine_.intern(n->a, Atom::kOpaque)->expr.get(), &s))
      return false;
    if (!engine_.raw_sum(n->b, 1, &divisor) || !quantity(divisor, &d) || !engine_.prove_gt0(divisor)) return false;
    const bool ok = e.kind() == ExprKind::kFloorDiv ? divide(&s, d, nullptr) : divide(&s, Quantity(), &d);
    if (!ok || !divide(&s, lower, modulo)) return false;
  } else {
    return false;
  }
  s.scale = {};
  s.scale.c = t.scale;
  out->terms.push_back(std::move(s));
  return true;
}

bool IterDetector::chain(std::vector<Split>* terms) {
  const bool constant = std::all_of(terms->begin(), terms->end(), [](const Split& s) { return s.scale.is_const(); });
  if (constant) {
    std::stable_sort(terms->begin(), terms->end(),
                     [](const Split& a, const Split& b) { return a.scale.c < b.scale.c; });
    for (size_t i = 0; i + 1 < terms->size(); ++i) {
      Quantity extent, next;
      if (!extent_of((*terms)[i], &extent) || !multiply((*terms)[i].scale, extent, &next)) return false;
      if (!equal(next, (*terms)[i + 1].scale)) return false;
    }
    return true;
  }
  // Symbolic scales have no order of their own: look for each next one.
  for (size_t first = 0; first < terms->size(); ++first) {
    std::vector<Split> rest = *terms, found;
    found.push_back(rest[first]);
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(first));
    while (!rest.empty()) {
      Quantity extent, next;
      if (!extent_of(found.back(), &extent) || !multiply(found.back().scale, extent, &next)) return false;
      const auto it = std::find_if(rest.begin(), rest.end(), [&](const Split& s) { return equal(s.scale, next); });
      if (it == rest.end()) break;
      found.push_back(*it);
      rest.erase(it);
    }
    if (!rest.empty()) continue;
    *terms = std::move(found);
    return true;
  }
  return false;
}

}  // namespace tilewright::arith
