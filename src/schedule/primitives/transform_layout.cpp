#include "schedule/primitives/transform_layout.h"

#include <fmt/format.h>

#include <numeric>

#include "schedule/index_map_text.h"
#include "schedule/refusal.h"
#include "schedule/relocate.h"
#include "tilewright/arith/iter_map.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::Buffer;
using tir::Expr;
using tir::Range;

namespace {

/// Extents rounded up so that every division in the map is exact: a map that is one to one there is injective on the
/// buffer.
std::vector<Expr> padded_extents(const IndexMapText& map, const std::vector<Expr>& shape) {
  std::vector<Expr> out;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t extent, multiple = 1;
    if (!tir::is_const_int(shape[i], &extent)) {
      out.push_back(shape[i]);
      continue;
    }
    for (const Expr& output : map.outputs) {
      tir::post_order(output, [&](const Expr& e) {
        if (e.kind() != tir::ExprKind::kFloorDiv && e.kind() != tir::ExprKind::kFloorMod) return;
        const auto* node = tir::as<tir::BinaryNode>(e);
        int64_t divisor;
        if (tir::is_const_int(node->b, &divisor) && divisor > 0 && tir::uses_var(node->a, map.inputs[i].get()) &&
            multiple < (1 << 20))
          multiple = std::lcm(multiple, divisor);
      });
    }
    out.emplace_back((extent + multiple - 1) / multiple * multiple);
  }
  return out;
}

}  // namespace

Status transform_layout(State& state, BlockId id, Access access, int index, const std::string& text) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  const BlockNode* block = *found;
  const auto& regions = access == Access::kRead ? block->reads : block->writes;
  if (index < 0 || static_cast<size_t>(index) >= regions.size()) {
    return Refusal(state, codes::kLayoutNoRegion,
                   fmt::format("block `{}` has {} {}, there is no number {}", block->name, regions.size(),
                               access == Access::kRead ? "reads" : "writes", index))
        .at(id);
  }
  const Buffer buffer = regions[static_cast<size_t>(index)].buffer;
  if (buffer->layout.defined()) {
    return Refusal(state, codes::kLayoutTwice, fmt::format("`{}` has a layout already", buffer.name())).at(id);
  }
  Expected<IndexMapText> parsed = parse_index_map(text);
  if (!parsed) {
    return Refusal(state, codes::kLayoutSyntax,
                   fmt::format("the map \"{}\" cannot be read: {}", text, parsed.error().message))
        .remedy("write it like \"(i, j) -> (i // 16, j, i % 16)\"");
  }
  const IndexMapText& map = *parsed;
  if (map.inputs.size() != buffer.shape().size() || map.outputs.empty()) {
    return Refusal(state, codes::kLayoutRank,
                   fmt::format("the map has {} indices, `{}` has {} dimensions", map.inputs.size(), buffer.name(),
                               buffer.shape().size()));
  }
  arith::Analyzer analyzer = state.analyzer_at(nullptr);
  std::vector<arith::IterDomain> domains;
  const std::vector<Expr> padded = padded_extents(map, buffer.shape());
  for (size_t i = 0; i < map.inputs.size(); ++i) {
    domains.push_back({map.inputs[i], Range{Expr(0), padded[i]}});
    analyzer.bind(map.inputs[i], Range{Expr(0), padded[i]});
  }
  const auto detected =
      arith::detect_iter_map(map.outputs, domains, nullptr, arith::IterMapLevel::kBijective, analyzer);
  arith::Analyzer exact = state.analyzer_at(nullptr);
  for (size_t i = 0; i < map.inputs.size(); ++i) exact.bind(map.inputs[i], Range{Expr(0), buffer.shape()[i]});
  std::vector<Expr> shape;
  bool bounded = true;
  for (size_t i = 0; i < map.outputs.size(); ++i) {
    const arith::ConstBound bound = exact.const_bound(map.outputs[i]);
    if (bound.min != arith::ConstBound::kNegInf && bound.min >= 0 && bound.max != arith::ConstBound::kPosInf) {
      shape.emplace_back(bound.max + 1);
      continue;
    }
    // Symbolic sizes: the extents that the iterator map found.
    bounded = bounded && detected.has_value() && tir::is_const_int(detected->indices[i].base, 0) &&
              detected->indices[i].terms.size() <= 1;
    if (bounded) {
      const auto& terms = detected->indices[i].terms;
      bounded = terms.empty() || tir::is_const_int(terms[0].scale, 1);
      shape.push_back(terms.empty() ? Expr(1) : terms[0].extent);
    }
  }
  if (!detected || !bounded) {
    return Refusal(state, codes::kLayoutNotInjective,
                   fmt::format(
                       "the map \"{}\" is not proven to keep the elements of `{}` apart and at indices of 0 or more",
                       text, buffer.name()))
        .at(id);
  }
  State next = state;
  const Buffer moved(buffer.name(), buffer.dtype(), buffer.shape(), buffer.scope(),
                     tir::make_index_map(map.inputs, map.outputs, shape), buffer->alignment);
  Stmt root = with_buffer(next.func()->body, buffer, moved);
  if (state.is_parameter(buffer.get())) {
    tir::PrimFuncNode func = *next.func().get();
    for (tir::Param& p : func.params) {
      if (p.buffer.same_as(buffer)) p.buffer = moved;
    }
    func.body = std::move(root);
    next.replace_func(tir::PrimFunc(std::move(func)));
  } else {
    next.replace_root(std::move(root));
  }
  state = std::move(next);
  return {};
}

}  // namespace tilewright::schedule
