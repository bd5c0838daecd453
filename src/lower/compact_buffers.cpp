#include <unordered_map>

#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT
using arith::IntSet;

/// What is known about one allocation while its body is read.
struct Use {
  Buffer buffer;
  size_t depth = 0;  // loops around the allocation
  std::vector<IntSet> box;
  bool any = false;
};

/// Collects the box of indices of every allocation, over the loops inside its scope.
class BoxCollector : public Visitor {
 public:
  explicit BoxCollector(arith::Analyzer analyzer) : analyzer_(std::move(analyzer)) {}
  std::unordered_map<const BufferNode*, Use> found;
  arith::Analyzer& analyzer() { return analyzer_; }

  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (const auto* n = as<ForNode>(s)) {
      visit(n->min);
      visit(n->extent);
      const LoopScope scope(analyzer_, n->var, Range{n->min, n->extent});
      loops_.emplace_back(n->var, IntSet::from_range({n->min, n->extent}));
      visit(n->body);
      loops_.pop_back();
      return;
    }
    if (const auto* n = as<LetStmtNode>(s)) {
      // A value made inside: nothing is known about it, and it must not appear in a bound.
      visit(n->value);
      loops_.emplace_back(n->var, IntSet{});
      visit(n->body);
      loops_.pop_back();
      return;
    }
    if (const auto* n = as<AllocNode>(s)) {
      Use use;
      use.buffer = n->buffer;
      use.depth = loops_.size();
      use.box.resize(n->buffer.shape().size());
      found[n->buffer.get()] = std::move(use);
      return visit(n->body);
    }
    if (const auto* n = as<StoreNode>(s)) access(n->buffer, n->indices);
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (const auto* n = as<LoadNode>(e)) access(n->buffer, n->indices);
    if (const auto* n = as<LetNode>(e)) {
      visit(n->value);
      loops_.emplace_back(n->var, IntSet{});
      visit(n->body);
      loops_.pop_back();
      return;
    }
    visit_children(e);
  }

 private:
  void access(const Buffer& buffer, const std::vector<Expr>& indices) {
    const auto it = found.find(buffer.get());
    if (it == found.end()) return;
    Use& use = it->second;
    arith::IntSetMap inner;
    for (size_t i = use.depth; i < loops_.size(); ++i) inner[loops_[i].first.get()] = loops_[i].second;
    const auto is_inner = [&](const VarNode* v) { return inner.count(v) != 0; };
    for (size_t d = 0; d < indices.size(); ++d) {
      IntSet set = analyzer_.eval_set(indices[d], inner);
      if (set.min.defined() && uses_any_var(set.min, is_inner)) set.min = nullptr;
      if (set.max.defined() && uses_any_var(set.max, is_inner)) set.max = nullptr;
      IntSet& box = use.box[d];
      if (!use.any) {
        box = set;
        continue;
      }
      box.min = outermost(box.min, set.min, false);
      box.max = outermost(box.max, set.max, true);
    }
    use.any = true;
  }
  Expr outermost(const Expr& a, const Expr& b, bool upper) {
    if (!a.defined() || !b.defined()) return nullptr;
    if (analyzer_.can_prove_ge(a, b)) return upper ? a : b;
    if (analyzer_.can_prove_ge(b, a)) return upper ? b : a;
    return upper ? max(a, b) : min(a, b);
  }

  arith::Analyzer analyzer_;
  std::vector<std::pair<Var, IntSet>> loops_;
};

struct Shrunk {
  Buffer buffer;
  std::vector<Expr> origin;  // null: the dimension stays
};

class Compactor : public Mutator {
 public:
  explicit Compactor(std::unordered_map<const BufferNode*, Shrunk> shrunk) : shrunk_(std::move(shrunk)) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* n = as<LoadNode>(e);
    if (n && shrunk_.count(n->buffer.get())) {
      const Shrunk& to = shrunk_.at(n->buffer.get());
      return load(to.buffer, shift(n->indices, to), n->mask.defined() ? mutate(n->mask) : n->mask);
    }
    return mutate_children(e);
  }
  Stmt mutate(const Stmt& s) override {
    const auto* n = as<StoreNode>(s);
    if (n && shrunk_.count(n->buffer.get())) {
      const Shrunk& to = shrunk_.at(n->buffer.get());
      return store(to.buffer, shift(n->indices, to), mutate(n->value), n->mask.defined() ? mutate(n->mask) : n->mask);
    }
    return mutate_children(s);
  }
  Buffer mutate_buffer(const Buffer& b) override {
    const auto it = shrunk_.find(b.get());
    return it == shrunk_.end() ? b : it->second.buffer;
  }

 private:
  std::vector<Expr> shift(const std::vector<Expr>& indices, const Shrunk& to) {
    std::vector<Expr> out;
    for (size_t i = 0; i < indices.size(); ++i) {
      Expr index = mutate(indices[i]);
      out.push_back(to.origin[i].defined() ? index - to.origin[i] : index);
    }
    return out;
  }
  std::unordered_map<const BufferNode*, Shrunk> shrunk_;
};

}  // namespace

PrimFunc compact_buffers(const PrimFunc& func, const LowerOptions&) {
  arith::Analyzer analyzer;
  bind_function(func, &analyzer);
  BoxCollector boxes(std::move(analyzer));
  boxes.visit(func->body);
  std::unordered_map<const BufferNode*, Shrunk> shrunk;
  for (auto& [node, use] : boxes.found) {
    // A layout map is over the whole logical shape; a part of it has no such map.
    if (node->layout.defined() || !use.any) continue;
    Shrunk to;
    std::vector<Expr> shape;
    bool changed = false;
    for (size_t d = 0; d < node->shape.size(); ++d) {
      const IntSet& set = use.box[d];
      Expr extent = node->shape[d], origin;
      if (set.bounded()) {
        const arith::ConstBound length = boxes.analyzer().const_bound(boxes.analyzer().simplify(set.max - set.min + 1));
        int64_t whole = 0;
        const bool constant = is_const_int(node->shape[d], &whole);
        if (length.max != arith::ConstBound::kPosInf && length.max >= 1 && (!constant || length.max < whole)) {
          extent = make_int(kI64, length.max);
          origin = is_const_int(set.min, 0) ? Expr() : set.min;
          changed = true;
        }
      }
      shape.push_back(extent);
      to.origin.push_back(origin);
    }
    if (!changed) continue;
    to.buffer = Buffer(node->name, node->dtype, std::move(shape), node->scope, nullptr, node->alignment);
    shrunk[node] = std::move(to);
  }
  return shrunk.empty() ? func : func.with_body(Compactor(std::move(shrunk)).mutate(func->body));
}

}  // namespace tilewright::lower
