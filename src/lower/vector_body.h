// The body of a vectorized loop, made of vector statements.
#pragma once

#include <unordered_map>
#include <vector>

#include "tilewright/arith/analyzer.h"
#include "tilewright/lower/lower.h"
#include "tilewright/tir/stmt.h"
#include "tilewright/tir/visit.h"

namespace tilewright::lower {

/// Some of the lanes of a loop, handled by one vector operation: lanes [offset, offset + active) of the lane variable,
/// in a vector of `lanes` lanes.
struct Chunk {
  int64_t offset = 0;
  int lanes = 1;
  int active = 1;
};

/// Executes `body` for all values of `lane` in the chunks: statement by statement, each for all chunks before the next
/// (the iterations are independent, so this is the same), loops inside stay outside the vectors. What cannot be a
/// vector operation becomes a loop over the lanes.
class VectorBody {
 public:
  VectorBody(tir::Var lane, std::vector<Chunk> chunks, arith::Analyzer& analyzer, const LowerOptions& options);

  /// `count`: lanes at or above it (an expression, at least 1; null: none) do not run.
  tir::Stmt run(const tir::Stmt& body, const tir::Expr& count);

 private:
  struct Mask {
    tir::Expr lanes;        // null: all
    bool some_lane = true;  // at least one lane runs
  };
  struct Linear {
    bool known = false;
    int64_t stride = 0;
    tir::Expr at_zero;
  };

  tir::Stmt statement(const tir::Stmt& s);
  tir::Stmt store_chunk(const tir::StoreNode& s, const Chunk& chunk, bool* refused);
  tir::Stmt one_by_one(const tir::Stmt& s);
  tir::Stmt branch(const tir::IfNode& n);
  tir::Stmt let(const tir::LetStmtNode& n, const tir::Stmt& s);
  bool varies(const tir::Expr& e) const;

  tir::Expr vector(const tir::Expr& e, const Mask& mask);
  tir::Expr vector_load(const tir::LoadNode& n, const Mask& mask);
  tir::Expr vector_select(const tir::SelectNode& n, const tir::Expr& e, const Mask& mask);
  tir::Expr address(const tir::Expr& index, const Mask& mask);
  Mask restrict(const Mask& mask, const tir::Expr& condition) const;
  Mask chunk_mask();
  const Linear& linear(const tir::Expr& index);
  bool inside(const tir::Buffer& buffer, const tir::Expr& index);

  tir::Var lane_;
  std::vector<Chunk> chunks_;
  arith::Analyzer& analyzer_;
  const LowerOptions& options_;
  std::vector<tir::Expr> conditions_;  // scalar, over the lane variable
  bool first_condition_nonempty_ = false;
  std::unordered_map<const tir::VarNode*, std::vector<tir::Expr>> lets_;  // value of a varying variable per chunk
  std::unordered_map<const tir::ExprNode*, std::pair<tir::Expr, Linear>> linear_;
  std::unordered_map<const tir::VarNode*, tir::Expr> local_lets_;  // inside one expression
  Chunk chunk_;                                                    // the current one
  size_t chunk_number_ = 0;
  bool masked_ = false;  // the current statement needs masked memory
};

/// Gives each lane its own copy of the buffers allocated in `body`: element a of lane l moves to a * width + l.
tir::Stmt expand_private_buffers(const tir::Stmt& body, const tir::Var& lane, int64_t width);

}  // namespace tilewright::lower
