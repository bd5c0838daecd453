// Guards leave the loops that do not change them.
#pragma once

#include "tilewright/tir/stmt.h"

namespace tilewright::lower {

/// Moves each part of a guard (`if` without else) out of the loops, lets and allocations that do not concern it, and
/// out of a sequence whose every item has it.
tir::Stmt hoist_guards(const tir::Stmt& s);

}  // namespace tilewright::lower
