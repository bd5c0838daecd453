#include "tilewright/arith/iter_map.h"

#include <algorithm>

#include "arith/iter_detect.h"

namespace tilewright::arith {

using namespace tir;

namespace {

/// Builds the public form: each mark once.
class Builder {
 public:
  explicit Builder(IterDetector& detector) : detector_(detector), made_(detector.marks().size()) {}

  IterSplit split(const Split& s) {
    Quantity extent;
    detector_.extent_of(s, &extent);
    return {mark(s.mark), s.lower.expr(), extent.expr(), s.scale.expr()};
  }

  std::shared_ptr<const IterMark> mark(int index) {
    auto& slot = made_[static_cast<size_t>(index)];
    if (slot) return slot;
    const Mark& m = detector_.marks()[static_cast<size_t>(index)];
    auto out = std::make_shared<IterMark>();
    out->var = m.var;
    out->min = m.min.defined() ? m.min : Expr(0);
    out->extent = m.extent.expr();
    for (size_t i = m.fused.size(); i-- > 0;) out->fused.push_back(split(m.fused[i]));
    slot = std::move(out);
    return slot;
  }

 private:
  IterDetector& detector_;
  std::vector<std::shared_ptr<const IterMark>> made_;
};

bool check(IterDetector& detector, IterMapLevel level, std::vector<Quantity>* extents) {
  if (!detector.resolve() || !detector.independent()) return false;
  if (level == IterMapLevel::kNoCheck) return true;
  if (level == IterMapLevel::kBijective ? !detector.complete() : !detector.unused_run()) return false;
  extents->resize(detector.indices().size());
  for (size_t i = 0; i < extents->size(); ++i) {
    if (!detector.contiguous(&detector.indices()[i], Quantity(), level == IterMapLevel::kBijective, &(*extents)[i]))
      return false;
  }
  return true;
}

}  // namespace

std::optional<IterMapResult> detect_iter_map(const std::vector<Expr>& bindings, const std::vector<IterDomain>& loops,
                                             const Expr& predicate, IterMapLevel level, Analyzer& analyzer) {
  IterDetector detector(analyzer.engine(), loops);
  if (!detector.constrain(predicate)) return std::nullopt;
  for (const Expr& e : bindings) {
    if (!detector.add_index(e)) return std::nullopt;
  }
  std::vector<Quantity> extents;
  if (!check(detector, level, &extents)) return std::nullopt;
  IterMapResult result;
  Builder builder(detector);
  for (size_t i = 0; i < bindings.size(); ++i) {
    SplitList& list = detector.indices()[i];
    IterSum sum;
    sum.base = detector.engine().emit(list.base);
    if (!extents.empty()) sum.extent = extents[i].expr();
    for (size_t k = list.terms.size(); k-- > 0;) sum.terms.push_back(builder.split(list.terms[k]));
    // A chain is one fused iterator.
    bool chain = sum.terms.size() > 1 && !extents.empty();
    Quantity next;
    for (size_t k = 0; k < list.terms.size() && chain; ++k) {
      Quantity extent;
      chain = detector.equal(next, list.terms[k].scale) && detector.extent_of(list.terms[k], &extent) &&
              detector.multiply(next, extent, &next);
    }
    if (chain) {
      auto fused = std::make_shared<IterMark>();
      fused->fused = std::move(sum.terms);
      fused->min = Expr(0);
      fused->extent = sum.extent;
      sum.terms = {{std::move(fused), Expr(1), sum.extent, Expr(1)}};
    }
    result.indices.push_back(std::move(sum));
  }
  for (size_t m = 0; m < detector.marks().size(); ++m) {
    const Mark& mark = detector.marks()[m];
    if (mark.extent.is_one() && (mark.var.defined() || mark.constrained))
      result.fixed.push_back(builder.mark(static_cast<int>(m)));
  }
  return result;
}

std::optional<std::unordered_map<const VarNode*, Expr>> inverse_iter_map(const IterMapResult& map,
                                                                         const std::vector<Expr>& values) {
  if (map.indices.size() != values.size()) return std::nullopt;
  Analyzer analyzer;
  // Values of marks, summed up from their splits; a fused mark is opened when all that takes from it is known.
  struct Entry {
    const IterMark* mark;
    Expr value;
    int depth;
  };
  std::vector<Entry> entries;
  auto depth_of = [](const auto& self, const IterMark& m) -> int {
    int depth = 0;
    for (const IterSplit& s : m.fused) depth = std::max(depth, 1 + self(self, *s.source));
    return depth;
  };
  auto add = [&](const IterSplit& s, const Expr& value) {
    const Expr part = value * s.lower_factor;
    for (Entry& e : entries) {
      if (e.mark == s.source.get()) {
        e.value = e.value + part;
        return;
      }
    }
    entries.push_back({s.source.get(), part, depth_of(depth_of, *s.source)});
  };
  // Terms from the outermost: value // scale % extent, the outermost without modulo.
  auto open = [&](const std::vector<IterSplit>& terms, const Expr& value) {
    for (size_t i = 0; i < terms.size(); ++i) {
      Expr part = floordiv(value, terms[i].scale);
      if (i > 0) part = floormod(part, terms[i].extent);
      add(terms[i], part);
    }
  };
  for (size_t i = 0; i < values.size(); ++i)
    open(map.indices[i].terms, analyzer.simplify(values[i] - map.indices[i].base));
  for (const auto& m : map.fixed) add({m, Expr(1), Expr(1), Expr(1)}, Expr(0));
  std::unordered_map<const VarNode*, Expr> result;
  for (size_t done = 0; done < entries.size(); ++done) {
    size_t next = done;
    for (size_t i = done; i < entries.size(); ++i) {
      if (entries[i].depth > entries[next].depth) next = i;
    }
    std::swap(entries[done], entries[next]);
    const Entry e = entries[done];
    const Expr value = analyzer.simplify(e.value + e.mark->min);
    if (e.mark->var.defined())
      result[e.mark->var.get()] = value;
    else
      open(e.mark->fused, value);
  }
  return result;
}

std::optional<SubspaceDivision> subspace_divide(const std::vector<Expr>& bindings,
                                                const std::vector<IterDomain>& outer_loops,
                                                const std::vector<IterDomain>& inner_loops, const Expr& predicate,
                                                Analyzer& analyzer) {
  std::vector<IterDomain> loops = outer_loops;
  loops.insert(loops.end(), inner_loops.begin(), inner_loops.end());
  auto in = [](const std::vector<IterDomain>& list, const VarNode* v) {
    return std::any_of(list.begin(), list.end(), [&](const IterDomain& l) { return l.var.get() == v; });
  };
  SubspaceDivision out;
  auto join = [](const Expr& a, const Expr& b) { return a.defined() ? a && b : b; };
  Expr separable;
  std::vector<Expr> pending;
  if (predicate.defined()) pending.push_back(predicate);
  while (!pending.empty()) {
    const Expr e = pending.back();
    pending.pop_back();
    if (e.kind() == ExprKind::kAnd) {
      pending.push_back(as<BinaryNode>(e)->b);
      pending.push_back(as<BinaryNode>(e)->a);
      continue;
    }
    const bool outer = uses_any_var(e, [&](const VarNode* v) { return in(outer_loops, v); });
    const bool inner = uses_any_var(e, [&](const VarNode* v) { return in(inner_loops, v); });
    (inner ? out.inner_predicate : out.outer_predicate) = join(inner ? out.inner_predicate : out.outer_predicate, e);
    if (!(outer && inner)) separable = join(separable, e);
  }
  IterDetector detector(analyzer.engine(), loops);
  if (!detector.constrain(separable)) return std::nullopt;
  for (const Expr& e : bindings) {
    if (!detector.add_index(e)) return std::nullopt;
  }
  std::vector<Quantity> extents;
  if (!detector.resolve() || !detector.independent() || !detector.unused_run()) return std::nullopt;
  Engine& engine = detector.engine();
  for (SplitList& list : detector.indices()) {
    Quantity whole, inner_extent;
    if (!detector.contiguous(&list, Quantity(), true, &whole)) return std::nullopt;
    Expr outer = engine.emit(list.base), inner = Expr(0);
    size_t k = 0;
    auto side = [&](const Split& s) {
      bool has_outer = false, has_inner = false;
      detector.loops_of(s.mark, [&](int m) {
        const VarNode* v = detector.marks()[static_cast<size_t>(m)].var.get();
        (in(inner_loops, v) ? has_inner : has_outer) = true;
      });
      return has_outer && has_inner ? 0 : has_inner ? 1 : -1;
    };
    for (; k < list.terms.size() && side(list.terms[k]) == 1; ++k) {
      Quantity extent;
      if (!detector.extent_of(list.terms[k], &extent) || !detector.multiply(inner_extent, extent, &inner_extent))
        return std::nullopt;
      inner = detector.value_of(list.terms[k]) + inner;
    }
    // The base counts in whole inner extents, or it cannot go to the outer part.
    if (!inner_extent.is_one() && !is_const_int(outer, 0)) {
      if (!is_const_int(engine.simplify(floormod(outer, inner_extent.expr())), 0)) return std::nullopt;
      outer = floordiv(outer, inner_extent.expr());
    }
    for (; k < list.terms.size(); ++k) {
      Split s = list.terms[k];
      if (side(s) != -1 || !detector.divides(inner_extent, s.scale, &s.scale)) return std::nullopt;
      outer = detector.value_of(s) + outer;
    }
    Quantity outer_extent;
    if (!detector.divides(inner_extent, whole, &outer_extent)) return std::nullopt;
    out.outer.push_back(engine.simplify(outer));
    out.inner.push_back(engine.simplify(inner));
    out.outer_extent.push_back(outer_extent.expr());
    out.inner_extent.push_back(inner_extent.expr());
  }
  return out;
}

}  // namespace tilewright::arith
