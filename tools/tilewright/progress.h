// The progress line of a search, on standard error.
#pragma once

#include <chrono>
#include <cstdint>

#include "tilewright/search/tuner.h"

namespace tilewright::cli {

/// Redraws one line on a terminal; elsewhere prints a line every few seconds.
class ProgressLine {
 public:
  ProgressLine();
  /// Ends the line.
  ~ProgressLine();
  void show(const search::TuneProgress& progress);

 private:
  bool terminal_;
  bool open_ = false;   // a redrawn line waits for its end
  int64_t shown_ = -1;  // trials in the latest line; -1: none yet
  std::chrono::steady_clock::time_point last_;
};

}  // namespace tilewright::cli
