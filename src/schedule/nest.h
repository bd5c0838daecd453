// Rewriting of loop nests without touching the bodies of blocks, which see loops through bindings alone.
#pragma once

#include "schedule/state.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

/// Substitutes loop variables in ranges of loops, bindings and predicates below `s`, blocks' bodies left out. Bindings
/// are brought into canonical form. `guard` (may be null) is added to the predicate of every block.
Stmt rewrite_nest(const Stmt& s, const tir::VarMap& map, const tir::Expr& guard, arith::Analyzer analyzer);

/// Sums in order of their terms; div and mod simplified by the analyzer.
tir::Expr canonical(const tir::Expr& e, arith::Analyzer& analyzer);

/// `a && b`, where either may be null.
tir::Expr conjunction(const tir::Expr& a, const tir::Expr& b);

}  // namespace tilewright::schedule
