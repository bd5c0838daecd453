// Workloads: operators with fixed sizes, named on one line ("gmm:1,512,512,512@f16"), and the table of their names.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/support/expected.h"
#include "tilewright/te/tensor.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::te {

struct Workload {
  /// Canonical text: equal workloads have equal names. For a file, its path as given.
  std::string name;
  /// The operator's name, "gmm"; the function in `func` has this name. For a file, the name of the function in it.
  std::string op;
  std::vector<int64_t> numbers;
  /// Suffix: "f32", "f64", "f16", "bf16", "i8" or "u8i8". Empty for a file.
  std::string type;
  /// Inputs, then the output. Empty for a file, which is loop IR already.
  std::vector<Tensor> tensors;
  PrimFunc func;
  /// Nominal floating-point operations of one call: what GFLOPS are computed from.
  double flops = 0;
  /// Operands that may be packed before timing when the user declares them constant.
  std::vector<std::string> constant_candidates;
};

/// What a table entry says about itself.
struct WorkloadInfo {
  std::string name;
  /// Of the numbers, in order: "B", "N", "M", "K".
  std::vector<std::string> parameters;
  /// "A[B,N,K], B[B,K,M] -> C[B,N,M]"
  std::string signature;
  /// One line in words.
  std::string description;
  /// Legal suffixes; the first, "f32", needs none.
  std::vector<std::string> types;
  /// A shape to try: "gmm:1,512,512,512".
  std::string example;
};

/// All named workloads: ours in the contract's order, then registered ones in order of registration.
std::vector<WorkloadInfo> list_workloads();
/// The table as JSON: an array of objects with the fields of WorkloadInfo.
std::string workloads_json();

/// Reads "op:numbers[@type]", or loads a file of loop IR: any path that ends in ".tir" or names a file. Bad input of
/// any kind is a diagnostic: E0420 unknown operator, E0421 wrong count of numbers, E0422 not a number, E0423 a number
/// out of range, E0424 a derived extent out of range, E0425 does not fit into memory, E0426 type not supported, E0428
/// unreadable file; a file that does not parse gives the parser's.
Expected<Workload> parse_workload(std::string_view text);

/// The user's own operator.
struct UserWorkload {
  std::string name;
  /// Names of the numbers; each number given is 1 .. 2^31 - 1, or from 0 where the name is "p", "padding" or "pad".
  std::vector<std::string> parameters;
  /// Returns inputs then outputs. Errors it throws become the diagnostic of `parse_workload`.
  std::function<std::vector<Tensor>(const std::vector<int64_t>& numbers, const std::string& type)> build;
  /// Nominal operations; where empty, counted in the loop IR.
  std::function<double(const std::vector<int64_t>& numbers)> flops;
  std::vector<std::string> types = {"f32"};
  std::vector<std::string> constant_candidates;
  std::string description;
};
/// Adds an operator to the table. Error E0427: the name is taken or no identifier.
void register_workload(UserWorkload workload);
/// Short form: f32 only, operations counted.
void register_workload(std::string name, std::vector<std::string> parameters,
                       std::function<std::vector<Tensor>(const std::vector<int64_t>& numbers)> build);

/// Arithmetic operations on floats (on integers where the function has no float arithmetic) of one call; symbolic loops
/// count once. A multiply and an add are two operations; so is a comparison of min and max; index arithmetic is free.
double count_flops(const PrimFunc& func);

}  // namespace tilewright::te
