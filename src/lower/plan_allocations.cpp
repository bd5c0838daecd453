#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lower/affine_condition.h"
#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT
using arith::IntSet;

/// How often each buffer is named below each statement would be quadratic; one walk per buffer over the part of the
/// tree that has it is enough, because placing descends.
class UseFinder : public Visitor {
 public:
  explicit UseFinder(const BufferNode* b) : buffer_(b) {}
  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (found || !s.defined()) return;
    if (const auto* n = as<StoreNode>(s)) found |= n->buffer.get() == buffer_;
    if (!found) visit_children(s);
  }
  void visit(const Expr& e) override {
    if (found || !e.defined()) return;
    if (const auto* n = as<LoadNode>(e)) found |= n->buffer.get() == buffer_;
    if (!found) visit_children(e);
  }
  bool found = false;

 private:
  const BufferNode* buffer_;
};

bool uses(const Stmt& s, const Buffer& b) {
  UseFinder finder(b.get());
  finder.visit(s);
  return finder.found;
}
bool uses(const Expr& e, const Buffer& b) {
  UseFinder finder(b.get());
  finder.visit(e);
  return finder.found;
}

/// Decides whether one iteration of a loop may read what an earlier one wrote: whether some read is not surely covered
/// by writes before it in the same iteration. Says yes when in doubt.
class CarryTest {
 public:
  CarryTest(const Buffer& buffer, arith::Analyzer analyzer) : buffer_(buffer), analyzer_(std::move(analyzer)) {}

  bool carried(const ForNode& loop) {
    analyzer_.bind(loop.var, Range{loop.min, loop.extent});
    walk(loop.body);
    return carried_;
  }

 private:
  using Box = std::vector<IntSet>;
  struct Write {
    Box box;
    std::vector<Expr> conditions;
  };

  void walk(const Stmt& s) {
    if (carried_ || !s.defined() || !uses(s, buffer_)) return;
    if (const auto* n = as<ForNode>(s)) {
      const Expr min = substitute(n->min, iters_), extent = substitute(n->extent, iters_);
      const LoopScope scope(analyzer_, n->var, Range{min, extent});
      inner_[n->var.get()] = IntSet::from_range({min, extent});
      walk(n->body);
    } else if (const auto* n = as<SeqNode>(s)) {
      for (const Stmt& item : n->items) walk(item);
    } else if (const auto* n = as<BlockNode>(s)) {
      const size_t outer_guards = guards_.size();
      if (n->predicate.defined()) split_conjunction(substitute(n->predicate, iters_), &guards_);
      for (size_t i = 0; i < n->iters.size(); ++i) iters_[n->iters[i].var.get()] = substitute(n->bindings[i], iters_);
      bool nested = false;
      pre_order(n->body, [&](const Stmt& x) { return !(nested |= x.kind() == StmtKind::kBlock); });
      if (nested && !n->init.defined())
        walk(n->body);
      else
        instance(*n);
      guards_.resize(outer_guards);
    } else if (const auto* n = as<AllocNode>(s)) {
      walk(n->body);
    } else if (const auto* n = as<StoreNode>(s); n && !uses(n->value, buffer_) && !n->mask.defined()) {
      Write w;
      for (const Expr& index : n->indices) w.box.push_back(point(index));
      w.conditions = outer_guards(n->indices);
      written_.push_back(std::move(w));
    } else {
      carried_ = true;
    }
  }

  void instance(const BlockNode& block) {
    bool starts_inside = block.init.defined();
    for (size_t i = 0; i < block.iters.size(); ++i) {
      if (block.iters[i].kind != IterKind::kReduce) continue;
      const Expr binding = iters_.at(block.iters[i].var.get());
      starts_inside &= !uses_any_var(binding, [&](const VarNode* v) { return !inner_.count(v); });
    }
    for (const BufferRegion& r : block.reads) {
      if (!r.buffer.same_as(buffer_)) continue;
      if (starts_inside && std::any_of(block.writes.begin(), block.writes.end(),
                                       [&](const BufferRegion& w) { return same_region(w, r); }))
        continue;
      const Box box = box_of(r);
      if (std::none_of(written_.begin(), written_.end(),
                       [&](const Write& w) { return runs_with(w) && contains(w.box, box); })) {
        carried_ = true;
        return;
      }
    }
    for (const BufferRegion& w : block.writes) {
      if (!w.buffer.same_as(buffer_)) continue;
      std::vector<Expr> indices;
      for (const Range& r : w.ranges) indices.push_back(r.min);
      written_.push_back({box_of(w), outer_guards(indices)});
    }
  }

  /// The guards in force that depend on the loop in question or the loops around it: whether an iteration writes at
  /// all. Those that only keep an index inside the buffer are left out, because nobody reads outside.
  std::vector<Expr> outer_guards(const std::vector<Expr>& indices) {
    std::vector<Expr> out;
    for (const Expr& g : guards_) {
      if (!uses_any_var(g, [&](const VarNode* v) { return !inner_.count(v); }) || analyzer_.can_prove(g)) continue;
      const Expr form = nonnegative_form(g);
      bool clips = false;
      for (size_t d = 0; form.defined() && d < indices.size(); ++d) {
        const Expr index = substitute(indices[d], iters_);
        clips = clips || analyzer_.can_prove_equal(form, buffer_.shape()[d] - 1 - index);
      }
      if (!clips) out.push_back(g);
    }
    return out;
  }
  /// The current place is reached only where the write was.
  bool runs_with(const Write& w) const {
    return std::all_of(w.conditions.begin(), w.conditions.end(), [&](const Expr& c) {
      return std::any_of(guards_.begin(), guards_.end(), [&](const Expr& g) { return structural_equal(g, c); });
    });
  }

  static bool same_region(const BufferRegion& a, const BufferRegion& b) {
    if (!a.buffer.same_as(b.buffer)) return false;
    for (size_t i = 0; i < a.ranges.size(); ++i) {
      if (!structural_equal(a.ranges[i].min, b.ranges[i].min) ||
          !structural_equal(a.ranges[i].extent, b.ranges[i].extent))
        return false;
    }
    return true;
  }
  IntSet point(const Expr& index) { return analyzer_.eval_set(substitute(index, iters_), inner_); }
  Box box_of(const BufferRegion& region) {
    Box box;
    for (const Range& r : region.ranges) {
      IntSet first = point(r.min);
      IntSet last = is_const_int(r.extent, 1) ? first : point(r.min + r.extent - 1);
      box.push_back({first.min, last.max});
    }
    return box;
  }
  /// Parts of `inner` outside the buffer are never touched.
  bool contains(const Box& outer, const Box& inner) {
    for (size_t i = 0; i < outer.size(); ++i) {
      if (!outer[i].bounded()) return false;
      const Expr end = buffer_.shape()[i] - 1;
      const bool low = analyzer_.can_prove_ge(Expr(0), outer[i].min) ||
                       (inner[i].min.defined() && analyzer_.can_prove_ge(inner[i].min, outer[i].min));
      if (!low) return false;
      const bool high = analyzer_.can_prove_ge(outer[i].max, end) ||
                        (inner[i].max.defined() && analyzer_.can_prove_ge(outer[i].max, inner[i].max));
      if (!high) return false;
    }
    return true;
  }

  Buffer buffer_;
  arith::Analyzer analyzer_;
  arith::IntSetMap inner_;
  VarMap iters_;
  std::vector<Write> written_;
  std::vector<Expr> guards_;  // of the blocks around, over loop variables
  bool carried_ = false;
};

class Placer {
 public:
  explicit Placer(arith::Analyzer analyzer) : analyzer_(std::move(analyzer)) {}

  /// Allocations to wrap around statements.
  std::unordered_map<const StmtNode*, std::vector<Buffer>> around;

  void place(const Buffer& b, Stmt s) {
    arith::Analyzer scope = analyzer_;
    if (!uses(s, b)) return;
    for (;;) {
      Stmt next = inner(b, s, scope);
      if (!next.defined()) break;
      s = next;
    }
    around[s.get()].push_back(b);
  }

 private:
  /// Whether a parallel loop at or below `s` holds all uses: its iterations have the buffer each to itself, so that no
  /// loop around it carries a value.
  bool private_in(const Buffer& b, Stmt s, arith::Analyzer scope) {
    for (; s.defined(); s = inner(b, s, scope, /*check_carried=*/false)) {
      if (const auto* n = as<ForNode>(s); n && n->loop_kind == ForKind::kParallel) return true;
    }
    return false;
  }

  /// The child to which the allocation may move, or null.
  Stmt inner(const Buffer& b, const Stmt& s, arith::Analyzer& scope, bool check_carried = true) {
    if (const auto* n = as<SeqNode>(s)) {
      Stmt only;
      for (const Stmt& item : n->items) {
        if (!uses(item, b)) continue;
        if (only.defined()) return nullptr;
        only = item;
      }
      return only;
    }
    if (const auto* n = as<ForNode>(s)) {
      if (check_carried && !private_in(b, s, scope) && CarryTest(b, scope).carried(*n)) return nullptr;
      scope.bind(n->var, Range{n->min, n->extent});
      return n->body;
    }
    if (const auto* n = as<BlockNode>(s)) {
      bool nested = false;
      pre_order(n->body, [&](const Stmt& x) { return !(nested |= x.kind() == StmtKind::kBlock); });
      if (!nested || (n->init.defined() && uses(n->init, b))) return nullptr;
      for (const Expr& x : n->bindings) {
        if (uses(x, b)) return nullptr;
      }
      if (n->predicate.defined() && uses(n->predicate, b)) return nullptr;
      for (size_t i = 0; i < n->iters.size(); ++i) scope.bind(n->iters[i].var, n->iters[i].domain);
      return n->body;
    }
    if (const auto* n = as<IfNode>(s)) {
      if (n->else_body.defined() || uses(n->condition, b)) return nullptr;
      return n->then_body;
    }
    if (const auto* n = as<LetStmtNode>(s)) return uses(n->value, b) ? Stmt() : n->body;
    if (const auto* n = as<AllocNode>(s)) return n->body;
    return nullptr;
  }

  arith::Analyzer analyzer_;
};

class Wrapper : public Mutator {
 public:
  explicit Wrapper(const Placer& placer) : placer_(placer) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    Stmt result;
    if (const auto* n = as<BlockNode>(s)) {
      BlockNode copy = *n;
      copy.alloc_buffers.clear();
      copy.body = mutate(n->body);
      result = make_stmt(std::move(copy));
    } else {
      result = mutate_children(s);
    }
    const auto found = placer_.around.find(s.get());
    if (found != placer_.around.end()) {
      for (const Buffer& b : found->second) result = alloc(b, std::move(result));
    }
    return result;
  }

 private:
  const Placer& placer_;
};

}  // namespace

PrimFunc plan_allocations(const PrimFunc& func, const LowerOptions&) {
  arith::Analyzer analyzer;
  bind_function(func, &analyzer);
  Placer placer(analyzer);
  bool any = false;
  pre_order(func->body, [&](const Stmt& s) {
    if (const auto* n = as<BlockNode>(s)) {
      for (const Buffer& b : n->alloc_buffers) {
        placer.place(b, n->body);
        any = true;
      }
    }
    return true;
  });
  return any ? func.with_body(Wrapper(placer).mutate(func->body)) : func;
}

}  // namespace tilewright::lower
