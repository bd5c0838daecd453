#include "schedule/primitives/compute_at.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Status compute_at(State& state, BlockId, LoopId, bool) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
