// Reads the text form of the loop IR.
#pragma once

#include <string_view>

#include "tilewright/support/expected.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::tir {

/// Parses one function. A diagnostic names line, column, what was found and what was expected, and shows the line.
/// Nesting depth, size and numbers are limited, so that no text can exhaust the stack or memory.
Expected<PrimFunc> parse_func(std::string_view text, std::string_view file_name = "<text>");

}  // namespace tilewright::tir
