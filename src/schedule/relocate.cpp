#include "schedule/relocate.h"

#include <algorithm>

#include "schedule/nest.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using arith::IntSet;
using tir::as;
using tir::Buffer;
using tir::BufferRegion;
using tir::Expr;
using tir::IterKind;
using tir::IterVar;
using tir::Range;
using tir::Var;
using tir::VarMap;

LoopRegion region_at(State& state, BlockId id, const BufferRegion& region, LoopId loop) {
  const BlockNode* block = state.find_block(id);
  LoopRegion out;
  if (!loop && state.affine_binding(id)) {
    // The block runs for every value of its iterators, however its loops look.
    arith::IntSetMap domains;
    std::vector<std::pair<Var, Range>> loops;
    arith::Analyzer analyzer = state.analyzer_at(nullptr);
    for (const IterVar& it : block->iters) {
      domains[it.var.get()] = IntSet::from_range(it.domain);
      loops.emplace_back(it.var, it.domain);
      analyzer.bind(it.var, it.domain);
    }
    out.ranges = arith::region_upper_bound(region, domains, analyzer);
    out.exact = arith::region_lower_bound(region.ranges, loops, nullptr, analyzer).has_value();
    return out;
  }
  VarMap map;
  for (size_t i = 0; i < block->iters.size(); ++i) map[block->iters[i].var.get()] = block->bindings[i];
  BufferRegion at{region.buffer, {}};
  for (const Range& r : region.ranges) at.ranges.push_back({substitute(r.min, map), substitute(r.extent, map)});
  arith::Analyzer analyzer = state.analyzer_at(block);
  arith::IntSetMap domains;
  std::vector<std::pair<Var, Range>> loops;
  for (const LoopId l : state.loops_of(id)) {
    if (loop && !state.is_below(l, loop)) continue;
    const ForNode* f = state.find_loop(l);
    domains[f->var.get()] = IntSet::from_range({f->min, f->extent});
    loops.emplace_back(f->var, Range{f->min, f->extent});
  }
  out.ranges = arith::region_upper_bound(at, domains, analyzer);
  const auto lower = arith::region_lower_bound(at.ranges, loops, nullptr, analyzer);
  out.exact = lower && arith::region_contains(*lower, out.ranges, analyzer);
  return out;
}

Stmt make_nest(State& state, const BlockNode& block, const std::vector<std::optional<Range>>& parts,
               bool keep_unit_loops, arith::Analyzer analyzer) {
  BlockNode moved = block;
  moved.predicate = nullptr;
  std::vector<std::pair<Var, Expr>> loops;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    const IterVar& iter = block.iters[i];
    const Range part = parts[i] ? *parts[i] : iter.domain;
    Expr extent = analyzer.simplify(part.extent);
    int64_t constant;
    if (!tir::is_const_int(extent, &constant)) {
      const arith::ConstBound bound = analyzer.const_bound(extent);
      if (bound.max != arith::ConstBound::kPosInf && parts[i]) extent = Expr(bound.max);
    }
    const Expr min = analyzer.simplify(part.min);
    if (tir::is_const_int(extent, 1) && !keep_unit_loops) {
      moved.bindings[i] = min;
    } else {
      Var var("ax" + std::to_string(i));
      analyzer.bind(var, Range{Expr(0), extent});
      moved.bindings[i] = canonical(min + Expr(var), analyzer);
      loops.emplace_back(var, extent);
    }
    const Expr end = iter.domain.min + iter.domain.extent;
    if (!analyzer.can_prove_lt(moved.bindings[i], end))
      moved.predicate = conjunction(moved.predicate, moved.bindings[i] < analyzer.simplify(end));
    if (!analyzer.can_prove_ge(moved.bindings[i], iter.domain.min))
      moved.predicate = conjunction(moved.predicate, moved.bindings[i] >= iter.domain.min);
  }
  Stmt nest = tir::make_stmt(std::move(moved));
  for (size_t i = loops.size(); i-- > 0;)
    nest = tir::make_for(loops[i].first, Expr(0), loops[i].second, std::move(nest), tir::ForKind::kSerial,
                         state.fresh_loop_id());
  return nest;
}

void bury_private_loops(State& state, BlockId block) {
  for (const LoopId l : state.loops_of(block)) {
    if (state.child_blocks(l).size() == 1 && !state.has_raw_statements(l)) state.bury(l, {});
  }
}

namespace {

const StmtNode* climb(const State& state, const StmtNode* stop, BlockId block) {
  const StmtNode* at = state.find_block(block);
  for (;;) {
    const StmtNode* up = state.parent(at);
    if (up == stop || up == nullptr) return at;
    // A sequence directly below belongs to the place itself.
    if (up->kind == tir::StmtKind::kSeq && state.parent(up) == stop) return at;
    at = up;
  }
}

}  // namespace

const StmtNode* child_holding(const State& state, LoopId loop, BlockId block) {
  return climb(state, state.find_loop(loop), block);
}
const StmtNode* child_holding(const State& state, BlockId scope, BlockId block) {
  return climb(state, state.find_block(scope), block);
}

void insert_before(State& state, const StmtNode* anchor, Stmt stmt) {
  state.replace_stmt(anchor, tir::seq({std::move(stmt), Stmt(anchor)}), /*keep_facts=*/true);
}
void insert_after(State& state, const StmtNode* anchor, Stmt stmt) {
  state.replace_stmt(anchor, tir::seq({Stmt(anchor), std::move(stmt)}), /*keep_facts=*/true);
}

void allocate(State& state, BlockId scope, const Buffer& buffer) {
  BlockNode copy = *state.find_block(scope);
  copy.alloc_buffers.push_back(buffer);
  state.replace_block(scope, tir::make_stmt(std::move(copy)), /*keep_facts=*/true);
}
void deallocate(State& state, const BufferNode* buffer) {
  const BlockId scope = state.allocating_block(buffer);
  if (!scope) return;
  BlockNode copy = *state.find_block(scope);
  std::erase_if(copy.alloc_buffers, [&](const Buffer& b) { return b.get() == buffer; });
  state.replace_block(scope, tir::make_stmt(std::move(copy)), /*keep_facts=*/true);
}

BlockNode with_detected_regions(BlockNode block) {
  arith::Analyzer analyzer;
  for (const IterVar& it : block.iters) analyzer.bind(it.var, it.domain);
  arith::Accesses accesses = arith::detect_accesses(block.body, analyzer);
  if (block.init.defined()) {
    // The init writes what the body updates; it adds reads only when it copies a start value.
    for (BufferRegion& r : arith::detect_accesses(block.init, analyzer).reads) {
      const bool known = std::any_of(accesses.reads.begin(), accesses.reads.end(),
                                     [&](const BufferRegion& o) { return o.buffer.same_as(r.buffer); });
      if (!known) accesses.reads.push_back(std::move(r));
    }
  }
  const auto visible = [&](const BufferRegion& r) {
    return std::none_of(block.alloc_buffers.begin(), block.alloc_buffers.end(),
                        [&](const Buffer& b) { return b.same_as(r.buffer); });
  };
  block.reads.clear();
  block.writes.clear();
  for (BufferRegion& r : accesses.reads) {
    // What a reduction reads of its own output it has written before.
    if (visible(r)) block.reads.push_back(std::move(r));
  }
  for (BufferRegion& r : accesses.writes) {
    if (visible(r)) block.writes.push_back(std::move(r));
  }
  return block;
}

Stmt with_buffer(const Stmt& stmt, const Buffer& from, const Buffer& to) {
  return tir::replace_buffers(stmt, {{from.get(), to}});
}

Stmt copy_nest(State& state, BlockId id, const std::string& name, const Buffer& from, const Buffer& to,
               const std::vector<Range>& region) {
  BlockNode block;
  block.id = id;
  block.name = name;
  BufferRegion read{from, {}}, write{to, {}};
  std::vector<Expr> indices;
  for (size_t d = 0; d < region.size(); ++d) {
    Var v("v" + std::to_string(d));
    block.iters.push_back({v, region[d], IterKind::kSpatial});
    block.bindings.push_back(Expr(0));
    read.ranges.push_back({v, Expr(1)});
    write.ranges.push_back({v, Expr(1)});
    indices.push_back(v);
  }
  block.reads = {std::move(read)};
  block.writes = {std::move(write)};
  block.body = tir::store(to, indices, tir::load(from, indices));
  return make_nest(state, block, std::vector<std::optional<Range>>(region.size()), true, state.analyzer_at(nullptr));
}

std::vector<Expr> conjuncts(const Expr& predicate) {
  if (tir::is_true(predicate)) return {};
  if (predicate.kind() == tir::ExprKind::kAnd) {
    const auto* node = as<tir::BinaryNode>(predicate);
    std::vector<Expr> out = conjuncts(node->a);
    for (Expr& e : conjuncts(node->b)) out.push_back(std::move(e));
    return out;
  }
  return {predicate};
}

}  // namespace tilewright::schedule
