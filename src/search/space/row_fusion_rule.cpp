#include <algorithm>

#include "search/space/rule_helpers.h"
#include "search/space/rules.h"

namespace tilewright::search {
namespace {

using schedule::Block;
using schedule::Loop;

class RowFusionRule : public SpaceRule {
 public:
  std::string name() const override { return "rows"; }
  std::vector<SketchBuilder> apply(const SketchBuilder& state, const std::string& block) const override {
    SketchBuilder probe = state;
    const Block b = probe.schedule.get_block(block);
    if (!is_elementwise(probe, b) || !probe.schedule.get_consumers(b).empty()) return {};
    const auto roles = plain_loops(probe, b);
    if (!roles || roles->spatial.size() < 2) return {};
    // Only producers that nobody scheduled yet can follow a row.
    const std::vector<Block> producers = probe.schedule.get_producers(b);
    if (producers.empty()) return {};
    auto fused = attempt(state, "rows", [&](SketchBuilder& s) { fuse_rows(s, block); });
    if (!fused) return {};
    return {*fused};
  }

 private:
  static void fuse_rows(SketchBuilder& s, const std::string& block) {
    const Block b = s.schedule.get_block(block);
    const LoopRoles roles = *plain_loops(s, b);
    std::vector<Loop> outer(roles.spatial.begin(), roles.spatial.end() - 1);
    const Loop rows = outer.size() > 1 ? s.schedule.fuse(outer) : outer[0];
    const auto f = s.tile(rows, 2, TileRole::kPlain);
    const auto parts = s.schedule.split<2>(rows, {f[0], f[1]});
    int moved = 0;
    // Producers behind producers: each goes to the row after its consumers went there.
    std::vector<Block> waiting = s.schedule.get_producers(b);
    std::vector<std::string> done;
    while (!waiting.empty()) {
      const Block p = waiting.back();
      waiting.pop_back();
      const std::string name = s.schedule.get(p).name;
      if (std::find(done.begin(), done.end(), name) != done.end()) continue;
      SketchBuilder next = s;
      try {
        if (!plain_loops(next, p)) continue;
        const std::vector<Block> behind = next.schedule.get_producers(p);
        next.schedule.compute_at(p, parts[1], true);
        vectorize_inner(next, p);
        s = std::move(next);
        waiting.insert(waiting.begin(), behind.begin(), behind.end());
        done.push_back(name);
        ++moved;
      } catch (const Error&) {
        // Another consumer is not there yet: it comes again behind that one, or stays where it is.
      }
    }
    if (moved == 0) throw Error("M1302", "space", "no producer can follow the rows");
    s.schedule.parallel(parts[0]);
    const auto v = s.tile(roles.spatial.back(), 2, TileRole::kVector, vector_lanes(s.schedule.get(b), s.target()));
    s.schedule.vectorize(s.schedule.split<2>(roles.spatial.back(), {v[0], v[1]})[1]);
  }

  /// Vectorizes along the last spatial loop where it is long; reduce loops go outside of it.
  static void vectorize_inner(SketchBuilder& s, Block p) {
    const tir::BlockNode& node = s.schedule.get(p);
    const tir::VarNode* last = nullptr;
    for (const tir::IterVar& i : node.iters) {
      if (i.kind == tir::IterKind::kSpatial) last = i.var.get();
    }
    const std::vector<Loop> loops = s.schedule.get_loops(p);
    std::vector<Loop> reduce;
    std::optional<Loop> vector;
    for (const Loop loop : loops) {
      const tir::ForNode& f = s.schedule.get(loop);
      if (f.loop_kind != tir::ForKind::kSerial) continue;
      for (size_t i = 0; i < node.iters.size(); ++i) {
        if (!tir::uses_var(node.bindings[i], f.var.get())) continue;
        if (node.iters[i].kind == tir::IterKind::kReduce)
          reduce.push_back(loop);
        else if (node.iters[i].var.get() == last)
          vector = loop;
      }
    }
    int64_t extent = 0;
    if (!vector || !tir::is_const_int(s.schedule.get(*vector).extent, &extent) || extent < 4) return;
    SketchBuilder next = s;
    try {
      Loop inner = *vector;
      const int lanes = vector_lanes(node, s.target());
      if (reduce.empty()) {
        const auto v = next.tile(*vector, 2, TileRole::kVector, lanes);
        inner = next.schedule.split<2>(*vector, {v[0], v[1]})[1];
      } else {
        std::vector<Loop> order = reduce;
        order.push_back(inner);
        next.schedule.reorder(order);
      }
      next.schedule.vectorize(inner);
      s = std::move(next);
    } catch (const Error&) {
      // Stays scalar.
    }
  }
};

}  // namespace

std::shared_ptr<const SpaceRule> make_row_fusion_rule() {
  return std::make_shared<RowFusionRule>();
}

}  // namespace tilewright::search
