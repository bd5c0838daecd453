#include "schedule/primitives/rfactor.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Expected<BlockId> rfactor(State& state, LoopId, int) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
