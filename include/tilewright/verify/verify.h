// What every stage of the pipeline must satisfy.
#pragma once

#include "tilewright/support/expected.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::verify {

enum class Stage {
  kScheduled,  // loop IR: blocks, bindings, regions
  kLowered,    // after lowering: no blocks, flat buffers, vectors explicit (see lower/lower.h)
};

/// Structure: every variable is defined once and before use; types agree; ids are unique; indices have the buffer's rank; blocks see the
/// outside only through iterators; binding counts match; declared regions cover the accesses; init only with reduce
/// iterators; buffers are used inside their life; expressions of the right stage. Diagnostics V06xx name the place.
Status verify(const tir::PrimFunc& func, Stage stage);

}  // namespace tilewright::verify
