#include "verify/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tilewright/support/random.h"
#include "tilewright/tir/visit.h"

namespace tilewright::verify {

using namespace tir;  // NOLINT

const int64_t* Point::find(const VarNode* var) const {
  for (auto it = values_.rbegin(); it != values_.rend(); ++it) {
    if (it->first.get() == var) return &it->second;
  }
  return nullptr;
}

std::optional<int64_t> Point::eval(const Expr& e) const {
  if (!e.defined() || e.dtype().is_vector()) return {};
  const auto fits = [&](int64_t v) -> std::optional<int64_t> {
    const DataType t = e.dtype();
    if (t.is_bool() || t == kI64) return v;
    if (!t.is_int() || t.bits >= 64) return {};
    const int64_t limit = int64_t{1} << (t.bits - 1);
    return v >= -limit && v < limit ? std::optional(v) : std::nullopt;
  };
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return as<IntImmNode>(e)->value;
    case ExprKind::kVar: {
      const int64_t* value = find(as<VarNode>(e));
      return value ? std::optional(*value) : std::nullopt;
    }
    case ExprKind::kCast: {
      const auto& value = as<CastNode>(e)->value;
      if (!value.dtype().is_int() && !value.dtype().is_bool()) return {};
      const std::optional<int64_t> v = eval(value);
      return v && e.dtype().is_int() ? fits(*v) : std::nullopt;
    }
    case ExprKind::kNot: {
      const std::optional<int64_t> v = eval(as<NotNode>(e)->value);
      return v ? std::optional<int64_t>(*v == 0) : std::nullopt;
    }
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      const std::optional<int64_t> c = eval(n->condition);
      return c ? eval(*c != 0 ? n->true_value : n->false_value) : std::nullopt;
    }
    default:
      break;
  }
  if (!is_binary(e.kind())) return {};
  const auto* n = as<BinaryNode>(e);
  const DataType t = n->a.dtype();
  if (!t.is_int() && !t.is_bool()) return {};
  const std::optional<int64_t> a = eval(n->a);
  if (e.kind() == ExprKind::kAnd || e.kind() == ExprKind::kOr) {
    const bool decides = e.kind() == ExprKind::kOr;
    if (a && (*a != 0) == decides) return decides;
    const std::optional<int64_t> b = eval(n->b);
    if (b && (*b != 0) == decides) return decides;
    return a && b ? std::optional<int64_t>(!decides) : std::nullopt;
  }
  const std::optional<int64_t> b = eval(n->b);
  if (!a || !b) return {};
  int64_t result = 0;
  switch (e.kind()) {
    case ExprKind::kAdd:
      return __builtin_add_overflow(*a, *b, &result) ? std::nullopt : fits(result);
    case ExprKind::kSub:
      return __builtin_sub_overflow(*a, *b, &result) ? std::nullopt : fits(result);
    case ExprKind::kMul:
      return __builtin_mul_overflow(*a, *b, &result) ? std::nullopt : fits(result);
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      if (*b == 0 || *b == -1) return {};
      int64_t q = *a / *b, r = *a % *b;
      if (r != 0 && (r < 0) != (*b < 0)) --q, r += *b;
      return e.kind() == ExprKind::kFloorDiv ? q : r;
    }
    case ExprKind::kMin:
      return std::min(*a, *b);
    case ExprKind::kMax:
      return std::max(*a, *b);
    case ExprKind::kEq:
      return *a == *b;
    case ExprKind::kNe:
      return *a != *b;
    case ExprKind::kLt:
      return *a < *b;
    case ExprKind::kLe:
      return *a <= *b;
    case ExprKind::kGt:
      return *a > *b;
    case ExprKind::kGe:
      return *a >= *b;
    default:
      return {};
  }
}

std::string Point::describe(const std::vector<Expr>& exprs) const {
  std::vector<const VarNode*> named;
  std::string out;
  for (const Expr& e : exprs) {
    if (!e.defined()) continue;
    post_order(e, [&](const Expr& sub) {
      const auto* v = as<VarNode>(sub);
      if (!v || std::find(named.begin(), named.end(), v) != named.end()) return;
      named.push_back(v);
      if (const int64_t* value = find(v)) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", v->name, *value);
    });
  }
  return out;
}

bool Sampler::walk(const std::vector<Step>& steps, int sample, Point* point) {
  uint64_t draw = 0;
  for (const Step& s : steps) {
    ++draw;
    switch (s.kind) {
      case Step::Kind::kLoop: {
        const std::optional<int64_t> min = point->eval(s.range.min), extent = point->eval(s.range.extent);
        int64_t end = 0;
        if (!min || !extent || *extent < 1 || __builtin_add_overflow(*min, *extent, &end)) return false;
        int64_t value = sample == 0 ? *min : end - 1;
        if (sample >= 2) value = CounterRng(static_cast<uint64_t>(sample), draw).in_range(*min, end - 1);
        point->set(s.var, value);
        break;
      }
      case Step::Kind::kValue: {
        // A value that is not known only makes what depends on it unknown.
        if (const std::optional<int64_t> value = point->eval(s.expr)) point->set(s.var, *value);
        break;
      }
      case Step::Kind::kGuard: {
        const std::optional<int64_t> holds = point->eval(s.expr);
        if (!holds || *holds == 0) return false;
        break;
      }
    }
  }
  return true;
}

int64_t Sampler::size_value(int sample, size_t index) {
  static constexpr std::array<int64_t, 6> kSizes = {64, 128, 16, 7, 1, 48};
  return kSizes[(static_cast<size_t>(sample) + index) % kSizes.size()];
}

}  // namespace tilewright::verify
