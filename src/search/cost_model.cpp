#include "tilewright/search/cost_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "search/xgb_model.h"

namespace tilewright::search {
namespace {

/// Ranks by the analytic estimate alone.
class RooflineModel : public CostModel {
 public:
  std::string_view name() const override { return "roofline"; }
  std::vector<double> score(const std::vector<CandidateFeatures>& candidates) override {
    std::vector<double> scores;
    for (const CandidateFeatures& c : candidates) scores.push_back(-std::log(std::max(c.roofline_seconds, 1e-12)));
    return scores;
  }
  void update(const std::vector<CandidateFeatures>&, const std::vector<double>&, double) override {}
};

/// Every candidate is as good as every other: the tuner's own order decides.
class NoModel : public CostModel {
 public:
  std::string_view name() const override { return "none"; }
  std::vector<double> score(const std::vector<CandidateFeatures>& candidates) override {
    return std::vector<double>(candidates.size(), 0.0);
  }
  void update(const std::vector<CandidateFeatures>&, const std::vector<double>&, double) override {}
};

}  // namespace

std::vector<std::string> cost_model_names() {
  return {"xgb", "roofline", "none"};
}

Expected<std::unique_ptr<CostModel>> make_cost_model(std::string_view name, uint64_t seed) {
  std::unique_ptr<CostModel> model;
  if (name == "xgb")
    model = make_xgb_model(seed);
  else if (name == "roofline")
    model = std::make_unique<RooflineModel>();
  else if (name == "none")
    model = std::make_unique<NoModel>();
  if (model) return model;
  Diagnostic d;
  d.code = "M1101";
  d.operation = "model";
  d.message = fmt::format("unknown cost model `{}`, expected one of: {}", name, fmt::join(cost_model_names(), ", "));
  return d;
}

}  // namespace tilewright::search
