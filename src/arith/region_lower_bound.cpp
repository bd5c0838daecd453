// The box that accesses surely cover: by iterator maps, which know when indices vary independently.
#include <algorithm>

#include "tilewright/arith/iter_map.h"
#include "tilewright/arith/region.h"
#include "tilewright/tir/visit.h"

namespace tilewright::arith {

std::optional<std::vector<Range>> region_lower_bound(const std::vector<Range>& region,
                                                     const std::vector<std::pair<Var, Range>>& loops,
                                                     const Expr& predicate, Analyzer& analyzer) {
  std::vector<IterDomain> domains;
  domains.reserve(loops.size());
  for (const auto& [var, range] : loops) domains.push_back({var, range});
  std::vector<Expr> begins;
  for (const Range& r : region) begins.push_back(r.min);
  const auto map = detect_iter_map(begins, domains, predicate, IterMapLevel::kNoCheck, analyzer);
  if (!map) return {};
  // A width that depends on a loop is none.
  const auto varies = [&](const Expr& e) {
    return tir::uses_any_var(e, [&](const VarNode* v) {
      return std::any_of(loops.begin(), loops.end(), [&](const auto& l) { return l.first.get() == v; });
    });
  };
  std::vector<Range> out;
  for (size_t d = 0; d < region.size(); ++d) {
    Expr min = map->indices[d].base, width = region[d].extent;
    if (varies(width)) return {};
    std::vector<IterSplit> terms = map->indices[d].terms;
    // Ascending steps: each must not be wider than what the smaller ones cover together.
    std::vector<std::pair<int64_t, const IterSplit*>> steps;
    for (const IterSplit& t : terms) {
      int64_t scale;
      if (!tir::is_const_int(t.scale, &scale) || scale == 0) return {};
      if (scale < 0) min = min + Expr(scale) * (t.extent - 1);
      steps.emplace_back(scale < 0 ? -scale : scale, &t);
    }
    std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [scale, term] : steps) {
      if (!analyzer.can_prove_ge(width, Expr(scale))) return {};
      width = width + Expr(scale) * (term->extent - 1);
    }
    out.push_back({analyzer.simplify(min), analyzer.simplify(width)});
  }
  return out;
}

}  // namespace tilewright::arith
