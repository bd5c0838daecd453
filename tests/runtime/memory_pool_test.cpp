#include "tilewright/runtime/memory_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "runtime/fixture.h"

namespace tilewright::runtime {
namespace {

TEST(MemoryPoolTest, BlocksAreAlignedAndReused) {
  MemoryPool pool;
  for (std::uint64_t bytes : {0, 1, 255, 256, 257, 70000, 5 << 20}) {
    void* first = pool.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % MemoryPool::kAlignment, 0u);
    std::memset(first, 1, bytes);
    pool.free(first);
    EXPECT_EQ(pool.allocate(bytes), first);
    pool.free(first);
  }
  EXPECT_EQ(pool.statistics().in_use_bytes, 0u);
  EXPECT_GT(pool.statistics().cached_bytes, std::uint64_t{5} << 20);
  pool.trim();
  EXPECT_EQ(pool.statistics().cached_bytes, 0u);
}

TEST(MemoryPoolTest, AtMostEightFreeBlocksASize) {
  MemoryPool pool;
  std::vector<void*> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(pool.allocate(1024));
  EXPECT_EQ(pool.statistics().high_water_bytes, 20u * 1024);
  for (void* block : blocks) pool.free(block);
  EXPECT_EQ(pool.statistics().cached_bytes, 8u * 1024);
  EXPECT_EQ(pool.statistics().high_water_bytes, 20u * 1024);
}

TEST(MemoryPoolTest, TheLimitHoldsAndThePoolStaysUsable) {
  MemoryPool pool;
  pool.set_limit(1 << 20);
  void* half = pool.allocate(512 << 10);
  try {
    pool.allocate(600 << 10);
    FAIL() << "allocated beyond the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_STREQ(error.what(), "out of memory: 614400 bytes asked for, 524288 bytes in use, limit 1048576");
  }
  EXPECT_EQ(pool.try_allocate(600 << 10), nullptr);
  pool.free(half);
  // The kept block is given back to make room.
  void* more = pool.allocate(900 << 10);
  EXPECT_EQ(pool.statistics().cached_bytes, 0u);
  pool.free(more);
  EXPECT_EQ(pool.try_allocate(~std::uint64_t{0}), nullptr);
  EXPECT_EQ(pool.try_allocate(std::uint64_t{1} << 60), nullptr);
}

TEST(MemoryPoolTest, StrongerAlignment) {
  MemoryPool pool;
  for (std::uint64_t alignment : {512, 4096, 1 << 16}) {
    void* memory = pool.try_allocate(100, alignment);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0u);
    pool.free(memory);
  }
  EXPECT_EQ(pool.statistics().cached_bytes, 0u);
  EXPECT_EQ(pool.try_allocate(100, 300), nullptr);
}

TEST(MemoryPoolTest, ManyThreads) {
  MemoryPool pool;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 2000; ++i) {
        auto* memory = static_cast<char*>(pool.allocate(100 * (i % 7 + 1)));
        memory[0] = static_cast<char>(t);
        memory[99] = static_cast<char>(t);
        ASSERT_EQ(memory[0], t);
        pool.free(memory);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.statistics().in_use_bytes, 0u);
}

TEST(MemoryPoolTest, AForkNeverInheritsALockedPool) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) MemoryPool::global().free(MemoryPool::global().allocate(1000));
  });
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(testing::in_child([] {
                MemoryPool::global().free(MemoryPool::global().allocate(2000));
                return 0;
              }),
              0);
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace tilewright::runtime
