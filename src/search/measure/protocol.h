// Messages between the measuring side of the search and its workers. Both ends are of one build; nothing is stored.
#pragma once

#include <cstdint>

namespace tilewright::search {

enum class ArgRole : uint8_t { kInput = 1, kOutput = 2, kInOut = 3 };

enum class RunnerCommand : uint8_t {
  // function name, seed, threads, tolerance, timeout, memory limit in bytes, number of arguments, then for each: type
  // code, bits, role, rank, extents
  kTask = 1,
  // for each output: its bytes
  kReferenceData,
  // a module whose result is the reference; timeout
  kReferenceModule,
  // a module, best seconds, number, repeat, min_repeat_seconds, cold, verify, keep (no early drop)
  kRun,
  // nothing; answers seconds of a fixed kernel
  kReferenceKernel,
};

enum class BuilderCommand : uint8_t {
  // text of the unscheduled function, target, workload, workload hash
  kTask = 1,
  // trace JSON
  kBuild,
  // nothing: the reference program, for functions too large for the interpreter
  kBuildReference,
};

}  // namespace tilewright::search
