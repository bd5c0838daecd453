#include "tilewright/schedule/stage_schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>

#include "schedule/codes.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

namespace {

/// Stages of one computed operation, or of a cache.
struct StageInfo {
  std::string name;
  Block block;
  std::vector<Loop> spatial, reduce;
  /// Variables of the tensor expression's axes, in the same order.
  std::vector<Var> spatial_vars, reduce_vars;
  /// After cache_write: the stage that computes what this one writes out.
  int computed_by = -1;
};

struct TensorInfo {
  te::Tensor tensor;
  std::string buffer;  // its name in the program
  int stage = -1;      // that writes it; -1 for a placeholder
};

[[noreturn]] void fail(const char* code, const char* operation, std::string message, std::string remedy = "",
                       std::string legal_kind = "", std::vector<std::string> legal = {}) {
  Diagnostic d;
  d.code = code;
  d.operation = operation;
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  d.legal_kind = std::move(legal_kind);
  d.legal = std::move(legal);
  throw Error(std::move(d));
}

bool drives_reduction(const tir::BlockNode& block, const tir::ForNode& loop) {
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind == tir::IterKind::kReduce && tir::uses_var(block.bindings[i], loop.var.get())) return true;
  }
  return false;
}

bool contains(const tir::Stmt& s, const tir::StmtNode* wanted) {
  bool found = false;
  tir::pre_order(s, [&](const tir::Stmt& x) {
    found |= x.get() == wanted;
    return !found;
  });
  return found;
}

std::vector<te::Tensor> parameters(const std::vector<te::Tensor>& outputs) {
  std::vector<te::Tensor> args;
  for (const te::OperationRef& op : te::topological_order(outputs)) {
    for (const te::Tensor& t : op->inputs) {
      const bool known = std::any_of(args.begin(), args.end(), [&](const te::Tensor& a) { return a.same_as(t); });
      if (t.op().kind == te::OpKind::kPlaceholder && !known) args.push_back(t);
    }
  }
  args.insert(args.end(), outputs.begin(), outputs.end());
  return args;
}

}  // namespace

struct StageSchedule::Impl {
  Impl(const std::vector<te::Tensor>& args, te::LoweredExpr lowered) : schedule(lowered.func) {
    for (const te::OpBlock& op_block : lowered.blocks) {
      StageInfo info;
      info.name = op_block.op->name;
      info.block = schedule.get_block(op_block.block);
      fill_axes(&info);
      for (const te::IterVar& it : op_block.op->axes) info.spatial_vars.push_back(it.var);
      for (const te::IterVar& it : op_block.op->reduce_axes) info.reduce_vars.push_back(it.var);
      ops.push_back(op_block.op);
      stages.push_back(std::move(info));
    }
    for (const te::Tensor& t : args) {
      if (t.op().kind != te::OpKind::kPlaceholder) continue;
      const auto& params = lowered.func->params;
      tensors.push_back({t, params[&t - args.data()].buffer.name(), -1});
    }
  }

  /// Loops by what they drive now.
  void fill_axes(StageInfo* info) {
    info->spatial.clear();
    info->reduce.clear();
    for (const Loop l : schedule.get_loops(info->block))
      (drives_reduction(schedule.get(info->block), schedule.get(l)) ? info->reduce : info->spatial).push_back(l);
  }

  TensorInfo& find(const te::Tensor& tensor, const char* operation) {
    if (!tensor.defined()) fail(codes::kUnknownStage, operation, "the tensor is undefined");
    for (TensorInfo& t : tensors) {
      if (t.tensor.same_as(tensor)) return t;
    }
    for (size_t i = 0; i < ops.size(); ++i) {
      if (ops[i] != tensor.op_ref()) continue;
      const auto& writes = schedule.get(stages[i].block).writes;
      tensors.push_back({tensor, writes[tensor.value_index()].buffer.name(), static_cast<int>(i)});
      return tensors.back();
    }
    std::vector<std::string> names;
    for (const StageInfo& s : stages) names.push_back("`" + s.name + "`");
    fail(codes::kUnknownStage, operation,
         fmt::format("tensor `{}` belongs to no stage of this schedule", tensor.name()), "", "stages", names);
  }

  const StageInfo& compute_stage(const StageInfo& s) const {
    return s.computed_by < 0 ? s : compute_stage(stages[s.computed_by]);
  }

  Loop resolve(const StageInfo& stage, const Axis& axis, const char* operation) {
    if (!axis.var().defined()) {
      const Loop loop = axis.loop();
      if (!schedule.alive(loop)) return loop;  // the primitive says what became of it
      const tir::ForNode& node = schedule.get(loop);
      if (contains(node.body, &schedule.get(stage.block))) return loop;
      std::vector<std::string> owners;
      for (const StageInfo& s : stages) {
        if (schedule.alive(s.block) && contains(node.body, &schedule.get(s.block)))
          owners.push_back("`" + s.name + "`");
      }
      fail(codes::kForeignAxis, operation,
           fmt::format("loop `{}` is not around stage `{}`; it belongs to {}", node.var.name(), stage.name,
                       owners.empty() ? "no stage" : fmt::format("{}", fmt::join(owners, ", "))),
           fmt::format("use an axis of `{}`", stage.name));
    }
    const auto position = [&](const std::vector<Var>& vars) {
      for (size_t i = 0; i < vars.size(); ++i) {
        if (vars[i].same_as(axis.var())) return static_cast<int>(i);
      }
      return -1;
    };
    if (const int i = position(stage.spatial_vars); i >= 0 && i < static_cast<int>(stage.spatial.size()))
      return stage.spatial[i];
    if (const int i = position(stage.reduce_vars); i >= 0 && i < static_cast<int>(stage.reduce.size()))
      return stage.reduce[i];
    const StageInfo& compute = compute_stage(stage);
    if (&compute != &stage && position(compute.reduce_vars) >= 0) no_reduce_axes(stage, operation, axis.var().name());
    for (const StageInfo& s : stages) {
      if (position(s.spatial_vars) < 0 && position(s.reduce_vars) < 0) continue;
      fail(codes::kForeignAxis, operation,
           fmt::format("axis `{}` is not of stage `{}`; it belongs to `{}`", axis.var().name(), stage.name, s.name),
           fmt::format("use an axis of `{}`", stage.name));
    }
    fail(codes::kForeignAxis, operation,
         fmt::format("axis `{}` belongs to no stage of this schedule", axis.var().name()),
         fmt::format("use an axis of `{}`", stage.name));
  }

  [[noreturn]] void no_reduce_axes(const StageInfo& stage, const char* operation, const std::string& axis) const {
    const StageInfo& compute = compute_stage(stage);
    if (&compute == &stage)
      fail(codes::kNoReduceAxis, operation, fmt::format("stage `{}` has no reduce axes", stage.name));
    fail(codes::kNoReduceAxis, operation,
         fmt::format("stage `{}` only writes out what stage `{}` computes, so it has no reduce axis{}", stage.name,
                     compute.name, axis.empty() ? "" : fmt::format(" `{}`", axis)),
         fmt::format("use the stage that cache_write returned: the reduce axes belong to `{}`", compute.name));
  }

  int add(StageInfo info) {
    stages.push_back(std::move(info));
    return static_cast<int>(stages.size()) - 1;
  }

  Schedule schedule;
  std::deque<StageInfo> stages;       // stable addresses
  std::vector<te::OperationRef> ops;  // of the first stages
  std::deque<TensorInfo> tensors;
};

// ---- StageSchedule

StageSchedule::StageSchedule(const std::vector<te::Tensor>& outputs, std::string name) {
  const std::vector<te::Tensor> args = parameters(outputs);
  impl_ = std::make_unique<Impl>(
      args, te::lower_to_blocks(std::vector<te::FuncArg>(args.begin(), args.end()), std::move(name)));
}
StageSchedule::StageSchedule(const std::vector<te::Tensor>& inputs, const std::vector<te::Tensor>& outputs,
                             std::string name) {
  std::vector<te::Tensor> args = inputs;
  args.insert(args.end(), outputs.begin(), outputs.end());
  impl_ = std::make_unique<Impl>(
      args, te::lower_to_blocks(std::vector<te::FuncArg>(args.begin(), args.end()), std::move(name)));
}
StageSchedule::~StageSchedule() = default;
StageSchedule::StageSchedule(StageSchedule&&) noexcept = default;
StageSchedule& StageSchedule::operator=(StageSchedule&&) noexcept = default;

const PrimFunc& StageSchedule::func() const {
  return impl_->schedule.func();
}
Schedule& StageSchedule::schedule() {
  return impl_->schedule;
}
const Trace& StageSchedule::trace() const {
  return impl_->schedule.trace();
}

Stage StageSchedule::operator[](const te::Tensor& tensor) {
  const TensorInfo& t = impl_->find(tensor, "stage");
  if (t.stage < 0) {
    fail(codes::kUnknownStage, "stage", fmt::format("tensor `{}` is an input, which no stage computes", tensor.name()),
         "cache_read makes a stage that copies it");
  }
  return Stage(this, static_cast<size_t>(t.stage));
}

Stage StageSchedule::cache_write(const te::Tensor& tensor, std::string_view scope) {
  TensorInfo& t = impl_->find(tensor, "cache_write");
  if (t.stage < 0)
    fail(codes::kUnknownStage, "cache_write",
         fmt::format("tensor `{}` is an input, which no stage computes", tensor.name()));
  StageInfo& out = impl_->stages[t.stage];
  Schedule& s = impl_->schedule;
  const auto& writes = s.get(out.block).writes;
  int index = 0;
  for (size_t i = 0; i < writes.size(); ++i) {
    if (writes[i].buffer.name() == t.buffer) index = static_cast<int>(i);
  }
  const Block copy = s.cache_write(out.block, index, scope);
  StageInfo compute = out;
  compute.name = s.get(compute.block).writes[index].buffer.name();
  compute.spatial_vars.clear();  // the expression's spatial axes mean the stage that writes the tensor
  out.block = copy;
  out.reduce_vars.clear();
  impl_->fill_axes(&out);
  out.computed_by = impl_->add(std::move(compute));
  return Stage(this, static_cast<size_t>(out.computed_by));
}

Stage StageSchedule::cache_read(const te::Tensor& tensor, std::string_view scope,
                                const std::vector<te::Tensor>& readers) {
  const std::string buffer = impl_->find(tensor, "cache_read").buffer;
  Schedule& s = impl_->schedule;
  if (readers.empty()) fail(codes::kUnknownStage, "cache_read", "no readers are given");
  std::vector<Block> blocks;
  int index = -1;
  for (const te::Tensor& reader : readers) {
    const TensorInfo& r = impl_->find(reader, "cache_read");
    if (r.stage < 0)
      fail(codes::kUnknownStage, "cache_read",
           fmt::format("tensor `{}` is an input, which no stage computes", reader.name()));
    const StageInfo& stage = impl_->compute_stage(impl_->stages[r.stage]);
    const auto& reads = s.get(stage.block).reads;
    int found = -1;
    for (size_t i = 0; i < reads.size(); ++i) {
      if (reads[i].buffer.name() == buffer) found = static_cast<int>(i);
    }
    if (found < 0) {
      std::vector<std::string> names;
      for (const auto& r2 : reads) names.push_back("`" + r2.buffer.name() + "`");
      fail(codes::kNotAConsumer, "cache_read", fmt::format("stage `{}` does not read `{}`", stage.name, buffer), "",
           "tensors", names);
    }
    if (blocks.empty()) index = found;
    blocks.push_back(stage.block);
  }
  StageInfo info;
  info.block = s.cache_read(blocks[0], index, scope, blocks);
  info.name = s.get(info.block).name;
  impl_->fill_axes(&info);
  return Stage(this, static_cast<size_t>(impl_->add(std::move(info))));
}

// ---- Stage

#define TILEWRIGHT_STAGE            \
  auto& impl = *schedule_->impl_;   \
  auto& info = impl.stages[index_]; \
  Schedule& s = impl.schedule

const std::string& Stage::name() const {
  return schedule_->impl_->stages[index_].name;
}
Block Stage::block() const {
  return schedule_->impl_->stages[index_].block;
}

Loop Stage::axis(int i) const {
  const StageInfo& info = schedule_->impl_->stages[index_];
  if (i < 0 || i >= static_cast<int>(info.spatial.size())) {
    fail(codes::kNoAxis, "axis",
         fmt::format("stage `{}` has {} spatial axes, there is no axis {}", info.name, info.spatial.size(), i));
  }
  return info.spatial[i];
}
Loop Stage::reduce_axis(int i) const {
  const auto& impl = *schedule_->impl_;
  const StageInfo& info = impl.stages[index_];
  if (info.reduce.empty()) impl.no_reduce_axes(info, "reduce_axis", "");
  if (i < 0 || i >= static_cast<int>(info.reduce.size())) {
    fail(codes::kNoAxis, "reduce_axis",
         fmt::format("stage `{}` has {} reduce axes, there is no axis {}", info.name, info.reduce.size(), i));
  }
  return info.reduce[i];
}
std::vector<Loop> Stage::loops() const {
  auto& impl = *schedule_->impl_;
  return impl.schedule.get_loops(impl.stages[index_].block);
}

std::array<Loop, 2> Stage::split(Axis axis, Factor factor) {
  TILEWRIGHT_STAGE;
  return s.split<2>(impl.resolve(info, axis, "split"), {std::nullopt, factor});
}
std::array<Loop, 2> Stage::split_parts(Axis axis, Factor parts) {
  TILEWRIGHT_STAGE;
  return s.split<2>(impl.resolve(info, axis, "split"), {parts, std::nullopt});
}
std::array<Loop, 4> Stage::tile(Axis x, Axis y, Factor x_factor, Factor y_factor) {
  TILEWRIGHT_STAGE;
  return s.tile(impl.resolve(info, x, "tile"), impl.resolve(info, y, "tile"), x_factor, y_factor);
}
Loop Stage::fuse(const std::vector<Axis>& axes) {
  TILEWRIGHT_STAGE;
  std::vector<Loop> loops;
  for (const Axis& a : axes) loops.push_back(impl.resolve(info, a, "fuse"));
  return s.fuse(loops);
}
Stage& Stage::reorder(const std::vector<Axis>& axes) {
  TILEWRIGHT_STAGE;
  std::vector<Loop> loops;
  for (const Axis& a : axes) loops.push_back(impl.resolve(info, a, "reorder"));
  s.reorder(loops);
  return *this;
}
Stage& Stage::parallel(Axis axis) {
  TILEWRIGHT_STAGE;
  s.parallel(impl.resolve(info, axis, "parallel"));
  return *this;
}
Stage& Stage::vectorize(Axis axis) {
  TILEWRIGHT_STAGE;
  s.vectorize(impl.resolve(info, axis, "vectorize"));
  return *this;
}
Stage& Stage::unroll(Axis axis) {
  TILEWRIGHT_STAGE;
  s.unroll(impl.resolve(info, axis, "unroll"));
  return *this;
}
Stage& Stage::bind(Axis axis, std::string_view thread) {
  TILEWRIGHT_STAGE;
  s.bind(impl.resolve(info, axis, "bind"), thread);
  return *this;
}
Stage& Stage::annotate(Axis axis, const std::string& key, tir::AnnotationValue value) {
  TILEWRIGHT_STAGE;
  s.annotate(impl.resolve(info, axis, "annotate"), key, std::move(value));
  return *this;
}

Stage& Stage::compute_at(const Stage& consumer, Axis axis) {
  TILEWRIGHT_STAGE;
  const StageInfo& other = consumer.schedule_->impl_->stages[consumer.index_];
  if (consumer.schedule_ != schedule_)
    fail(codes::kUnknownStage, "compute_at", fmt::format("stage `{}` belongs to another schedule", other.name));
  const auto touches = [](const auto& writes, const auto& reads) {
    return std::any_of(writes.begin(), writes.end(), [&](const auto& w) {
      return std::any_of(reads.begin(), reads.end(), [&](const auto& r) { return r.buffer.same_as(w.buffer); });
    });
  };
  const Loop loop = impl.resolve(other, axis, "compute_at");
  const tir::BlockNode &own = s.get(info.block), &theirs = s.get(other.block);
  if (!touches(own.writes, theirs.reads) && touches(theirs.writes, own.reads))
    s.reverse_compute_at(info.block, loop);
  else
    s.compute_at(info.block, loop);
  // The stage's loops were made anew; those around it are the other stage's.
  const std::vector<Loop> all = s.get_loops(info.block);
  info.spatial.clear();
  info.reduce.clear();
  bool inside = false;
  const tir::ForNode* at = &s.get(loop);
  for (const Loop l : all) {
    if (inside) (drives_reduction(s.get(info.block), s.get(l)) ? info.reduce : info.spatial).push_back(l);
    inside |= &s.get(l) == at;
  }
  return *this;
}
Stage& Stage::compute_inline() {
  TILEWRIGHT_STAGE;
  s.compute_inline(info.block);
  return *this;
}
Stage Stage::rfactor(Axis axis, int factor_axis) {
  TILEWRIGHT_STAGE;
  StageInfo partial;
  partial.block = s.rfactor(impl.resolve(info, axis, "rfactor"), factor_axis);
  partial.name = s.get(partial.block).name;
  impl.fill_axes(&partial);
  impl.fill_axes(&info);
  return Stage(schedule_, static_cast<size_t>(impl.add(std::move(partial))));
}
Stage& Stage::set_scope(std::string_view scope) {
  TILEWRIGHT_STAGE;
  s.set_scope(info.block, 0, scope);
  return *this;
}
#undef TILEWRIGHT_STAGE

}  // namespace tilewright::schedule
