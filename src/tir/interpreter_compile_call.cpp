// Intrinsics and extern calls.
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "tilewright/support/diagnostic.h"
#include "tir/interpreter_compile.h"
#include "tir/interpreter_math.h"

namespace tilewright::tir::interp {
namespace {

template <typename T>
T sigmoid_of(T x) {
  return T{1} / (T{1} + std::exp(-x));
}
template <typename T>
T rsqrt_of(T x) {
  return T{1} / std::sqrt(x);
}
/// Half to even whatever the rounding mode of the host is.
template <typename T>
T round_even(T x) {
  const T down = std::floor(x), part = x - down;
  if (!(std::fabs(x) < T{1} / std::numeric_limits<T>::epsilon())) return x;
  const T even = std::fmod(down, T{2}) == T{0} ? down : down + T{1};
  const T result = part < T{0.5} ? down : part > T{0.5} ? down + T{1} : even;
  return std::copysign(result, x);
}

struct Unary {
  Intrinsic op;
  float (*f)(float);
  double (*d)(double);
};
constexpr Unary kUnary[] = {
    {Intrinsic::kExp, [](float x) { return std::exp(x); }, [](double x) { return std::exp(x); }},
    {Intrinsic::kLog, [](float x) { return std::log(x); }, [](double x) { return std::log(x); }},
    {Intrinsic::kTanh, [](float x) { return std::tanh(x); }, [](double x) { return std::tanh(x); }},
    {Intrinsic::kErf, [](float x) { return std::erf(x); }, [](double x) { return std::erf(x); }},
    {Intrinsic::kSigmoid, sigmoid_of<float>, sigmoid_of<double>},
    {Intrinsic::kRsqrt, rsqrt_of<float>, rsqrt_of<double>},
    {Intrinsic::kSin, [](float x) { return std::sin(x); }, [](double x) { return std::sin(x); }},
    {Intrinsic::kCos, [](float x) { return std::cos(x); }, [](double x) { return std::cos(x); }},
    {Intrinsic::kFloor, [](float x) { return std::floor(x); }, [](double x) { return std::floor(x); }},
    {Intrinsic::kCeil, [](float x) { return std::ceil(x); }, [](double x) { return std::ceil(x); }},
    {Intrinsic::kRound, round_even<float>, round_even<double>},
    {Intrinsic::kTrunc, [](float x) { return std::trunc(x); }, [](double x) { return std::trunc(x); }},
};

/// The C library's functions that programs may call by name; with the suffix f, for floats.
struct Library {
  const char* name;
  float (*f1)(float);
  double (*d1)(double);
  float (*f2)(float, float);
  double (*d2)(double, double);
};
#define TILEWRIGHT_LIBM1(name) \
  {#name, [](float x) { return std::name(x); }, [](double x) { return std::name(x); }, nullptr, nullptr}
#define TILEWRIGHT_LIBM2(name)                                                \
  {#name, nullptr, nullptr, [](float x, float y) { return std::name(x, y); }, \
   [](double x, double y) { return std::name(x, y); }}
constexpr Library kLibrary[] = {
    TILEWRIGHT_LIBM1(exp),   TILEWRIGHT_LIBM1(exp2),  TILEWRIGHT_LIBM1(expm1), TILEWRIGHT_LIBM1(log),
    TILEWRIGHT_LIBM1(log2),  TILEWRIGHT_LIBM1(log10), TILEWRIGHT_LIBM1(log1p), TILEWRIGHT_LIBM1(sqrt),
    TILEWRIGHT_LIBM1(cbrt),  TILEWRIGHT_LIBM1(sin),   TILEWRIGHT_LIBM1(cos),   TILEWRIGHT_LIBM1(tan),
    TILEWRIGHT_LIBM1(asin),  TILEWRIGHT_LIBM1(acos),  TILEWRIGHT_LIBM1(atan),  TILEWRIGHT_LIBM1(sinh),
    TILEWRIGHT_LIBM1(cosh),  TILEWRIGHT_LIBM1(tanh),  TILEWRIGHT_LIBM1(erf),   TILEWRIGHT_LIBM1(erfc),
    TILEWRIGHT_LIBM1(floor), TILEWRIGHT_LIBM1(ceil),  TILEWRIGHT_LIBM1(trunc), TILEWRIGHT_LIBM1(round),
    TILEWRIGHT_LIBM1(fabs),  TILEWRIGHT_LIBM2(pow),   TILEWRIGHT_LIBM2(atan2), TILEWRIGHT_LIBM2(fmod),
    TILEWRIGHT_LIBM2(fmin),  TILEWRIGHT_LIBM2(fmax),  TILEWRIGHT_LIBM2(hypot), TILEWRIGHT_LIBM2(copysign),
};
#undef TILEWRIGHT_LIBM1
#undef TILEWRIGHT_LIBM2

}  // namespace

Compiler::Operand Compiler::compile_call(const CallNode* n) {
  if (n->op == Intrinsic::kPrefetch) return constant_int(0);
  if (n->op == Intrinsic::kAddressOf) unsupported("the address of an element cannot be taken here");
  if (n->op == Intrinsic::kExtern) return compile_extern(n);
  std::vector<Operand> args;
  for (const Expr& a : n->args) args.push_back(compile(a));
  if (n->op == Intrinsic::kReinterpret) return compile_reinterpret(args[0], n->args[0].dtype(), n->dtype);
  return n->args[0].dtype().is_floating() ? compile_math(n, args) : compile_bits(n, args);
}

Compiler::Operand Compiler::compile_math(const CallNode* n, const std::vector<Operand>& args) {
  const DataType t = n->args[0].dtype();
  const int lanes = t.lanes;
  const bool wide = class_of(t) == Class::kF64;
  switch (n->op) {
    case Intrinsic::kFma:
      return round_result(lane_op(wide ? Op::kFmaD : Op::kFmaF, lanes, {args[0], args[1], args[2]}), t);
    case Intrinsic::kAbs:
      return lane_op(wide ? Op::kAbsD : Op::kAbsF, lanes, {args[0]});
    case Intrinsic::kSqrt:
      return round_result(lane_op(wide ? Op::kSqrtD : Op::kSqrtF, lanes, {args[0]}), t);
    case Intrinsic::kIsNan:
      return lane_op(wide ? Op::kIsNanD : Op::kIsNanF, lanes, {args[0]});
    case Intrinsic::kPow: {
      Value v{.u = 0};
      if (wide)
        v.d2 = [](double x, double y) { return std::pow(x, y); };
      else
        v.f2 = [](float x, float y) { return std::pow(x, y); };
      return round_result(lane_op(wide ? Op::kCall2D : Op::kCall2F, lanes, {args[0], args[1], constant(v, lanes)}), t);
    }
    default:
      break;
  }
  for (const Unary& u : kUnary) {
    if (u.op != n->op) continue;
    Value v{.u = 0};
    if (wide)
      v.d1 = u.d;
    else
      v.f1 = u.f;
    return round_result(lane_op(wide ? Op::kCall1D : Op::kCall1F, lanes, {args[0], constant(v, lanes)}), t);
  }
  unsupported(fmt::format("intrinsic {} of {}", intrinsic_name(n->op), t.str()));
}

Compiler::Operand Compiler::compile_bits(const CallNode* n, const std::vector<Operand>& args) {
  const DataType t = n->dtype;
  const int lanes = t.lanes;
  const Operand width = constant_int(t.bits - 1, lanes);
  switch (n->op) {
    case Intrinsic::kAbs:
      return t.is_uint() ? args[0] : wrap_result(lane_op(Op::kAbsI, lanes, {args[0]}), t);
    case Intrinsic::kShiftLeft:
      return wrap_result(lane_op(Op::kShlI, lanes, {args[0], args[1], width}), t);
    case Intrinsic::kShiftRight:
      return lane_op(t.is_uint() ? Op::kShrU : Op::kShrI, lanes, {args[0], args[1], width});
    case Intrinsic::kBitAnd:
      return lane_op(Op::kAndI, lanes, {args[0], args[1]});
    case Intrinsic::kBitOr:
      return lane_op(Op::kOrI, lanes, {args[0], args[1]});
    case Intrinsic::kBitXor:
      return lane_op(Op::kXorI, lanes, {args[0], args[1]});
    case Intrinsic::kBitNot:
      return wrap_result(lane_op(Op::kNotI, lanes, {args[0]}), t);
    case Intrinsic::kPopcount: {
      const auto mask = static_cast<int64_t>(~uint64_t{0} >> (64 - t.bits));
      return lane_op(Op::kPopcount, lanes, {args[0], constant_int(mask, lanes)});
    }
    default:
      unsupported(fmt::format("intrinsic {} of {}", intrinsic_name(n->op), t.str()));
  }
}

Compiler::Operand Compiler::compile_reinterpret(Operand x, DataType from, DataType to) {
  const int lanes = to.lanes;
  // Both directions go through the bits of the narrow type, also where floats are held as doubles.
  if (from.is_floating() && from.bits < 64) {
    if (class_of(from) == Class::kF64) x = lane_op(from.bits == 32 ? Op::kDToF : Op::kDToOdd, lanes, {x});
    x = lane_op(from.bits == 32                  ? Op::kFBits
                : from.code == TypeCode::kBfloat ? Op::kBfloatBits
                                                 : Op::kHalfBits,
                lanes, {x});
  }
  if (!to.is_floating()) return wrap_result(x, to);
  if (to.bits == 64) return x;
  x = lane_op(to.bits == 32 ? Op::kBitsF : to.code == TypeCode::kBfloat ? Op::kBitsBfloat : Op::kBitsHalf, lanes, {x});
  return class_of(to) == Class::kF64 ? lane_op(Op::kFToD, lanes, {x}) : x;
}

Compiler::Operand Compiler::compile_extern(const CallNode* n) {
  const bool wide = n->dtype == kF64;
  bool typed = wide || n->dtype == kF32;
  for (const Expr& a : n->args) typed &= a.dtype() == n->dtype;
  for (const Library& entry : kLibrary) {
    const std::string symbol = wide ? entry.name : std::string(entry.name) + "f";
    const size_t arity = entry.d1 ? 1 : 2;
    if (!typed || symbol != n->name || n->args.size() != arity) continue;
    const bool as_double = wide || options_.float64_reference;
    const Operand a = compile(n->args[0]);
    Value v{.u = 0};
    if (arity == 1) {
      if (as_double)
        v.d1 = entry.d1;
      else
        v.f1 = entry.f1;
      return lane_op(as_double ? Op::kCall1D : Op::kCall1F, 1, {a, constant(v, 1)});
    }
    const Operand b = compile(n->args[1]);
    if (as_double)
      v.d2 = entry.d2;
    else
      v.f2 = entry.f2;
    return lane_op(as_double ? Op::kCall2D : Op::kCall2F, 1, {a, b, constant(v, 1)});
  }
  Diagnostic d;
  d.code = "T0511";
  d.operation = "interpret";
  d.message = fmt::format("extern function `{}` of {} arguments to {} is not known to the interpreter", n->name,
                          n->args.size(), n->dtype.str());
  d.place = func_.name();
  d.legal_kind = "functions (f32 with suffix f)";
  for (const Library& entry : kLibrary) d.legal.push_back(entry.name);
  throw Error(std::move(d));
}

}  // namespace tilewright::tir::interp
