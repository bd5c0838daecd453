// Construction of expressions: type rules and the folding of constants and neutral elements.
#include <fmt/format.h>

#include <cmath>

#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/buffer.h"
#include "tilewright/tir/expr.h"

namespace tilewright::tir {
namespace {

[[noreturn]] void type_error(const char* code, std::string_view operation, std::string message,
                             std::string remedy = {}) {
  Diagnostic d;
  d.code = code;
  d.operation = operation;
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  throw Error(std::move(d));
}

const char* symbol(ExprKind kind) {
  switch (kind) {
    case ExprKind::kAdd:
      return "+";
    case ExprKind::kSub:
      return "-";
    case ExprKind::kMul:
      return "*";
    case ExprKind::kDiv:
      return "/";
    case ExprKind::kFloorDiv:
      return "floordiv";
    case ExprKind::kFloorMod:
      return "floormod";
    case ExprKind::kMin:
      return "min";
    case ExprKind::kMax:
      return "max";
    case ExprKind::kEq:
      return "==";
    case ExprKind::kNe:
      return "!=";
    case ExprKind::kLt:
      return "<";
    case ExprKind::kLe:
      return "<=";
    case ExprKind::kGt:
      return ">";
    case ExprKind::kGe:
      return ">=";
    case ExprKind::kAnd:
      return "&&";
    case ExprKind::kOr:
      return "||";
    case ExprKind::kSelect:
      return "select";
    default:
      return "?";
  }
}

void require(const Expr& e, const char* operation) {
  if (!e.defined()) type_error("T0101", operation, "an operand is missing (a null expression)");
}

/// Wraps to the width and signedness of the type.
int64_t wrap(DataType t, uint64_t value) {
  if (t.is_bool()) return value != 0;
  if (t.bits >= 64) return static_cast<int64_t>(value);
  const uint64_t mask = (uint64_t{1} << t.bits) - 1;
  value &= mask;
  if (t.is_int() && (value >> (t.bits - 1)) != 0) value |= ~mask;
  return static_cast<int64_t>(value);
}

bool less(DataType t, int64_t a, int64_t b) {
  return t.is_uint() ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
}

Expr bool_const(bool value, int lanes) {
  return lanes > 1 ? broadcast(Expr(value), lanes) : Expr(value);
}

Expr fold_int(ExprKind kind, DataType t, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (kind) {
    case ExprKind::kAdd:
      return make_int(t, wrap(t, ua + ub));
    case ExprKind::kSub:
      return make_int(t, wrap(t, ua - ub));
    case ExprKind::kMul:
      return make_int(t, wrap(t, ua * ub));
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      if (b == 0) return nullptr;
      const bool div = kind == ExprKind::kFloorDiv;
      if (t.is_uint()) return make_int(t, static_cast<int64_t>(div ? ua / ub : ua % ub));
      if (b == -1) return make_int(t, div ? wrap(t, 0 - ua) : 0);
      int64_t q = a / b, r = a % b;
      if (r != 0 && (r < 0) != (b < 0)) --q, r += b;
      return make_int(t, div ? q : r);
    }
    case ExprKind::kMin:
      return make_int(t, less(t, b, a) ? b : a);
    case ExprKind::kMax:
      return make_int(t, less(t, a, b) ? b : a);
    case ExprKind::kEq:
      return Expr(a == b);
    case ExprKind::kNe:
      return Expr(a != b);
    case ExprKind::kLt:
      return Expr(less(t, a, b));
    case ExprKind::kLe:
      return Expr(!less(t, b, a));
    case ExprKind::kGt:
      return Expr(less(t, b, a));
    case ExprKind::kGe:
      return Expr(!less(t, a, b));
    default:
      return nullptr;
  }
}

/// Neutral and absorbing elements of integers; null when none applies. Both operands have one type.
Expr fold_neutral(ExprKind kind, const Expr& a, const Expr& b) {
  int64_t x = 0, y = 0;
  const bool ca = is_const_int(a, &x), cb = is_const_int(b, &y);
  switch (kind) {
    case ExprKind::kAdd:
      if (ca && x == 0) return b;
      if (cb && y == 0) return a;
      return nullptr;
    case ExprKind::kSub:
      if (cb && y == 0) return a;
      return nullptr;
    case ExprKind::kMul:
      if (ca && x == 1) return b;
      if (cb && y == 1) return a;
      if ((ca && x == 0)) return a;
      if ((cb && y == 0)) return b;
      return nullptr;
    case ExprKind::kFloorDiv:
      if (cb && y == 1) return a;
      if (ca && x == 0 && !(cb && y == 0)) return cb ? a : Expr(nullptr);
      return nullptr;
    case ExprKind::kFloorMod:
      if (cb && y == 1) return make_int(a.dtype(), 0);
      return nullptr;
    case ExprKind::kMin:
    case ExprKind::kMax:
      if (a.same_as(b)) return a;
      return nullptr;
    default:
      return nullptr;
  }
}

/// Gives both operands one type, as the header says.
void match_types(ExprKind kind, Expr& a, Expr& b) {
  const int lanes = std::max(a.dtype().lanes, b.dtype().lanes);
  DataType ta = a.dtype().element(), tb = b.dtype().element();
  if (ta != tb) {
    const bool literal_a = as<IntImmNode>(a) && ta == kI64, literal_b = as<IntImmNode>(b) && tb == kI64;
    const bool float_literal_a = as<FloatImmNode>(a) && ta == kF32, float_literal_b = as<FloatImmNode>(b) && tb == kF32;
    if ((literal_b || (float_literal_b && ta.is_floating())) && !ta.is_bool()) {
      b = literal_b && ta.is_floating() ? make_const(ta, static_cast<double>(as<IntImmNode>(b)->value)) : cast(ta, b);
    } else if ((literal_a || (float_literal_a && tb.is_floating())) && !tb.is_bool()) {
      a = literal_a && tb.is_floating() ? make_const(tb, static_cast<double>(as<IntImmNode>(a)->value)) : cast(tb, a);
    } else if (ta.code == tb.code && ta.is_integer()) {
      (ta.bits < tb.bits ? a : b) =
          ta.bits < tb.bits ? cast(tb.with_lanes(a.dtype().lanes), a) : cast(ta.with_lanes(b.dtype().lanes), b);
    } else {
      type_error("T0102", symbol(kind), fmt::format("operands have types {} and {}", a.dtype().str(), b.dtype().str()),
                 fmt::format("cast one operand, for example cast({}, x)", (ta.is_floating() ? ta : tb).str()));
    }
  }
  if (lanes > 1) {
    for (Expr* e : {&a, &b}) {
      if (e->dtype().lanes == 1)
        *e = broadcast(*e, lanes);
      else if (e->dtype().lanes != lanes)
        type_error("T0103", symbol(kind),
                   fmt::format("vectors of {} and {} lanes cannot be combined", a.dtype().lanes, b.dtype().lanes));
    }
  }
}

Expr fold_logic(ExprKind kind, const Expr& a, const Expr& b) {
  const bool is_and = kind == ExprKind::kAnd;
  if (is_and ? is_true(a) : is_false(a)) return b;
  if (is_and ? is_false(a) : is_true(a)) return a;
  if (is_and ? is_true(b) : is_false(b)) return a;
  if (is_and ? is_false(b) : is_true(b)) return b;
  return nullptr;
}

}  // namespace

Expr make_int(DataType dtype, int64_t value) {
  if (dtype.is_floating()) return make_const(dtype, static_cast<double>(value));
  if (dtype.lanes > 1) return broadcast(make_int(dtype.element(), value), dtype.lanes);
  return Expr(new IntImmNode(dtype, wrap(dtype, static_cast<uint64_t>(value))));
}

Expr make_const(DataType dtype, double value) {
  if (dtype.lanes > 1) return broadcast(make_const(dtype.element(), value), dtype.lanes);
  if (dtype.is_floating()) return Expr(new FloatImmNode(dtype, value));
  if (dtype.is_bool()) return Expr(value != 0);
  if (!dtype.is_integer()) type_error("T0104", "constant", fmt::format("type {} has no constants", dtype.str()));
  if (!(std::abs(value) < 9.3e18))
    type_error("T0105", "constant", fmt::format("{} does not fit into {}", value, dtype.str()));
  return make_int(dtype, static_cast<int64_t>(value));
}

Expr make_binary(ExprKind kind, Expr a, Expr b) {
  TILEWRIGHT_CHECK(is_binary(kind));
  require(a, symbol(kind));
  require(b, symbol(kind));
  if (kind == ExprKind::kAnd || kind == ExprKind::kOr) {
    for (const Expr* e : {&a, &b}) {
      if (!e->dtype().is_bool())
        type_error("T0106", symbol(kind), fmt::format("an operand has type {}, expected bool", e->dtype().str()),
                   "compare it, for example x != 0");
    }
    match_types(kind, a, b);
    Expr folded = fold_logic(kind, a, b);
    return folded.defined() ? folded : Expr(new BinaryNode(kind, a.dtype(), a, b));
  }
  match_types(kind, a, b);
  const DataType t = a.dtype();
  const bool comparison = is_comparison(kind);
  if (t.is_handle()) type_error("T0107", symbol(kind), "handles have no arithmetic");
  if (t.is_bool() && !(kind == ExprKind::kEq || kind == ExprKind::kNe))
    type_error("T0108", symbol(kind), "operands are bool", "cast them to a number first");
  if (kind == ExprKind::kDiv && !t.is_floating())
    type_error("T0109", "/", fmt::format("operands have type {}; / divides floats only", t.str()),
               "write floordiv(a, b), or cast to a float type");
  if ((kind == ExprKind::kFloorDiv || kind == ExprKind::kFloorMod) && !t.is_integer())
    type_error("T0110", symbol(kind), fmt::format("operands have type {}, expected integers", t.str()));
  if (!t.is_floating()) {
    const auto* x = as<IntImmNode>(a);
    const auto* y = as<IntImmNode>(b);
    Expr folded = x && y ? fold_int(kind, t, x->value, y->value) : fold_neutral(kind, a, b);
    if (folded.defined()) return folded;
    if (a.same_as(b) && comparison) {
      const bool value = kind == ExprKind::kEq || kind == ExprKind::kLe || kind == ExprKind::kGe;
      return bool_const(value, t.lanes);
    }
  }
  return Expr(new BinaryNode(kind, comparison ? kBool.with_lanes(t.lanes) : t, std::move(a), std::move(b)));
}

Expr cast(DataType dtype, Expr value) {
  require(value, "cast");
  if (dtype.lanes == 1 && value.dtype().lanes > 1) dtype = dtype.with_lanes(value.dtype().lanes);
  if (dtype == value.dtype()) return value;
  if (value.dtype().lanes == 1 && dtype.lanes > 1) return broadcast(cast(dtype.element(), value), dtype.lanes);
  if (dtype.lanes != value.dtype().lanes)
    type_error("T0111", "cast", fmt::format("{} cannot become {}", value.dtype().str(), dtype.str()));
  if (dtype.is_handle() || value.dtype().is_handle()) type_error("T0107", "cast", "handles have no arithmetic");
  if (const auto* c = as<IntImmNode>(value)) {
    if (dtype.is_bool()) return Expr(c->value != 0);
    if (dtype.is_integer()) return make_int(dtype, c->value);
    if (!value.dtype().is_uint() || c->value >= 0) {
      const auto f = static_cast<double>(c->value);
      // Constants are kept unrounded; fold only what every float type represents exactly.
      if (std::abs(f) <= 256) return make_const(dtype, f);
    }
  }
  if (const auto* c = as<FloatImmNode>(value)) {
    const bool small_integer = c->value == std::floor(c->value) && std::abs(c->value) <= 127 && !std::signbit(c->value);
    // A literal has not been rounded yet, so a wider or narrower type takes its exact value.
    if (dtype.is_floating() && (small_integer || value.dtype() == kF32)) return make_const(dtype, c->value);
    if (dtype.is_integer() && small_integer) return make_int(dtype, static_cast<int64_t>(c->value));
  }
  return Expr(new CastNode(dtype, std::move(value)));
}

Expr floordiv(Expr a, Expr b) {
  return make_binary(ExprKind::kFloorDiv, std::move(a), std::move(b));
}
Expr floormod(Expr a, Expr b) {
  return make_binary(ExprKind::kFloorMod, std::move(a), std::move(b));
}
Expr ceildiv(Expr a, Expr b) {
  require(b, "ceildiv");
  return floordiv(std::move(a) + (b - 1), b);
}
Expr min(Expr a, Expr b) {
  return make_binary(ExprKind::kMin, std::move(a), std::move(b));
}
Expr max(Expr a, Expr b) {
  return make_binary(ExprKind::kMax, std::move(a), std::move(b));
}

Expr select(Expr condition, Expr true_value, Expr false_value) {
  require(condition, "select");
  require(true_value, "select");
  require(false_value, "select");
  if (!condition.dtype().is_bool())
    type_error("T0106", "select", fmt::format("the condition has type {}, expected bool", condition.dtype().str()),
               "compare it, for example x != 0");
  if (!(true_value.dtype().is_bool() && false_value.dtype().is_bool()))
    match_types(ExprKind::kSelect, true_value, false_value);
  const int lanes = std::max(condition.dtype().lanes, true_value.dtype().lanes);
  if (condition.dtype().lanes < lanes) condition = broadcast(condition, lanes);
  if (true_value.dtype().lanes < lanes) true_value = broadcast(true_value, lanes);
  if (false_value.dtype().lanes < lanes) false_value = broadcast(false_value, lanes);
  if (is_true(condition)) return true_value;
  if (is_false(condition)) return false_value;
  return Expr(new SelectNode(std::move(condition), std::move(true_value), std::move(false_value)));
}

Expr make_let(Var var, Expr value, Expr body) {
  require(value, "let");
  require(body, "let");
  if (var.dtype() != value.dtype())
    type_error("T0112", "let",
               fmt::format("`{}` has type {}, its value {}", var.name(), var.dtype().str(), value.dtype().str()));
  return Expr(new LetNode(std::move(var), std::move(value), std::move(body)));
}

Expr load(const Buffer& buffer, std::vector<Expr> indices, Expr mask) {
  if (!buffer.defined()) type_error("T0101", "load", "the buffer is missing");
  if (indices.size() != buffer.shape().size())
    type_error(
        "T0113", "load",
        fmt::format("`{}` has {} dimensions, got {} indices", buffer.name(), buffer.shape().size(), indices.size()));
  int lanes = 1;
  for (Expr& index : indices) {
    require(index, "load");
    if (!index.dtype().is_integer())
      type_error("T0114", "load",
                 fmt::format("an index of `{}` has type {}, expected an integer", buffer.name(), index.dtype().str()));
    if (index.dtype().element() != kI64) index = cast(kI64.with_lanes(index.dtype().lanes), index);
    if (index.dtype().lanes > 1) lanes = index.dtype().lanes;
  }
  // A register of vector type is read whole.
  const DataType t = buffer.dtype().lanes > 1 ? buffer.dtype() : buffer.dtype().with_lanes(lanes);
  return Expr(new LoadNode(t, buffer, std::move(indices), std::move(mask)));
}

Expr ramp(Expr base, Expr stride, int lanes) {
  require(base, "ramp");
  require(stride, "ramp");
  match_types(ExprKind::kAdd, base, stride);
  return lanes == 1 ? base : Expr(new RampNode(std::move(base), std::move(stride), lanes));
}
Expr broadcast(Expr value, int lanes) {
  require(value, "broadcast");
  if (lanes == 1 || value.dtype().lanes == lanes) return value;
  if (value.dtype().lanes != 1)
    type_error("T0103", "broadcast",
               fmt::format("a vector of {} lanes cannot become one of {}", value.dtype().lanes, lanes));
  return Expr(new BroadcastNode(std::move(value), lanes));
}

Expr call(Intrinsic op, std::vector<Expr> args) {
  for (const Expr& a : args) require(a, intrinsic_name(op));
  const size_t arity = op == Intrinsic::kFma ? 3
                       : op == Intrinsic::kPow || op == Intrinsic::kShiftLeft || op == Intrinsic::kShiftRight ||
                               op == Intrinsic::kBitAnd || op == Intrinsic::kBitOr || op == Intrinsic::kBitXor
                           ? 2
                           : 1;
  if (op != Intrinsic::kExtern && args.size() != arity)
    type_error("T0115", intrinsic_name(op), fmt::format("takes {} arguments, got {}", arity, args.size()));
  if (op == Intrinsic::kExtern || op == Intrinsic::kReinterpret)
    type_error("T0115", intrinsic_name(op), "is made by call_extern or reinterpret");
  if (op == Intrinsic::kAddressOf || op == Intrinsic::kPrefetch) {
    if (!as<LoadNode>(args[0])) type_error("T0116", intrinsic_name(op), "its argument must be an element of a buffer");
    return Expr(new CallNode(op == Intrinsic::kAddressOf ? kHandle : kI32, op, {}, std::move(args)));
  }
  for (size_t i = 1; i < args.size(); ++i) {
    for (size_t j = 0; j < i; ++j) match_types(ExprKind::kAdd, args[j], args[i]);
  }
  const DataType t = args[0].dtype();
  const bool bits = op == Intrinsic::kShiftLeft || op == Intrinsic::kShiftRight || op == Intrinsic::kBitAnd ||
                    op == Intrinsic::kBitOr || op == Intrinsic::kBitXor || op == Intrinsic::kBitNot ||
                    op == Intrinsic::kPopcount;
  const bool ok = bits ? t.is_integer() : op == Intrinsic::kAbs ? t.is_floating() || t.is_integer() : t.is_floating();
  if (!ok)
    type_error("T0117", intrinsic_name(op),
               fmt::format("its argument has type {}, expected {}", t.str(), bits ? "an integer" : "a float"),
               "cast the argument");
  if (op == Intrinsic::kIsNan) return Expr(new CallNode(kBool.with_lanes(t.lanes), op, {}, std::move(args)));
  return Expr(new CallNode(t, op, {}, std::move(args)));
}

Expr call_extern(DataType dtype, std::string symbol_name, std::vector<Expr> args) {
  if (symbol_name.empty()) type_error("T0118", "call_extern", "the symbol is empty");
  for (const Expr& a : args) require(a, "call_extern");
  return Expr(new CallNode(dtype, Intrinsic::kExtern, std::move(symbol_name), std::move(args)));
}

Expr reinterpret(DataType dtype, Expr value) {
  require(value, "reinterpret");
  if (dtype.lanes == 1) dtype = dtype.with_lanes(value.dtype().lanes);
  if (dtype == value.dtype()) return value;
  if (dtype.bits != value.dtype().bits || dtype.lanes != value.dtype().lanes || dtype.is_bool() ||
      value.dtype().is_bool())
    type_error("T0119", "reinterpret", fmt::format("{} and {} differ in width", value.dtype().str(), dtype.str()));
  return Expr(new CallNode(dtype, Intrinsic::kReinterpret, {}, {std::move(value)}));
}

Expr operator+(Expr a, Expr b) {
  return make_binary(ExprKind::kAdd, std::move(a), std::move(b));
}
Expr operator-(Expr a, Expr b) {
  return make_binary(ExprKind::kSub, std::move(a), std::move(b));
}
Expr operator*(Expr a, Expr b) {
  return make_binary(ExprKind::kMul, std::move(a), std::move(b));
}
Expr operator/(Expr a, Expr b) {
  return make_binary(ExprKind::kDiv, std::move(a), std::move(b));
}
Expr operator%(Expr a, Expr b) {
  return floormod(std::move(a), std::move(b));
}
Expr operator-(Expr a) {
  require(a, "-");
  // -0.0 - x keeps the sign of zero right for floats.
  if (const auto* c = as<FloatImmNode>(a)) return make_const(a.dtype(), -c->value);
  const DataType t = a.dtype();
  return (t.is_floating() ? make_const(t, -0.0) : make_int(t, 0)) - std::move(a);
}
Expr operator<(Expr a, Expr b) {
  return make_binary(ExprKind::kLt, std::move(a), std::move(b));
}
Expr operator<=(Expr a, Expr b) {
  return make_binary(ExprKind::kLe, std::move(a), std::move(b));
}
Expr operator>(Expr a, Expr b) {
  return make_binary(ExprKind::kGt, std::move(a), std::move(b));
}
Expr operator>=(Expr a, Expr b) {
  return make_binary(ExprKind::kGe, std::move(a), std::move(b));
}
Expr operator==(Expr a, Expr b) {
  return make_binary(ExprKind::kEq, std::move(a), std::move(b));
}
Expr operator!=(Expr a, Expr b) {
  return make_binary(ExprKind::kNe, std::move(a), std::move(b));
}
Expr operator&&(Expr a, Expr b) {
  return make_binary(ExprKind::kAnd, std::move(a), std::move(b));
}
Expr operator||(Expr a, Expr b) {
  return make_binary(ExprKind::kOr, std::move(a), std::move(b));
}
Expr operator!(Expr a) {
  require(a, "!");
  if (!a.dtype().is_bool())
    type_error("T0106", "!", fmt::format("the operand has type {}, expected bool", a.dtype().str()),
               "compare it, for example x == 0");
  if (is_true(a)) return bool_const(false, a.dtype().lanes);
  if (is_false(a)) return bool_const(true, a.dtype().lanes);
  if (const auto* n = as<NotNode>(a)) return n->value;
  return Expr(new NotNode(std::move(a)));
}
Expr exp(Expr x) {
  return call(Intrinsic::kExp, {std::move(x)});
}
Expr log(Expr x) {
  return call(Intrinsic::kLog, {std::move(x)});
}
Expr tanh(Expr x) {
  return call(Intrinsic::kTanh, {std::move(x)});
}
Expr erf(Expr x) {
  return call(Intrinsic::kErf, {std::move(x)});
}
Expr sigmoid(Expr x) {
  return call(Intrinsic::kSigmoid, {std::move(x)});
}
Expr sqrt(Expr x) {
  return call(Intrinsic::kSqrt, {std::move(x)});
}
Expr rsqrt(Expr x) {
  return call(Intrinsic::kRsqrt, {std::move(x)});
}
Expr abs(Expr x) {
  return call(Intrinsic::kAbs, {std::move(x)});
}
Expr pow(Expr x, Expr y) {
  return call(Intrinsic::kPow, {std::move(x), std::move(y)});
}
Expr fma(Expr a, Expr b, Expr c) {
  return call(Intrinsic::kFma, {std::move(a), std::move(b), std::move(c)});
}

}  // namespace tilewright::tir
