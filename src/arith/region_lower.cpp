// Regions that are surely covered, by way of iterator maps.
#include "arith/iter_detect.h"
#include "tilewright/arith/region.h"

namespace tilewright::arith {

using namespace tir;

std::optional<std::vector<Range>> region_lower_bound(const std::vector<Range>& region,
                                                     const std::vector<std::pair<Var, Range>>& loops,
                                                     const Expr& predicate, Analyzer& analyzer) {
  std::vector<IterDomain> domains;
  for (const auto& [var, range] : loops) domains.push_back({var, range});
  IterDetector detector(analyzer.engine(), domains);
  if (!detector.constrain(predicate)) return std::nullopt;
  Engine& engine = detector.engine();
  for (const Range& r : region) {
    if (detector.uses_loop(engine.simplify(r.extent)) || !detector.add_index(r.min)) return std::nullopt;
  }
  if (!detector.resolve() || !detector.independent() || !detector.unused_run()) return std::nullopt;
  std::vector<Range> out;
  for (size_t i = 0; i < region.size(); ++i) {
    SplitList& list = detector.indices()[i];
    Quantity width, extent;
    width.e = engine.simplify(region[i].extent);
    if (is_const_int(width.e, &width.c)) width.e = nullptr;
    if (width.is_const() && width.c <= 0) return std::nullopt;
    if (!detector.contiguous(&list, width, false, &extent)) return std::nullopt;
    out.push_back({engine.emit(list.base), extent.expr()});
  }
  return out;
}

}  // namespace tilewright::arith
