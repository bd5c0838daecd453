#include <algorithm>

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
    auto lanes_only = attempt(state, "lanes", [&](SketchBuilder& s) { split_lanes(s, block, lanes, false); });
    if (few) {
      auto with_cores = attempt(state, "cores", [&](SketchBuilder& s) { split_lanes(s, block, lanes, true); });
      if (with_cores) out.push_back(*with_cores);
    } else if (lanes_only) {
      out.push_back(*lanes_only);
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

  static void split_lanes(SketchBuilder& s, const std::string& block, int lanes, bool cores) {
    Block b = s.schedule.get_block(block);
    auto roles = *plain_loops(s, b);
    // The reduction as one loop, so that short inner axes do not limit the number of lanes.
    std::vector<Loop> order = roles.spatial;
    order.insert(order.end(), roles.reduce.begin(), roles.reduce.end());
    s.schedule.reorder(order);
    const Loop k = roles.reduce.size() > 1 && cores ? s.schedule.fuse(roles.reduce) : roles.reduce.back();
    if (cores) {
      const auto factors = s.tile(k, 3, TileRole::kVector, lanes);
      const auto parts = s.schedule.split<3>(k, {factors[0], factors[1], factors[2]});
      const Block by_lane = s.schedule.rfactor(parts[2], -1);
      // The chunk loop is the outer of the two that still reduce in the new block.
      const std::vector<Loop> loops = s.schedule.get_loops(by_lane);
      s.schedule.rfactor(chunk_loop(s, by_lane, loops), 0);
    } else {
      const auto factors = s.tile(k, 2, TileRole::kVector, lanes);
      const auto parts = s.schedule.split<2>(k, {factors[0], factors[1]});
      s.schedule.rfactor(parts[1], -1);
    }
  }

  static Loop chunk_loop(const SketchBuilder& s, Block b, const std::vector<Loop>& loops) {
    const tir::BlockNode& node = s.schedule.get(b);
    for (const Loop loop : loops) {
      const tir::VarNode* var = s.schedule.get(loop).var.get();
      for (size_t i = 0; i < node.iters.size(); ++i) {
        if (node.iters[i].kind == tir::IterKind::kReduce && tir::uses_var(node.bindings[i], var)) return loop;
      }
    }
    throw Error("M1301", "space", "the partial reduction has no reduce loop");
  }
};

}  // namespace

std::shared_ptr<const SpaceRule> make_partial_reduction_rule() {
  return std::make_shared<PartialReductionRule>();
}

}  // namespace tilewright::search
