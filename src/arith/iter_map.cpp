#include "tilewright/arith/iter_map.h"

#include <algorithm>
#include <map>
#include <memory>

namespace tilewright::arith {
namespace {

using tir::as;
using tir::ExprKind;

/// Extents are constants where possible; only the outermost part of something may be symbolic.
struct Extent {
  Expr expr;
  int64_t value = -1;  // -1: symbolic
  bool constant() const { return value >= 0; }
};

struct Mark;
/// (mark / lower % extent) * scale
struct Split {
  const Mark* mark = nullptr;
  int64_t lower = 1;
  Extent extent;
  int64_t scale = 1;
  bool whole = false;  // reaches the top of the mark: no modulo is needed
};
struct Mark {
  Var var;                   // of a loop
  Expr min;                  // of the loop
  std::vector<Split> fused;  // outermost first, scales relative to the mark
  Extent extent;
  int order = 0;
  bool constrained = false;  // a predicate cut its extent
};
struct Sum {
  std::vector<Split> terms;
  Expr base = Expr(0);
};

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

class Detector {
 public:
  Detector(const std::vector<IterDomain>& loops, Analyzer& analyzer) : analyzer_(analyzer) {
    for (const IterDomain& loop : loops) {
      Mark* mark = new_mark();
      mark->var = loop.var;
      mark->min = loop.range.min;
      mark->extent = extent_of(loop.range.extent);
      by_var_[loop.var.get()] = mark;
    }
    loop_count_ = loops.size();
  }

  /// Each conjunct must cut one mark: `sum < bound`.
  bool constrain(const Expr& predicate) {
    std::vector<Expr> conjuncts;
    if (!tir::is_true(predicate)) split_conjuncts(predicate, &conjuncts);
    struct Cut {
      Sum sum;
      Expr bound;
    };
    std::vector<Cut> cuts;
    for (const Expr& c : conjuncts) {
      if (analyzer_.can_prove(c)) continue;
      const auto* node = as<tir::BinaryNode>(c);
      if (!node) return false;
      Cut cut;
      Expr left, bound;
      switch (c.kind()) {
        case ExprKind::kLt:
          left = node->a, bound = node->b;
          break;
        case ExprKind::kLe:
          left = node->a, bound = node->b + 1;
          break;
        case ExprKind::kGt:
          left = node->b, bound = node->a;
          break;
        case ExprKind::kGe:
          left = node->b, bound = node->a + 1;
          break;
        default:
          return false;
      }
      // Loop variables may stand on both sides after simplification; gather them on the left.
      if (!parse(left - bound, &cut.sum)) return false;
      cut.bound = analyzer_.simplify(Expr(0) - cut.sum.base);
      cut.sum.base = Expr(0);
      cuts.push_back(std::move(cut));
    }
    // Inner splits first: outer conditions contain them.
    std::stable_sort(cuts.begin(), cuts.end(),
                     [](const Cut& a, const Cut& b) { return a.sum.terms.size() < b.sum.terms.size(); });
    for (Cut& cut : cuts) {
      Split fused;
      if (!fuse(cut.sum.terms, &fused)) return false;
      // s * x < b is x < ceil(b / s).
      Expr bound = cut.bound;
      int64_t value;
      const bool constant = tir::is_const_int(bound, &value);
      if (fused.scale != 1) {
        if (!constant || value <= 0) return false;
        value = ceil_div(value, fused.scale);
        bound = Expr(value);
      }
      if (fused.lower != 1 || !fused.whole) return false;
      if (constant && fused.extent.constant() && value >= fused.extent.value) continue;
      if (constant && value < 1) return false;
      if (!constant && (loop_dependent(bound) || !analyzer_.can_prove_ge(bound, Expr(1)))) return false;
      if (!constant && analyzer_.can_prove_ge(bound, fused.extent.expr)) continue;
      if (!constant && !analyzer_.can_prove_ge(fused.extent.expr, bound)) return false;
      Mark* mark = new_mark();
      Split inner = fused;
      inner.scale = 1;
      mark->fused = {inner};
      mark->extent = extent_of(bound);
      mark->constrained = true;
      constraints_.push_back(mark);
    }
    return true;
  }

  bool parse(const Expr& e, Sum* out) {
    switch (e.kind()) {
      case ExprKind::kIntImm:
        out->base = e;
        return true;
      case ExprKind::kVar: {
        const auto it = by_var_.find(static_cast<const VarNode*>(e.get()));
        if (it == by_var_.end()) {
          out->base = e;
          return true;
        }
        out->base = it->second->min;
        if (it->second->extent.value != 1) out->terms = {whole_of(it->second)};
        return true;
      }
      case ExprKind::kAdd:
      case ExprKind::kSub: {
        const auto* node = as<tir::BinaryNode>(e);
        Sum b;
        if (!parse(node->a, out) || !parse(node->b, &b)) return false;
        const int64_t sign = e.kind() == ExprKind::kAdd ? 1 : -1;
        for (Split& s : b.terms) {
          s.scale *= sign;
          add_term(&out->terms, s);
        }
        out->base = sign > 0 ? out->base + b.base : out->base - b.base;
        return true;
      }
      case ExprKind::kMul: {
        const auto* node = as<tir::BinaryNode>(e);
        Sum a, b;
        if (!parse(node->a, &a) || !parse(node->b, &b)) return false;
        if (!a.terms.empty() && !b.terms.empty()) return false;
        if (a.terms.empty() && b.terms.empty()) {
          out->base = e;
          return true;
        }
        Sum& sum = a.terms.empty() ? b : a;
        int64_t factor;
        if (!tir::is_const_int(analyzer_.simplify((a.terms.empty() ? a : b).base), &factor)) return false;
        *out = std::move(sum);
        for (Split& s : out->terms) {
          if (__builtin_mul_overflow(s.scale, factor, &s.scale)) return false;
        }
        if (factor == 0) out->terms.clear();
        out->base = out->base * Expr(factor);
        return true;
      }
      case ExprKind::kFloorDiv:
      case ExprKind::kFloorMod: {
        const auto* node = as<tir::BinaryNode>(e);
        Sum a, b;
        if (!parse(node->a, &a) || !parse(node->b, &b)) return false;
        if (a.terms.empty() && b.terms.empty()) {
          out->base = e;
          return true;
        }
        int64_t divisor;
        if (!b.terms.empty() || !tir::is_const_int(analyzer_.simplify(b.base), &divisor) || divisor <= 0) return false;
        return divide(std::move(a), divisor, e.kind() == ExprKind::kFloorDiv, out);
      }
      case ExprKind::kCast: {
        const auto* node = as<tir::CastNode>(e);
        if (!node->value.dtype().is_integer() || e.dtype() != tir::kI64) return false;
        return parse(node->value, out);
      }
      default:
        if (loop_dependent(e)) return false;
        out->base = e;
        return true;
    }
  }

  /// One split that stands for all terms (their scale factored out), or false.
  bool fuse(std::vector<Split> terms, Split* out) {
    apply_constraints(&terms);
    if (terms.empty()) return false;
    if (terms.size() == 1) {
      *out = terms[0];
      return terms[0].scale > 0;
    }
    std::stable_sort(terms.begin(), terms.end(), [](const Split& a, const Split& b) { return a.scale > b.scale; });
    const int64_t unit = terms.back().scale;
    if (unit <= 0) return false;
    int64_t expected = unit;
    for (size_t i = terms.size(); i-- > 0;) {
      if (terms[i].scale != expected) return false;
      if (i == 0) break;
      if (!terms[i].extent.constant() || __builtin_mul_overflow(expected, terms[i].extent.value, &expected))
        return false;
    }
    for (Split& s : terms) s.scale /= unit;
    // Extent of the whole: scale of the outermost times its extent.
    Extent extent;
    if (terms[0].extent.constant()) {
      if (__builtin_mul_overflow(terms[0].extent.value, terms[0].scale, &extent.value)) return false;
      extent.expr = Expr(extent.value);
    } else {
      extent.expr = terms[0].extent.expr * Expr(terms[0].scale);
    }
    // The same fusion found twice is one mark.
    Mark* mark = nullptr;
    for (const auto& m : marks_) {
      if (!m->constrained && same_terms(m->fused, terms)) mark = m.get();
    }
    if (!mark) {
      mark = new_mark();
      mark->fused = std::move(terms);
      mark->extent = extent;
    }
    *out = whole_of(mark);
    out->scale = unit;
    return true;
  }

  /// Whether the splits used by the bindings are independent, and how much of the loops they cover.
  bool check(const std::vector<Split>& used, IterMapLevel level) {
    std::map<int, std::vector<Split>, std::greater<>> by_mark;
    std::map<int, const Mark*> marks;
    const auto use = [&](const Split& s) {
      by_mark[s.mark->order].push_back(s);
      marks[s.mark->order] = s.mark;
    };
    for (const Split& s : used) use(s);
    size_t constraints_met = 0, loops_met = 0;
    while (!by_mark.empty()) {
      const int order = by_mark.begin()->first;
      std::vector<Split> splits = std::move(by_mark.begin()->second);
      by_mark.erase(by_mark.begin());
      const Mark* mark = marks[order];
      std::stable_sort(splits.begin(), splits.end(), [](const Split& a, const Split& b) { return a.lower < b.lower; });
      int64_t at = 1;
      for (size_t i = 0; i < splits.size(); ++i) {
        if (splits[i].lower < at || (level == IterMapLevel::kBijective && splits[i].lower != at)) return false;
        const bool last = i + 1 == splits.size();
        if (splits[i].extent.constant()) {
          if (__builtin_mul_overflow(splits[i].lower, splits[i].extent.value, &at)) return false;
        } else if (!last) {
          return false;
        }
      }
      const Split& top = splits.back();
      if (top.whole && splits.size() == 1 && top.lower == 1) {
        // All of it.
      } else if (mark->extent.constant() && top.extent.constant()) {
        // The parts make a box only when they divide the mark exactly.
        if (top.whole && at != mark->extent.value && splits.size() > 1) return false;
        if (level == IterMapLevel::kBijective && at != mark->extent.value) return false;
        if (!top.whole && mark->extent.value % at != 0) return false;
      } else {
        // A symbolic mark: its parts are a box only when proven.
        if (splits.size() > 1 || level == IterMapLevel::kBijective) {
          if (!analyzer_.can_prove_equal(mark->extent.expr, top.extent.expr * Expr(top.lower))) return false;
        }
      }
      constraints_met += mark->constrained;
      loops_met += mark->var.defined();
      for (const Split& s : mark->fused) use(s);
    }
    if (constraints_met != constraints_.size()) return false;
    if (level == IterMapLevel::kBijective) {
      size_t wanted = 0;
      for (size_t i = 0; i < loop_count_; ++i) wanted += marks_[i]->extent.value != 1;
      if (loops_met != wanted) return false;
    }
    return true;
  }

  void apply_constraints(std::vector<Split>* terms) {
    for (const Mark* c : constraints_) {
      // The terms of the constrained mark, flattened once: fused marks stand for their parts.
      const Split& whole = c->fused[0];
      std::vector<Split> parts =
          whole.mark->var.defined() || same_single(*terms, whole) ? std::vector<Split>{whole} : whole.mark->fused;
      if (parts.empty() || terms->empty()) continue;
      for (const Split& candidate : *terms) {
        if (!same_source(candidate, parts.back()) || candidate.scale % parts.back().scale != 0) continue;
        const int64_t multiple = candidate.scale / parts.back().scale;
        if (multiple <= 0) continue;
        std::vector<Split> rest = *terms;
        bool all = true;
        for (const Split& p : parts) {
          const auto it = std::find_if(rest.begin(), rest.end(), [&](const Split& s) {
            return same_source(s, p) && s.scale == p.scale * multiple;
          });
          all = all && it != rest.end();
          if (!all) break;
          rest.erase(it);
        }
        if (!all) continue;
        Split cut = whole_of(c);
        cut.scale = multiple;
        rest.push_back(cut);
        *terms = std::move(rest);
        break;
      }
    }
  }

  const std::vector<std::unique_ptr<Mark>>& marks() const { return marks_; }
  const std::vector<const Mark*>& constraints() const { return constraints_; }

  /// The public form.
  std::shared_ptr<const IterMark> publish(const Mark* mark) {
    auto& shared = published_[mark];
    if (shared) return shared;
    auto out = std::make_shared<IterMark>();
    out->var = mark->var;
    out->extent = mark->extent.expr;
    for (const Split& s : mark->fused) out->fused.push_back(publish(s));
    shared = out;
    return shared;
  }
  IterSplit publish(const Split& s) { return {publish(s.mark), Expr(s.lower), s.extent.expr, Expr(s.scale)}; }

 private:
  Mark* new_mark() {
    marks_.push_back(std::make_unique<Mark>());
    marks_.back()->order = static_cast<int>(marks_.size());
    return marks_.back().get();
  }
  Extent extent_of(const Expr& e) {
    Extent out;
    out.expr = analyzer_.simplify(e);
    int64_t v;
    if (tir::is_const_int(out.expr, &v)) out.value = std::max<int64_t>(v, 0);
    return out;
  }
  static Split whole_of(const Mark* mark) { return {mark, 1, mark->extent, 1, true}; }
  static bool same_source(const Split& a, const Split& b) {
    return a.mark == b.mark && a.lower == b.lower && a.extent.value == b.extent.value && a.whole == b.whole;
  }
  static bool same_single(const std::vector<Split>& terms, const Split& s) {
    return std::any_of(terms.begin(), terms.end(), [&](const Split& t) { return same_source(t, s); });
  }
  static bool same_terms(const std::vector<Split>& a, const std::vector<Split>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!same_source(a[i], b[i]) || a[i].scale != b[i].scale) return false;
    }
    return true;
  }
  static void add_term(std::vector<Split>* terms, const Split& s) {
    for (auto it = terms->begin(); it != terms->end(); ++it) {
      if (!same_source(*it, s)) continue;
      it->scale += s.scale;
      if (it->scale == 0) terms->erase(it);
      return;
    }
    terms->push_back(s);
  }
  bool loop_dependent(const Expr& e) const {
    return tir_uses(e, [&](const VarNode* v) { return by_var_.count(v) != 0; });
  }
  template <typename F>
  static bool tir_uses(const Expr& e, F f) {
    if (e.kind() == ExprKind::kVar) return f(static_cast<const VarNode*>(e.get()));
    if (const auto* b = as<tir::BinaryNode>(e)) return tir_uses(b->a, f) || tir_uses(b->b, f);
    if (const auto* c = as<tir::CastNode>(e)) return tir_uses(c->value, f);
    if (const auto* n = as<tir::NotNode>(e)) return tir_uses(n->value, f);
    if (const auto* s = as<tir::SelectNode>(e))
      return tir_uses(s->condition, f) || tir_uses(s->true_value, f) || tir_uses(s->false_value, f);
    if (const auto* l = as<tir::LoadNode>(e)) {
      for (const Expr& i : l->indices) {
        if (tir_uses(i, f)) return true;
      }
      return false;
    }
    if (const auto* c = as<tir::CallNode>(e)) {
      for (const Expr& a : c->args) {
        if (tir_uses(a, f)) return true;
      }
      return false;
    }
    // Constants use nothing; what is not known here may use anything.
    return e.kind() != ExprKind::kIntImm && e.kind() != ExprKind::kFloatImm;
  }
  static void split_conjuncts(const Expr& e, std::vector<Expr>* out) {
    if (e.kind() == ExprKind::kAnd) {
      const auto* node = as<tir::BinaryNode>(e);
      split_conjuncts(node->a, out);
      split_conjuncts(node->b, out);
    } else {
      out->push_back(e);
    }
  }

  /// sum // divisor or sum % divisor: (c * X + R) // c == X + R // c, and R must be one fused piece.
  bool divide(Sum sum, int64_t divisor, bool quotient, Sum* out) {
    apply_constraints(&sum.terms);
    std::vector<Split> rest;
    for (const Split& s : sum.terms) {
      if (s.scale % divisor != 0) {
        rest.push_back(s);
        continue;
      }
      if (!quotient) continue;
      Split whole = s;
      whole.scale /= divisor;
      out->terms.push_back(whole);
    }
    int64_t base;
    if (!tir::is_const_int(analyzer_.simplify(sum.base), &base)) {
      const ModularSet m = analyzer_.modular_set(sum.base);
      if (m.coeff % divisor != 0 || m.base % divisor != 0 || m.coeff == 0) return false;
      out->base = quotient ? analyzer_.simplify(tir::floordiv(sum.base, Expr(divisor))) : Expr(0);
    } else {
      const int64_t remainder = ((base % divisor) + divisor) % divisor;
      if (remainder != 0) return false;
      out->base = Expr(quotient ? base / divisor : 0);
    }
    if (rest.empty()) return true;
    Split fused;
    if (!fuse(std::move(rest), &fused)) return false;
    if (fused.scale != 1) {
      // (s * x) // d with d a multiple of s.
      if (divisor % fused.scale != 0) return false;
      const int64_t unit = fused.scale;
      Split part;
      part = fused;
      part.scale = 1;
      if (!divide_split(part, divisor / unit, quotient, out)) return false;
      if (!quotient && !out->terms.empty() && !last_is_zero_) out->terms.back().scale *= unit;
      return true;
    }
    return divide_split(fused, divisor, quotient, out);
  }

  bool divide_split(const Split& s, int64_t divisor, bool quotient, Sum* out) {
    last_is_zero_ = false;
    const bool small = s.extent.constant() && s.extent.value <= divisor;
    if (small) {
      if (quotient)
        last_is_zero_ = true;
      else
        out->terms.push_back(s);
      return true;
    }
    // Below the top a part may be divided only exactly.
    if (!s.whole && !(s.extent.constant() && s.extent.value % divisor == 0)) return false;
    Split part = s;
    if (quotient) {
      if (__builtin_mul_overflow(part.lower, divisor, &part.lower)) return false;
      part.extent = s.extent.constant()
                        ? Extent{Expr(ceil_div(s.extent.value, divisor)), ceil_div(s.extent.value, divisor)}
                        : extent_of(tir::ceildiv(s.extent.expr, Expr(divisor)));
    } else {
      part.extent = {Expr(divisor), divisor};
      part.whole = false;
    }
    out->terms.push_back(part);
    return true;
  }

  Analyzer& analyzer_;
  std::vector<std::unique_ptr<Mark>> marks_;
  std::unordered_map<const VarNode*, Mark*> by_var_;
  std::vector<const Mark*> constraints_;
  std::unordered_map<const Mark*, std::shared_ptr<const IterMark>> published_;
  size_t loop_count_ = 0;
  bool last_is_zero_ = false;
};

/// Values of marks from the values of the splits taken from them.
class Inverter {
 public:
  std::unordered_map<const VarNode*, Expr> result;
  bool ok = true;

  void assign(const IterSplit& split, const Expr& value) { parts_[split.source.get()].emplace_back(&split, value); }

  void run() {
    // Marks contain marks: take one whose users are all done, that is, that no other waiting mark contains.
    while (!parts_.empty() && ok) {
      const IterMark* next = nullptr;
      for (const auto& [mark, parts] : parts_) {
        const bool inside = std::any_of(parts_.begin(), parts_.end(), [&](const auto& other) {
          return other.first != mark && contains(*other.first, mark);
        });
        if (!inside && (!next || mark->extent->hash < next->extent->hash)) next = mark;
      }
      if (!next) {
        ok = false;
        return;
      }
      Expr value = Expr(0);
      for (const auto& [split, v] : parts_[next]) value = value + v * split->lower_factor;
      parts_.erase(next);
      if (next->var.defined()) {
        result[next->var.get()] = value;
        continue;
      }
      for (size_t i = 0; i < next->fused.size(); ++i) {
        const IterSplit& s = next->fused[i];
        Expr part = tir::floordiv(value, s.scale);
        if (i > 0) part = tir::floormod(part, s.extent);
        assign(s, part);
      }
    }
  }

 private:
  static bool contains(const IterMark& outer, const IterMark* inner) {
    return std::any_of(outer.fused.begin(), outer.fused.end(),
                       [&](const IterSplit& s) { return s.source.get() == inner || contains(*s.source, inner); });
  }
  std::unordered_map<const IterMark*, std::vector<std::pair<const IterSplit*, Expr>>> parts_;
};

}  // namespace

std::optional<IterMapResult> detect_iter_map(const std::vector<Expr>& bindings, const std::vector<IterDomain>& loops,
                                             const Expr& predicate, IterMapLevel level, Analyzer& analyzer) {
  Analyzer inside = analyzer;
  for (const IterDomain& loop : loops) inside.bind(loop.var, loop.range);
  Detector detector(loops, inside);
  if (!detector.constrain(predicate)) return {};
  std::vector<Split> used;
  IterMapResult result;
  for (const Expr& binding : bindings) {
    Sum sum;
    if (!detector.parse(binding, &sum)) return {};
    IterSum index;
    index.base = inside.simplify(sum.base);
    Split fused;
    if (!sum.terms.empty()) {
      if (detector.fuse(sum.terms, &fused)) {
        if (level != IterMapLevel::kNoCheck && fused.scale != 1) return {};
        used.push_back(fused);
        index.terms.push_back(detector.publish(fused));
      } else {
        if (level != IterMapLevel::kNoCheck) return {};
        detector.apply_constraints(&sum.terms);
        for (const Split& s : sum.terms) {
          used.push_back(s);
          index.terms.push_back(detector.publish(s));
        }
      }
    }
    result.indices.push_back(std::move(index));
  }
  if (!detector.check(used, level)) return {};
  return result;
}

std::optional<std::unordered_map<const VarNode*, Expr>> inverse_iter_map(const IterMapResult& map,
                                                                         const std::vector<Expr>& values) {
  if (map.indices.size() != values.size()) return {};
  Inverter inverter;
  for (size_t i = 0; i < values.size(); ++i) {
    const IterSum& index = map.indices[i];
    if (index.terms.empty()) continue;
    if (index.terms.size() != 1 || !tir::is_const_int(index.terms[0].scale, 1)) return {};
    inverter.assign(index.terms[0], values[i] - index.base);
  }
  inverter.run();
  if (!inverter.ok) return {};
  return std::move(inverter.result);
}

std::optional<SubspaceDivision> subspace_divide(const std::vector<Expr>& bindings,
                                                const std::vector<IterDomain>& outer_loops,
                                                const std::vector<IterDomain>& inner_loops, const Expr& predicate,
                                                Analyzer& analyzer) {
  std::vector<IterDomain> all = outer_loops;
  all.insert(all.end(), inner_loops.begin(), inner_loops.end());
  // The whole must be one to one, so that the halves are independent.
  if (!detect_iter_map(bindings, all, predicate, IterMapLevel::kBijective, analyzer)) return {};
  if (!tir::is_true(predicate) && !analyzer.can_prove(predicate)) return {};
  std::unordered_map<const VarNode*, Expr> outer_at_min, inner_at_min;
  Analyzer inside = analyzer;
  for (const IterDomain& l : all) inside.bind(l.var, l.range);
  SubspaceDivision out;
  for (const Expr& binding : bindings) {
    std::vector<Var> vars;
    for (const IterDomain& l : all) vars.push_back(l.var);
    AffineForm form;
    if (!detect_affine(binding, vars, inside, &form)) return {};
    // Inner terms come with the small coefficients; they must span exactly the unit of the outer ones.
    Expr inner = Expr(0), inner_extent = Expr(1), outer = Expr(0), outer_extent = Expr(1);
    for (size_t i = outer_loops.size(); i < all.size(); ++i) {
      inner = inner + (Expr(all[i].var) - all[i].range.min) * form.coeffs[i];
      inner_extent = inner_extent + (all[i].range.extent - 1) * form.coeffs[i];
    }
    inner_extent = inside.simplify(inner_extent);
    for (size_t i = 0; i < outer_loops.size(); ++i) {
      const Expr quotient = inside.simplify(tir::floordiv(form.coeffs[i], inner_extent));
      if (!inside.can_prove_equal(quotient * inner_extent, form.coeffs[i])) return {};
      outer = outer + (Expr(all[i].var) - all[i].range.min) * quotient;
      outer_extent = outer_extent + (all[i].range.extent - 1) * quotient;
    }
    out.outer.push_back(inside.simplify(outer));
    out.inner.push_back(inside.simplify(inner));
    out.outer_extent.push_back(inside.simplify(outer_extent));
    out.inner_extent.push_back(inner_extent);
  }
  return out;
}

}  // namespace tilewright::arith
