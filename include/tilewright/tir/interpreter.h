// The reference interpreter: runs any stage of the pipeline, slowly and with every check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tilewright/support/expected.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::tir {

/// A dense row-major array: raw bytes of its element type, in the parameter's logical shape. For a parameter
/// with a layout, the physical array.
struct HostArray {
  DataType dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
  static HostArray zeros(DataType dtype, std::vector<int64_t> shape);
  int64_t elements() const;
  /// Element as double (integers above 2^53 lose precision; use `get_int` for those).
  double get(int64_t i) const;
  int64_t get_int(int64_t i) const;
  void set(int64_t i, double value);
  void set_int(int64_t i, int64_t value);
};

struct InterpreterOptions {
  /// Hold every float of intermediates and outputs in f64 with the C library's functions and round once at the end:
  /// the reference of what "correct" means.
  bool float64_reference = false;
  /// Stop with a diagnostic after so many statement instances; 0 means no limit.
  int64_t max_instances = 0;
  /// Report a read of an element that nothing wrote (outputs and allocations start uninitialised).
  bool check_uninitialised = true;
};

/// Runs `func` on the arguments in order of parameters (scalars as 1-element arrays of rank 0). Outputs are written in place. A
/// diagnostic (codes T05xx) names out-of-bounds accesses with buffer, index and extent; uninitialised reads; races
/// between iterations of parallel, vectorized and thread-bound loops; division by zero; wrong arguments.
Status interpret(const PrimFunc& func, std::vector<HostArray*> args, const InterpreterOptions& options = {});

/// f16 and bf16 conversions, round to nearest even.
uint16_t float_to_half(float value);
float half_to_float(uint16_t bits);
uint16_t float_to_bfloat(float value);
float bfloat_to_float(uint16_t bits);

}  // namespace tilewright::tir
