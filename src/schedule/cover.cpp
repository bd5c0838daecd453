// Whether a consumer reads only what a producer wrote before.
#include <algorithm>

#include "schedule/state.h"
#include "tilewright/arith/region.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::as;
using tir::BinaryNode;
using tir::BufferRegion;
using tir::Expr;
using tir::ExprKind;
using tir::IterVar;
using tir::Range;
using tir::VarMap;
using tir::VarNode;

namespace {

/// The conditions that a predicate (may be null) is the conjunction of.
std::vector<Expr> conjuncts(const Expr& predicate) {
  if (tir::is_true(predicate)) return {};
  if (predicate.kind() != ExprKind::kAnd) return {predicate};
  const auto* b = as<BinaryNode>(predicate);
  std::vector<Expr> out = conjuncts(b->a);
  for (Expr& e : conjuncts(b->b)) out.push_back(std::move(e));
  return out;
}

/// Limits that guards put on an index: it stays at or above each of `low`, below each of `high`.
struct Limits {
  std::vector<Expr> low, high;
};

/// A guard of the form `index < bound` (or <=, >=, >) for one of the point indices; false when it is another.
bool limit_of(const Expr& guard, const std::vector<Range>& region, arith::Analyzer& analyzer,
              std::vector<Limits>* out) {
  const auto* b = as<BinaryNode>(guard);
  if (!b) return false;
  for (size_t d = 0; d < region.size(); ++d) {
    if (!tir::is_const_int(region[d].extent, 1)) continue;
    if (!structural_equal(b->a, region[d].min) && !analyzer.can_prove_equal(b->a, region[d].min)) continue;
    switch (guard.kind()) {
      case ExprKind::kLt:
        (*out)[d].high.push_back(b->b);
        return true;
      case ExprKind::kLe:
        (*out)[d].high.push_back(b->b + Expr(1));
        return true;
      case ExprKind::kGe:
        (*out)[d].low.push_back(b->b);
        return true;
      case ExprKind::kGt:
        (*out)[d].low.push_back(b->b + Expr(1));
        return true;
      default:
        return false;
    }
  }
  return false;
}

/// All elements of the buffer that lie in `wanted` lie in `written` as the limits cut it.
bool contained(const std::vector<Range>& wanted, const std::vector<Range>& written, const std::vector<Limits>& limits,
               const std::vector<Expr>& shape, arith::Analyzer& analyzer) {
  for (size_t d = 0; d < wanted.size(); ++d) {
    const Expr& first = wanted[d].min;
    const Expr end = wanted[d].min + wanted[d].extent;
    const auto below = [&](const Expr& low) {
      return analyzer.can_prove_ge(first, low) || analyzer.can_prove_ge(Expr(0), low) ||
             analyzer.can_prove_ge(tir::max(first, Expr(0)), low);
    };
    const auto above = [&](const Expr& high) {
      return analyzer.can_prove_ge(high, end) || analyzer.can_prove_ge(high, shape[d]) ||
             analyzer.can_prove_ge(high, tir::min(end, shape[d]));
    };
    if (!below(written[d].min) || !above(written[d].min + written[d].extent)) return false;
    if (!std::all_of(limits[d].low.begin(), limits[d].low.end(), below)) return false;
    if (!std::all_of(limits[d].high.begin(), limits[d].high.end(), above)) return false;
  }
  return true;
}

/// The block writes every element of the buffer if it runs for all values of its iterators.
bool writes_all(const tir::BlockNode& block, const BufferRegion& write) {
  std::vector<const VarNode*> used;
  for (size_t d = 0; d < write.ranges.size(); ++d) {
    const Range& r = write.ranges[d];
    const auto it = std::find_if(block.iters.begin(), block.iters.end(),
                                 [&](const IterVar& i) { return i.var.get() == r.min.get(); });
    if (it == block.iters.end() || !tir::is_const_int(r.extent, 1) || !tir::is_const_int(it->domain.min, 0) ||
        !structural_equal(it->domain.extent, write.buffer.shape()[d]) ||
        std::find(used.begin(), used.end(), it->var.get()) != used.end())
      return false;
    used.push_back(it->var.get());
  }
  return true;
}

}  // namespace

bool State::covers(BlockId producer, BlockId consumer, const BufferRegion& read) {
  const BlockNode* p = find_block(producer);
  const BlockNode* c = find_block(consumer);
  const size_t common = common_loops(producer, consumer).size();
  if (common == 0 && affine_binding(producer)) {
    for (const BufferRegion& write : p->writes) {
      if (write.buffer.same_as(read.buffer) && writes_all(*p, write)) return true;
    }
  }
  const std::vector<LoopId> p_loops = loops_of(producer), c_loops = loops_of(consumer);
  const auto among = [this](const std::vector<LoopId>& loops, size_t from) {
    return [this, &loops, from](const VarNode* v) {
      return std::any_of(loops.begin() + static_cast<std::ptrdiff_t>(from), loops.end(),
                         [&](LoopId l) { return find_loop(l)->var.get() == v; });
    };
  };
  // What holds for the common loops only.
  arith::Analyzer analyzer = analyzer_at(common ? static_cast<const StmtNode*>(find_loop(p_loops[common - 1])) : p);
  if (common) {
    const ForNode* inner = find_loop(p_loops[common - 1]);
    analyzer.bind(inner->var, Range{inner->min, inner->extent});
  }

  // Upper bound of what the consumer reads: by its iterators' domains when no loop is common, else by its loops.
  BufferRegion wanted = read;
  arith::IntSetMap domains;
  if (common != 0) {
    // Nothing is read where the consumer's guard fails.
    for (const Expr& fact : conjuncts(c->predicate)) {
      if (!uses_any_var(fact, among(c_loops, common))) analyzer.assume(fact);
    }
  }
  arith::Analyzer reading = analyzer;
  if (common == 0) {
    for (const IterVar& it : c->iters) {
      domains[it.var.get()] = arith::IntSet::from_range(it.domain);
      reading.bind(it.var, it.domain);
    }
  } else {
    VarMap map;
    for (size_t i = 0; i < c->iters.size(); ++i) map[c->iters[i].var.get()] = c->bindings[i];
    for (Range& r : wanted.ranges) r = {substitute(r.min, map), substitute(r.extent, map)};
    for (size_t i = common; i < c_loops.size(); ++i) {
      const ForNode* f = find_loop(c_loops[i]);
      domains[f->var.get()] = arith::IntSet::from_range({f->min, f->extent});
      reading.bind(f->var, Range{f->min, f->extent});
    }
    if (!tir::is_true(c->predicate)) reading.assume(c->predicate);
  }
  const std::vector<Range> upper = arith::region_upper_bound(wanted, domains, reading);

  for (const BufferRegion& write : p->writes) {
    if (!write.buffer.same_as(read.buffer)) continue;
    std::vector<Range> region = write.ranges;
    std::vector<std::pair<tir::Var, Range>> loops;
    std::vector<Limits> limits(region.size());
    arith::Analyzer writing = analyzer;
    Expr guard;
    bool runs = true;
    if (common == 0 && affine_binding(producer)) {
      // However its loops look by now, it runs once for every value of its iterators.
      for (const IterVar& it : p->iters) {
        loops.emplace_back(it.var, it.domain);
        writing.bind(it.var, it.domain);
      }
    } else {
      VarMap map;
      for (size_t i = 0; i < p->iters.size(); ++i) map[p->iters[i].var.get()] = p->bindings[i];
      for (Range& r : region) r = {substitute(r.min, map), substitute(r.extent, map)};
      for (size_t i = common; i < p_loops.size(); ++i) {
        const ForNode* f = find_loop(p_loops[i]);
        loops.emplace_back(f->var, Range{f->min, f->extent});
        writing.bind(f->var, Range{f->min, f->extent});
      }
      // A guard that is decided outside must hold; one on an index cuts the box; others are for the region algebra.
      for (const Expr& condition : conjuncts(p->predicate)) {
        if (!uses_any_var(condition, among(p_loops, common)))
          runs = runs && analyzer.can_prove(condition);
        else if (!limit_of(condition, region, writing, &limits))
          guard = guard.defined() ? guard && condition : condition;
      }
    }
    if (!runs) continue;
    const auto lower = arith::region_lower_bound(region, loops, guard, writing);
    if (lower && contained(upper, *lower, limits, read.buffer.shape(), analyzer)) return true;
  }
  return false;
}

}  // namespace tilewright::schedule
