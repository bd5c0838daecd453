#pragma once

#include <string_view>

namespace tilewright::runtime {

// Whether this processor, and the operating system where registers must be saved, offers the instruction set of that
// name (LLVM's names: "avx512f", "sse4.2", "dotprod"). False for names that are not known here.
bool cpu_has(std::string_view feature);

}  // namespace tilewright::runtime
