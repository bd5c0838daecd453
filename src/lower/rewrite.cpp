#include "lower/rewrite.h"

namespace tilewright::lower {

using namespace tir;  // NOLINT

Expr Instantiator::mutate(const Expr& e) {
  if (!e.defined()) return e;
  if (e.kind() == ExprKind::kVar) {
    const auto it = vars.find(static_cast<const VarNode*>(e.get()));
    return it == vars.end() ? e : it->second;
  }
  if (const auto* n = as<LetNode>(e)) {
    Expr value = mutate(n->value);
    Var fresh(n->var.name(), n->var.dtype());
    vars[n->var.get()] = fresh;
    return make_let(fresh, std::move(value), mutate(n->body));
  }
  return mutate_children(e);
}

Stmt Instantiator::mutate(const Stmt& s) {
  if (!s.defined()) return s;
  if (const auto* n = as<ForNode>(s)) {
    ForNode copy = *n;
    copy.id = {};
    copy.min = mutate(n->min);
    copy.extent = mutate(n->extent);
    copy.var = Var(n->var.name(), n->var.dtype());
    vars[n->var.get()] = copy.var;
    copy.body = mutate(n->body);
    return make_stmt(std::move(copy));
  }
  if (const auto* n = as<LetStmtNode>(s)) {
    Expr value = mutate(n->value);
    Var fresh(n->var.name(), n->var.dtype());
    vars[n->var.get()] = fresh;
    return make_let(fresh, std::move(value), mutate(n->body));
  }
  if (const auto* n = as<AllocNode>(s)) {
    const BufferNode& b = *n->buffer;
    std::vector<Expr> shape;
    for (const Expr& x : b.shape) shape.push_back(mutate(x));
    Buffer fresh(b.name, b.dtype, std::move(shape), b.scope, b.layout, b.alignment);
    buffers[n->buffer.get()] = fresh;
    return alloc(fresh, mutate(n->body));
  }
  return mutate_children(s);
}

Buffer Instantiator::mutate_buffer(const Buffer& b) {
  const auto it = buffers.find(b.get());
  return it == buffers.end() ? b : it->second;
}

Stmt instantiate(const Stmt& s, VarMap map) {
  Instantiator copier;
  copier.vars = std::move(map);
  return copier.mutate(s);
}

void split_conjunction(const Expr& condition, std::vector<Expr>* parts) {
  if (!condition.defined() || is_true(condition)) return;
  if (condition.kind() == ExprKind::kAnd) {
    split_conjunction(as<BinaryNode>(condition)->a, parts);
    split_conjunction(as<BinaryNode>(condition)->b, parts);
    return;
  }
  parts->push_back(condition);
}

Expr conjunction(const std::vector<Expr>& parts) {
  Expr all;
  for (const Expr& p : parts) all = all.defined() ? all && p : p;
  return all;
}

Stmt guarded(const Expr& condition, Stmt body) {
  if (!condition.defined() || is_true(condition) || is_empty(body)) return body;
  if (is_false(condition)) return seq({});
  return make_if(condition, std::move(body));
}

bool is_empty(const Stmt& s) {
  if (!s.defined()) return true;
  const auto* n = as<SeqNode>(s);
  return n && n->items.empty();
}

LoopScope::LoopScope(arith::Analyzer& analyzer, const Var& var, const Range& range) : analyzer_(analyzer) {
  int64_t extent = 0;
  if (!is_const_int(range.min) || !is_const_int(range.extent, &extent) || extent <= 0) before_ = analyzer;
  analyzer.bind(var, range);
}
LoopScope::~LoopScope() {
  if (before_) analyzer_ = std::move(*before_);
}

Stmt ScopedMutator::mutate(const Stmt& s) {
  return mutate_scope(s);
}

Stmt ScopedMutator::mutate_scope(const Stmt& s) {
  if (const auto* n = as<ForNode>(s)) {
    Expr min = mutate(n->min), extent = mutate(n->extent);
    const LoopScope scope(analyzer_, n->var, Range{min, extent});
    Stmt body = mutate(n->body);
    if (min.same_as(n->min) && extent.same_as(n->extent) && body.same_as(n->body)) return s;
    ForNode copy = *n;
    copy.min = std::move(min);
    copy.extent = std::move(extent);
    copy.body = std::move(body);
    return make_stmt(std::move(copy));
  }
  if (const auto* n = as<IfNode>(s)) {
    Expr condition = mutate(n->condition);
    arith::Analyzer outside = analyzer_;
    analyzer_.assume(condition);
    Stmt then_body = mutate(n->then_body);
    Stmt else_body;
    analyzer_ = outside;
    if (n->else_body.defined()) {
      if (condition.kind() != ExprKind::kAnd) analyzer_.assume(!condition);
      else_body = mutate(n->else_body);
      analyzer_ = std::move(outside);
    }
    if (condition.same_as(n->condition) && then_body.same_as(n->then_body) && else_body.same_as(n->else_body)) return s;
    return make_if(std::move(condition), std::move(then_body), std::move(else_body));
  }
  return mutate_children(s);
}

void bind_function(const PrimFunc& func, arith::Analyzer* analyzer) {
  for (const Expr& fact : func->assumptions) analyzer->assume(fact);
  for (const Param& p : func->params) {
    if (!p.buffer.defined()) continue;
    for (const Expr& extent : p.buffer.shape()) {
      if (!is_const_int(extent)) analyzer->assume(extent >= make_int(extent.dtype(), 0));
    }
  }
}

}  // namespace tilewright::lower
