#include <algorithm>
#include <optional>

#include "search/space/rule_helpers.h"
#include "search/space/rules.h"

namespace tilewright::search {
namespace {

using schedule::Block;
using schedule::Loop;

/// Below this many elements a serial sum is exact enough and quick enough.
constexpr int64_t kShortReduction = 64;

class PartialReductionRule : public SpaceRule {
 public:
  std::string name() const override { return "partial"; }
  std::vector<SketchBuilder> apply(const SketchBuilder& state, const std::string& block) const override {
    SketchBuilder probe = state;
    const Block b = probe.schedule.get_block(block);
    if (probe.schedule.classify(b) != schedule::BlockClass::kReduction) return {};
    const auto roles = plain_loops(probe, b);
    if (!roles || roles->reduce_points < kShortReduction) return {};
    const tir::BlockNode& node = probe.schedule.get(b);
    const int lanes = vector_lanes(node, state.target());
    const bool few = roles->spatial_points < state.target().num_cores;
    const bool reuse = has_reuse(node);
    // With a contiguous spatial axis a plain register tile vectorizes already; elsewhere the reduction itself is the
    // vector axis.
    const bool spatial_vectors = reuse && spatial_axis_contiguous(node);
    std::vector<SketchBuilder> out;
    // Several registers of partial sums hide the latency of the adder; one keeps short rows short.
    // Rows that share operands have independent sums already, in the tile around the lanes.
    for (const int registers : reuse ? std::vector<int>{1} : std::vector<int>{4, 1}) {
      const int64_t width = static_cast<int64_t>(lanes) * registers;
      if (roles->reduce_extent.back() < width) continue;
      auto split =
          attempt(state, few ? "cores" : "lanes", [&](SketchBuilder& s) { split_lanes(s, block, width, few); });
      if (split) out.push_back(*split);
    }
    if (spatial_vectors || out.empty()) out.push_back(state);
    return out;
  }

 private:
  /// The last spatial iterator indexes the last dimension of some input that has one.
  static bool spatial_axis_contiguous(const tir::BlockNode& node) {
    const tir::VarNode* last = nullptr;
    for (const tir::IterVar& i : node.iters) {
      if (i.kind == tir::IterKind::kSpatial) last = i.var.get();
    }
    if (!last) return false;
    bool any = false, all = true;
    for (const tir::BufferRegion& read : node.reads) {
      bool own = false;
      for (const tir::BufferRegion& write : node.writes) own |= write.buffer.same_as(read.buffer);
      if (own || read.ranges.empty()) continue;
      bool used = false;
      for (const tir::Range& r : read.ranges) used |= tir::uses_var(r.min, last);
      if (!used) continue;
      any = true;
      all = all && tir::uses_var(read.ranges.back().min, last);
    }
    return any && all;
  }

  /// The innermost reduce loop by lanes; with `cores`, the outermost by chunks as well. The widths are fixed, so that
  /// the extents of what follows are too.
  static void split_lanes(SketchBuilder& s, const std::string& block, int64_t width, bool cores) {
    const Block b = s.schedule.get_block(block);
    const LoopRoles roles = *plain_loops(s, b);
    std::vector<Loop> order = roles.spatial;
    order.insert(order.end(), roles.reduce.begin(), roles.reduce.end());
    if (order.size() > 1) s.schedule.reorder(order);
    const int64_t chunks = 2 * static_cast<int64_t>(s.target().num_cores);
    if (cores && roles.reduce.size() == 1) {
      const auto parts = s.schedule.split<3>(roles.reduce[0], {chunks, std::nullopt, width});
      s.schedule.rfactor(parts[2], -1);
      s.schedule.rfactor(parts[0], 0);
      return;
    }
    std::optional<Loop> chunk;
    if (cores) chunk = s.schedule.split<2>(roles.reduce.front(), {chunks, std::nullopt})[0];
    s.schedule.rfactor(s.schedule.split<2>(roles.reduce.back(), {std::nullopt, width})[1], -1);
    if (chunk) s.schedule.rfactor(*chunk, 0);
  }
};

}  // namespace

std::shared_ptr<const SpaceRule> make_partial_reduction_rule() {
  return std::make_shared<PartialReductionRule>();
}

}  // namespace tilewright::search
