#include "search/space/rule_helpers.h"
#include "search/space/rules.h"

namespace tilewright::search {
namespace {

using schedule::Block;
using schedule::Loop;
using schedule::Value;

class TileRule : public SpaceRule {
 public:
  std::string name() const override { return "tile"; }
  std::vector<SketchBuilder> apply(const SketchBuilder& state, const std::string& block) const override {
    SketchBuilder probe = state;
    const Block b = probe.schedule.get_block(block);
    if (probe.schedule.classify(b) != schedule::BlockClass::kReduction) return {};
    const auto roles = plain_loops(probe, b);
    if (!roles || roles->spatial.empty() || roles->reduce.empty()) return {};
    // A reduction over rows that nothing else reads runs best beside what uses its result: the row rule's work.
    if (!has_reuse(probe.schedule.get(b)) && has_row_output(probe)) return {};
    const std::vector<Block> consumers = probe.schedule.get_consumers(b);
    std::vector<SketchBuilder> out;
    if (consumers.size() == 1 && can_follow(probe, b, consumers[0])) {
      auto fused = attempt(state, "tile+epilogue", [&](SketchBuilder& s) {
        const Block producer = s.schedule.get_block(block);
        const Block epilogue = s.schedule.get_consumers(producer)[0];
        s.schedule.set_scope(producer, 0, "local");
        tile(s, producer, epilogue);
      });
      if (fused) return {*fused};
    }
    auto cached = attempt(state, "tile", [&](SketchBuilder& s) {
      const Block producer = s.schedule.get_block(block);
      const Block copy = s.schedule.cache_write(producer, 0, "local");
      tile(s, producer, copy);
    });
    if (cached) out.push_back(*cached);
    return out;
  }

 private:
  /// The consumer can run tile by tile behind the reduction: elementwise, or the last step of a partial reduction.
  static bool can_follow(SketchBuilder& probe, Block b, Block consumer) {
    if (is_elementwise(probe, consumer)) return true;
    return probe.schedule.classify(consumer) == schedule::BlockClass::kReduction &&
           probe.schedule.get(b).name == probe.schedule.get(consumer).name + "_rf";
  }

  static bool has_row_output(SketchBuilder& probe) {
    for (const Block output : probe.schedule.get_output_blocks()) {
      int rank = 0;
      for (const tir::IterVar& i : probe.schedule.get(output).iters) rank += !tir::is_const_int(i.domain.extent, 1);
      if (is_elementwise(probe, output) && rank >= 2) return true;
    }
    return false;
  }

  static void tile(SketchBuilder& s, Block block, Block epilogue) {
    const LoopRoles roles = *plain_loops(s, block);
    // The lanes of a partial reduction stay together: the step that adds them up follows the tile.
    const std::string& name = s.schedule.get(block).name;
    const bool whole_lanes =
        name.size() > 3 && name.compare(name.size() - 3, 3, "_rf") == 0 && roles.spatial.size() > 1;
    const int lanes = vector_lanes(s.schedule.get(block), s.target());
    std::vector<Loop> outer, middle, registers, reduce_outer, reduce_inner;
    for (size_t i = 0; i < roles.spatial.size(); ++i) {
      const bool last = i + 1 == roles.spatial.size();
      if (last && whole_lanes) {
        registers.push_back(roles.spatial[i]);
        continue;
      }
      const std::vector<Value> f = s.tile(roles.spatial[i], 3, last ? TileRole::kVector : TileRole::kUnroll, lanes);
      const auto parts = s.schedule.split<3>(roles.spatial[i], {f[0], f[1], f[2]});
      outer.push_back(parts[0]);
      middle.push_back(parts[1]);
      registers.push_back(parts[2]);
    }
    for (size_t i = 0; i < roles.reduce.size(); ++i) {
      if (i + 1 < roles.reduce.size() || roles.reduce_extent[i] < 8) {
        reduce_outer.push_back(roles.reduce[i]);
        continue;
      }
      const std::vector<Value> f = s.tile(roles.reduce[i], 2, TileRole::kReduce);
      const auto parts = s.schedule.split<2>(roles.reduce[i], {f[0], f[1]});
      reduce_outer.push_back(parts[0]);
      reduce_inner.push_back(parts[1]);
    }
    std::vector<Loop> order = outer;
    for (const auto* group : {&middle, &reduce_outer, &reduce_inner, &registers})
      order.insert(order.end(), group->begin(), group->end());
    s.schedule.reorder(order);
    s.schedule.reverse_compute_at(epilogue, middle.back(), true);
    s.schedule.parallel(outer.size() > 1 ? s.schedule.fuse(outer) : outer[0]);
    for (const Loop loop : reduce_inner) s.schedule.unroll(loop);
    for (size_t i = 0; i + 1 < registers.size(); ++i) s.schedule.unroll(registers[i]);
    s.schedule.vectorize(registers.back());

    // The epilogue's own loops lie below the tile: everything after the middle loops. The last iterator's is
    // contiguous.
    const std::vector<Loop> loops = s.schedule.get_loops(epilogue);
    const size_t above = 1 + middle.size();
    const bool reduces = s.schedule.classify(epilogue) != schedule::BlockClass::kComplete;
    for (size_t i = above; i < loops.size(); ++i) {
      if (!reduces && i + 1 == loops.size())
        s.schedule.vectorize(loops[i]);
      else
        s.schedule.unroll(loops[i]);
    }
  }
};

}  // namespace

std::shared_ptr<const SpaceRule> make_tile_rule() {
  return std::make_shared<TileRule>();
}

}  // namespace tilewright::search
