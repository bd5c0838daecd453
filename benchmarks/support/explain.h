// Why one schedule of a program is slower than another: what the analysis of their loops says has changed.
#pragma once

#include <string>

#include "tilewright/codegen/target.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::bench {

/// What got worse from `before` to `after` in the numbers that bound a kernel's speed, worst first; says so when none
/// did. Instructions and memory accesses are counted in the lowered programs, traffic between caches, registers, code
/// size and the use of the cores come from the search's analysis of the loops.
std::string explain_slower(const tir::PrimFunc& before, const tir::PrimFunc& after, const Target& target);

}  // namespace tilewright::bench
