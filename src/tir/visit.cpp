#include "tilewright/tir/visit.h"

namespace tilewright::tir {

// ---- Visitor

void Visitor::visit(const Expr& e) {
  visit_children(e);
}
void Visitor::visit(const Stmt& s) {
  visit_children(s);
}

void Visitor::visit_children(const Expr& e) {
  if (!e.defined()) return;
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
    case ExprKind::kVar:
      return;
    case ExprKind::kCast:
      return visit(as<CastNode>(e)->value);
    case ExprKind::kNot:
      return visit(as<NotNode>(e)->value);
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      visit(n->condition);
      visit(n->true_value);
      return visit(n->false_value);
    }
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      for (const Expr& i : n->indices) visit(i);
      if (n->mask.defined()) visit(n->mask);
      return;
    }
    case ExprKind::kCall:
      for (const Expr& a : as<CallNode>(e)->args) visit(a);
      return;
    case ExprKind::kRamp:
      visit(as<RampNode>(e)->base);
      return visit(as<RampNode>(e)->stride);
    case ExprKind::kBroadcast:
      return visit(as<BroadcastNode>(e)->value);
    case ExprKind::kLet:
      visit(as<LetNode>(e)->value);
      return visit(as<LetNode>(e)->body);
    case ExprKind::kReduce: {
      const auto* n = as<ReduceNode>(e);
      for (const Expr& x : n->sources) visit(x);
      for (const Expr& x : n->init) visit(x);
      if (n->condition.defined()) visit(n->condition);
      return;
    }
    default:
      visit(as<BinaryNode>(e)->a);
      return visit(as<BinaryNode>(e)->b);
  }
}

void Visitor::visit_children(const Stmt& s) {
  if (!s.defined()) return;
  switch (s.kind()) {
    case StmtKind::kStore: {
      const auto* n = as<StoreNode>(s);
      for (const Expr& i : n->indices) visit(i);
      visit(n->value);
      if (n->mask.defined()) visit(n->mask);
      return;
    }
    case StmtKind::kFor: {
      const auto* n = as<ForNode>(s);
      visit(n->min);
      visit(n->extent);
      return visit(n->body);
    }
    case StmtKind::kBlock: {
      const auto* n = as<BlockNode>(s);
      for (const IterVar& i : n->iters) visit(i.domain.min), visit(i.domain.extent);
      for (const Expr& b : n->bindings) visit(b);
      if (n->predicate.defined()) visit(n->predicate);
      for (const auto* regions : {&n->reads, &n->writes}) {
        for (const BufferRegion& r : *regions) {
          for (const Range& x : r.ranges) visit(x.min), visit(x.extent);
        }
      }
      if (n->init.defined()) visit(n->init);
      return visit(n->body);
    }
    case StmtKind::kSeq:
      for (const Stmt& x : as<SeqNode>(s)->items) visit(x);
      return;
    case StmtKind::kIf: {
      const auto* n = as<IfNode>(s);
      visit(n->condition);
      visit(n->then_body);
      if (n->else_body.defined()) visit(n->else_body);
      return;
    }
    case StmtKind::kLet:
      visit(as<LetStmtNode>(s)->value);
      return visit(as<LetStmtNode>(s)->body);
    case StmtKind::kAssert:
      return visit(as<AssertNode>(s)->condition);
    case StmtKind::kEvaluate:
      return visit(as<EvaluateNode>(s)->value);
    case StmtKind::kAlloc:
      return visit(as<AllocNode>(s)->body);
  }
}

// ---- Mutator

Expr Mutator::mutate(const Expr& e) {
  return mutate_children(e);
}
Stmt Mutator::mutate(const Stmt& s) {
  return mutate_children(s);
}

namespace {

/// Applies `f` to each item; true when any changed. `out` is filled only then.
template <typename T, typename F>
bool mutate_list(const std::vector<T>& in, std::vector<T>* out, F f) {
  bool changed = false;
  for (size_t i = 0; i < in.size(); ++i) {
    T item = f(in[i]);
    if (!changed && !item.same_as(in[i])) {
      changed = true;
      out->assign(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(i));
      out->reserve(in.size());
    }
    if (changed) out->push_back(std::move(item));
  }
  return changed;
}

}  // namespace

Expr Mutator::mutate_children(const Expr& e) {
  if (!e.defined()) return e;
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
    case ExprKind::kVar:
      return e;
    case ExprKind::kCast: {
      const auto* n = as<CastNode>(e);
      Expr value = mutate(n->value);
      return value.same_as(n->value) ? e : cast(e.dtype().element(), std::move(value));
    }
    case ExprKind::kNot: {
      const auto* n = as<NotNode>(e);
      Expr value = mutate(n->value);
      return value.same_as(n->value) ? e : !std::move(value);
    }
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      Expr c = mutate(n->condition), t = mutate(n->true_value), f = mutate(n->false_value);
      if (c.same_as(n->condition) && t.same_as(n->true_value) && f.same_as(n->false_value)) return e;
      return select(std::move(c), std::move(t), std::move(f));
    }
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      Buffer buffer = mutate_buffer(n->buffer);
      std::vector<Expr> indices;
      const bool changed = mutate_list(n->indices, &indices, [&](const Expr& i) { return mutate(i); });
      Expr mask = n->mask.defined() ? mutate(n->mask) : n->mask;
      if (!changed && buffer.same_as(n->buffer) && mask.same_as(n->mask)) return e;
      return load(buffer, changed ? std::move(indices) : n->indices, std::move(mask));
    }
    case ExprKind::kCall: {
      const auto* n = as<CallNode>(e);
      std::vector<Expr> args;
      if (!mutate_list(n->args, &args, [&](const Expr& a) { return mutate(a); })) return e;
      if (n->op == Intrinsic::kExtern) return call_extern(n->dtype, n->name, std::move(args));
      if (n->op == Intrinsic::kReinterpret) return reinterpret(n->dtype.element(), std::move(args[0]));
      return call(n->op, std::move(args));
    }
    case ExprKind::kRamp: {
      const auto* n = as<RampNode>(e);
      Expr base = mutate(n->base), stride = mutate(n->stride);
      if (base.same_as(n->base) && stride.same_as(n->stride)) return e;
      return ramp(std::move(base), std::move(stride), e.dtype().lanes);
    }
    case ExprKind::kBroadcast: {
      const auto* n = as<BroadcastNode>(e);
      Expr value = mutate(n->value);
      return value.same_as(n->value) ? e : broadcast(std::move(value), e.dtype().lanes);
    }
    case ExprKind::kLet: {
      const auto* n = as<LetNode>(e);
      Expr value = mutate(n->value), body = mutate(n->body);
      if (value.same_as(n->value) && body.same_as(n->body)) return e;
      return make_let(n->var, std::move(value), std::move(body));
    }
    case ExprKind::kReduce: {
      const auto* n = as<ReduceNode>(e);
      auto copy = [&](const std::vector<Expr>& list) {
        std::vector<Expr> out;
        return mutate_list(list, &out, [&](const Expr& x) { return mutate(x); }) ? out : list;
      };
      std::vector<Expr> sources = copy(n->sources), init = copy(n->init);
      Expr condition = n->condition.defined() ? mutate(n->condition) : n->condition;
      bool same = condition.same_as(n->condition);
      for (size_t i = 0; same && i < sources.size(); ++i) same = sources[i].same_as(n->sources[i]);
      for (size_t i = 0; same && i < init.size(); ++i) same = init[i].same_as(n->init[i]);
      if (same) return e;
      return Expr(
          new ReduceNode(n->reducer, std::move(sources), std::move(init), n->axes, std::move(condition), n->index));
    }
    default: {
      const auto* n = as<BinaryNode>(e);
      Expr a = mutate(n->a), b = mutate(n->b);
      if (a.same_as(n->a) && b.same_as(n->b)) return e;
      return make_binary(e.kind(), std::move(a), std::move(b));
    }
  }
}

Stmt Mutator::mutate_children(const Stmt& s) {
  if (!s.defined()) return s;
  switch (s.kind()) {
    case StmtKind::kStore: {
      const auto* n = as<StoreNode>(s);
      Buffer buffer = mutate_buffer(n->buffer);
      std::vector<Expr> indices;
      const bool changed = mutate_list(n->indices, &indices, [&](const Expr& i) { return mutate(i); });
      Expr value = mutate(n->value);
      Expr mask = n->mask.defined() ? mutate(n->mask) : n->mask;
      if (!changed && buffer.same_as(n->buffer) && value.same_as(n->value) && mask.same_as(n->mask)) return s;
      return store(std::move(buffer), changed ? std::move(indices) : n->indices, std::move(value), std::move(mask));
    }
    case StmtKind::kFor: {
      const auto* n = as<ForNode>(s);
      Expr min = mutate(n->min), extent = mutate(n->extent);
      Stmt body = mutate(n->body);
      if (min.same_as(n->min) && extent.same_as(n->extent) && body.same_as(n->body)) return s;
      ForNode copy = *n;
      copy.min = std::move(min);
      copy.extent = std::move(extent);
      copy.body = std::move(body);
      return make_stmt(std::move(copy));
    }
    case StmtKind::kBlock: {
      const auto* n = as<BlockNode>(s);
      BlockNode copy = *n;
      bool changed = false;
      auto update = [&](auto& field, auto value) {
        if (!value.same_as(field)) {
          field = std::move(value);
          changed = true;
        }
      };
      for (IterVar& i : copy.iters) {
        update(i.domain.min, mutate(i.domain.min));
        update(i.domain.extent, mutate(i.domain.extent));
      }
      for (Expr& b : copy.bindings) update(b, mutate(b));
      if (copy.predicate.defined()) update(copy.predicate, mutate(copy.predicate));
      for (auto* regions : {&copy.reads, &copy.writes}) {
        for (BufferRegion& r : *regions) {
          update(r.buffer, mutate_buffer(r.buffer));
          for (Range& x : r.ranges) {
            update(x.min, mutate(x.min));
            update(x.extent, mutate(x.extent));
          }
        }
      }
      for (Buffer& b : copy.alloc_buffers) update(b, mutate_buffer(b));
      if (copy.init.defined()) update(copy.init, mutate(copy.init));
      update(copy.body, mutate(copy.body));
      return changed ? make_stmt(std::move(copy)) : s;
    }
    case StmtKind::kSeq: {
      std::vector<Stmt> items;
      if (!mutate_list(as<SeqNode>(s)->items, &items, [&](const Stmt& x) { return mutate(x); })) return s;
      return seq(std::move(items));
    }
    case StmtKind::kIf: {
      const auto* n = as<IfNode>(s);
      Expr c = mutate(n->condition);
      Stmt t = mutate(n->then_body), f = n->else_body.defined() ? mutate(n->else_body) : n->else_body;
      if (c.same_as(n->condition) && t.same_as(n->then_body) && f.same_as(n->else_body)) return s;
      return make_if(std::move(c), std::move(t), std::move(f));
    }
    case StmtKind::kLet: {
      const auto* n = as<LetStmtNode>(s);
      Expr value = mutate(n->value);
      Stmt body = mutate(n->body);
      if (value.same_as(n->value) && body.same_as(n->body)) return s;
      return make_let(n->var, std::move(value), std::move(body));
    }
    case StmtKind::kAssert: {
      const auto* n = as<AssertNode>(s);
      Expr c = mutate(n->condition);
      return c.same_as(n->condition) ? s : make_assert(std::move(c), n->message);
    }
    case StmtKind::kEvaluate: {
      const auto* n = as<EvaluateNode>(s);
      Expr value = mutate(n->value);
      return value.same_as(n->value) ? s : evaluate(std::move(value));
    }
    case StmtKind::kAlloc: {
      const auto* n = as<AllocNode>(s);
      Buffer buffer = mutate_buffer(n->buffer);
      Stmt body = mutate(n->body);
      if (buffer.same_as(n->buffer) && body.same_as(n->body)) return s;
      return alloc(std::move(buffer), std::move(body));
    }
  }
  return s;
}

// ---- Helpers

namespace {

class PostOrder : public Visitor {
 public:
  explicit PostOrder(const std::function<void(const Expr&)>& f) : f_(f) {}
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    visit_children(e);
    f_(e);
  }

 private:
  const std::function<void(const Expr&)>& f_;
};

class PreOrder : public Visitor {
 public:
  explicit PreOrder(const std::function<bool(const Stmt&)>& f) : f_(f) {}
  void visit(const Expr&) override {}
  void visit(const Stmt& s) override {
    if (s.defined() && f_(s)) visit_children(s);
  }

 private:
  const std::function<bool(const Stmt&)>& f_;
};

class DirectExprs : public Visitor {
 public:
  explicit DirectExprs(const std::function<void(const Expr&)>& f) : f_(f) {}
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (e.defined()) f_(e);
  }

 private:
  const std::function<void(const Expr&)>& f_;
};

class Substituter : public Mutator {
 public:
  explicit Substituter(const VarMap& map) : map_(map) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    if (e.defined() && e.kind() == ExprKind::kVar) {
      const auto it = map_.find(static_cast<const VarNode*>(e.get()));
      return it == map_.end() ? e : it->second;
    }
    return mutate_children(e);
  }

 private:
  const VarMap& map_;
};

class BufferReplacer : public Mutator {
 public:
  explicit BufferReplacer(const BufferMap& map) : map_(map) {}
  Buffer mutate_buffer(const Buffer& b) override {
    const auto it = map_.find(b.get());
    return it == map_.end() ? b : it->second;
  }

 private:
  const BufferMap& map_;
};

class VarFinder : public Visitor {
 public:
  explicit VarFinder(const std::function<bool(const VarNode*)>& f) : f_(f) {}
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (found || !e.defined()) return;
    if (e.kind() == ExprKind::kVar)
      found = f_(static_cast<const VarNode*>(e.get()));
    else
      visit_children(e);
  }
  bool found = false;

 private:
  const std::function<bool(const VarNode*)>& f_;
};

}  // namespace

void post_order(const Expr& e, const std::function<void(const Expr&)>& f) {
  PostOrder(f).visit(e);
}
void pre_order(const Stmt& s, const std::function<bool(const Stmt&)>& f) {
  PreOrder(f).visit(s);
}
void for_each_expr(const Stmt& s, const std::function<void(const Expr&)>& f) {
  DirectExprs(f).visit(s);
}
Expr substitute(const Expr& e, const VarMap& map) {
  return map.empty() ? e : Substituter(map).mutate(e);
}
Stmt substitute(const Stmt& s, const VarMap& map) {
  return map.empty() ? s : Substituter(map).mutate(s);
}
Stmt replace_buffers(const Stmt& s, const BufferMap& map) {
  return map.empty() ? s : BufferReplacer(map).mutate(s);
}
bool uses_any_var(const Expr& e, const std::function<bool(const VarNode*)>& f) {
  VarFinder finder(f);
  finder.visit(e);
  return finder.found;
}
bool uses_var(const Expr& e, const VarNode* var) {
  return uses_any_var(e, [var](const VarNode* v) { return v == var; });
}

}  // namespace tilewright::tir
