// Text form of tensor expressions, for people.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tilewright/te/tensor.h"

namespace tilewright::te {

/// The program that computes `tensors` (inputs may be among them), one equation for each result:
///
///     te(A: f32[512, 512], B: f32[512, 512]) -> C
///       C[i, j] = sum(A[i, k] * B[k, j], k in 0..512)    # f32[512, 512]
std::string to_string(const std::vector<Tensor>& tensors, const std::string& name = "te");
/// One tensor's equation.
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace tilewright::te
