#include "te/block_access.h"

#include <functional>

#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

using tir::BufferRegion;

bool reads_memory(const Expr& e) {
  bool found = false;
  tir::post_order(e, [&](const Expr& part) { found = found || part.kind() == tir::ExprKind::kLoad; });
  return found;
}

void add_point(const Buffer& buffer, const std::vector<Expr>& indices, std::vector<BufferRegion>* regions) {
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
      const tir::Range& a = known.ranges[i];
      const tir::Range& b = region.ranges[i];
      if (tir::structural_equal(a.min, b.min) && tir::structural_equal(a.extent, b.extent)) continue;
      known.ranges[i] = {Expr(0), buffer.shape()[i]};
    }
    return;
  }
  regions->push_back(std::move(region));
}

}  // namespace

void fill_accesses(tir::BlockNode* block) {
  for (const tir::Stmt& part : {block->init, block->body}) {
    if (!part.defined()) continue;
    tir::for_each_expr(part, [&](const Expr& e) {
      tir::post_order(e, [&](const Expr& sub) {
        if (const auto* load = tir::as<tir::LoadNode>(sub)) add_point(load->buffer, load->indices, &block->reads);
      });
    });
    tir::pre_order(part, [&](const tir::Stmt& s) {
      if (const auto* store = tir::as<tir::StoreNode>(s)) add_point(store->buffer, store->indices, &block->writes);
      return true;
    });
  }
}

}  // namespace tilewright::te
