// Rewriting of loop nests without touching the bodies of blocks, which see loops through bindings alone.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "schedule/state.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

/// An analyzer at a place of the program, made when it is first needed: most rewrites get along without.
class LazyAnalyzer {
 public:
  LazyAnalyzer(const State& state, const StmtNode* place) : state_(state), place_(place) {}
  /// A further variable, as Analyzer::bind.
  void bind(const tir::Var& var, tir::Range range) { ranges_.emplace_back(var, std::move(range)); }
  arith::Analyzer& get() {
    if (!analyzer_) analyzer_ = state_.analyzer_at(place_);
    for (; bound_ < ranges_.size(); ++bound_) analyzer_->bind(ranges_[bound_].first, ranges_[bound_].second);
    return *analyzer_;
  }

 private:
  const State& state_;
  const StmtNode* place_;
  std::vector<std::pair<tir::Var, tir::Range>> ranges_;
  size_t bound_ = 0;
  std::optional<arith::Analyzer> analyzer_;
};

/// Substitutes loop variables by `map` in ranges of loops and bindings, by `guard_map` in predicates below `s`, blocks'
/// bodies left out. All is brought into canonical form. `guard` (may be null) is added to the predicate of every block.
Stmt rewrite_nest(const Stmt& s, const tir::VarMap& map, const tir::VarMap& guard_map, const tir::Expr& guard,
                  LazyAnalyzer& analyzer);

/// Sums in order of their terms; div and mod simplified by the analyzer.
tir::Expr canonical(const tir::Expr& e, LazyAnalyzer& analyzer);
tir::Expr canonical(const tir::Expr& e, arith::Analyzer& analyzer);

/// `a && b`, where either may be null.
tir::Expr conjunction(const tir::Expr& a, const tir::Expr& b);

}  // namespace tilewright::schedule
