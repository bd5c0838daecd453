#include "support/operands.h"

#include <algorithm>

#include "tilewright/codegen/build.h"
#include "tilewright/search/inputs.h"
#include "tilewright/search/measure.h"
#include "tilewright/support/random.h"
#include "tilewright/tir/visit.h"

namespace tilewright::bench {

Operands::Operands(const tir::PrimFunc& func, uint64_t seed) {
  const std::vector<tir::ParamUse> uses = tir::param_uses(func);
  for (size_t i = 0; i < func->params.size(); ++i) {
    const Buffer& buffer = func->params[i].buffer;
    if (!buffer.defined()) throw Error("B0001", "benchmark", "a parameter is a number, expected tensors only");
    std::vector<int64_t> shape;
    for (const Expr& extent : buffer.shape()) {
      int64_t value = 0;
      if (!tir::is_const_int(extent, &value))
        throw Error("B0002", "benchmark", "a parameter has a symbolic shape, expected numbers");
      shape.push_back(value);
    }
    Operand item{buffer.name(), buffer.dtype(), !uses[i].written || uses[i].read, uses[i].written, {}};
    const std::string type = item.type.is_bool()       ? "bool"
                             : item.type.is_int()      ? "int"
                             : item.type.is_uint()     ? "uint"
                             : item.type == tir::kBF16 ? "bfloat"
                                                       : "float";
    item.tensor = runtime::Tensor::empty(
        shape, runtime::parse_dtype(item.type.is_bool() ? type : type + std::to_string(item.type.bits)));
    if (item.input) search::fill_input(item.type, seed, static_cast<int>(i), item.data(), item.tensor.size());
    items_.push_back(std::move(item));
  }
  for (const Operand& item : items_) values_.push_back(tw_tensor_arg(item.tensor.dl_tensor()));
  poison();
}

void Operands::poison() const {
  for (const Operand& item : items_) {
    if (item.output && !item.input) search::fill_poison(item.type, item.data(), item.tensor.size());
  }
}

void Operands::fill_uniform(double low, double high, uint64_t seed) const {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].input || items_[i].type != tir::kF32) continue;
    CounterRng rng(seed, i);
    float* data = items_[i].floats();
    for (int64_t k = 0; k < items_[i].tensor.size(); ++k)
      data[k] = static_cast<float>(low + (high - low) * rng.uniform());
  }
}

Reference::Reference(const tir::PrimFunc& func, const Operands& operands) {
  operands.call(build(search::reference_program(func), Target())[func.name()]);
  for (size_t i = 0; i < operands.size(); ++i) {
    const Operand& item = operands[i];
    if (!item.output) continue;
    const auto* bytes = static_cast<const uint8_t*>(item.data());
    outputs_.emplace_back(i, std::vector<uint8_t>(bytes, bytes + item.tensor.bytes()));
  }
}

double Reference::max_error(const Operands& operands) const {
  double worst = 0;
  for (const auto& [index, bytes] : outputs_) {
    const Operand& item = operands[index];
    worst = std::max(worst, search::max_error(item.type, item.data(), bytes.data(), item.tensor.size()));
  }
  return worst;
}

}  // namespace tilewright::bench
