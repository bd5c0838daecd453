// Text form of the loop IR: complete (parses back to the identical program) and readable.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::tir {

struct PrintOptions {
  /// Lines of these loops and blocks get a "<-- here" mark.
  std::vector<LoopId> mark_loops;
  std::vector<BlockId> mark_blocks;
  /// Only loops and block headers, one line each: what diagnostics show.
  bool loop_nest_only = false;
  /// Lines that are not on the way to a mark are left out when there are marks and loop_nest_only.
  int context_lines = 2;
};

std::string to_string(const PrimFunc& func, const PrintOptions& options = {});
std::string to_string(const Stmt& stmt, const PrintOptions& options = {});
std::string to_string(const Expr& expr);
std::ostream& operator<<(std::ostream& out, const PrimFunc& func);
std::ostream& operator<<(std::ostream& out, const Expr& expr);

}  // namespace tilewright::tir
