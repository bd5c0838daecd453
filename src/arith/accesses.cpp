// What a statement reads and writes.
#include <optional>

#include "arith/set_eval.h"
#include "tilewright/arith/region.h"

namespace tilewright::arith {

using namespace tir;

namespace {

class AccessCollector : public Visitor {
 public:
  explicit AccessCollector(Analyzer& analyzer) : analyzer_(analyzer) {}
  using Visitor::visit;

  void visit(const Expr& e) override {
    if (!e.defined()) return;
    switch (e.kind()) {
      case ExprKind::kLoad: {
        const auto* n = as<LoadNode>(e);
        for (const Expr& i : n->indices) visit(i);
        const Condition guard(this, n->mask.defined() && n->mask.dtype() == kBool ? n->mask : Expr());
        if (n->mask.defined()) visit(n->mask);
        return access(&out.reads, n->buffer, n->indices);
      }
      case ExprKind::kSelect: {
        const auto* n = as<SelectNode>(e);
        visit(n->condition);
        const bool scalar = n->condition.dtype() == kBool;
        {
          const Condition guard(this, scalar ? n->condition : Expr());
          visit(n->true_value);
        }
        const Condition guard(this, scalar ? !n->condition : Expr());
        return visit(n->false_value);
      }
      case ExprKind::kAnd:
      case ExprKind::kOr: {
        const auto* n = as<BinaryNode>(e);
        visit(n->a);
        const bool scalar = n->a.dtype() == kBool;
        const Condition guard(this, !scalar ? Expr() : e.kind() == ExprKind::kAnd ? n->a : !n->a);
        return visit(n->b);
      }
      case ExprKind::kCall: {
        const auto* n = as<CallNode>(e);
        if (n->op != Intrinsic::kAddressOf) return visit_children(e);
        // Who has the address may read and write anything.
        const auto* l = as<LoadNode>(n->args[0]);
        for (const Expr& i : l->indices) visit(i);
        whole(&out.reads, l->buffer);
        return whole(&out.writes, l->buffer);
      }
      case ExprKind::kLet: {
        const auto* n = as<LetNode>(e);
        visit(n->value);
        lets_.emplace(n->var.get(), substitute(n->value, lets_));
        visit(n->body);
        lets_.erase(n->var.get());
        return;
      }
      default:
        return visit_children(e);
    }
  }

  void visit(const Stmt& s) override {
    if (!s.defined()) return;
    switch (s.kind()) {
      case StmtKind::kStore: {
        const auto* n = as<StoreNode>(s);
        for (const Expr& i : n->indices) visit(i);
        const Condition guard(this, n->mask.defined() && n->mask.dtype() == kBool ? n->mask : Expr());
        if (n->mask.defined()) visit(n->mask);
        visit(n->value);
        return access(&out.writes, n->buffer, n->indices);
      }
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(s);
        visit(n->min);
        visit(n->extent);
        const Expr low = substitute(n->min, lets_), extent = substitute(n->extent, lets_);
        domains_[n->var.get()] = IntSet::from_range({low, extent});
        visit(n->body);
        domains_.erase(n->var.get());
        return;
      }
      case StmtKind::kBlock:
        return visit_block(as<BlockNode>(s));
      case StmtKind::kIf: {
        const auto* n = as<IfNode>(s);
        visit(n->condition);
        {
          const Condition guard(this, n->condition);
          visit(n->then_body);
        }
        const Condition guard(this, !n->condition);
        return visit(n->else_body);
      }
      case StmtKind::kLet: {
        const auto* n = as<LetStmtNode>(s);
        visit(n->value);
        lets_.emplace(n->var.get(), substitute(n->value, lets_));
        visit(n->body);
        lets_.erase(n->var.get());
        return;
      }
      case StmtKind::kAlloc: {
        const auto* n = as<AllocNode>(s);
        local_.push_back(n->buffer.get());
        return visit(n->body);
      }
      default:
        return visit_children(s);
    }
  }

  Accesses out;

 private:
  /// A condition that holds while this lives.
  struct Condition {
    Condition(AccessCollector* c, const Expr& e) : collector(c), active(e.defined()) {
      if (active) c->conditions_.push_back(substitute(e, c->lets_));
    }
    ~Condition() {
      if (active) collector->conditions_.pop_back();
    }
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    AccessCollector* collector;
    bool active;
  };

  void visit_block(const BlockNode* n) {
    for (const Expr& b : n->bindings) visit(b);
    if (n->predicate.defined()) visit(n->predicate);
    const Condition guard(this, n->predicate);
    VarMap map = lets_;
    for (size_t i = 0; i < n->iters.size(); ++i) map[n->iters[i].var.get()] = substitute(n->bindings[i], lets_);
    for (auto* regions : {&n->reads, &n->writes}) {
      for (const BufferRegion& r : *regions) {
        BufferRegion region = r;
        for (Range& x : region.ranges) x = {substitute(x.min, map), substitute(x.extent, map)};
        bool local = false;
        for (const Buffer& b : n->alloc_buffers) local |= b.same_as(r.buffer);
        if (!local) add(regions == &n->reads ? &out.reads : &out.writes, region);
      }
    }
  }

  void whole(std::vector<BufferRegion>* list, const Buffer& buffer) {
    BufferRegion region{buffer, {}};
    for (const Expr& extent : buffer.shape()) region.ranges.push_back({Expr(0), extent});
    add(list, region);
  }

  void access(std::vector<BufferRegion>* list, const Buffer& buffer, const std::vector<Expr>& indices) {
    BufferRegion region{buffer, {}};
    for (size_t i = 0; i < indices.size(); ++i) {
      const Expr& index = indices[i];
      int64_t stride;
      if (const auto* r = as<RampNode>(index); r && is_const_int(r->stride, &stride)) {
        int64_t span;
        if (stride < 0 || __builtin_mul_overflow(stride, index.dtype().lanes - 1, &span)) return whole(list, buffer);
        region.ranges.push_back({substitute(r->base, lets_), Expr(span + 1)});
      } else if (const auto* b = as<BroadcastNode>(index)) {
        region.ranges.push_back({substitute(b->value, lets_), Expr(1)});
      } else if (index.dtype().lanes == 1) {
        region.ranges.push_back({substitute(index, lets_), Expr(1)});
      } else {
        region.ranges.push_back({Expr(0), buffer.shape()[i]});
      }
    }
    add(list, region);
  }

  void add(std::vector<BufferRegion>* list, const BufferRegion& region) {
    for (const BufferNode* b : local_) {
      if (region.buffer.get() == b) return;
    }
    BufferRegion found{region.buffer, {}};
    if (domains_.empty() && conditions_.empty()) {
      for (const Range& r : region.ranges)
        found.ranges.push_back({analyzer_.simplify(r.min), analyzer_.simplify(r.extent)});
    } else {
      SetEvaluator evaluator(analyzer_.engine(), domains_);
      for (const Expr& c : conditions_) evaluator.assume(c);
      found.ranges = region_hull(region, evaluator);
    }
    for (BufferRegion& r : *list) {
      if (!r.buffer.same_as(region.buffer)) continue;
      r.ranges = region_union(r.ranges, found.ranges, analyzer_);
      return;
    }
    list->push_back(std::move(found));
  }

  Analyzer& analyzer_;
  IntSetMap domains_;
  VarMap lets_;
  std::vector<Expr> conditions_;
  std::vector<const BufferNode*> local_;
};

}  // namespace

Accesses detect_accesses(const Stmt& stmt, Analyzer& analyzer) {
  AccessCollector collector(analyzer);
  collector.visit(stmt);
  return std::move(collector.out);
}

}  // namespace tilewright::arith
