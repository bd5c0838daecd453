// Checked 64-bit arithmetic: every operation says whether it fits. Floor semantics as in the loop IR.
#pragma once

#include <cstdint>
#include <limits>
#include <numeric>

#include "tilewright/arith/analyzer.h"

namespace tilewright::arith {

inline constexpr int64_t kNegInf = ConstBound::kNegInf, kPosInf = ConstBound::kPosInf;

[[nodiscard]] inline bool add_ok(int64_t a, int64_t b, int64_t* out) {
  return !__builtin_add_overflow(a, b, out);
}
[[nodiscard]] inline bool sub_ok(int64_t a, int64_t b, int64_t* out) {
  return !__builtin_sub_overflow(a, b, out);
}
[[nodiscard]] inline bool mul_ok(int64_t a, int64_t b, int64_t* out) {
  return !__builtin_mul_overflow(a, b, out);
}

/// b > 0.
inline int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return q - (a % b < 0);
}
/// b > 0; in [0, b).
inline int64_t floor_mod(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r < 0 ? r + b : r;
}
/// Non-negative; the smallest integer has no absolute value, so it counts as coprime to everything.
inline int64_t gcd_of(int64_t a, int64_t b) {
  if (a == kNegInf || b == kNegInf) return 1;
  return std::gcd(a, b);
}

// Interval ends. kNegInf and kPosInf are "unknown" and absorb; a finite result that overflows becomes unknown.
inline int64_t low_add(int64_t a, int64_t b) {
  int64_t r;
  return a == kNegInf || b == kNegInf || !add_ok(a, b, &r) ? kNegInf : r;
}
inline int64_t high_add(int64_t a, int64_t b) {
  int64_t r;
  return a == kPosInf || b == kPosInf || !add_ok(a, b, &r) ? kPosInf : r;
}
inline ConstBound add_bounds(ConstBound a, ConstBound b) {
  return {low_add(a.min, b.min), high_add(a.max, b.max)};
}
inline ConstBound scale_bound(ConstBound a, int64_t k) {
  if (k == 0) return {0, 0};
  if (k == 1) return a;
  ConstBound r;
  const int64_t low = k > 0 ? a.min : a.max, high = k > 0 ? a.max : a.min;
  if (low == kNegInf || low == kPosInf || !mul_ok(low, k, &r.min)) r.min = kNegInf;
  if (high == kNegInf || high == kPosInf || !mul_ok(high, k, &r.max)) r.max = kPosInf;
  return r;
}
/// d > 0.
inline ConstBound div_bound(ConstBound a, int64_t d) {
  if (a.min != kNegInf) a.min = floor_div(a.min, d);
  if (a.max != kPosInf) a.max = floor_div(a.max, d);
  return a;
}
/// d > 0.
inline ConstBound mod_bound(ConstBound a, int64_t d) {
  if (a.min != kNegInf && a.max != kPosInf && floor_div(a.min, d) == floor_div(a.max, d))
    return {floor_mod(a.min, d), floor_mod(a.max, d)};
  return {0, d - 1};
}
inline ConstBound intersect(ConstBound a, ConstBound b) {
  return {a.min > b.min ? a.min : b.min, a.max < b.max ? a.max : b.max};
}
inline ConstBound hull(ConstBound a, ConstBound b) {
  return {a.min < b.min ? a.min : b.min, a.max > b.max ? a.max : b.max};
}
ConstBound mul_bounds(ConstBound a, ConstBound b);

}  // namespace tilewright::arith
