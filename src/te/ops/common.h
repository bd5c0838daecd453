// Helpers shared by the operator families.
#pragma once

#include <string>
#include <vector>

#include "tilewright/te/ops.h"
#include "tilewright/te/reduce.h"

namespace tilewright::te::ops {

/// Of the operation behind `t`.
std::vector<std::string> axis_names(const Tensor& t);
/// Name of the accumulating stage: the operator's own when no stage follows.
std::string stage_name(const std::string& name, bool last);
/// Errors E0414, E0403.
void check_rank(const Tensor& t, int rank, const char* op, const char* what);
/// Refuses constants that differ. Error E0405.
void check_same(const Expr& a, const Expr& b, const char* op, const std::string& what);

}  // namespace tilewright::te::ops
