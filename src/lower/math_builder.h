// Expansions of the transcendental functions into arithmetic, one scalar expression each (docs/math.md).
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "tilewright/tir/expr.h"

namespace tilewright::lower {

/// Builds one expansion: values that are used more than once are bound by lets around the result.
class MathBuilder {
 public:
  /// `type` is f32 or f64.
  MathBuilder(tir::DataType type, bool has_fma) : type_(type), fma_(has_fma) {}

  tir::Expr exp(const tir::Expr& x);
  tir::Expr log(const tir::Expr& x);
  tir::Expr tanh(const tir::Expr& x);
  tir::Expr erf(const tir::Expr& x);
  tir::Expr sigmoid(const tir::Expr& x);
  tir::Expr rsqrt(const tir::Expr& x);
  /// The sine, or the cosine.
  tir::Expr sine(const tir::Expr& x, bool cosine);
  tir::Expr pow(const tir::Expr& x, const tir::Expr& y);

  /// The result inside its lets.
  tir::Expr finish(tir::Expr result) const;

 private:
  /// exp(x) = 2^n (1 + t), for x inside the range where that matters.
  struct ExpParts {
    tir::Expr n;  // integer of the type's width
    tir::Expr t;
  };
  ExpParts exp_parts(const tir::Expr& x);
  tir::Expr power_of_two(const tir::Expr& n);
  /// Bits of x as an integer of its width.
  tir::Expr bits(const tir::Expr& x) const;
  tir::Expr from_bits(const tir::Expr& x) const;
  tir::Expr whole(int64_t value) const;
  tir::Expr constant(double value) const { return tir::make_const(type_, value); }
  bool wide() const { return type_ == tir::kF64; }

  tir::Expr bind(tir::Expr value);
  tir::Expr mad(tir::Expr a, tir::Expr b, tir::Expr c) const;
  tir::Expr polynomial(std::initializer_list<double> coefficients, const tir::Expr& x);
  /// |x|, limited to `high`; a NaN stays one.
  tir::Expr limited_magnitude(const tir::Expr& x, double high);
  tir::Expr copy_sign(const tir::Expr& magnitude, const tir::Expr& sign);

  tir::DataType type_;
  bool fma_;
  std::vector<std::pair<tir::Var, tir::Expr>> lets_;
};

}  // namespace tilewright::lower
