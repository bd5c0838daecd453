// Measuring: candidates are built and run in processes of their own, so that a crash, a hang or a wrong result is a
// record, not an event.
//
// Builders (`tilewright-builder`) hold the compiler and never run a candidate. The runner (`tilewright-runner`) links
// the thin runtime only; it keeps inputs and the reference result and forks one child for each candidate.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tilewright/codegen/target.h"
#include "tilewright/search/record.h"
#include "tilewright/support/expected.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::search {

/// What is measured.
struct MeasureTask {
  tir::PrimFunc func;    // unscheduled
  std::string workload;  // canonical name, for the modules' metadata
  std::string workload_hash;
  Target target;
  double tolerance = 1e-5;  // largest max_error that counts as correct
  uint64_t input_seed = 0;
};

struct MeasureOptions {
  int build_threads = 0;      // builders; 0: as many as cores
  double build_timeout = 30;  // seconds a candidate
  double timeout = 10;        // seconds a candidate may run, everything included
  int number = 0;             // calls a repeat; 0: from min_repeat_ms
  int repeat = 3;             // repeats of a candidate that may win
  double min_repeat_ms = 4;
  bool cold = false;        // flush the caches before every call
  bool verify_all = false;  // check every candidate, not only those that would become best
};

struct MeasureResult {
  TrialStatus status = TrialStatus::kOk;
  std::string message;
  std::vector<double> times;  // seconds of one call, one entry a repeat; a clear loser has one
  bool checked = false;
  double max_error = -1;
};

/// Builds and runs candidates given as traces (compact JSON). Results are in the order of the candidates.
class Measurer {
 public:
  virtual ~Measurer() = default;
  /// `best_seconds`: the time to beat (infinity: none). Any candidate faster than it is checked before it is returned
  /// as kOk.
  virtual std::vector<MeasureResult> measure(const std::vector<std::string>& traces, double best_seconds) = 0;
  /// Runs the candidates in turns, `rounds` times each, all repeats kept: for an honest comparison of the best.
  virtual std::vector<MeasureResult> remeasure(const std::vector<std::string>& traces, int rounds) = 0;
  /// Milliseconds of a fixed kernel of the runner's own: notices a drifting machine.
  virtual double reference_kernel_ms() = 0;
};

/// Starts the processes; fails (M12xx) when the worker programs are not found or inputs do not fit into memory.
/// They are searched in $TILEWRIGHT_LIBEXEC, beside the running program, and in the install tree.
Expected<std::unique_ptr<Measurer>> start_measurer(MeasureTask task, MeasureOptions options);

/// Asks running measurements of this process to stop soon (async-signal-safe); they return what they have.
void request_interrupt();
bool interrupted();
void clear_interrupt();

/// The program whose result is "correct": every float held in f64, math through the C library, rounded once at the end.
tir::PrimFunc reference_program(const tir::PrimFunc& func);
/// Statement instances of the unscheduled program: below 10^7 the interpreter computes the reference.
double statement_instances(const tir::PrimFunc& func);
/// Limit of max_error for an output type (the contract): f64 1e-12, f32 1e-5, f16 1e-2, bf16 2e-2, integers 0.
double default_tolerance(tir::DataType output);
/// CPU model, cores and kernel in one line: results of different fingerprints never mix.
std::string host_fingerprint();

}  // namespace tilewright::search
