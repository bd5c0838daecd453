// The verifier's walk: one pass over the program, scopes kept as it goes.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tilewright/tir/stmt.h"
#include "tilewright/verify/verify.h"
#include "verify/check_expr.h"
#include "verify/witness.h"

namespace tilewright::verify {

class Verifier {
 public:
  Verifier(const tir::PrimFunc& func, Stage stage) : func_(func), stage_(stage) {}
  Status run();

 private:
  /// What is known about a variable while it is in scope.
  struct VarInfo {
    enum class Kind { kSize, kLoop, kLet, kIter };
    Kind kind = Kind::kSize;
    int block_level = 0;
    bool alive = true;
  };
  enum class Access { kRead, kWrite };

  // All checks return false when they failed, with the diagnostic set.
  bool fail(std::string code, std::string message, std::string remedy = {});
  bool fault(ExprFault f) { return f ? fail(f.code, std::move(f.message)) : true; }
  const tir::BlockNode* named_block() const;
  std::string where() const;
  void push(Step step) {
    steps_.push_back(std::move(step));
    ++epoch_;
  }
  void pop() {
    steps_.pop_back();
    ++epoch_;
  }

  bool signature();
  bool declare_sizes(const tir::Expr& e);
  bool declaration(const tir::Buffer& b);
  bool layout(const tir::Buffer& b);

  bool define(const tir::Var& v, VarInfo::Kind kind);
  void end_scope(const tir::Var& v);
  bool use(const tir::VarNode* v);
  bool use(const tir::Buffer& b);
  bool allocate(const tir::Buffer& b);
  void release(const tir::Buffer& b) { alive_.erase(b.get()); }

  /// `what` names the place of the expression in messages.
  bool expr(const tir::Expr& e, const char* what);
  bool children(const tir::Expr& e, const char* what);
  bool guarded(const tir::Expr& guard, bool holds, const tir::Expr& e, const char* what);
  bool integer(const tir::Expr& e, tir::DataType t, const char* what);
  bool boolean(const tir::Expr& e, const char* what);
  bool range(const tir::Range& r, tir::DataType t, const char* what);

  bool stmt(const tir::Stmt& s);
  bool list(const tir::SeqNode& n);
  bool loop(const tir::ForNode& n);
  bool block(const tir::BlockNode& n);
  bool block_outside(const tir::BlockNode& n);
  bool block_inside(const tir::BlockNode& n);
  bool regions(const tir::BlockNode& n);
  bool bindings_in_domain(const tir::BlockNode& n);
  bool let(const tir::LetStmtNode& n);
  bool branch(const tir::IfNode& n);
  bool store(const tir::StoreNode& n);

  /// The block around must declare what is accessed.
  bool covered(const tir::Buffer& b, const std::vector<tir::Range>& ranges, Access access);
  /// `ranges` null: a point. Sets the diagnostic when a point of the program lies outside `declared`.
  bool refuted(const tir::BufferRegion& declared, const std::vector<tir::Range>& ranges, Access access);
  bool start_point(int sample, Point* point) const;

  const tir::PrimFunc& func_;
  const Stage stage_;
  Diagnostic error_;
  std::unordered_map<const tir::VarNode*, VarInfo> vars_;
  std::unordered_set<const tir::BufferNode*> alive_, allocated_;
  std::vector<tir::Buffer> params_;
  std::vector<tir::Var> sizes_;
  std::unordered_set<uint32_t> loop_ids_, block_ids_;
  /// Shared expressions are checked once while scope and guards (the epoch) stay as they are.
  std::unordered_map<const tir::ExprNode*, uint64_t> checked_;
  uint64_t epoch_ = 0;
  std::vector<Step> steps_;
  const tir::ForNode* loop_ = nullptr;
  const tir::BlockNode* block_ = nullptr;
  int block_level_ = 0;
};

}  // namespace tilewright::verify
