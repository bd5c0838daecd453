// What a Schedule holds.
#pragma once

#include "schedule/instruction_table.h"

namespace tilewright::schedule {

struct Schedule::Impl {
  Impl(PrimFunc func, uint64_t seed_) : state(std::move(func)), seed(seed_) { state.settle(); }

  State state;
  Symbols symbols;
  Trace trace;
  uint64_t seed;

  /// The range of handles that an instruction made.
  struct Made {
    uint32_t first, count;
  };
  /// Applies the instruction and appends it to the trace; on a refusal nothing has changed. `expected` outputs, if any
  /// number will not do. A shared instruction that already has its decision and count goes into the trace as it is.
  Expected<Made> run(Instruction instruction, std::optional<size_t> expected = {});
  Expected<Made> run(std::shared_ptr<const Instruction> instruction, std::optional<size_t> expected = {});
};

}  // namespace tilewright::schedule
