#include "tilewright/runtime/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tilewright::runtime {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Timer {
 public:
  Timer(int (*run)(void*), void* context, std::uint64_t flush_bytes)
      : run_(run), context_(context), flushed_(flush_bytes) {}

  void call() {
    if (run_(context_) != 0) throw Error(ErrorCode::kCallFailed, "the timed call failed");
  }

  // Seconds of `number` calls.
  double measure(std::int64_t number) {
    if (flushed_.empty()) {
      const Clock::time_point start = Clock::now();
      for (std::int64_t i = 0; i < number; ++i) call();
      return since(start);
    }
    double total = 0;
    for (std::int64_t i = 0; i < number; ++i) {
      ++pattern_;
      for (std::size_t byte = 0; byte < flushed_.size(); byte += 64) flushed_[byte] = pattern_;
      // Something must depend on the writes, or the compiler may drop them.
      __asm__ volatile("" : : "r"(flushed_.data()) : "memory");
      const Clock::time_point start = Clock::now();
      call();
      total += since(start);
    }
    return total;
  }

 private:
  int (*run_)(void*);
  void* context_;
  std::vector<unsigned char> flushed_;
  unsigned char pattern_ = 0;
};

}  // namespace

TimeResult time_raw(int (*run)(void* context), void* context, const TimeOptions& options) {
  constexpr std::int64_t kMostCalls = std::int64_t{1} << 40;
  if (options.number < 1 || options.number > kMostCalls || options.repeat < 1 || options.warmup < 0 ||
      !(options.min_repeat_ms >= 0) || options.min_repeat_ms > 1e9) {
    throw Error(ErrorCode::kInvalidArgument,
                "expected number and repeat of at least 1, warmup and min_repeat_ms of at least 0");
  }
  Timer timer(run, context, options.cold_flush_bytes);
  for (int i = 0; i < options.warmup; ++i) timer.call();

  TimeResult result;
  result.number = options.number;
  for (int i = 0; i < options.repeat; ++i) {
    double total = timer.measure(result.number);
    while (total * 1e3 < options.min_repeat_ms && result.number < kMostCalls) {
      const double wanted =
          options.min_repeat_ms * 1e-3 / std::max(total, 1e-9) * static_cast<double>(result.number) * 1.05;
      const double bounded =
          std::clamp(wanted, static_cast<double>(result.number) + 1, static_cast<double>(result.number) * 100);
      result.number = std::min(static_cast<std::int64_t>(std::ceil(bounded)), kMostCalls);
      total = timer.measure(result.number);
    }
    result.seconds.push_back(total / static_cast<double>(result.number));
  }

  double sum = 0, squares = 0;
  for (double value : result.seconds) sum += value;
  const double count = static_cast<double>(result.seconds.size());
  result.mean = sum / count;
  for (double value : result.seconds) squares += (value - result.mean) * (value - result.mean);
  result.stddev = result.seconds.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  result.min = *std::min_element(result.seconds.begin(), result.seconds.end());
  result.median = result.percentile(50);
  return result;
}

double TimeResult::percentile(double percent) const {
  if (seconds.empty()) return 0;
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const double place = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

}  // namespace tilewright::runtime
