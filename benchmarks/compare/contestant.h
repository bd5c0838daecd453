// Who takes part in a comparison: the same work on the same arguments, by different makers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/operands.h"
#include "tilewright/te/workload.h"

namespace tilewright::bench {

struct Contestant {
  std::string maker;  // "tilewright", "onednn", ...
  std::string note;   // kernel, layout, or routine used
  std::function<void()> call;
  /// Brings the result into the operands' own layout; not timed. May be empty.
  std::function<void()> unpack;
};

/// A library that knows some of the workloads. Threads are set for all calls that follow.
class Library {
 public:
  virtual ~Library() = default;
  /// Name, version and kernels chosen, for the report.
  virtual std::string description() const = 0;
  /// Contestants for the workload with so many threads; none when the library has no such operator.
  virtual std::vector<Contestant> contestants(const te::Workload& workload, const Operands& operands, int threads) = 0;
};

/// Null, with the reason, when the library is not there.
std::unique_ptr<Library> open_openblas(std::string* reason);
std::unique_ptr<Library> open_onednn(std::string* reason);

}  // namespace tilewright::bench
