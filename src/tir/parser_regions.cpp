// Regions for blocks whose text leaves them out. A deliberately simple analysis: hand-written programs have plain
// indices.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "tilewright/tir/visit.h"
#include "tir/parser_impl.h"

namespace tilewright::tir::text {
namespace {

/// Larger expressions become the whole dimension: substitution through nested blocks must not blow up.
constexpr int kMaxNodes = 200;

/// Number of nodes, counted up to the limit.
class SizeCounter : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (++count <= kMaxNodes) visit_children(e);
  }
  int count = 0;
};
bool is_small(const Expr& e) {
  SizeCounter counter;
  counter.visit(e);
  return counter.count <= kMaxNodes;
}

/// base + sum of coefficient * variable
struct Linear {
  Expr base = 0;
  std::vector<std::pair<const VarNode*, int64_t>> terms;
};

class RegionDeriver : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* n = as<LoadNode>(e)) {
      add(&reads, n->buffer, points(n->indices));
    } else if (const auto* let = as<LetNode>(e)) {
      inner_[let->var.get()] = {};
    }
    visit_children(e);
  }
  void visit(const Stmt& s) override {
    if (!s.defined()) return;
    switch (s.kind()) {
      case StmtKind::kStore: {
        visit_children(s);
        const auto* n = as<StoreNode>(s);
        add(&writes, n->buffer, points(n->indices));
        return;
      }
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(s);
        inner_[n->var.get()] = Range{n->min, n->extent};
        return visit_children(s);
      }
      case StmtKind::kLet:
        inner_[as<LetStmtNode>(s)->var.get()] = {};
        return visit_children(s);
      case StmtKind::kAlloc:
        local_.push_back(as<AllocNode>(s)->buffer.get());
        return visit_children(s);
      case StmtKind::kBlock:
        return block(*as<BlockNode>(s));
      default:
        return visit_children(s);
    }
  }
  void hide(const std::vector<Buffer>& buffers) {
    for (const Buffer& b : buffers) local_.push_back(b.get());
  }

  std::vector<BufferRegion> reads, writes;

 private:
  static std::vector<Range> points(const std::vector<Expr>& indices) {
    std::vector<Range> out;
    for (const Expr& i : indices) out.push_back({i, 1});
    return out;
  }

  /// A block inside contributes what it declares.
  void block(const BlockNode& n) {
    VarMap map;
    for (size_t i = 0; i < n.iters.size(); ++i) {
      if (is_small(n.bindings[i]))
        map[n.iters[i].var.get()] = n.bindings[i];
      else
        inner_[n.iters[i].var.get()] = {};
    }
    for (const Expr& b : n.bindings) visit(b);
    if (n.predicate.defined()) visit(n.predicate);
    for (const bool write : {false, true}) {
      for (const BufferRegion& r : write ? n.writes : n.reads) {
        std::vector<Range> ranges;
        for (size_t i = 0; i < r.ranges.size(); ++i) {
          const Range& x = r.ranges[i];
          if (is_small(x.min) && is_small(x.extent))
            ranges.push_back({substitute(x.min, map), substitute(x.extent, map)});
          else
            ranges.push_back({0, r.buffer.shape()[i]});
        }
        add(write ? &writes : &reads, r.buffer, std::move(ranges));
      }
    }
  }

  bool uses_inner(const Expr& e) const {
    return uses_any_var(e, [&](const VarNode* v) { return inner_.contains(v); });
  }

  bool linear(const Expr& e, int64_t scale, Linear* out) const {
    if (e.kind() == ExprKind::kVar && inner_.contains(as<VarNode>(e))) {
      for (auto& [v, c] : out->terms) {
        if (v == e.get()) return !__builtin_add_overflow(c, scale, &c);
      }
      out->terms.emplace_back(as<VarNode>(e), scale);
      return true;
    }
    if (const auto* n = as<BinaryNode>(e)) {
      int64_t factor = 0;
      if (e.kind() == ExprKind::kAdd) return linear(n->a, scale, out) && linear(n->b, scale, out);
      if (e.kind() == ExprKind::kSub)
        return scale != INT64_MIN && linear(n->a, scale, out) && linear(n->b, -scale, out);
      if (e.kind() == ExprKind::kMul && is_const_int(n->b, &factor))
        return !__builtin_mul_overflow(scale, factor, &factor) && linear(n->a, factor, out);
      if (e.kind() == ExprKind::kMul && is_const_int(n->a, &factor))
        return !__builtin_mul_overflow(scale, factor, &factor) && linear(n->b, factor, out);
    }
    if (uses_inner(e)) return false;
    out->base = scale == 1 ? out->base + e : out->base + e * scale;
    return true;
  }

  /// The hull of the range while the loops inside run; empty when it is not known.
  std::optional<Range> relax(const Range& r) const {
    if (r.min.dtype() != kI64 || r.extent.dtype() != kI64) return {};
    if (!uses_inner(r.min) && !uses_inner(r.extent))
      return is_small(r.min) && is_small(r.extent) ? std::optional(r) : std::nullopt;
    Linear form;
    if (uses_inner(r.extent) || !is_small(r.min) || !is_small(r.extent) || !linear(r.min, 1, &form)) return {};
    Range hull{form.base, r.extent};
    for (const auto& [var, scale] : form.terms) {
      const std::optional<Range>& domain = inner_.at(var);
      if (!domain || uses_inner(domain->min) || uses_inner(domain->extent) || !is_small(domain->extent)) return {};
      int64_t steps = 0, span = 0;
      if (is_const_int(domain->extent, &steps)) {
        if (steps < 1 || __builtin_mul_overflow(scale < 0 ? -scale : scale, steps - 1, &span)) return {};
        hull.min = hull.min + domain->min * scale;
        if (scale < 0) hull.min = hull.min - span;
        hull.extent = hull.extent + span;
      } else if (scale == 1) {
        int64_t extent = 0;
        hull.min = hull.min + domain->min;
        hull.extent =
            is_const_int(hull.extent, &extent) ? domain->extent + (extent - 1) : hull.extent + domain->extent - 1;
      } else {
        return {};
      }
    }
    return hull;
  }

  /// e as base + constant
  static std::pair<Expr, int64_t> split_constant(const Expr& e) {
    int64_t c = 0;
    if (is_const_int(e, &c)) return {Expr(0), c};
    const auto* n = as<BinaryNode>(e);
    if (n && e.kind() == ExprKind::kAdd && is_const_int(n->b, &c)) return {n->a, c};
    if (n && e.kind() == ExprKind::kSub && is_const_int(n->b, &c) && c != INT64_MIN) return {n->a, -c};
    return {e, 0};
  }

  /// Smallest range that holds both, if they differ by constants; else the whole dimension.
  static Range hull(const Range& a, const Range& b, const Expr& whole) {
    if (structural_equal(a.min, b.min) && structural_equal(a.extent, b.extent)) return a;
    const auto [base_a, offset_a] = split_constant(a.min);
    const auto [base_b, offset_b] = split_constant(b.min);
    int64_t extent_a = 0, extent_b = 0, end_a = 0, end_b = 0, extent = 0;
    const bool known =
        is_const_int(a.extent, &extent_a) && is_const_int(b.extent, &extent_b) && structural_equal(base_a, base_b);
    const int64_t low = std::min(offset_a, offset_b);
    if (!known || __builtin_add_overflow(offset_a, extent_a, &end_a) ||
        __builtin_add_overflow(offset_b, extent_b, &end_b) ||
        __builtin_sub_overflow(std::max(end_a, end_b), low, &extent))
      return {0, whole};
    return {offset_a <= offset_b ? a.min : b.min, extent};
  }

  void add(std::vector<BufferRegion>* list, const Buffer& buffer, std::vector<Range> ranges) {
    if (std::find(local_.begin(), local_.end(), buffer.get()) != local_.end()) return;
    for (size_t i = 0; i < ranges.size(); ++i) ranges[i] = relax(ranges[i]).value_or(Range{0, buffer.shape()[i]});
    const auto known =
        std::find_if(list->begin(), list->end(), [&](const BufferRegion& r) { return r.buffer.same_as(buffer); });
    if (known == list->end()) {
      list->push_back({buffer, std::move(ranges)});
      return;
    }
    for (size_t i = 0; i < ranges.size(); ++i) known->ranges[i] = hull(known->ranges[i], ranges[i], buffer.shape()[i]);
  }

  std::unordered_map<const VarNode*, std::optional<Range>> inner_;
  std::vector<const BufferNode*> local_;
};

}  // namespace

void derive_regions(BlockNode* block) {
  RegionDeriver deriver;
  deriver.hide(block->alloc_buffers);
  if (block->init.defined()) deriver.visit(block->init);
  deriver.visit(block->body);
  block->reads = std::move(deriver.reads);
  block->writes = std::move(deriver.writes);
}

}  // namespace tilewright::tir::text
