#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "tilewright/runtime/error.h"

namespace tilewright::runtime {

struct TimeOptions {
  // Calls a repeat, whose mean is one number.
  std::int64_t number = 1;
  int repeat = 1;
  // `number` grows until a repeat takes this long.
  double min_repeat_ms = 0;
  // Calls before the first repeat.
  int warmup = 1;
  // Where not 0: before every call, outside of the measured time, this many bytes are written elsewhere to empty the
  // caches.
  std::uint64_t cold_flush_bytes = 0;
};

struct TimeResult {
  // Seconds a call, one number a repeat.
  std::vector<double> seconds;
  // Calls a repeat in the end.
  std::int64_t number = 0;
  double mean = 0, median = 0, min = 0;
  // Of the repeats; 0 for a single one.
  double stddev = 0;

  // 0 .. 100, interpolated between repeats.
  TILEWRIGHT_RUNTIME_API double percentile(double percent) const;
};

// Times `run(context)`, which returns non-zero to stop early; throws kInvalidArgument for impossible options and
// kCallFailed when stopped.
TILEWRIGHT_RUNTIME_API TimeResult time_raw(int (*run)(void* context), void* context, const TimeOptions& options);

// Times body().
template <typename Body>
TimeResult time_call(Body&& body, const TimeOptions& options = {}) {
  return time_raw(
      [](void* context) {
        (*static_cast<std::remove_reference_t<Body>*>(context))();
        return 0;
      },
      &body, options);
}

}  // namespace tilewright::runtime
