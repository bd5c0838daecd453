// The program under a schedule, found by ids, with the facts that the primitives' conditions need.
//
// A State is a value: copying it shares the tree and the index. A primitive is a free function on `State&` that returns
// a Status or Expected. It checks, edits a copy, and assigns the copy back when everything went well:
//
//     State next = state;
//     next.replace_loop(loop, new_stmt);
//     next.bury(loop, {outer, inner});
//     state = std::move(next);
//     return outer;
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schedule/codes.h"
#include "tilewright/arith/analyzer.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/support/expected.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::schedule {

using tir::BlockId;
using tir::BlockNode;
using tir::BufferNode;
using tir::ForNode;
using tir::LoopId;
using tir::Stmt;
using tir::StmtNode;

/// All statements in pre-order, except those inside the init of blocks.
struct TreeIndex {
  struct Entry {
    const StmtNode* node;
    int32_t parent;  // entry; -1 for the root block
    int32_t end;     // one past the last entry of the subtree
  };
  std::vector<Entry> entries;
  std::vector<int32_t> loops, blocks;  // id -> entry, -1 where gone
};

/// What became of a loop or block that a primitive removed. A persistent list, newest first.
struct Tombstone {
  bool is_loop;
  uint32_t id;
  std::string name;
  const char* operation;
  std::vector<LoopId> loops;  // that replaced it
  std::shared_ptr<const Tombstone> next;
};

class State {
 public:
  /// Takes the function; gives ids where they lack or repeat. Its body is a root block (the caller checked).
  explicit State(tir::PrimFunc func);

  const tir::PrimFunc& func() const { return func_; }
  /// Root block.
  BlockId root() const;
  /// Name of the primitive at work, as diagnostics and tombstones give it.
  const char* operation() const { return operation_; }
  void set_operation(const char* name) { operation_ = name; }
  /// Diagnostics carry the loop nest.
  bool listings() const { return listings_; }
  void set_listings(bool on) { listings_ = on; }

  LoopId fresh_loop_id() { return {next_loop_++}; }
  BlockId fresh_block_id() { return {next_block_++}; }
  /// `hint`, or hint_1, hint_2, ... such that no block has the name.
  std::string unique_block_name(const std::string& hint) const;
  /// The same among parameters and allocated buffers.
  std::string unique_buffer_name(const std::string& hint) const;
  /// Names in backquotes of all blocks but the root, for diagnostics.
  std::vector<std::string> block_names() const;
  /// All blocks in program order, the root first.
  std::vector<BlockId> all_blocks() const;

  // ---- Finding. Null when there is none (any more).
  const ForNode* find_loop(LoopId id) const;
  const BlockNode* find_block(BlockId id) const;
  /// The same with the diagnostic (S0103, S0104) that names what removed it and what is there now.
  Expected<const ForNode*> loop(LoopId id) const;
  Expected<const BlockNode*> block(BlockId id) const;

  // ---- The tree. Ids given must exist.
  /// The block around a block or loop; none for the root.
  BlockId scope_of(BlockId id) const;
  BlockId scope_of(LoopId id) const;
  /// Loops around it inside its scope, outermost first; the loop itself is left out.
  std::vector<LoopId> loops_of(BlockId id) const;
  std::vector<LoopId> loops_of(LoopId id) const;
  /// The same through all scopes up to the root, for facts about variables.
  std::vector<const StmtNode*> ancestors(const StmtNode* stmt) const;  // innermost first
  /// Blocks whose scope is `id`, or that are below the loop in the loop's scope; program order.
  std::vector<BlockId> child_blocks(BlockId id) const;
  std::vector<BlockId> child_blocks(LoopId id) const;
  bool is_below(BlockId block, LoopId loop) const;
  bool is_below(LoopId inner, LoopId outer) const;
  bool is_below(BlockId inner, BlockId outer) const;
  /// Loops that both have around them (same scope), outermost first.
  std::vector<LoopId> common_loops(BlockId a, BlockId b) const;
  /// a stands before b in the program.
  bool before(BlockId a, BlockId b) const;
  /// A statement other than loop, block, sequence below the loop, outside of the blocks there: stores, ifs, lets,
  /// asserts.
  bool has_raw_statements(LoopId loop) const;
  /// The statement as a reference that can be put elsewhere.
  Stmt stmt(LoopId id) const;
  Stmt stmt(BlockId id) const;
  /// The statement around it; null for the root block.
  const StmtNode* parent(const StmtNode* stmt) const;
  const TreeIndex& index() const;

  // ---- Dataflow between the child blocks of a scope, by the declared regions. Program order.
  std::vector<BlockId> writers(BlockId scope, const BufferNode* buffer) const;
  std::vector<BlockId> readers(BlockId scope, const BufferNode* buffer) const;
  /// Other blocks of the scope that write what `id` reads, and stand before it; that read what it writes, after it.
  std::vector<BlockId> producers(BlockId id) const;
  std::vector<BlockId> consumers(BlockId id) const;
  bool is_parameter(const BufferNode* buffer) const;
  /// The block that allocates it; none for parameters.
  BlockId allocating_block(const BufferNode* buffer) const;
  /// Writes a buffer that its scope does not allocate itself.
  bool is_output_block(BlockId id) const;

  // ---- Facts.
  /// Knows the function's assumptions, that sizes are not negative, and the ranges of loops and block iterators around
  /// `stmt`.
  arith::Analyzer analyzer_at(const StmtNode* stmt) const;
  /// Loops, as the predicate restricts them, and iterator values match one to one: every instance runs exactly once.
  bool affine_binding(BlockId id);
  /// What the block reads is written, at the loops common with each producer, as far as it is written at all.
  bool region_cover(BlockId id);
  /// No child of the scope overwrites what an earlier one reads, and all children are covered.
  bool stage_pipeline(BlockId scope);
  /// `why`: filled with what keeps the block from being complete or a reduction ("it reads what it writes").
  BlockClass classify(BlockId id, std::string* why = nullptr);
  /// The same, looking for other writers below `loop` only.
  BlockClass classify_below(BlockId id, LoopId loop, std::string* why = nullptr);
  /// The same, whatever the bindings: kReduction where the updates may run in any order after the init.
  BlockClass order_class(BlockId id, LoopId loop, std::string* why = nullptr);

  // ---- Editing. Facts are forgotten unless `keep_facts`: loops changed but bindings, order of blocks and regions did
  // not. A null replacement removes the statement, and loops and sequences that become empty with it.
  void replace_loop(LoopId id, Stmt replacement, bool keep_facts = false);
  void replace_block(BlockId id, Stmt replacement, bool keep_facts = false);
  void replace_stmt(const StmtNode* old, Stmt replacement, bool keep_facts = false);
  /// The root block's statement.
  void replace_root(Stmt root, bool keep_facts = false);
  /// Facts of the block, covering of its consumers, pipeline of its scope: it is new, or stands elsewhere.
  void forget(BlockId id);
  /// Parameters or attributes changed too (layout of a parameter).
  void replace_func(tir::PrimFunc func);
  /// Remembers what became of a removed loop or block. Call before it is replaced, for its name.
  void bury(LoopId id, std::vector<LoopId> replacements);
  void bury(BlockId id);

  /// Builds what is built lazily, so that copies on several threads only read.
  void settle() const { index(); }

 private:
  /// 0 unknown, 1 no, 2 yes; pipeline: of the block as a scope.
  struct Facts {
    uint8_t affine = 0, cover = 0, pipeline = 0;
  };
  int32_t entry(LoopId id) const;
  int32_t entry(BlockId id) const;
  int32_t entry(const StmtNode* stmt) const;
  int32_t scope_entry(int32_t e) const;
  void replace_entry(int32_t e, Stmt replacement, bool keep_facts);
  BlockClass classify_among(BlockId id, const std::vector<BlockId>& blocks, bool need_affine, std::string* why);
  bool compute_affine_binding(BlockId id) const;
  bool compute_region_cover(BlockId id);
  bool covers(BlockId producer, BlockId consumer, const tir::BufferRegion& read);
  Facts& facts(BlockId id);
  std::vector<LoopId> replacements(const Tombstone& t) const;
  std::vector<LoopId> loops_above(int32_t e) const;
  std::vector<BlockId> blocks_inside(int32_t e) const;
  bool inside(int32_t inner, int32_t outer) const;

  tir::PrimFunc func_;
  uint32_t next_loop_ = 1, next_block_ = 1;
  const char* operation_ = "";
  bool listings_ = true;
  mutable std::shared_ptr<const TreeIndex> index_;
  std::shared_ptr<const Tombstone> tombstones_;
  std::vector<Facts> facts_;  // by block id
};

}  // namespace tilewright::schedule
