#include "compare/race.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace tilewright::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kColdCalls = 3;  // a round

double seconds_of(const std::function<void()>& call, int64_t count) {
  const Clock::time_point start = Clock::now();
  for (int64_t i = 0; i < count; ++i) call();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void keep(Lap* lap, std::vector<double>* seconds) {
  std::sort(seconds->begin(), seconds->end());
  lap->repeats = static_cast<int>(seconds->size());
  lap->best = seconds->front();
  lap->median = (*seconds)[seconds->size() / 2];
}

}  // namespace

std::vector<Lap> race_warm(const std::vector<Contestant>& contestants, const RaceOptions& options) {
  const size_t n = contestants.size();
  std::vector<int64_t> calls(n, 1);
  std::vector<double> once(n);
  for (size_t i = 0; i < n; ++i) {
    once[i] = seconds_of(contestants[i].call, 1);
    if (once[i] > options.repeat_seconds) continue;
    for (double total = once[i]; total < options.repeat_seconds;) {
      const double factor = std::clamp(1.1 * options.repeat_seconds / std::max(total, 1e-8), 1.5, 50.0);
      calls[i] = static_cast<int64_t>(std::ceil(static_cast<double>(calls[i]) * factor));
      total = seconds_of(contestants[i].call, calls[i]);
      once[i] = total / static_cast<double>(calls[i]);
    }
  }
  std::vector<std::vector<double>> seconds(n);
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < n; ++i) {
      const bool slow = once[i] > options.slow_seconds;
      if (slow && round >= 2) continue;
      if (options.quiet_seconds > 0) {
        std::this_thread::sleep_for(std::chrono::duration<double>(options.quiet_seconds));
        if (!slow) seconds_of(contestants[i].call, std::max<int64_t>(1, calls[i] / 10));
      }
      seconds[i].push_back(seconds_of(contestants[i].call, calls[i]) / static_cast<double>(calls[i]));
    }
  }
  std::vector<Lap> laps(n);
  for (size_t i = 0; i < n; ++i) keep(&laps[i], &seconds[i]);
  return laps;
}

std::vector<Lap> race_cold(const std::vector<Contestant>& contestants, const RaceOptions& options,
                           CacheFlusher* flusher) {
  const size_t n = contestants.size();
  std::vector<std::vector<double>> seconds(n);
  std::vector<bool> slow(n);
  for (size_t i = 0; i < n; ++i) slow[i] = seconds_of(contestants[i].call, 1) > options.slow_seconds;
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < n; ++i) {
      if (slow[i]) continue;
      double total = 0;
      for (int call = 0; call < kColdCalls; ++call) {
        flusher->flush();
        total += seconds_of(contestants[i].call, 1);
      }
      seconds[i].push_back(total / kColdCalls);
    }
  }
  std::vector<Lap> laps(n);
  for (size_t i = 0; i < n; ++i) {
    if (!seconds[i].empty()) keep(&laps[i], &seconds[i]);
  }
  return laps;
}

struct CacheFlusher::Impl {
  cpu_set_t cores;
  std::vector<std::vector<unsigned char>> buffers;  // one a core
  unsigned char pattern = 0;
};

CacheFlusher::CacheFlusher(size_t bytes) : impl_(std::make_unique<Impl>()) {
  CPU_ZERO(&impl_->cores);
  ::sched_getaffinity(0, sizeof impl_->cores, &impl_->cores);
  const auto count = static_cast<size_t>(std::max(1, CPU_COUNT(&impl_->cores)));
  impl_->buffers.assign(count, std::vector<unsigned char>(bytes / count));
}

CacheFlusher::~CacheFlusher() = default;

void CacheFlusher::flush() {
  // A thread pinned to every core: a private cache is only emptied by its own core.
  ++impl_->pattern;
  std::vector<std::thread> threads;
  size_t next = 0;
  for (int core = 0; core < CPU_SETSIZE && next < impl_->buffers.size(); ++core) {
    if (!CPU_ISSET(core, &impl_->cores)) continue;
    threads.emplace_back([this, core, &buffer = impl_->buffers[next++]] {
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(core, &only);
      ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only);
      for (size_t i = 0; i < buffer.size(); i += 64) buffer[i] = impl_->pattern;
      __asm__ volatile("" : : "r"(buffer.data()) : "memory");
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace tilewright::bench
