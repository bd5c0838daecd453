#include "search/space/rule_helpers.h"

#include <algorithm>

#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

using tir::as;
using tir::ExprKind;

bool any_expr(const tir::BlockNode& block, const std::function<bool(const Expr&)>& test) {
  bool found = false;
  tir::for_each_expr(block.body,
                     [&](const Expr& e) { tir::post_order(e, [&](const Expr& x) { found = found || test(x); }); });
  return found;
}

}  // namespace

std::optional<LoopRoles> plain_loops(SketchBuilder& state, schedule::Block block) {
  LoopRoles roles;
  roles.all = state.schedule.get_loops(block);
  const tir::BlockNode& node = state.schedule.get(block);
  if (roles.all.size() != node.iters.size()) return {};
  for (size_t i = 0; i < roles.all.size(); ++i) {
    const tir::ForNode& loop = state.schedule.get(roles.all[i]);
    int64_t extent;
    if (loop.loop_kind != tir::ForKind::kSerial || !tir::is_const_int(loop.extent, &extent) ||
        !loop.annotations.empty())
      return {};
    size_t bound = node.iters.size();
    for (size_t k = 0; k < node.iters.size(); ++k) {
      if (node.bindings[k].same_as(loop.var)) bound = k;
    }
    if (bound == node.iters.size()) return {};
    const bool reduce = node.iters[bound].kind == tir::IterKind::kReduce;
    (reduce ? roles.reduce : roles.spatial).push_back(roles.all[i]);
    (reduce ? roles.reduce_extent : roles.spatial_extent).push_back(extent);
    (reduce ? roles.reduce_points : roles.spatial_points) *= extent;
  }
  return roles;
}

bool is_elementwise(const SketchBuilder& state, schedule::Block block) {
  if (state.schedule.classify(block) != schedule::BlockClass::kComplete) return false;
  const tir::BlockNode& node = state.schedule.get(block);
  return !node.init.defined() && node.body.kind() == tir::StmtKind::kStore;
}

bool is_expensive(const tir::BlockNode& block) {
  return any_expr(block, [](const Expr& e) {
    const auto* c = as<tir::CallNode>(e);
    return c && (c->op <= tir::Intrinsic::kPow || c->op == tir::Intrinsic::kExtern) && c->op != tir::Intrinsic::kSqrt;
  });
}

bool has_select(const tir::BlockNode& block) {
  return any_expr(block, [](const Expr& e) { return e.kind() == ExprKind::kSelect; });
}

bool has_reuse(const tir::BlockNode& block) {
  for (const tir::BufferRegion& read : block.reads) {
    bool own = false;
    for (const tir::BufferRegion& write : block.writes) own |= write.buffer.same_as(read.buffer);
    if (own) continue;
    for (const tir::IterVar& iter : block.iters) {
      int64_t extent;
      if (iter.kind != tir::IterKind::kSpatial || (tir::is_const_int(iter.domain.extent, &extent) && extent == 1))
        continue;
      const bool used = std::any_of(read.ranges.begin(), read.ranges.end(),
                                    [&](const tir::Range& r) { return tir::uses_var(r.min, iter.var.get()); });
      if (!used) return true;
    }
  }
  return false;
}

int vector_lanes(const tir::BlockNode& block, const Target& target) {
  int bytes = 4;
  for (const tir::BufferRegion& write : block.writes) bytes = std::max(1, write.buffer.dtype().element_bytes());
  // Arithmetic on half floats is done in f32.
  return std::max(1, target.vector_bytes / std::max(bytes, 4));
}

}  // namespace tilewright::search
