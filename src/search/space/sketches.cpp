#include <algorithm>

#include "search/space/rule_helpers.h"
#include "search/space/rules.h"

namespace tilewright::search {
namespace {

/// A cap against programs with many forks: later forks keep their first continuation only.
constexpr size_t kMaxSketches = 16;

std::vector<std::string> block_names(const Schedule& schedule) {
  std::vector<std::string> names;
  tir::pre_order(schedule.func()->body, [&](const tir::Stmt& s) {
    const auto* b = tir::as<tir::BlockNode>(s);
    if (b && s.get() != schedule.func()->body.get()) names.push_back(b->name);
    return true;
  });
  return names;
}

bool exists(const SketchBuilder& state, const std::string& block) {
  const std::vector<std::string> names = block_names(state.schedule);
  return std::count(names.begin(), names.end(), block) == 1;
}

}  // namespace

SketchBuilder::SketchBuilder(PrimFunc func, const Target& target) : schedule(std::move(func)), target_(&target) {}

std::vector<schedule::Value> SketchBuilder::tile(schedule::Loop loop, int parts, TileRole role, int lanes) {
  Slot slot;
  slot.instruction = schedule.trace().size();
  slot.kind = schedule::InstructionKind::kSampleTile;
  slot.role = role;
  slot.parts = parts;
  slot.lanes = lanes;
  if (!tir::is_const_int(schedule.get(loop).extent, &slot.extent))
    throw Error("M1303", "space", "a loop of symbolic extent cannot be tiled by the search");
  // Any valid decision serves while the sketch is built; points replace it.
  schedule::Decision decision(static_cast<size_t>(parts), 1);
  decision[0] = slot.extent;
  slots.push_back(slot);
  return schedule.sample_tile(loop, parts, 0, decision);
}

schedule::Value SketchBuilder::choose(const std::vector<int64_t>& candidates) {
  Slot slot;
  slot.instruction = schedule.trace().size();
  slot.kind = schedule::InstructionKind::kSampleCategorical;
  slot.choices = static_cast<int64_t>(candidates.size());
  slots.push_back(slot);
  return schedule.sample_categorical(candidates, std::vector<double>(candidates.size(), 1.0), {0});
}

Sketch SketchBuilder::finish() const {
  return {name.empty() ? "unscheduled" : name, schedule.trace(), slots};
}

std::vector<std::shared_ptr<const SpaceRule>> default_rules(const Target&) {
  return {make_inline_rule(), make_partial_reduction_rule(), make_tile_rule(), make_row_fusion_rule(),
          make_elementwise_rule()};
}

std::vector<Sketch> generate_sketches(const PrimFunc& func, const Target& target,
                                      const std::vector<std::shared_ptr<const SpaceRule>>& rules) {
  std::vector<SketchBuilder> states{SketchBuilder(func, target)};
  for (const auto& rule : rules) {
    std::vector<SketchBuilder> next;
    for (const SketchBuilder& start : states) {
      std::vector<SketchBuilder> branch{start};
      // Blocks that the rule itself makes (partial reductions) are left to the rules after it.
      std::vector<std::string> names = block_names(start.schedule);
      std::reverse(names.begin(), names.end());
      for (const std::string& block : names) {
        std::vector<SketchBuilder> continued;
        for (const SketchBuilder& state : branch) {
          std::vector<SketchBuilder> out;
          if (exists(state, block)) {
            try {
              out = rule->apply(state, block);
            } catch (const Error&) {
              out.clear();
            }
          }
          if (out.empty()) out.push_back(state);
          if (next.size() + branch.size() + continued.size() + out.size() > 2 * kMaxSketches)
            out.erase(out.begin() + 1, out.end());
          continued.insert(continued.end(), out.begin(), out.end());
        }
        branch = std::move(continued);
      }
      next.insert(next.end(), branch.begin(), branch.end());
      if (next.size() >= kMaxSketches) break;
    }
    states = std::move(next);
  }
  std::vector<Sketch> sketches;
  for (const SketchBuilder& state : states) {
    Sketch sketch = state.finish();
    const bool known =
        std::any_of(sketches.begin(), sketches.end(), [&](const Sketch& s) { return s.trace == sketch.trace; });
    if (!known) sketches.push_back(std::move(sketch));
  }
  return sketches;
}

}  // namespace tilewright::search
