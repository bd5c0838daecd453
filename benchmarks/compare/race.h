// Timing of several contestants under equal conditions.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "compare/contestant.h"

namespace tilewright::bench {

struct RaceOptions {
  int rounds = 7;
  double repeat_seconds = 0.04;  // a repeat lasts at least so long
  /// Calls longer than this run in two rounds only.
  double slow_seconds = 0.25;
  /// Between contestants, until the threads of the one before have stopped spinning; 0 where there are none.
  double quiet_seconds = 0;
};

/// Seconds of one call.
struct Lap {
  double best = 0, median = 0;
  int repeats = 0;
  bool run() const { return repeats > 0; }
};

/// Round-robin: every round measures one repeat of every contestant, so that a slow minute of the machine meets all.
std::vector<Lap> race_warm(const std::vector<Contestant>& contestants, const RaceOptions& options);

/// Writes over the caches of all cores.
class CacheFlusher {
 public:
  explicit CacheFlusher(size_t bytes);
  ~CacheFlusher();
  void flush();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// As race_warm, one call at a time with empty caches before each; slow contestants are left out.
std::vector<Lap> race_cold(const std::vector<Contestant>& contestants, const RaceOptions& options,
                           CacheFlusher* flusher);

}  // namespace tilewright::bench
