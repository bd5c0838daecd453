#include "lower/passes.h"
#include "lower/rewrite.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

class BlockRemover : public Mutator {
 public:
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    if (e.defined() && e.kind() == ExprKind::kVar) {
      const auto it = iters_.find(static_cast<const VarNode*>(e.get()));
      return it == iters_.end() ? e : it->second;
    }
    return mutate_children(e);
  }
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<BlockNode>(s)) {
      TILEWRIGHT_CHECK(!n->init.defined());
      Expr predicate = n->predicate.defined() ? mutate(n->predicate) : Expr();
      for (size_t i = 0; i < n->iters.size(); ++i) iters_[n->iters[i].var.get()] = mutate(n->bindings[i]);
      Stmt body = mutate(n->body);
      for (size_t i = n->alloc_buffers.size(); i-- > 0;) body = alloc(n->alloc_buffers[i], std::move(body));
      return guarded(predicate, std::move(body));
    }
    if (const auto* n = as<ForNode>(s); n && is_const_int(n->extent, 1)) {
      iters_[n->var.get()] = mutate(n->min);
      return mutate(n->body);
    }
    if (const auto* n = as<IfNode>(s)) {
      Expr condition = mutate(n->condition);
      if (is_true(condition)) return mutate(n->then_body);
      if (is_false(condition)) return n->else_body.defined() ? mutate(n->else_body) : seq({});
    }
    return mutate_children(s);
  }

 private:
  VarMap iters_;
};

}  // namespace

PrimFunc remove_blocks(const PrimFunc& func, const LowerOptions&) {
  return func.with_body(BlockRemover().mutate(func->body));
}

}  // namespace tilewright::lower
