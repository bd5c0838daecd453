#include "schedule/primitives/compute_inline.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Status compute_inline(State& state, BlockId) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
