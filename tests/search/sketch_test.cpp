// Sketches and their points, as programs: whatever replays computes the same values.
#include <cmath>

#include "search/search_test_util.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

struct Case {
  const char* name;
  /// Exact: sums of small whole numbers do not depend on their order.
  double tolerance = 0;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class SketchesOf : public testing::TestWithParam<Case> {};

std::vector<tir::HostArray> arguments(const PrimFunc& func) {
  std::vector<tir::HostArray> arrays;
  for (size_t i = 0; i < func->params.size(); ++i) {
    const Buffer& b = func->params[i].buffer;
    std::vector<int64_t> shape;
    for (const Expr& e : b.shape()) {
      int64_t extent = 0;
      EXPECT_TRUE(tir::is_const_int(e, &extent));
      shape.push_back(extent);
    }
    arrays.push_back(tir::HostArray::zeros(b.dtype(), shape));
    CounterRng rng(5, i);
    for (int64_t k = 0; k < arrays.back().elements(); ++k)
      arrays.back().set(k, static_cast<double>(static_cast<int64_t>(rng.below(9)) - 4));
  }
  return arrays;
}

/// The arguments after the call, or the diagnostic.
Expected<std::vector<tir::HostArray>> results(const PrimFunc& func) {
  std::vector<tir::HostArray> arrays = arguments(func);
  std::vector<tir::HostArray*> pointers;
  for (tir::HostArray& a : arrays) pointers.push_back(&a);
  if (Status s = tir::interpret(func, pointers); !s) return s.error();
  return arrays;
}

TEST_P(SketchesOf, EveryPointThatReplaysComputesTheSame) {
  const Case& c = GetParam();
  const PrimFunc func = workload(c.name).func;
  const std::vector<Sketch> sketches = sketches_of(c.name);
  ASSERT_FALSE(sketches.empty());
  const auto expected = results(func);
  ASSERT_TRUE(expected) << expected.error().render();
  constexpr int kPoints = 8, kAttempts = 60;
  for (size_t s = 0; s < sketches.size(); ++s) {
    SCOPED_TRACE(sketches[s].name);
    Schedule itself(func);
    const Status applied = sketches[s].trace.apply(itself);
    ASSERT_TRUE(applied) << applied.error().render();
    int legal = 0;
    for (int attempt = 0; attempt < kAttempts && legal < kPoints; ++attempt) {
      CounterRng rng(7, s, static_cast<uint64_t>(attempt));
      Point point = sample_point(sketches, static_cast<int>(s), rng);
      if (attempt % 2 == 1) point = mutate_point(sketches, point, rng);
      Schedule schedule(func);
      if (!point_trace(sketches, point).apply(schedule)) continue;
      ++legal;
      const auto got = results(schedule.func());
      ASSERT_TRUE(got) << got.error().render() << tir::to_string(schedule.func());
      for (size_t a = 0; a < expected->size(); ++a) {
        for (int64_t i = 0; i < (*expected)[a].elements(); ++i) {
          const double want = (*expected)[a].get(i), have = (*got)[a].get(i);
          ASSERT_LE(std::abs(have - want), c.tolerance) << "argument " << a << " element " << i << "\n"
                                                        << have << " instead of " << want << "\n"
                                                        << tir::to_string(schedule.func());
        }
      }
    }
    EXPECT_GT(legal, 0) << "no point of this sketch is legal";
  }
}

TEST_P(SketchesOf, TheyAreTheSameEachTimeAndDifferFromEachOther) {
  const std::vector<Sketch> a = sketches_of(GetParam().name), b = sketches_of(GetParam().name);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].trace.to_json(), b[i].trace.to_json());
    for (size_t k = 0; k < i; ++k) EXPECT_FALSE(a[i].trace == a[k].trace);
  }
}

TEST_P(SketchesOf, ATraceLeadsBackToItsPoint) {
  const std::vector<Sketch> sketches = sketches_of(GetParam().name);
  for (size_t s = 0; s < sketches.size(); ++s) {
    CounterRng rng(3, s);
    const Point point = sample_point(sketches, static_cast<int>(s), rng);
    const auto read = Trace::from_json(point_trace(sketches, point).to_json());
    ASSERT_TRUE(read);
    Point found;
    ASSERT_TRUE(find_point(sketches, *read, &found));
    EXPECT_EQ(found, point);
    EXPECT_EQ(found.hash(), point.hash());
    EXPECT_FALSE(!sketches[s].slots.empty() && find_point(sketches, read->without_decisions(), &found));
  }
  Point found;
  if (sketches[0].trace.size() > 0) {
    EXPECT_FALSE(find_point(sketches, Trace(), &found));
  }
}

INSTANTIATE_TEST_SUITE_P(Small, SketchesOf,
                         testing::Values(Case{"gmm:1,13,17,9"}, Case{"gmm:2,4,24,8"}, Case{"gmm:1,3,4,80"},
                                         Case{"dense:1,1,200"}, Case{"dense_bias_relu:3,21,5"},
                                         Case{"matmul_add:6,16,8"}, Case{"vadd:100"}, Case{"vadd:1"},
                                         Case{"c1d:1,11,3,4,3,2,1"}, Case{"c2d:1,6,7,2,3,3,1,1"},
                                         Case{"dep:1,7,7,3,3,1,1"}, Case{"t2d:1,3,4,2,2,3,2,1"},
                                         Case{"cbr:1,6,6,2,3,3,1,1"}, Case{"nrm:2,5,70", 1e-4}, Case{"nrm:1,1,9", 1e-4},
                                         Case{"sfm:5,20", 1e-5}, Case{"tbs:1,6,2,4", 1e-4}));

}  // namespace
}  // namespace tilewright::search
