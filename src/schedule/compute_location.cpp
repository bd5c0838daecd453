#include "schedule/compute_location.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/refusal.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::BufferRegion;
using tir::Expr;
using tir::IterVar;
using tir::Range;

Status check_movable(State& state, BlockId id, LoopId loop_id) {
  Expected<const BlockNode*> block = state.block(id);
  if (!block) return block.error();
  Expected<const ForNode*> loop = state.loop(loop_id);
  if (!loop) return loop.error();
  const std::string& name = (*block)->name;
  const std::string& loop_name = (*loop)->var.name();
  if (state.is_below(id, loop_id)) {
    return Refusal(state, codes::kOtherScope, fmt::format("loop `{}` is around block `{}` already", loop_name, name))
        .at(loop_id)
        .at(id)
        .remedy("choose a loop of another block");
  }
  const BlockId scope = state.scope_of(id);
  if (!(scope == state.scope_of(loop_id))) {
    return Refusal(state, codes::kOtherScope,
                   fmt::format("loop `{}` is not in the scope of block `{}`", loop_name, name))
        .at(loop_id)
        .at(id)
        .remedy(fmt::format("choose a loop directly inside block `{}`", state.find_block(scope)->name));
  }
  std::string why;
  const BlockClass c = state.classify(id, &why);
  if (c != BlockClass::kComplete && c != BlockClass::kReduction) {
    if (c == BlockClass::kUpdate) why = "its init is in another block";
    return Refusal(state, codes::kNotCompleteNorReduction,
                   fmt::format("block `{}` is neither complete nor a reduction: {}", name, why))
        .at(id)
        .remedy(c == BlockClass::kUpdate ? "move it before decompose_reduction"
                                         : "only such blocks can be computed elsewhere");
  }
  if (!state.affine_binding(id)) {
    return Refusal(
               state, codes::kNotCompleteNorReduction,
               fmt::format("the bindings of block `{}` are not affine, so its iterations cannot be made anew", name))
        .at(id);
  }
  if (!state.stage_pipeline(scope)) {
    return Refusal(
               state, codes::kNoStagePipeline,
               fmt::format("the blocks around `{}` are no pipeline: one overwrites what an earlier one reads, or reads "
                           "what was not written before",
                           name))
        .at(id);
  }
  return {};
}

void solve_iterators(const BlockNode& block, const BufferRegion& access, const std::vector<Range>& box,
                     arith::Analyzer& analyzer, std::vector<std::optional<Range>>* parts, bool* consistent,
                     bool enlarge) {
  for (size_t d = 0; d < access.ranges.size(); ++d) {
    const Range& range = access.ranges[d];
    int64_t width;
    if (!tir::is_const_int(range.extent, &width) || width != 1) continue;
    for (size_t i = 0; i < block.iters.size(); ++i) {
      const Expr iter = block.iters[i].var;
      if (!tir::uses_var(range.min, block.iters[i].var.get())) continue;
      // The index must be the iterator plus something that does not depend on the block.
      const Expr offset = analyzer.simplify(range.min - iter);
      const bool alone = !tir::uses_any_var(offset, [&](const tir::VarNode* v) {
        return std::any_of(block.iters.begin(), block.iters.end(),
                           [&](const IterVar& it) { return it.var.get() == v; });
      });
      if (!alone) continue;
      Range part{analyzer.simplify(box[d].min - offset), box[d].extent};
      if (!(*parts)[i]) {
        (*parts)[i] = part;
        continue;
      }
      Range& known = *(*parts)[i];
      if (analyzer.can_prove_equal(known.min, part.min) && analyzer.can_prove_equal(known.extent, part.extent))
        continue;
      if (!enlarge) {
        *consistent = false;
        continue;
      }
      const Expr begin = analyzer.simplify(tir::min(known.min, part.min));
      const Expr end = analyzer.simplify(tir::max(known.min + known.extent, part.min + part.extent));
      known = {begin, analyzer.simplify(end - begin)};
    }
  }
}

}  // namespace tilewright::schedule
