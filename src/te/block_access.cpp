#include "te/block_access.h"

#include <algorithm>

#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

using tir::BufferRegion;

bool reads_memory(const Expr& e) {
  bool found = false;
  tir::post_order(e, [&](const Expr& part) { found = found || part.kind() == tir::ExprKind::kLoad; });
  return found;
}

/// The range around both, where their distance is constant; else the whole dimension.
tir::Range range_around(const tir::Range& a, const tir::Range& b, const Expr& extent, arith::Analyzer* analyzer) {
  if (tir::structural_equal(a.min, b.min) && tir::structural_equal(a.extent, b.extent)) return a;
  int64_t distance = 0, size_a = 0, size_b = 0;
  if (!tir::is_const_int(analyzer->simplify(b.min - a.min), &distance) || !tir::is_const_int(a.extent, &size_a) ||
      !tir::is_const_int(b.extent, &size_b)) {
    return {Expr(0), extent};
  }
  const Expr min = distance < 0 ? b.min : a.min;
  return {min, Expr(std::max(size_a, distance + size_b) - std::min<int64_t>(distance, 0))};
}

void add_point(const Buffer& buffer, const std::vector<Expr>& indices, std::vector<BufferRegion>* regions,
               arith::Analyzer* analyzer) {
  BufferRegion region{buffer, {}};
  for (size_t i = 0; i < indices.size(); ++i) {
    if (reads_memory(indices[i]))
      region.ranges.push_back({Expr(0), buffer.shape()[i]});
    else
      region.ranges.push_back({indices[i], Expr(1)});
  }
  for (BufferRegion& known : *regions) {
    if (!known.buffer.same_as(buffer)) continue;
    for (size_t i = 0; i < region.ranges.size(); ++i) {
      known.ranges[i] = range_around(known.ranges[i], region.ranges[i], buffer.shape()[i], analyzer);
    }
    return;
  }
  regions->push_back(std::move(region));
}

}  // namespace

void fill_accesses(tir::BlockNode* block) {
  arith::Analyzer analyzer;
  for (const tir::Stmt& part : {block->init, block->body}) {
    if (!part.defined()) continue;
    tir::for_each_expr(part, [&](const Expr& e) {
      tir::post_order(e, [&](const Expr& sub) {
        if (const auto* load = tir::as<tir::LoadNode>(sub))
          add_point(load->buffer, load->indices, &block->reads, &analyzer);
      });
    });
    tir::pre_order(part, [&](const tir::Stmt& s) {
      if (const auto* store = tir::as<tir::StoreNode>(s))
        add_point(store->buffer, store->indices, &block->writes, &analyzer);
      return true;
    });
  }
}

}  // namespace tilewright::te
