#include "schedule/primitives/decompose_reduction.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Expected<BlockId> decompose_reduction(State& state, BlockId, LoopId) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
