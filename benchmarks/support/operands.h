// Arguments of a kernel, and what a correct result is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tilewright/runtime/runtime.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::bench {

struct Operand {
  std::string name;
  tir::DataType type;
  bool input = false, output = false;
  runtime::Tensor tensor;
  void* data() const { return tensor.data(); }
  float* floats() const { return tensor.data<float>(); }
};

/// One tensor for each parameter of a function (constant shapes), inputs seeded, uniform in [-1, 1].
class Operands {
 public:
  explicit Operands(const tir::PrimFunc& func, uint64_t seed = 0);
  Operands(const Operands&) = delete;
  Operands& operator=(const Operands&) = delete;

  const Operand& operator[](size_t i) const { return items_[i]; }
  size_t size() const { return items_.size(); }
  /// Outputs become NaN (or a pattern), so that elements nobody wrote show.
  void poison() const;
  /// Inputs uniform in [low, high) instead.
  void fill_uniform(double low, double high, uint64_t seed) const;
  void call(const runtime::Function& function) const {
    function.call(values_.data(), static_cast<int32_t>(values_.size()));
  }

 private:
  std::vector<Operand> items_;
  std::vector<TwAny> values_;
};

/// The result of the unscheduled program in f64, rounded once.
class Reference {
 public:
  Reference(const tir::PrimFunc& func, const Operands& operands);
  /// max|y - ref| / max|ref| over the outputs that `operands` hold.
  double max_error(const Operands& operands) const;

 private:
  std::vector<std::pair<size_t, std::vector<uint8_t>>> outputs_;
};

}  // namespace tilewright::bench
