// Splitting of a loop, perfect or guarded. Meaning and refusals: Schedule::split.
#pragma once

#include <optional>
#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

/// One factor may be missing: it is inferred.
Expected<std::vector<LoopId>> split(State& state, LoopId loop, const std::vector<std::optional<int64_t>>& factors);

/// Refuses a loop that a structural primitive cannot take: not serial (S0110) or annotated (S0111).
Status require_plain(const State& state, const ForNode& loop);

}  // namespace tilewright::schedule
