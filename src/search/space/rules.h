// The space rules for CPUs.
#pragma once

#include <memory>

#include "tilewright/search/space.h"

namespace tilewright::search {

/// Inlines cheap elementwise producers; where one selects (padding), both inlined and materialised are kept.
std::shared_ptr<const SpaceRule> make_inline_rule();
/// Splits long reductions into many partial sums: over the lanes of vector registers, and over the cores where there is
/// too little else to do in parallel.
std::shared_ptr<const SpaceRule> make_partial_reduction_rule();
/// Register tiles: spatial loops in three levels, accumulators in registers over the whole reduction, epilogue fused.
std::shared_ptr<const SpaceRule> make_tile_rule();
/// Computes the producers of an output row by row, so that intermediates stay in cache.
std::shared_ptr<const SpaceRule> make_row_fusion_rule();
/// What is left: parallel outer loop, vectorized inner loop.
std::shared_ptr<const SpaceRule> make_elementwise_rule();

}  // namespace tilewright::search
