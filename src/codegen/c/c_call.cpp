// Intrinsics and extern calls, on scalars.
#include <fmt/format.h>

#include "codegen/c/c_emitter.h"

namespace tilewright::codegen {

using tir::as;
using tir::DataType;
using tir::Expr;
using tir::Intrinsic;

namespace {

/// Functions of <math.h>, which a file must not declare again.
const std::set<std::string>& math_functions() {
  static const std::set<std::string> names = [] {
    std::set<std::string> out;
    for (const char* n :
         {"exp",  "exp2", "expm1", "log",   "log2", "log10", "log1p", "sqrt",  "cbrt",     "sin",  "cos",   "tan",
          "asin", "acos", "atan",  "sinh",  "cosh", "tanh",  "erf",   "erfc",  "floor",    "ceil", "trunc", "round",
          "rint", "fabs", "pow",   "atan2", "fmod", "fmin",  "fmax",  "hypot", "copysign", "fma"}) {
      out.insert(n);
      out.insert(std::string(n) + "f");
    }
    return out;
  }();
  return names;
}

const char* math_name(Intrinsic op) {
  switch (op) {
    case Intrinsic::kExp:
      return "exp";
    case Intrinsic::kLog:
      return "log";
    case Intrinsic::kTanh:
      return "tanh";
    case Intrinsic::kErf:
      return "erf";
    case Intrinsic::kSqrt:
      return "sqrt";
    case Intrinsic::kSin:
      return "sin";
    case Intrinsic::kCos:
      return "cos";
    case Intrinsic::kPow:
      return "pow";
    case Intrinsic::kAbs:
      return "fabs";
    case Intrinsic::kFloor:
      return "floor";
    case Intrinsic::kCeil:
      return "ceil";
    case Intrinsic::kRound:
      return "rint";  // ties to even in the default rounding mode
    case Intrinsic::kTrunc:
      return "trunc";
    case Intrinsic::kFma:
      return "fma";
    default:
      return nullptr;
  }
}

}  // namespace

CText CFunction::call(const tir::CallNode* n) {
  const DataType t = n->dtype.element();
  auto simple = [&](std::string text, Precedence p = kPostfix) {
    return CText{std::move(text), p, type_bounds(t), false};
  };
  switch (n->op) {
    case Intrinsic::kExtern:
      return extern_call(n);
    case Intrinsic::kAddressOf: {
      const auto* l = as<tir::LoadNode>(n->args[0]);
      if (l->buffer.scope() == tir::Scope::kRegister)
        c_error("G0862", fmt::format("register `{}` has no address", l->buffer.name()));
      return simple(fmt::format("(void*)&{}", element(l->buffer, l->indices.at(0))), kUnary);
    }
    case Intrinsic::kPrefetch: {
      const auto* l = as<tir::LoadNode>(n->args[0]);
      if (l->buffer.scope() == tir::Scope::kRegister || l->dtype.lanes > 1) return simple("0");
      return simple(fmt::format("(__builtin_prefetch(&{}), 0)", element(l->buffer, l->indices.at(0))));
    }
    default:
      break;
  }
  std::vector<CText> args;
  for (const Expr& a : n->args) args.push_back(value(a));
  const DataType from = n->args[0].dtype().element();
  if (n->op == Intrinsic::kReinterpret) {
    const bool bits_from = !from.is_floating() || from.bits == 16, bits_to = !t.is_floating() || t.bits == 16;
    if (bits_from && bits_to) return simple(fmt::format("({}){}", c_type(t), args[0].in(kUnary)), kUnary);
    return simple(fmt::format("{}({})", m_.helpers.reinterpret(from, t), args[0].text));
  }
  if (!from.is_floating()) return bit_call(n, args);
  if (n->op == Intrinsic::kIsNan) {
    const CText x = from.bits == 16 ? cast(tir::kF32, from, args[0]) : args[0];
    m_.helpers.needs_math = true;
    return simple(fmt::format("isnan({}) != 0", x.text), kEquality);
  }
  if (from.bits == 16)
    c_error("G0863", fmt::format("{} of {} cannot stand in lowered code", intrinsic_name(n->op), from.str()),
            "compute in f32 and cast");
  m_.helpers.needs_math = true;
  const char* suffix = from.bits == 32 ? "f" : "";
  const std::string one = from.bits == 32 ? "1.0f" : "1.0";
  if (n->op == Intrinsic::kRsqrt) return simple(fmt::format("{} / sqrt{}({})", one, suffix, args[0].text), kProduct);
  if (n->op == Intrinsic::kSigmoid)
    return simple(fmt::format("{0} / ({0} + exp{1}(-{2}))", one, suffix, args[0].in(kPostfix)), kProduct);
  std::string list;
  for (const CText& a : args) list += (list.empty() ? "" : ", ") + a.text;
  const char* name = math_name(n->op);
  if (!name) c_error("G0862", fmt::format("intrinsic {} of {}", intrinsic_name(n->op), from.str()));
  return simple(fmt::format("{}{}({})", name, suffix, list));
}

CText CFunction::bit_call(const tir::CallNode* n, const std::vector<CText>& args) {
  const DataType t = n->dtype.element();
  const std::string type = c_type(t);
  const bool small = t.bits < 32;
  auto result = [&](const std::string& text, Precedence p) {
    // Narrow operands became int.
    if (small) return CText{fmt::format("({})({})", type, text), kUnary, type_bounds(t), false};
    return CText{text, p, type_bounds(t), false};
  };
  switch (n->op) {
    case Intrinsic::kAbs: {
      if (t.is_uint()) return args[0];
      const CText zero{"0", kPostfix, {0, 0, true}, true};
      const std::string name = fmt::format("tw_abs_{}", c_suffix(t));
      m_.helpers.define(
          name,
          fmt::format("TW_INLINE {0} {1}({0} a) {{\n  return ({0})(a < 0 ? 0 - (uint{2}_t)a : (uint{2}_t)a);\n}}\n",
                      type, name, t.bits));
      return {fmt::format("{}({})", name, args[0].text), kPostfix, type_bounds(t), false};
    }
    case Intrinsic::kShiftLeft:
    case Intrinsic::kShiftRight: {
      const std::string name = m_.helpers.scalar(n->op == Intrinsic::kShiftLeft ? "shl" : "shr", t);
      return {fmt::format("{}({}, {})", name, args[0].text, args[1].text), kPostfix, type_bounds(t), false};
    }
    case Intrinsic::kBitAnd:
      return result(fmt::format("{} & {}", args[0].in(kUnary), args[1].in(kUnary)), kBitAnd);
    case Intrinsic::kBitOr:
      return result(fmt::format("{} | {}", args[0].in(kUnary), args[1].in(kUnary)), kBitOr);
    case Intrinsic::kBitXor:
      return result(fmt::format("{} ^ {}", args[0].in(kUnary), args[1].in(kUnary)), kBitXor);
    case Intrinsic::kBitNot:
      return result(fmt::format("~{}", args[0].in(kUnary)), kUnary);
    case Intrinsic::kPopcount:
      return {fmt::format("({})__builtin_popcountll((uint{}_t){})", type, t.bits, args[0].in(kUnary)), kUnary,
              ValueBounds{0, t.bits, true}, false};
    default:
      c_error("G0862", fmt::format("intrinsic {} of {}", intrinsic_name(n->op), t.str()));
  }
}

CText CFunction::extern_call(const tir::CallNode* n) {
  bool good = !n->name.empty() && std::isdigit(static_cast<unsigned char>(n->name[0])) == 0;
  for (const char c : n->name) good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
  if (!good) c_error("G0862", fmt::format("`{}` is no name of a C function", n->name));
  std::string list, types;
  for (const Expr& a : n->args) {
    list += (list.empty() ? "" : ", ") + value(a).text;
    types += (types.empty() ? "" : ", ") + c_type(a.dtype().element());
  }
  if (math_functions().count(n->name))
    m_.helpers.needs_math = true;
  else if (m_.externs.insert(n->name).second)
    m_.prototypes +=
        fmt::format("extern {} {}({});\n", c_type(n->dtype.element()), n->name, types.empty() ? "void" : types);
  return {fmt::format("{}({})", n->name, list), kPostfix, type_bounds(n->dtype.element()), false};
}

}  // namespace tilewright::codegen
