// Known commutative reducers, found in the update statement of a reduction.
#pragma once

#include <optional>

#include "tilewright/tir/stmt.h"

namespace tilewright::schedule {

/// buffer[indices] = combine(buffer[indices], value)
struct Reduction {
  tir::ExprKind combine;  // kAdd, kMul, kMin, kMax, kAnd, kOr
  const tir::StoreNode* store;
  tir::Expr value;
  tir::Expr identity;
};
std::optional<Reduction> match_reduction(const tir::BlockNode& block);

}  // namespace tilewright::schedule
