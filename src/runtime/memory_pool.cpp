#include "tilewright/runtime/memory_pool.h"

#include <pthread.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>
#include <string>

namespace tilewright::runtime {

namespace {

// From here on blocks are aligned to huge pages and ask for them: fewer misses in the address translation.
constexpr std::uint64_t kHugeBlock = std::uint64_t{4} << 20;
constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
constexpr std::uint64_t kLargestRequest = std::uint64_t{1} << 62;

// Multiples of 256 bytes, and above 64 KiB eight sizes to each power of two, so that similar requests share blocks.
std::uint64_t rounded(std::uint64_t bytes) {
  std::uint64_t step = MemoryPool::kAlignment;
  if (bytes > (std::uint64_t{64} << 10)) step = std::bit_floor(bytes) / 8;
  return (std::max<std::uint64_t>(bytes, 1) + step - 1) / step * step;
}

void* system_allocate(std::uint64_t size, std::uint64_t alignment) {
  const bool huge = size >= kHugeBlock;
  void* memory = nullptr;
  if (posix_memalign(&memory, std::max(alignment, huge ? kHugePage : MemoryPool::kAlignment), size) != 0)
    return nullptr;
  if (huge) madvise(memory, size, MADV_HUGEPAGE);  // a wish: failure does not matter
  return memory;
}

}  // namespace

MemoryPool::~MemoryPool() {
  trim_locked();
}

void* MemoryPool::allocate_locked(std::uint64_t size, std::uint64_t alignment) {
  void* memory = nullptr;
  const auto kept = free_blocks_.find(size);
  const bool keep = alignment <= kAlignment;
  if (keep && kept != free_blocks_.end() && !kept->second.empty()) {
    memory = kept->second.back();
    kept->second.pop_back();
    statistics_.cached_bytes -= size;
  } else {
    const std::uint64_t limit = statistics_.limit_bytes;
    const auto fits = [&] {
      const std::uint64_t held = statistics_.in_use_bytes + statistics_.cached_bytes;
      return limit == 0 || (held <= limit && size <= limit - held);
    };
    if (fits()) memory = system_allocate(size, alignment);
    if (memory == nullptr && statistics_.cached_bytes > 0) {
      trim_locked();
      if (fits()) memory = system_allocate(size, alignment);
    }
    if (memory == nullptr) return nullptr;
  }
  try {
    in_use_.emplace(memory, Block{size, keep});
  } catch (const std::bad_alloc&) {
    std::free(memory);
    return nullptr;
  }
  statistics_.in_use_bytes += size;
  statistics_.high_water_bytes = std::max(statistics_.high_water_bytes, statistics_.in_use_bytes);
  return memory;
}

void* MemoryPool::try_allocate(std::uint64_t bytes, std::uint64_t alignment) noexcept {
  if (bytes > kLargestRequest || !std::has_single_bit(alignment)) return nullptr;
  const std::lock_guard lock(mutex_);
  return allocate_locked(rounded(bytes), alignment);
}

void* MemoryPool::allocate(std::uint64_t bytes) {
  if (void* memory = try_allocate(bytes)) return memory;
  const Statistics now = statistics();
  std::string message = "out of memory: " + std::to_string(bytes) + " bytes asked for, " +
                        std::to_string(now.in_use_bytes) + " bytes in use";
  if (now.limit_bytes != 0) message += ", limit " + std::to_string(now.limit_bytes);
  throw Error(ErrorCode::kOutOfMemory, message);
}

void MemoryPool::free(void* memory) noexcept {
  if (memory == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto found = in_use_.find(memory);
  if (found == in_use_.end()) return;  // not ours: leaking it is safer than freeing it
  const auto [size, keep] = found->second;
  in_use_.erase(found);
  statistics_.in_use_bytes -= size;
  try {
    std::vector<void*>& kept = free_blocks_[size];
    if (keep && kept.size() < kMaxFreeBlocksPerSize) {
      kept.push_back(memory);
      statistics_.cached_bytes += size;
      return;
    }
  } catch (const std::bad_alloc&) {
    // No memory for the list: do not keep the block.
  }
  std::free(memory);
}

void MemoryPool::trim_locked() {
  for (const auto& [size, blocks] : free_blocks_) {
    for (void* block : blocks) std::free(block);
  }
  free_blocks_.clear();
  statistics_.cached_bytes = 0;
}

void MemoryPool::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void MemoryPool::set_limit(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  statistics_.limit_bytes = bytes;
  if (bytes != 0 && statistics_.in_use_bytes + statistics_.cached_bytes > bytes) trim_locked();
}

MemoryPool::Statistics MemoryPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

MemoryPool& MemoryPool::global() {
  // Never destroyed: tensors in other static objects may be freed later. Forks happen with the mutex held, so that the
  // child never inherits one that a vanished thread had locked.
  static MemoryPool* const pool = [] {
    pthread_atfork([] { global().mutex_.lock(); }, [] { global().mutex_.unlock(); }, [] { global().mutex_.unlock(); });
    return new MemoryPool;
  }();
  return *pool;
}

}  // namespace tilewright::runtime
