#include "schedule/primitives/tile.h"

#include "schedule/primitives/reorder.h"
#include "schedule/primitives/split.h"

namespace tilewright::schedule {

Expected<std::vector<LoopId>> tile(State& state, LoopId i, LoopId j, std::optional<int64_t> ti,
                                   std::optional<int64_t> tj) {
  State next = state;
  const auto x = split(next, i, {std::nullopt, ti});
  if (!x) return x.error();
  const auto y = split(next, j, {std::nullopt, tj});
  if (!y) return y.error();
  const std::vector<LoopId> order{(*x)[0], (*y)[0], (*x)[1], (*y)[1]};
  if (Status s = reorder(next, order); !s) return s.error();
  state = std::move(next);
  return order;
}

}  // namespace tilewright::schedule
