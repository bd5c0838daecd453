// Which dependences a loop carries.
//
// A loop carries none on a buffer when the loop variable alone decides which part of the buffer an iteration touches.
// The test is on single dimensions: the index of every access is p(loop) + rest, where p has the same form for all
// accesses and is a multiple of some m, the rest of all accesses together spans less than m, and the dimensions with
// this property determine the loop variable. It needs no affine bindings of other loops, and it holds for boxes and
// guarded tails.
#pragma once

#include <string>
#include <vector>

#include "schedule/state.h"

namespace tilewright::schedule {

enum class ConflictKind {
  kNone,
  kReduction,  // the loop binds a reduce iterator
  kWrites,     // two iterations write the same element, or this cannot be excluded
  kReadWrite,  // an iteration may read what another one writes
  kOpaque,     // an opaque iterator, or statements outside of blocks
};

struct Conflict {
  ConflictKind kind = ConflictKind::kNone;
  BlockId block;  // that shows the problem
  const BufferNode* buffer = nullptr;
  std::string iterator;  // of the block, where one is to blame
  explicit operator bool() const { return kind != ConflictKind::kNone; }
};

struct DependenceQuery {
  LoopId loop;
  /// Loops that vary freely besides those below `loop`: a chain that is being permuted. Outermost first, all around
  /// `loop`.
  std::vector<LoopId> varying;
  /// Buffers that each iteration writes before reading, and nothing outside uses, do not count: every iteration has its
  /// own.
  bool private_buffers = true;
};
Conflict find_conflict(State& state, const DependenceQuery& query);

/// Conflict on one buffer only.
Conflict find_conflict_on(State& state, const DependenceQuery& query, const BufferNode* buffer);

/// Below the loop and outside of blocks: a store, a call, a let, or a load that decides what runs.
bool has_raw_effects(const State& state, LoopId loop);

/// Nothing outside of the loop uses the buffer, and each iteration writes what it reads.
bool is_private_below(State& state, LoopId loop, const BufferNode* buffer);

/// Checks every parallel, vectorized and thread-bound loop of the program again; S0157 where one has become illegal.
Status recheck_loop_kinds(State& state);

}  // namespace tilewright::schedule
