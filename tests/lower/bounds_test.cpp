#include <gtest/gtest.h>

#include "lower/lowering_test_util.h"

namespace tilewright::lower {
namespace {

using namespace testing;  // NOLINT
using namespace tir;      // NOLINT

TEST(Bounds, MessagesNameBlockAndIndex) {
  const PrimFunc f = parse(R"(
    func shift(A: f32[20], B: f32[20], n: i64) {
      vectorized i in 0..20 {
        block shifted(v: spatial 0..20 = i) {
          B[v] = select(v < 18, A[v + n], 0.0)
        }
      }
    })");
  LowerOptions options;
  options.debug_bounds = true;
  options.verify_each_pass = true;
  const PrimFunc lowered = lower(f, options);
  for (const int64_t n : {2, 3}) {
    std::vector<HostArray> args = make_arguments(f, n);
    const Status status = interpret(lowered, {&args[0], &args[1], &args[2]});
    if (n == 2) {
      EXPECT_TRUE(status.ok()) << status.error().render();
    } else {
      ASSERT_FALSE(status.ok());
      EXPECT_NE(
          status.error().message.find("block `shifted` reads `A` out of bounds: index 0, `v + n`, must be in 0..20"),
          std::string::npos)
          << status.error().render();
    }
  }
  // What is proven needs no check.
  EXPECT_EQ(count(lowered, [](const Stmt& s) { return s.kind() == StmtKind::kAssert; }), 1) << lowered;
}

TEST(Bounds, ChecksDoNotChangeResults) {
  LowerOptions options;
  options.debug_bounds = true;
  check_lowering(parse(R"(
    func matmul(A: f32[17, 13], B: f32[13, 33], C: f32[17, 33]) {
      parallel i_0 in 0..3 { for k in 0..13 { unrolled i_1 in 0..6 { vectorized j in 0..33 {
        block C(vi: spatial 0..17 = i_0 * 6 + i_1, vj: spatial 0..33 = j, vk: reduce 0..13 = k) {
          where i_0 * 6 + i_1 < 17
          init { C[vi, vj] = 0 }
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      } } } }
    })"),
                 options);
}

}  // namespace
}  // namespace tilewright::lower
