// Cost models: rank candidates before anything is built.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/support/expected.h"

namespace tilewright::search {

/// What a model sees of a candidate.
struct CandidateFeatures {
  std::vector<float> row;       // feature_row
  double roofline_seconds = 0;  // the prior
};

/// A model scores; higher is better. Implementations must be deterministic: the same calls give the same scores.
class CostModel {
 public:
  virtual ~CostModel() = default;
  virtual std::string_view name() const = 0;
  virtual std::vector<double> score(const std::vector<CandidateFeatures>& candidates) = 0;
  /// Adds measured candidates: seconds (infinity for failures) of one workload whose roofline bound is `bound_seconds`.
  virtual void update(const std::vector<CandidateFeatures>& candidates, const std::vector<double>& seconds,
                      double bound_seconds) = 0;
  /// False: measured times do not influence the scores.
  virtual bool learns() const { return false; }
};

/// "xgb", "roofline", "none". An unknown name lists the legal ones.
Expected<std::unique_ptr<CostModel>> make_cost_model(std::string_view name, uint64_t seed);
std::vector<std::string> cost_model_names();

}  // namespace tilewright::search
