// Loops, accesses and strides of a scheduled program as plain numbers.
#pragma once

#include <string>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::search {

struct LoopNumbers {
  const tir::VarNode* var = nullptr;
  double extent = 1;
  tir::ForKind kind = tir::ForKind::kSerial;
};

/// One load or store of a leaf block, seen from its loops.
struct AccessNumbers {
  const tir::BufferNode* buffer = nullptr;
  bool write = false;
  bool local = false;  // of scope local: in registers when the tile is small enough
  double element_bytes = 4;
  double buffer_elements = 1;
  std::vector<double> stride;  // elements moved in memory by one step of each loop
  /// [dimension][loop]: steps of the index by one step of the loop; and the extents that cap them.
  std::vector<std::vector<double>> coefficient;
  std::vector<double> dim_extent;

  /// Distinct elements touched while the loops from `first` on run.
  double footprint(const std::vector<LoopNumbers>& loops, size_t first) const;
  /// The same in bytes of whole cache lines.
  double line_bytes(const std::vector<LoopNumbers>& loops, size_t first, double line) const;
  bool moves_with(size_t loop) const;
};

struct LeafNumbers {
  std::string block;
  std::vector<LoopNumbers> loops;  // outermost first
  std::vector<AccessNumbers> accesses;
  double flops = 0, special = 0;  // of one iteration
  bool reduce = false, predicate = false;
  double guard_waste = 0;  // share of iterations that the predicate turns off
};

std::vector<LeafNumbers> analyze_leaves(const tir::PrimFunc& func);

}  // namespace tilewright::search
