// Elementwise operators and norms.
#include "te/ops/common.h"

namespace tilewright::te::ops {

Tensor norm(const Tensor& x, const std::string& name) {
  check_rank(x, 3, "te::ops::norm", "the input");
  const DataType acc = accumulator_type(x.dtype());
  const IterVar i = reduce_axis(0, x.shape()[1], "i"), j = reduce_axis(0, x.shape()[2], "j");
  const Tensor squares = compute({x.shape()[0]},
                                 [&](Expr b) {
                                   const Expr v = widen(x(b, i, j), acc);
                                   return sum(v * v, {i, j});
                                 },
                                 name + "_sum", {"b"});
  return compute(squares.shape(), [&](Expr b) { return widen(sqrt(squares(b)), x.dtype()); }, name, {"b"});
}

Tensor add(const Tensor& a, const Tensor& b, const std::string& name) {
  check_rank(b, a.rank(), "te::ops::add", "the right operand");
  for (size_t d = 0; d < a.shape().size(); ++d) check_same(a.shape()[d], b.shape()[d], "te::ops::add", "extents");
  return compute(a.shape(), [&](const std::vector<Var>& i) { return a.at(i) + b.at(i); }, name);
}

Tensor relu(const Tensor& x, const std::string& name) {
  return compute(x.shape(), [&](const std::vector<Var>& i) { return max(x.at(i), make_const(x.dtype(), 0)); }, name);
}

}  // namespace tilewright::te::ops
