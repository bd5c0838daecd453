#include "tilewright/schedule/schedule.h"

#include <fmt/format.h>

#include "schedule/index_map_text.h"
#include "schedule/primitives/sample.h"
#include "schedule/refusal.h"
#include "schedule/schedule_impl.h"

namespace tilewright::schedule {

namespace {

Operand operand(Block b) {
  return {Operand::Kind::kBlock, b.index};
}
Operand operand(Loop l) {
  return {Operand::Kind::kLoop, l.index};
}
Operand operand(const Factor& f) {
  switch (f.kind()) {
    case Factor::Kind::kConstant:
      return {Operand::Kind::kInt, f.constant()};
    case Factor::Kind::kSampled:
      return {Operand::Kind::kValue, f.sampled().index};
    default:
      return {};
  }
}
template <typename T>
void append(std::vector<Operand>* out, const std::vector<T>& items) {
  for (const T& item : items) out->push_back(operand(item));
}

Attribute attribute(tir::AnnotationValue v) {
  return std::visit([](auto&& x) { return Attribute(std::move(x)); }, std::move(v));
}

tir::PrimFunc checked(tir::PrimFunc func) {
  const char* problem = !func.defined()                                  ? "there is no function"
                        : !tir::as<BlockNode>(func->body)                ? "its body is no root block"
                        : !tir::as<BlockNode>(func->body)->iters.empty() ? "its root block has iterators"
                                                                         : nullptr;
  if (problem) {
    throw Error(
        codes::kNoRootBlock, "Schedule",
        fmt::format("{} cannot be scheduled: {}", func.defined() ? "`" + func->name + "`" : "the program", problem));
  }
  return func;
}

template <typename H>
std::vector<H> handles(uint32_t first, uint32_t count) {
  std::vector<H> out;
  out.reserve(count);
  for (uint32_t i = 0; i < count; ++i) out.push_back(H{first + i});
  return out;
}

}  // namespace

// ---- Running instructions

Expected<Schedule::Impl::Made> Schedule::Impl::run(Instruction instruction, std::optional<size_t> expected) {
  return run(std::make_shared<const Instruction>(std::move(instruction)), expected);
}

Expected<Schedule::Impl::Made> Schedule::Impl::run(std::shared_ptr<const Instruction> instruction,
                                                   std::optional<size_t> expected) {
  const Row& row = row_of(instruction->kind);
  State next = state;
  next.set_operation(row.name);
  if (std::string problem = check_shape(row, *instruction); !problem.empty())
    return Refusal(next, codes::kBadInstruction, std::move(problem)).diagnostic();
  if (Status s = check_handles(row, *instruction, next, symbols); !s) return s.error();
  Context context{next, symbols, seed, trace.size()};
  Expected<Outcome> outcome = row.apply(context, *instruction);
  if (!outcome) return outcome.error();
  if (expected && outcome->outputs.size() != *expected) {
    return Refusal(next, codes::kWrongCount,
                   fmt::format("it gives {} results, {} are expected", outcome->outputs.size(), *expected))
        .diagnostic();
  }
  next.settle();
  Made made{0, static_cast<uint32_t>(outcome->outputs.size())};
  switch (row.output) {
    case OutputType::kBlock:
      made.first = static_cast<uint32_t>(symbols.blocks.size());
      for (const int64_t id : outcome->outputs) symbols.blocks.push_back({static_cast<uint32_t>(id)});
      break;
    case OutputType::kLoop:
      made.first = static_cast<uint32_t>(symbols.loops.size());
      for (const int64_t id : outcome->outputs) symbols.loops.push_back({static_cast<uint32_t>(id)});
      break;
    case OutputType::kValue:
      made.first = static_cast<uint32_t>(symbols.values.size());
      symbols.values.insert(symbols.values.end(), outcome->outputs.begin(), outcome->outputs.end());
      break;
    case OutputType::kNone:
      break;
  }
  if (instruction->output_count != made.count || instruction->decision != outcome->decision) {
    auto copy = std::make_shared<Instruction>(*instruction);
    copy->output_count = made.count;
    copy->decision = std::move(outcome->decision);
    instruction = std::move(copy);
  }
  trace.instructions_.push_back(std::move(instruction));
  state = std::move(next);
  return made;
}

// ---- The class

Schedule::Schedule(PrimFunc func, uint64_t seed) : impl_(std::make_unique<Impl>(checked(std::move(func)), seed)) {}
Schedule::~Schedule() = default;
Schedule::Schedule(const Schedule& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Schedule::Schedule(Schedule&&) noexcept = default;
Schedule& Schedule::operator=(Schedule other) noexcept {
  impl_ = std::move(other.impl_);
  return *this;
}

const PrimFunc& Schedule::func() const {
  return impl_->state.func();
}
const Trace& Schedule::trace() const {
  return impl_->trace;
}
void Schedule::set_seed(uint64_t seed) {
  impl_->seed = seed;
}

namespace {

/// The id behind a handle, for reading only.
template <typename H, typename Ids>
auto id_of(const State& state, const Ids& ids, H handle, const char* what) {
  if (handle.index >= ids.size()) {
    State copy = state;
    copy.set_operation("get");
    throw Error(Refusal(copy, codes::kBadHandle, fmt::format("a {} handle does not belong to this schedule", what))
                    .remedy("use handles that this schedule returned, or the one it was copied from before")
                    .diagnostic());
  }
  return ids[handle.index];
}

}  // namespace

const tir::ForNode& Schedule::get(Loop loop) const {
  State copy = impl_->state;
  copy.set_operation("get");
  return *copy.loop(id_of(impl_->state, impl_->symbols.loops, loop, "loop")).value();
}
const tir::BlockNode& Schedule::get(Block block) const {
  State copy = impl_->state;
  copy.set_operation("get");
  return *copy.block(id_of(impl_->state, impl_->symbols.blocks, block, "block")).value();
}
int64_t Schedule::get(Value value) const {
  return id_of(impl_->state, impl_->symbols.values, value, "value");
}
bool Schedule::alive(Loop loop) const {
  const auto& ids = impl_->symbols.loops;
  return loop.index < ids.size() && impl_->state.find_loop(ids[loop.index]);
}
bool Schedule::alive(Block block) const {
  const auto& ids = impl_->symbols.blocks;
  return block.index < ids.size() && impl_->state.find_block(ids[block.index]);
}
BlockClass Schedule::classify(Block block) const {
  get(block);
  State copy = impl_->state;
  const BlockId id = impl_->symbols.blocks[block.index];
  return id == copy.root() ? BlockClass::kOther : copy.classify(id);
}

// Every primitive is one instruction.
using K = InstructionKind;

Block Schedule::get_block(const std::string& name) {
  return {impl_->run({K::kGetBlock, {}, {name}, 0, {}}).value().first};
}
std::vector<Loop> Schedule::get_loops(Block block) {
  const auto made = impl_->run({K::kGetLoops, {operand(block)}, {}, 0, {}}).value();
  return handles<Loop>(made.first, made.count);
}
std::vector<Loop> Schedule::get_loops_checked(Block block, size_t count) {
  const auto made = impl_->run({K::kGetLoops, {operand(block)}, {}, 0, {}}, count).value();
  return handles<Loop>(made.first, made.count);
}
std::vector<Block> Schedule::get_child_blocks(Block block) {
  const auto made = impl_->run({K::kGetChildBlocks, {operand(block)}, {}, 0, {}}).value();
  return handles<Block>(made.first, made.count);
}
std::vector<Block> Schedule::get_child_blocks(Loop loop) {
  const auto made = impl_->run({K::kGetChildBlocks, {operand(loop)}, {}, 0, {}}).value();
  return handles<Block>(made.first, made.count);
}
std::vector<Block> Schedule::get_producers(Block block) {
  const auto made = impl_->run({K::kGetProducers, {operand(block)}, {}, 0, {}}).value();
  return handles<Block>(made.first, made.count);
}
std::vector<Block> Schedule::get_consumers(Block block) {
  const auto made = impl_->run({K::kGetConsumers, {operand(block)}, {}, 0, {}}).value();
  return handles<Block>(made.first, made.count);
}
std::vector<Block> Schedule::get_output_blocks() {
  const auto made = impl_->run({K::kGetOutputBlocks, {}, {}, 0, {}}).value();
  return handles<Block>(made.first, made.count);
}

namespace {
std::optional<Decision> optional_decision(const Decision& d) {
  return d.empty() ? std::optional<Decision>() : std::optional<Decision>(d);
}
}  // namespace

std::vector<Value> Schedule::sample_perfect_tile(Loop loop, int n, int64_t max_innermost, const Decision& decision) {
  const auto made =
      impl_->run({K::kSamplePerfectTile, {operand(loop)}, {int64_t{n}, max_innermost}, 0, optional_decision(decision)})
          .value();
  return handles<Value>(made.first, made.count);
}
std::vector<Value> Schedule::sample_tile(Loop loop, int n, int64_t max_innermost, const Decision& decision) {
  const auto made =
      impl_->run({K::kSampleTile, {operand(loop)}, {int64_t{n}, max_innermost}, 0, optional_decision(decision)})
          .value();
  return handles<Value>(made.first, made.count);
}
Value Schedule::sample_categorical(const std::vector<int64_t>& candidates, const std::vector<double>& probabilities,
                                   const Decision& decision) {
  return {impl_->run({K::kSampleCategorical, {}, {candidates, probabilities}, 0, optional_decision(decision)})
              .value()
              .first};
}
Loop Schedule::sample_compute_location(Block block, const Decision& decision) {
  return {impl_->run({K::kSampleComputeLocation, {operand(block)}, {}, 0, optional_decision(decision)}).value().first};
}

std::vector<Loop> Schedule::split(Loop loop, const std::vector<Factor>& factors) {
  std::vector<Operand> inputs{operand(loop)};
  append(&inputs, factors);
  const auto made = impl_->run({K::kSplit, std::move(inputs), {}, 0, {}}).value();
  return handles<Loop>(made.first, made.count);
}
std::vector<Loop> Schedule::split_checked(Loop loop, const std::vector<Factor>& factors, size_t count) {
  std::vector<Operand> inputs{operand(loop)};
  append(&inputs, factors);
  const auto made = impl_->run({K::kSplit, std::move(inputs), {}, 0, {}}, count).value();
  return handles<Loop>(made.first, made.count);
}
Loop Schedule::fuse(const std::vector<Loop>& loops) {
  std::vector<Operand> inputs;
  append(&inputs, loops);
  return {impl_->run({K::kFuse, std::move(inputs), {}, 0, {}}).value().first};
}
void Schedule::reorder(const std::vector<Loop>& loops) {
  std::vector<Operand> inputs;
  append(&inputs, loops);
  impl_->run({K::kReorder, std::move(inputs), {}, 0, {}}).value();
}
std::array<Loop, 4> Schedule::tile(Loop i, Loop j, Factor ti, Factor tj) {
  const auto made = impl_->run({K::kTile, {operand(i), operand(j), operand(ti), operand(tj)}, {}, 0, {}}).value();
  return fixed<Loop, 4>(handles<Loop>(made.first, made.count));
}
Loop Schedule::add_unit_loop(Block block) {
  return {impl_->run({K::kAddUnitLoop, {operand(block)}, {}, 0, {}}).value().first};
}
Loop Schedule::add_unit_loop(Loop loop) {
  return {impl_->run({K::kAddUnitLoop, {operand(loop)}, {}, 0, {}}).value().first};
}

void Schedule::parallel(Loop loop) {
  impl_->run({K::kParallel, {operand(loop)}, {}, 0, {}}).value();
}
void Schedule::vectorize(Loop loop) {
  impl_->run({K::kVectorize, {operand(loop)}, {}, 0, {}}).value();
}
void Schedule::unroll(Loop loop) {
  impl_->run({K::kUnroll, {operand(loop)}, {}, 0, {}}).value();
}
void Schedule::bind(Loop loop, std::string_view thread) {
  impl_->run({K::kBind, {operand(loop)}, {std::string(thread)}, 0, {}}).value();
}

void Schedule::annotate(Loop loop, const std::string& key, tir::AnnotationValue value) {
  impl_->run({K::kAnnotate, {operand(loop)}, {key, attribute(std::move(value))}, 0, {}}).value();
}
void Schedule::annotate(Block block, const std::string& key, tir::AnnotationValue value) {
  impl_->run({K::kAnnotate, {operand(block)}, {key, attribute(std::move(value))}, 0, {}}).value();
}
void Schedule::unannotate(Loop loop, const std::string& key) {
  impl_->run({K::kUnannotate, {operand(loop)}, {key}, 0, {}}).value();
}
void Schedule::unannotate(Block block, const std::string& key) {
  impl_->run({K::kUnannotate, {operand(block)}, {key}, 0, {}}).value();
}

void Schedule::compute_at(Block block, Loop loop, bool keep_unit_loops) {
  impl_->run({K::kComputeAt, {operand(block), operand(loop)}, {int64_t{keep_unit_loops}}, 0, {}}).value();
}
void Schedule::reverse_compute_at(Block block, Loop loop, bool keep_unit_loops) {
  impl_->run({K::kReverseComputeAt, {operand(block), operand(loop)}, {int64_t{keep_unit_loops}}, 0, {}}).value();
}
void Schedule::compute_inline(Block block) {
  impl_->run({K::kComputeInline, {operand(block)}, {}, 0, {}}).value();
}
void Schedule::reverse_compute_inline(Block block) {
  impl_->run({K::kReverseComputeInline, {operand(block)}, {}, 0, {}}).value();
}

Block Schedule::cache_read(Block block, int read_index, std::string_view scope, const std::vector<Block>& consumers) {
  std::vector<Operand> inputs{operand(block)};
  append(&inputs, consumers);
  return {
      impl_->run({K::kCacheRead, std::move(inputs), {int64_t{read_index}, std::string(scope)}, 0, {}}).value().first};
}
Block Schedule::cache_write(Block block, int write_index, std::string_view scope) {
  return {
      impl_->run({K::kCacheWrite, {operand(block)}, {int64_t{write_index}, std::string(scope)}, 0, {}}).value().first};
}
Block Schedule::rfactor(Loop loop, int factor_axis) {
  return {impl_->run({K::kRfactor, {operand(loop)}, {int64_t{factor_axis}}, 0, {}}).value().first};
}
Block Schedule::decompose_reduction(Block block, Loop loop) {
  return {impl_->run({K::kDecomposeReduction, {operand(block), operand(loop)}, {}, 0, {}}).value().first};
}

void Schedule::transform_layout(Block block, Access access, int index, const std::string& map) {
  impl_->run({K::kTransformLayout, {operand(block)}, {int64_t{access == Access::kWrite}, int64_t{index}, map}, 0, {}})
      .value();
}
void Schedule::transform_layout(Block block, Access access, int index,
                                const std::function<std::vector<Expr>(const std::vector<Var>&)>& map) {
  const BlockNode& node = get(block);
  const auto& regions = access == Access::kWrite ? node.writes : node.reads;
  const size_t rank = index >= 0 && index < static_cast<int>(regions.size()) ? regions[index].ranges.size() : 0;
  std::vector<Var> inputs;
  for (size_t d = 0; d < rank; ++d) inputs.emplace_back(fmt::format("i{}", d));
  // Without such a region the primitive refuses, whatever the map.
  transform_layout(block, access, index, rank ? index_map_text(inputs, map(inputs)) : std::string("() -> ()"));
}
void Schedule::set_scope(Block block, int write_index, std::string_view scope) {
  impl_->run({K::kSetScope, {operand(block)}, {int64_t{write_index}, std::string(scope)}, 0, {}}).value();
}

}  // namespace tilewright::schedule
