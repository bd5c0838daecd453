// Tuning: propose, score, build, run, record; again.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tilewright/search/cost_model.h"
#include "tilewright/search/measure.h"
#include "tilewright/search/record.h"
#include "tilewright/search/space.h"
#include "tilewright/te/workload.h"

namespace tilewright::search {

struct TuneOptions {
  int64_t trials = 64;    // new records to make
  double time_limit = 0;  // seconds; 0: none
  uint64_t seed = 0;
  std::string tuner = "evolutionary";  // evolutionary, annealing, genetic, grid, random
  std::string model = "xgb";           // xgb, roofline, none
  int population = 256;
  double eps_greedy = 0.05;
  int batch = 16;          // candidates a round
  int remeasure = 4;       // candidates that are run again in turns before one is called best; 0: none
  std::string log;         // appended to; empty: none
  std::string warm_start;  // other workloads' records train the model; empty: none
  std::string replay_log;  // every time-dependent outcome comes from here; empty: measure
  double accuracy = 0;     // limit of max_error; 0: the contract's for the output type
  MeasureOptions measure;
  std::vector<std::shared_ptr<const SpaceRule>> rules;  // empty: the default rules
};

/// After every round, and at the end.
struct TuneProgress {
  int64_t trials = 0, wanted = 0, failed = 0, wrong = 0;
  double seconds = 0, best_gflops = 0, best_ms = 0;
  double trials_per_second = 0, eta_seconds = 0;
  double space_size = 0;
};

struct TuneResult {
  int64_t trials = 0, failed = 0, wrong = 0;  // failed includes wrong
  double seconds = 0;
  /// The schedule chosen without measuring, timed afterwards; no trial. Absent when it could not be timed.
  std::optional<double> first_gflops;
  std::optional<Record> best;           // checked; absent when no candidate was valid
  double best_gflops = 0, best_ms = 0;  // of `best`, as remeasured
  bool exhausted = false, interrupted = false;
  double space_size = 0;
  std::vector<std::string> warnings;
};

/// Searches. Candidates that fail are records, never errors; errors (M13xx) are bad options, logs that cannot be read
/// or written (found before the search starts), and workers that cannot be started. `progress` may be null.
Expected<TuneResult> tune(const te::Workload& workload, const Target& target, const TuneOptions& options,
                          const std::function<void(const TuneProgress&)>& progress = {});

/// The schedule chosen without measuring: the best of the space by the roofline model. Deterministic.
Expected<Schedule> first_schedule(const PrimFunc& func, const Target& target);
/// The best record's schedule from a log. Errors: unreadable log (M1002), no usable record (M1310).
Expected<Schedule> apply_history_best(const te::Workload& workload, const Target& target, const std::string& log_path,
                                      std::vector<std::string>* warnings = nullptr, Record* record = nullptr);

std::vector<std::string> tuner_names();

}  // namespace tilewright::search
