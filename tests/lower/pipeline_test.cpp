#include <gtest/gtest.h>

#include "lower/lowering_test_util.h"

namespace tilewright::lower {
namespace {

using namespace testing;  // NOLINT
using namespace tir;      // NOLINT

TEST(Pipeline, PlainMatmul) {
  check_lowering(R"(
    func matmul(A: f32[7, 13], B: f32[13, 33], C: f32[7, 33]) {
      grid i, j, k in (0..7, 0..33, 0..13) {
        block C(remap "SSR": i, j, k) {
          init { C[vi, vj] = 0 }
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      }
    })");
}

}  // namespace
}  // namespace tilewright::lower
