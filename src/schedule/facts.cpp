// Dataflow between blocks and the facts derived from it.
#include <fmt/format.h>

#include <algorithm>

#include "schedule/linear.h"
#include "schedule/state.h"
#include "tilewright/arith/iter_map.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using arith::IterDomain;
using tir::as;
using tir::BufferRegion;
using tir::Expr;
using tir::IterKind;
using tir::IterVar;
using tir::Range;
using tir::StmtKind;

namespace {

bool touches(const std::vector<BufferRegion>& regions, const BufferNode* buffer) {
  return std::any_of(regions.begin(), regions.end(), [&](const auto& r) { return r.buffer.get() == buffer; });
}

std::string quoted_name(const BlockNode* b) {
  return "`" + b->name + "`";
}

/// True if different values of the spatial iterators write different elements: every iterator of more than one value
/// can be solved from the indices, one after the other.
bool injective_writes(const BlockNode& block, const BufferRegion& write) {
  std::vector<const tir::VarNode*> unknown;
  for (const IterVar& it : block.iters) {
    if (it.kind == IterKind::kSpatial && !tir::is_const_int(it.domain.extent, 1)) unknown.push_back(it.var.get());
  }
  for (bool progress = true; progress && !unknown.empty();) {
    progress = false;
    for (const Range& range : write.ranges) {
      // A box of several elements separates iterators whose coefficient is its width or more.
      int64_t width = 0;
      if (!tir::is_const_int(range.extent, &width)) continue;
      LinearForm form;
      if (!linear_form(range.min, &form)) continue;
      const LinearForm::Term* found = nullptr;
      bool single = true;
      for (const auto& term : form.terms) {
        const bool has = tir::uses_any_var(term.atom, [&](const tir::VarNode* v) {
          return std::find(unknown.begin(), unknown.end(), v) != unknown.end();
        });
        if (!has) continue;
        single &= found == nullptr && term.atom.kind() == tir::ExprKind::kVar;
        found = &term;
      }
      if (!found || !single || std::abs(found->coeff) < width) continue;
      std::erase(unknown, static_cast<const tir::VarNode*>(found->atom.get()));
      progress = true;
    }
  }
  if (unknown.empty()) return true;
  std::vector<Expr> indices;
  std::vector<IterDomain> domains;
  for (const Range& r : write.ranges) {
    if (!tir::is_const_int(r.extent, 1)) return false;
    indices.push_back(r.min);
  }
  for (const IterVar& it : block.iters) {
    if (it.kind == IterKind::kSpatial) domains.push_back({it.var, it.domain});
  }
  arith::Analyzer analyzer;
  for (const IterVar& it : block.iters) analyzer.bind(it.var, it.domain);
  return arith::detect_iter_map(indices, domains, nullptr, arith::IterMapLevel::kBijective, analyzer).has_value();
}

}  // namespace

// ---- Dataflow

std::vector<BlockId> State::writers(BlockId scope, const BufferNode* buffer) const {
  std::vector<BlockId> out;
  for (const BlockId b : child_blocks(scope)) {
    if (touches(find_block(b)->writes, buffer)) out.push_back(b);
  }
  return out;
}
std::vector<BlockId> State::readers(BlockId scope, const BufferNode* buffer) const {
  std::vector<BlockId> out;
  for (const BlockId b : child_blocks(scope)) {
    if (touches(find_block(b)->reads, buffer)) out.push_back(b);
  }
  return out;
}

std::vector<BlockId> State::producers(BlockId id) const {
  const BlockNode* block = find_block(id);
  std::vector<BlockId> out;
  for (const BlockId other : child_blocks(scope_of(id))) {
    if (other == id) break;
    const auto& writes = find_block(other)->writes;
    if (std::any_of(writes.begin(), writes.end(), [&](const auto& w) { return touches(block->reads, w.buffer.get()); }))
      out.push_back(other);
  }
  return out;
}
std::vector<BlockId> State::consumers(BlockId id) const {
  const BlockNode* block = find_block(id);
  std::vector<BlockId> out;
  bool after = false;
  for (const BlockId other : child_blocks(scope_of(id))) {
    if (other == id) {
      after = true;
      continue;
    }
    const auto& reads = find_block(other)->reads;
    if (after &&
        std::any_of(reads.begin(), reads.end(), [&](const auto& r) { return touches(block->writes, r.buffer.get()); }))
      out.push_back(other);
  }
  return out;
}

bool State::is_parameter(const BufferNode* buffer) const {
  return std::any_of(func_->params.begin(), func_->params.end(),
                     [&](const tir::Param& p) { return p.buffer.get() == buffer; });
}
BlockId State::allocating_block(const BufferNode* buffer) const {
  for (const auto& e : index().entries) {
    if (e.node->kind != StmtKind::kBlock) continue;
    const auto* block = static_cast<const BlockNode*>(e.node);
    for (const auto& b : block->alloc_buffers) {
      if (b.get() == buffer) return block->id;
    }
  }
  return {};
}
bool State::is_output_block(BlockId id) const {
  const BlockNode* scope = find_block(scope_of(id));
  for (const BufferRegion& w : find_block(id)->writes) {
    const auto& local = scope->alloc_buffers;
    if (std::none_of(local.begin(), local.end(), [&](const auto& b) { return b.same_as(w.buffer); })) return true;
  }
  return false;
}

// ---- Facts

arith::Analyzer State::analyzer_at(const StmtNode* stmt) const {
  arith::Analyzer analyzer;
  for (const tir::Param& p : func_->params) {
    if (!p.buffer.defined()) continue;
    for (const Expr& dim : p.buffer.shape()) {
      if (dim.kind() == tir::ExprKind::kVar) analyzer.assume(dim >= Expr(0));
    }
  }
  for (const Expr& fact : func_->assumptions) analyzer.assume(fact);
  if (!stmt) return analyzer;
  const std::vector<const StmtNode*> above = ancestors(stmt);
  for (auto it = above.rbegin(); it != above.rend(); ++it) {
    if ((*it)->kind == StmtKind::kFor) {
      const auto* loop = static_cast<const ForNode*>(*it);
      analyzer.bind(loop->var, Range{loop->min, loop->extent});
    } else if ((*it)->kind == StmtKind::kBlock) {
      for (const IterVar& iter : static_cast<const BlockNode*>(*it)->iters) analyzer.bind(iter.var, iter.domain);
    }
  }
  return analyzer;
}

State::Facts& State::facts(BlockId id) {
  if (facts_.size() <= id.value) facts_.resize(next_block_);
  return facts_[id.value];
}

void State::forget(BlockId id) {
  facts(id) = {};
  for (const BlockId c : consumers(id)) facts(c).cover = 0;
  facts(scope_of(id)).pipeline = 0;
}

bool State::affine_binding(BlockId id) {
  if (!facts(id).affine) facts(id).affine = compute_affine_binding(id) ? 2 : 1;
  return facts(id).affine == 2;
}

bool State::compute_affine_binding(BlockId id) const {
  const BlockNode* block = find_block(id);
  const std::vector<LoopId> loops = loops_of(id);
  std::vector<IterDomain> domains;
  domains.reserve(loops.size());
  for (const LoopId l : loops) {
    const ForNode* f = find_loop(l);
    domains.push_back({f->var, Range{f->min, f->extent}});
  }
  // The program as it was written: every iterator is a loop of its own.
  if (tir::is_true(block->predicate)) {
    std::vector<bool> used(loops.size(), false);
    bool plain = true;
    for (size_t i = 0; i < block->bindings.size() && plain; ++i) {
      const Range& want = block->iters[i].domain;
      plain = false;
      for (size_t l = 0; l < loops.size(); ++l) {
        if (block->bindings[i].get() != domains[l].var.get()) continue;
        plain = !used[l] && structural_equal(want.min, domains[l].range.min) &&
                structural_equal(want.extent, domains[l].range.extent);
        used[l] = true;
      }
    }
    for (size_t l = 0; l < loops.size() && plain; ++l) plain = used[l] || tir::is_const_int(domains[l].range.extent, 1);
    if (plain) return true;
  }
  arith::Analyzer analyzer = analyzer_at(block);
  const auto map =
      arith::detect_iter_map(block->bindings, domains, block->predicate, arith::IterMapLevel::kBijective, analyzer);
  if (!map) return false;
  for (size_t i = 0; i < block->bindings.size(); ++i) {
    Expr extent = 1;
    for (const arith::IterSplit& t : map->indices[i].terms) extent = extent + (t.extent - Expr(1)) * t.scale;
    const Range& want = block->iters[i].domain;
    if (!analyzer.can_prove_equal(map->indices[i].base, want.min) || !analyzer.can_prove_equal(extent, want.extent))
      return false;
  }
  return true;
}

bool State::region_cover(BlockId id) {
  if (!facts(id).cover) {
    const uint8_t found = compute_region_cover(id) ? 2 : 1;
    facts(id).cover = found;
  }
  return facts(id).cover == 2;
}

bool State::compute_region_cover(BlockId id) {
  const BlockNode* block = find_block(id);
  const std::vector<BlockId> before = producers(id);
  for (const BufferRegion& read : block->reads) {
    bool written = false, covered = false;
    for (const BlockId p : before) {
      if (covered || !touches(find_block(p)->writes, read.buffer.get())) continue;
      written = true;
      covered = covers(p, id, read);
    }
    if (written && !covered) return false;
  }
  return true;
}

bool State::stage_pipeline(BlockId scope) {
  uint8_t known = facts(scope).pipeline;
  if (!known) {
    known = 2;
    const std::vector<BlockId> blocks = child_blocks(scope);
    for (size_t j = 0; j < blocks.size() && known == 2; ++j) {
      if (!region_cover(blocks[j])) known = 1;
      for (const BufferRegion& w : find_block(blocks[j])->writes) {
        for (size_t i = 0; i < j; ++i) {
          if (touches(find_block(blocks[i])->reads, w.buffer.get())) known = 1;
        }
      }
    }
    facts(scope).pipeline = known;
  }
  return known == 2;
}

BlockClass State::classify(BlockId id, std::string* why) {
  return classify_among(id, child_blocks(scope_of(id)), true, why);
}
BlockClass State::classify_below(BlockId id, LoopId loop, std::string* why) {
  return classify_among(id, child_blocks(loop), true, why);
}
BlockClass State::order_class(BlockId id, LoopId loop, std::string* why) {
  return classify_among(id, child_blocks(loop), false, why);
}

BlockClass State::classify_among(BlockId id, const std::vector<BlockId>& blocks, bool need_affine, std::string* why) {
  const BlockNode* block = find_block(id);
  const auto other = [&](std::string reason) {
    if (why) *why = std::move(reason);
    return BlockClass::kOther;
  };
  bool has_reduce = false;
  for (const IterVar& it : block->iters) {
    if (it.kind == IterKind::kOpaque) return other(fmt::format("its iterator `{}` is opaque", it.var.name()));
    has_reduce |= it.kind == IterKind::kReduce;
  }
  if (block->writes.empty()) return other("it writes nothing");
  const auto is_reduce = [&](const tir::VarNode* v) {
    return std::any_of(block->iters.begin(), block->iters.end(),
                       [&](const IterVar& it) { return it.kind == IterKind::kReduce && it.var.get() == v; });
  };
  bool reads_own = false;
  for (const BufferRegion& w : block->writes) {
    for (const Range& r : w.ranges) {
      if (uses_any_var(r.min, is_reduce) || uses_any_var(r.extent, is_reduce))
        return other(fmt::format("a reduce iterator indexes `{}`, which it writes", w.buffer.name()));
    }
    for (const BufferRegion& r : block->reads) {
      if (!r.buffer.same_as(w.buffer)) continue;
      reads_own = true;
      for (size_t d = 0; d < w.ranges.size(); ++d) {
        if (!structural_equal(r.ranges[d].min, w.ranges[d].min) ||
            !structural_equal(r.ranges[d].extent, w.ranges[d].extent))
          return other(fmt::format("it reads elements of `{}` that other instances write", w.buffer.name()));
      }
    }
    if (!injective_writes(*block, w))
      return other(fmt::format("several instances write the same element of `{}`", w.buffer.name()));
  }
  // An update adds to what another block set, so it need not be the only writer.
  if (!block->init.defined() && has_reduce) {
    if (reads_own) return BlockClass::kUpdate;
    return other("it has reduce iterators, but neither an init nor a read of what it updates");
  }
  for (const BlockId o : blocks) {
    if (o == id) continue;
    const BlockNode* b = find_block(o);
    for (const BufferRegion& w : block->writes) {
      if (touches(b->writes, w.buffer.get()))
        return other(fmt::format("block {} writes `{}` too", quoted_name(b), w.buffer.name()));
    }
  }
  if (block->init.defined()) {
    if (!has_reduce) return other("it has an init without reduce iterators");
    if (need_affine && !affine_binding(id)) return other("its bindings are not affine");
    return BlockClass::kReduction;
  }
  if (reads_own) return other("it reads what it writes");
  return BlockClass::kComplete;
}

}  // namespace tilewright::schedule
