#include "schedule/primitives/set_scope.h"

#include <fmt/format.h>

#include "schedule/dependence.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"

namespace tilewright::schedule {

using tir::Buffer;

Status set_scope(State& state, BlockId id, int write_index, tir::Scope scope) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  const BlockNode* block = *found;
  if (scope == tir::Scope::kFragment || scope == tir::Scope::kRegister) {
    return Refusal(state, codes::kBadScope,
                   fmt::format("buffers cannot be allocated in scope `{}`", tir::scope_name(scope)))
        .legal("scopes", {"global", "shared", "local", "warp"});
  }
  if (write_index < 0 || static_cast<size_t>(write_index) >= block->writes.size()) {
    return Refusal(state, codes::kNoSuchRegion,
                   fmt::format("block `{}` has {} writes, there is no number {}", block->name, block->writes.size(),
                               write_index))
        .at(id);
  }
  const Buffer buffer = block->writes[static_cast<size_t>(write_index)].buffer;
  if (!state.allocating_block(buffer.get())) {
    return Refusal(state, codes::kScopeOfParameter,
                   fmt::format("`{}` is a parameter; its memory belongs to the caller", buffer.name()))
        .at(id)
        .remedy("cache_write makes a buffer of our own");
  }
  if (buffer.scope() == scope) return {};
  State next = state;
  const Buffer moved(buffer.name(), buffer.dtype(), buffer.shape(), scope, buffer->layout, buffer->alignment);
  next.replace_root(with_buffer(next.func()->body, buffer, moved));
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
