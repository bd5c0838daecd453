// The conditions that compute_at and reverse_compute_at share.
#pragma once

#include <optional>
#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

/// S0150, S0151, S0152: the block is complete or a reduction, its scope a stage pipeline, the loop in that scope and
/// not around the block.
Status check_movable(State& state, BlockId block, LoopId loop);

/// Ranges of the block's iterators for which `access` (a region of the block in terms of its iterators) lies in `box`.
/// An iterator that the region does not pin down keeps null: its whole domain.
void solve_iterators(const BlockNode& block, const tir::BufferRegion& access, const std::vector<tir::Range>& box,
                     arith::Analyzer& analyzer, std::vector<std::optional<tir::Range>>* parts, bool* consistent,
                     bool enlarge);

}  // namespace tilewright::schedule
