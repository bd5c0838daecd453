#include <algorithm>

#include "lower/passes.h"
#include "lower/rewrite.h"
#include "lower/vector_body.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// Chunks of one loop that stand side by side in its body; longer loops get an outer loop over groups of kGroup.
constexpr int64_t kMaxChunks = 8;
constexpr int64_t kGroup = 4;

/// The widest element a body computes with: it decides how many lanes fill a register. Addresses do not count.
class WidestElement : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (const auto* n = as<StoreNode>(s)) {
      note(n->buffer.dtype());
      visit(n->value);
    } else if (const auto* n = as<LetStmtNode>(s)) {
      visit(n->value);
      visit(n->body);
    } else if (const auto* n = as<ForNode>(s)) {
      visit(n->body);
    } else if (const auto* n = as<IfNode>(s)) {
      visit(n->then_body);
      if (n->else_body.defined()) visit(n->else_body);
    } else {
      visit_children(s);
    }
  }
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (const auto* n = as<LoadNode>(e)) return note(n->dtype);
    if (const auto* n = as<SelectNode>(e)) {
      visit(n->true_value);
      return visit(n->false_value);
    }
    if (e.kind() == ExprKind::kVar || e.kind() == ExprKind::kIntImm || e.kind() == ExprKind::kFloatImm) return;
    if (!e.dtype().is_bool()) note(e.dtype());
    visit_children(e);
  }
  int bytes = 1;

 private:
  void note(DataType t) {
    if (!t.is_handle()) bytes = std::max(bytes, t.element_bytes());
  }
};

/// Addresses of all accesses in a body.
struct Access {
  Buffer buffer;
  Expr index;
  bool write;
};
class AccessList : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (const auto* n = as<StoreNode>(s)) items.push_back({n->buffer, n->indices[0], true});
    if (const auto* n = as<AllocNode>(s)) local.push_back(n->buffer);
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (const auto* n = as<LoadNode>(e)) items.push_back({n->buffer, n->indices[0], false});
    visit_children(e);
  }
  bool is_local(const Buffer& b) const {
    return std::any_of(local.begin(), local.end(), [&](const Buffer& x) { return x.same_as(b); });
  }
  std::vector<Access> items;
  std::vector<Buffer> local;
};

int64_t largest_power_of_two(int64_t n) {
  int64_t p = 1;
  while (p * 2 <= n) p *= 2;
  return p;
}

class Vectorizer : public ScopedMutator {
 public:
  Vectorizer(const PrimFunc& func, const LowerOptions& options) : options_(options) { bind_function(func, &analyzer_); }
  using ScopedMutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    const auto* n = as<ForNode>(s);
    if (!n || n->loop_kind != ForKind::kVectorized) return mutate_scope(s);
    if (!can_vectorize(*n)) {
      ForNode copy = *n;
      copy.loop_kind = ForKind::kSerial;
      return mutate_scope(make_stmt(std::move(copy)));
    }
    return vectorize_loop(*n);
  }

 private:
  /// False where the body holds another vectorized loop, or iterations share a place they write: then the loop's order
  /// is what gives the result.
  bool can_vectorize(const ForNode& loop) {
    bool nested = false, dynamic_local = false;
    pre_order(loop.body, [&](const Stmt& s) {
      const auto* n = as<ForNode>(s);
      nested = nested || (n && n->loop_kind == ForKind::kVectorized);
      const auto* a = as<AllocNode>(s);
      dynamic_local = dynamic_local || (a && !is_const_int(a->buffer.shape()[0]));
      return !nested;
    });
    if (nested || dynamic_local) return false;
    AccessList accesses;
    accesses.visit(loop.body);
    for (const Access& a : accesses.items) {
      if (!a.write || accesses.is_local(a.buffer)) continue;
      if (!uses_var(a.index, loop.var.get()) && !mentions_let(loop.body, a.index)) return false;
    }
    return true;
  }
  static bool mentions_let(const Stmt& body, const Expr& index) {
    bool found = false;
    pre_order(body, [&](const Stmt& s) {
      const auto* n = as<LetStmtNode>(s);
      found = found || (n && uses_var(index, n->var.get()));
      return !found;
    });
    return found;
  }

  int lanes_for(const ForNode& loop) {
    WidestElement widest;
    widest.visit(loop.body);
    int lanes = std::max(1, options_.vector_bytes / widest.bytes);
    int64_t extent = 0;
    if (is_const_int(loop.extent, &extent) && extent < lanes) {
      const int64_t p = largest_power_of_two(std::max<int64_t>(extent, 1));
      lanes = static_cast<int>(p == extent || !options_.has_masked_memory ? p : 2 * p);
    }
    // Fewer lanes where that turns gathers into contiguous accesses, as in blocked layouts.
    AccessList accesses;
    accesses.visit(loop.body);
    for (int narrow = lanes; narrow >= 4; narrow /= 2) {
      const int64_t scattered = std::count_if(accesses.items.begin(), accesses.items.end(),
                                              [&](const Access& a) { return !is_linear(a.index, loop, narrow); });
      if (scattered == 0) return narrow;
    }
    return lanes;
  }
  bool is_linear(const Expr& index, const ForNode& loop, int lanes) {
    if (!uses_var(index, loop.var.get())) return true;
    arith::AffineForm form;
    if (arith::detect_affine(index, {loop.var}, analyzer_, &form)) return true;
    arith::Analyzer inside = analyzer_;
    Var group("g"), lane("l");
    inside.bind(group, Range{make_int(kI64, 0), ceildiv(loop.extent, make_int(kI64, lanes))});
    inside.bind(lane, Range{make_int(kI64, 0), make_int(kI64, lanes)});
    const Expr shifted =
        inside.simplify(substitute(index, {{loop.var.get(), loop.min + group * make_int(kI64, lanes) + lane}}));
    return arith::detect_affine(shifted, {lane}, inside, &form);
  }

  /// Copies the body for the lanes of `chunks`, starting at `base`.
  Stmt piece(const ForNode& loop, const Expr& base, const std::vector<Chunk>& chunks, const Expr& count = nullptr) {
    const int64_t width = chunks.back().offset + chunks.back().lanes;
    Var lane("lane");
    analyzer_.bind(lane, Range{make_int(kI64, 0), make_int(kI64, width)});
    Stmt body = instantiate(loop.body, {{loop.var.get(), base + lane}});
    body = expand_private_buffers(body, lane, width);
    return VectorBody(lane, chunks, analyzer_, options_).run(body, count);
  }

  std::vector<Chunk> chunks_of(int64_t extent, int lanes) const {
    std::vector<Chunk> chunks;
    int64_t at = 0;
    for (; at + lanes <= extent; at += lanes) chunks.push_back({at, lanes, lanes});
    while (at < extent) {
      const int64_t rest = extent - at, p = largest_power_of_two(rest);
      if (p != rest && options_.has_masked_memory) {
        chunks.push_back({at, static_cast<int>(2 * p), static_cast<int>(rest)});
        break;
      }
      chunks.push_back({at, static_cast<int>(p), static_cast<int>(p)});
      at += p;
    }
    return chunks;
  }

  Stmt vectorize_loop(const ForNode& loop) {
    const int lanes = lanes_for(loop);
    int64_t extent = 0;
    if (!is_const_int(loop.extent, &extent)) return symbolic(loop, lanes);
    if (extent <= 0) return seq({});
    std::vector<Chunk> chunks = chunks_of(extent, lanes);
    if (static_cast<int64_t>(chunks.size()) <= kMaxChunks) return piece(loop, loop.min, chunks);
    std::vector<Stmt> items;
    const int64_t step = kGroup * lanes, groups = extent / step;
    Var group(loop.var.name() + "_g");
    analyzer_.bind(group, Range{make_int(kI64, 0), make_int(kI64, groups)});
    Stmt body = piece(loop, loop.min + group * make_int(kI64, step), chunks_of(step, lanes));
    items.push_back(make_for(group, make_int(kI64, 0), make_int(kI64, groups), std::move(body)));
    if (groups * step < extent)
      items.push_back(piece(loop, loop.min + make_int(kI64, groups * step), chunks_of(extent - groups * step, lanes)));
    return seq(std::move(items));
  }

  Stmt symbolic(const ForNode& loop, int lanes) {
    if (lanes == 1) {
      ForNode copy = loop;
      copy.loop_kind = ForKind::kSerial;
      return mutate_scope(make_stmt(std::move(copy)));
    }
    const Expr width = make_int(kI64, lanes);
    const Expr groups = floordiv(max(loop.extent, make_int(kI64, 0)), width);
    Var group(loop.var.name() + "_g");
    Stmt body;
    {
      const LoopScope scope(analyzer_, group, Range{make_int(kI64, 0), groups});
      body = piece(loop, loop.min + group * width, {{0, lanes, lanes}});
    }
    std::vector<Stmt> items{make_for(group, make_int(kI64, 0), groups, std::move(body))};
    const Expr rest = analyzer_.simplify(max(loop.extent, make_int(kI64, 0)) - groups * width);
    if (is_const_int(rest, 0)) return seq(std::move(items));
    const Expr start = loop.min + groups * width;
    if (options_.has_masked_memory) {
      items.push_back(guarded(rest > make_int(kI64, 0), piece(loop, start, {{0, lanes, lanes}}, rest)));
    } else {
      Var each(loop.var.name());
      items.push_back(make_for(each, start, rest, instantiate(loop.body, {{loop.var.get(), each}})));
    }
    return seq(std::move(items));
  }

  const LowerOptions& options_;
};

}  // namespace

PrimFunc vectorize(const PrimFunc& func, const LowerOptions& options) {
  return func.with_body(Vectorizer(func, options).mutate(func->body));
}

}  // namespace tilewright::lower
