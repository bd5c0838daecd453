#include "schedule/dependence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "schedule/linear.h"
#include "schedule/refusal.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::as;
using tir::BinaryNode;
using tir::BufferRegion;
using tir::Expr;
using tir::ExprKind;
using tir::IterKind;
using tir::Range;
using tir::StmtKind;
using tir::VarMap;
using tir::VarNode;

namespace {

struct BlockAccess {
  BlockId block;
  const BufferRegion* region;
  bool write;
};

/// One index of one access, taken apart.
struct Index {
  bool usable = false;
  LinearForm loop;            // terms of the loop variable
  LinearForm outer;           // terms of what is fixed, with the base
  int64_t low = 0, high = 0;  // of what varies, the box's extent included
};

/// The digit of `var` that the atom is: var // lower % extent; extent 0: no upper limit.
bool digit_of(const Expr& atom, const VarNode* var, int64_t* lower, int64_t* extent) {
  if (atom.kind() == ExprKind::kVar) {
    *lower = 1, *extent = 0;
    return static_cast<const VarNode*>(atom.get()) == var;
  }
  const auto* b = as<BinaryNode>(atom);
  int64_t value = 0;
  if (!b || !tir::is_const_int(b->b, &value) || value <= 0) return false;
  if (!digit_of(b->a, var, lower, extent)) return false;
  if (atom.kind() == ExprKind::kFloorDiv) {
    if (*extent != 0) {
      if (*extent % value != 0) return false;
      *extent /= value;
    }
    return !__builtin_mul_overflow(*lower, value, lower);
  }
  if (atom.kind() == ExprKind::kFloorMod) {
    if (*extent != 0 && *extent % value != 0) return false;
    *extent = value;
    return true;
  }
  return false;
}

class ConflictTest {
 public:
  ConflictTest(State& state, const DependenceQuery& query)
      : state_(state), query_(query), loop_(state.find_loop(query.loop)), blocks_(state.child_blocks(query.loop)) {
    for (const LoopId l : query.varying) varying_.push_back(state.find_loop(l));
    maps_.resize(blocks_.size());
  }

  Conflict on(const BufferNode* buffer) {
    std::vector<BlockAccess> accesses;
    for (const BlockId id : blocks_) {
      const BlockNode* b = state_.find_block(id);
      for (const BufferRegion& r : b->writes) {
        if (r.buffer.get() == buffer) accesses.push_back({id, &r, true});
      }
      for (const BufferRegion& r : b->reads) {
        if (r.buffer.get() == buffer) accesses.push_back({id, &r, false});
      }
    }
    if (disjoint(accesses)) return {};
    return blame(accesses, buffer);
  }

  const std::vector<BlockId>& blocks() const { return blocks_; }

 private:
  const VarMap& map_of(BlockId id) {
    const size_t i = std::find(blocks_.begin(), blocks_.end(), id) - blocks_.begin();
    if (maps_[i].empty()) {
      const BlockNode* b = state_.find_block(id);
      for (size_t k = 0; k < b->iters.size(); ++k) maps_[i][b->iters[k].var.get()] = b->bindings[k];
    }
    return maps_[i];
  }

  /// Loops around the block that vary: below the loop, and those of the query.
  std::vector<const ForNode*> varying_loops(BlockId id) {
    std::vector<const ForNode*> out = varying_;
    for (const LoopId l : state_.loops_of(id)) {
      if (state_.is_below(l, query_.loop)) out.push_back(state_.find_loop(l));
    }
    return out;
  }

  /// Bounds of a sum of plain loop variables with constant ranges; false where an analyzer is needed.
  static bool quick_bound(const std::vector<LinearForm::Term>& terms, const std::vector<const ForNode*>& loops,
                          int64_t* low, int64_t* high) {
    for (const auto& term : terms) {
      const auto it =
          std::find_if(loops.begin(), loops.end(), [&](const ForNode* f) { return f->var.get() == term.atom.get(); });
      int64_t min = 0, extent = 0, first = 0, last = 0;
      if (it == loops.end() || !tir::is_const_int((*it)->min, &min) || !tir::is_const_int((*it)->extent, &extent) ||
          extent < 1 || __builtin_mul_overflow(term.coeff, min, &first) ||
          __builtin_mul_overflow(term.coeff, min + extent - 1, &last) ||
          __builtin_add_overflow(*low, std::min(first, last), low) ||
          __builtin_add_overflow(*high, std::max(first, last), high))
        return false;
    }
    return true;
  }

  /// `guarded`: bounds take the block's guard into account, so that two-level tails stay inside their tile.
  Index take_apart(const Range& range, BlockId block, bool guarded) {
    Index out;
    int64_t extent = 0;
    const Expr e = substitute(range.min, map_of(block));
    LinearForm form;
    if (!linear_form(e, &form)) return out;
    const std::vector<const ForNode*> inner = varying_loops(block);
    const auto varies = [&](const VarNode* v) {
      return std::any_of(inner.begin(), inner.end(), [&](const ForNode* f) { return f->var.get() == v; });
    };
    const auto has_loop = [&](const LinearForm::Term& term) {
      return term.atom.kind() == ExprKind::kVar ? term.atom.get() == loop_->var.get()
                                                : uses_var(term.atom, loop_->var.get());
    };
    const auto has_inner = [&](const LinearForm::Term& term) {
      return term.atom.kind() == ExprKind::kVar ? varies(static_cast<const VarNode*>(term.atom.get()))
                                                : uses_any_var(term.atom, varies);
    };
    if (std::any_of(form.terms.begin(), form.terms.end(), [&](const auto& t) { return has_loop(t) && has_inner(t); })) {
      // (i_0 * 2 + i_1) // 2 is i_0.
      arith::Analyzer analyzer = state_.analyzer_at(state_.find_block(block));
      if (!linear_form(analyzer.simplify(e), &form)) return out;
    }
    out.outer.base = form.base;
    std::vector<LinearForm::Term> rest;
    for (auto& term : form.terms) {
      const bool by_loop = has_loop(term), by_inner = has_inner(term);
      if (by_loop && by_inner) return out;
      (by_loop ? out.loop.terms : by_inner ? rest : out.outer.terms).push_back(std::move(term));
    }
    if (out.loop.terms.empty()) return out;
    const bool constant_extent = tir::is_const_int(range.extent, &extent);
    if (guarded || !constant_extent || !quick_bound(rest, inner, &out.low, &out.high)) {
      const BlockNode* node = state_.find_block(block);
      arith::Analyzer analyzer = state_.analyzer_at(node);
      if (!tir::is_true(node->predicate)) analyzer.assume(node->predicate);
      out.low = out.high = 0;
      if (!rest.empty()) {
        Expr sum;
        for (const auto& term : rest) {
          const Expr t = term.coeff == 1 ? term.atom : term.atom * Expr(term.coeff);
          sum = sum.defined() ? sum + t : t;
        }
        const arith::ConstBound bound = analyzer.const_bound(sum);
        if (bound.min == arith::ConstBound::kNegInf || bound.max == arith::ConstBound::kPosInf) return out;
        out.low = bound.min;
        out.high = bound.max;
      }
      if (!constant_extent) {
        const arith::ConstBound width = analyzer.const_bound(substitute(range.extent, map_of(block)));
        if (width.max == arith::ConstBound::kPosInf) return out;
        extent = width.max;
      }
    }
    if (__builtin_add_overflow(out.high, extent - 1, &out.high)) return out;
    out.usable = true;
    return out;
  }

  static bool same_terms(const LinearForm& a, const LinearForm& b) {
    if (a.terms.size() != b.terms.size()) return false;
    return std::all_of(a.terms.begin(), a.terms.end(), [&](const auto& x) {
      return std::any_of(b.terms.begin(), b.terms.end(),
                         [&](const auto& y) { return x.coeff == y.coeff && structural_equal(x.atom, y.atom); });
    });
  }

  struct Digit {
    int64_t lower, extent, coeff;
  };

  /// The digits of the loop variable that the terms tell, where each one outweighs everything below it; `span` is the
  /// width of what else there is.
  bool positional(const LinearForm& form, int64_t span, std::vector<Digit>* out) const {
    std::vector<Digit> digits;
    int64_t loop_min = 0, loop_extent = 0;
    const bool constant = tir::is_const_int(loop_->min, &loop_min) && tir::is_const_int(loop_->extent, &loop_extent);
    for (const auto& term : form.terms) {
      Digit d{0, 0, std::abs(term.coeff)};
      if (!digit_of(term.atom, loop_->var.get(), &d.lower, &d.extent)) return false;
      digits.push_back(d);
    }
    std::sort(digits.begin(), digits.end(), [](const Digit& a, const Digit& b) { return a.coeff < b.coeff; });
    for (size_t i = 0; i < digits.size(); ++i) {
      if (span >= digits[i].coeff) return false;
      if (i + 1 == digits.size()) break;
      int64_t values = digits[i].extent, width = 0;
      if (values == 0) {
        if (!constant || loop_extent < 1) return false;
        values = (loop_extent - 1) / digits[i].lower + 2;
      }
      if (__builtin_mul_overflow(digits[i].coeff, values - 1, &width) || __builtin_add_overflow(span, width, &span))
        return false;
    }
    out->insert(out->end(), digits.begin(), digits.end());
    return true;
  }

  bool disjoint(const std::vector<BlockAccess>& accesses) {
    if (disjoint(accesses, /*guarded=*/false)) return true;
    return std::any_of(accesses.begin(), accesses.end(),
                       [&](const BlockAccess& a) { return !tir::is_true(state_.find_block(a.block)->predicate); }) &&
           disjoint(accesses, /*guarded=*/true);
  }

  bool disjoint(const std::vector<BlockAccess>& accesses, bool guarded) {
    std::vector<Digit> digits;
    const size_t rank = accesses.empty() ? 0 : accesses[0].region->ranges.size();
    for (size_t d = 0; d < rank; ++d) {
      int64_t low = 0, high = 0;
      Index first;
      bool usable = true;
      for (size_t a = 0; a < accesses.size() && usable; ++a) {
        Index index = take_apart(accesses[a].region->ranges[d], accesses[a].block, guarded);
        usable = index.usable;
        if (!usable) break;
        if (a == 0) {
          first = index;
          low = index.low, high = index.high;
          continue;
        }
        usable = same_terms(first.loop, index.loop) && same_terms(first.outer, index.outer);
        const int64_t shift = index.outer.base - first.outer.base;
        low = std::min(low, index.low + shift);
        high = std::max(high, index.high + shift);
      }
      if (!usable) continue;
      positional(first.loop, high - low, &digits);
    }
    // Digits must tell every value of the loop variable: positions from the lowest on without a gap.
    std::sort(digits.begin(), digits.end(), [](const Digit& a, const Digit& b) { return a.lower < b.lower; });
    int64_t known = 1;
    for (const Digit& digit : digits) {
      if (digit.lower > known) return false;
      if (digit.extent == 0) return true;
      known = std::max(known, digit.lower * digit.extent);
    }
    int64_t min = 0, extent = 0;
    return tir::is_const_int(loop_->extent, &extent) &&
           (known >= extent ? tir::is_const_int(loop_->min, &min) && (min == 0 || min % known == 0) : extent <= 1);
  }

  Conflict blame(const std::vector<BlockAccess>& accesses, const BufferNode* buffer) {
    Conflict c;
    c.buffer = buffer;
    for (const BlockAccess& a : accesses) {
      if (!a.write) continue;
      const BlockNode* b = state_.find_block(a.block);
      if (!c.block) c.block = a.block;
      for (size_t i = 0; i < b->iters.size(); ++i) {
        if (!uses_var(b->bindings[i], loop_->var.get())) continue;
        if (b->iters[i].kind == IterKind::kReduce) {
          c.kind = ConflictKind::kReduction;
          c.block = a.block;
          c.iterator = b->iters[i].var.name();
          return c;
        }
      }
    }
    std::vector<BlockAccess> writes;
    for (const BlockAccess& a : accesses) {
      if (a.write) writes.push_back(a);
    }
    c.kind = disjoint(writes) ? ConflictKind::kReadWrite : ConflictKind::kWrites;
    return c;
  }

  State& state_;
  const DependenceQuery& query_;
  const ForNode* loop_;
  std::vector<BlockId> blocks_;
  std::vector<const ForNode*> varying_;
  std::vector<VarMap> maps_;
};

}  // namespace

bool has_raw_effects(const State& state, LoopId loop) {
  bool found = false;
  const auto loads = [&](const Expr& e) {
    if (tir::is_const_int(e) || e.kind() == ExprKind::kVar) return;
    post_order(e, [&](const Expr& x) { found |= x.kind() == ExprKind::kLoad; });
  };
  pre_order(state.stmt(loop), [&](const Stmt& s) {
    // A let could hide the loop variable from the test; asserts and conditions only end or skip work.
    found |= s.kind() == StmtKind::kStore || s.kind() == StmtKind::kEvaluate || s.kind() == StmtKind::kLet;
    if (const auto* f = as<ForNode>(s)) loads(f->min), loads(f->extent);
    if (const auto* i = as<tir::IfNode>(s)) loads(i->condition);
    return s.kind() != StmtKind::kBlock;
  });
  return found;
}

bool is_private_below(State& state, LoopId loop, const BufferNode* buffer) {
  const BlockId scope = state.allocating_block(buffer);
  if (!scope || !(scope == state.scope_of(loop) || state.is_below(state.scope_of(loop), scope))) return false;
  for (const BlockId id : state.all_blocks()) {
    const BlockNode* b = state.find_block(id);
    const auto uses = [&](const std::vector<BufferRegion>& regions) {
      return std::any_of(regions.begin(), regions.end(), [&](const auto& r) { return r.buffer.get() == buffer; });
    };
    if (state.is_below(id, loop)) {
      if (!uses(b->reads) || !(state.scope_of(id) == state.scope_of(loop))) continue;
      const auto own = [&] {
        return b->init.defined() && uses(b->writes);  // a reduction sets what it updates
      };
      if (!own() && (state.producers(id).empty() || !state.region_cover(id))) return false;
      if (!own()) {
        // Something must write it before; region_cover says yes for what nobody in the scope writes.
        const std::vector<BlockId> before = state.producers(id);
        const bool written = std::any_of(before.begin(), before.end(), [&](BlockId p) {
          const auto& w = state.find_block(p)->writes;
          return state.is_below(p, loop) &&
                 std::any_of(w.begin(), w.end(), [&](const auto& r) { return r.buffer.get() == buffer; });
        });
        if (!written) return false;
      }
    } else if (!state.is_below(BlockId(state.scope_of(loop)), id) && !(id == state.scope_of(loop)) &&
               (uses(b->reads) || uses(b->writes))) {
      return false;
    }
  }
  return true;
}

Conflict find_conflict_on(State& state, const DependenceQuery& query, const BufferNode* buffer) {
  return ConflictTest(state, query).on(buffer);
}

Conflict find_conflict(State& state, const DependenceQuery& query) {
  const ForNode* loop = state.find_loop(query.loop);
  if (tir::is_const_int(loop->extent, 1)) return {};
  Conflict opaque;
  opaque.kind = ConflictKind::kOpaque;
  if (has_raw_effects(state, query.loop)) return opaque;
  ConflictTest test(state, query);
  std::vector<const BufferNode*> seen;
  for (const BlockId id : test.blocks()) {
    const BlockNode* b = state.find_block(id);
    for (size_t i = 0; i < b->iters.size(); ++i) {
      if (b->iters[i].kind != IterKind::kOpaque || !uses_var(b->bindings[i], loop->var.get())) continue;
      opaque.block = id;
      opaque.iterator = b->iters[i].var.name();
      return opaque;
    }
  }
  for (const BlockId id : test.blocks()) {
    for (const BufferRegion& w : state.find_block(id)->writes) {
      const BufferNode* buffer = w.buffer.get();
      if (std::find(seen.begin(), seen.end(), buffer) != seen.end()) continue;
      seen.push_back(buffer);
      Conflict c = test.on(buffer);
      if (!c) continue;
      // A private copy would lose what a reduction carried along the loop.
      if (c.kind == ConflictKind::kReduction || !query.private_buffers || !is_private_below(state, query.loop, buffer))
        return c;
    }
  }
  return {};
}

Status recheck_loop_kinds(State& state) {
  const auto entries = state.index().entries;  // a copy: facts may be filled, the tree stays
  for (const auto& e : entries) {
    if (e.node->kind != StmtKind::kFor) continue;
    const auto* loop = static_cast<const ForNode*>(e.node);
    if (loop->loop_kind == tir::ForKind::kSerial || loop->loop_kind == tir::ForKind::kUnrolled) continue;
    DependenceQuery query;
    query.loop = loop->id;
    query.private_buffers = loop->loop_kind != tir::ForKind::kVectorized;
    if (const Conflict c = find_conflict(state, query)) {
      return Refusal(state, codes::kRacesAtLoop,
                     fmt::format("iterations of the {} loop `{}` would {} the same elements{}",
                                 tir::for_kind_name(loop->loop_kind), loop->var.name(),
                                 c.kind == ConflictKind::kReadWrite ? "read and write" : "write",
                                 c.buffer ? fmt::format(" of `{}`", c.buffer->name) : std::string()))
          .at(loop->id)
          .at(c.block)
          .remedy(fmt::format("choose a loop outside of `{0}`, or do this before `{0}` becomes {1}", loop->var.name(),
                              tir::for_kind_name(loop->loop_kind)));
    }
  }
  return {};
}

}  // namespace tilewright::schedule
