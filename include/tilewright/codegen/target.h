// What code is generated for: read from a string, resolved to explicit values before it is hashed or logged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tilewright {

/// `llvm [-mcpu= -mattr= -mtriple= -num-cores= -debug=bounds]`, `c [-cc=gcc|clang -num-cores=]`.
/// Default "llvm -mcpu=native". Unknown kinds, options and CPUs are an Error (G0801 ...) that lists the legal ones.
struct Target {
  enum class Kind { kLlvm, kC };
  Kind kind = Kind::kLlvm;
  std::string triple, cpu;            // resolved, never "native"
  std::vector<std::string> features;  // "+avx512f", ... sorted
  std::string c_compiler = "gcc";
  int num_cores = 1;
  bool debug_bounds = false;
  // Detected for this host, or typical values of the CPU.
  int vector_bytes = 16;
  int vector_registers = 16;
  bool has_fma = false, has_masked_memory = false;
  int l1_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 32 << 20, cache_line_bytes = 64;

  /// Parses and resolves.
  explicit Target(std::string_view text = "llvm -mcpu=native");
  /// Canonical text: every value explicit; parses to the same target.
  std::string str() const;
  /// 16 hexadecimal digits over what decides the generated code and its speed.
  std::string fingerprint() const;
  bool operator==(const Target&) const = default;
};

}  // namespace tilewright
