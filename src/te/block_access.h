// Read and write regions of a block that was just built.
#pragma once

#include "tilewright/tir/stmt.h"

namespace tilewright::te {

/// Fills in `reads` and `writes` from init and body: for each buffer the point accessed, in terms of the iterators, or
/// the smallest box found around several points. An index that is itself read from memory covers the whole dimension.
void fill_accesses(tir::BlockNode* block);

}  // namespace tilewright::te
