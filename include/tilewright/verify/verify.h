// What every stage of the pipeline must satisfy.
#pragma once

#include "tilewright/support/expected.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::verify {

enum class Stage {
  kScheduled,  // loop IR: blocks, bindings, regions
  kLowered,    // after lowering: no blocks, flat buffers, vectors explicit (see lower/lower.h)
};

/// Structure: every variable is defined once and before use (lowered programs may define one again where the first
/// definition has ended); types agree; ids are unique; indices have the buffer's rank; a block's body sees the outside
/// only through its own and its enclosing blocks' iterators; binding counts match; bindings stay in their domains;
/// declared regions cover the accesses (a reduction's own reads may be covered by its writes); init only with reduce
/// iterators; buffers are used inside their life; expressions of the right stage.
///
/// Regions and domains are refuted by example: a diagnostic names a point of the iteration space where the claim fails.
/// So nothing is refused because a proof was not found, and a violation at rare points may pass.
///
/// Diagnostics name block or loop and show the nest: V0601 missing part, V0602 variable not defined or twice, V0603
/// block sees the outside, V0604 types, V0605 stage, V0606 shape and rank, V0607 life of buffers, V0608 ids, V0609
/// binding count, V0610 init, V0611 domain, V0612 region.
Status verify(const tir::PrimFunc& func, Stage stage);

}  // namespace tilewright::verify
