#include "tilewright/arith/region.h"

#include "arith/set_eval.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::arith {

using namespace tir;

std::vector<Range> region_upper_bound(const BufferRegion& region, const IntSetMap& domains, Analyzer& analyzer) {
  SetEvaluator evaluator(analyzer.engine(), domains);
  return region_hull(region, evaluator);
}

std::vector<Range> region_hull(const BufferRegion& region, SetEvaluator& evaluator) {
  std::vector<Range> out;
  Engine& engine = evaluator.engine();
  for (size_t i = 0; i < region.ranges.size(); ++i) {
    const Range& r = region.ranges[i];
    const Expr& shape = region.buffer.shape()[i];
    const IntSet first = evaluator.eval(r.min);
    int64_t extent = 0;
    IntSet last = first;
    const bool constant = is_const_int(r.extent, &extent);
    if (!constant) last = evaluator.eval(r.min + r.extent - 1);
    if (!first.bounded() || !last.max.defined()) {
      // What is unknown is at least inside the buffer.
      const Expr low = first.min.defined() ? first.min : Expr(0);
      out.push_back({low, engine.simplify(shape - low)});
      if (last.max.defined()) out.back().extent = engine.simplify(last.max - low + (constant ? extent : 1));
      continue;
    }
    out.push_back({first.min, engine.simplify(last.max - first.min + (constant ? extent : 1))});
  }
  return out;
}

namespace {
Expr end_of(const Range& r) {
  return r.min + r.extent;
}
}  // namespace

bool region_contains(const std::vector<Range>& outer, const std::vector<Range>& inner, Analyzer& analyzer) {
  if (outer.size() != inner.size()) return false;
  for (size_t i = 0; i < outer.size(); ++i) {
    if (!analyzer.can_prove_ge(inner[i].min, outer[i].min)) return false;
    if (!analyzer.can_prove_ge(end_of(outer[i]), end_of(inner[i]))) return false;
  }
  return true;
}

std::vector<Range> region_union(const std::vector<Range>& a, const std::vector<Range>& b, Analyzer& analyzer) {
  TILEWRIGHT_CHECK(a.size() == b.size());
  std::vector<Range> out;
  for (size_t i = 0; i < a.size(); ++i) {
    const Expr low = analyzer.simplify(min(a[i].min, b[i].min));
    out.push_back({low, analyzer.simplify(max(end_of(a[i]), end_of(b[i])) - low)});
  }
  return out;
}

bool region_disjoint(const std::vector<Range>& a, const std::vector<Range>& b, Analyzer& analyzer) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (analyzer.can_prove_ge(b[i].min, end_of(a[i])) || analyzer.can_prove_ge(a[i].min, end_of(b[i]))) return true;
    for (const Range* r : {&a[i], &b[i]}) {
      if (analyzer.can_prove_ge(Expr(0), r->extent)) return true;
    }
  }
  return false;
}

}  // namespace tilewright::arith
