// Whole kernels, from hand-built lowered functions to calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/lowered.h"

namespace tilewright::codegen {
namespace {

using namespace test;  // NOLINT
using ::testing::HasSubstr;
using ::testing::Not;

float value_at(int64_t i) {
  return static_cast<float>((i * 7919) % 257) / 128.0f - 1.0f;
}

runtime::Tensor filled(std::vector<int64_t> shape) {
  runtime::Tensor t = runtime::Tensor::empty(shape);
  auto* p = static_cast<float*>(t.data());
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  for (int64_t i = 0; i < n; ++i) p[i] = value_at(i);
  return t;
}

PrimFunc vector_add(int64_t n, ForKind kind) {
  Buffer a("A", kF32, {n}), b("B", kF32, {n}), c("C", kF32, {n});
  Var i("i");
  auto at = [&](const Buffer& x) { return load(x, {ramp(i * 16, 1, 16)}); };
  Stmt body = make_for(i, 0, Expr(n / 16), store(c, {ramp(i * 16, 1, 16)}, at(a) + at(b)), kind);
  return function("vadd", {a, b, c}, body);
}

TEST(LlvmKernelTest, VectorAddSerialAndParallel) {
  for (ForKind kind : {ForKind::kSerial, ForKind::kParallel}) {
    runtime::Module m = load_lowered(vector_add(4096, kind), Target("llvm -num-cores=2"));
    runtime::Tensor a = filled({4096}), b = filled({4096}), c = runtime::Tensor::empty({4096});
    m["vadd"](a, b, c);
    for (int64_t i = 0; i < 4096; ++i) {
      ASSERT_EQ(static_cast<float*>(c.data())[i], value_at(i) + value_at(i)) << i;
    }
  }
}

TEST(LlvmKernelTest, TiledMatmul) {
  constexpr int64_t m = 64, n = 96, k = 48;
  for (ForKind kind : {ForKind::kSerial, ForKind::kParallel}) {
    runtime::Module module = load_lowered(tiled_matmul(m, n, k, 8, 2, 16, kind), Target("llvm -num-cores=2"));
    runtime::Tensor a = filled({m, k}), b = filled({k, n}), c = runtime::Tensor::empty({m, n});
    module["matmul"](a, b, c);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        float sum = 0;
        for (int64_t p = 0; p < k; ++p) sum = std::fma(value_at(i * k + p), value_at(p * n + j), sum);
        ASSERT_EQ(static_cast<float*>(c.data())[i * n + j], sum) << i << " " << j;
      }
    }
  }
}

}  // namespace
}  // namespace tilewright::codegen
