#include "schedule/primitives/transform_layout.h"

#include "schedule/refusal.h"

namespace tilewright::schedule {

Status transform_layout(State& state, BlockId, Access, int, const std::string&) {
  return Refusal(state, "S0199", "it is not available yet");
}

}  // namespace tilewright::schedule
