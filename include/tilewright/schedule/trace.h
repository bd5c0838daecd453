// Traces: a schedule as the list of instructions that made it. The same object is the search's genome, the log's record
// and the text a user pastes into a program.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tilewright/support/expected.h"

namespace tilewright::schedule {

class Schedule;

enum class InstructionKind : uint8_t {
  kGetBlock,
  kGetLoops,
  kGetChildBlocks,
  kGetProducers,
  kGetConsumers,
  kGetOutputBlocks,
  kSamplePerfectTile,
  kSampleTile,
  kSampleCategorical,
  kSampleComputeLocation,
  kSplit,
  kFuse,
  kReorder,
  kTile,
  kAddUnitLoop,
  kParallel,
  kVectorize,
  kUnroll,
  kBind,
  kAnnotate,
  kUnannotate,
  kComputeAt,
  kReverseComputeAt,
  kComputeInline,
  kReverseComputeInline,
  kCacheRead,
  kCacheWrite,
  kRfactor,
  kDecomposeReduction,
  kTransformLayout,
  kSetScope,
};
inline constexpr int kInstructionKinds = static_cast<int>(InstructionKind::kSetScope) + 1;
/// The name in traces and diagnostics, the same as the method of Schedule ("split").
const char* instruction_name(InstructionKind kind);

/// An argument of an instruction: a handle (`value` is its index), a constant, or nothing (inferred).
struct Operand {
  enum class Kind : uint8_t { kNone, kInt, kBlock, kLoop, kValue };
  Kind kind = Kind::kNone;
  int64_t value = 0;
  bool operator==(const Operand&) const = default;
};

using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>>;

/// What a sampling instruction chose. Tiles: the factors from outermost to innermost. Categorical: the index of the
/// candidate. Compute location: the position of the loop among the loops of the consumer, -1 for "stay", -2 for
/// "inline".
using Decision = std::vector<int64_t>;

struct Instruction {
  InstructionKind kind = InstructionKind::kGetBlock;
  std::vector<Operand> inputs;
  /// Fixed meaning and order for each kind.
  std::vector<Attribute> attributes;
  /// Outputs all have one type (block, loop or value) that the kind decides; they are numbered on from the last of
  /// that type in the trace.
  uint32_t output_count = 0;
  /// Of sampling instructions; empty means "sample when applied".
  std::optional<Decision> decision;
  bool operator==(const Instruction&) const = default;
};

struct ApplyOptions {
  /// Diagnostics show the loop nest. Rendering it costs more than a primitive, so the search goes without.
  bool listings = false;
};

/// An immutable value; copies share instructions.
class Trace {
 public:
  Trace() = default;
  explicit Trace(const std::vector<Instruction>& instructions);

  size_t size() const { return instructions_.size(); }
  bool empty() const { return instructions_.empty(); }
  const Instruction& operator[](size_t i) const { return *instructions_[i]; }
  bool operator==(const Trace& other) const;

  /// Applies every instruction to `schedule`, whose trace grows by them. Handles inside refer to the outputs of this
  /// trace. At the first refusal: a diagnostic that names the index of the instruction, and `schedule` is as before.
  /// Never throws on a bad trace.
  Status apply(Schedule& schedule, const ApplyOptions& options = {}) const;

  /// The same trace with another decision at `index`. S0140 when `index` is no sampling instruction. Whether the
  /// decision is valid shows when the trace is applied: S0126, naming the index; nothing is ever repaired.
  Expected<Trace> with_decision(size_t index, Decision decision) const;
  /// The same trace without its decisions: applying it samples again.
  Trace without_decisions() const;
  /// Drops instructions without effect: queries and samplings whose outputs nothing uses. Outputs are renumbered.
  Trace simplified() const;

  /// C++ statements on a schedule named `name`, one instruction a line, that make the same schedule again; decisions
  /// are passed to the samplings.
  std::string as_cpp(std::string_view name = "s") const;
  /// One line: {"trace":[["get_block",[],["C"],1],["split",["l0",null,32],[],2],...],"v":1}; a sampling has its
  /// decision as a fifth element.
  std::string to_json() const;
  /// Inverse of to_json. S0141 names the instruction and what is wrong with the text; accepts nothing but what to_json
  /// writes.
  static Expected<Trace> from_json(std::string_view text);

 private:
  friend class Schedule;
  std::vector<std::shared_ptr<const Instruction>> instructions_;
};

std::ostream& operator<<(std::ostream& out, const Trace& trace);

}  // namespace tilewright::schedule

namespace tilewright {
using schedule::Trace;
}
