// The table behind te/workload.h.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tilewright/te/workload.h"

namespace tilewright::te {

/// Types of the operands: first, second, and what is added to a product.
struct OperandTypes {
  DataType a, b, c;
};

struct WorkloadEntry {
  WorkloadInfo info;
  std::vector<std::string> constant_candidates;
  /// Extents that follow from the numbers, by name; exact for any numbers within range.
  std::function<std::vector<std::pair<std::string, int64_t>>(const std::vector<int64_t>&)> derived;
  std::function<std::vector<Tensor>(const std::vector<int64_t>&, const OperandTypes&)> build;
  std::function<double(const std::vector<int64_t>&)> flops;
};

/// The 18 workloads of the table, in order.
const std::vector<WorkloadEntry>& builtin_workloads();

}  // namespace tilewright::te
