#include "search/xgb_model.h"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tilewright::search {
namespace {

void check(int code, const char* what) {
  if (code != 0) throw Error("M1102", "cost model", fmt::format("XGBoost failed in {}: {}", what, XGBGetLastError()));
}

struct Matrix {
  DMatrixHandle handle = nullptr;
  Matrix(const std::vector<float>& data, size_t rows, size_t columns) {
    check(XGDMatrixCreateFromMat(data.data(), rows, columns, std::numeric_limits<float>::quiet_NaN(), &handle),
          "matrix");
  }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (handle) XGDMatrixFree(handle);
  }
};

struct Booster {
  BoosterHandle handle = nullptr;
  Booster(const Matrix& matrix, uint64_t seed) {
    check(XGBoosterCreate(&matrix.handle, 1, &handle), "booster");
    // One thread: XGBoost's sums depend on the number of threads, and the search must not.
    const std::pair<const char*, std::string> params[] = {{"booster", "gbtree"},
                                                          {"objective", "reg:squarederror"},
                                                          {"tree_method", "hist"},
                                                          {"nthread", "1"},
                                                          {"max_depth", "6"},
                                                          {"eta", "0.2"},
                                                          {"min_child_weight", "1"},
                                                          {"lambda", "1"},
                                                          {"max_bin", "64"},
                                                          {"verbosity", "0"},
                                                          {"seed", fmt::format("{}", seed & 0x7fffffff)}};
    for (const auto& [key, value] : params) check(XGBoosterSetParam(handle, key, value.c_str()), key);
  }
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  ~Booster() {
    if (handle) XGBoosterFree(handle);
  }
};

constexpr int kRounds = 60;
/// Label of a failed candidate: far slower than anything that runs (log of a thousandth of the bound's throughput).
constexpr double kFailedLabel = -7.0;

class XgbModel : public CostModel {
 public:
  explicit XgbModel(uint64_t seed) : seed_(seed) {}
  std::string_view name() const override { return "xgb"; }
  bool learns() const override { return true; }

  std::vector<double> score(const std::vector<CandidateFeatures>& candidates) override {
    std::vector<double> scores(candidates.size());
    // The prior's unit is the same as the label's up to a constant, so ranks compare.
    for (size_t i = 0; i < candidates.size(); ++i)
      scores[i] = -std::log(std::max(candidates[i].roofline_seconds, 1e-12));
    if (!booster_ || candidates.empty()) return scores;
    std::vector<float> data;
    for (const CandidateFeatures& c : candidates) append_row(c, &data);
    const Matrix matrix(data, candidates.size(), columns_);
    bst_ulong count = 0;
    const float* out = nullptr;
    check(XGBoosterPredict(booster_->handle, matrix.handle, 0, 0, 0, &count, &out), "prediction");
    for (size_t i = 0; i < candidates.size() && i < count; ++i) scores[i] = out[i];
    return scores;
  }

  void update(const std::vector<CandidateFeatures>& candidates, const std::vector<double>& seconds,
              double bound_seconds) override {
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (columns_ == 0) columns_ = candidates[i].row.size() + 1;
      append_row(candidates[i], &data_);
      const double label =
          std::isfinite(seconds[i]) ? std::max(kFailedLabel, std::log(bound_seconds / seconds[i])) : kFailedLabel;
      labels_.push_back(static_cast<float>(label));
    }
    if (labels_.size() < 8) return;
    const Matrix matrix(data_, labels_.size(), columns_);
    check(XGDMatrixSetFloatInfo(matrix.handle, "label", labels_.data(), labels_.size()), "labels");
    auto booster = std::make_unique<Booster>(matrix, seed_);
    for (int round = 0; round < kRounds; ++round)
      check(XGBoosterUpdateOneIter(booster->handle, round, matrix.handle), "training");
    booster_ = std::move(booster);
  }

 private:
  void append_row(const CandidateFeatures& c, std::vector<float>* data) const {
    const size_t columns = columns_ ? columns_ : c.row.size() + 1;
    for (size_t i = 0; i + 1 < columns; ++i) data->push_back(i < c.row.size() ? c.row[i] : 0.0f);
    data->push_back(static_cast<float>(std::log(std::max(c.roofline_seconds, 1e-12))));
  }

  uint64_t seed_;
  size_t columns_ = 0;
  std::vector<float> data_, labels_;
  std::unique_ptr<Booster> booster_;
};

}  // namespace

std::unique_ptr<CostModel> make_xgb_model(uint64_t seed) {
  return std::make_unique<XgbModel>(seed);
}

}  // namespace tilewright::search
