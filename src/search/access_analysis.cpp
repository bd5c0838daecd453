#include "search/access_analysis.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

using namespace tir;  // NOLINT: this file walks the IR

constexpr double kUnknownExtent = 128;
using Values = std::unordered_map<const VarNode*, double>;

/// Numeric value of an index expression; loads count as 0, unknown variables as 0.
double evaluate(const Expr& e, const Values& values) {
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return static_cast<double>(as<IntImmNode>(e)->value);
    case ExprKind::kVar: {
      const auto it = values.find(static_cast<const VarNode*>(e.get()));
      return it == values.end() ? 0 : it->second;
    }
    case ExprKind::kCast:
      return evaluate(as<CastNode>(e)->value, values);
    case ExprKind::kSelect:
      return evaluate(as<SelectNode>(e)->true_value, values);
    default:
      break;
  }
  const auto* b = as<BinaryNode>(e);
  if (!b) return 0;
  const double x = evaluate(b->a, values), y = evaluate(b->b, values);
  switch (e.kind()) {
    case ExprKind::kAdd:
      return x + y;
    case ExprKind::kSub:
      return x - y;
    case ExprKind::kMul:
      return x * y;
    case ExprKind::kFloorDiv:
      return y == 0 ? 0 : std::floor(x / y);
    case ExprKind::kFloorMod:
      return y == 0 ? 0 : x - y * std::floor(x / y);
    case ExprKind::kMin:
      return std::min(x, y);
    case ExprKind::kMax:
      return std::max(x, y);
    default:
      return 0;
  }
}

double constant_or(const Expr& e, double fallback) {
  int64_t v;
  return is_const_int(e, &v) ? static_cast<double>(v) : fallback;
}

double elements_of(const BufferNode& b) {
  double n = 1;
  for (const Expr& s : b.shape) n *= constant_or(s, kUnknownExtent);
  return n;
}

/// Counts arithmetic and collects accesses of one block's body.
class BodyCounter : public Visitor {
 public:
  double flops = 0, special = 0;
  std::vector<std::pair<const BufferNode*, std::vector<Expr>>> reads, writes;
  double repeat = 1;

  using Visitor::visit;
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (const auto* l = as<LoadNode>(e)) {
      add(&reads, l->buffer.get(), l->indices);
      for (const Expr& i : l->indices) visit_loads_only(i);
      return;
    }
    if (is_binary(e.kind()) && e.kind() != ExprKind::kAnd && e.kind() != ExprKind::kOr) flops += repeat;
    if (const auto* c = as<CallNode>(e))
      (c->op <= Intrinsic::kPow && c->op != Intrinsic::kSqrt ? special : flops) += repeat;
    visit_children(e);
  }
  void visit(const Stmt& s) override {
    if (const auto* st = as<StoreNode>(s)) {
      add(&writes, st->buffer.get(), st->indices);
      visit(st->value);
      return;
    }
    if (const auto* f = as<ForNode>(s)) {
      const double before = repeat;
      repeat *= constant_or(f->extent, kUnknownExtent);
      visit(f->body);
      repeat = before;
      return;
    }
    visit_children(s);
  }

 private:
  void visit_loads_only(const Expr& e) {
    post_order(e, [&](const Expr& x) {
      if (const auto* l = as<LoadNode>(x)) add(&reads, l->buffer.get(), l->indices);
    });
  }
  static void add(std::vector<std::pair<const BufferNode*, std::vector<Expr>>>* list, const BufferNode* buffer,
                  const std::vector<Expr>& indices) {
    for (const auto& [b, i] : *list) {
      if (b != buffer || i.size() != indices.size()) continue;
      bool same = true;
      for (size_t d = 0; same && d < i.size(); ++d)
        same = i[d].same_as(indices[d]) || structural_equal(i[d], indices[d]);
      if (same) return;
    }
    list->emplace_back(buffer, indices);
  }
};

class Walker {
 public:
  std::vector<LeafNumbers> leaves;

  void walk(const Stmt& s) {
    if (const auto* f = as<ForNode>(s)) {
      loops_.push_back({f->var.get(), std::max(1.0, constant_or(f->extent, bound_of(f->extent))), f->loop_kind});
      // Loops start at their minimum, which matters to nothing but tails; strides are differences.
      walk(f->body);
      loops_.pop_back();
    } else if (const auto* b = as<BlockNode>(s)) {
      bool leaf = true;
      pre_order(b->body, [&](const Stmt& x) {
        leaf &= x.kind() != StmtKind::kBlock;
        return leaf;
      });
      const size_t depth = bindings_.size();
      for (size_t i = 0; i < b->iters.size(); ++i) bindings_.emplace_back(b->iters[i].var.get(), b->bindings[i]);
      if (leaf)
        add_leaf(*b);
      else
        walk(b->body);
      bindings_.resize(depth);
    } else if (const auto* q = as<SeqNode>(s)) {
      for (const Stmt& x : q->items) walk(x);
    } else if (const auto* i = as<IfNode>(s)) {
      walk(i->then_body);
      if (i->else_body.defined()) walk(i->else_body);
    } else if (const auto* l = as<LetStmtNode>(s)) {
      walk(l->body);
    }
  }

 private:
  double bound_of(const Expr& extent) const {
    if (const auto* b = as<BinaryNode>(extent); b && extent.kind() == ExprKind::kMin) {
      const double x = constant_or(b->a, 1e18), y = constant_or(b->b, 1e18);
      if (std::min(x, y) < 1e18) return std::min(x, y);
    }
    return kUnknownExtent;
  }

  /// Values of all variables when only loop `moved` (or none: npos) stands at 1.
  Values point(size_t moved) const {
    Values values;
    for (size_t i = 0; i < loops_.size(); ++i) values[loops_[i].var] = i == moved ? 1 : 0;
    for (const auto& [var, binding] : bindings_) values[var] = evaluate(binding, values);
    return values;
  }

  void add_leaf(const BlockNode& b) {
    LeafNumbers leaf;
    leaf.block = b.name;
    leaf.loops = loops_;
    for (const IterVar& i : b.iters) leaf.reduce |= i.kind == IterKind::kReduce;
    leaf.predicate = b.predicate.defined() && !is_true(b.predicate);
    if (leaf.predicate) leaf.guard_waste = waste(b);
    BodyCounter counter;
    counter.visit(b.body);
    leaf.flops = counter.flops;
    leaf.special = counter.special;

    std::vector<Values> points{point(std::string::npos)};
    for (size_t l = 0; l < loops_.size(); ++l) points.push_back(point(l));
    auto add = [&](const BufferNode* buffer, const std::vector<Expr>& indices, bool write) {
      AccessNumbers a;
      a.buffer = buffer;
      a.write = write;
      a.element_bytes = buffer->dtype.element_bytes();
      a.buffer_elements = elements_of(*buffer);
      a.local = buffer->scope == Scope::kLocal;
      std::vector<double> base(indices.size());
      for (size_t d = 0; d < indices.size(); ++d) base[d] = evaluate(indices[d], points[0]);
      const double origin = address(*buffer, base);
      a.coefficient.assign(indices.size(), std::vector<double>(loops_.size()));
      a.stride.resize(loops_.size());
      for (size_t d = 0; d < indices.size(); ++d) a.dim_extent.push_back(constant_or(buffer->shape[d], kUnknownExtent));
      for (size_t l = 0; l < loops_.size(); ++l) {
        std::vector<double> moved(indices.size());
        for (size_t d = 0; d < indices.size(); ++d) {
          moved[d] = evaluate(indices[d], points[l + 1]);
          a.coefficient[d][l] = moved[d] - base[d];
        }
        a.stride[l] = address(*buffer, moved) - origin;
      }
      leaf.accesses.push_back(std::move(a));
    };
    for (const auto& [buffer, indices] : counter.reads) add(buffer, indices, false);
    for (const auto& [buffer, indices] : counter.writes) add(buffer, indices, true);
    leaves.push_back(std::move(leaf));
  }

  /// Linear element address through the layout.
  static double address(const BufferNode& b, const std::vector<double>& index) {
    double at = 0;
    if (b.layout.defined()) {
      Values values;
      for (size_t d = 0; d < index.size() && d < b.layout->inputs.size(); ++d)
        values[b.layout->inputs[d].get()] = index[d];
      for (size_t d = 0; d < b.layout->outputs.size(); ++d)
        at = at * constant_or(b.layout->output_shape[d], kUnknownExtent) + evaluate(b.layout->outputs[d], values);
      return at;
    }
    for (size_t d = 0; d < index.size(); ++d) at = at * constant_or(b.shape[d], kUnknownExtent) + index[d];
    return at;
  }

  /// Guards of imperfect splits turn off what lies beyond the iterators' domains.
  double waste(const BlockNode& b) const {
    double run = 1, useful = 1;
    for (const LoopNumbers& l : loops_) run *= l.extent;
    for (const IterVar& i : b.iters) useful *= constant_or(i.domain.extent, kUnknownExtent);
    return run > 0 && useful < run ? 1 - useful / run : 0;
  }

  std::vector<LoopNumbers> loops_;
  std::vector<std::pair<const VarNode*, Expr>> bindings_;
};

}  // namespace

double AccessNumbers::footprint(const std::vector<LoopNumbers>& loops, size_t first) const {
  double total = 1;
  for (size_t d = 0; d < coefficient.size(); ++d) {
    double extent = 1, points = 1;
    for (size_t l = first; l < loops.size(); ++l) {
      const double c = std::abs(coefficient[d][l]);
      extent += c * (loops[l].extent - 1);
      if (c != 0) points *= loops[l].extent;
    }
    total *= std::min({extent, points, dim_extent[d]});
  }
  return std::max(1.0, std::min(total, buffer_elements));
}

double AccessNumbers::line_bytes(const std::vector<LoopNumbers>& loops, size_t first, double line) const {
  const double elements = footprint(loops, first);
  // The run of neighbouring elements: loops that move by less than a line.
  double run = 1;
  for (size_t l = first; l < loops.size(); ++l) {
    const double s = std::abs(stride[l]);
    if (s > 0 && s * element_bytes < line)
      run = std::max(run, std::min(elements, 1 + s * (loops[l].extent - 1) + (s > 1 ? 0 : run - 1)));
  }
  const double bytes = elements * element_bytes;
  const double run_bytes = std::max(element_bytes, run * element_bytes);
  return run_bytes >= line ? bytes : bytes * std::min(line / run_bytes, line / element_bytes);
}

bool AccessNumbers::moves_with(size_t loop) const {
  for (const auto& row : coefficient) {
    if (row[loop] != 0) return true;
  }
  return stride[loop] != 0;
}

std::vector<LeafNumbers> analyze_leaves(const PrimFunc& func) {
  Walker walker;
  walker.walk(func->body);
  return std::move(walker.leaves);
}

}  // namespace tilewright::search
