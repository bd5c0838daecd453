// Walking and rewriting the IR. A mutator returns the same node when nothing changed.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "tilewright/tir/stmt.h"

namespace tilewright::tir {

/// Visits every expression and statement below; override what you need and call the base to go on.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void visit(const Expr& e);
  virtual void visit(const Stmt& s);

 protected:
  void visit_children(const Expr& e);
  void visit_children(const Stmt& s);
};

/// Rebuilds what changed. Override and call `mutate_children` for the default.
class Mutator {
 public:
  virtual ~Mutator() = default;
  virtual Expr mutate(const Expr& e);
  virtual Stmt mutate(const Stmt& s);
  /// Called for every buffer met (loads, stores, regions, allocations); default: the same.
  virtual Buffer mutate_buffer(const Buffer& b) { return b; }

 protected:
  Expr mutate_children(const Expr& e);
  Stmt mutate_children(const Stmt& s);
};

/// Calls `f` on every sub-expression, children first.
void post_order(const Expr& e, const std::function<void(const Expr&)>& f);
/// Calls `f` on every statement below `s`, `s` included, parents first; a false result skips the children.
void pre_order(const Stmt& s, const std::function<bool(const Stmt&)>& f);
/// Calls `f` on every expression that stands directly in a statement below `s`.
void for_each_expr(const Stmt& s, const std::function<void(const Expr&)>& f);

using VarMap = std::unordered_map<const VarNode*, Expr>;
using BufferMap = std::unordered_map<const BufferNode*, Buffer>;
Expr substitute(const Expr& e, const VarMap& map);
Stmt substitute(const Stmt& s, const VarMap& map);
Stmt replace_buffers(const Stmt& s, const BufferMap& map);
bool uses_var(const Expr& e, const VarNode* var);
bool uses_any_var(const Expr& e, const std::function<bool(const VarNode*)>& f);

/// Equality of structure. Variables and buffers bound inside are matched by position, free ones by identity; names of
/// bound variables, ids of loops and blocks do not count, names of blocks and buffers do.
bool structural_equal(const Expr& a, const Expr& b);
bool structural_equal(const Stmt& a, const Stmt& b);
/// Functions also match their parameters by position, the sizes in the parameters' shapes and the undeclared flat buffers
/// of lowered programs by first use.
bool structural_equal(const PrimFunc& a, const PrimFunc& b);

/// Versioned content hash of a function, 32 hexadecimal digits; independent of the names of variables, of the function's
/// own name, of ids and of the process. Two functions that differ in anything that matters to the result, or in an annotation, differ in hash.
std::string content_hash(const PrimFunc& func);

}  // namespace tilewright::tir
