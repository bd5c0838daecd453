#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// What fits the stack costs nothing where it stands; more comes from the workspace, once for a loop instead of in each
/// iteration.
constexpr int64_t kStackBytes = 16 << 10;

class AllocationHoister : public Mutator {
 public:
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    Stmt result = mutate_children(s);
    const auto* n = as<ForNode>(result);
    // Iterations of a parallel loop need their own memory.
    if (!n || n->loop_kind == ForKind::kParallel) return result;
    std::vector<Buffer> large;
    ForNode copy = *n;
    copy.body = take(n->body, *n, &large);
    if (large.empty()) return result;
    result = make_stmt(std::move(copy));
    for (size_t i = large.size(); i-- > 0;) result = alloc(large[i], std::move(result));
    return result;
  }

 private:
  /// The body without its large allocations.
  static Stmt take(const Stmt& s, const ForNode& loop, std::vector<Buffer>* out) {
    if (const auto* n = as<AllocNode>(s)) {
      Stmt body = take(n->body, loop, out);
      if (is_large(n->buffer) && !uses_var(n->buffer.shape()[0], loop.var.get())) {
        out->push_back(n->buffer);
        return body;
      }
      return body.same_as(n->body) ? s : alloc(n->buffer, std::move(body));
    }
    if (const auto* n = as<SeqNode>(s)) {
      std::vector<Stmt> items;
      bool changed = false;
      for (const Stmt& item : n->items) {
        items.push_back(take(item, loop, out));
        changed |= !items.back().same_as(item);
      }
      return changed ? seq(std::move(items)) : s;
    }
    if (const auto* n = as<IfNode>(s)) {
      Stmt then_body = take(n->then_body, loop, out);
      Stmt else_body = n->else_body.defined() ? take(n->else_body, loop, out) : n->else_body;
      if (then_body.same_as(n->then_body) && else_body.same_as(n->else_body)) return s;
      return make_if(n->condition, std::move(then_body), std::move(else_body));
    }
    return s;
  }
  static bool is_large(const Buffer& b) {
    int64_t size = 0;
    return b.scope() != Scope::kRegister &&
           (!is_const_int(b.shape()[0], &size) || size * b.dtype().bytes() > kStackBytes);
  }
};

}  // namespace

PrimFunc hoist_allocations(const PrimFunc& func, const LowerOptions&) {
  return func.with_body(AllocationHoister().mutate(func->body));
}

}  // namespace tilewright::lower
