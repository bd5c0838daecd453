#include "lower/passes.h"
#include "lower/rewrite.h"
#include "lower/statement_count.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// Makes the copies: one substitution for all unrolled loops around a statement, with constants folded on the way and
/// kept at the end of sums, so that copies differ in a constant offset only.
class Expander : public Instantiator {
 public:
  Expander(StatementCounter& sizes, int64_t limit) : sizes_(sizes), limit_(limit) {}
  using Instantiator::mutate;

  Expr mutate(const Expr& e) override {
    int64_t ca = 0, cb = 0;
    if (!e.defined() || e.dtype() != kI64) return Instantiator::mutate(e);
    const bool minus = e.kind() == ExprKind::kSub && is_const_int(as<BinaryNode>(e)->b);
    if (e.kind() != ExprKind::kAdd && !minus) return Instantiator::mutate(e);
    const auto* n = as<BinaryNode>(e);
    Expr a = mutate(n->a), b = mutate(n->b);
    if (a.same_as(n->a) && b.same_as(n->b)) return e;
    Expr ra = without_constant(a, &ca), rb = without_constant(b, &cb);
    if (minus) cb = static_cast<int64_t>(0 - static_cast<uint64_t>(cb));
    if (ca == 0 && cb == 0) return a + b;
    return (ra + rb) + make_int(kI64, static_cast<int64_t>(static_cast<uint64_t>(ca) + static_cast<uint64_t>(cb)));
  }

  Stmt mutate(const Stmt& s) override {
    const auto* n = as<ForNode>(s);
    int64_t extent = 0, min = 0;
    if (!n || n->loop_kind != ForKind::kUnrolled) return Instantiator::mutate(s);
    const Expr first = mutate(n->min), count = mutate(n->extent);
    if (!is_const_int(count, &extent) || extent > limit_ || sizes_.count(s) > limit_) {
      ForNode copy = *n;
      copy.loop_kind = ForKind::kSerial;
      return Instantiator::mutate(make_stmt(std::move(copy)));
    }
    std::vector<Stmt> items;
    items.reserve(static_cast<size_t>(std::max<int64_t>(extent, 0)));
    const bool constant = is_const_int(first, &min);
    for (int64_t i = 0; i < extent; ++i) {
      vars[n->var.get()] = constant ? make_int(kI64, min + i) : first + make_int(kI64, i);
      items.push_back(mutate(n->body));
    }
    return seq(std::move(items));
  }

 private:
  static Expr without_constant(const Expr& e, int64_t* c) {
    if (is_const_int(e, c)) return make_int(kI64, 0);
    if (e.kind() == ExprKind::kAdd && is_const_int(as<BinaryNode>(e)->b, c)) return as<BinaryNode>(e)->a;
    if (e.kind() == ExprKind::kSub && is_const_int(as<BinaryNode>(e)->b, c)) {
      *c = static_cast<int64_t>(0 - static_cast<uint64_t>(*c));
      return as<BinaryNode>(e)->a;
    }
    *c = 0;
    return e;
  }
  StatementCounter& sizes_;
  int64_t limit_;
};

class Unroller : public Mutator {
 public:
  explicit Unroller(int64_t limit) : limit_(limit) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    const auto* n = as<ForNode>(s);
    if (n && n->loop_kind == ForKind::kUnrolled) return Expander(sizes_, limit_).mutate(s);
    return mutate_children(s);
  }

 private:
  int64_t limit_;
  StatementCounter sizes_;
};

}  // namespace

PrimFunc unroll(const PrimFunc& func, const LowerOptions& options) {
  return func.with_body(Unroller(options.max_unroll_statements).mutate(func->body));
}

}  // namespace tilewright::lower
