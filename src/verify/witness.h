// Refutation by example: integer expressions are evaluated at a few chosen points of the iteration space. A claim that
// fails at a point where every guard holds is wrong for certain, and the point explains why; nothing is ever refused
// because a proof was not found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::verify {

/// Values of variables at one point.
class Point {
 public:
  void set(const tir::Var& var, int64_t value) { values_.emplace_back(var, value); }
  const int64_t* find(const tir::VarNode* var) const;
  /// Empty when a value is not known or the arithmetic overflows.
  std::optional<int64_t> eval(const tir::Expr& e) const;
  size_t size() const { return values_.size(); }
  void truncate(size_t size) { values_.resize(size); }
  /// "i = 3, k = 0"; for the variables in `e` and in `more`.
  std::string describe(const std::vector<tir::Expr>& exprs) const;

 private:
  std::vector<std::pair<tir::Var, int64_t>> values_;
};

/// One thing met on the way from a block (or the function) down to an access.
struct Step {
  enum class Kind { kLoop, kValue, kGuard };
  Kind kind;
  tir::Var var;      // kLoop, kValue
  tir::Range range;  // kLoop
  tir::Expr expr;    // kValue: the variable's value; kGuard: holds here
};

/// Chooses points: number 0 is the smallest corner, 1 the largest, the others are spread without order.
class Sampler {
 public:
  static constexpr int kPoints = 10;
  /// Extends the point by the steps; false when this sample gives no point (a guard fails or is not known, a loop is
  /// empty).
  static bool walk(const std::vector<Step>& steps, int sample, Point* point);
  /// A value for a symbolic size: small, of many divisors.
  static int64_t size_value(int sample, size_t index);
};

}  // namespace tilewright::verify
