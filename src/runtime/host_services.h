#pragma once

#include <optional>
#include <string>

#include "tilewright/runtime/abi.h"

namespace tilewright::runtime {

// What the runtime lends to every module that it loads.
const TwHostTable* host_table();

struct RaisedError {
  std::string kind;
  std::string message;
};

// Stores the error in the calling thread; inside a parallel loop, in the thread that started the loop.
void raise_error(const char* kind, const char* message) noexcept;

// The calling thread's error, which is cleared by this.
std::optional<RaisedError> take_raised_error();

}  // namespace tilewright::runtime
