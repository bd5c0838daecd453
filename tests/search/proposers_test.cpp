// Which candidates are tried: the same for every number of threads.
#include <limits>
#include <set>

#include "search/proposer.h"
#include "search/search_test_util.h"
#include "tilewright/search/tuner.h"

namespace tilewright::search {
namespace {

/// Traces of three rounds, told made-up times in between.
std::vector<std::string> proposals(const std::string& tuner, const std::string& model_name, int threads,
                                   uint64_t seed = 5) {
  const char* name = "gmm:1,16,24,32";
  SearchContext context(workload(name).func, space_target(), sketches_of(name), seed, threads);
  context.population = 24;
  auto model = make_cost_model(model_name, seed).value();
  context.model = model.get();
  auto proposer = make_proposer(tuner);
  std::vector<std::string> traces;
  for (int round = 0; round < 3; ++round) {
    const auto batch = proposer->propose(context, 6, round);
    EXPECT_EQ(batch.size(), 6u);
    std::vector<CandidateFeatures> features;
    std::vector<double> seconds;
    for (const auto& c : batch) {
      EXPECT_FALSE(context.is_measured(c->point));
      traces.push_back(c->trace);
      features.push_back(c->features);
      // Every fifth fails; the others take a time that depends on the point alone.
      const uint64_t h = c->point.hash();
      seconds.push_back(h % 5 == 0 ? std::numeric_limits<double>::infinity() : 1e-4 * static_cast<double>(1 + h % 97));
      context.add_measured(c->point, seconds.back());
    }
    model->update(features, seconds, 1e-4);
  }
  return traces;
}

TEST(Proposers, TheSameSeedGivesTheSameCandidatesWhateverTheThreads) {
  for (const std::string& tuner : tuner_names()) {
    const std::vector<std::string> one = proposals(tuner, "xgb", 1);
    EXPECT_EQ(one, proposals(tuner, "xgb", 1)) << tuner;
    EXPECT_EQ(one, proposals(tuner, "xgb", 2)) << tuner;
    // Nothing is proposed twice.
    EXPECT_EQ(std::set<std::string>(one.begin(), one.end()).size(), one.size()) << tuner;
    if (tuner != "grid") {
      EXPECT_NE(one, proposals(tuner, "xgb", 1, 6)) << tuner;
    }
  }
}

TEST(Proposers, EveryTunerWorksWithEveryModel) {
  for (const std::string& tuner : tuner_names()) {
    for (const char* model : {"roofline", "none"}) EXPECT_EQ(proposals(tuner, model, 2).size(), 18u) << tuner;
  }
  EXPECT_EQ(make_proposer("luck"), nullptr);
}

TEST(Proposers, ASmallSpaceEnds) {
  for (const std::string& tuner : tuner_names()) {
    SearchContext context(workload("vadd:6").func, space_target(), sketches_of("vadd:6"), 1, 1);
    context.population = 8;
    auto model = make_cost_model("roofline", 0).value();
    context.model = model.get();
    auto proposer = make_proposer(tuner);
    std::set<std::string> seen;
    bool ended = false;
    for (int round = 0; !ended && round < 100; ++round) {
      const auto batch = proposer->propose(context, 4, round);
      ended = batch.empty();
      for (const auto& c : batch) {
        EXPECT_TRUE(seen.insert(c->trace).second) << tuner;
        context.add_measured(c->point, 1e-3);
      }
    }
    EXPECT_TRUE(ended) << tuner;
    EXPECT_FALSE(seen.empty()) << tuner;
    EXPECT_LE(static_cast<double>(seen.size()), context.space_size()) << tuner;
  }
}

TEST(SearchContext, EvaluatesInOrderAndRepeatsAreOne) {
  const char* name = "gmm:1,16,24,32";
  const auto sketches = sketches_of(name);
  std::vector<Point> points;
  for (uint64_t i = 0; i < 12; ++i) {
    CounterRng rng(1, i / 2);
    points.push_back(sample_point(sketches, 0, rng));
  }
  SearchContext one(workload(name).func, space_target(), sketches, 1, 1);
  SearchContext two(workload(name).func, space_target(), sketches, 1, 2);
  const auto a = one.evaluate(points), b = two.evaluate(points), again = one.evaluate(points);
  ASSERT_EQ(a.size(), points.size());
  EXPECT_EQ(a, again);
  for (size_t i = 0; i < points.size(); ++i) {
    ASSERT_EQ(a[i] == nullptr, b[i] == nullptr);
    if (i % 2 == 1) {
      EXPECT_EQ(a[i], a[i - 1]);
    }
    if (!a[i]) continue;
    EXPECT_EQ(a[i]->point, points[i]);
    EXPECT_EQ(a[i]->trace, b[i]->trace);
    EXPECT_EQ(a[i]->features.row, b[i]->features.row);
  }
}

TEST(SearchContext, TheBestAreThoseThatRan) {
  SearchContext context(workload("vadd:100").func, space_target(), sketches_of("vadd:100"), 1, 1);
  for (int i = 0; i < 4; ++i)
    context.add_measured({0, {{i, 1, 1}}}, i == 2 ? std::numeric_limits<double>::infinity() : 4.0 - i);
  context.add_measured({0, {{0, 1, 1}}}, 0.1);  // measured already: the first time counts
  const auto best = context.best(2);
  ASSERT_EQ(best.size(), 2u);
  EXPECT_EQ(best[0]->seconds, 1.0);
  EXPECT_EQ(best[1]->seconds, 3.0);
  EXPECT_EQ(context.measured().size(), 4u);
}

}  // namespace
}  // namespace tilewright::search
