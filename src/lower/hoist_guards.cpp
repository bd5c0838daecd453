#include "lower/hoist_guards.h"

#include <algorithm>

#include "lower/rewrite.h"

namespace tilewright::lower {

using namespace tir;  // NOLINT

namespace {

/// May be evaluated earlier and where it was not evaluated before: no memory, no division that could fault.
bool movable(const Expr& e) {
  bool ok = true;
  post_order(e, [&](const Expr& x) {
    ok = ok && x.kind() != ExprKind::kLoad && x.kind() != ExprKind::kCall;
    if (x.kind() == ExprKind::kFloorDiv || x.kind() == ExprKind::kFloorMod) {
      int64_t c = 0;
      ok = ok && is_const_int(as<BinaryNode>(x)->b, &c) && c != 0;
    }
  });
  return ok;
}

class Hoister : public Mutator {
 public:
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    Stmt result = mutate_children(s);
    switch (result.kind()) {
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(result);
        return lift(
            result, n->body, [&](const Expr& part) { return !uses_var(part, n->var.get()); },
            [&](Stmt body) {
              ForNode copy = *n;
              copy.body = std::move(body);
              return make_stmt(std::move(copy));
            });
      }
      case StmtKind::kLet: {
        const auto* n = as<LetStmtNode>(result);
        return lift(
            result, n->body, [&](const Expr& part) { return !uses_var(part, n->var.get()); },
            [&](Stmt body) { return make_let(n->var, n->value, std::move(body)); });
      }
      case StmtKind::kAlloc: {
        const auto* n = as<AllocNode>(result);
        return lift(
            result, n->body, [](const Expr&) { return true; },
            [&](Stmt body) { return alloc(n->buffer, std::move(body)); });
      }
      case StmtKind::kIf: {
        // if a { if b { ... } } is one guard.
        const auto* n = as<IfNode>(result);
        const auto* inner = as<IfNode>(n->then_body);
        if (n->else_body.defined() || !inner || inner->else_body.defined()) return result;
        return make_if(n->condition && inner->condition, inner->then_body);
      }
      case StmtKind::kSeq:
        return common(result);
      default:
        return result;
    }
  }

 private:
  template <typename May, typename Rebuild>
  static Stmt lift(const Stmt& s, const Stmt& body, May may, Rebuild rebuild) {
    const auto* guard = as<IfNode>(body);
    if (!guard || guard->else_body.defined()) return s;
    std::vector<Expr> parts, out, rest;
    split_conjunction(guard->condition, &parts);
    for (const Expr& p : parts) (may(p) && movable(p) ? out : rest).push_back(p);
    if (out.empty()) return s;
    return guarded(conjunction(out), rebuild(guarded(conjunction(rest), guard->then_body)));
  }

  static Stmt common(const Stmt& s) {
    const auto* n = as<SeqNode>(s);
    if (n->items.empty()) return s;
    std::vector<Expr> shared;
    for (size_t i = 0; i < n->items.size(); ++i) {
      const auto* guard = as<IfNode>(n->items[i]);
      if (!guard || guard->else_body.defined()) return s;
      std::vector<Expr> parts;
      split_conjunction(guard->condition, &parts);
      if (i == 0) {
        for (const Expr& p : parts) {
          if (movable(p)) shared.push_back(p);
        }
      } else {
        std::erase_if(shared, [&](const Expr& p) { return !holds(parts, p); });
      }
      if (shared.empty()) return s;
    }
    std::vector<Stmt> items;
    for (const Stmt& item : n->items) {
      const auto* guard = as<IfNode>(item);
      std::vector<Expr> parts, rest;
      split_conjunction(guard->condition, &parts);
      for (const Expr& p : parts) {
        if (!holds(shared, p)) rest.push_back(p);
      }
      items.push_back(guarded(conjunction(rest), guard->then_body));
    }
    return guarded(conjunction(shared), seq(std::move(items)));
  }
  static bool holds(const std::vector<Expr>& parts, const Expr& p) {
    return std::any_of(parts.begin(), parts.end(), [&](const Expr& x) { return structural_equal(x, p); });
  }
};

}  // namespace

Stmt hoist_guards(const Stmt& s) {
  return Hoister().mutate(s);
}

}  // namespace tilewright::lower
