// A function as its caller sees it: arguments in order, their physical shapes, and how symbolic sizes are found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::codegen {

/// An extent: constant where symbol < 0, else the value of symbol number `symbol`.
struct Dimension {
  int64_t extent = 0;
  int symbol = -1;
};

struct Argument {
  std::string name;
  bool is_tensor = false;
  tir::DataType dtype;
  std::vector<Dimension> shape;        // tensors: physical
  std::vector<tir::Expr> shape_exprs;  // the same as expressions
  bool is_input = true, is_output = false;
  /// Bytes; 0 means the element's natural alignment.
  int alignment = 0;
  tir::Param param;
};

/// An extent that is an expression over symbols (n + 1), or a symbol that is passed as a scalar argument: it gets a
/// symbol number of its own, and the entry compares the two.
struct DerivedExtent {
  int symbol;
  tir::Expr value;
  int argument, dimension;
};

struct Signature {
  std::string name;
  std::vector<Argument> arguments;
  /// By symbol number; undefined for derived extents.
  std::vector<tir::Var> symbols;
  std::vector<DerivedExtent> derived;
  std::vector<tir::Expr> assumptions;
  int num_symbols() const { return static_cast<int>(symbols.size()); }
};

/// Reads the parameters of a (scheduled or lowered) function; buffers in the body match parameters by identity or name.
/// Error G0810: a name that no exported function may have; G0811: a size that no argument determines; G0812: two
/// parameters of one name.
Signature make_signature(const tir::PrimFunc& func);

/// Error G0813 unless the buffer's alignment is 0 or a power of two up to a page.
void check_alignment(const tir::Buffer& buffer);

}  // namespace tilewright::codegen
