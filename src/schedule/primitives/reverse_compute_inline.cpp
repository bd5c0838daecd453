#include "schedule/primitives/reverse_compute_inline.h"

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
using tir::Range;
using tir::VarMap;

namespace {

class LoadReplacer : public tir::Mutator {
 public:
  LoadReplacer(const Buffer& buffer, Expr value) : buffer_(buffer), value_(std::move(value)) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* load = as<tir::LoadNode>(e);
    return load && load->buffer.same_as(buffer_) ? value_ : mutate_children(e);
  }

 private:
  const Buffer& buffer_;
  Expr value_;
};

}  // namespace

Status reverse_compute_inline(State& state, BlockId id) {
  Expected<InlineSource> found = inline_source(state, id);
  if (!found) return found.error();
  const BlockNode* consumer = found->block;
  const std::vector<BlockId> producers = state.producers(id);
  // Inputs that were complete before may stay loads; one producer takes the consumer in.
  if (producers.size() != 1) {
    return Refusal(state, codes::kNotOneProducer,
                   fmt::format("block `{}` has {} producers, expected one", consumer->name, producers.size()))
        .at(id);
  }
  const BlockId into = producers[0];
  Expected<InlineSource> source = inline_source(state, into);
  const BlockNode* producer = state.find_block(into);
  if (!source) {
    return Refusal(state, codes::kProducerNotComplete, fmt::format("the producer: {}", source.error().message))
        .at(into)
        .remedy("reverse_compute_at moves the consumer behind a reduction");
  }
  const Buffer buffer = source->store->buffer;
  if (state.consumers(into).size() != 1 || state.is_output_block(into)) {
    return Refusal(state, codes::kProducerNotComplete,
                   fmt::format("`{}`, which block `{}` writes, is used elsewhere too", buffer.name(), producer->name))
        .at(into);
  }
  // One index pattern, whose dimensions are the consumer's iterators.
  const tir::LoadNode* pattern = nullptr;
  bool same = true;
  tir::for_each_expr(consumer->body, [&](const Expr& e) {
    tir::post_order(e, [&](const Expr& x) {
      const auto* load = as<tir::LoadNode>(x);
      if (!load || !load->buffer.same_as(buffer)) return;
      if (!pattern) pattern = load;
      same = same && !load->mask.defined() && structural_equal(Expr(load), Expr(pattern));
    });
  });
  VarMap map;
  bool invertible = pattern && same;
  for (size_t d = 0; invertible && d < pattern->indices.size(); ++d) {
    const auto* var = as<tir::VarNode>(pattern->indices[d]);
    if (!var) {
      invertible = tir::is_const_int(pattern->indices[d]) && tir::is_const_int(buffer.shape()[d], 1);
      continue;
    }
    const bool iterator = std::any_of(consumer->iters.begin(), consumer->iters.end(),
                                      [&](const auto& it) { return it.var.get() == var; });
    invertible = iterator && !map.count(var);
    map[var] = source->store->indices[d];
  }
  for (const auto& it : consumer->iters)
    invertible = invertible && (map.count(it.var.get()) || tir::is_const_int(it.domain.extent, 1));
  if (!invertible) {
    return Refusal(state, codes::kNotInvertible,
                   fmt::format("block `{}` does not read `{}` at its own iterators, each once", consumer->name,
                               buffer.name()))
        .at(id);
  }
  // Both must run over the same points.
  arith::Analyzer analyzer = state.analyzer_at(nullptr);
  for (const auto& it : consumer->iters) {
    if (!map.count(it.var.get())) map[it.var.get()] = it.domain.min;
  }
  const auto written = region_at(state, into, producer->writes[0], {});
  bool equal = written.exact;
  for (size_t d = 0; equal && d < pattern->indices.size(); ++d) {
    const auto* var = as<tir::VarNode>(pattern->indices[d]);
    if (!var) continue;
    const auto it =
        std::find_if(consumer->iters.begin(), consumer->iters.end(), [&](const auto& i) { return i.var.get() == var; });
    equal = analyzer.can_prove_equal(it->domain.min, written.ranges[d].min) &&
            analyzer.can_prove_equal(it->domain.extent, written.ranges[d].extent);
  }
  if (!equal) {
    return Refusal(state, codes::kNotCovered,
                   fmt::format("block `{}` does not run over exactly the elements of `{}` that `{}` writes",
                               consumer->name, buffer.name(), producer->name))
        .at(id)
        .at(into);
  }
  for (const BlockId other : state.child_blocks(state.scope_of(id))) {
    // The consumer runs earlier now: nobody in between may write what it reads, or touch what it writes.
    if (!state.before(into, other) || !state.before(other, id)) continue;
    const BlockNode* o = state.find_block(other);
    const auto clash = [&](const auto& a, const auto& b) {
      return std::any_of(a.begin(), a.end(), [&](const auto& x) {
        return std::any_of(b.begin(), b.end(), [&](const auto& y) { return x.buffer.same_as(y.buffer); });
      });
    };
    if (!clash(o->writes, consumer->reads) && !clash(o->writes, consumer->writes) && !clash(o->reads, consumer->writes))
      continue;
    return Refusal(state, codes::kOtherUses,
                   fmt::format("block `{}` stands between and uses the same buffers", o->name))
        .at(other);
  }

  State next = state;
  BlockNode fused = *producer;
  const Expr value = LoadReplacer(buffer, source->store->value).mutate(substitute(found->store->value, map));
  std::vector<Expr> indices;
  for (const Expr& e : found->store->indices) indices.push_back(substitute(e, map));
  fused.body = tir::store(found->store->buffer, std::move(indices), value);
  fused = with_detected_regions(std::move(fused));
  bury_private_loops(next, id);
  next.bury(id);
  next.replace_block(id, Stmt());
  next.replace_block(into, tir::make_stmt(std::move(fused)));
  deallocate(next, buffer.get());
  if (Status s = recheck_loop_kinds(next); !s) return s;
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
