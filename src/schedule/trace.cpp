#include "tilewright/schedule/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/schedule_impl.h"

namespace tilewright::schedule {

namespace {

/// Handles of a trace, counted by type.
struct Counts {
  int64_t blocks = 0, loops = 0, values = 0;
  int64_t* of(OutputType type) {
    return type == OutputType::kBlock   ? &blocks
           : type == OutputType::kLoop  ? &loops
           : type == OutputType::kValue ? &values
                                        : nullptr;
  }
  int64_t* of(Operand::Kind kind) {
    return kind == Operand::Kind::kBlock   ? &blocks
           : kind == Operand::Kind::kLoop  ? &loops
           : kind == Operand::Kind::kValue ? &values
                                           : nullptr;
  }
};

Diagnostic at_instruction(Diagnostic d, size_t index, const char* name) {
  d.operation = fmt::format("instruction {}, {}", index, name);
  return d;
}

}  // namespace

Trace::Trace(const std::vector<Instruction>& instructions) {
  for (const Instruction& i : instructions) instructions_.push_back(std::make_shared<const Instruction>(i));
}

bool Trace::operator==(const Trace& other) const {
  return std::equal(instructions_.begin(), instructions_.end(), other.instructions_.begin(), other.instructions_.end(),
                    [](const auto& a, const auto& b) { return a == b || *a == *b; });
}

Status Trace::apply(Schedule& schedule, const ApplyOptions& options) const {
  Schedule::Impl& impl = *schedule.impl_;
  Counts base;
  base.blocks = static_cast<int64_t>(impl.symbols.blocks.size());
  base.loops = static_cast<int64_t>(impl.symbols.loops.size());
  base.values = static_cast<int64_t>(impl.symbols.values.size());
  const bool shift = base.blocks || base.loops || base.values;
  const Schedule::Impl before = impl;
  const bool listings = impl.state.listings();
  impl.state.set_listings(options.listings);
  const auto fail = [&](Diagnostic d, size_t i) {
    impl = before;
    return Status(at_instruction(std::move(d), i, instruction_name(instructions_[i]->kind)));
  };
  Counts made;
  for (size_t i = 0; i < instructions_.size(); ++i) {
    std::shared_ptr<const Instruction> instruction = instructions_[i];
    for (const Operand& o : instruction->inputs) {
      // Handles refer to outputs of this trace, not to what the schedule had before.
      const int64_t* known = made.of(o.kind);
      if (!known || (o.value >= 0 && o.value < *known)) continue;
      Diagnostic d;
      d.code = codes::kBadHandle;
      d.message = "an input refers to an output that no earlier instruction of the trace has";
      return fail(std::move(d), i);
    }
    if (shift) {
      auto copy = std::make_shared<Instruction>(*instruction);
      for (Operand& o : copy->inputs) {
        if (const int64_t* offset = base.of(o.kind)) o.value += *offset;
      }
      instruction = std::move(copy);
    }
    const auto result = impl.run(instruction);
    if (!result) return fail(result.error(), i);
    if (result->count != instruction->output_count) {
      Diagnostic d;
      d.code = codes::kOutputCount;
      d.place = impl.state.func()->name;
      d.message = fmt::format("it gives {} results, the trace has {}", result->count, instruction->output_count);
      return fail(std::move(d), i);
    }
    if (int64_t* n = made.of(row_of(instruction->kind).output)) *n += result->count;
  }
  impl.state.set_listings(listings);
  return {};
}

Expected<Trace> Trace::with_decision(size_t index, Decision decision) const {
  const char* problem = index >= size() ? "the trace has no such instruction"
                        : !(row_of(instructions_[index]->kind).flags & kSampling)
                            ? "it is no sampling, so it has no decision"
                            : nullptr;
  if (problem) {
    Diagnostic d;
    d.code = codes::kNoDecision;
    d.operation = index < size()
                      ? fmt::format("instruction {}, {}", index, instruction_name(instructions_[index]->kind))
                      : fmt::format("instruction {}", index);
    d.message = problem;
    d.legal_kind = "instructions";
    for (size_t i = 0; i < size(); ++i) {
      if (row_of(instructions_[i]->kind).flags & kSampling) d.legal.push_back(std::to_string(i));
    }
    return d;
  }
  Trace out = *this;
  auto copy = std::make_shared<Instruction>(*instructions_[index]);
  copy->decision = std::move(decision);
  out.instructions_[index] = std::move(copy);
  return out;
}

Trace Trace::without_decisions() const {
  Trace out = *this;
  for (auto& instruction : out.instructions_) {
    if (!instruction->decision) continue;
    auto copy = std::make_shared<Instruction>(*instruction);
    copy->decision.reset();
    instruction = std::move(copy);
  }
  return out;
}

Trace Trace::simplified() const {
  // Which instruction made each handle.
  std::vector<size_t> makers[3];
  const auto list = [&](Operand::Kind kind) -> std::vector<size_t>* {
    return kind == Operand::Kind::kBlock   ? &makers[0]
           : kind == Operand::Kind::kLoop  ? &makers[1]
           : kind == Operand::Kind::kValue ? &makers[2]
                                           : nullptr;
  };
  const auto out_list = [&](OutputType type) -> std::vector<size_t>* {
    return type == OutputType::kNone ? nullptr : &makers[static_cast<int>(type) - 1];
  };
  for (size_t i = 0; i < size(); ++i) {
    if (auto* l = out_list(row_of(instructions_[i]->kind).output))
      l->insert(l->end(), instructions_[i]->output_count, i);
  }
  std::vector<bool> needed(size(), false);
  for (size_t i = size(); i-- > 0;) {
    const Instruction& instruction = *instructions_[i];
    if (!(row_of(instruction.kind).flags & kPure)) needed[i] = true;
    if (!needed[i]) continue;
    for (const Operand& o : instruction.inputs) {
      auto* l = list(o.kind);
      if (l && o.value >= 0 && o.value < static_cast<int64_t>(l->size())) needed[(*l)[o.value]] = true;
    }
  }
  // New numbers.
  std::vector<int64_t> renumbered[3];
  Counts counts;
  Trace out;
  for (size_t i = 0; i < size(); ++i) {
    const Row& row = row_of(instructions_[i]->kind);
    if (row.output != OutputType::kNone) {
      auto& map = renumbered[static_cast<int>(row.output) - 1];
      int64_t* n = counts.of(row.output);
      for (uint32_t k = 0; k < instructions_[i]->output_count; ++k) map.push_back(needed[i] ? (*n)++ : -1);
    }
    if (!needed[i]) continue;
    Instruction copy = *instructions_[i];
    for (Operand& o : copy.inputs) {
      const int which = o.kind == Operand::Kind::kBlock   ? 0
                        : o.kind == Operand::Kind::kLoop  ? 1
                        : o.kind == Operand::Kind::kValue ? 2
                                                          : -1;
      if (which >= 0 && o.value >= 0 && o.value < static_cast<int64_t>(renumbered[which].size()))
        o.value = renumbered[which][o.value];
    }
    out.instructions_.push_back(std::make_shared<const Instruction>(std::move(copy)));
  }
  return out;
}

}  // namespace tilewright::schedule
