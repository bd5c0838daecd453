// What both inlining primitives ask of a block.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

struct InlineSource {
  const BlockNode* block;
  const tir::StoreNode* store;
};
/// S0160, S0161: the block is complete and its body one store.
Expected<InlineSource> inline_source(State& state, BlockId block);

}  // namespace tilewright::schedule
