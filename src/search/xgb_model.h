// Gradient-boosted trees through XGBoost's C API; no XGBoost type leaves the .cpp.
#pragma once

#include <memory>

#include "tilewright/search/cost_model.h"

namespace tilewright::search {

/// Predicts log(bound / seconds) from the feature row; before the first update it ranks by the roofline estimate.
std::unique_ptr<CostModel> make_xgb_model(uint64_t seed);

}  // namespace tilewright::search
