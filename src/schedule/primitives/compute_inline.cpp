#include "schedule/primitives/compute_inline.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/dependence.h"
#include "schedule/inline.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::as;
using tir::Buffer;
using tir::Expr;
using tir::VarMap;

Expected<InlineSource> inline_source(State& state, BlockId id) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  const BlockNode* block = *found;
  std::string why;
  if (state.classify(id, &why) != BlockClass::kComplete || !state.affine_binding(id)) {
    if (block->init.defined()) why = "it is a reduction";
    return Refusal(state, codes::kNotComplete,
                   fmt::format("block `{}` is not complete: {}", block->name,
                               why.empty() ? "its bindings are not affine" : why))
        .at(id)
        .remedy(block->init.defined() ? "compute_at moves a reduction to its consumers" : "");
  }
  const auto* store = as<tir::StoreNode>(block->body);
  if (!store || store->mask.defined() || block->writes.size() != 1 || !block->alloc_buffers.empty()) {
    return Refusal(state, codes::kNotOneStore, fmt::format("the body of block `{}` is not one store", block->name))
        .at(id);
  }
  return InlineSource{block, store};
}

namespace {

/// Replaces loads of a buffer by the expression that was stored; regions of the blocks on the way follow.
class Inliner : public tir::Mutator {
 public:
  Inliner(const Buffer& buffer, const std::vector<const tir::VarNode*>& vars, Expr value)
      : buffer_(buffer), vars_(vars), value_(std::move(value)) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* load = as<tir::LoadNode>(e);
    if (!load || !load->buffer.same_as(buffer_)) return mutate_children(e);
    VarMap map;
    for (size_t i = 0; i < vars_.size(); ++i) {
      if (vars_[i]) map[vars_[i]] = mutate(load->indices[i]);
    }
    return substitute(value_, map);
  }
  Stmt mutate(const Stmt& s) override {
    const auto* block = as<BlockNode>(s);
    if (!block || std::none_of(block->reads.begin(), block->reads.end(),
                               [&](const auto& r) { return r.buffer.same_as(buffer_); }))
      return mutate_children(s);
    BlockNode copy = *block;
    if (copy.init.defined()) copy.init = mutate(copy.init);
    copy.body = mutate(copy.body);
    return tir::make_stmt(with_detected_regions(std::move(copy)));
  }

 private:
  const Buffer& buffer_;
  const std::vector<const tir::VarNode*>& vars_;
  Expr value_;
};

/// Uses of the buffer that are no plain loads: addresses, masks, loads outside of blocks.
bool has_other_uses(const State& state, const Buffer& buffer) {
  bool found = false;
  const auto check = [&](const Expr& e, bool inside) {
    tir::post_order(e, [&](const Expr& x) {
      if (const auto* load = as<tir::LoadNode>(x); load && load->buffer.same_as(buffer))
        found |= !inside || load->mask.defined();
      if (const auto* call = as<tir::CallNode>(x);
          call && (call->op == tir::Intrinsic::kAddressOf || call->op == tir::Intrinsic::kPrefetch)) {
        const auto* load = as<tir::LoadNode>(call->args[0]);
        found |= load && load->buffer.same_as(buffer);
      }
    });
  };
  tir::pre_order(state.func()->body, [&](const Stmt& s) {
    if (const auto* f = as<ForNode>(s)) check(f->min, false), check(f->extent, false);
    if (const auto* b = as<BlockNode>(s)) {
      for (const Expr& x : b->bindings) check(x, false);
      if (b->predicate.defined()) check(b->predicate, false);
    }
    if (const auto* st = as<tir::StoreNode>(s)) {
      check(st->value, true);
      for (const Expr& x : st->indices) check(x, true);
    }
    if (const auto* i = as<tir::IfNode>(s)) check(i->condition, true);
    if (const auto* l = as<tir::LetStmtNode>(s)) check(l->value, true);
    if (const auto* a = as<tir::AssertNode>(s)) check(a->condition, true);
    if (const auto* e = as<tir::EvaluateNode>(s)) check(e->value, true);
    return true;
  });
  return found;
}

}  // namespace

Status compute_inline(State& state, BlockId id) {
  Expected<InlineSource> source = inline_source(state, id);
  if (!source) return source.error();
  const BlockNode* block = source->block;
  const Buffer buffer = source->store->buffer;
  if (state.is_output_block(id)) {
    return Refusal(state, codes::kInlineOutput,
                   fmt::format("block `{}` writes `{}`, an output", block->name, buffer.name()))
        .at(id)
        .remedy("inline a block whose result only other blocks read");
  }
  std::vector<const tir::VarNode*> vars;
  for (const Expr& index : source->store->indices) {
    const auto* var = as<tir::VarNode>(index);
    int64_t constant;
    const bool iterator = var && std::any_of(block->iters.begin(), block->iters.end(),
                                             [&](const auto& it) { return it.var.get() == var; });
    const bool repeated = var && std::find(vars.begin(), vars.end(), var) != vars.end();
    // A constant index of a dimension of extent 1 pins nothing down.
    if ((!iterator || repeated) && !(tir::is_const_int(index, &constant))) {
      return Refusal(state, codes::kIndicesNotIterators,
                     fmt::format("block `{}` writes `{}` at indices that are not distinct iterators", block->name,
                                 buffer.name()))
          .at(id);
    }
    vars.push_back(iterator ? var : nullptr);
  }
  for (const auto& it : block->iters) {
    const bool solved = std::find(vars.begin(), vars.end(), it.var.get()) != vars.end();
    if (!solved && tir::uses_var(source->store->value, it.var.get())) {
      return Refusal(state, codes::kIndicesNotIterators,
                     fmt::format("iterator `{}` of block `{}` is no index of `{}`", it.var.name(), block->name,
                                 buffer.name()))
          .at(id);
    }
  }
  if (has_other_uses(state, buffer)) {
    return Refusal(state, codes::kOtherUses, fmt::format("`{}` has uses other than loads in blocks", buffer.name()))
        .at(id);
  }
  for (const BlockId c : state.consumers(id)) {
    if (state.region_cover(c)) continue;
    return Refusal(state, codes::kOtherUses,
                   fmt::format("block `{}` may read elements of `{}` that `{}` does not write",
                               state.find_block(c)->name, buffer.name(), block->name))
        .at(c);
  }
  for (const BlockId c : state.consumers(id)) {
    // The consumer would read the producer's inputs later: nothing may have changed them.
    for (const BlockId other : state.child_blocks(state.scope_of(id))) {
      if (!state.before(id, other) || !(state.before(other, c) || other == c)) continue;
      for (const auto& w : state.find_block(other)->writes) {
        for (const auto& r : block->reads) {
          if (!r.buffer.same_as(w.buffer)) continue;
          return Refusal(state, codes::kOtherUses,
                         fmt::format("block `{}` overwrites `{}`, which `{}` reads", state.find_block(other)->name,
                                     r.buffer.name(), block->name))
              .at(other);
        }
      }
    }
  }
  State next = state;
  bury_private_loops(next, id);
  next.bury(id);
  Inliner inliner(buffer, vars, source->store->value);
  next.replace_block(id, Stmt());
  next.replace_root(inliner.mutate(next.func()->body));
  deallocate(next, buffer.get());
  if (Status s = recheck_loop_kinds(next); !s) return s;
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
