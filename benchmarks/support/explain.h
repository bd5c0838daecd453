// Why one schedule of a program is slower than another: what the analysis of their loops says has changed.
#pragma once

#include <string>

#include "tilewright/codegen/target.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::bench {

/// What got worse from `before` to `after` in the numbers that bound a kernel's speed (lanes, strided accesses, traffic
/// between caches, registers, code size, use of the cores), worst first; says so when none did.
std::string explain_slower(const tir::PrimFunc& before, const tir::PrimFunc& after, const Target& target);

}  // namespace tilewright::bench
