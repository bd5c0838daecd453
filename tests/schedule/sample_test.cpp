#include <set>

#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

Decision values(const Schedule& s, const std::vector<Value>& v) {
  Decision out;
  for (const Value x : v) out.push_back(s.get(x));
  return out;
}

int64_t product(const Decision& d) {
  int64_t p = 1;
  for (const int64_t f : d) p *= f;
  return p;
}

TEST(SamplePerfectTile, EveryFactorisationEquallyOften) {
  // 12 in 3 parts, innermost at most 4: 2^2 * 3 has 6 * 3 = 18 factorisations, less those with 6 or 12 innermost.
  Schedule base(elementwise(12, 4));
  std::map<Decision, int> seen;
  const int draws = 6000;
  for (int seed = 0; seed < draws; ++seed) {
    Schedule s = base;
    s.set_seed(seed);
    auto [i, j] = s.get_loops<2>(s.get_block("C"));
    ++seen[values(s, s.sample_perfect_tile(i, 3, 4))];
  }
  ASSERT_EQ(seen.size(), 15u);
  for (const auto& [d, n] : seen) {
    EXPECT_EQ(product(d), 12);
    EXPECT_LE(d.back(), 4);
    EXPECT_NEAR(n, draws / 15, 100) << d[0] << " " << d[1] << " " << d[2];
  }
}

TEST(SamplePerfectTile, PrimesOnesAndSinglePart) {
  for (const int64_t extent : {1, 2, 97, 257, 1470, 1024, 2147483647}) {
    Schedule s(elementwise(extent, 4));
    auto [i, j] = s.get_loops<2>(s.get_block("C"));
    EXPECT_EQ(product(values(s, s.sample_perfect_tile(i, 4))), extent);
    EXPECT_EQ(values(s, s.sample_perfect_tile(i, 1)), Decision{extent});
  }
}

TEST(SampleTile, CoversTheExtent) {
  for (int seed = 0; seed < 300; ++seed) {
    Schedule s(elementwise(257, 31), seed);
    auto [i, j] = s.get_loops<2>(s.get_block("C"));
    const auto v = s.sample_tile(i, 3, 16);
    const Decision d = values(s, v);
    EXPECT_GE(product(d), 257);
    EXPECT_LT(product(d) - d[1] * d[2], 257);
    EXPECT_LE(d[1] * d[2], 257);
    EXPECT_LE(d[2], 16);
    s.split<3>(i, {v[0], v[1], v[2]});
  }
}

TEST(Sample, TheSeedDecides) {
  const PrimFunc f = matmul(64, 64, 64);
  const auto sample = [&](uint64_t seed) {
    Schedule s(f, seed);
    auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
    auto a = s.sample_perfect_tile<4>(i, 64);
    auto b = s.sample_perfect_tile<4>(j, 64);
    s.split<4>(i, {a[0], a[1], a[2], a[3]});
    s.split<4>(j, {b[0], b[1], b[2], b[3]});
    s.sample_categorical({0, 16, 64}, {0.25, 0.25, 0.5});
    return s;
  };
  EXPECT_EQ(sample(3).trace(), sample(3).trace());
  std::set<std::string> different;
  for (uint64_t seed = 0; seed < 20; ++seed) different.insert(sample(seed).trace().to_json());
  EXPECT_GT(different.size(), 17u);
  check(sample(5), f);
  // Two samplings of one schedule are independent.
  int equal = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Schedule s = sample(seed);
    equal += s.trace()[2].decision == s.trace()[3].decision;
  }
  EXPECT_LT(equal, 20);
}

TEST(SampleCategorical, FollowsProbabilities) {
  const PrimFunc f = elementwise(4, 4);
  std::map<int64_t, int> seen;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    Schedule s(f, seed);
    ++seen[s.get(s.sample_categorical({10, 20, 30}, {1.0, 0.0, 3.0}))];
  }
  EXPECT_EQ(seen[20], 0);
  EXPECT_NEAR(seen[10], 1000, 120);
}

TEST(Sample, Refusals) {
  const Var n("n");
  Schedule s(elementwise(n, 12));
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  EXPECT_NE(refusal(s, "S0125", [&] { s.sample_perfect_tile(i, 2); })
                .find("the extent n of loop `i` is no positive constant"),
            std::string::npos);
  refusal(s, "S0125", [&] { s.sample_tile(i, 2); });
  refusal(s, "S0130", [&] { s.sample_perfect_tile(j, 0); });
  refusal(s, "S0130", [&] { s.sample_perfect_tile(j, 1, 4); });
  refusal(s, "S0127", [&] { s.sample_categorical({}, {}); });
  refusal(s, "S0127", [&] { s.sample_categorical({1, 2}, {1.0}); });
  refusal(s, "S0127", [&] { s.sample_categorical({1, 2}, {1.0, -1.0}); });
  refusal(s, "S0127", [&] { s.sample_categorical({1, 2}, {0.0, 0.0}); });
  EXPECT_EQ(refusal(s, "S0126", [&] { s.sample_perfect_tile(j, 2, 0, {5, 2}); }),
            "error[S0126] sample_perfect_tile: the decision {5, 2} does not multiply to the extent 12\n"
            "  --> scale:  for i in 0..n\n"
            "                for j in 0..12        <-- here\n"
            "                  block C(spatial vi = i, spatial vj = j)");
  refusal(s, "S0126", [&] { s.sample_perfect_tile(j, 2, 4, {2, 6}); });
  refusal(s, "S0126", [&] { s.sample_perfect_tile(j, 2, 0, {12}); });
  refusal(s, "S0126", [&] { s.sample_perfect_tile(j, 2, 0, {-3, -4}); });
  refusal(s, "S0126", [&] { s.sample_tile(j, 2, 0, {2, 5}); });
  refusal(s, "S0126", [&] { s.sample_tile(j, 2, 0, {1, 13}); });
  refusal(s, "S0126", [&] { s.sample_tile(j, 2, 0, {12, 0}); });
  refusal(s, "S0126", [&] { s.sample_categorical({1, 2}, {1.0, 1.0}, {2}); });
  const Block c = s.get_block("C");
  refusal(s, "S0126", [&] { s.sample_compute_location(c, {0}); });
  EXPECT_EQ(values(s, s.sample_tile(j, 2, 0, {3, 5})), (Decision{3, 5}));
}

TEST(SampleComputeLocation, DrawsLegalPlacesOnly) {
  te::Tensor a = te::placeholder({8, 8}, f32, "A");
  te::Tensor b = te::compute({8, 8}, [&](Expr i, Expr j) { return a(i, j) + 1.0f; }, "B");
  te::Tensor c = te::compute({8, 8}, [&](Expr i, Expr j) { return b(i, j) * 2.0f; }, "C");
  const PrimFunc f = te::create_prim_func({a, c}, "chain");
  std::set<int64_t> seen;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Schedule s(f, seed);
    const Block block = s.get_block("B");
    const Loop place = s.sample_compute_location(block);
    seen.insert(s.trace()[1].decision->at(0));
    s.compute_at(block, place);
    check(s, f);
  }
  EXPECT_EQ(seen, (std::set<int64_t>{-2, -1, 0, 1}));
  Schedule s(f);
  const Loop stay = s.sample_compute_location(s.get_block("B"), {-1});
  EXPECT_NE(
      refusal(s, "S0105", [&] { s.parallel(stay); }).find("the handle stands for the place \"stay\", not for a loop"),
      std::string::npos);
}

}  // namespace
}  // namespace tilewright::schedule
