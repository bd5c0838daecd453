// Symbolic interval arithmetic on sums.
#pragma once

#include <vector>

#include "arith/engine.h"
#include "tilewright/tir/buffer.h"

namespace tilewright::arith {

/// Interval with sums as ends; an absent end is unbounded.
struct SumInterval {
  Sum min, max;
  bool has_min = false, has_max = false;
  static SumInterval point(const Sum& s) { return {s, s, true, true}; }
};

/// Evaluates expressions while some variables range over sets. Works on a copy of what the analyzer knows, in which
/// those variables are bound to their sets.
class SetEvaluator {
 public:
  SetEvaluator(const Engine& known, const IntSetMap& domains);
  /// A condition that holds at every point evaluated.
  void assume(const Expr& condition) { engine_.assume(condition); }
  /// `e` of type i64.
  IntSet eval(const Expr& e);
  Engine& engine() { return engine_; }

 private:
  struct Domain {
    const VarNode* var;
    SumInterval set;
  };
  bool varies(const Expr& e) const;
  bool varies(const Sum& s) const;
  SumInterval eval(const Sum& s);
  SumInterval eval(const Term& t);
  SumInterval eval_atom(const ExprNode* atom);
  SumInterval hull(const Expr& a, const Expr& b);
  SumInterval raw(const Expr& e);
  bool scale(SumInterval* s, int64_t k);
  /// Adds the constant bounds where an end is missing, or is a constant that can be improved.
  void narrow(const Sum& s, SumInterval* set);
  /// One end without domain variables; null when there is none.
  Expr settle(SumInterval set, bool low);

  Engine engine_;
  std::vector<Domain> domains_;
};

/// region_upper_bound with what the evaluator knows.
std::vector<Range> region_hull(const tir::BufferRegion& region, SetEvaluator& evaluator);

}  // namespace tilewright::arith
