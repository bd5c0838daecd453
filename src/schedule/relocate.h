// What the primitives that move or make blocks share: required regions, fresh nests, places in sequences, regions of
// bodies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/state.h"
#include "tilewright/arith/region.h"

namespace tilewright::schedule {

/// The box of a region that one iteration of `loop` (none: the whole scope) touches through block `id`, the loops below
/// relaxed. In terms of the loops at and around `loop`. `exact`: whether every point of the box is touched.
struct LoopRegion {
  std::vector<tir::Range> ranges;
  bool exact = false;
};
LoopRegion region_at(State& state, BlockId id, const tir::BufferRegion& region, LoopId loop);

/// New serial loops around a block: iterator i runs over part[i] (null: its whole domain). Bindings are min + loop;
/// what may leave the iterator's domain is guarded by the predicate. The block keeps its id. `at`: where the nest will
/// stand.
Stmt make_nest(State& state, const BlockNode& block, const std::vector<std::optional<tir::Range>>& parts,
               bool keep_unit_loops, arith::Analyzer analyzer);

/// `block`'s loops are gone with it: remembers them as removed, those that hold nothing else.
void bury_private_loops(State& state, BlockId block);

/// The statement directly below `loop` (or below the scope block's body when none) that holds the block.
const StmtNode* child_holding(const State& state, LoopId loop, BlockId block);
const StmtNode* child_holding(const State& state, BlockId scope, BlockId block);

/// Puts a statement beside another one. Facts stay: the caller forgets those of the blocks in it.
void insert_before(State& state, const StmtNode* anchor, Stmt stmt);
void insert_after(State& state, const StmtNode* anchor, Stmt stmt);

/// Adds a buffer to a block's allocations.
void allocate(State& state, BlockId scope, const tir::Buffer& buffer);
void deallocate(State& state, const BufferNode* buffer);

/// The block with its reads and writes computed again from its body and init.
BlockNode with_detected_regions(BlockNode block);

/// The same statement in which buffers are replaced, regions and allocations included.
Stmt with_buffer(const Stmt& stmt, const tir::Buffer& from, const tir::Buffer& to);

/// A complete block `name` that copies `region` of `from` to the same place in `to`, under fresh loops.
Stmt copy_nest(State& state, BlockId id, const std::string& name, const tir::Buffer& from, const tir::Buffer& to,
               const std::vector<tir::Range>& region);

/// Splits a predicate into its conjuncts.
std::vector<tir::Expr> conjuncts(const tir::Expr& predicate);

}  // namespace tilewright::schedule
