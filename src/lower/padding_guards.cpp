#include "lower/padding_guards.h"

#include <algorithm>
#include <unordered_set>

#include "lower/rewrite.h"

namespace tilewright::lower {

using namespace tir;  // NOLINT

namespace {

bool has_load(const Expr& e) {
  bool found = false;
  post_order(e, [&](const Expr& x) { found |= x.kind() == ExprKind::kLoad; });
  return found;
}

/// Integer conditions without memory, so that they may be evaluated anywhere.
bool is_plain(const Expr& e) {
  bool ok = true;
  post_order(e, [&](const Expr& x) {
    ok = ok && x.kind() != ExprKind::kLoad && x.kind() != ExprKind::kCall && x.kind() != ExprKind::kLet &&
         !x.dtype().is_floating();
    if (x.kind() == ExprKind::kFloorDiv || x.kind() == ExprKind::kFloorMod) {
      int64_t c = 0;
      ok = ok && is_const_int(as<BinaryNode>(x)->b, &c) && c != 0;
    }
  });
  return ok;
}

bool contains(const std::vector<Expr>& list, const Expr& e) {
  return std::any_of(list.begin(), list.end(), [&](const Expr& x) { return x.same_as(e) || structural_equal(x, e); });
}

class InvariantFinder : public Visitor {
 public:
  explicit InvariantFinder(const VarNode* var) : var_(var) {}
  std::vector<Expr> parts;

  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (!parts.empty()) return;
    if (const auto* n = as<ForNode>(s)) inner_.insert(n->var.get());
    if (const auto* n = as<LetStmtNode>(s)) inner_.insert(n->var.get());
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (!parts.empty() || !e.defined()) return;
    if (const auto* n = as<LetNode>(e)) inner_.insert(n->var.get());
    const auto* n = as<SelectNode>(e);
    if (n && (has_load(n->true_value) || has_load(n->false_value))) {
      std::vector<Expr> all;
      split_conjunction(n->condition, &all);
      for (const Expr& p : all) {
        if (is_plain(p) && uses_var(p, var_) &&
            !uses_any_var(p, [&](const VarNode* v) { return inner_.count(v) != 0; }))
          parts.push_back(p);
      }
      if (!parts.empty()) return;
    }
    visit_children(e);
  }

 private:
  const VarNode* var_;
  std::unordered_set<const VarNode*> inner_;
};

class Decider : public Mutator {
 public:
  Decider(const std::vector<Expr>& parts, bool hold) : parts_(parts), hold_(hold) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* n = as<SelectNode>(e);
    if (!n) return mutate_children(e);
    std::vector<Expr> all, rest;
    split_conjunction(n->condition, &all);
    for (const Expr& p : all) {
      if (!contains(parts_, p)) rest.push_back(p);
    }
    const size_t known = all.size() - rest.size();
    if (known == 0) return mutate_children(e);
    if (hold_) {
      if (rest.empty()) return mutate(n->true_value);
      return select(mutate(conjunction(rest)), mutate(n->true_value), mutate(n->false_value));
    }
    const bool decided = std::all_of(parts_.begin(), parts_.end(), [&](const Expr& p) { return contains(all, p); });
    return decided ? mutate(n->false_value) : mutate_children(e);
  }

 private:
  const std::vector<Expr>& parts_;
  bool hold_;
};

}  // namespace

void padding_conditions(const Expr& e, std::vector<Expr>* parts) {
  post_order(e, [&](const Expr& x) {
    const auto* n = as<SelectNode>(x);
    if (!n || !(has_load(n->true_value) || has_load(n->false_value))) return;
    std::vector<Expr> all;
    split_conjunction(n->condition, &all);
    for (const Expr& p : all) {
      if (is_plain(p)) parts->push_back(p);
    }
  });
}

std::vector<Expr> invariant_padding(const Stmt& body, const Var& var) {
  InvariantFinder finder(var.get());
  finder.visit(body);
  return finder.parts;
}

Stmt decide_padding(const Stmt& body, const std::vector<Expr>& parts, bool hold) {
  return Decider(parts, hold).mutate(body);
}

}  // namespace tilewright::lower
