#include "schedule/primitives/reverse_compute_at.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Status reverse_compute_at(State& state, BlockId, LoopId, bool) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
