#include "schedule/primitives/add_unit_loop.h"

#include <fmt/format.h>

#include "schedule/refusal.h"

namespace tilewright::schedule {

namespace {

template <typename Id>
LoopId wrap(State& state, Id id) {
  State next = state;
  const LoopId loop = next.fresh_loop_id();
  Stmt inner = next.stmt(id);
  Stmt outer = tir::make_for(tir::Var("u"), tir::Expr(0), tir::Expr(1), std::move(inner), tir::ForKind::kSerial, loop);
  if constexpr (std::is_same_v<Id, LoopId>)
    next.replace_loop(id, std::move(outer), /*keep_facts=*/true);
  else
    next.replace_block(id, std::move(outer), /*keep_facts=*/true);
  state = std::move(next);
  return loop;
}

}  // namespace

Expected<LoopId> add_unit_loop(State& state, BlockId block) {
  Expected<const BlockNode*> found = state.block(block);
  if (!found) return found.error();
  if (block == state.root())
    return Refusal(state, codes::kOtherScope, "the root block has no loops around it")
        .legal("blocks", state.block_names());
  return wrap(state, block);
}

Expected<LoopId> add_unit_loop(State& state, LoopId loop) {
  Expected<const ForNode*> found = state.loop(loop);
  if (!found) return found.error();
  return wrap(state, loop);
}

}  // namespace tilewright::schedule
