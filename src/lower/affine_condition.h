// Guards as bounds of one loop variable.
#pragma once

#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/expr.h"

namespace tilewright::lower {

/// A comparison of integers as `form >= 0`; null when it is none (or an inequation).
/// a < b gives b - a - 1, a <= b gives b - a, and so on.
tir::Expr nonnegative_form(const tir::Expr& condition);

/// form = coeff * var + rest.
struct LinearIn {
  int64_t coeff = 0;
  tir::Expr rest;
};
/// Finds the form by structure: sums and constant multiples. False when `var` stands anywhere else.
bool linear_in(const tir::Expr& form, const tir::VarNode* var, LinearIn* out);

}  // namespace tilewright::lower
