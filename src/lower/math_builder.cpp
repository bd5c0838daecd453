#include "lower/math_builder.h"

#include <cmath>
#include <limits>

namespace tilewright::lower {

using namespace tir;  // NOLINT

namespace {

Expr shift_left(Expr a, Expr b) {
  return call(Intrinsic::kShiftLeft, {std::move(a), std::move(b)});
}
Expr shift_right(Expr a, Expr b) {
  return call(Intrinsic::kShiftRight, {std::move(a), std::move(b)});
}
Expr bit_and(Expr a, Expr b) {
  return call(Intrinsic::kBitAnd, {std::move(a), std::move(b)});
}
Expr bit_or(Expr a, Expr b) {
  return call(Intrinsic::kBitOr, {std::move(a), std::move(b)});
}

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLog2E = 1.4426950408889634074;

/// Adding and subtracting this rounds to the nearest integer, which then stands in the low bits.
constexpr double kRoundF32 = 12582912.0;          // 1.5 * 2^23
constexpr double kRoundF64 = 6755399441055744.0;  // 1.5 * 2^52
constexpr int64_t kRoundBitsF32 = 0x4b400000, kRoundBitsF64 = 0x4338000000000000;

}  // namespace

Expr MathBuilder::bind(Expr value) {
  if (value.kind() == ExprKind::kVar || value.kind() == ExprKind::kFloatImm || value.kind() == ExprKind::kIntImm)
    return value;
  Var v("m", value.dtype());
  lets_.emplace_back(v, std::move(value));
  return v;
}

Expr MathBuilder::finish(Expr result) const {
  for (size_t i = lets_.size(); i-- > 0;) result = make_let(lets_[i].first, lets_[i].second, std::move(result));
  return result;
}

Expr MathBuilder::mad(Expr a, Expr b, Expr c) const {
  return fma_ ? tir::fma(std::move(a), std::move(b), std::move(c)) : std::move(a) * std::move(b) + std::move(c);
}
Expr MathBuilder::bits(const Expr& x) const {
  return reinterpret(wide() ? kI64 : kI32, x);
}
Expr MathBuilder::from_bits(const Expr& x) const {
  return reinterpret(type_, x);
}
Expr MathBuilder::whole(int64_t value) const {
  return make_int(wide() ? kI64 : kI32, value);
}

Expr MathBuilder::polynomial(std::initializer_list<double> coefficients, const Expr& x) {
  const double* c = coefficients.end() - 1;
  Expr sum = constant(*c);
  while (c-- != coefficients.begin()) sum = mad(sum, x, constant(*c));
  return bind(sum);
}

Expr MathBuilder::limited_magnitude(const Expr& x, double high) {
  const Expr a = bind(tir::abs(x));
  return bind(select(a > constant(high), constant(high), a));
}

Expr MathBuilder::copy_sign(const Expr& magnitude, const Expr& sign) {
  const Expr mask = whole(wide() ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int32_t>::min());
  return from_bits(bit_or(bits(magnitude), bit_and(bits(sign), mask)));
}

// ---- Exponential: x = n ln 2 + r with |r| <= ln 2 / 2, exp(x) = 2^n (1 + r + r^2 q(r)).

MathBuilder::ExpParts MathBuilder::exp_parts(const Expr& x) {
  const Expr magic = constant(wide() ? kRoundF64 : kRoundF32);
  const Expr rounded = bind(mad(x, constant(kLog2E), magic));
  const Expr n = bind(rounded - magic);
  // The high part of ln 2 is short, so that its product with n is exact.
  const double high = wide() ? 0x1.62e42feep-1 : 0x1.62e4p-1;
  const double low = wide() ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cp-20;
  Expr r = mad(n, constant(-high), x);
  r = bind(mad(n, constant(-low), r));
  const Expr q = wide() ? polynomial({0.5000000000000011, 0.1666666666666641, 0.04166666666652871, 0.008333333333496201,
                                      0.001388888894406581, 0.0001984126950385631, 2.4801492598326497e-05,
                                      2.755758783519404e-06, 2.763044233192299e-07, 2.4999912704724316e-08},
                                     r)
                        : polynomial({0.4999999339528795, 0.16666519846589312, 0.04166839718361086, 0.00836881196107851,
                                      0.0013814406632988694},
                                     r);
  ExpParts parts;
  parts.n = bind(bits(rounded) - whole(wide() ? kRoundBitsF64 : kRoundBitsF32));
  parts.t = bind(mad(r * r, q, r));
  return parts;
}

Expr MathBuilder::power_of_two(const Expr& n) {
  return from_bits(shift_left(n + whole(wide() ? 1023 : 127), whole(wide() ? 52 : 23)));
}

Expr MathBuilder::exp(const Expr& argument) {
  // Outside these bounds the result is 0 or infinity anyway; comparisons let a NaN pass.
  const double low = wide() ? -746.0 : -104.0, high = wide() ? 710.0 : 89.0;
  Expr x = bind(argument);
  x = bind(select(x < constant(low), constant(low), x));
  x = bind(select(x > constant(high), constant(high), x));
  const ExpParts parts = exp_parts(x);
  // In two steps, because 2^n alone may be no normal number.
  const Expr half = bind(shift_right(parts.n, whole(1)));
  return (constant(1) + parts.t) * power_of_two(half) * power_of_two(parts.n - half);
}

// ---- Logarithm: x = 2^e m with m around 1.

Expr MathBuilder::log(const Expr& argument) {
  const Expr x = bind(argument);
  const double smallest = wide() ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  const int mantissa = wide() ? 52 : 23;
  const Expr tiny = bind(x < constant(smallest));
  const Expr scaled = select(tiny, x * constant(std::ldexp(1.0, mantissa)), x);
  const int64_t root_half = wide() ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  const Expr offset = bind(bits(scaled) - whole(root_half));
  Expr e = shift_right(offset, whole(mantissa));
  e = bind(cast(type_, e - select(tiny, whole(mantissa), whole(0))));
  const Expr m = from_bits(bit_and(offset, whole((int64_t{1} << mantissa) - 1)) + whole(root_half));
  const Expr f = bind(m - constant(1));
  const double high = wide() ? 0x1.62e42feep-1 : 0x1.62e4p-1;
  const double low = wide() ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cp-20;
  const Expr half_square = bind(f * f * constant(0.5));
  Expr result;
  if (wide()) {
    // log(1 + f) = 2 atanh(s) with s = f / (2 + f).
    const Expr s = bind(f / (f + constant(2)));
    const Expr z = bind(s * s);
    const Expr r = z * polynomial({0.6666666666666735, 0.39999999999413144, 0.2857142874276374, 0.22222198531285986,
                                   0.181835666643296, 0.1531398684114875, 0.1479662425948785},
                                  z);
    result = mad(e, constant(high), f - (half_square - mad(s, half_square + r, e * constant(low))));
  } else {
    const Expr p = polynomial(
        {0.33333312600041926, -0.25000009667136486, 0.200021191578098, -0.16667992419251068, 0.14219536841686006,
         -0.1240564022277698, 0.11888344461137523, -0.11675420054543664, 0.06745919901767015},
        f);
    // f^3 p - f^2 / 2 + f + e ln 2, small terms first.
    Expr tail = mad(f * f * f, p, e * constant(low)) - half_square;
    result = mad(e, constant(high), f + tail);
  }
  const Expr regular = bind(result);
  return select(x > constant(0), select(x == constant(kInf), constant(kInf), regular),
                select(x == constant(0), constant(-kInf), constant(kNan)));
}

// ---- Hyperbolic tangent: (e^2x - 1) / (e^2x + 1), with e^2x - 1 exact near 0.

Expr MathBuilder::tanh(const Expr& argument) {
  const Expr x = bind(argument);
  const Expr a = limited_magnitude(x, wide() ? 22.0 : 10.0);
  const ExpParts parts = exp_parts(bind(a + a));
  const Expr scale = bind(power_of_two(parts.n));
  const Expr em = bind(mad(scale, parts.t, scale - constant(1)));
  return copy_sign(bind(em / (em + constant(2))), x);
}

Expr MathBuilder::sigmoid(const Expr& argument) {
  const Expr x = bind(argument);
  const Expr z = bind(exp(bind(-tir::abs(x))));
  return select(x < constant(0), z, constant(1)) / (constant(1) + z);
}

// ---- Error function: an odd polynomial up to 1, then 1 - exp(g(|x|)) with g = log(erfc).

Expr MathBuilder::erf(const Expr& argument) {
  const Expr x = bind(argument);
  const Expr z = bind(x * x);
  const Expr p = wide()
                     ? polynomial({0.12837916709551256, -0.3761263890318352, 0.11283791670944185, -0.02686617064311144,
                                   0.005223977606118296, -0.0008548325929306829, 0.00012055293576686918,
                                   -1.4924712298094114e-05, 1.6447131524503547e-06, -1.6206313408057644e-07,
                                   1.3710978904586099e-08, -7.779465729549992e-10},
                                  z)
                     : polynomial({0.12837916572679745, -0.376126258246751, 0.11283585151233505, -0.026853811990321785,
                                   0.005188327729379839, -0.0008010193658509673, 7.853860631578001e-05},
                                  z);
  const Expr near = mad(x, p, x);
  const Expr t = limited_magnitude(x, wide() ? 6.0 : 4.0);
  const Expr g =
      wide()
          ? polynomial({-1.7962264297191971e-07, -1.1283773292375858, -0.6366284890538586, -0.10274725168395588,
                        0.019078153947328532, 0.0002804915646169779, -0.0017690042958786703, 0.0006411761269976664,
                        -4.4825002213867895e-05, -7.036512124026363e-05, 4.5036649910158283e-05, -1.651366558704744e-05,
                        4.326963651881259e-06, -8.505574735043281e-07, 1.2570232263188647e-07, -1.3626407714670703e-08,
                        1.0256779740723228e-09, -4.7959277659563575e-11, 1.049596392280424e-12},
                       t)
          : polynomial({-0.0003415244728517709, -1.1270891818430506, -0.6381448509588138, -0.10310673476090916,
                        0.0218380524943152, -0.0029476549058988564, 0.00018637879362348885},
                       t);
  const Expr far = copy_sign(bind(constant(1) - exp(g)), x);
  return select(t < constant(1), near, far);
}

Expr MathBuilder::rsqrt(const Expr& x) {
  return constant(1) / tir::sqrt(x);
}

// ---- Sine and cosine: x = n pi/2 + r with |r| <= pi/4.

Expr MathBuilder::sine(const Expr& argument, bool cosine) {
  const Expr x = bind(argument);
  // In double precision always: the reduction of f32 arguments is then exact enough for every n below 2^31.
  const Expr wide_x = bind(cast(kF64, x));
  const Expr magic = make_const(kF64, kRoundF64);
  const auto wide_mad = [&](Expr a, double b, Expr c) {
    return fma_ ? tir::fma(std::move(a), make_const(kF64, b), std::move(c))
                : std::move(a) * make_const(kF64, b) + std::move(c);
  };
  const Expr rounded = bind(wide_mad(wide_x, 0.63661977236758134308, magic));
  const Expr n = bind(rounded - magic);
  Expr wide_r;
  if (fma_) {
    wide_r = wide_mad(n, -0x1.921fb54442d18p+0, wide_x);
    wide_r = wide_mad(n, -0x1.1a62633145c07p-54, wide_r);
  } else {
    // Parts of 33 bits, so that their products with n are exact.
    wide_r = wide_mad(n, -0x1.921fb544p+0, wide_x);
    wide_r = wide_mad(n, -0x1.0b4611a6p-34, wide_r);
    wide_r = wide_mad(n, -0x1.3198a2e037073p-69, wide_r);
  }
  // Beyond the range of the reduction r means nothing; keep the result inside [-1, 1]. Infinities give a NaN.
  wide_r = bind(wide_r);
  wide_r = select(tir::abs(wide_r) > make_const(kF64, 1), make_const(kF64, 0), wide_r);
  const Expr r = bind(cast(type_, wide_r));
  const Expr z = bind(r * r);
  const Expr s =
      wide() ? polynomial({-0.16666666666666666, 0.008333333333333323, -0.00019841269841255017, 2.755731921416375e-06,
                           -2.5052104904496035e-08, 1.6058365706541175e-10, -7.57865138288145e-13},
                          z)
             : polynomial({-0.16666654886791793, 0.008332174415206974, -0.00019516777584268794}, z);
  const Expr c =
      wide() ? polynomial({0.041666666666666664, -0.0013888888888888874, 2.480158730157141e-05, -2.755731921533871e-07,
                           2.087675435763424e-09, -1.1470292281160672e-11, 4.738063834020757e-14},
                          z)
             : polynomial({0.04166664677049743, -0.0013887362609790268, 2.443786780686194e-05}, z);
  // The sum would lose the sign of -0.
  const Expr sine_r = bind(select(z == constant(0), r, mad(r * z, s, r)));
  const Expr cosine_r = bind(mad(z * z, c, mad(z, constant(-0.5), constant(1))));
  Expr quadrant = reinterpret(kI64, rounded);
  if (cosine) quadrant = quadrant + make_int(kI64, 1);
  quadrant = bind(quadrant);
  const Expr odd = bit_and(quadrant, make_int(kI64, 1)) != make_int(kI64, 0);
  const Expr negative = bit_and(quadrant, make_int(kI64, 2)) != make_int(kI64, 0);
  const Expr value = bind(select(odd, cosine_r, sine_r));
  return select(negative, -value, value);
}

// ---- Power: exp(y log|x|), with the signs and special cases of C.

Expr MathBuilder::pow(const Expr& base, const Expr& exponent) {
  if (const auto* c = as<FloatImmNode>(exponent)) {
    const Expr x = bind(base);
    if (c->value == 0) return constant(1);
    if (c->value == 1) return x;
    if (c->value == 2) return x * x;
    if (c->value == 3) return x * x * x;
    if (c->value == 0.5) return tir::sqrt(x);
    if (c->value == -1) return constant(1) / x;
    if (c->value == -0.5) return constant(1) / tir::sqrt(x);
  }
  const Expr x = bind(base), y = bind(exponent);
  // f32 goes through f64: y log|x| needs bits beyond the type's own.
  const Expr magnitude = bind(tir::abs(x));
  MathBuilder wide_math(kF64, fma_);
  const Expr product = bind(cast(kF64, y) * wide_math.finish(wide_math.log(cast(kF64, magnitude))));
  MathBuilder wide_exp(kF64, fma_);
  const Expr power = bind(cast(type_, wide_exp.finish(wide_exp.exp(product))));
  const Expr one = constant(1), zero = constant(0);
  const Expr floor_y = bind(call(Intrinsic::kFloor, {y}));
  const Expr half_y = bind(y * constant(0.5));
  const Expr odd = floor_y == y && call(Intrinsic::kFloor, {half_y}) != half_y;
  Expr result = bind(select(magnitude == one || y == zero, one, power));
  result = bind(select(bits(x) < whole(0) && odd, -result, result));
  result = bind(select(x < zero && magnitude < constant(kInf) && floor_y != y, constant(kNan), result));
  return select(y == zero || x == one, one, result);
}

}  // namespace tilewright::lower
