// What several passes share: copies with fresh names, conjunctions, and a mutator that knows the loops around.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/stmt.h"
#include "tilewright/tir/visit.h"

namespace tilewright::lower {

/// Copies a statement, replacing variables and buffers and giving everything bound inside a new identity, so that
/// several copies can stand in one program.
class Instantiator : public tir::Mutator {
 public:
  tir::VarMap vars;
  tir::BufferMap buffers;

  using tir::Mutator::mutate;
  tir::Expr mutate(const tir::Expr& e) override;
  tir::Stmt mutate(const tir::Stmt& s) override;
  tir::Buffer mutate_buffer(const tir::Buffer& b) override;
};
/// A copy of `s` with `map` applied and everything bound inside renewed.
tir::Stmt instantiate(const tir::Stmt& s, tir::VarMap map = {});

/// Splits `a && b && c` into its parts, and back. No parts: null (always true).
void split_conjunction(const tir::Expr& condition, std::vector<tir::Expr>* parts);
tir::Expr conjunction(const std::vector<tir::Expr>& parts);

/// `if`, or what is left of it when the condition is constant; an empty sequence when nothing is.
tir::Stmt guarded(const tir::Expr& condition, tir::Stmt body);
bool is_empty(const tir::Stmt& s);

/// Tells an analyzer the range of a loop variable while the scope lives. That a loop runs is a fact about its bounds
/// too, which must not outlive it: where the bounds are no constants, the end of the scope brings back what was known
/// before.
class LoopScope {
 public:
  LoopScope(arith::Analyzer& analyzer, const tir::Var& var, const tir::Range& range);
  ~LoopScope();
  LoopScope(const LoopScope&) = delete;
  LoopScope& operator=(const LoopScope&) = delete;

 private:
  arith::Analyzer& analyzer_;
  std::optional<arith::Analyzer> before_;
};

/// A mutator with an analyzer that knows the ranges of the loops around the current place and the conditions that hold.
class ScopedMutator : public tir::Mutator {
 public:
  using tir::Mutator::mutate;
  tir::Stmt mutate(const tir::Stmt& s) override;

 protected:
  /// Children of a loop or branch, with its facts known.
  tir::Stmt mutate_scope(const tir::Stmt& s);
  arith::Analyzer analyzer_;
};

/// Facts about a function that every pass may use: its assumptions, and sizes being positive.
void bind_function(const tir::PrimFunc& func, arith::Analyzer* analyzer);

}  // namespace tilewright::lower
