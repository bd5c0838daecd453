// Oracles for arithmetic: a direct evaluator with the loop IR's semantics, enumeration of assignments, random
// expressions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tilewright/support/random.h"
#include "tilewright/tir/expr.h"

namespace tilewright::arith::testing {

using namespace tir;  // NOLINT: tests only

using Env = std::unordered_map<const VarNode*, int64_t>;

inline int64_t floor_quotient(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return (a % b != 0 && (a % b < 0) != (b < 0)) ? q - 1 : q;
}

/// What happens when a sum or product comes near the ends of 64 bits: the claims are about values that do not, while a
/// rewritten expression may pass through others on its way to the same result, as the loop IR wraps around.
enum class Overflow { kUndefined, kWrap };

/// The value, or nothing where evaluation divides by zero (or overflows).
inline std::optional<int64_t> eval_node(const Expr& e, const Env& env, Overflow overflow);
inline std::optional<int64_t> eval(const Expr& e, const Env& env, Overflow overflow = Overflow::kUndefined) {
  const auto v = eval_node(e, env, overflow);
  const bool far = v && (*v >= int64_t{1} << 60 || *v <= -(int64_t{1} << 60));
  return far && overflow == Overflow::kUndefined && e.kind() != ExprKind::kIntImm ? std::nullopt : v;
}
inline std::optional<int64_t> eval_node(const Expr& e, const Env& env, Overflow overflow) {
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return as<IntImmNode>(e)->value;
    case ExprKind::kVar:
      return env.at(static_cast<const VarNode*>(e.get()));
    case ExprKind::kNot: {
      const auto v = eval(as<NotNode>(e)->value, env, overflow);
      if (!v) return v;
      return *v == 0;
    }
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      const auto c = eval(n->condition, env, overflow);
      if (!c) return c;
      return eval(*c ? n->true_value : n->false_value, env, overflow);
    }
    default:
      break;
  }
  const auto* n = as<BinaryNode>(e);
  if (!n) throw std::runtime_error("kind not evaluated");
  const auto a = eval(n->a, env, overflow);
  if (!a) return a;
  if (e.kind() == ExprKind::kAnd && !*a) return 0;
  if (e.kind() == ExprKind::kOr && *a) return 1;
  const auto b = eval(n->b, env, overflow);
  if (!b) return b;
  int64_t r = 0;
  switch (e.kind()) {
    case ExprKind::kAdd:
      if (__builtin_add_overflow(*a, *b, &r) && overflow == Overflow::kUndefined) return std::nullopt;
      return r;
    case ExprKind::kSub:
      if (__builtin_sub_overflow(*a, *b, &r) && overflow == Overflow::kUndefined) return std::nullopt;
      return r;
    case ExprKind::kMul:
      if (__builtin_mul_overflow(*a, *b, &r) && overflow == Overflow::kUndefined) return std::nullopt;
      return r;
    case ExprKind::kFloorDiv:
      if (*b == 0 || (*b == -1 && *a == INT64_MIN)) return std::nullopt;
      return floor_quotient(*a, *b);
    case ExprKind::kFloorMod:
      if (*b == 0) return std::nullopt;
      if (*b == -1) return 0;
      r = *a % *b;
      return r != 0 && (r < 0) != (*b < 0) ? r + *b : r;
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
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return *b != 0;
    default:
      throw std::runtime_error("kind not evaluated");
  }
}

/// For failure messages; the room's own, so that a wrong printer cannot hide anything.
inline std::string show(const Expr& e) {
  if (!e.defined()) return "null";
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return std::to_string(as<IntImmNode>(e)->value);
    case ExprKind::kVar:
      return static_cast<const VarNode*>(e.get())->name;
    case ExprKind::kNot:
      return "!" + show(as<NotNode>(e)->value);
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      return "select(" + show(n->condition) + ", " + show(n->true_value) + ", " + show(n->false_value) + ")";
    }
    default:
      break;
  }
  const auto* n = as<BinaryNode>(e);
  if (!n) return "?";
  static const char* names[] = {"+",  "-",  "*", "/",  "//", "%",  "min", "max",
                                "==", "!=", "<", "<=", ">",  ">=", "&&",  "||"};
  const char* op = names[static_cast<int>(e.kind()) - static_cast<int>(ExprKind::kAdd)];
  return "(" + show(n->a) + " " + op + " " + show(n->b) + ")";
}

struct Domain {
  Var var;
  int64_t min, extent;
};

/// Calls f(env) for every point; f returns false to stop.
inline bool for_each_point(const std::vector<Domain>& domains, const std::function<bool(const Env&)>& f) {
  Env env;
  for (const Domain& d : domains) {
    if (d.extent <= 0) return true;
    env[d.var.get()] = d.min;
  }
  for (;;) {
    if (!f(env)) return false;
    size_t i = 0;
    for (; i < domains.size(); ++i) {
      int64_t& v = env[domains[i].var.get()];
      if (++v < domains[i].min + domains[i].extent) break;
      v = domains[i].min;
    }
    if (i == domains.size()) return true;
  }
}

/// Random expressions over the variables, biased to the shapes schedules make.
class Generator {
 public:
  Generator(CounterRng rng, std::vector<Var> vars) : rng_(rng), vars_(std::move(vars)) {}

  /// Now and then constants close to the ends of 64 bits.
  bool large = false;

  int64_t constant() {
    static constexpr int64_t kLarge[] = {INT64_MAX,           INT64_MIN,           INT64_MAX - 1,    INT64_MIN + 1,
                                         int64_t{1} << 62,    -(int64_t{1} << 62), int64_t{1} << 61, int64_t{1} << 32,
                                         -(int64_t{1} << 33), INT64_MAX / 3};
    if (large && rng_.below(3) == 0) return kLarge[rng_.below(10)];
    static constexpr int64_t kUsual[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 32, -1, -2, -3, 7, 0, 10};
    return kUsual[rng_.below(16)];
  }
  Expr leaf() { return rng_.below(4) == 0 ? Expr(constant()) : Expr(vars_[rng_.below(vars_.size())]); }

  Expr integer(int depth) {
    if (depth == 0) return leaf();
    switch (rng_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return integer(depth - 1) + integer(depth - 1);
      case 4:
        return integer(depth - 1) - integer(depth - 1);
      case 5:
      case 6:
        return integer(depth - 1) * constant();
      case 7:
        return rng_.below(3) ? integer(depth - 1) * constant()
                             : integer(depth - 1) * integer(depth - 2 < 0 ? 0 : depth - 2);
      case 8:
      case 9:
        return floordiv(integer(depth - 1), divisor());
      case 10:
      case 11:
        return floormod(integer(depth - 1), divisor());
      case 12:
        return min(integer(depth - 1), integer(depth - 1));
      case 13:
        return max(integer(depth - 1), integer(depth - 1));
      case 14:
        return select(condition(depth - 1), integer(depth - 1), integer(depth - 1));
      default: {
        const Expr x = integer(depth - 1);
        const int64_t c = 2 + static_cast<int64_t>(rng_.below(5));
        return floordiv(x, c) * c + floormod(x, c);
      }
    }
  }
  Expr condition(int depth) {
    switch (rng_.below(depth > 0 ? 11 : 6)) {
      case 0:
        return integer(depth) < integer(depth);
      case 1:
        return integer(depth) <= integer(depth);
      case 2:
        return integer(depth) >= constant();
      case 3:
        return integer(depth) == integer(depth);
      case 4:
        return integer(depth) != constant();
      case 5:
        return integer(depth) < constant();
      case 6:
      case 7:
        return condition(depth - 1) && condition(depth - 1);
      case 8:
        return condition(depth - 1) || condition(depth - 1);
      case 9:
        return integer(depth) > integer(depth);
      default:
        return !condition(depth - 1);
    }
  }
  uint64_t below(uint64_t n) { return rng_.below(n); }

 private:
  Expr divisor() {
    if (rng_.below(12) == 0) return leaf();
    const int64_t c = constant();
    return Expr(c == 0 ? int64_t{4} : c);
  }
  CounterRng rng_;
  std::vector<Var> vars_;
};

}  // namespace tilewright::arith::testing
