#include "search/space/rule_helpers.h"
#include "search/space/rules.h"

namespace tilewright::search {
namespace {

using schedule::Block;
using schedule::Loop;

/// Less than this is not worth waking another core.
constexpr int64_t kSmall = 4096;

class ElementwiseRule : public SpaceRule {
 public:
  std::string name() const override { return "elementwise"; }
  std::vector<SketchBuilder> apply(const SketchBuilder& state, const std::string& block) const override {
    SketchBuilder probe = state;
    const auto roles = plain_loops(probe, probe.schedule.get_block(block));
    if (!roles || roles->spatial.empty()) return {};
    const bool parallel = roles->spatial_points * roles->reduce_points >= kSmall;
    // A reduction that no other rule took: at least its rows run in parallel.
    auto full = attempt(state, "elementwise",
                        [&](SketchBuilder& s) { schedule_block(s, block, parallel, roles->reduce.empty()); });
    if (!full) full = attempt(state, "serial", [&](SketchBuilder& s) { schedule_block(s, block, parallel, false); });
    if (!full) return {};
    return {*full};
  }

 private:
  static void schedule_block(SketchBuilder& s, const std::string& block, bool parallel, bool vectorize) {
    const Block b = s.schedule.get_block(block);
    const LoopRoles roles = *plain_loops(s, b);
    std::vector<Loop> order = roles.spatial;
    order.insert(order.end(), roles.reduce.begin(), roles.reduce.end());
    if (order.size() > 1) s.schedule.reorder(order);
    if (!vectorize) {
      if (parallel) s.schedule.parallel(roles.spatial.size() > 1 ? s.schedule.fuse(roles.spatial) : roles.spatial[0]);
      return;
    }
    const int lanes = vector_lanes(s.schedule.get(b), s.target());
    if (roles.spatial.size() == 1) {
      const auto f = s.tile(roles.spatial[0], 3, TileRole::kVector, lanes);
      const auto parts = s.schedule.split<3>(roles.spatial[0], {f[0], f[1], f[2]});
      if (parallel) s.schedule.parallel(parts[0]);
      s.schedule.vectorize(parts[2]);
      return;
    }
    const std::vector<Loop> outer(roles.spatial.begin(), roles.spatial.end() - 1);
    const Loop fused = outer.size() > 1 ? s.schedule.fuse(outer) : outer[0];
    const auto v = s.tile(roles.spatial.back(), 2, TileRole::kVector, lanes);
    const auto inner = s.schedule.split<2>(roles.spatial.back(), {v[0], v[1]});
    if (parallel) s.schedule.parallel(fused);
    s.schedule.vectorize(inner[1]);
  }
};

}  // namespace

std::shared_ptr<const SpaceRule> make_elementwise_rule() {
  return std::make_shared<ElementwiseRule>();
}

}  // namespace tilewright::search
