#include "schedule/primitives/cache_write.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Expected<BlockId> cache_write(State& state, BlockId, int, tir::Scope) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
