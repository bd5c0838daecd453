#include "tilewright/search/cost_model.h"

#include <cmath>
#include <limits>

#include "search/search_test_util.h"

namespace tilewright::search {
namespace {

using testing::HasSubstr;

CandidateFeatures candidate(float x, float noise) {
  return {{x, noise, 1.0f}, 1e-3};
}

TEST(CostModel, EveryNameMakesItsModel) {
  for (const std::string& name : cost_model_names()) {
    auto model = make_cost_model(name, 1);
    ASSERT_TRUE(model) << name;
    EXPECT_EQ((*model)->name(), name);
    EXPECT_TRUE((*model)->score({}).empty());
    (*model)->update({}, {}, 1);
    EXPECT_EQ((*model)->score({candidate(1, 2)}).size(), 1u);
  }
}

TEST(CostModel, AnUnknownNameListsTheLegalOnes) {
  const auto model = make_cost_model("oracle", 1);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, "M1101");
  EXPECT_THAT(model.error().message, HasSubstr("`oracle`, expected one of: xgb, roofline, none"));
}

TEST(CostModel, TheRooflineRanksByItsEstimate) {
  auto model = make_cost_model("roofline", 0).value();
  EXPECT_FALSE(model->learns());
  const auto scores = model->score({{{}, 2e-3}, {{}, 1e-3}, {{}, 0}});
  EXPECT_LT(scores[0], scores[1]);
  EXPECT_LT(scores[1], scores[2]);
  EXPECT_TRUE(std::isfinite(scores[2]));
}

TEST(CostModel, WithoutAModelAllAreEqual) {
  const auto scores = make_cost_model("none", 0).value()->score({{{}, 2e-3}, {{}, 1e-3}});
  EXPECT_EQ(scores[0], scores[1]);
}

std::vector<double> learned(uint64_t seed, const std::vector<CandidateFeatures>& questions) {
  auto model = make_cost_model("xgb", seed).value();
  EXPECT_TRUE(model->learns());
  // Seconds grow with the first feature; the second means nothing. Two updates, as in two rounds.
  for (int round = 0; round < 2; ++round) {
    std::vector<CandidateFeatures> rows;
    std::vector<double> seconds;
    for (int i = 0; i < 64; ++i) {
      const int x = (i * 37 + round * 11) % 64;
      rows.push_back(candidate(static_cast<float>(x), static_cast<float>((i * 29) % 13)));
      seconds.push_back(x > 60 ? std::numeric_limits<double>::infinity() : 1e-4 * (1 + x));
    }
    model->update(rows, seconds, 1e-4);
  }
  return model->score(questions);
}

TEST(XgbModel, LearnsAMonotoneRelation) {
  std::vector<CandidateFeatures> questions;
  for (const float x : {1.0f, 8.0f, 24.0f, 55.0f, 63.0f}) questions.push_back(candidate(x, 5));
  const auto scores = learned(3, questions);
  for (size_t i = 1; i < scores.size(); ++i) EXPECT_GT(scores[i - 1], scores[i]) << i;
}

TEST(XgbModel, TheSameCallsGiveTheSameScores) {
  std::vector<CandidateFeatures> questions;
  for (int i = 0; i < 50; ++i) questions.push_back(candidate(static_cast<float>(i) * 1.3f, static_cast<float>(i % 7)));
  EXPECT_EQ(learned(3, questions), learned(3, questions));
}

TEST(XgbModel, BeforeItLearnedItRanksByThePrior) {
  auto model = make_cost_model("xgb", 0).value();
  auto ranked = [&] {
    const auto scores = model->score({{{1, 2}, 2e-3}, {{1, 2}, 1e-3}});
    return scores[0] < scores[1];
  };
  EXPECT_TRUE(ranked());
  model->update({{{1, 2}, 1e-3}}, {1e-3}, 1e-4);
  EXPECT_TRUE(ranked()) << "one measurement is too few to learn from";
}

TEST(XgbModel, FailuresAloneAreNoError) {
  auto model = make_cost_model("xgb", 0).value();
  model->update(std::vector<CandidateFeatures>(20, candidate(1, 2)),
                std::vector<double>(20, std::numeric_limits<double>::infinity()), 1e-4);
  EXPECT_TRUE(std::isfinite(model->score({candidate(1, 2)})[0]));
}

}  // namespace
}  // namespace tilewright::search
