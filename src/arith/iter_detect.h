// Detection of iterator maps. An index is a list of splits of marks; a mark is a loop or a fused list itself.
//
// All splits of one mark are refined to common digits (a mixed-radix number), so that a predicate `fused < bound` finds
// its fused value again inside any index, however simplification took it apart: as a contiguous run of its digits. The
// fused value then becomes a mark with the smaller extent.
#pragma once

#include <string>
#include <vector>

#include "arith/engine.h"
#include "tilewright/arith/iter_map.h"

namespace tilewright::arith {

/// A positive integer: a constant, or an expression free of loop variables.
struct Quantity {
  int64_t c = 1;
  Expr e;
  bool is_const() const { return !e.defined(); }
  bool is_one() const { return is_const() && c == 1; }
  Expr expr() const { return is_const() ? Expr(c) : e; }
};

/// (mark // lower) % extent * scale; `top` splits have no modulo (and no extent of their own).
struct Split {
  int mark = 0;
  Quantity lower, extent, scale;
  bool top = true;
};
struct SplitList {
  std::vector<Split> terms;
  Sum base;
};
struct Mark {
  Var var;   // of a loop
  Expr min;  // value at 0; null is 0
  Quantity extent;
  std::vector<Split> fused;  // ascending scales
  bool constrained = false;
};

class IterDetector {
 public:
  IterDetector(const Engine& known, const std::vector<IterDomain>& loops);

  /// Adds the conditions of a predicate. Call before adding indices.
  bool constrain(const Expr& predicate);
  bool add_index(const Expr& e);
  /// Finds the predicate's fused iterators in all indices.
  bool resolve();
  /// Indices share nothing, and what they take of a mark is a full box.
  bool independent();
  /// Every loop is used completely.
  bool complete();
  /// Sorts the terms; true if the values are base .. base + extent without gaps, when each is widened to `width`
  /// values. `exact`: no value comes twice either.
  bool contiguous(SplitList* list, const Quantity& width, bool exact, Quantity* extent);
  /// Every mark that no index uses is known to run.
  bool unused_run();
  /// The extent is at least 1, without help from the loops themselves: that a loop runs is no reason for it to run.
  bool runs(const Quantity& extent);

  Engine& engine() { return engine_; }
  std::vector<SplitList>& indices() { return indices_; }
  const std::vector<Mark>& marks() const { return marks_; }
  bool extent_of(const Split& s, Quantity* out);
  bool uses_loop(const Expr& e) const;
  bool uses_loop(const Sum& s) const;
  /// The loops below a mark: calls f(mark of a loop).
  template <typename F>
  void loops_of(int mark, F&& f) const {
    if (marks_[static_cast<size_t>(mark)].var.defined()) return f(mark);
    for (const Split& s : marks_[static_cast<size_t>(mark)].fused) loops_of(s.mark, f);
  }
  /// The split's value in terms of the loop variables, times its scale.
  Expr value_of(const Split& s);
  bool multiply(const Quantity& a, const Quantity& b, Quantity* out);
  /// b = a * k for some k.
  bool divides(const Quantity& a, const Quantity& b, Quantity* k);
  bool equal(const Quantity& a, const Quantity& b);

 private:
  /// lower <= list, or list <= upper.
  struct Constraint {
    SplitList list;
    Sum limit;
    bool upper;
  };
  struct Use {
    Quantity from, to;
    bool top;
  };
  bool condition(const Expr& e);
  bool ge0(Sum d);
  bool quantity(const Sum& s, Quantity* out);
  bool at_least(const Quantity& a, const Quantity& b);
  bool to_list(const Sum& s, SplitList* out);
  bool to_splits(const Term& t, SplitList* out);
  /// The whole list as one split of some mark, with scale 1.
  bool fuse(const SplitList& list, const ExprNode* key, Split* out);
  bool divide(Split* s, const Quantity& lower, const Quantity* extent);
  /// Ascending scales, each the product of the extents below it and the first scale.
  bool chain(std::vector<Split>* terms);
  bool extent_of_chain(std::vector<Split> terms, Quantity* out);
  bool refine(int mark);
  bool refine_all();
  bool absorb(Constraint c);
  bool replace_runs(int mark, SplitList* list, bool* changed);
  bool spread(int mark);
  bool absorb_all();
  bool settle();
  void coalesce(std::vector<Split>* terms);
  bool inline_aliases();
  bool uses_of(int mark, std::vector<Use>* out);
  void mark_live();
  template <typename F>
  bool each_list(F&& f);

  const Engine& known_;
  Engine engine_;
  std::vector<Mark> marks_;
  std::vector<std::pair<const ExprNode*, int>> by_atom_;  // loop variables and fused sums
  std::vector<const VarNode*> loop_vars_;
  std::vector<SplitList> indices_;
  std::vector<Constraint> constraints_;
  std::vector<bool> live_;
  bool failed_ = false;
};

}  // namespace tilewright::arith
