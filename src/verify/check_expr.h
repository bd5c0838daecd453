// Checks of single expression nodes: types agree, and the stage allows them.
#pragma once

#include <string>

#include "tilewright/tir/expr.h"
#include "tilewright/verify/verify.h"

namespace tilewright::verify {

/// What is wrong with the node itself (its operands are checked on their own); empty when it is right.
struct ExprFault {
  const char* code = nullptr;
  std::string message;
  explicit operator bool() const { return code != nullptr; }
};
ExprFault check_node(const tir::Expr& e, Stage stage);

/// The rules that loads and stores share: rank, index types, lanes, the mask. `value` is what is loaded or stored.
ExprFault check_access(const tir::Buffer& buffer, const std::vector<tir::Expr>& indices, const tir::Expr& mask,
                       tir::DataType value, Stage stage);

}  // namespace tilewright::verify
