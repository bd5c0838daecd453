// Checks shared by the files of this room.
#pragma once

#include <string>
#include <vector>

#include "tilewright/support/diagnostic.h"
#include "tilewright/te/tensor.h"

namespace tilewright::te {

[[noreturn]] void fail(const char* code, std::string operation, std::string message, std::string remedy = {});

/// Letters, digits and underscores, no digit first.
bool is_identifier(std::string_view name);
/// Error E0413.
void check_name(const std::string& name, const char* operation, const char* what);
/// Extents: scalar integers, cast to i64; constants within 1 .. 2^63 - 1. Error E0405.
std::vector<Expr> check_shape(std::vector<Expr> shape, const std::string& operation);
/// `e` in this type: constants are converted, everything else must have it. Error E0410 naming `what`.
Expr coerce(const Expr& e, DataType dtype, const std::string& operation, const std::string& what);
/// The distinct tensors that the expressions load from, in order of first use. Error E0401 for a buffer without tensor.
std::vector<Tensor> tensors_read(const std::vector<Expr>& exprs, const std::string& operation);
/// Refuses accesses of the operation's body that surely leave their tensor. Error E0406.
void check_bounds(const Operation& op);

}  // namespace tilewright::te
