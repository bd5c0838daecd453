#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

int64_t extent(const Schedule& s, Loop l) {
  int64_t value = -1;
  tir::is_const_int(s.get(l).extent, &value);
  return value;
}

bool guarded(const Schedule& s, const std::string& block) {
  Schedule copy = s;
  return !tir::is_true(copy.get(copy.get_block(block)).predicate);
}

TEST(Split, Perfect) {
  const PrimFunc f = elementwise(64, 48);
  Schedule s(f);
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  auto [io, ii] = s.split<2>(i, {nullopt, 16});
  EXPECT_EQ(extent(s, io), 4);
  EXPECT_EQ(extent(s, ii), 16);
  EXPECT_EQ(s.get(io).var.name(), "i_0");
  EXPECT_FALSE(guarded(s, "C"));
  check(s, f);
  auto parts = s.split(j, {2, 3, nullopt, 4});
  EXPECT_EQ(extent(s, parts[2]), 2);
  EXPECT_FALSE(guarded(s, "C"));
  check(s, f);
}

TEST(Split, Imperfect) {
  for (const int64_t factor : {1, 2, 3, 7, 16, 31, 32, 64}) {
    const PrimFunc f = elementwise(31, 5);
    Schedule s(f);
    auto [i, j] = s.get_loops<2>(s.get_block("C"));
    auto [io, ii] = s.split<2>(i, {nullopt, factor});
    EXPECT_EQ(extent(s, io), (31 + factor - 1) / factor);
    EXPECT_EQ(guarded(s, "C"), 31 % factor != 0) << factor;
    check(s, f);
  }
}

TEST(Split, ImperfectOnTwoLevels) {
  const PrimFunc f = matmul(29, 19, 23);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  auto [i0, i1] = s.split<2>(i, {nullopt, 7});
  auto [i2, i3] = s.split<2>(i1, {nullopt, 4});
  check(s, f);
  auto [j0, j1] = s.split<2>(j, {3, nullopt});
  auto [k0, k1] = s.split<2>(k, {nullopt, 5});
  auto [k2, k3] = s.split<2>(k1, {nullopt, 2});
  check(s, f);
  s.reorder({i0, j0, k0, i2, k2, i3, k3, j1});
  check(s, f);
  s.parallel(i0);
  s.vectorize(j1);
  s.unroll(k3);
  check(s, f);
}

TEST(Split, Symbolic) {
  const Var n("n"), m("m");
  const PrimFunc f = matmul(n, m, 6);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  auto [io, ii] = s.split<2>(i, {nullopt, 4});
  auto [jo, ji] = s.split<2>(j, {2, nullopt});
  EXPECT_TRUE(guarded(s, "C"));
  s.reorder({io, jo, k, ii, ji});
  for (const int64_t rows : {1, 4, 7}) {
    for (const int64_t columns : {1, 2, 9}) check(s, f, {{"n", rows}, {"m", columns}});
  }
  s.parallel(io);
  s.vectorize(ii);
  check(s, f, {{"n", 9}, {"m", 5}});
}

TEST(Split, AssumptionsProveIt) {
  const Var n("n");
  tir::PrimFuncNode node = *elementwise(n, 8).get();
  node.assumptions = {n % 16 == 0};
  const PrimFunc f(node);
  Schedule s(f);
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  s.split(i, {nullopt, 8});
  EXPECT_FALSE(guarded(s, "C"));
  check(s, f, {{"n", 32}});
}

TEST(Split, LoopsThatDoNotStartAtZero) {
  const PrimFunc f = parse(R"(func f(A: f32[20], B: f32[20]) {
  for i in 3..20 {
    block B(v: spatial 0..20 = i) {
      reads A[v]
      writes B[v]
      B[v] = A[v] + 1.0
    }
  }
}
)");
  Schedule s(f);
  auto [i] = s.get_loops<1>(s.get_block("B"));
  s.split(i, {nullopt, 4});
  EXPECT_TRUE(guarded(s, "B"));
  check(s, f);
}

TEST(Split, StatementsOutsideOfBlocksAreGuarded) {
  const PrimFunc f = parse(R"(func f(A: f32[10], B: f32[10]) {
  for i in 0..10 {
    assert i < 10, "too far"
    block B(v: spatial 0..10 = i) {
      reads A[v]
      writes B[v]
      B[v] = A[v] + 1.0
    }
  }
}
)");
  Schedule s(f);
  auto [i] = s.get_loops<1>(s.get_block("B"));
  s.split(i, {nullopt, 4});
  check(s, f);
}

TEST(Split, Refusals) {
  const PrimFunc f = elementwise(30, 8);
  Schedule s(f);
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  EXPECT_EQ(refusal(s, "S0112", [&] { s.split(i, {nullopt, nullopt}); }),
            "error[S0112] split: {nullopt, nullopt} leaves more than one factor of loop `i` to be inferred\n"
            "  --> scale:  for i in 0..30        <-- here\n"
            "                for j in 0..8\n"
            "                  block C(spatial vi = i, spatial vj = j)\n"
            "  remedy: give all factors but one");
  refusal(s, "S0113", [&] { s.split(i, {nullopt, 0}); });
  refusal(s, "S0113", [&] { s.split(i, {nullopt, -4}); });
  refusal(s, "S0113", [&] { s.split(i, {}); });
  refusal(s, "S0113", [&] { s.split(i, {int64_t{1} << 62, int64_t{1} << 62}); });
  EXPECT_EQ(refusal(s, "S0114", [&] { s.split(i, {4, 7}); }),
            "error[S0114] split: the factors {4, 7} make 28 iterations, loop `i` has 30\n"
            "  --> scale:  for i in 0..30        <-- here\n"
            "                for j in 0..8\n"
            "                  block C(spatial vi = i, spatial vj = j)\n"
            "  remedy: leave one factor out (nullopt), to be inferred");
  refusal(s, "S0106", [&] { s.split<3>(i, {nullopt, 4}); });
  refusal(s, "S0105", [&] { s.split(Loop{77}, {nullopt, 4}); });
  s.annotate(j, "pragma", 1);
  refusal(s, "S0111", [&] { s.split(j, {nullopt, 4}); });
  s.unannotate(j, "pragma");
  s.vectorize(j);
  refusal(s, "S0110", [&] { s.split(j, {nullopt, 4}); });
  check(s, f);
}

TEST(Split, StaleLoopNamesWhatReplacedIt) {
  Schedule s(elementwise(64, 64));
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  auto [io, ii] = s.split<2>(i, {nullopt, 16});
  EXPECT_EQ(refusal(s, "S0103", [&] { s.parallel(i); }),
            "error[S0103] parallel: loop `i` was consumed by split\n"
            "  --> scale:  for i_0 in 0..4        <-- here\n"
            "                for i_1 in 0..16        <-- here\n"
            "                  for j in 0..64\n"
            "                    block C(spatial vi = i_0 * 16 + i_1, spatial vj = j)\n"
            "  legal loops in its place: `i_0`, `i_1`        remedy: use one of them");
  EXPECT_FALSE(s.alive(i));
  const Loop fused = s.fuse({io, ii});
  EXPECT_NE(refusal(s, "S0103", [&] { s.parallel(i); }).find("`i_0_i_1_fused`"), std::string::npos);
  EXPECT_TRUE(s.alive(fused));
}

}  // namespace
}  // namespace tilewright::schedule
