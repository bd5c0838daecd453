// Scalar expressions, and lanes of vectors.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "codegen/c/c_emitter.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/interpreter.h"

namespace tilewright::codegen {

using tir::as;
using tir::DataType;
using tir::Expr;
using tir::ExprKind;
using tir::Intrinsic;

namespace {

ValueBounds combine(ExprKind kind, const ValueBounds& a, const ValueBounds& b) {
  if (!a.known || !b.known) return {};
  using Wide = __int128;
  Wide low, high;
  switch (kind) {
    case ExprKind::kAdd:
      low = Wide{a.low} + b.low, high = Wide{a.high} + b.high;
      break;
    case ExprKind::kSub:
      low = Wide{a.low} - b.high, high = Wide{a.high} - b.low;
      break;
    case ExprKind::kMul: {
      const Wide p[] = {Wide{a.low} * b.low, Wide{a.low} * b.high, Wide{a.high} * b.low, Wide{a.high} * b.high};
      low = *std::min_element(p, p + 4), high = *std::max_element(p, p + 4);
      break;
    }
    case ExprKind::kMin:
      low = std::min(a.low, b.low), high = std::min(a.high, b.high);
      break;
    case ExprKind::kMax:
      low = std::max(a.low, b.low), high = std::max(a.high, b.high);
      break;
    default:
      return {};
  }
  if (low < INT64_MIN || high > INT64_MAX) return {};
  return {static_cast<int64_t>(low), static_cast<int64_t>(high), true};
}

bool inside(const ValueBounds& x, const ValueBounds& type) {
  return x.known && (!type.known || (x.low >= type.low && x.high <= type.high));
}

ValueBounds join(const ValueBounds& a, const ValueBounds& b) {
  if (!a.known || !b.known) return {};
  return {std::min(a.low, b.low), std::max(a.high, b.high), true};
}

CText typed(std::string text, Precedence p, DataType t) {
  return {std::move(text), p, type_bounds(t), false};
}

}  // namespace

CText CFunction::typed_literal(CText x, DataType t) {
  if (!x.literal || !t.is_int() || t.bits < 64) return x;
  return {fmt::format("(int64_t){}", x.in(kUnary)), kUnary, x.bounds, false};
}

std::string CFunction::lane_of(const CVariable& v) const {
  if (v.form == VectorForm::kNone || v.form == VectorForm::kLane) return v.name;
  if (lane_.empty()) internal_error("a vector stands where a scalar is expected", __FILE__, __LINE__);
  return fmt::format("{}[{}]", v.name, lane_);
}

CText CFunction::value(const Expr& e) {
  const DataType t = e.dtype();
  switch (e.kind()) {
    case ExprKind::kIntImm: {
      const int64_t v = as<tir::IntImmNode>(e)->value;
      const bool wide = t.is_uint() && t.bits == 64;
      return {c_int_literal(t, v), v < 0 && !wide ? kUnary : kPostfix, wide ? ValueBounds{} : ValueBounds{v, v, true},
              t.is_int()};
    }
    case ExprKind::kFloatImm: {
      const double v = as<tir::FloatImmNode>(e)->value;
      if (t.bits == 16) {
        tir::HostArray a = tir::HostArray::zeros(t, {});
        a.set(0, v);
        return {fmt::format("0x{:02x}{:02x}", a.bytes[1], a.bytes[0]), kPostfix, {}, true};
      }
      std::string text = c_float_literal(t, v);
      if (text[0] == '(') m_.helpers.needs_math = true;
      return {text, text[0] == '-' || text[0] == '(' ? kUnary : kPostfix, {}, false};
    }
    case ExprKind::kVar: {
      const auto found = vars_.find(static_cast<const tir::VarNode*>(e.get()));
      if (found == vars_.end())
        c_error("G0862", fmt::format("variable `{}` has no value here", as<tir::VarNode>(e)->name));
      const CVariable& v = found->second;
      const bool mask = v.mask_bytes > 0 && v.form == VectorForm::kGnu;
      return {mask ? lane_of(v) + " != 0" : lane_of(v), mask ? kEquality : kPostfix, v.bounds, false};
    }
    case ExprKind::kCast: {
      const Expr& x = as<tir::CastNode>(e)->value;
      return cast(t.element(), x.dtype().element(), value(x));
    }
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return logic(as<tir::BinaryNode>(e));
    case ExprKind::kNot:
      return typed("!" + value(as<tir::NotNode>(e)->value).in(kUnary), kUnary, tir::kBool);
    case ExprKind::kSelect:
      return select(as<tir::SelectNode>(e));
    case ExprKind::kLoad:
      return load(as<tir::LoadNode>(e));
    case ExprKind::kCall:
      return call(as<tir::CallNode>(e));
    case ExprKind::kRamp: {
      const auto* n = as<tir::RampNode>(e);
      const DataType element = t.element();
      const CText lane{lane_, kPostfix, {0, t.lanes - 1, true}, true};
      const CText step =
          tir::is_const_int(n->stride, 1) ? lane : integer_arith(ExprKind::kMul, element, lane, value(n->stride));
      return integer_arith(ExprKind::kAdd, element, value(n->base), step);
    }
    case ExprKind::kBroadcast:
      return value(as<tir::BroadcastNode>(e)->value);
    case ExprKind::kLet: {
      const auto* n = as<tir::LetNode>(e);
      emit_let(n->var, n->value);
      return value(n->body);
    }
    case ExprKind::kReduce:
      c_error("G0860", "a reduction of a tensor expression cannot stand in lowered code");
    default:
      return binary(as<tir::BinaryNode>(e));
  }
}

bool CFunction::aside(const Expr& e, std::string* statements, CText* result) {
  std::string saved;
  std::swap(saved, out_);
  ++depth_;
  *result = value(e);
  --depth_;
  std::swap(saved, out_);
  *statements = std::move(saved);
  return !statements->empty();
}

CText CFunction::integer_arith(ExprKind kind, DataType t, const CText& a, const CText& b) {
  const char* symbol = kind == ExprKind::kAdd ? "+" : kind == ExprKind::kSub ? "-" : "*";
  const Precedence p = kind == ExprKind::kMul ? kProduct : kSum;
  const auto next = static_cast<Precedence>(p + 1);
  const ValueBounds bounds = combine(kind, a.bounds, b.bounds);
  const bool fits = inside(bounds, type_bounds(t)) && (t.bits < 64 || bounds.known);
  const std::string text = fmt::format("{} {} {}", a.in(p), symbol, b.in(kind == ExprKind::kAdd ? p : next));
  if (t.is_uint()) {
    if (t.bits >= 32) return {text, p, fits ? bounds : type_bounds(t), false};
    // Operands become int; the product of two u16 would not fit into it.
    const std::string left = t.bits == 16 && kind == ExprKind::kMul ? "(uint32_t)" + a.in(kUnary) : a.in(p);
    return {fmt::format("({})({} {} {})", c_type(t), left, symbol, b.in(next)), kUnary, fits ? bounds : type_bounds(t),
            false};
  }
  if (fits && t.bits == 64 && a.literal && b.literal) {
    // Both are of type int in C; so is the result if it fits.
    if (kind == ExprKind::kAdd && a.text == "0") return b;
    if (inside(bounds, type_bounds(tir::kI32))) return {text, p, bounds, true};
    return {fmt::format("(int64_t){} {} {}", a.in(kUnary), symbol, b.in(next)), p, bounds, false};
  }
  if (fits && t.bits >= 32) return {text, p, bounds, false};
  if (t.bits < 32) return {fmt::format("({})({})", c_type(t), text), kUnary, fits ? bounds : type_bounds(t), false};
  const char* name = kind == ExprKind::kAdd ? "add" : kind == ExprKind::kSub ? "sub" : "mul";
  return typed(fmt::format("{}({}, {})", m_.helpers.scalar(name, t), a.text, b.text), kPostfix, t);
}

CText CFunction::division(ExprKind kind, DataType t, const CText& a, const CText& b, const Expr& divisor) {
  const bool div = kind == ExprKind::kFloorDiv;
  ValueBounds bounds = type_bounds(t);
  if (b.bounds.known && b.bounds.low > 0) {
    if (!div)
      bounds = {0, b.bounds.high - 1, true};
    else if (a.bounds.known && a.bounds.low >= 0)
      bounds = {a.bounds.low / b.bounds.high, a.bounds.high / b.bounds.low, true};
    else if (a.bounds.known)
      bounds = {a.bounds.low, std::max<int64_t>(a.bounds.high, 0), true};
  }
  const bool plain = t.is_uint() || (a.bounds.known && a.bounds.low >= 0 && b.bounds.known && b.bounds.low > 0);
  const auto* splat = as<tir::BroadcastNode>(divisor);
  int64_t d = 0;
  const bool constant = tir::is_const_int(splat ? splat->value : divisor, &d);
  if (!plain && constant && d > 0 && (d & (d - 1)) == 0 && t.bits >= 32) {
    // Rounds towards minus infinity; gcc and clang shift arithmetically.
    if (!div) return {fmt::format("{} & {}", a.in(kUnary), d - 1), kBitAnd, bounds, false};
    return {fmt::format("{} >> {}", a.in(kUnary), std::countr_zero(static_cast<uint64_t>(d))), kShift, bounds, false};
  }
  if (!plain || t.bits < 32) {
    const std::string name = m_.helpers.scalar(div ? "floordiv" : "floormod", t);
    return {fmt::format("{}({}, {})", name, a.text, b.text), kPostfix, bounds, false};
  }
  const CText left = typed_literal(a, t);
  return {fmt::format("{} {} {}", left.in(kProduct), div ? "/" : "%", b.in(kUnary)), kProduct, bounds, false};
}

CText CFunction::binary(const tir::BinaryNode* n) {
  const ExprKind kind = n->kind;
  const DataType t = n->a.dtype().element();
  if (t.is_floating() && t.bits == 16)
    c_error("G0863", fmt::format("arithmetic on {} cannot stand in lowered code", t.str()), "compute in f32 and cast");
  const CText a = value(n->a), b = value(n->b);
  switch (kind) {
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
      if (t.is_integer()) return integer_arith(kind, t, a, b);
      break;
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      return division(kind, t, a, b, n->b);
    case ExprKind::kMin:
    case ExprKind::kMax: {
      CText x =
          typed(fmt::format("{}({}, {})", m_.helpers.scalar(kind == ExprKind::kMin ? "min" : "max", t), a.text, b.text),
                kPostfix, t);
      const ValueBounds bounds = combine(kind, a.bounds, b.bounds);
      if (bounds.known) x.bounds = bounds;
      return x;
    }
    default:
      break;
  }
  struct Operator {
    const char* symbol;
    Precedence precedence;
  };
  const Operator op = kind == ExprKind::kAdd   ? Operator{"+", kSum}
                      : kind == ExprKind::kSub ? Operator{"-", kSum}
                      : kind == ExprKind::kMul ? Operator{"*", kProduct}
                      : kind == ExprKind::kDiv ? Operator{"/", kProduct}
                      : kind == ExprKind::kEq  ? Operator{"==", kEquality}
                      : kind == ExprKind::kNe  ? Operator{"!=", kEquality}
                      : kind == ExprKind::kLt  ? Operator{"<", kRelation}
                      : kind == ExprKind::kLe  ? Operator{"<=", kRelation}
                      : kind == ExprKind::kGt  ? Operator{">", kRelation}
                                               : Operator{">=", kRelation};
  // Float sums and products are not regrouped; comparisons of comparisons want parentheses.
  const bool compares = tir::is_comparison(kind);
  const std::string left = a.in(compares ? kShift : op.precedence);
  const std::string right = b.in(compares ? kShift : static_cast<Precedence>(op.precedence + 1));
  return typed(fmt::format("{} {} {}", left, op.symbol, right), op.precedence, n->dtype.element());
}

CText CFunction::logic(const tir::BinaryNode* n) {
  const bool is_and = n->kind == ExprKind::kAnd;
  const CText a = value(n->a);
  std::string statements;
  CText b;
  if (!aside(n->b, &statements, &b)) {
    // Equal operators chain without parentheses; mixed ones get them.
    const Precedence own = is_and ? kLogicalAnd : kLogicalOr;
    auto side = [&](const CText& x) {
      return x.precedence == own || x.precedence >= kBitOr ? x.text : "(" + x.text + ")";
    };
    return typed(fmt::format("{} {} {}", side(a), is_and ? "&&" : "||", side(b)), own, tir::kBool);
  }
  const std::string name = fresh("needed");
  line(fmt::format("bool {} = {};", name, a.text));
  open(fmt::format("if ({}{})", is_and ? "" : "!", name));
  out_ += statements;
  line(fmt::format("{} = {};", name, b.text));
  close();
  return typed(name, kPostfix, tir::kBool);
}

CText CFunction::select(const tir::SelectNode* n) {
  const CText condition = value(n->condition);
  const DataType t = n->dtype.element();
  std::string statements[2];
  CText a, b;
  const bool first = aside(n->true_value, &statements[0], &a), second = aside(n->false_value, &statements[1], &b);
  const ValueBounds bounds = join(a.bounds, b.bounds);
  if (!first && !second) {
    return {fmt::format("{} ? {} : {}", condition.in(kLogicalOr), typed_literal(a, t).in(kLogicalOr),
                        typed_literal(b, t).in(kLogicalOr)),
            kTernary, bounds, false};
  }
  const std::string name = fresh("chosen");
  line(fmt::format("{} {};", c_type(t), name));
  for (int side = 0; side < 2; ++side) {
    open(side == 0 ? fmt::format("if ({})", condition.text) : "else");
    out_ += statements[side];
    line(fmt::format("{} = {};", name, side == 0 ? a.text : b.text));
    close();
  }
  return {name, kPostfix, bounds, false};
}

CText CFunction::cast(DataType to, DataType from, CText x) {
  if (to == from) return x;
  if (to.is_handle() || from.is_handle()) c_error("G0862", "handles cannot be converted");
  auto call = [&](const std::string& f) { return typed(fmt::format("{}({})", f, x.text), kPostfix, to); };
  auto to_float = [&] {
    x = {fmt::format("{}({})",
                     m_.helpers.scalar(from.code == tir::TypeCode::kBfloat ? "bfloat_to_float" : "half_to_float", from),
                     x.text),
         kPostfix,
         {},
         false};
    from = tir::kF32;
  };
  const bool small_from = from.is_floating() && from.bits == 16, small_to = to.is_floating() && to.bits == 16;
  if (small_from) to_float();
  if (to.is_bool())
    return typed(fmt::format("{} != {}", x.in(kShift), from.is_floating() ? "0.0f" : "0"), kEquality, to);
  if (small_to) {
    if (!from.is_floating()) x = cast(tir::kF64, from, x), from = tir::kF64;
    if (from.bits == 64)
      x = {fmt::format("{}({})", m_.helpers.scalar("round_to_odd", from), x.text), kPostfix, {}, false};
    return call(m_.helpers.scalar(to.code == tir::TypeCode::kBfloat ? "float_to_bfloat" : "float_to_half", to));
  }
  if (from.is_floating() && to.is_integer()) return call(m_.helpers.float_to_int(from, to));
  if (to == from) return x;
  CText result = typed(fmt::format("({}){}", c_type(to), x.in(kUnary)), kUnary, to);
  if (to.is_integer() && inside(x.bounds, type_bounds(to)) && !(to.is_uint() && x.bounds.low < 0))
    result.bounds = x.bounds;
  return result;
}

CText CFunction::load(const tir::LoadNode* n) {
  const DataType t = n->dtype.element();
  const CBuffer& b = buffer(n->buffer);
  std::string text;
  if (n->buffer.scope() == tir::Scope::kRegister)
    text = lane_of(b.value);
  else
    text = element(n->buffer, n->indices.at(0));
  if (t.is_bool()) text += " != 0";
  const bool always = tir::is_true(n->mask);
  if (always) return typed(text, t.is_bool() ? kEquality : kPostfix, t);
  const CText mask = value(n->mask);
  const char* zero = t.is_floating() && t.bits >= 32 ? "0.0f" : "0";
  return typed(fmt::format("{} ? {} : {}", mask.in(kLogicalOr), text, zero), kTernary, t);
}

}  // namespace tilewright::codegen
