// Pieces of a buffer that accesses name by a constant: what may become a register.
#pragma once

#include <cstdint>
#include <map>

#include "tilewright/tir/expr.h"

namespace tilewright::lower {

/// An address as base + offset, and how many elements from there.
struct SlotAddress {
  tir::Expr base;  // null: the address is a constant
  int64_t offset = 0;
  int lanes = 1;
};
/// Splits a scalar or contiguous address; false for any other.
bool split_address(const tir::Expr& index, SlotAddress* out);

/// Lanes that may run under a mask made for a ragged tail, `ramp(0, 1, n) < active`.
int active_lanes(const tir::Expr& mask, int lanes);

/// All accesses to one piece.
struct Slot {
  int lanes = 0;  // 0: no access yet
  int active = 0;
  bool masks_agree = true;
  tir::Expr mask;

  /// False when the number of lanes differs from earlier accesses.
  bool add(int access_lanes, const tir::Expr& access_mask);
};
using SlotMap = std::map<int64_t, Slot>;  // by offset

/// No two pieces share an element.
bool are_disjoint(const SlotMap& slots);

}  // namespace tilewright::lower
