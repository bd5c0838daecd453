// Random choices of a schedule. Meaning and refusals: Schedule::sample_perfect_tile and so on. With a decision, the
// choice is checked and taken; without, it is drawn from `rng`.
#pragma once

#include <vector>

#include "schedule/state.h"
#include "tilewright/support/random.h"

namespace tilewright::schedule {

/// Places a loop handle may stand for beside loops.
inline constexpr LoopId kStay{UINT32_MAX}, kInline{UINT32_MAX - 1};

/// The factors, which are also the decision.
Expected<std::vector<int64_t>> sample_perfect_tile(const State& state, LoopId loop, int64_t n, int64_t max_innermost,
                                                   const Decision* decision, CounterRng rng);
Expected<std::vector<int64_t>> sample_tile(const State& state, LoopId loop, int64_t n, int64_t max_innermost,
                                           const Decision* decision, CounterRng rng);
/// The index of the candidate.
Expected<int64_t> sample_categorical(const State& state, const std::vector<int64_t>& candidates,
                                     const std::vector<double>& probabilities, const Decision* decision,
                                     CounterRng rng);

struct Location {
  LoopId loop;       // or kStay, kInline
  int64_t decision;  // -1, -2 or the position among the loops of the first consumer
};
Expected<Location> sample_compute_location(const State& state, BlockId block, const Decision* decision, CounterRng rng);

}  // namespace tilewright::schedule
