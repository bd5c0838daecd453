// Programs of many shapes, each compared before and after lowering for a wide target with masks and a narrow one
// without.
#include <gtest/gtest.h>

#include "lower/lowering_test_util.h"

namespace tilewright::lower {
namespace {

using namespace testing;  // NOLINT
using namespace tir;      // NOLINT

int vector_stores(const PrimFunc& f) {
  return count(f, [](const Stmt& s) {
    const auto* n = as<StoreNode>(s);
    return n && n->value.dtype().is_vector();
  });
}

TEST(Programs, ConvolutionWithPaddingSelects) {
  const PrimFunc f = check_lowering(R"(
    func conv(X: f32[2, 3, 9, 11], W: f32[5, 3, 3, 3], Y: f32[2, 5, 9, 11]) {
      for n in 0..2 { for c in 0..5 { for h in 0..9 { for rc in 0..3 { for rh in 0..3 { for rw in 0..3 {
        vectorized w in 0..11 {
          block Y(vn: spatial 0..2 = n, vc: spatial 0..5 = c, vh: spatial 0..9 = h, vw: spatial 0..11 = w,
                  vrc: reduce 0..3 = rc, vrh: reduce 0..3 = rh, vrw: reduce 0..3 = rw) {
            init { Y[vn, vc, vh, vw] = 0.0 }
            Y[vn, vc, vh, vw] = Y[vn, vc, vh, vw] +
              select(vh + vrh >= 1 && vh + vrh < 10 && vw + vrw >= 1 && vw + vrw < 12,
                     X[vn, vrc, vh + vrh - 1, vw + vrw - 1], 0.0) * W[vc, vrc, vrh, vrw]
          }
        }
      } } } } } }
    })");
  EXPECT_GE(vector_stores(f), 2) << f;
}

TEST(Programs, PaddingStageInALocalBuffer) {
  check_lowering(R"(
    func conv(X: f32[9, 11], W: f32[3, 3], Y: f32[9, 11]) {
      alloc P: f32[11, 13]
      for h in 0..9 {
        for ph in 0..3 { vectorized pw in 0..13 {
          block P(vh: spatial 0..11 = h + ph, vw: spatial 0..13 = pw) {
            P[vh, vw] = select(vh >= 1 && vh < 10 && vw >= 1 && vw < 12, X[vh - 1, vw - 1], 0.0)
          }
        } }
        for rh in 0..3 { for rw in 0..3 { vectorized w in 0..11 {
          block Y(vh: spatial 0..9 = h, vw: spatial 0..11 = w, vrh: reduce 0..3 = rh, vrw: reduce 0..3 = rw) {
            init { Y[vh, vw] = 0.0 }
            Y[vh, vw] = Y[vh, vw] + P[vh + vrh, vw + vrw] * W[vrh, vrw]
          }
        } } }
      }
    })");
}

TEST(Programs, VectorLoopOutsideAReduction) {
  // The accumulator of each lane lives in a register.
  const PrimFunc f = check_lowering(R"(
    func rows(A: f32[40, 23], B: f32[23]) {
      alloc acc: f32[23] local
      vectorized j in 0..23 {
        for k in 0..40 {
          block sum(vj: spatial 0..23 = j, vk: reduce 0..40 = k) {
            init { acc[vj] = 0.0 }
            acc[vj] = acc[vj] + A[vk, vj] * A[vk, vj]
          }
        }
        block out(vj: spatial 0..23 = j) { B[vj] = acc[vj] * 0.5 }
      }
    })");
  EXPECT_EQ(count(f,
                  [](const Stmt& s) {
                    const auto* n = as<AllocNode>(s);
                    return n && n->buffer.scope() == Scope::kRegister;
                  }),
            2)
      << f;
}

TEST(Programs, RowSumsGatherColumns) {
  check_lowering(R"(
    func rows(A: f32[19, 13], B: f32[19]) {
      vectorized i in 0..19 { for k in 0..13 {
        block sum(vi: spatial 0..19 = i, vk: reduce 0..13 = k) {
          init { B[vi] = 0.0 }
          B[vi] = B[vi] + A[vi, vk]
        }
      } }
    })");
}

TEST(Programs, SumsInMemoryAreKeptInRegisters) {
  const PrimFunc f = check_lowering(R"(
    func matmul(A: f32[7, 13], B: f32[13, 40], C: f32[7, 40]) {
      for i in 0..7 { for k in 0..13 { vectorized j in 0..40 {
        block C(vi: spatial 0..7 = i, vj: spatial 0..40 = j, vk: reduce 0..13 = k) {
          init { C[vi, vj] = 0 }
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      } } }
    })");
  int in_memory = 0;
  pre_order(f->body, [&](const Stmt& s) {
    const auto* n = as<ForNode>(s);
    if (n && n->var.name() == "k")
      pre_order(n->body, [&](const Stmt& x) {
        const auto* w = as<StoreNode>(x);
        in_memory += w && w->buffer.scope() != Scope::kRegister;
        return true;
      });
    return true;
  });
  EXPECT_EQ(in_memory, 0) << f;
  // Each element of C is written once.
  EXPECT_EQ(count(f,
                  [](const Stmt& s) {
                    const auto* n = as<StoreNode>(s);
                    return n && n->buffer.name() == "C";
                  }),
            3)
      << f;
}

TEST(Programs, LargeScratchIsAllocatedOncePerThread) {
  const PrimFunc f = check_lowering(R"(
    func twice(A: f32[4, 3, 6000], B: f32[4, 3, 6000]) {
      alloc T: f32[4, 3, 6000]
      parallel i in 0..4 { for j in 0..3 {
        vectorized k in 0..6000 {
          block T(a: spatial 0..4 = i, b: spatial 0..3 = j, c: spatial 0..6000 = k) { T[a, b, c] = A[a, b, c] * 2.0 }
        }
        for k in 0..6000 {
          block B(a: spatial 0..4 = i, b: spatial 0..3 = j, c: spatial 0..6000 = k) { B[a, b, c] = T[a, b, 5999 - c] }
        }
      } }
    })");
  const auto* loop = as<ForNode>(f->body);
  ASSERT_TRUE(loop) << f;
  const auto* scratch = as<AllocNode>(loop->body);
  ASSERT_TRUE(scratch) << f;
  EXPECT_TRUE(is_const_int(scratch->buffer.shape()[0], 6000));
}

TEST(Programs, InitsAtSeveralLevels) {
  for (const char* loops : {"i, j, k", "k, i, j", "i, k, j", "j, k, i"}) {
    std::string order(loops), extents;
    for (const char c : order)
      extents += c == 'i' ? "0..5" : c == 'j' ? "0..17" : c == 'k' ? "0..9" : std::string(1, c);
    const PrimFunc f = check_lowering(R"(
      func max_of(A: f32[5, 9], B: f32[9, 17], C: f32[5, 17]) {
        grid )" + order + " in (" + extents +
                                      R"() {
          block C(vi: spatial 0..5 = i, vj: spatial 0..17 = j, vk: reduce 0..9 = k) {
            init { C[vi, vj] = -inf }
            C[vi, vj] = max(C[vi, vj], A[vi, vk] + B[vk, vj])
          }
        }
      })");
    EXPECT_EQ(count(f, [](const Stmt& s) { return s.kind() == StmtKind::kIf; }), 0) << f;
  }
}

TEST(Programs, InitOfAMixedLoopIsGuarded) {
  check_lowering(R"(
    func mixed(A: f32[6, 4], C: f32[6]) {
      for f in 0..24 {
        block C(vi: spatial 0..6 = f // 4, vk: reduce 0..4 = f % 4) {
          init { C[vi] = 0.0 }
          C[vi] = C[vi] + A[vi, vk]
        }
      }
    })");
}

TEST(Programs, ReductionInsideABlockWithOuterReduction) {
  check_lowering(R"(
    func blocked(A: f32[8, 32], C: f32[8]) {
      for i in 0..8 { for k_0 in 0..4 {
        block outer(vi: spatial 0..8 = i, vo: reduce 0..4 = k_0) {
          for k_1 in 0..8 {
            block inner(vj: spatial 0..8 = vi, vk: reduce 0..32 = vo * 8 + k_1) {
              init { C[vj] = 1.0 }
              C[vj] = C[vj] + A[vj, vk]
            }
          }
        }
      } }
    })");
}

TEST(Programs, IntegerTypes) {
  const PrimFunc f = check_lowering(R"(
    func quantised(A: u8[7, 33], B: i8[33, 50], C: i32[7, 50]) {
      for i in 0..7 { for k in 0..33 { vectorized j in 0..50 {
        block C(vi: spatial 0..7 = i, vj: spatial 0..50 = j, vk: reduce 0..33 = k) {
          init { C[vi, vj] = 0i32 }
          C[vi, vj] = C[vi, vj] + i32(A[vi, vk]) * i32(B[vk, vj])
        }
      } } }
    })");
  EXPECT_GE(vector_stores(f), 3);
  check_lowering(R"(
    func div(A: i32[50], B: i32[50], C: i32[50]) {
      vectorized i in 0..50 {
        block C(v: spatial 0..50 = i) { C[v] = select(B[v] == 0i32, 0i32, A[v] // B[v] + A[v] % B[v]) }
      }
    })");
}

TEST(Programs, HalfTypesAreRoundedAfterEachOperation) {
  for (const std::string t : {"f16", "bf16"}) {
    const PrimFunc f = check_lowering("func half(A: " + t + "[6, 21], B: " + t + "[21, 40], C: " + t + R"([6, 40]) {
      for i in 0..6 { for k in 0..21 { vectorized j in 0..40 {
        block C(vi: spatial 0..6 = i, vj: spatial 0..40 = j, vk: reduce 0..21 = k) {
          init { C[vi, vj] = 0.0)" + t + R"( }
          C[vi, vj] = max(C[vi, vj] + A[vi, vk] * B[vk, vj], -1.0)" +
                                          t + R"()
        }
      } } }
    })",
                                      13, 0.0);
    for_each_expr(f->body, [&](const Expr& e) {
      post_order(e, [&](const Expr& x) {
        const bool arithmetic = is_binary(x.kind()) || x.kind() == ExprKind::kCall;
        EXPECT_FALSE(arithmetic && x.dtype().is_floating() && x.dtype().bits == 16);
      });
    });
  }
}

TEST(Programs, NestedParallelLoopsRunSerially) {
  const PrimFunc f = check_lowering(R"(
    func copy(A: f32[4, 6, 5], B: f32[4, 6, 5]) {
      parallel i in 0..4 { for j in 0..6 { parallel k in 0..5 {
        block B(a: spatial 0..4 = i, b: spatial 0..6 = j, c: spatial 0..5 = k) { B[a, b, c] = A[a, b, c] }
      } } }
    })");
  EXPECT_EQ(count(f,
                  [](const Stmt& s) {
                    const auto* n = as<ForNode>(s);
                    return n && n->loop_kind == ForKind::kParallel;
                  }),
            1);
}

TEST(Programs, AReductionMarkedVectorizedStaysRight) {
  check_lowering(R"(
    func sum(A: f32[50], B: f32[1]) {
      B[0] = 0.0
      for k in 0..50 { B[0] = B[0] + A[k] }
    })");
}

TEST(Programs, FusedLoopsOverTwoDimensions) {
  const PrimFunc f = check_lowering(R"(
    func add(A: f32[12, 16], B: f32[12, 16], C: f32[12, 16]) {
      parallel f_0 in 0..12 { vectorized f_1 in 0..16 {
        block C(a: spatial 0..12 = (f_0 * 16 + f_1) // 16, b: spatial 0..16 = (f_0 * 16 + f_1) % 16) {
          C[a, b] = A[a, b] + B[a, b]
        }
      } }
    })");
  for_each_expr(f->body, [&](const Expr& e) {
    post_order(e, [&](const Expr& x) {
      EXPECT_NE(x.kind(), ExprKind::kFloorDiv);
      EXPECT_NE(x.kind(), ExprKind::kFloorMod);
    });
  });
}

TEST(Programs, FusedThenSplitRaggedly) {
  check_lowering(R"(
    func add(A: f32[5, 7], B: f32[5, 7]) {
      for f_0 in 0..3 { vectorized f_1 in 0..16 {
        block B(a: spatial 0..5 = (f_0 * 16 + f_1) // 7, b: spatial 0..7 = (f_0 * 16 + f_1) % 7) {
          where f_0 * 16 + f_1 < 35
          B[a, b] = A[a, b] + 1.0
        }
      } }
    })");
}

TEST(Programs, BlockedLayout) {
  const PrimFunc f = check_lowering(R"(
    func pack(A: f32[6, 64], C: f32[6, 64]) {
      alloc P: f32[6, 64] layout (i, j) -> (j // 16, i, j % 16) in [4, 6, 16]
      for i in 0..6 { vectorized j in 0..64 {
        block P(a: spatial 0..6 = i, b: spatial 0..64 = j) { P[a, b] = A[a, b] * 2.0 }
      } }
      for i in 0..6 { vectorized j in 0..64 {
        block C(a: spatial 0..6 = i, b: spatial 0..64 = j) { C[a, b] = P[a, b] + 1.0 }
      } }
    })");
  // Whole registers inside a block of the layout: no gather.
  for_each_expr(f->body, [&](const Expr& e) {
    post_order(e, [&](const Expr& x) {
      const auto* r = as<RampNode>(x);
      EXPECT_TRUE(!r || is_const_int(r->stride, 1)) << x;
    });
  });
}

TEST(Programs, BranchesInsideVectorLoops) {
  check_lowering(R"(
    func branch(A: f32[45], I: i32[45], B: f32[45]) {
      vectorized i in 0..45 {
        block B(v: spatial 0..45 = i) {
          if I[v] > 1i32 { B[v] = A[v] * 2.0 } else { B[v] = A[v] + 1.0 }
        }
      }
    })");
  check_lowering(R"(
    func lets(A: f32[45], B: f32[45]) {
      vectorized i in 0..45 {
        block B(v: spatial 0..45 = i) {
          let x: f32 = A[v] * 3.0
          B[v] = x * x + x
        }
      }
    })");
}

TEST(Programs, IndirectIndices) {
  check_lowering(R"(
    func gather(A: f32[64], I: i32[45], B: f32[45]) {
      vectorized i in 0..45 {
        block B(v: spatial 0..45 = i) { B[v] = A[i64(abs(I[v])) * 2] }
      }
    })");
}

TEST(Programs, ScalarsAndSizes) {
  check_lowering(R"(
    func axpy(X: f32[n, m], Y: f32[n, m], alpha: f32) {
      parallel i in 0..n { vectorized j in 0..m {
        block Y(a: spatial 0..n = i, b: spatial 0..m = j) { Y[a, b] = X[a, b] * alpha }
      } }
    })",
                 11);
}

TEST(Programs, DoubleVectorsHaveHalfTheLanes) {
  check_lowering(R"(
    func twice(A: f64[37], B: f64[37]) {
      vectorized i in 0..37 { block B(v: spatial 0..37 = i) { B[v] = A[v] + A[v] } }
    })");
}

TEST(Programs, StridedStoresAndReversedLoads) {
  check_lowering(R"(
    func strided(A: f32[40], B: f32[80]) {
      vectorized i in 0..40 {
        block B(v: spatial 0..40 = i) {
          B[v * 2] = A[39 - v]
          B[v * 2 + 1] = A[v]
        }
      }
    })");
}

TEST(Programs, UnrolledLoopsOverBudgetStayLoops) {
  LowerOptions options;
  options.max_unroll_statements = 16;
  const PrimFunc f = check_lowering(parse(R"(
    func copy(A: f32[100], B: f32[100]) {
      unrolled i in 0..100 { block B(v: spatial 0..100 = i) { B[v] = A[v] } }
    })"),
                                    options);
  EXPECT_EQ(count(f, [](const Stmt& s) { return s.kind() == StmtKind::kFor; }), 1);
}

TEST(Programs, ThreadBoundLoopsAreRefused) {
  const PrimFunc f = parse(R"(
    func threads(A: f32[64], B: f32[64]) {
      thread(blockIdx.x) b in 0..64 { block B(v: spatial 0..64 = b) { B[v] = A[v] } }
    })");
  try {
    lower(f, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.diagnostic().code, "L0701");
    EXPECT_NE(std::string(e.what()).find("loop `b` is bound to blockIdx.x"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace tilewright::lower
