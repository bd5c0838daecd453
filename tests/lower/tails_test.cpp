#include <gtest/gtest.h>

#include "lower/lowering_test_util.h"

namespace tilewright::lower {
namespace {

using namespace testing;  // NOLINT
using namespace tir;      // NOLINT

constexpr const char* kRagged = R"(
  func matmul(A: f32[37, 19], B: f32[19, 77], C: f32[37, 77]) {
    alloc C_local: f32[37, 77] local
    parallel i_0 in 0..5 {
      for j_0 in 0..3 {
        for k_0 in 0..3 {
          for k_1 in 0..8 {
            unrolled i_1 in 0..8 {
              vectorized j_1 in 0..32 {
                block C(vi: spatial 0..37 = i_0 * 8 + i_1, vj: spatial 0..77 = j_0 * 32 + j_1, vk: reduce 0..19 = k_0 * 8 + k_1) {
                  where i_0 * 8 + i_1 < 37 && j_0 * 32 + j_1 < 77 && k_0 * 8 + k_1 < 19
                  init { C_local[vi, vj] = 0 }
                  C_local[vi, vj] = C_local[vi, vj] + A[vi, vk] * B[vk, vj]
                }
              }
            }
          }
        }
        unrolled i_1 in 0..8 {
          vectorized j_1 in 0..32 {
            block write(vi: spatial 0..37 = i_0 * 8 + i_1, vj: spatial 0..77 = j_0 * 32 + j_1) {
              where i_0 * 8 + i_1 < 37 && j_0 * 32 + j_1 < 77
              C[vi, vj] = C_local[vi, vj]
            }
          }
        }
      }
    }
  })";

TEST(Tails, InteriorOfARaggedMatmulHasNoGuard) {
  const PrimFunc f = check_lowering(kRagged);
  // One branch per parallel tile of rows; everything else is known while compiling.
  EXPECT_EQ(count(f, [](const Stmt& s) { return s.kind() == StmtKind::kIf; }), 1) << f;
  EXPECT_EQ(count(f,
                  [](const Stmt& s) {
                    const auto* n = as<AllocNode>(s);
                    return n && n->buffer.scope() != Scope::kRegister;
                  }),
            0)
      << f;
}

TEST(Tails, InteriorOfAPaddedConvolutionHasNoSelect) {
  const PrimFunc f = check_lowering(R"(
    func conv(X: f32[26, 8], W: f32[3, 8, 32], Y: f32[26, 32]) {
      alloc Y_local: f32[26, 32] local
      for x_0 in 0..7 {
        for rx in 0..3 {
          for rc in 0..8 {
            unrolled x_1 in 0..4 {
              vectorized co in 0..32 {
                block Y(vx: spatial 0..26 = x_0 * 4 + x_1, vco: spatial 0..32 = co, vrx: reduce 0..3 = rx, vrc: reduce 0..8 = rc) {
                  where x_0 * 4 + x_1 < 26
                  init { Y_local[vx, vco] = 0.0 }
                  Y_local[vx, vco] = Y_local[vx, vco] + select(vx + vrx >= 1 && vx + vrx < 27, X[vx + vrx - 1, vrc], 0.0) * W[vrx, vrc, vco]
                }
              }
            }
          }
        }
        unrolled x_1 in 0..4 {
          vectorized co in 0..32 {
            block write(vx: spatial 0..26 = x_0 * 4 + x_1, vco: spatial 0..32 = co) {
              where x_0 * 4 + x_1 < 26
              Y[vx, vco] = Y_local[vx, vco]
            }
          }
        }
      }
    })");
  int selects = 0;
  for_each_expr(
      f->body, [&](const Expr& e) { post_order(e, [&](const Expr& x) { selects += x.kind() == ExprKind::kSelect; }); });
  EXPECT_EQ(selects, 0) << f;
}

TEST(Tails, PaddingIsDecidedOnceForAWholeBody) {
  const PrimFunc f = check_lowering(R"(
    func pad(X: f32[9, 30], P: f32[11, 32]) {
      for h in 0..11 { vectorized w in 0..32 {
        block P(vh: spatial 0..11 = h, vw: spatial 0..32 = w) {
          P[vh, vw] = select(vh >= 1 && vh < 10 && vw >= 1 && vw < 31, X[vh - 1, vw - 1], 0.0)
        }
      } }
    })");
  EXPECT_EQ(count(f, [](const Stmt& s) { return s.kind() == StmtKind::kIf; }), 1) << f;
}

TEST(Tails, TwoLevelSplits) {
  for (const int n : {1, 7, 31, 32, 33, 63, 64, 65, 257}) {
    const std::string size = std::to_string(n), outer = std::to_string((n + 31) / 32);
    const PrimFunc f = check_lowering(R"(
      func scale(A: f32[)" + size + R"(], B: f32[)" +
                                      size + R"(]) {
        for i_0 in 0..)" + outer + R"( {
          unrolled i_1 in 0..4 {
            vectorized i_2 in 0..8 {
              block B(v: spatial 0..)" +
                                      size + R"( = i_0 * 32 + i_1 * 8 + i_2) {
                where i_0 * 32 + i_1 * 8 + i_2 < )" +
                                      size + R"(
                B[v] = A[v] * 2.0
              }
            }
          }
        }
      })");
    EXPECT_EQ(count(f, [](const Stmt& s) { return s.kind() == StmtKind::kIf; }), 0) << f;
  }
}

TEST(Tails, SymbolicSizes) {
  for (const int64_t n : {1, 7, 8, 15, 16, 17, 40}) {
    check_lowering(R"(
      func scale(A: f32[n], B: f32[n]) {
        for i_0 in 0..(n + 15) // 16 {
          vectorized i_1 in 0..16 {
            block B(v: spatial 0..n = i_0 * 16 + i_1) {
              where i_0 * 16 + i_1 < n
              B[v] = A[v] * 2.0
            }
          }
        }
      })",
                   n);
    check_lowering(R"(
      func scale(A: f32[n], B: f32[n]) {
        vectorized i in 0..n {
          block B(v: spatial 0..n = i) {
            B[v] = A[v] + 1.0
          }
        }
      })",
                   n);
  }
}

TEST(Tails, VectorLoopsOfAnyLength) {
  for (const int n : {1, 2, 3, 5, 7, 8, 12, 15, 16, 17, 31, 64, 100, 257, 1024}) {
    const std::string size = std::to_string(n);
    check_lowering(R"(
      func scale(A: f32[)" +
                   size + R"(], B: f32[)" + size + R"(]) {
        vectorized i in 0..)" +
                   size + R"( {
          block B(v: spatial 0..)" +
                   size + R"( = i) {
            B[v] = A[v] * 2.0 + f32(v)
          }
        }
      })");
  }
}

TEST(Tails, LongVectorLoopsAreNotUnrolledWholly) {
  const PrimFunc f = check_lowering(R"(
    func scale(A: f32[1024], B: f32[1024]) {
      vectorized i in 0..1024 { block B(v: spatial 0..1024 = i) { B[v] = A[v] * 2.0 } }
    })");
  EXPECT_LE(count(f, [](const Stmt& s) { return s.kind() == StmtKind::kStore; }), 8) << f;
}

}  // namespace
}  // namespace tilewright::lower
