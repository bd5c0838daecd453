// Statements of the loop IR: an immutable tree. Loops and blocks carry stable ids that are no part of equality, so that
// schedules find them after any rewrite of the tree around them; an edit copies the path to the root and shares the rest.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tilewright/tir/buffer.h"
#include "tilewright/tir/expr.h"

namespace tilewright::tir {

enum class StmtKind : uint8_t { kStore, kFor, kBlock, kSeq, kIf, kLet, kAssert, kEvaluate, kAlloc };

/// Typed ids; 0 means none. Unique within a function while it is scheduled.
struct LoopId {
  uint32_t value = 0;
  bool operator==(const LoopId&) const = default;
  explicit operator bool() const { return value != 0; }
};
struct BlockId {
  uint32_t value = 0;
  bool operator==(const BlockId&) const = default;
  explicit operator bool() const { return value != 0; }
};

struct StmtNode : RefCounted {
  StmtKind kind;

 protected:
  explicit StmtNode(StmtKind k) : kind(k) {}
};
void destroy(const StmtNode* node);

class Stmt : public Ref<StmtNode> {
 public:
  using Ref<StmtNode>::Ref;
  Stmt() = default;
  StmtKind kind() const { return get()->kind; }
};

/// Keyed, typed notes on loops, blocks and functions, sorted by key.
using AnnotationValue = std::variant<int64_t, double, std::string, std::vector<int64_t>>;
class Annotations {
 public:
  void set(std::string key, AnnotationValue value);
  void erase(std::string_view key);
  const AnnotationValue* find(std::string_view key) const;
  /// The integer stored at `key`, else `fallback`.
  int64_t get_int(std::string_view key, int64_t fallback) const;
  bool empty() const { return items_.empty(); }
  const std::vector<std::pair<std::string, AnnotationValue>>& items() const { return items_; }
  bool operator==(const Annotations&) const = default;

 private:
  std::vector<std::pair<std::string, AnnotationValue>> items_;
};

/// buffer[indices] = value, for the lanes where `mask` (null: all) is true.
struct StoreNode : StmtNode {
  Buffer buffer;
  std::vector<Expr> indices;
  Expr value;
  Expr mask;
  StoreNode() : StmtNode(StmtKind::kStore) {}
};

enum class ForKind : uint8_t { kSerial, kParallel, kVectorized, kUnrolled, kThreadBinding };
const char* for_kind_name(ForKind kind);
enum class ThreadTag : uint8_t { kNone, kBlockX, kBlockY, kBlockZ, kThreadX, kThreadY, kThreadZ, kVirtual };
const char* thread_tag_name(ThreadTag tag);

/// for var in min..min+extent. `min` and `extent` are evaluated once; an extent below 1 runs nothing. Iterations of a
/// parallel loop may run at the same time; of a vectorized loop in lock step, one statement after the other. A buffer
/// allocated outside of a parallel loop that only statements inside use is private to each iteration.
struct ForNode : StmtNode {
  LoopId id;
  Var var;
  Expr min, extent;
  ForKind loop_kind = ForKind::kSerial;
  ThreadTag thread = ThreadTag::kNone;
  Annotations annotations;
  Stmt body;
  ForNode() : StmtNode(StmtKind::kFor) {}
};

/// A unit of computation: its body sees the outside only through block iterators, bound to `bindings` at each visit.
/// Runs where `predicate` (null: always; over the variables outside, as `bindings`) holds. `init` runs before the body when every reduce iterator is at its
/// domain's minimum. `reads` and `writes` cover everything the body and init access. `alloc_buffers` live while one
/// instance runs. The function's body is the block "root" without iterators.
struct BlockNode : StmtNode {
  BlockId id;
  std::string name;
  std::vector<IterVar> iters;
  std::vector<Expr> bindings;
  Expr predicate;
  std::vector<BufferRegion> reads, writes;
  Stmt init;
  std::vector<Buffer> alloc_buffers;
  Annotations annotations;
  Stmt body;
  BlockNode() : StmtNode(StmtKind::kBlock) {}
};

/// One after the other; never nested directly, never empty in a verified program except as an empty body.
struct SeqNode : StmtNode {
  std::vector<Stmt> items;
  SeqNode() : StmtNode(StmtKind::kSeq) {}
};
struct IfNode : StmtNode {
  Expr condition;
  Stmt then_body, else_body;  // else may be null
  IfNode() : StmtNode(StmtKind::kIf) {}
};
struct LetStmtNode : StmtNode {
  Var var;
  Expr value;
  Stmt body;
  LetStmtNode() : StmtNode(StmtKind::kLet) {}
};
/// Fails the call with `message` when the condition is false.
struct AssertNode : StmtNode {
  Expr condition;
  std::string message;
  AssertNode() : StmtNode(StmtKind::kAssert) {}
};
struct EvaluateNode : StmtNode {
  Expr value;
  EvaluateNode() : StmtNode(StmtKind::kEvaluate) {}
};
/// Lowered form of a block's alloc_buffers: the buffer lives inside `body`, uninitialised at first.
struct AllocNode : StmtNode {
  Buffer buffer;
  Stmt body;
  AllocNode() : StmtNode(StmtKind::kAlloc) {}
};

/// Downcast by kind; null when the statement is of another kind or null.
template <typename T>
const T* as(const Stmt& s);
template <> const StoreNode* as(const Stmt& s);
template <> const ForNode* as(const Stmt& s);
template <> const BlockNode* as(const Stmt& s);
template <> const SeqNode* as(const Stmt& s);
template <> const IfNode* as(const Stmt& s);
template <> const LetStmtNode* as(const Stmt& s);
template <> const AssertNode* as(const Stmt& s);
template <> const EvaluateNode* as(const Stmt& s);
template <> const AllocNode* as(const Stmt& s);

Stmt store(Buffer buffer, std::vector<Expr> indices, Expr value, Expr mask = nullptr);
Stmt make_for(Var var, Expr min, Expr extent, Stmt body, ForKind kind = ForKind::kSerial, LoopId id = {});
/// Flattens nested sequences; one statement stays itself.
Stmt seq(std::vector<Stmt> items);
Stmt make_if(Expr condition, Stmt then_body, Stmt else_body = nullptr);
Stmt make_let(Var var, Expr value, Stmt body);
Stmt make_assert(Expr condition, std::string message);
Stmt evaluate(Expr value);
Stmt alloc(Buffer buffer, Stmt body);
/// From filled-in nodes (take a copy of an existing node, change fields, wrap).
Stmt make_stmt(ForNode node);
Stmt make_stmt(BlockNode node);

/// A parameter: a tensor, or a scalar (symbolic size or plain value) when `buffer` is null. Symbolic sizes that occur in
/// buffer shapes need no parameter: a call binds them from the arguments' shapes.
struct Param {
  Buffer buffer;
  Var scalar;
};

struct PrimFuncNode : RefCounted {
  std::string name;
  std::vector<Param> params;
  /// Facts about symbolic sizes that callers guarantee and the entry checks, for example n % 16 == 0.
  std::vector<Expr> assumptions;
  Annotations attributes;
  /// Root block before lowering, plain statements after.
  Stmt body;
};
void destroy(const PrimFuncNode* node);

class PrimFunc : public Ref<PrimFuncNode> {
 public:
  using Ref<PrimFuncNode>::Ref;
  PrimFunc() = default;
  explicit PrimFunc(PrimFuncNode node) : Ref<PrimFuncNode>(new PrimFuncNode(std::move(node))) {}
  const std::string& name() const { return get()->name; }
  /// The same function with another body.
  PrimFunc with_body(Stmt body) const;
};

/// Which parameters the body writes, and which it reads before writing could have covered them (conservatively).
struct ParamUse {
  bool read = false, written = false;
};
std::vector<ParamUse> param_uses(const PrimFunc& func);

}  // namespace tilewright::tir

namespace tilewright {
using tir::PrimFunc;
}
