#include <set>

#include "lower/affine_condition.h"
#include "lower/hoist_guards.h"
#include "lower/padding_guards.h"
#include "lower/passes.h"
#include "lower/rewrite.h"
#include "lower/statement_count.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT
using arith::IntSet;

/// A part of a guard, identified by the `if` and the part's node.
using PartKey = std::pair<const IfNode*, const ExprNode*>;
using PartSet = std::set<PartKey>;  // membership only, never iterated

/// Statements that copies without padding may add: by splitting loops, and by deciding once for a loop's whole body.
constexpr int64_t kSplitPaddingBudget = 256, kDecidePaddingBudget = 512;

bool becomes_copies(ForKind kind) {
  return kind == ForKind::kUnrolled || kind == ForKind::kVectorized;
}

Stmt with_range(const ForNode& n, Expr min, Expr extent, Stmt body) {
  ForNode copy = n;
  copy.min = std::move(min);
  copy.extent = std::move(extent);
  copy.body = std::move(body);
  return make_stmt(std::move(copy));
}

/// Guards that are the whole body become bounds.
Stmt tighten(const ForNode& n, arith::Analyzer& analyzer) {
  const auto* guard = as<IfNode>(n.body);
  if (!guard || guard->else_body.defined()) return Stmt(&n);
  std::vector<Expr> conditions, rest;
  split_conjunction(guard->condition, &conditions);
  Expr begin = n.min, end = n.min + n.extent;
  for (const Expr& c : conditions) {
    const Expr form = nonnegative_form(c);
    LinearIn linear;
    if (!form.defined() || !linear_in(form, n.var.get(), &linear) || linear.coeff == 0) {
      rest.push_back(c);
      continue;
    }
    Expr b = begin, e = end;
    if (linear.coeff > 0)
      b = analyzer.simplify(max(b, ceildiv(make_int(kI64, 0) - linear.rest, make_int(kI64, linear.coeff))));
    else
      e = analyzer.simplify(min(e, floordiv(linear.rest, make_int(kI64, -linear.coeff)) + make_int(kI64, 1)));
    if (becomes_copies(n.loop_kind) && !(is_const_int(b) && is_const_int(analyzer.simplify(e - b)))) {
      rest.push_back(c);
      continue;
    }
    begin = b;
    end = e;
  }
  if (rest.size() == conditions.size()) return Stmt(&n);
  return with_range(n, begin, analyzer.simplify(end - begin), guarded(conjunction(rest), guard->then_body));
}

/// Finds the values of a loop variable for which guards inside the loop hold whatever the loops between do.
class GuardCollector : public Visitor {
 public:
  GuardCollector(const ForNode& loop, arith::Analyzer analyzer) : loop_(loop), analyzer_(std::move(analyzer)) {}

  Expr low, high;        // guards hold in [low, high); null: no such bound
  PartSet parts;         // which ones
  bool padding = false;  // conditions of selects are among them

  using Visitor::visit;
  void visit(const Expr& e) override {
    std::vector<Expr> conditions;
    padding_conditions(e, &conditions);
    for (const Expr& c : conditions) consider(nullptr, c);
  }
  void visit(const Stmt& s) override {
    if (const auto* n = as<ForNode>(s)) {
      // A guard may become the loop's bound later, and padding is then read within that bound only. Guards themselves
      // are judged for the loop as it stands, because those found to hold are dropped.
      const Stmt tight = tighten(*n, analyzer_);
      const Range range{as<ForNode>(tight)->min, as<ForNode>(tight)->extent};
      const bool fixed = !uses_var(range.min, loop_.var.get()) && !uses_var(range.extent, loop_.var.get());
      const LoopScope scope(analyzer_, n->var, Range{n->min, n->extent});
      inner_[n->var.get()] = IntSet::from_range({n->min, n->extent});
      guarded_inner_[n->var.get()] = fixed ? IntSet::from_range(range) : inner_[n->var.get()];
      kinds_[n->var.get()] = n->loop_kind;
      visit(n->body);
      return;
    }
    if (const auto* n = as<LetStmtNode>(s)) inner_[n->var.get()] = guarded_inner_[n->var.get()] = IntSet{};
    if (const auto* n = as<IfNode>(s)) {
      std::vector<Expr> conditions;
      split_conjunction(n->condition, &conditions);
      for (const Expr& c : conditions) consider(n, c);
    }
    visit_children(s);
  }

 private:
  /// `guard` is null for the condition of a select.
  void consider(const IfNode* guard, const Expr& condition) {
    const bool copied = uses_any_var(condition, [&](const VarNode* v) {
      const auto it = kinds_.find(v);
      return it != kinds_.end() && becomes_copies(it->second);
    });
    if (!copied) return;
    const Expr form = nonnegative_form(condition);
    LinearIn linear;
    if (!form.defined() || !linear_in(form, loop_.var.get(), &linear) || linear.coeff == 0) return;
    const IntSet rest = analyzer_.eval_set(linear.rest, guard ? inner_ : guarded_inner_);
    if (!rest.min.defined() ||
        uses_any_var(rest.min, [&](const VarNode* v) { return v == loop_.var.get() || inner_.count(v) != 0; }))
      return;
    const Expr bound = linear.coeff > 0
                           ? analyzer_.simplify(ceildiv(make_int(kI64, 0) - rest.min, make_int(kI64, linear.coeff)))
                           : analyzer_.simplify(floordiv(rest.min, make_int(kI64, -linear.coeff)) + make_int(kI64, 1));
    if (!guard) {
      // Inside, the condition must be provable again.
      if (!is_const_int(bound)) return;
      padding = true;
    } else {
      parts.insert({guard, condition.get()});
    }
    if (linear.coeff > 0)
      low = low.defined() ? analyzer_.simplify(max(low, bound)) : bound;
    else
      high = high.defined() ? analyzer_.simplify(min(high, bound)) : bound;
  }

  const ForNode& loop_;
  arith::Analyzer analyzer_;
  arith::IntSetMap inner_, guarded_inner_;
  std::unordered_map<const VarNode*, ForKind> kinds_;
};

/// Drops parts of guards that are known to hold.
class PartRemover : public Mutator {
 public:
  explicit PartRemover(const PartSet& parts) : parts_(parts) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    const auto* n = as<IfNode>(s);
    if (!n) return mutate_children(s);
    std::vector<Expr> conditions, rest;
    split_conjunction(n->condition, &conditions);
    for (const Expr& c : conditions) {
      if (!parts_.count({n, c.get()})) rest.push_back(c);
    }
    if (rest.empty()) return mutate(n->then_body);
    return make_if(conjunction(rest), mutate(n->then_body),
                   n->else_body.defined() ? mutate(n->else_body) : n->else_body);
  }

 private:
  const PartSet& parts_;
};

class Peeler : public ScopedMutator {
 public:
  Peeler(const PrimFunc& func, int64_t budget)
      : budget_(budget),
        padding_budget_(std::min(budget, kSplitPaddingBudget)),
        decide_budget_(std::min(budget, kDecidePaddingBudget)) {
    bind_function(func, &analyzer_);
  }
  using ScopedMutator::mutate;

  Expr mutate(const Expr& e) override {
    // Padding that is known to be read, or known not to be.
    const auto* n = as<SelectNode>(e);
    if (n && n->condition.dtype() == kBool) {
      const int known = decide(n->condition);
      if (known != 0) return mutate(known > 0 ? n->true_value : n->false_value);
    }
    return mutate_children(e);
  }

  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<ForNode>(s)) return loop(*n, true);
    if (const auto* n = as<IfNode>(s)) {
      std::vector<Expr> conditions, rest;
      split_conjunction(n->condition, &conditions);
      bool never = false;
      for (const Expr& c : conditions) {
        const int known = decide(c);
        never |= known < 0;
        if (known == 0) rest.push_back(c);
      }
      if (never) return n->else_body.defined() ? mutate(n->else_body) : seq({});
      if (rest.empty()) return mutate(n->then_body);
      if (rest.size() == conditions.size()) return mutate_scope(s);
      return mutate_scope(make_if(conjunction(rest), n->then_body, n->else_body));
    }
    if (const auto* n = as<SeqNode>(s)) {
      std::vector<Stmt> items;
      for (const Stmt& item : n->items) {
        Stmt x = mutate(item);
        if (!is_empty(x)) items.push_back(std::move(x));
      }
      return seq(std::move(items));
    }
    return mutate_scope(s);
  }

 private:
  /// 1: holds, -1: does not, 0: unknown.
  int decide(const Expr& condition) {
    if (is_true(condition)) return 1;
    if (is_false(condition)) return -1;
    bool integers = true;
    post_order(condition, [&](const Expr& e) {
      integers = integers && e.kind() != ExprKind::kLoad && e.kind() != ExprKind::kCall && !e.dtype().is_floating();
    });
    if (!integers) return 0;
    const Expr simple = analyzer_.simplify(condition);
    return is_true(simple) ? 1 : is_false(simple) ? -1 : 0;
  }

  Stmt loop(const ForNode& original, bool may_split) {
    ForNode first = original;
    first.min = analyzer_.simplify(mutate(original.min));
    first.extent = analyzer_.simplify(mutate(original.extent));
    const Stmt tight = tighten(*as<ForNode>(make_stmt(std::move(first))), analyzer_);
    const ForNode& n = *as<ForNode>(tight);
    int64_t extent = 0;
    if (is_const_int(n.extent, &extent)) {
      if (extent <= 0) return seq({});
      if (extent == 1) return mutate(instantiate(n.body, {{n.var.get(), n.min}}));
    }
    const arith::Analyzer outside = analyzer_;
    const LoopScope scope(analyzer_, n.var, Range{n.min, n.extent});
    if (may_split && n.loop_kind != ForKind::kVectorized) {
      GuardCollector guards(n, analyzer_);
      guards.visit(n.body);
      if (!guards.parts.empty() || guards.padding) {
        Stmt split = split_loop(n, guards, outside);
        if (split.defined()) return split;
      }
    }
    Stmt body = unswitch(n);
    return is_empty(body) ? body : with_range(n, n.min, n.extent, std::move(body));
  }

  /// The body of a loop; in two versions where one decision between memory and padding holds for all of it.
  Stmt unswitch(const ForNode& n) {
    if (becomes_copies(n.loop_kind)) return mutate(n.body);
    const std::vector<Expr> parts = invariant_padding(n.body, n.var);
    const int64_t cost = sizes_.count(n.body);
    if (parts.empty() || cost > decide_budget_ || (cost == 1 && n.body.kind() == StmtKind::kStore))
      return mutate(n.body);
    const Expr condition = conjunction(parts);
    const int known = decide(condition);
    if (known != 0) return mutate(decide_padding(n.body, parts, known > 0));
    decide_budget_ -= cost;
    const arith::Analyzer outside = analyzer_;
    analyzer_.assume(condition);
    ForNode inside = n;
    inside.body = decide_padding(n.body, parts, true);
    Stmt memory = unswitch(inside);
    analyzer_ = outside;
    inside.body = instantiate(decide_padding(n.body, parts, false));
    Stmt padding = unswitch(inside);
    analyzer_ = outside;
    return make_if(condition, std::move(memory), std::move(padding));
  }

  /// Interior and tails, or null when that does not pay.
  Stmt split_loop(const ForNode& n, const GuardCollector& guards, const arith::Analyzer& outside) {
    arith::Analyzer a = outside;
    const Expr end = a.simplify(n.min + n.extent);
    Expr low = guards.low.defined() ? a.simplify(max(n.min, guards.low)) : n.min;
    Expr high = guards.high.defined() ? a.simplify(max(low, min(end, guards.high))) : end;
    if (a.can_prove_ge(low, end) || a.can_prove_ge(low, high)) return nullptr;
    const bool head = !a.can_prove_equal(low, n.min), tail = !a.can_prove_equal(high, end);
    if (!head && !tail) return nullptr;
    const int64_t cost = sizes_.count(n.body) * (head + tail);
    int64_t& budget = guards.padding ? padding_budget_ : budget_;
    if (cost > budget) return nullptr;
    budget -= cost;

    const Stmt inner_body = PartRemover(guards.parts).mutate(n.body);
    if (n.loop_kind == ForKind::kParallel) {
      // One parallel region: a branch costs less than a second round of threads.
      analyzer_ = outside;
      analyzer_.bind(n.var, Range{low, high - low});
      Stmt interior = mutate(instantiate(inner_body));
      analyzer_ = outside;
      Stmt rest;
      if (head) {
        analyzer_.bind(n.var, Range{n.min, n.extent});
        rest = mutate(n.body);
      } else {
        const Expr length = a.simplify(end - high);
        analyzer_.bind(n.var, Range{high, length});
        rest = is_const_int(length, 1) ? mutate(instantiate(n.body, {{n.var.get(), high}})) : mutate(n.body);
      }
      analyzer_ = outside;
      std::vector<Expr> conditions;
      if (head) conditions.push_back(n.var >= low);
      if (tail) conditions.push_back(n.var < high);
      return with_range(n, n.min, n.extent, make_if(conjunction(conditions), interior, is_empty(rest) ? Stmt() : rest));
    }
    std::vector<Stmt> items;
    const auto part = [&](const Expr& from, const Expr& to, const Stmt& body, bool may_split) {
      ForNode copy = n;
      copy.min = from;
      copy.extent = a.simplify(to - from);
      copy.body = body;
      const Stmt fresh = instantiate(make_stmt(std::move(copy)));
      analyzer_ = outside;
      items.push_back(loop(*as<ForNode>(fresh), may_split));
    };
    if (head) part(n.min, low, n.body, false);
    part(low, high, inner_body, true);
    if (tail) part(high, end, n.body, false);
    analyzer_ = outside;
    return seq(std::move(items));
  }

  StatementCounter sizes_;
  int64_t budget_, padding_budget_, decide_budget_;
};

}  // namespace

PrimFunc peel_tails(const PrimFunc& func, const LowerOptions& options) {
  bool any = false;
  pre_order(func->body, [&](const Stmt& s) { return !(any = any || s.kind() == StmtKind::kIf); });
  for_each_expr(func->body, [&](const Expr& e) {
    post_order(e, [&](const Expr& x) { any = any || x.kind() == ExprKind::kSelect; });
  });
  if (!any) return func;
  return func.with_body(Peeler(func, options.max_unroll_statements).mutate(hoist_guards(func->body)));
}

}  // namespace tilewright::lower
