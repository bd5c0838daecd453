// Region algebra: boxes accessed in a piece of the program.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/buffer.h"

namespace tilewright::arith {

/// Box that surely contains `ranges` while the variables in `domains` vary. Null ends never occur: unknown ends fall
/// back to the buffer's shape.
std::vector<Range> region_upper_bound(const tir::BufferRegion& region, const IntSetMap& domains, Analyzer& analyzer);

/// Box that is surely covered when the variables in `loops` take all their values under `predicate`; empty optional
/// when no such box is known (indices not independent or strided).
std::optional<std::vector<Range>> region_lower_bound(const std::vector<Range>& region,
                                                     const std::vector<std::pair<Var, Range>>& loops,
                                                     const Expr& predicate, Analyzer& analyzer);

/// True if every point of `inner` is proven to lie in `outer`.
bool region_contains(const std::vector<Range>& outer, const std::vector<Range>& inner, Analyzer& analyzer);
/// Smallest box found around both.
std::vector<Range> region_union(const std::vector<Range>& a, const std::vector<Range>& b, Analyzer& analyzer);
/// Proven to have no point in common.
bool region_disjoint(const std::vector<Range>& a, const std::vector<Range>& b, Analyzer& analyzer);

/// Reads and writes of a statement, computed from its loads and stores (blocks inside contribute their declared regions
/// with the bindings substituted), the loops and lets inside the statement relaxed. One region for each buffer, in
/// order of first appearance; buffers allocated inside are left out.
struct Accesses {
  std::vector<tir::BufferRegion> reads, writes;
};
Accesses detect_accesses(const tir::Stmt& stmt, Analyzer& analyzer);

}  // namespace tilewright::arith
