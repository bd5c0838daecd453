#include "tilewright/search/features.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "search/access_analysis.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

using tir::ForKind;

// Order-of-magnitude constants of the roofline prior; the learned model corrects them. Rates are per core and cycle.
constexpr double kClock = 3.5e9;
constexpr double kVectorOpsPerCycle = 2, kLoadsPerCycle = 2, kStoresPerCycle = 1, kFmaLatency = 4;
constexpr std::array<double, 3> kBytesPerCycle{48, 16, 6};  // from L2, L3, memory
constexpr double kParallelStart = 3e-6;
constexpr double kSpecialCost = 12;
/// Elements of a local buffer that can live in registers.
constexpr double kRegisterElements = 2048;
constexpr size_t kSlots = 3;

struct Tile {
  size_t first;  // loops from here on are unrolled or vectorized: the register tile
  double size = 1;
};

Tile register_tile(const LeafNumbers& leaf) {
  Tile tile{leaf.loops.size()};
  while (tile.first > 0) {
    const LoopNumbers& l = leaf.loops[tile.first - 1];
    const bool inside = l.kind == ForKind::kVectorized || l.kind == ForKind::kUnrolled;
    if (!inside && l.extent > 1) break;
    tile.size *= l.extent;
    --tile.first;
  }
  return tile;
}

StageSummary summarize_leaf(const LeafNumbers& leaf, const Target& target) {
  StageSummary s;
  s.block = leaf.block;
  s.reduce = leaf.reduce;
  s.predicate = leaf.predicate;
  s.padding_waste = leaf.guard_waste;
  const auto& loops = leaf.loops;
  size_t vector_loop = loops.size();
  s.iterations = 1;
  double parallel = 1;
  for (size_t i = 0; i < loops.size(); ++i) {
    s.iterations *= loops[i].extent;
    if (loops[i].kind == ForKind::kVectorized) vector_loop = i, s.vector_lanes = loops[i].extent;
    if (loops[i].kind == ForKind::kParallel) parallel *= loops[i].extent;
    if (loops[i].extent > 1 && loops[i].kind == ForKind::kSerial) ++s.loops, s.innermost_extent = loops[i].extent;
  }
  s.flops = leaf.flops * s.iterations;
  s.special = leaf.special * s.iterations;
  const double cores = target.num_cores;
  s.parallel_chunks = parallel;
  s.parallel_balance = parallel / (std::ceil(parallel / cores) * cores);
  const double speed_up = std::max(1.0, cores * s.parallel_balance);

  const Tile tile = register_tile(leaf);
  const double lanes_per_register = std::max(1.0, target.vector_bytes / 4.0);
  const bool vectorized = vector_loop < loops.size();
  // A vector loop of n lanes takes ceil(n / lanes) registers.
  const double vector_width = vectorized ? s.vector_lanes / std::ceil(s.vector_lanes / lanes_per_register) : 1;
  s.tile_operations = tile.size / vector_width;
  double scalar_penalty = 0;
  // Lowering shrinks a local buffer to what one tile uses; small ones become registers.
  const auto in_register = [&](const AccessNumbers& a) {
    return a.local && a.footprint(loops, tile.first) <= kRegisterElements;
  };
  for (const AccessNumbers& a : leaf.accesses) {
    const double elements = a.footprint(loops, tile.first);
    double vectors = elements / vector_width;
    if (vectorized) {
      const double stride = std::abs(a.stride[vector_loop]);
      if (stride == 0)
        ++s.broadcast, vectors = elements;
      else if (stride == 1)
        ++s.contiguous;
      else
        ++s.gathered, vectors = elements, scalar_penalty += elements;
    } else {
      vectors = elements;
    }
    if (in_register(a)) {
      if (a.write) s.tile_registers += std::ceil(vectors);
      continue;
    }
    (a.write ? s.tile_stores : s.tile_loads) += vectors;
  }
  s.code_statements = tile.size / vector_width;

  // Memory traffic: at each level, the outermost loops whose data fits stay inside; everything further out reloads.
  const std::array<double, 3> capacity{target.l1_bytes * 0.8, target.l2_bytes * 0.8, target.l3_bytes * 0.8};
  std::vector<double> inside(loops.size() + 1, 0.0);
  for (size_t first = 0; first <= loops.size(); ++first) {
    for (const AccessNumbers& a : leaf.accesses) {
      if (!in_register(a)) inside[first] += a.line_bytes(loops, first, target.cache_line_bytes);
    }
  }
  s.footprint = {inside[0], inside[std::min<size_t>(1, loops.size())], inside[tile.first > 0 ? tile.first - 1 : 0]};
  for (size_t level = 0; level < 3; ++level) {
    size_t first = 0;
    while (first < loops.size() && inside[first] > capacity[level]) ++first;
    double total = 0;
    for (const AccessNumbers& a : leaf.accesses) {
      if (in_register(a)) continue;
      double bytes = a.line_bytes(loops, first, target.cache_line_bytes);
      bool reloaded = false;
      for (size_t l = first; l-- > 0;) {
        reloaded |= a.moves_with(l) || inside[l + 1] > capacity[level];
        if (reloaded) bytes *= loops[l].extent;
      }
      total += bytes;
    }
    s.traffic[level] = total;
  }
  // What was never in a cache of this level must come from below once; warm data that fits costs nothing more.
  if (inside[0] <= capacity[2]) s.traffic[2] = 0;
  if (inside[0] <= capacity[1] * target.num_cores) s.traffic[1] = 0;

  const double tiles = s.iterations / tile.size;
  const double chains = std::max(1.0, s.tile_registers > 0 ? s.tile_registers : (leaf.reduce ? 1.0 : 8.0));
  double compute = s.tile_operations * std::max(1.0, leaf.flops / 2) / kVectorOpsPerCycle;
  if (leaf.reduce && s.tile_registers > 0) compute = std::max(compute, kFmaLatency * s.tile_operations / chains);
  if (leaf.reduce && s.tile_registers == 0) compute = std::max(compute, (kFmaLatency + 4) * s.tile_operations / 4);
  const double memory = std::max((s.tile_loads + scalar_penalty) / kLoadsPerCycle, s.tile_stores / kStoresPerCycle);
  // Accumulators beyond the register file are stored and loaded again at every step of the reduction.
  const double steps = s.tile_registers > 0 ? std::max(1.0, s.tile_operations / s.tile_registers) : 1;
  const double spill = std::max(0.0, s.tile_registers - (target.vector_registers - 4)) * 2 * steps;
  const double overhead = (s.loops > 0 ? 1.0 : 0.0) + (leaf.predicate ? 0.5 * s.tile_operations : 0.0);
  double cycles =
      tiles * (std::max(compute, memory) + spill + overhead + leaf.special * s.tile_operations * kSpecialCost);
  if (s.code_statements > 512) cycles *= s.code_statements > 2048 ? 1.5 : 1.15;  // beyond the instruction cache
  double bandwidth = 0;
  for (size_t level = 0; level < 3; ++level) bandwidth = std::max(bandwidth, s.traffic[level] / kBytesPerCycle[level]);
  cycles = std::max(cycles, bandwidth) + 0.3 * std::min(cycles, bandwidth);
  s.seconds = cycles / speed_up / kClock;
  return s;
}

float log1(double x) {
  return static_cast<float>(std::log2(std::max(0.0, x) + 1));
}

void append_stage(const StageSummary& s, std::vector<float>* row) {
  for (const double x : {s.iterations,  s.flops,           s.special,         s.vector_lanes,     s.contiguous,
                         s.gathered,    s.broadcast,       s.parallel_chunks, s.tile_registers,   s.tile_loads,
                         s.tile_stores, s.tile_operations, s.code_statements, s.innermost_extent, s.loops,
                         s.traffic[0],  s.traffic[1],      s.traffic[2],      s.footprint[0],     s.footprint[1],
                         s.footprint[2]})
    row->push_back(log1(x));
  const double loads_per_operation = s.tile_operations > 0 ? (s.tile_loads + s.tile_stores) / s.tile_operations : 0;
  for (const double x : {s.parallel_balance, s.predicate, s.reduce, s.padding_waste, loads_per_operation})
    row->push_back(static_cast<float>(x));
  row->push_back(static_cast<float>(std::log(std::max(s.seconds, 1e-12))));
}

}  // namespace

ProgramSummary summarize(const tir::PrimFunc& func, const Target& target) {
  ProgramSummary program;
  bool was_parallel = false;
  const tir::VarNode* region = nullptr;
  for (const LeafNumbers& leaf : analyze_leaves(func)) {
    program.stages.push_back(summarize_leaf(leaf, target));
    program.seconds += program.stages.back().seconds;
    const tir::VarNode* outer =
        !leaf.loops.empty() && leaf.loops[0].kind == ForKind::kParallel ? leaf.loops[0].var : nullptr;
    if (outer && (!was_parallel || outer != region)) ++program.parallel_regions;
    was_parallel = outer != nullptr;
    region = outer;
  }
  program.seconds += program.parallel_regions * kParallelStart;
  std::set<const tir::BufferNode*> seen;
  tir::pre_order(func->body, [&](const tir::Stmt& s) {
    if (const auto* b = tir::as<tir::BlockNode>(s)) {
      for (const tir::Buffer& buffer : b->alloc_buffers) {
        if (buffer.scope() != tir::Scope::kGlobal) continue;
        double bytes = buffer.dtype().element_bytes();
        for (const Expr& e : buffer.shape()) {
          int64_t v;
          bytes *= tir::is_const_int(e, &v) ? static_cast<double>(v) : 128.0;
        }
        program.allocated_bytes += bytes;
      }
    }
    return true;
  });
  return program;
}

std::vector<float> feature_row(const ProgramSummary& summary, const Target& target) {
  std::vector<float> row{log1(static_cast<double>(summary.stages.size())), log1(summary.allocated_bytes),
                         log1(summary.parallel_regions), log1(target.num_cores),
                         static_cast<float>(std::log(std::max(summary.seconds, 1e-12)))};
  std::vector<size_t> order(summary.stages.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return summary.stages[a].seconds > summary.stages[b].seconds; });
  static const StageSummary kEmpty{};
  for (size_t slot = 0; slot < kSlots; ++slot)
    append_stage(slot < order.size() ? summary.stages[order[slot]] : kEmpty, &row);
  StageSummary rest;
  for (size_t i = kSlots; i < order.size(); ++i) {
    rest.seconds += summary.stages[order[i]].seconds;
    rest.iterations += summary.stages[order[i]].iterations;
  }
  row.push_back(log1(rest.iterations));
  row.push_back(static_cast<float>(std::log(std::max(rest.seconds, 1e-12))));
  return row;
}

const std::vector<std::string>& feature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out{"stages", "allocated_bytes", "parallel_regions", "cores", "seconds"};
    const char* stage[] = {"iterations",      "flops",
                           "special",         "vector_lanes",
                           "contiguous",      "gathered",
                           "broadcast",       "parallel_chunks",
                           "tile_registers",  "tile_loads",
                           "tile_stores",     "tile_operations",
                           "code_statements", "innermost_extent",
                           "loops",           "traffic_l2",
                           "traffic_l3",      "traffic_memory",
                           "footprint",       "footprint_outer",
                           "footprint_inner", "parallel_balance",
                           "predicate",       "reduce",
                           "padding_waste",   "loads_per_operation",
                           "seconds"};
    for (size_t slot = 0; slot < kSlots; ++slot) {
      for (const char* name : stage) out.push_back("stage" + std::to_string(slot) + "." + name);
    }
    out.insert(out.end(), {"rest.iterations", "rest.seconds"});
    return out;
  }();
  return names;
}

}  // namespace tilewright::search
