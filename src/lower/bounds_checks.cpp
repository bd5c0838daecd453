#include <fmt/format.h>

#include "lower/passes.h"
#include "lower/rewrite.h"
#include "tilewright/tir/printer.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// Collects one assert for each index of each access in an expression, under the conditions that guard it.
class AccessChecks : public Visitor {
 public:
  AccessChecks(const std::string& block, std::vector<Stmt>* out) : block_(block), out_(out) {}

  using Visitor::visit;
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (const auto* n = as<LoadNode>(e)) {
      visit_children(e);
      return access(n->buffer, n->indices, "reads");
    }
    if (const auto* n = as<SelectNode>(e)) {
      visit(n->condition);
      under(n->condition, n->true_value);
      return under(!n->condition, n->false_value);
    }
    if (e.kind() == ExprKind::kAnd || e.kind() == ExprKind::kOr) {
      const auto* n = as<BinaryNode>(e);
      visit(n->a);
      return under(e.kind() == ExprKind::kAnd ? n->a : !n->a, n->b);
    }
    if (const auto* n = as<LetNode>(e)) {
      visit(n->value);
      lets_.emplace_back(n->var, n->value);
      visit(n->body);
      lets_.pop_back();
      return;
    }
    visit_children(e);
  }
  void access(const Buffer& buffer, const std::vector<Expr>& indices, const char* verb) {
    for (size_t i = 0; i < indices.size(); ++i) {
      const Expr extent = cast(kI64, buffer.shape()[i]);
      const Expr inside = indices[i] >= make_int(kI64, 0) && indices[i] < extent;
      if (is_true(inside)) continue;
      Expr condition = inside;
      for (size_t g = guards_.size(); g-- > 0;) condition = !guards_[g] || condition;
      for (size_t l = lets_.size(); l-- > 0;) condition = make_let(lets_[l].first, lets_[l].second, condition);
      // Several asserts may need the same value; each binds its own variable.
      if (!lets_.empty()) condition = Instantiator().mutate(condition);
      out_->push_back(make_assert(
          condition, fmt::format("block `{}` {} `{}` out of bounds: index {}, `{}`, must be in 0..{}", block_, verb,
                                 buffer.name(), i, to_string(indices[i]), to_string(buffer.shape()[i]))));
    }
  }

 private:
  void under(const Expr& guard, const Expr& e) {
    guards_.push_back(guard);
    visit(e);
    guards_.pop_back();
  }

  std::string block_;
  std::vector<Stmt>* out_;
  std::vector<Expr> guards_;
  std::vector<std::pair<Var, Expr>> lets_;
};

class CheckInserter : public Mutator {
 public:
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<BlockNode>(s)) {
      const std::string outer = block_;
      block_ = n->name;
      BlockNode copy = *n;
      if (n->init.defined()) copy.init = mutate(n->init);
      copy.body = mutate(n->body);
      block_ = outer;
      return make_stmt(std::move(copy));
    }
    std::vector<Stmt> items;
    AccessChecks checks(block_, &items);
    if (const auto* n = as<StoreNode>(s)) {
      for (const Expr& i : n->indices) checks.visit(i);
      checks.access(n->buffer, n->indices, "writes");
      checks.visit(n->value);
    } else if (const auto* n = as<EvaluateNode>(s)) {
      checks.visit(n->value);
    } else if (const auto* n = as<IfNode>(s)) {
      checks.visit(n->condition);
    } else if (const auto* n = as<LetStmtNode>(s)) {
      checks.visit(n->value);
    } else if (const auto* n = as<ForNode>(s)) {
      checks.visit(n->min);
      checks.visit(n->extent);
    }
    items.push_back(mutate_children(s));
    return seq(std::move(items));
  }

 private:
  std::string block_ = "root";
};

}  // namespace

PrimFunc insert_bounds_checks(const PrimFunc& func, const LowerOptions& options) {
  return options.debug_bounds ? func.with_body(CheckInserter().mutate(func->body)) : func;
}

}  // namespace tilewright::lower
