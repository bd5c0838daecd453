#include "tilewright/runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "runtime/fixture.h"

namespace tilewright::runtime {
namespace {

// Four threads in every test, whatever the machine has, and the default afterwards.
class ThreadPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { set_num_threads(4); }
  void TearDown() override { set_num_threads(0); }
};

// Every index exactly once.
void expect_covered(std::int64_t extent, std::int64_t grain, std::int32_t max_threads) {
  std::vector<std::atomic<int>> visits(static_cast<std::size_t>(extent));
  parallel_for(
      extent,
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      },
      grain, max_threads);
  const auto is_one = [](const std::atomic<int>& count) { return count == 1; };
  EXPECT_TRUE(std::all_of(visits.begin(), visits.end(), is_one)) << extent << " by " << grain << " on " << max_threads;
}

TEST_F(ThreadPoolTest, EveryIterationRunsOnce) {
  for (std::int64_t extent : {0, 1, 2, 3, 4, 5, 7, 100, 1001}) {
    for (std::int64_t grain : {0, 1, 3, 64, 5000}) {
      for (std::int32_t threads : {0, 1, 2, 3, 100}) expect_covered(extent, grain, threads);
    }
  }
}

TEST_F(ThreadPoolTest, GrainZeroGivesOneContiguousChunkAThread) {
  std::mutex mutex;
  std::set<std::pair<std::int64_t, std::int64_t>> chunks;
  parallel_for(100, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    chunks.insert({begin, end});
  });
  EXPECT_EQ(chunks, (std::set<std::pair<std::int64_t, std::int64_t>>{{0, 25}, {25, 50}, {50, 75}, {75, 100}}));
}

TEST_F(ThreadPoolTest, AllThreadsTakePart) {
  // A barrier inside of the loop: it only ends if four threads are there at once.
  std::atomic<int> arrived{0};
  parallel_for(4, [&](std::int64_t, std::int64_t) {
    ++arrived;
    while (arrived < 4) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 4);
}

TEST_F(ThreadPoolTest, NoMoreThreadsThanAskedFor) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 200; ++i) {
    parallel_for(
        64,
        [&](std::int64_t, std::int64_t) {
          const std::lock_guard lock(mutex);
          threads.insert(std::this_thread::get_id());
        },
        i % 2, 2);
  }
  // The caller and one worker, always the same.
  EXPECT_LE(threads.size(), 2u);
}

TEST_F(ThreadPoolTest, NestedLoopsRunSerially) {
  std::atomic<int> total{0};
  parallel_for(8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto self = std::this_thread::get_id();
      parallel_for(10, [&](std::int64_t inner_begin, std::int64_t inner_end) {
        EXPECT_EQ(std::this_thread::get_id(), self);
        total += static_cast<int>(inner_end - inner_begin);
      });
    }
  });
  EXPECT_EQ(total, 80);
}

TEST_F(ThreadPoolTest, ManyCallersAtOnce) {
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([t] {
      for (int i = 0; i < 200; ++i) expect_covered(50 + t, i % 5, 0);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(ThreadPoolTest, WorkersThatSleepAreWoken) {
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    expect_covered(64, i % 3, 0);
  }
}

TEST_F(ThreadPoolTest, SizeChangesBetweenLoops) {
  for (int count : {1, 2, 7, 3, 0, 16}) {
    set_num_threads(count);
    if (count > 0) {
      EXPECT_EQ(num_threads(), count);
    }
    expect_covered(333, 0, 0);
  }
  EXPECT_THROW(set_num_threads(-1), Error);
  EXPECT_THROW(set_num_threads(100000), Error);
  set_num_threads(4);
  parallel_for(4, [](std::int64_t, std::int64_t) { EXPECT_THROW(set_num_threads(2), Error); });
}

TEST_F(ThreadPoolTest, SizeChangesWhileOthersCall) {
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) expect_covered(40, 0, 0);
  });
  for (int i = 0; i < 50; ++i) set_num_threads(1 + i % 5);
  stop = true;
  caller.join();
}

TEST_F(ThreadPoolTest, TheFirstFailureIsReturnedAndStopsTheLoop) {
  std::atomic<int> ran{0};
  const int status = parallel_for_raw(
      1000000, 1, 0,
      [](std::int64_t, std::int64_t, void* count) { return ++*static_cast<std::atomic<int>*>(count) == 5 ? 42 : 0; },
      &ran);
  EXPECT_EQ(status, 42);
  EXPECT_LT(ran, 1000000);
}

TEST_F(ThreadPoolTest, AChildOfForkHasThreadsOfItsOwn) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not support new threads in a child of fork";
#endif
  expect_covered(100, 0, 0);
  EXPECT_EQ(testing::in_child([] {
              std::atomic<int> arrived{0};
              parallel_for(4, [&](std::int64_t, std::int64_t) {
                ++arrived;
                while (arrived < 4) std::this_thread::yield();
              });
              // .. and its children too.
              return arrived == 4 ? testing::in_child([] {
                expect_covered(100, 0, 0);
                return 0;
              })
                                  : 1;
            }),
            0);
  expect_covered(100, 0, 0);
}

TEST_F(ThreadPoolTest, AForkInTheMiddleOfALoopIsFine) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not support new threads in a child of fork";
#endif
  std::atomic<int> failed{0};
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) expect_covered(64, 1, 0);
  });
  for (int i = 0; i < 20; ++i) {
    failed += testing::in_child([] {
                std::atomic<int> sum{0};
                parallel_for(100, [&](std::int64_t begin, std::int64_t end) { sum += static_cast<int>(end - begin); });
                return sum == 100 ? 0 : 1;
              }) != 0;
  }
  stop = true;
  busy.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace tilewright::runtime
