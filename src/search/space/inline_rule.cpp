#include "search/space/rule_helpers.h"
#include "search/space/rules.h"

namespace tilewright::search {
namespace {

class InlineRule : public SpaceRule {
 public:
  std::string name() const override { return "inline"; }
  std::vector<SketchBuilder> apply(const SketchBuilder& state, const std::string& block) const override {
    SketchBuilder probe = state;
    const schedule::Block b = probe.schedule.get_block(block);
    if (!is_elementwise(probe, b)) return {};
    const std::vector<schedule::Block> consumers = probe.schedule.get_consumers(b);
    if (consumers.empty()) return {};
    const tir::BlockNode& node = probe.schedule.get(b);
    const bool reduced = [&] {
      for (const schedule::Block c : consumers) {
        if (probe.schedule.classify(c) != schedule::BlockClass::kComplete) return true;
      }
      return false;
    }();
    // Computing exp again for every use costs more than the memory it saves.
    if (is_expensive(node) && (consumers.size() > 1 || reduced)) return {};
    auto inlined =
        attempt(state, "inline", [&](SketchBuilder& s) { s.schedule.compute_inline(s.schedule.get_block(block)); });
    if (!inlined) return {};
    // A condition inside a reduction runs many times; a padded copy is the other way.
    if (has_select(node) && reduced) return {*inlined, state};
    return {*inlined};
  }
};

}  // namespace

std::shared_ptr<const SpaceRule> make_inline_rule() {
  return std::make_shared<InlineRule>();
}

}  // namespace tilewright::search
