// What rules ask about a block.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tilewright/search/space.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {

/// The loops of a block by the iterator each one binds alone.
struct LoopRoles {
  std::vector<schedule::Loop> all, spatial, reduce;
  std::vector<int64_t> spatial_extent, reduce_extent;
  int64_t spatial_points = 1, reduce_points = 1;
};

/// Queries the block's loops; empty when a loop is no plain serial loop of constant extent that binds exactly one
/// iterator, that is, when the block was scheduled already.
std::optional<LoopRoles> plain_loops(SketchBuilder& state, schedule::Block block);

/// A complete block that computes each element from values at a point or by a condition: worth inlining or fusing.
bool is_elementwise(const SketchBuilder& state, schedule::Block block);
/// Its body calls exp, log and the like.
bool is_expensive(const tir::BlockNode& block);
/// Its body selects (padding, scattering).
bool has_select(const tir::BlockNode& block);
/// Some read does not use some spatial iterator: its elements are used again.
bool has_reuse(const tir::BlockNode& block);
/// Lanes of a vector register for what the block writes.
int vector_lanes(const tir::BlockNode& block, const Target& target);

/// Runs a continuation on a copy of the state; nothing when a primitive refused.
template <typename F>
std::optional<SketchBuilder> attempt(const SketchBuilder& state, const char* label, F f) {
  SketchBuilder next = state;
  try {
    f(next);
  } catch (const Error&) {
    return {};
  }
  next.name += next.name.empty() ? label : std::string("+") + label;
  return next;
}

}  // namespace tilewright::search
