// What a scheduled program does, in numbers: loop structure, work and memory traffic of its heaviest stages. Computed
// from the loop IR directly, without lowering. The same numbers feed the roofline prior and the learned model.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tilewright/codegen/target.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::search {

/// One leaf block under its loops.
struct StageSummary {
  std::string block;
  double iterations = 0;                               // product of the loops above
  double flops = 0;                                    // floating and integer arithmetic operations in all iterations
  double special = 0;                                  // exp, log, ... in all iterations
  double vector_lanes = 1;                             // extent of the vectorized loop
  double contiguous = 0, gathered = 0, broadcast = 0;  // accesses by their stride along the vectorized loop
  double parallel_chunks = 1;                          // iterations of the parallel loops
  double parallel_balance = 1;                         // useful share of the cores' time: 1 is perfect
  double tile_registers = 0;                           // vector registers of accumulators in the unrolled tile
  double tile_loads = 0;                               // vector loads of one run of the unrolled tile
  double tile_stores = 0;
  double tile_operations = 0;       // vector operations of one run of the unrolled tile
  double code_statements = 0;       // statements after unrolling
  double innermost_extent = 1;      // of the innermost loop that stays a loop
  double loops = 0;                 // that stay loops
  double predicate = 0;             // 1 when guarded
  double reduce = 0;                // 1 for a reduction
  double padding_waste = 0;         // share of guarded-off iterations, from the bounds of the guards
  std::array<double, 3> traffic{};  // bytes from L2, L3 and memory
  std::array<double, 3>
      footprint{};     // bytes touched: in all, per iteration of the outermost loop, in the innermost real loop
  double seconds = 0;  // the roofline's estimate
};

struct ProgramSummary {
  std::vector<StageSummary> stages;  // in order of the program
  double seconds = 0;                // estimate of the whole: sum over stages, parallel start-up included
  double allocated_bytes = 0;        // of intermediates outside registers
  double parallel_regions = 0;
};

/// Extents that are not constant count as their upper bound, or 128 when unknown.
ProgramSummary summarize(const tir::PrimFunc& func, const Target& target);

/// Version of the meaning of `feature_row`; part of nothing that is stored, printed with dumps.
inline constexpr int kFeatureVersion = 1;
/// One row: whole-program numbers, then the heaviest stages in fixed slots, logarithms of counts.
std::vector<float> feature_row(const ProgramSummary& summary, const Target& target);
/// Names of the row's entries, for dumps.
const std::vector<std::string>& feature_names();

}  // namespace tilewright::search
