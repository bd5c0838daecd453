// Builds the diagnostic of a refused primitive.
#pragma once

#include <string>
#include <vector>

#include "schedule/state.h"
#include "tilewright/tir/printer.h"

namespace tilewright::schedule {

/// return Refusal(state, codes::kNotNested, fmt::format("loop `{}` ...", name)).at(loop).remedy("...");
class Refusal {
 public:
  Refusal(const State& state, const char* code, std::string message) : state_(state) {
    diagnostic_.code = code;
    diagnostic_.operation = state.operation();
    diagnostic_.message = std::move(message);
    diagnostic_.place = state.func().name();
  }
  /// Marks the line in the loop nest.
  Refusal& at(LoopId loop) {
    if (loop) marks_.mark_loops.push_back(loop);
    return *this;
  }
  Refusal& at(BlockId block) {
    if (block) marks_.mark_blocks.push_back(block);
    return *this;
  }
  Refusal& legal(std::string kind, std::vector<std::string> choices) {
    diagnostic_.legal_kind = std::move(kind);
    diagnostic_.legal = std::move(choices);
    return *this;
  }
  Refusal& remedy(std::string text) {
    diagnostic_.remedy = std::move(text);
    return *this;
  }
  Diagnostic diagnostic() {
    if (state_.listings()) {
      marks_.loop_nest_only = true;
      diagnostic_.listing = tir::to_string(state_.func(), marks_);
    }
    return std::move(diagnostic_);
  }
  template <typename T>
  operator Expected<T>() {  // NOLINT: what primitives return
    return diagnostic();
  }
  operator Status() { return diagnostic(); }  // NOLINT

 private:
  const State& state_;
  Diagnostic diagnostic_;
  tir::PrintOptions marks_;
};

}  // namespace tilewright::schedule
