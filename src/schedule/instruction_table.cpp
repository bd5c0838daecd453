#include "schedule/instruction_table.h"

#include <fmt/format.h>

#include <cstring>

#include "schedule/primitives/add_unit_loop.h"
#include "schedule/primitives/annotate.h"
#include "schedule/primitives/cache_read.h"
#include "schedule/primitives/cache_write.h"
#include "schedule/primitives/compute_at.h"
#include "schedule/primitives/compute_inline.h"
#include "schedule/primitives/decompose_reduction.h"
#include "schedule/primitives/fuse.h"
#include "schedule/primitives/loop_kind.h"
#include "schedule/primitives/query.h"
#include "schedule/primitives/reorder.h"
#include "schedule/primitives/reverse_compute_at.h"
#include "schedule/primitives/reverse_compute_inline.h"
#include "schedule/primitives/rfactor.h"
#include "schedule/primitives/sample.h"
#include "schedule/primitives/set_scope.h"
#include "schedule/primitives/split.h"
#include "schedule/primitives/tile.h"
#include "schedule/primitives/transform_layout.h"
#include "schedule/refusal.h"

namespace tilewright::schedule {

namespace {

using Kind = Operand::Kind;

// ---- Operands of an instruction whose shape and handles were checked.

BlockId block(Context& c, const Instruction& i, size_t n = 0) {
  return c.symbols.blocks[i.inputs[n].value];
}
LoopId loop(Context& c, const Instruction& i, size_t n = 0) {
  return c.symbols.loops[i.inputs[n].value];
}
bool is_block(const Instruction& i) {
  return i.inputs[0].kind == Kind::kBlock;
}
std::optional<int64_t> factor(Context& c, const Instruction& i, size_t n) {
  const Operand& o = i.inputs[n];
  if (o.kind == Kind::kNone) return std::nullopt;
  return o.kind == Kind::kValue ? c.symbols.values[o.value] : o.value;
}
std::vector<LoopId> loops_from(Context& c, const Instruction& i, size_t n) {
  std::vector<LoopId> out;
  for (; n < i.inputs.size(); ++n) out.push_back(loop(c, i, n));
  return out;
}
int64_t integer(const Instruction& i, size_t n) {
  return std::get<int64_t>(i.attributes[n]);
}
const std::string& text(const Instruction& i, size_t n) {
  return std::get<std::string>(i.attributes[n]);
}
const Decision* decision(const Instruction& i) {
  return i.decision ? &*i.decision : nullptr;
}
CounterRng rng(const Context& c) {
  return CounterRng(c.seed, c.index);
}

// ---- Outcomes

Expected<Outcome> done(Status s) {
  if (!s) return s.error();
  return Outcome{};
}
template <typename Id>
Expected<Outcome> one(const Expected<Id>& id) {
  if (!id) return id.error();
  return Outcome{{static_cast<int64_t>(id->value)}, {}};
}
template <typename Id>
Outcome list(const std::vector<Id>& ids) {
  Outcome out;
  for (const Id id : ids) out.outputs.push_back(id.value);
  return out;
}
template <typename Id>
Expected<Outcome> many(const Expected<std::vector<Id>>& ids) {
  if (!ids) return ids.error();
  return list(*ids);
}
Expected<Outcome> factors(const Expected<std::vector<int64_t>>& values) {
  if (!values) return values.error();
  return Outcome{*values, *values};
}

tir::AnnotationValue annotation(const Attribute& a) {
  if (const auto* v = std::get_if<int64_t>(&a)) return *v;
  if (const auto* v = std::get_if<double>(&a)) return *v;
  if (const auto* v = std::get_if<std::string>(&a)) return *v;
  return std::get<std::vector<int64_t>>(a);
}

Expected<tir::Scope> storage_scope(Context& c, const std::string& name) {
  tir::Scope scope{};
  if (tir::parse_scope(name, &scope) && scope != tir::Scope::kFragment && scope != tir::Scope::kRegister) return scope;
  return Refusal(c.state, codes::kBadScope, fmt::format("\"{}\" is no scope that a schedule can allocate in", name))
      .legal("scopes", {"global", "shared", "local", "warp"});
}

constexpr Row kRows[] = {
    // ---- Queries
    {InstructionKind::kGetBlock, "get_block", "", "s", OutputType::kBlock, kPure, "get_block($a0)",
     [](Context& c, const Instruction& i) { return one(get_block(c.state, text(i, 0))); }},
    {InstructionKind::kGetLoops, "get_loops", "b", "", OutputType::kLoop, kPure, "get_loops<$n>($0)",
     [](Context& c, const Instruction& i) { return many(get_loops(c.state, block(c, i))); }},
    {InstructionKind::kGetChildBlocks, "get_child_blocks", "x", "", OutputType::kBlock, kPure | kList,
     "get_child_blocks($0)",
     [](Context& c, const Instruction& i) {
       return many(is_block(i) ? get_child_blocks(c.state, block(c, i)) : get_child_blocks(c.state, loop(c, i)));
     }},
    {InstructionKind::kGetProducers, "get_producers", "b", "", OutputType::kBlock, kPure | kList, "get_producers($0)",
     [](Context& c, const Instruction& i) { return many(get_producers(c.state, block(c, i))); }},
    {InstructionKind::kGetConsumers, "get_consumers", "b", "", OutputType::kBlock, kPure | kList, "get_consumers($0)",
     [](Context& c, const Instruction& i) { return many(get_consumers(c.state, block(c, i))); }},
    {InstructionKind::kGetOutputBlocks, "get_output_blocks", "", "", OutputType::kBlock, kPure | kList,
     "get_output_blocks()",
     [](Context& c, const Instruction&) { return Expected<Outcome>(list(get_output_blocks(c.state))); }},
    // ---- Sampling
    {InstructionKind::kSamplePerfectTile, "sample_perfect_tile", "l", "ii", OutputType::kValue, kPure | kSampling,
     "sample_perfect_tile<$n>($0, $a1, $d)",
     [](Context& c, const Instruction& i) {
       return factors(sample_perfect_tile(c.state, loop(c, i), integer(i, 0), integer(i, 1), decision(i), rng(c)));
     }},
    {InstructionKind::kSampleTile, "sample_tile", "l", "ii", OutputType::kValue, kPure | kSampling,
     "sample_tile<$n>($0, $a1, $d)",
     [](Context& c, const Instruction& i) {
       return factors(sample_tile(c.state, loop(c, i), integer(i, 0), integer(i, 1), decision(i), rng(c)));
     }},
    {InstructionKind::kSampleCategorical, "sample_categorical", "", "ID", OutputType::kValue, kPure | kSampling,
     "sample_categorical($a0, $a1, $d)",
     [](Context& c, const Instruction& i) -> Expected<Outcome> {
       const auto& candidates = std::get<std::vector<int64_t>>(i.attributes[0]);
       const auto& weights = std::get<std::vector<double>>(i.attributes[1]);
       const Expected<int64_t> at = sample_categorical(c.state, candidates, weights, decision(i), rng(c));
       if (!at) return at.error();
       return Outcome{{candidates[*at]}, Decision{*at}};
     }},
    {InstructionKind::kSampleComputeLocation, "sample_compute_location", "b", "", OutputType::kLoop, kPure | kSampling,
     "sample_compute_location($0, $d)",
     [](Context& c, const Instruction& i) -> Expected<Outcome> {
       const Expected<Location> at = sample_compute_location(c.state, block(c, i), decision(i), rng(c));
       if (!at) return at.error();
       return Outcome{{at->loop.value}, Decision{at->decision}};
     }},
    // ---- Loops
    {InstructionKind::kSplit, "split", "lf*", "", OutputType::kLoop, 0, "split<$n>($0, {$1*})",
     [](Context& c, const Instruction& i) {
       std::vector<std::optional<int64_t>> f;
       for (size_t n = 1; n < i.inputs.size(); ++n) f.push_back(factor(c, i, n));
       return many(split(c.state, loop(c, i), f));
     }},
    {InstructionKind::kFuse, "fuse", "l*", "", OutputType::kLoop, 0, "fuse({$0*})",
     [](Context& c, const Instruction& i) { return one(fuse(c.state, loops_from(c, i, 0))); }},
    {InstructionKind::kReorder, "reorder", "l*", "", OutputType::kNone, 0, "reorder({$0*})",
     [](Context& c, const Instruction& i) { return done(reorder(c.state, loops_from(c, i, 0))); }},
    {InstructionKind::kTile, "tile", "llff", "", OutputType::kLoop, 0, "tile($0, $1, $2, $3)",
     [](Context& c, const Instruction& i) {
       return many(tile(c.state, loop(c, i, 0), loop(c, i, 1), factor(c, i, 2), factor(c, i, 3)));
     }},
    {InstructionKind::kAddUnitLoop, "add_unit_loop", "x", "", OutputType::kLoop, 0, "add_unit_loop($0)",
     [](Context& c, const Instruction& i) {
       return one(is_block(i) ? add_unit_loop(c.state, block(c, i)) : add_unit_loop(c.state, loop(c, i)));
     }},
    // ---- Loop kinds
    {InstructionKind::kParallel, "parallel", "l", "", OutputType::kNone, 0, "parallel($0)",
     [](Context& c, const Instruction& i) { return done(parallel(c.state, loop(c, i))); }},
    {InstructionKind::kVectorize, "vectorize", "l", "", OutputType::kNone, 0, "vectorize($0)",
     [](Context& c, const Instruction& i) { return done(vectorize(c.state, loop(c, i))); }},
    {InstructionKind::kUnroll, "unroll", "l", "", OutputType::kNone, 0, "unroll($0)",
     [](Context& c, const Instruction& i) { return done(unroll(c.state, loop(c, i))); }},
    {InstructionKind::kBind, "bind", "l", "s", OutputType::kNone, 0, "bind($0, $a0)",
     [](Context& c, const Instruction& i) { return done(bind(c.state, loop(c, i), text(i, 0))); }},
    // ---- Annotations
    {InstructionKind::kAnnotate, "annotate", "x", "sA", OutputType::kNone, 0, "annotate($0, $a0, $a1)",
     [](Context& c, const Instruction& i) {
       tir::AnnotationValue v = annotation(i.attributes[1]);
       return done(is_block(i) ? annotate(c.state, block(c, i), text(i, 0), std::move(v))
                               : annotate(c.state, loop(c, i), text(i, 0), std::move(v)));
     }},
    {InstructionKind::kUnannotate, "unannotate", "x", "s", OutputType::kNone, 0, "unannotate($0, $a0)",
     [](Context& c, const Instruction& i) {
       return done(is_block(i) ? unannotate(c.state, block(c, i), text(i, 0)) : unannotate(c.state, loop(c, i), text(i, 0)));
     }},
    // ---- Compute location
    {InstructionKind::kComputeAt, "compute_at", "bl", "i", OutputType::kNone, kPlace, "compute_at($0, $1, $b0)",
     [](Context& c, const Instruction& i) {
       const LoopId at = loop(c, i, 1);
       if (at == kStay) return Expected<Outcome>(Outcome{});
       if (at == kInline) return done(compute_inline(c.state, block(c, i)));
       return done(compute_at(c.state, block(c, i), at, integer(i, 0) != 0));
     }},
    {InstructionKind::kReverseComputeAt, "reverse_compute_at", "bl", "i", OutputType::kNone, 0,
     "reverse_compute_at($0, $1, $b0)",
     [](Context& c, const Instruction& i) {
       return done(reverse_compute_at(c.state, block(c, i), loop(c, i, 1), integer(i, 0) != 0));
     }},
    {InstructionKind::kComputeInline, "compute_inline", "b", "", OutputType::kNone, 0, "compute_inline($0)",
     [](Context& c, const Instruction& i) { return done(compute_inline(c.state, block(c, i))); }},
    {InstructionKind::kReverseComputeInline, "reverse_compute_inline", "b", "", OutputType::kNone, 0,
     "reverse_compute_inline($0)",
     [](Context& c, const Instruction& i) { return done(reverse_compute_inline(c.state, block(c, i))); }},
    // ---- Caches
    {InstructionKind::kCacheRead, "cache_read", "bb*", "is", OutputType::kBlock, 0, "cache_read($0, $a0, $a1, {$1*})",
     [](Context& c, const Instruction& i) -> Expected<Outcome> {
       const Expected<tir::Scope> scope = storage_scope(c, text(i, 1));
       if (!scope) return scope.error();
       std::vector<BlockId> consumers;
       for (size_t n = 1; n < i.inputs.size(); ++n) consumers.push_back(block(c, i, n));
       return one(cache_read(c.state, block(c, i), static_cast<int>(integer(i, 0)), *scope, consumers));
     }},
    {InstructionKind::kCacheWrite, "cache_write", "b", "is", OutputType::kBlock, 0, "cache_write($0, $a0, $a1)",
     [](Context& c, const Instruction& i) -> Expected<Outcome> {
       const Expected<tir::Scope> scope = storage_scope(c, text(i, 1));
       if (!scope) return scope.error();
       return one(cache_write(c.state, block(c, i), static_cast<int>(integer(i, 0)), *scope));
     }},
    // ---- Reductions
    {InstructionKind::kRfactor, "rfactor", "l", "i", OutputType::kBlock, 0, "rfactor($0, $a0)",
     [](Context& c, const Instruction& i) { return one(rfactor(c.state, loop(c, i), static_cast<int>(integer(i, 0)))); }},
    {InstructionKind::kDecomposeReduction, "decompose_reduction", "bl", "", OutputType::kBlock, 0,
     "decompose_reduction($0, $1)",
     [](Context& c, const Instruction& i) { return one(decompose_reduction(c.state, block(c, i), loop(c, i, 1))); }},
    // ---- Layout and storage
    {InstructionKind::kTransformLayout, "transform_layout", "b", "iis", OutputType::kNone, 0,
     "transform_layout($0, $x0, $a1, $a2)",
     [](Context& c, const Instruction& i) {
       return done(transform_layout(c.state, block(c, i), integer(i, 0) ? Access::kWrite : Access::kRead,
                                    static_cast<int>(integer(i, 1)), text(i, 2)));
     }},
    {InstructionKind::kSetScope, "set_scope", "b", "is", OutputType::kNone, 0, "set_scope($0, $a0, $a1)",
     [](Context& c, const Instruction& i) -> Expected<Outcome> {
       const Expected<tir::Scope> scope = storage_scope(c, text(i, 1));
       if (!scope) return scope.error();
       return done(set_scope(c.state, block(c, i), static_cast<int>(integer(i, 0)), *scope));
     }},
};
static_assert(std::size(kRows) == kInstructionKinds);

bool input_fits(char letter, const Operand& o) {
  switch (letter) {
    case 'b':
      return o.kind == Kind::kBlock;
    case 'l':
      return o.kind == Kind::kLoop;
    case 'x':
      return o.kind == Kind::kBlock || o.kind == Kind::kLoop;
    default:
      return o.kind == Kind::kNone || o.kind == Kind::kInt || o.kind == Kind::kValue;
  }
}
bool attribute_fits(char letter, const Attribute& a) {
  switch (letter) {
    case 'i':
      return std::holds_alternative<int64_t>(a);
    case 's':
      return std::holds_alternative<std::string>(a);
    case 'I':
      return std::holds_alternative<std::vector<int64_t>>(a);
    case 'D':
      return std::holds_alternative<std::vector<double>>(a);
    default:
      return !std::holds_alternative<std::vector<double>>(a);
  }
}
const char* letter_name(char letter) {
  switch (letter) {
    case 'b':
      return "a block";
    case 'l':
      return "a loop";
    case 'x':
      return "a block or a loop";
    case 'f':
      return "an integer, a sampled value or nothing";
    case 'i':
      return "an integer";
    case 's':
      return "a string";
    case 'I':
      return "a list of integers";
    case 'D':
      return "a list of numbers with a decimal point";
    default:
      return "an integer, number, string or list of integers";
  }
}

}  // namespace

const char* instruction_name(InstructionKind kind) {
  return row_of(kind).name;
}

const Row& row_of(InstructionKind kind) {
  const auto i = static_cast<size_t>(kind);
  TILEWRIGHT_CHECK(i < std::size(kRows) && kRows[i].kind == kind);
  return kRows[i];
}
const Row* find_row(const std::string& name) {
  for (const Row& row : kRows) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

std::string check_shape(const Row& row, const Instruction& instruction) {
  const size_t letters = std::strlen(row.inputs);
  const bool repeats = letters > 0 && row.inputs[letters - 1] == '*';
  const size_t least = repeats ? letters - 2 : letters;
  const auto& in = instruction.inputs;
  if (in.size() < least || (!repeats && in.size() > least))
    return fmt::format("it takes {}{} inputs, not {}", repeats ? "at least " : "", least, in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    const char letter = row.inputs[i < least ? i : letters - 2];
    if (!input_fits(letter, in[i])) return fmt::format("input {} must be {}", i, letter_name(letter));
  }
  const size_t wanted = std::strlen(row.attributes);
  if (instruction.attributes.size() != wanted)
    return fmt::format("it takes {} attributes, not {}", wanted, instruction.attributes.size());
  for (size_t i = 0; i < wanted; ++i) {
    if (!attribute_fits(row.attributes[i], instruction.attributes[i]))
      return fmt::format("attribute {} must be {}", i, letter_name(row.attributes[i]));
    if (const auto* number = std::get_if<int64_t>(&instruction.attributes[i]);
        number && row.attributes[i] == 'i' && (*number > (int64_t{1} << 31) || *number < -(int64_t{1} << 31)))
      return fmt::format("attribute {} is out of range", i);
  }
  if (instruction.decision && !(row.flags & kSampling)) return "it takes no decision";
  return "";
}

Status check_handles(const Row& row, const Instruction& instruction, const State& state, const Symbols& symbols) {
  for (const Operand& o : instruction.inputs) {
    const size_t known = o.kind == Kind::kBlock  ? symbols.blocks.size()
                         : o.kind == Kind::kLoop ? symbols.loops.size()
                                                 : symbols.values.size();
    const char* what = o.kind == Kind::kBlock ? "block" : o.kind == Kind::kLoop ? "loop" : "value";
    if (o.kind == Kind::kNone || o.kind == Kind::kInt) continue;
    if (o.value < 0 || o.value >= static_cast<int64_t>(known)) {
      return Refusal(state, codes::kBadHandle, fmt::format("a {} handle does not belong to this schedule", what))
          .remedy("use handles that this schedule returned, or the one it was copied from before");
    }
    if (o.kind != Kind::kLoop || (row.flags & kPlace)) continue;
    const LoopId id = symbols.loops[o.value];
    if (id == kStay || id == kInline) {
      return Refusal(
                 state, codes::kBadHandle,
                 fmt::format("the handle stands for the place \"{}\", not for a loop", id == kStay ? "stay" : "inline"))
          .remedy("use it with compute_at");
    }
  }
  return {};
}

}  // namespace tilewright::schedule
