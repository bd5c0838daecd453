// Index maps as text, "(i, j) -> (i // 16, j, i % 16)": what traces store and users write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tilewright/support/expected.h"
#include "tilewright/tir/expr.h"

namespace tilewright::schedule {

struct IndexMapText {
  std::vector<tir::Var> inputs;
  std::vector<tir::Expr> outputs;
};

/// Integers, the inputs, + - * // % and parentheses. The message of a failure says what was found and where; the caller
/// gives code and place.
Expected<IndexMapText> parse_index_map(std::string_view text);

/// Inverse of parse_index_map. Expressions with anything else are spelled by the printer, which does not parse.
std::string index_map_text(const std::vector<tir::Var>& inputs, const std::vector<tir::Expr>& outputs);

}  // namespace tilewright::schedule
