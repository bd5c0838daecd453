// Arguments of a call made from the command line: seeded inputs, poisoned outputs, the reference result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "search/measure/guarded_array.h"
#include "tilewright/runtime/runtime.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::cli {

/// What a time is the best of: so many repeats of at least so many milliseconds.
inline constexpr int kRepeats = 7;
inline constexpr double kMinRepeatMs = 40;

/// One tensor parameter.
struct ArgumentSpec {
  std::string name;
  tir::DataType type;
  std::vector<int64_t> shape;
  bool input = false, output = false;

  int64_t count() const;
  /// "B: f32[512, 512]"
  std::string str() const;
};

/// Of a function with tensors of constant shape; exit 2 for any other.
std::vector<ArgumentSpec> arguments_of(const tir::PrimFunc& func);

/// Arrays between guard pages, and what a call takes.
class Arguments {
 public:
  /// Exit 2 when the arrays do not fit into memory.
  Arguments(std::vector<ArgumentSpec> specs, uint64_t seed);
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  /// Seeded inputs; outputs that are not read hold NaN or a pattern.
  void fill();
  const std::vector<ArgumentSpec>& specs() const { return specs_; }
  const void* data(size_t i) const { return arrays_[i].data(); }
  /// Exit 1 when a call raises an error, or wrote beside an argument.
  void call(const runtime::Function& function) const;
  /// Seconds of one call, one number a repeat.
  runtime::TimeResult time(const runtime::Function& function, int repeat, double min_repeat_ms) const;

 private:
  std::vector<ArgumentSpec> specs_;
  uint64_t seed_;
  std::vector<search::GuardedArray> arrays_;
  std::vector<TwDLTensor> tensors_;
  std::vector<TwAny> values_;
};

/// What the unscheduled program gives for the inputs of a seed, computed as the contract says.
class Reference {
 public:
  Reference(const tir::PrimFunc& func, uint64_t seed);

  struct Verdict {
    double max_error = 0;  // the largest over the outputs
    double limit = 0;      // of that output
    bool correct = true;
    std::string argument;  // the worst output
  };
  Verdict compare(const Arguments& arguments) const;

 private:
  struct Output {
    size_t index;
    std::vector<uint8_t> bytes;
  };
  std::vector<Output> outputs_;
};

/// Turns a crash inside a compiled function into an error of one line and exit 1.
void report_crashes_of(const std::string& what);

}  // namespace tilewright::cli
