#include "schedule/primitives/reverse_compute_inline.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Status reverse_compute_inline(State& state, BlockId) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
