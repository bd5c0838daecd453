// Lowering: a scheduled function becomes plain loops over flat memory, ready for instruction selection.
//
// The lowered form (verify::Stage::kLowered):
// - No blocks. Statements: Store, For, If, Let, Alloc, Assert, Evaluate, Seq.
// - For kinds: serial and parallel (only outermost in their nest: a parallel loop inside another runs serially). Loops start at any min, step 1. Unrolled and vectorized loops are gone.
// - Every buffer is one-dimensional: one index, the element's linear address in the physical (layout-mapped) array.
//   Parameters keep their node's logical shape in `params`; `flat` buffers share the parameter's name.
// - Vectors: an index may be Ramp (stride 1: contiguous; other strides or any vector index: gather, scatter); then value and mask have the same
//   lanes. Masked-off lanes are not touched. Scalars beside vectors are wrapped in Broadcast.
// - Scope kRegister buffers have shape {1}, index 0, dtype maybe a vector: one SSA value or local variable each. Other
//   Alloc'd buffers have constant sizes where possible; up to 16 KiB a thread they may live on the stack, larger ones come
//   from the workspace.
// - exp, log, tanh, erf, sigmoid, rsqrt, sin, cos, pow are expanded into arithmetic; sqrt, abs, floor, ceil, trunc, fma,
//   min, max and bit operations stay as instructions every target has.
// - f16 and bf16 appear only in Load, Store, Cast and Select; arithmetic on them has become f32.
// - Reduction updates of the form c + a * b in f32 and f64 are `fma` calls.
#pragma once

#include <string>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::lower {

/// What lowering needs to know about the target.
struct LowerOptions {
  /// Bytes of a vector register; loops marked vectorized wider than this become several registers.
  int vector_bytes = 64;
  /// The target has masked loads and stores; else ragged vector tails become scalar loops.
  bool has_masked_memory = true;
  /// Number of architectural vector registers.
  int vector_registers = 32;
  bool has_fma = true;
  /// Loops unrolled by annotation never expand to more statements than this; the rest stays a loop.
  int max_unroll_statements = 4096;
  /// Check every access against its buffer's extents at run time (`-debug=bounds`); messages name block and index.
  bool debug_bounds = false;
  /// Verify the program after each pass.
  bool verify_each_pass = false;
};

struct PassRecord {
  std::string pass;
  double milliseconds;
  bool changed;
};

/// Runs the whole pipeline. Throws Error (L07xx) when the function cannot be lowered (for example thread-bound loops).
tir::PrimFunc lower(const tir::PrimFunc& func, const LowerOptions& options, std::vector<PassRecord>* records = nullptr);

}  // namespace tilewright::lower
