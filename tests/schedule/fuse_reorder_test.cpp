#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

TEST(Fuse, TwoAndThreeLoops) {
  const PrimFunc f = matmul(6, 5, 4);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  const Loop ij = s.fuse({i, j});
  EXPECT_EQ(s.get(ij).var.name(), "i_j_fused");
  check(s, f);
  const Loop all = s.fuse({ij, k});
  EXPECT_TRUE(tir::is_const_int(s.get(all).extent, 120));
  check(s, f);
  // And apart again, with a tail.
  s.split(all, {nullopt, 7});
  check(s, f);
}

TEST(Fuse, SymbolicAndUnitExtents) {
  const Var n("n");
  const PrimFunc f = matmul(n, 1, 3);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  const Loop fused = s.fuse({i, j});
  check(s, f, {{"n", 5}});
  s.parallel(fused);
  check(s, f, {{"n", 5}});
}

TEST(Fuse, ParallelOverFusedTiles) {
  const PrimFunc f = matmul(12, 10, 4);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  auto [io, jo, ii, ji] = s.tile(i, j, 4, 4);
  s.reorder({io, jo, k, ii, ji});
  const Loop outer = s.fuse({io, jo});
  s.parallel(outer);
  s.vectorize(ji);
  check(s, f);
}

TEST(Fuse, Refusals) {
  Schedule s(matmul(8, 8, 8));
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  refusal(s, "S0115", [&] { s.fuse({}); });
  EXPECT_EQ(refusal(s, "S0116", [&] { s.fuse({i, k}); }),
            "error[S0116] fuse: loop `k` is not all that loop `i` contains\n"
            "  --> matmul:  for i in 0..8        <-- here\n"
            "                 for j in 0..8\n"
            "                   for k in 0..8        <-- here\n"
            "                     block C(spatial vi = i, spatial vj = j, reduce vk = k)\n"
            "  remedy: reorder the loops so that they are next to each other");
  refusal(s, "S0116", [&] { s.fuse({j, i}); });
  refusal(s, "S0116", [&] { s.fuse({i, i}); });
  const PrimFunc triangle = parse(R"(func f(A: f32[8, 8], B: f32[8, 8]) {
  for i in 0..8 {
    for j in 0..i + 1 {
      block B(vi: spatial 0..8 = i, vj: spatial 0..8 = j) {
        reads A[vi, vj]
        writes B[vi, vj]
        B[vi, vj] = A[vi, vj]
      }
    }
  }
}
)");
  Schedule t(triangle);
  auto [x, y] = t.get_loops<2>(t.get_block("B"));
  EXPECT_NE(refusal(t, "S0117", [&] { t.fuse({x, y}); }).find("the range of loop `j` depends on loop `i`"),
            std::string::npos);
  EXPECT_NE(refusal(t, "S0120", [&] { t.reorder({y, x}); })
                .find("the range of loop `j` depends on loop `i`, which would be inside it"),
            std::string::npos);
}

TEST(Reorder, EveryOrderOfAMatmul) {
  const PrimFunc f = matmul(3, 4, 5);
  int order[] = {0, 1, 2};
  do {
    Schedule s(f);
    auto l = s.get_loops<3>(s.get_block("C"));
    s.reorder({l[order[0]], l[order[1]], l[order[2]]});
    const auto now = s.get_loops<3>(s.get_block("C"));
    for (int x = 0; x < 3; ++x) EXPECT_EQ(&s.get(now[x]), &s.get(l[order[x]]));
    check(s, f);
  } while (std::next_permutation(order, order + 3));
}

TEST(Reorder, OthersStay) {
  const PrimFunc f = matmul(4, 4, 4);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  s.reorder({k, i});
  const auto now = s.get_loops<3>(s.get_block("C"));
  EXPECT_EQ(s.get(now[0]).var.name(), "k");
  EXPECT_EQ(s.get(now[1]).var.name(), "j");
  EXPECT_EQ(s.get(now[2]).var.name(), "i");
  check(s, f);
}

TEST(Reorder, FusedReductionKeepsItsInitFirst) {
  const PrimFunc f = matmul(4, 6, 6);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  const Loop jk = s.fuse({j, k});
  // j and k go on in the same order for each element.
  s.reorder({jk, i});
  check(s, f);
  // 4 does not divide 6: the first step of an element may now come second.
  auto [a, b] = s.split<2>(jk, {nullopt, 4});
  EXPECT_NE(refusal(s, "S0122", [&] { s.reorder({b, a}); })
                .find("block `C` initialises `C` at the first step of its reduction"),
            std::string::npos);
  check(s, f);
}

TEST(Reorder, DependencesBetweenInstances) {
  // Each element needs its left neighbour of the row above: order of i and j must stay.
  const PrimFunc f = parse(R"(func f(A: f32[8, 8]) {
  for i in 1..8 {
    for j in 0..7 {
      block A(vi: spatial 0..8 = i, vj: spatial 0..8 = j) {
        reads A[vi - 1, vj + 1], A[vi, vj]
        writes A[vi, vj]
        A[vi, vj] = A[vi - 1, vj + 1] + A[vi, vj]
      }
    }
  }
}
)");
  Schedule s(f);
  auto [i, j] = s.get_loops<2>(s.get_block("A"));
  EXPECT_NE(refusal(s, "S0121", [&] { s.reorder({j, i}); }).find("carry dependences on `A`"), std::string::npos);
  refusal(s, "S0108", [&] { s.parallel(i); });
  refusal(s, "S0108", [&] { s.vectorize(j); });
}

TEST(Reorder, Refusals) {
  const PrimFunc f = parse(R"(func f(A: f32[8, 8], B: f32[8, 8], C: f32[8, 8]) {
  for i in 0..8 {
    for j in 0..8 {
      block B(vi: spatial 0..8 = i, vj: spatial 0..8 = j) {
        reads A[vi, vj]
        writes B[vi, vj]
        B[vi, vj] = A[vi, vj]
      }
    }
    for k in 0..8 {
      block C(vi: spatial 0..8 = i, vj: spatial 0..8 = k) {
        reads B[vi, vj]
        writes C[vi, vj]
        C[vi, vj] = B[vi, vj]
      }
    }
  }
}
)");
  Schedule s(f);
  auto [i, j] = s.get_loops<2>(s.get_block("B"));
  auto [i2, k] = s.get_loops<2>(s.get_block("C"));
  refusal(s, "S0115", [&] { s.reorder({}); });
  EXPECT_EQ(refusal(s, "S0118", [&] { s.reorder({i, j, i}); }).substr(0, 45),
            "error[S0118] reorder: loop `i` is given twice");
  EXPECT_NE(refusal(s, "S0119", [&] { s.reorder({j, i}); }).find("loop `j` is not all that loop `i` contains"),
            std::string::npos);
  EXPECT_NE(refusal(s, "S0119", [&] { s.reorder({j, k}); }).find("loops `j` and `k` are not nested in each other"),
            std::string::npos);
}

TEST(AddUnitLoop, AroundBlockAndLoop) {
  const PrimFunc f = matmul(3, 4, 5);
  Schedule s(f);
  const Block c = s.get_block("C");
  auto [i, j, k] = s.get_loops<3>(c);
  s.add_unit_loop(c);
  const Loop top = s.add_unit_loop(i);
  EXPECT_TRUE(tir::is_const_int(s.get(top).extent, 1));
  EXPECT_EQ(s.get_loops(c).size(), 5u);
  s.parallel(top);
  s.reorder({k, i});
  check(s, f);
}

}  // namespace
}  // namespace tilewright::schedule
