// Seeded inputs and the comparison that decides what "correct" means. Shared by the runner, `run --check` and `bench`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tilewright/tir/type.h"

namespace tilewright::search {

/// Fills `count` elements: floats uniform in [-1, 1], integers over the whole type, bool 0 or 1. Argument `index` of a
/// task gets its own stream of the seed.
void fill_input(tir::DataType type, uint64_t seed, int index, void* data, int64_t count);
/// Floats become NaN, integers a fixed pattern: what a kernel did not write shows.
void fill_poison(tir::DataType type, void* data, int64_t count);
/// max|y - ref| / max|ref| over all elements (max|y| where max|ref| is 0); infinite when `y` has a NaN or an infinity
/// that the reference lacks. Integers: the largest difference.
double max_error(tir::DataType type, const void* y, const void* reference, int64_t count);

}  // namespace tilewright::search
