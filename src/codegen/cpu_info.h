// What the target description knows about processors: from LLVM's tables where LLVM is built in, else from a small
// table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tilewright::codegen {

/// The processor this process runs on.
struct HostCpu {
  std::string triple, cpu;
  /// "+avx2" and "-avx512f" for every tracked feature.
  std::vector<std::string> features;
};
const HostCpu& host_cpu();

/// First part of a triple ("x86_64", "aarch64"); empty when code for it cannot be generated.
std::string triple_arch(std::string_view triple);

/// Instruction sets that a target states explicitly: those that decide the code of a kernel. Names are LLVM's.
const std::vector<std::string_view>& tracked_features(std::string_view arch);

/// CPUs that code can be generated for, sorted.
std::vector<std::string> known_cpus(const std::string& triple);

/// Every name that -mattr may use, sorted.
std::vector<std::string> known_features(const std::string& triple);

/// The tracked features (without sign, in table order) that `cpu` has after `changes` ("+avx2", "-fma") are applied.
std::vector<std::string> enabled_features(const std::string& triple, const std::string& cpu,
                                          const std::vector<std::string>& changes);

/// Version of what makes the code, for example "llvm 19.1.7"; "none" without LLVM.
std::string backend_version();

}  // namespace tilewright::codegen
