#include "schedule/primitives/set_scope.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Status set_scope(State& state, BlockId, int, tir::Scope) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
