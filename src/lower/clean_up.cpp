#include <unordered_set>

#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// Variables and buffers that something reads.
class Readers : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (e.kind() == ExprKind::kVar) vars.insert(static_cast<const VarNode*>(e.get()));
    if (const auto* n = as<LoadNode>(e)) buffers.insert(n->buffer.get());
    visit_children(e);
  }
  std::unordered_set<const VarNode*> vars;
  std::unordered_set<const BufferNode*> buffers;
};

class Cleaner : public Mutator {
 public:
  explicit Cleaner(const Readers& readers) : readers_(readers) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }

  Stmt mutate(const Stmt& s) override {
    switch (s.kind()) {
      case StmtKind::kSeq: {
        const auto* n = as<SeqNode>(s);
        std::vector<Stmt> items;
        bool changed = false;
        for (const Stmt& item : n->items) {
          Stmt x = mutate(item);
          changed |= !x.same_as(item);
          if (!is_empty(x)) items.push_back(std::move(x));
        }
        return changed || items.size() != n->items.size() ? seq(std::move(items)) : s;
      }
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(s);
        int64_t extent = 0;
        if (is_const_int(n->extent, &extent) && extent <= 0) return seq({});
        const bool nested = parallel_ && n->loop_kind == ForKind::kParallel;
        const bool outer = parallel_;
        parallel_ |= n->loop_kind == ForKind::kParallel;
        Stmt body = mutate(n->body);
        parallel_ = outer;
        if (is_empty(body)) return body;
        if (!nested && body.same_as(n->body)) return s;
        ForNode copy = *n;
        if (nested) copy.loop_kind = ForKind::kSerial;
        copy.body = std::move(body);
        return make_stmt(std::move(copy));
      }
      case StmtKind::kIf: {
        const auto* n = as<IfNode>(s);
        if (is_true(n->condition)) return mutate(n->then_body);
        Stmt other = n->else_body.defined() ? mutate(n->else_body) : Stmt();
        if (is_false(n->condition)) return other.defined() ? other : seq({});
        Stmt then_body = mutate(n->then_body);
        if (other.defined() && is_empty(other)) other = nullptr;
        if (is_empty(then_body)) {
          if (!other.defined()) return seq({});
          return make_if(!n->condition, std::move(other));
        }
        if (then_body.same_as(n->then_body) && other.same_as(n->else_body)) return s;
        return make_if(n->condition, std::move(then_body), std::move(other));
      }
      case StmtKind::kLet: {
        const auto* n = as<LetStmtNode>(s);
        Stmt body = mutate(n->body);
        if (is_empty(body) || !readers_.vars.count(n->var.get())) return body;
        return body.same_as(n->body) ? s : make_let(n->var, n->value, std::move(body));
      }
      case StmtKind::kAlloc: {
        const auto* n = as<AllocNode>(s);
        if (!readers_.buffers.count(n->buffer.get())) dead_.insert(n->buffer.get());
        Stmt body = mutate(n->body);
        if (is_empty(body) || dead_.count(n->buffer.get())) return body;
        return body.same_as(n->body) ? s : alloc(n->buffer, std::move(body));
      }
      case StmtKind::kStore:
        return dead_.count(as<StoreNode>(s)->buffer.get()) || is_false(as<StoreNode>(s)->mask) ? seq({}) : s;
      case StmtKind::kAssert:
        return is_true(as<AssertNode>(s)->condition) ? seq({}) : s;
      default:
        return s;
    }
  }

 private:
  const Readers& readers_;
  std::unordered_set<const BufferNode*> dead_;  // allocated and never read
  bool parallel_ = false;
};

}  // namespace

PrimFunc clean_up(const PrimFunc& func, const LowerOptions&) {
  Readers readers;
  readers.visit(func->body);
  return func.with_body(Cleaner(readers).mutate(func->body));
}

}  // namespace tilewright::lower
