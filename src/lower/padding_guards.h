// Conditions of selects that choose between memory and padding, treated like guards.
#pragma once

#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::lower {

/// Conditions (split into parts) of the selects below `e` that decide whether memory is read.
void padding_conditions(const tir::Expr& e, std::vector<tir::Expr>* parts);

/// The parts of one select's condition below `body` that change with `var` but with nothing inside: they can be decided
/// once, around the body. Empty when there are none.
std::vector<tir::Expr> invariant_padding(const tir::Stmt& body, const tir::Var& var);

/// `body` where all of `parts` hold, or where at least one does not: selects whose condition they decide are replaced.
tir::Stmt decide_padding(const tir::Stmt& body, const std::vector<tir::Expr>& parts, bool hold);

}  // namespace tilewright::lower
