// The meaning of single operations, where C++ has none or another one.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tilewright/tir/interpreter.h"

namespace tilewright::tir {

inline int64_t floor_div(int64_t a, int64_t b) {
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  const int64_t q = a / b;
  return q - static_cast<int64_t>(a % b != 0 && (a < 0) != (b < 0));
}
inline int64_t floor_mod(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/// Wraps to `bits` bits and extends by sign or zero.
inline int64_t wrap_int(DataType t, uint64_t value) {
  if (t.is_bool()) return value != 0;
  if (t.bits >= 64) return static_cast<int64_t>(value);
  const int shift = 64 - t.bits;
  return t.is_int() ? static_cast<int64_t>(value << shift) >> shift : static_cast<int64_t>((value << shift) >> shift);
}

/// Truncates and saturates; NaN becomes 0.
inline int64_t saturate_to_int(double x, int bits, bool is_signed) {
  if (x != x) return 0;
  if (is_signed) {
    const double limit = std::ldexp(1.0, bits - 1);
    if (x >= limit) return static_cast<int64_t>((uint64_t{1} << (bits - 1)) - 1);
    if (x <= -limit) return -static_cast<int64_t>((uint64_t{1} << (bits - 1)) - 1) - 1;
    return static_cast<int64_t>(x);
  }
  if (x <= -1.0 || x < 0) return 0;
  if (x >= std::ldexp(1.0, bits)) return static_cast<int64_t>(std::numeric_limits<uint64_t>::max() >> (64 - bits));
  return static_cast<int64_t>(static_cast<uint64_t>(x));
}

/// f64 to f32 rounded to odd: a second rounding to fewer bits then gives the correctly rounded result (Boldo and
/// Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
inline float round_to_odd(double x) {
  const auto f = static_cast<float>(x);
  const auto back = static_cast<double>(f);
  if (back == x || x != x) return f;
  const auto bits = std::bit_cast<uint32_t>(f);
  if (bits & 1u) return f;
  return std::bit_cast<float>(std::fabs(x) > std::fabs(back) ? bits + 1 : bits - 1);
}
inline float round_half(float x) {
  return half_to_float(float_to_half(x));
}
inline float round_bfloat(float x) {
  return bfloat_to_float(float_to_bfloat(x));
}
/// A double rounded to any float type, as a double.
inline double round_to(DataType t, double x) {
  if (t.bits == 64) return x;
  if (t.bits == 32) return static_cast<double>(static_cast<float>(x));
  const float odd = round_to_odd(x);
  return static_cast<double>(t.code == TypeCode::kBfloat ? round_bfloat(odd) : round_half(odd));
}

}  // namespace tilewright::tir
