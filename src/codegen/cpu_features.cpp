// The tracked instruction sets: one list an architecture.
#include "codegen/cpu_info.h"

namespace tilewright::codegen {

std::string triple_arch(std::string_view triple) {
  std::string_view arch = triple.substr(0, triple.find('-'));
  if (arch == "x86_64" || arch == "amd64") return "x86_64";
  if (arch == "aarch64" || arch == "arm64") return "aarch64";
  return {};
}

const std::vector<std::string_view>& tracked_features(std::string_view arch) {
  static const std::vector<std::string_view> x86 = {"sse3",
                                                    "ssse3",
                                                    "sse4.1",
                                                    "sse4.2",
                                                    "popcnt",
                                                    "lzcnt",
                                                    "bmi",
                                                    "bmi2",
                                                    "avx",
                                                    "f16c",
                                                    "fma",
                                                    "avx2",
                                                    "avx512f",
                                                    "avx512cd",
                                                    "avx512bw",
                                                    "avx512dq",
                                                    "avx512vl",
                                                    "avx512ifma",
                                                    "avx512vbmi",
                                                    "avx512vbmi2",
                                                    "avx512vnni",
                                                    "avx512bitalg",
                                                    "avx512vpopcntdq",
                                                    "avx512bf16",
                                                    "avx512fp16",
                                                    "avxvnni",
                                                    "gfni"};
  static const std::vector<std::string_view> arm = {"neon", "fullfp16", "dotprod", "bf16", "i8mm", "sve", "sve2"};
  static const std::vector<std::string_view> none;
  if (arch == "x86_64") return x86;
  if (arch == "aarch64") return arm;
  return none;
}

}  // namespace tilewright::codegen
