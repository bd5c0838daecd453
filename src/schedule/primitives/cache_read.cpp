#include "schedule/primitives/cache_read.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Expected<BlockId> cache_read(State& state, BlockId, int, tir::Scope, const std::vector<BlockId>&) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
