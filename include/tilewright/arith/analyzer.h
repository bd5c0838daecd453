// Reasoning about integer expressions: bounds, divisibility, one canonical form, proofs. 64-bit integers throughout;
// all internal arithmetic is overflow-checked and gives up ("unknown") instead of wrapping.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::arith {

using tir::Expr;
using tir::Range;
using tir::Var;
using tir::VarNode;

/// Closed interval of constants. kNegInf and kPosInf stand for "unknown".
struct ConstBound {
  static constexpr int64_t kNegInf = std::numeric_limits<int64_t>::min();
  static constexpr int64_t kPosInf = std::numeric_limits<int64_t>::max();
  int64_t min = kNegInf, max = kPosInf;
  bool is_const() const { return min == max && min != kNegInf && min != kPosInf; }
};

/// All values are base modulo coeff; coeff 0 means exactly base; coeff 1 means unknown.
struct ModularSet {
  int64_t coeff = 1, base = 0;
};

/// Interval with symbolic ends; a null end is unbounded.
struct IntSet {
  Expr min, max;
  static IntSet point(Expr e) { return {e, e}; }
  static IntSet from_range(const Range& r);
  bool bounded() const { return min.defined() && max.defined(); }
};
class Engine;
using IntSetMap = std::unordered_map<const VarNode*, IntSet>;

/// Holds what is known about variables. Cheap to make and to copy.
class Analyzer {
 public:
  Analyzer();
  ~Analyzer();
  Analyzer(const Analyzer&);
  Analyzer(Analyzer&&) noexcept;
  Analyzer& operator=(Analyzer) noexcept;

  /// var lies in the range. Binding again replaces what was known.
  void bind(const Var& var, const Range& range);
  /// var equals value everywhere.
  void bind(const Var& var, const Expr& value);
  /// Adds a fact (conjunctions are split): comparisons of any affine expressions, equalities, divisibility.
  void assume(const Expr& fact);

  /// Canonical form: sums of constants times (x / a % b) terms in a fixed order; every fact used to drop min, max,
  /// select, mod, div and comparisons. Equal in value for every assignment that satisfies the facts. Idempotent.
  Expr simplify(const Expr& e);
  bool can_prove(const Expr& condition);
  bool can_prove_equal(const Expr& a, const Expr& b);
  bool can_prove_ge(const Expr& a, const Expr& b);
  bool can_prove_lt(const Expr& a, const Expr& b);
  ConstBound const_bound(const Expr& e);
  ModularSet modular_set(const Expr& e);
  /// Smallest interval found that holds all values of `e` while the variables in `domains` range over their sets.
  IntSet eval_set(const Expr& e, const IntSetMap& domains);

  /// The machinery, for the other files of this room.
  Engine& engine();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Coefficients of e as an affine function of `vars`: e = base + sum coeff[i] * vars[i]; empty when it is none.
/// Coefficients are free of the vars, base too.
struct AffineForm {
  std::vector<Expr> coeffs;
  Expr base;
};
bool detect_affine(const Expr& e, const std::vector<Var>& vars, Analyzer& analyzer, AffineForm* out);

}  // namespace tilewright::arith
