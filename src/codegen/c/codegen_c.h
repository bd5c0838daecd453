// The C back end: readable C11 for a lowered function, and the call of the C compiler.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::codegen {

struct COptions {
  /// How loops marked parallel run.
  enum class Parallel {
    kSerial,
    kHook,     // through the pointer `<function>_parallel_for` that the file exports; serially while it is null
    kOpenMp,   // `#pragma omp parallel for` where the compiler has OpenMP switched on
    kRuntime,  // through __tilewright_parallel_for: only together with ffi_entry
  };
  Parallel parallel = Parallel::kSerial;
  /// Threads a parallel loop may use; 0: no limit.
  int num_threads = 0;
  /// Also emit the entry `__tvm_ffi_<name>` of runtime/abi.h, whose text then opens the file. Scratch memory and errors
  /// go through the support functions, which somebody links to it; the plain function is then no exported symbol.
  bool ffi_entry = false;
  /// The entry checks its arguments.
  bool check_arguments = true;
  /// Contents of the section `.tilewright.meta`; empty: no such section.
  std::string metadata_section;
  /// Vectors as GNU vector types (gcc and clang); else as arrays, and loops over lanes.
  bool gnu_vectors = true;
};

/// `header` declares what `source` defines; `source` does not include it.
///
/// The plain function takes a pointer for each tensor, a value for each scalar, in order of parameters, then the sizes
/// that occur in shapes as int64_t in order of first use. It returns 0, or -1 when an assertion fails or memory is
/// short. Tensors that are written must not overlap others. f16 and bf16 are uint16_t, bool is uint8_t.
///
/// Results equal the interpreter's bit by bit where the compiler keeps to IEEE: -ffp-contract=off and no -ffast-math.
/// No other flag matters: integer overflow is written out in unsigned arithmetic.
struct CSource {
  std::string source, header;
};

/// Error G086x for a function that is not in lowered form.
CSource generate_c(const tir::PrimFunc& lowered, const COptions& options = {});

struct CCompileOptions {
  std::string compiler = "gcc";
  /// Between the compiler's name and the file names.
  std::vector<std::string> flags = {"-std=c11", "-O3", "-march=native", "-ffp-contract=off"};
  /// Object files (bytes) to link in, for example runtime::kernel_support_object().
  std::vector<std::string_view> objects;
};

/// Compiles one C file to a shared library and returns its bytes. Errors: G0870 the compiler cannot be started, G0871
/// it failed (its messages follow), G0872 no temporary files.
std::string compile_c_shared(std::string_view source, const CCompileOptions& options = {});

}  // namespace tilewright::codegen
