#include <algorithm>
#include <bit>
#include <unordered_map>

#include "tilewright/tir/visit.h"

namespace tilewright::tir {
namespace {

/// Doubles by their bits, so that a NaN equals itself.
bool same_annotations(const Annotations& a, const Annotations& b) {
  const auto same_item = [](const auto& x, const auto& y) {
    const auto *f = std::get_if<double>(&x.second), *g = std::get_if<double>(&y.second);
    if (f && g) return x.first == y.first && std::bit_cast<uint64_t>(*f) == std::bit_cast<uint64_t>(*g);
    return x == y;
  };
  return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), same_item);
}

/// Compares two programs while it pairs what each defines.
class Equal {
 public:
  bool function(const PrimFuncNode& a, const PrimFuncNode& b);
  bool same(const Expr& a, const Expr& b);
  bool same(const Stmt& a, const Stmt& b);

 private:
  bool same(const std::vector<Expr>& a, const std::vector<Expr>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const Expr& x, const Expr& y) { return same(x, y); });
  }
  bool same(const Range& a, const Range& b) { return same(a.min, b.min) && same(a.extent, b.extent); }
  bool same(const std::vector<BufferRegion>& a, const std::vector<BufferRegion>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const BufferRegion& x, const BufferRegion& y) {
      return use(x.buffer, y.buffer) && std::equal(x.ranges.begin(), x.ranges.end(), y.ranges.begin(), y.ranges.end(),
                                                   [&](const Range& r, const Range& q) { return same(r, q); });
    });
  }
  bool same(const ReduceNode& a, const ReduceNode& b);
  bool same(const BlockNode& a, const BlockNode& b);

  void pair(const void* a, const void* b) {
    forward_[a] = b;
    backward_[b] = a;
    renamed_ |= a != b;
  }
  bool bind(const Var& a, const Var& b) {
    if (!a.defined() || !b.defined()) return a.defined() == b.defined();
    if (a.dtype() != b.dtype()) return false;
    pair(a.get(), b.get());
    return true;
  }
  bool declare(const Buffer& a, const Buffer& b);
  /// Paired with each other; or, where neither is paired, one node (or, if `open`, a new pair).
  bool use_var(const VarNode* a, const VarNode* b) {
    const auto x = forward_.find(a);
    const auto y = backward_.find(b);
    if (x != forward_.end() || y != backward_.end())
      return x != forward_.end() && y != backward_.end() && x->second == b && y->second == a;
    if (a == b) return true;
    if (!open_sizes_ || a->dtype != b->dtype) return false;
    pair(a, b);
    return true;
  }
  bool use(const Buffer& a, const Buffer& b) {
    if (!a.defined() || !b.defined()) return a.defined() == b.defined();
    const auto x = forward_.find(a.get());
    const auto y = backward_.find(b.get());
    if (x != forward_.end() || y != backward_.end())
      return x != forward_.end() && y != backward_.end() && x->second == b.get() && y->second == a.get();
    return a.same_as(b) || (open_buffers_ && declare(a, b));
  }

  std::unordered_map<const void*, const void*> forward_, backward_;
  bool renamed_ = false;  // while false, one node on both sides means equality
  bool open_sizes_ = false, open_buffers_ = false;
};

bool Equal::declare(const Buffer& a, const Buffer& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.name() != b.name() || a.dtype() != b.dtype() || a.scope() != b.scope() || a->alignment != b->alignment ||
      a->layout.defined() != b->layout.defined() || !same(a.shape(), b.shape()))
    return false;
  pair(a.get(), b.get());
  if (!a->layout.defined()) return true;
  const IndexMapNode &x = *a->layout, &y = *b->layout;
  return std::equal(x.inputs.begin(), x.inputs.end(), y.inputs.begin(), y.inputs.end(),
                    [&](const Var& i, const Var& j) { return bind(i, j); }) &&
         same(x.outputs, y.outputs) && same(x.output_shape, y.output_shape);
}

bool Equal::function(const PrimFuncNode& a, const PrimFuncNode& b) {
  if (a.name != b.name || a.params.size() != b.params.size() || !same_annotations(a.attributes, b.attributes))
    return false;
  for (size_t i = 0; i < a.params.size(); ++i) {
    if (!bind(a.params[i].scalar, b.params[i].scalar)) return false;
  }
  open_sizes_ = true;
  for (size_t i = 0; i < a.params.size(); ++i) {
    if (!declare(a.params[i].buffer, b.params[i].buffer)) return false;
  }
  open_sizes_ = false;
  open_buffers_ = true;
  return same(a.assumptions, b.assumptions) && same(a.body, b.body);
}

bool Equal::same(const ReduceNode& a, const ReduceNode& b) {
  return a.reducer.same_as(b.reducer) && a.index == b.index &&
         std::equal(a.axes.begin(), a.axes.end(), b.axes.begin(), b.axes.end(),
                    [&](const IterVar& x, const IterVar& y) {
                      return x.kind == y.kind && same(x.domain, y.domain) && bind(x.var, y.var);
                    }) &&
         same(a.sources, b.sources) && same(a.init, b.init) && same(a.condition, b.condition);
}

bool Equal::same(const Expr& a, const Expr& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.same_as(b) && !renamed_) return true;
  if (a.kind() != b.kind() || a.dtype() != b.dtype()) return false;
  switch (a.kind()) {
    case ExprKind::kIntImm:
      return as<IntImmNode>(a)->value == as<IntImmNode>(b)->value;
    case ExprKind::kFloatImm:
      return std::bit_cast<uint64_t>(as<FloatImmNode>(a)->value) == std::bit_cast<uint64_t>(as<FloatImmNode>(b)->value);
    case ExprKind::kVar:
      return use_var(as<VarNode>(a), as<VarNode>(b));
    case ExprKind::kCast:
      return same(as<CastNode>(a)->value, as<CastNode>(b)->value);
    case ExprKind::kNot:
      return same(as<NotNode>(a)->value, as<NotNode>(b)->value);
    case ExprKind::kSelect: {
      const auto *x = as<SelectNode>(a), *y = as<SelectNode>(b);
      return same(x->condition, y->condition) && same(x->true_value, y->true_value) &&
             same(x->false_value, y->false_value);
    }
    case ExprKind::kLoad: {
      const auto *x = as<LoadNode>(a), *y = as<LoadNode>(b);
      return use(x->buffer, y->buffer) && same(x->indices, y->indices) && same(x->mask, y->mask);
    }
    case ExprKind::kCall: {
      const auto *x = as<CallNode>(a), *y = as<CallNode>(b);
      return x->op == y->op && x->name == y->name && same(x->args, y->args);
    }
    case ExprKind::kRamp: {
      const auto *x = as<RampNode>(a), *y = as<RampNode>(b);
      return same(x->base, y->base) && same(x->stride, y->stride);
    }
    case ExprKind::kBroadcast:
      return same(as<BroadcastNode>(a)->value, as<BroadcastNode>(b)->value);
    case ExprKind::kLet: {
      const auto *x = as<LetNode>(a), *y = as<LetNode>(b);
      return same(x->value, y->value) && bind(x->var, y->var) && same(x->body, y->body);
    }
    case ExprKind::kReduce:
      return same(*as<ReduceNode>(a), *as<ReduceNode>(b));
    default: {
      const auto *x = as<BinaryNode>(a), *y = as<BinaryNode>(b);
      return same(x->a, y->a) && same(x->b, y->b);
    }
  }
}

bool Equal::same(const BlockNode& a, const BlockNode& b) {
  if (a.name != b.name || a.iters.size() != b.iters.size() || a.alloc_buffers.size() != b.alloc_buffers.size() ||
      !same_annotations(a.annotations, b.annotations) || !same(a.bindings, b.bindings) ||
      !same(a.predicate, b.predicate))
    return false;
  for (size_t i = 0; i < a.iters.size(); ++i) {
    if (a.iters[i].kind != b.iters[i].kind || !same(a.iters[i].domain, b.iters[i].domain)) return false;
  }
  for (size_t i = 0; i < a.iters.size(); ++i) {
    if (!bind(a.iters[i].var, b.iters[i].var)) return false;
  }
  if (!same(a.reads, b.reads) || !same(a.writes, b.writes)) return false;
  for (size_t i = 0; i < a.alloc_buffers.size(); ++i) {
    if (!declare(a.alloc_buffers[i], b.alloc_buffers[i])) return false;
  }
  return same(a.init, b.init) && same(a.body, b.body);
}

bool Equal::same(const Stmt& a, const Stmt& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.same_as(b) && !renamed_) return true;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case StmtKind::kStore: {
      const auto *x = as<StoreNode>(a), *y = as<StoreNode>(b);
      return use(x->buffer, y->buffer) && same(x->indices, y->indices) && same(x->value, y->value) &&
             same(x->mask, y->mask);
    }
    case StmtKind::kFor: {
      const auto *x = as<ForNode>(a), *y = as<ForNode>(b);
      return x->loop_kind == y->loop_kind && x->thread == y->thread &&
             same_annotations(x->annotations, y->annotations) && same(x->min, y->min) && same(x->extent, y->extent) &&
             bind(x->var, y->var) && same(x->body, y->body);
    }
    case StmtKind::kBlock:
      return same(*as<BlockNode>(a), *as<BlockNode>(b));
    case StmtKind::kSeq: {
      const auto *x = as<SeqNode>(a), *y = as<SeqNode>(b);
      return std::equal(x->items.begin(), x->items.end(), y->items.begin(), y->items.end(),
                        [&](const Stmt& s, const Stmt& t) { return same(s, t); });
    }
    case StmtKind::kIf: {
      const auto *x = as<IfNode>(a), *y = as<IfNode>(b);
      return same(x->condition, y->condition) && same(x->then_body, y->then_body) && same(x->else_body, y->else_body);
    }
    case StmtKind::kLet: {
      const auto *x = as<LetStmtNode>(a), *y = as<LetStmtNode>(b);
      return same(x->value, y->value) && bind(x->var, y->var) && same(x->body, y->body);
    }
    case StmtKind::kAssert: {
      const auto *x = as<AssertNode>(a), *y = as<AssertNode>(b);
      return x->message == y->message && same(x->condition, y->condition);
    }
    case StmtKind::kEvaluate:
      return same(as<EvaluateNode>(a)->value, as<EvaluateNode>(b)->value);
    case StmtKind::kAlloc: {
      const auto *x = as<AllocNode>(a), *y = as<AllocNode>(b);
      return declare(x->buffer, y->buffer) && same(x->body, y->body);
    }
  }
  return false;
}

}  // namespace

bool structural_equal(const Expr& a, const Expr& b) {
  return Equal().same(a, b);
}
bool structural_equal(const Stmt& a, const Stmt& b) {
  return Equal().same(a, b);
}
bool structural_equal(const PrimFunc& a, const PrimFunc& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return Equal().function(*a.get(), *b.get());
}

}  // namespace tilewright::tir
