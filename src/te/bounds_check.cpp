// Refuses accesses that surely leave their tensor. Interval arithmetic over the axes; an interval counts as exact when
// every variable occurs once and every step keeps the ends attainable, so that a reported index really occurs.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "te/check.h"
#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

using tir::as;
using tir::ExprKind;

/// Ends are unknown where empty. `exact`: known ends are taken by some values of the variables.
struct Interval {
  std::optional<int64_t> min, max;
  bool exact = false;
};
using End = std::optional<int64_t>;
using Domains = std::unordered_map<const tir::VarNode*, Interval>;

template <typename F>
End combine(End a, End b, F checked) {
  int64_t out = 0;
  if (!a || !b || checked(*a, *b, &out)) return std::nullopt;
  return out;
}
End add(End a, End b) {
  return combine(a, b, [](int64_t x, int64_t y, int64_t* o) { return __builtin_add_overflow(x, y, o); });
}
End sub(End a, End b) {
  return combine(a, b, [](int64_t x, int64_t y, int64_t* o) { return __builtin_sub_overflow(x, y, o); });
}
End mul(End a, int64_t c) {
  return combine(a, End(c), [](int64_t x, int64_t y, int64_t* o) { return __builtin_mul_overflow(x, y, o); });
}
int64_t floor_div(int64_t a, int64_t b) {  // b > 0
  return a / b - (a % b < 0);
}

Interval evaluate(const Expr& e, const Domains& domains) {
  int64_t c = 0;
  if (tir::is_const_int(e, &c)) return {c, c, true};
  if (const auto* n = as<tir::CastNode>(e)) {
    // Only widening keeps the value for sure.
    const DataType from = n->value.dtype(), to = e.dtype();
    if (from.is_integer() && to == i64 && (from.is_int() || from.bits < 64)) {
      Interval inner = evaluate(n->value, domains);
      if (from.bits == 64) return inner;
    }
    return {};
  }
  if (e.kind() == ExprKind::kVar) {
    auto it = domains.find(static_cast<const tir::VarNode*>(e.get()));
    return it == domains.end() ? Interval{} : it->second;
  }
  const auto* n = as<tir::BinaryNode>(e);
  if (!n || !e.dtype().is_int() || e.dtype().bits != 64) return {};
  const Interval a = evaluate(n->a, domains), b = evaluate(n->b, domains);
  const bool exact = a.exact && b.exact;
  switch (n->kind) {
    case ExprKind::kAdd:
      return {add(a.min, b.min), add(a.max, b.max), exact};
    case ExprKind::kSub:
      return {sub(a.min, b.max), sub(a.max, b.min), exact};
    case ExprKind::kMul: {
      const bool const_a = tir::is_const_int(n->a, &c);
      if (!const_a && !tir::is_const_int(n->b, &c)) return {};
      const Interval& x = const_a ? b : a;
      return c >= 0 ? Interval{mul(x.min, c), mul(x.max, c), exact} : Interval{mul(x.max, c), mul(x.min, c), exact};
    }
    case ExprKind::kFloorDiv: {
      if (!tir::is_const_int(n->b, &c) || c <= 0) return {};
      Interval r{std::nullopt, std::nullopt, a.exact};
      if (a.min) r.min = floor_div(*a.min, c);
      if (a.max) r.max = floor_div(*a.max, c);
      return r;
    }
    case ExprKind::kFloorMod: {
      if (!tir::is_const_int(n->b, &c) || c <= 0) return {};
      if (a.min && a.max && floor_div(*a.min, c) == floor_div(*a.max, c)) {
        const int64_t base = floor_div(*a.min, c) * c;
        return {*a.min - base, *a.max - base, a.exact};
      }
      return {0, c - 1, false};
    }
    case ExprKind::kMin:
    case ExprKind::kMax: {
      const bool is_min = n->kind == ExprKind::kMin;
      Interval r{std::nullopt, std::nullopt, exact};
      if (a.min && b.min) r.min = is_min ? std::min(*a.min, *b.min) : std::max(*a.min, *b.min);
      if (a.max && b.max) r.max = is_min ? std::min(*a.max, *b.max) : std::max(*a.max, *b.max);
      return r;
    }
    default:
      return {};
  }
}

bool each_variable_once(const Expr& e) {
  std::unordered_map<const tir::ExprNode*, int> counts;
  bool once = true;
  tir::post_order(e, [&](const Expr& part) {
    if (part.kind() == ExprKind::kVar && ++counts[part.get()] > 1) once = false;
  });
  return once;
}

std::string show(const End& e, const char* unknown) {
  return e ? std::to_string(*e) : unknown;
}

/// Walks the body; `guarded_` where an access is evaluated only under a condition.
class Checker : public tir::Visitor {
 public:
  Checker(const Operation& op, const Domains& domains) : op_(op), domains_(domains) {}
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* s = as<tir::SelectNode>(e)) {
      visit(s->condition);
      under_guard(s->true_value);
      under_guard(s->false_value);
      return;
    }
    if (e.kind() == ExprKind::kAnd || e.kind() == ExprKind::kOr) {
      const auto* b = as<tir::BinaryNode>(e);
      visit(b->a);
      under_guard(b->b);
      return;
    }
    if (const auto* r = as<tir::ReduceNode>(e); r && r->condition.defined()) {
      for (const Expr& x : r->init) visit(x);
      visit(r->condition);
      for (const Expr& x : r->sources) under_guard(x);
      return;
    }
    if (const auto* load = as<tir::LoadNode>(e)) check(load);
    visit_children(e);
  }

 private:
  void under_guard(const Expr& e) {
    const bool outer = guarded_;
    guarded_ = true;
    visit(e);
    guarded_ = outer;
  }

  void check(const tir::LoadNode* load) {
    for (size_t i = 0; i < load->indices.size(); ++i) {
      check(load, i, load->indices[i]);
      // Terms in the same variable come together: more indices are decided.
      check(load, i, analyzer_.simplify(load->indices[i]));
    }
  }

  void check(const tir::LoadNode* load, size_t i, const Expr& index) {
    const Interval range = evaluate(index, domains_);
    int64_t extent = 0;
    const bool known = tir::is_const_int(load->buffer.shape()[i], &extent);
    const bool below = range.min && *range.min < 0, above = known && range.max && *range.max >= extent;
    if (!below && !above) return;
    const bool nowhere_inside = (range.max && *range.max < 0) || (known && range.min && *range.min >= extent);
    if (!nowhere_inside && (guarded_ || !range.exact || !each_variable_once(index))) return;
    fail("E0406", fmt::format("te::compute `{}`", op_.name),
         fmt::format("index {} of `{}`, {}, runs over {} .. {}, but the dimension has {}", i, load->buffer.name(),
                     tir::to_string(load->indices[i]), show(range.min, "?"), show(range.max, "?"),
                     known ? fmt::format("{} elements (0 .. {})", extent, extent - 1)
                           : fmt::format("the elements 0 .. {} - 1", tir::to_string(load->buffer.shape()[i]))),
         "pad the tensor first (te::ops::pad), or guard the access with te::if_then_else");
  }

  const Operation& op_;
  const Domains& domains_;
  arith::Analyzer analyzer_;
  bool guarded_ = false;
};

}  // namespace

void check_bounds(const Operation& op) {
  Domains domains;
  for (const auto* axes : {&op.axes, &op.reduce_axes}) {
    for (const IterVar& axis : *axes) {
      int64_t min = 0, extent = 0;
      Interval range{std::nullopt, std::nullopt, true};
      if (tir::is_const_int(axis.domain.min, &min)) {
        range.min = min;
        if (tir::is_const_int(axis.domain.extent, &extent)) range.max = add(End(min), End(extent - 1));
      }
      domains[axis.var.get()] = range;
    }
  }
  Checker checker(op, domains);
  // All values of a tuple reduction hold the same sources.
  for (size_t i = 0; i < (op.is_reduction() ? 1 : op.body.size()); ++i) checker.visit(op.body[i]);
}

}  // namespace tilewright::te
