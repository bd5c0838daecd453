// One row for each kind of instruction: its operands, how it is applied, how it is spelled in C++.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schedule/state.h"
#include "tilewright/schedule/trace.h"

namespace tilewright::schedule {

/// What the handles of a schedule stand for.
struct Symbols {
  std::vector<BlockId> blocks;
  std::vector<LoopId> loops;  // or a place, see primitives/sample.h
  std::vector<int64_t> values;
};

struct Context {
  State& state;
  const Symbols& symbols;
  uint64_t seed;
  size_t index;  // of the instruction in the trace
};

struct Outcome {
  std::vector<int64_t> outputs;  // ids or values
  std::optional<Decision> decision;
};

enum class OutputType : uint8_t { kNone, kBlock, kLoop, kValue };

enum RowFlags : uint8_t {
  kPure = 1,      // no effect but its outputs
  kSampling = 2,  // has a decision
  kPlace = 4,     // its loop may be a place
  kList = 8,      // outputs come as a std::vector
};

struct Row {
  InstructionKind kind;
  const char* name;
  /// One letter an input: b block, l loop, x block or loop, f factor; the last may repeat (*).
  const char* inputs;
  /// One letter an attribute: i integer, s string, I integers, D numbers, A annotation.
  const char* attributes;
  OutputType output;
  uint8_t flags;
  /// The call: $0 an input, $1* the inputs from this one on, $a0 an attribute, $b0 as a bool, $x0 as an Access, $n the
  /// number of outputs, $d the decision.
  const char* cpp;
  Expected<Outcome> (*apply)(Context& context, const Instruction& instruction);
};

const Row& row_of(InstructionKind kind);
/// Null when there is no such name.
const Row* find_row(const std::string& name);

/// Number and types of operands and attributes, for any schedule. Empty, or what is wrong.
std::string check_shape(const Row& row, const Instruction& instruction);
/// Handles exist in the schedule (S0105).
Status check_handles(const Row& row, const Instruction& instruction, const State& state, const Symbols& symbols);

}  // namespace tilewright::schedule
