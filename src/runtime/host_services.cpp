#include "runtime/host_services.h"

#include <algorithm>

#include "runtime/error_slot.h"
#include "tilewright/runtime/memory_pool.h"
#include "tilewright/runtime/thread_pool.h"

namespace tilewright::runtime {

namespace {

thread_local ErrorSlot t_raised;

void* allocate_workspace(std::uint64_t bytes, std::uint64_t align) {
  return MemoryPool::global().try_allocate(bytes, std::max<std::uint64_t>(align, MemoryPool::kAlignment));
}

void free_workspace(void* memory) {
  MemoryPool::global().free(memory);
}

}  // namespace

void raise_error(const char* kind, const char* message) noexcept {
  if (ErrorSlot* slot = error_slot_of_running_loop()) {
    slot->set_first(kind, message);
  } else {
    t_raised.set(kind, message);
  }
}

std::optional<RaisedError> take_raised_error() {
  if (!t_raised.is_set) return std::nullopt;
  t_raised.is_set = false;
  return RaisedError{t_raised.kind, t_raised.message};
}

const TwHostTable* host_table() {
  static constexpr TwHostTable kTable = {
      TW_HOST_TABLE_VERSION, sizeof(TwHostTable), parallel_for_raw, allocate_workspace, free_workspace, raise_error,
  };
  return &kTable;
}

}  // namespace tilewright::runtime
