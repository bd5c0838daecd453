#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "tilewright/runtime/error.h"

namespace tilewright::runtime {

// Memory aligned to 256 bytes, with freed blocks kept for the next request of their size: at most eight a size. Thread
// safe.
class TILEWRIGHT_RUNTIME_API MemoryPool {
 public:
  static constexpr std::uint64_t kAlignment = 256;
  static constexpr std::size_t kMaxFreeBlocksPerSize = 8;

  struct Statistics {
    std::uint64_t in_use_bytes = 0;
    std::uint64_t cached_bytes = 0;
    std::uint64_t high_water_bytes = 0;  // of in_use_bytes
    std::uint64_t limit_bytes = 0;       // 0: none
  };

  MemoryPool() = default;
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  // Gives the free blocks back; blocks still in use must have been freed before.
  ~MemoryPool();

  // At least one byte, not initialised. When memory or the limit is exhausted, the free blocks are given back and the
  // request is tried once more. Throws kOutOfMemory.
  void* allocate(std::uint64_t bytes);
  // As allocate, but null instead of an exception. Blocks of a stronger alignment, a power of two, are not kept for
  // reuse.
  void* try_allocate(std::uint64_t bytes, std::uint64_t alignment = kAlignment) noexcept;
  // Null is fine. The memory must come from this pool.
  void free(void* memory) noexcept;

  // Gives the free blocks back to the system.
  void trim();
  // What is handed out and cached together may not exceed `bytes`; 0: no limit. What is in use already stays.
  void set_limit(std::uint64_t bytes);
  Statistics statistics() const;

  // The pool of tensors and of modules' scratch memory. Lives as long as the process.
  static MemoryPool& global();

 private:
  void trim_locked();
  void* allocate_locked(std::uint64_t size, std::uint64_t alignment);

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::vector<void*>> free_blocks_;
  struct Block {
    std::uint64_t size = 0;
    bool keep = true;
  };
  std::unordered_map<void*, Block> in_use_;
  Statistics statistics_;
};

}  // namespace tilewright::runtime
