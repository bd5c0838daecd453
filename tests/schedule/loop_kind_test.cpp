#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

TEST(LoopKind, TheExampleOfTheHeader) {
  Schedule s(matmul(512, 512, 512));
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  EXPECT_EQ(refusal(s, "S0107", [&] { s.vectorize(k); }),
            "error[S0107] vectorize: loop `k` carries the reduction of block `C`\n"
            "  --> matmul:  for i, j\n"
            "                 for k in 0..512        <-- here\n"
            "                   block C(spatial vi = i, spatial vj = j, reduce vk = k)\n"
            "  legal loops: i, j        remedy: rfactor(k), or decompose_reduction(C, k) and vectorize j");
  refusal(s, "S0107", [&] { s.parallel(k); });
  refusal(s, "S0107", [&] { s.bind(k, "threadIdx.x"); });
}

TEST(LoopKind, LadderTwo) {
  const PrimFunc f = matmul(37, 41, 9);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  auto [xo, yo, xi, yi] = s.tile(i, j, 8, 8);
  s.parallel(xo);
  s.vectorize(yi);
  check(s, f);
  EXPECT_EQ(refusal(s, "S0103", [&] { s.parallel(i); }).substr(0, 59),
            "error[S0103] parallel: loop `i` was consumed by tile\n  --> ");
  EXPECT_NE(refusal(s, "S0103", [&] { s.parallel(i); }).find("legal loops in its place: `i_0`, `i_1`"),
            std::string::npos);
}

TEST(LoopKind, BothReduceLoopsOfASplitAreRefused) {
  Schedule s(matmul(8, 8, 8));
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  auto [ko, ki] = s.split<2>(k, {nullopt, 4});
  refusal(s, "S0107", [&] { s.parallel(ko); });
  refusal(s, "S0107", [&] { s.vectorize(ki); });
  const Loop jk = s.fuse({j, ko});
  refusal(s, "S0107", [&] { s.parallel(jk); });
}

TEST(LoopKind, WritesOfOneElement) {
  // The last iteration wins: a race that TensorIR's test does not see.
  const PrimFunc f = parse(R"(func f(A: f32[8], B: f32[4]) {
  for i in 0..8 {
    block B(v: spatial 0..8 = i) {
      reads A[v]
      writes B[v // 2]
      B[v // 2] = A[v]
    }
  }
}
)");
  Schedule s(f);
  auto [i] = s.get_loops<1>(s.get_block("B"));
  EXPECT_EQ(s.classify(s.get_block("B")), BlockClass::kOther);
  EXPECT_EQ(refusal(s, "S0108", [&] { s.parallel(i); }),
            "error[S0108] parallel: iterations of loop `i` write the same elements of `B` in block `B`\n"
            "  --> f:  for i in 0..8        <-- here\n"
            "            block B(spatial v = i)\n"
            "  remedy: choose a loop that indexes what is written, or compute the block elsewhere");
  // Whole pairs are independent.
  auto [o, p] = s.split<2>(i, {nullopt, 2});
  s.parallel(o);
  refusal(s, "S0108", [&] { s.vectorize(p); });
  check(s, f);
}

TEST(LoopKind, StridedAndGuardedWritesAreDivided) {
  const PrimFunc f = parse(R"(func f(A: f32[10], B: f32[32]) {
  for i in 0..10 {
    block B(v: spatial 0..10 = i) {
      reads A[v]
      writes B[v * 3 + 2]
      B[v * 3 + 2] = A[v]
    }
  }
}
)");
  Schedule s(f);
  auto [i] = s.get_loops<1>(s.get_block("B"));
  auto [o, p] = s.split<2>(i, {nullopt, 4});
  s.parallel(o);
  s.vectorize(p);
  check(s, f);
}

TEST(LoopKind, OverlappingTilesRace) {
  const PrimFunc f = parse(R"(func f(A: f32[10], B: f32[10]) {
  for o in 0..4 {
    for p in 0..4 {
      block B(v: spatial 0..10 = o * 2 + p) {
        reads A[v]
        writes B[v]
        B[v] = A[v]
      }
    }
  }
}
)");
  Schedule s(f);
  auto [o, p] = s.get_loops<2>(s.get_block("B"));
  refusal(s, "S0108", [&] { s.parallel(o); });
  s.parallel(p);
  check(s, f);
}

TEST(LoopKind, UpdateAfterInit) {
  const PrimFunc f = parse(R"(func f(A: f32[8, 6], B: f32[8]) {
  for i in 0..8 {
    block B_init(v: spatial 0..8 = i) {
      writes B[v]
      B[v] = 0.0
    }
    for k in 0..6 {
      block B(v: spatial 0..8 = i, vk: reduce 0..6 = k) {
        reads B[v], A[v, vk]
        writes B[v]
        B[v] = B[v] + A[v, vk]
      }
    }
  }
}
)");
  Schedule s(f);
  auto [i, k] = s.get_loops<2>(s.get_block("B"));
  EXPECT_EQ(s.classify(s.get_block("B")), BlockClass::kUpdate);
  refusal(s, "S0107", [&] { s.parallel(k); });
  s.parallel(i);
  check(s, f);
}

TEST(LoopKind, ConstantExtents) {
  const Var n("n");
  Schedule s(elementwise(n, 8));
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  EXPECT_NE(refusal(s, "S0123", [&] { s.vectorize(i); }).find("the extent n of loop `i` is no constant"),
            std::string::npos);
  refusal(s, "S0123", [&] { s.unroll(i); });
  s.parallel(i);
  s.vectorize(j);
  s.vectorize(j);
  refusal(s, "S0110", [&] { s.unroll(j); });
  refusal(s, "S0110", [&] { s.parallel(j); });
}

TEST(LoopKind, Bind) {
  Schedule s(elementwise(64, 64));
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  s.bind(i, "blockIdx.x");
  s.bind(j, "threadIdx.x");
  EXPECT_EQ(s.get(j).thread, tir::ThreadTag::kThreadX);
  EXPECT_NE(refusal(s, "S0124", [&] { s.bind(i, "blockIdx.w"); }).find("legal thread indices: blockIdx.x, "),
            std::string::npos);
}

TEST(LoopKind, StoresOutsideOfBlocks) {
  const PrimFunc f = parse(R"(func f(A: f32[8]) {
  for i in 0..8 {
    A[i] = 1.0
  }
  block dummy() {
    reads A[0]
    writes A[0]
    A[0] = A[0]
  }
}
)");
  Schedule s(f);
  EXPECT_TRUE(s.get_loops(s.get_block("dummy")).empty());
}

TEST(Annotations, SetAndRemove) {
  const PrimFunc f = elementwise(8, 8);
  Schedule s(f);
  const Block c = s.get_block("C");
  auto [i, j] = s.get_loops<2>(c);
  s.annotate(i, "grain", 4);
  s.annotate(c, "note", std::string("a \"quoted\" \\ text\n"));
  s.annotate(c, "list", std::vector<int64_t>{1, 2, 3});
  s.annotate(c, "weight", 0.25);
  check(s, f);
  EXPECT_EQ(s.get(i).annotations.get_int("grain", 0), 4);
  s.unannotate(i, "grain");
  EXPECT_TRUE(s.get(i).annotations.empty());
  refusal(s, "S0129", [&] { s.unannotate(i, "grain"); });
  refusal(s, "S0128", [&] { s.annotate(i, "", 4); });
  refusal(s, "S0128", [&] { s.annotate(i, "x", 0.0 / 0.0); });
  check(s, f);
}

TEST(Queries, NamesAndNeighbours) {
  te::Tensor a = te::placeholder({8}, f32, "A");
  te::Tensor b = te::compute({8}, [&](Expr i) { return a(i) + 1.0f; }, "B");
  te::Tensor c = te::compute({8}, [&](Expr i) { return b(i) * 2.0f; }, "C");
  Schedule s(te::create_prim_func({a, c}, "chain"));
  const Block bb = s.get_block("B"), cc = s.get_block("C");
  ASSERT_EQ(s.get_consumers(bb).size(), 1u);
  EXPECT_EQ(s.get(s.get_consumers(bb)[0]).name, "C");
  EXPECT_EQ(s.get(s.get_producers(cc)[0]).name, "B");
  EXPECT_TRUE(s.get_producers(bb).empty());
  ASSERT_EQ(s.get_output_blocks().size(), 1u);
  EXPECT_EQ(s.get(s.get_output_blocks()[0]).name, "C");
  EXPECT_EQ(s.get_child_blocks(s.get_block("root")).size(), 2u);
  EXPECT_EQ(s.classify(bb), BlockClass::kComplete);
  EXPECT_EQ(refusal(s, "S0101", [&] { s.get_block("D"); }),
            "error[S0101] get_block: there is no block `D`\n"
            "  --> chain:  for i in 0..8\n"
            "                block B(spatial vi = i)\n"
            "              for i in 0..8\n"
            "                block C(spatial vi = i)\n"
            "  legal blocks: `B`, `C`");
  EXPECT_EQ(refusal(s, "S0106", [&] { s.get_loops<2>(bb); }).substr(0, 58),
            "error[S0106] get_loops: it gives 1 results, 2 are expected");
  refusal(s, "S0105", [&] { s.get_loops(Block{99}); });
  EXPECT_THROW(s.get(Loop{5}), Error);
  EXPECT_THROW(s.get(Value{}), Error);
}

}  // namespace
}  // namespace tilewright::schedule
