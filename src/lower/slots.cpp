#include "lower/slots.h"

#include <algorithm>
#include <limits>

#include "tilewright/tir/visit.h"

namespace tilewright::lower {

using namespace tir;  // NOLINT

bool split_address(const Expr& index, SlotAddress* out) {
  Expr base = index;
  out->lanes = 1;
  if (const auto* r = as<RampNode>(index)) {
    if (!is_const_int(r->stride, 1)) return false;
    base = r->base;
    out->lanes = index.dtype().lanes;
  }
  if (base.dtype() != kI64) return false;
  out->offset = 0;
  if (is_const_int(base, &out->offset)) {
    out->base = nullptr;
    return true;
  }
  if (base.kind() == ExprKind::kAdd && is_const_int(as<BinaryNode>(base)->b, &out->offset)) {
    base = as<BinaryNode>(base)->a;
  } else if (base.kind() == ExprKind::kSub && is_const_int(as<BinaryNode>(base)->b, &out->offset)) {
    out->offset = static_cast<int64_t>(0 - static_cast<uint64_t>(out->offset));
    base = as<BinaryNode>(base)->a;
  }
  out->base = base;
  return true;
}

int active_lanes(const Expr& mask, int lanes) {
  if (!mask.defined()) return lanes;
  if (mask.kind() == ExprKind::kAnd) {
    const auto* n = as<BinaryNode>(mask);
    return std::min(active_lanes(n->a, lanes), active_lanes(n->b, lanes));
  }
  if (mask.kind() != ExprKind::kLt) return lanes;
  const auto* n = as<BinaryNode>(mask);
  const auto* steps = as<RampNode>(n->a);
  const auto* bound = as<BroadcastNode>(n->b);
  int64_t limit = 0;
  if (!steps || !bound || !is_const_int(steps->base, 0) || !is_const_int(steps->stride, 1) ||
      !is_const_int(bound->value, &limit))
    return lanes;
  return static_cast<int>(std::clamp<int64_t>(limit, 0, lanes));
}

bool Slot::add(int access_lanes, const Expr& access_mask) {
  const int running = active_lanes(access_mask, access_lanes);
  if (lanes == 0) {
    lanes = access_lanes;
    active = running;
    mask = access_mask;
    return true;
  }
  if (lanes != access_lanes) return false;
  active = std::max(active, running);
  masks_agree = masks_agree && mask.defined() == access_mask.defined() &&
                (!mask.defined() || mask.same_as(access_mask) || structural_equal(mask, access_mask));
  return true;
}

bool are_disjoint(const SlotMap& slots) {
  int64_t end = std::numeric_limits<int64_t>::min();
  for (const auto& [offset, slot] : slots) {
    if (offset < end) return false;
    end = offset + slot.active;
  }
  return true;
}

}  // namespace tilewright::lower
