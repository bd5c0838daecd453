#include <unordered_map>
#include <unordered_set>

#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// Sums, positive multiples, quotients and remainders: smallest where every variable is.
bool smallest_at_minimum(const Expr& e) {
  int64_t c = 0;
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kVar:
      return true;
    case ExprKind::kAdd:
      return smallest_at_minimum(as<BinaryNode>(e)->a) && smallest_at_minimum(as<BinaryNode>(e)->b);
    case ExprKind::kMul:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      const auto* n = as<BinaryNode>(e);
      if (is_const_int(n->b, &c) && c > 0) return smallest_at_minimum(n->a);
      return e.kind() == ExprKind::kMul && is_const_int(n->a, &c) && c > 0 && smallest_at_minimum(n->b);
    }
    default:
      return false;
  }
}

using BufferSet = std::unordered_set<const BufferNode*>;

/// Collects what a statement reads and writes, leaving out one block.
class AccessSets : public Visitor {
 public:
  explicit AccessSets(const BlockNode* skipped) : skipped_(skipped) {}
  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (s.get() == skipped_) return;
    if (const auto* n = as<StoreNode>(s)) written.insert(n->buffer.get());
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (const auto* n = as<LoadNode>(e)) read.insert(n->buffer.get());
    visit_children(e);
  }
  BufferSet read, written;

 private:
  const BlockNode* skipped_;
};

/// Finds for every init the place where it goes.
class InitPlanner {
 public:
  void scan(const Stmt& s) {
    if (!s.defined()) return;
    if (const auto* n = as<ForNode>(s)) {
      path_.push_back(s);
      scan(n->body);
      path_.pop_back();
    } else if (const auto* n = as<BlockNode>(s)) {
      if (n->init.defined()) plan(n);
      std::vector<Stmt> outside;
      outside.swap(path_);
      scan(n->body);
      path_ = std::move(outside);
    } else if (const auto* n = as<SeqNode>(s)) {
      for (const Stmt& item : n->items) scan(item);
    } else if (const auto* n = as<IfNode>(s)) {
      path_.push_back(s);
      scan(n->then_body);
      scan(n->else_body);
      path_.pop_back();
    } else if (const auto* n = as<LetStmtNode>(s)) {
      path_.push_back(s);
      scan(n->body);
      path_.pop_back();
    } else if (const auto* n = as<AllocNode>(s)) {
      path_.push_back(s);
      scan(n->body);
      path_.pop_back();
    }
  }

  /// Nests to run before a loop, and the blocks whose init they replace.
  std::unordered_map<const StmtNode*, std::vector<Stmt>> before;
  std::unordered_set<const BlockNode*> hoisted;

 private:
  void plan(const BlockNode* block) {
    const auto used_by = [&](IterKind kind, const VarNode* var) {
      for (size_t i = 0; i < block->iters.size(); ++i) {
        if ((block->iters[i].kind == IterKind::kReduce) == (kind == IterKind::kReduce) &&
            uses_var(block->bindings[i], var))
          return true;
      }
      return false;
    };
    size_t first = path_.size();
    for (size_t i = 0; i < path_.size() && first == path_.size(); ++i) {
      const auto* loop = as<ForNode>(path_[i]);
      if (loop && used_by(IterKind::kReduce, loop->var.get())) first = i;
    }
    if (first == path_.size()) return;
    const Stmt& outermost = path_[first];

    VarMap at_start;
    std::vector<const ForNode*> kept;
    std::unordered_set<const VarNode*> inside;
    std::vector<const BufferNode*> local;
    for (size_t i = first; i < path_.size(); ++i) {
      const auto* loop = as<ForNode>(path_[i]);
      if (const auto* allocation = as<AllocNode>(path_[i])) {
        local.push_back(allocation->buffer.get());
        continue;
      }
      if (!loop) return;
      const auto is_inside = [&](const VarNode* v) { return inside.count(v) != 0; };
      if (uses_any_var(loop->min, is_inside) || uses_any_var(loop->extent, is_inside)) return;
      inside.insert(loop->var.get());
      const VarNode* var = loop->var.get();
      const bool reduces = used_by(IterKind::kReduce, var), spatial = used_by(IterKind::kSpatial, var);
      if (reduces && spatial) return;
      if (reduces)
        at_start[var] = loop->min;
      else if (spatial || (block->predicate.defined() && uses_var(block->predicate, var)))
        kept.push_back(loop);
    }
    // Nobody else inside the loop may see the buffers, and the init may not depend on what the loop makes.
    AccessSets own(nullptr), others(block);
    own.visit(block->init);
    others.visit(outermost);
    for (const BufferNode* b : local) {
      if (own.read.count(b) || own.written.count(b)) return;
    }
    for (const BufferNode* b : own.written) {
      if (others.read.count(b) || others.written.count(b)) return;
    }
    AccessSets body(nullptr);
    body.visit(block->body);
    for (const BufferNode* b : own.read) {
      if (others.written.count(b) || body.written.count(b)) return;
    }

    std::vector<Expr> conditions;
    for (size_t i = 0; i < block->iters.size(); ++i) {
      if (block->iters[i].kind != IterKind::kReduce) continue;
      if (!smallest_at_minimum(block->bindings[i])) return;
      Expr first_value = analyzer_.simplify(substitute(block->bindings[i], at_start));
      Expr at_min = analyzer_.simplify(first_value == block->iters[i].domain.min);
      if (!is_true(at_min)) conditions.push_back(at_min);
    }
    if (block->predicate.defined()) conditions.push_back(substitute(block->predicate, at_start));

    VarMap fresh;
    std::vector<ForNode> loops;
    for (const ForNode* loop : kept) {
      ForNode copy = *loop;
      copy.id = {};
      copy.var = Var(loop->var.name(), loop->var.dtype());
      fresh[loop->var.get()] = copy.var;
      loops.push_back(std::move(copy));
    }
    VarMap map = at_start;
    for (auto& [var, value] : fresh) map[var] = value;
    VarMap iters;
    for (size_t i = 0; i < block->iters.size(); ++i)
      iters[block->iters[i].var.get()] = substitute(block->bindings[i], map);
    Expr condition = conjunction(conditions);
    if (condition.defined()) condition = substitute(condition, fresh);
    Stmt nest = guarded(condition, instantiate(block->init, std::move(iters)));
    for (size_t i = loops.size(); i-- > 0;) {
      loops[i].body = std::move(nest);
      nest = make_stmt(std::move(loops[i]));
    }
    before[outermost.get()].push_back(std::move(nest));
    hoisted.insert(block);
  }

  std::vector<Stmt> path_;  // from the enclosing block down
  arith::Analyzer analyzer_;
};

class InitLowerer : public Mutator {
 public:
  explicit InitLowerer(const InitPlanner& plan) : plan_(plan) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<BlockNode>(s); n && n->init.defined()) {
      BlockNode copy = *n;
      copy.body = mutate(n->body);
      copy.init = nullptr;
      if (!plan_.hoisted.count(n)) {
        std::vector<Expr> at_min;
        for (const IterVar& i : n->iters) {
          if (i.kind == IterKind::kReduce) at_min.push_back(i.var == i.domain.min);
        }
        copy.body = seq({guarded(conjunction(at_min), n->init), copy.body});
      }
      return make_stmt(std::move(copy));
    }
    Stmt result = mutate_children(s);
    const auto found = plan_.before.find(s.get());
    if (found == plan_.before.end()) return result;
    std::vector<Stmt> items = found->second;
    items.push_back(std::move(result));
    return seq(std::move(items));
  }

 private:
  const InitPlanner& plan_;
};

}  // namespace

PrimFunc lower_init(const PrimFunc& func, const LowerOptions&) {
  InitPlanner plan;
  plan.scan(func->body);
  return func.with_body(InitLowerer(plan).mutate(func->body));
}

}  // namespace tilewright::lower
