#include "te/ops/common.h"

namespace tilewright::te::ops {
namespace {

/// sum over k of a * b in the accumulator's type.
Tensor matmul_stage(const Tensor& a, const Tensor& b, const std::string& name) {
  check_rank(a, 2, "te::ops::matmul", "the left operand");
  check_rank(b, 2, "te::ops::matmul", "the right operand");
  check_same(a.shape()[1], b.shape()[0], "te::ops::matmul", "the extents to sum over");
  const DataType acc = accumulator_type(a.dtype());
  const IterVar k = reduce_axis(0, a.shape()[1], "k");
  return compute(
      {a.shape()[0], b.shape()[1]}, [&](Expr i, Expr j) { return sum(widen(a(i, k), acc) * widen(b(k, j), acc), {k}); },
      name);
}

bool is_final(const Tensor& a) {
  return accumulator_type(a.dtype()) == product_type(a.dtype());
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const std::string& name) {
  return cast_to(matmul_stage(a, b, stage_name(name, is_final(a))), product_type(a.dtype()), name);
}

Tensor batch_matmul(const Tensor& a, const Tensor& b, const std::string& name) {
  check_rank(a, 3, "te::ops::batch_matmul", "the left operand");
  check_rank(b, 3, "te::ops::batch_matmul", "the right operand");
  check_same(a.shape()[0], b.shape()[0], "te::ops::batch_matmul", "the batch extents");
  check_same(a.shape()[2], b.shape()[1], "te::ops::batch_matmul", "the extents to sum over");
  const DataType acc = accumulator_type(a.dtype());
  const IterVar k = reduce_axis(0, a.shape()[2], "k");
  const Tensor c =
      compute({a.shape()[0], a.shape()[1], b.shape()[2]},
              [&](Expr n, Expr i, Expr j) { return sum(widen(a(n, i, k), acc) * widen(b(n, k, j), acc), {k}); },
              stage_name(name, is_final(a)), {"b", "i", "j"});
  return cast_to(c, product_type(a.dtype()), name);
}

Tensor dense(const Tensor& a, const Tensor& w, const std::string& name) {
  check_rank(a, 2, "te::ops::dense", "the input");
  check_rank(w, 2, "te::ops::dense", "the weight");
  check_same(a.shape()[1], w.shape()[1], "te::ops::dense", "the extents to sum over");
  const DataType acc = accumulator_type(a.dtype());
  const IterVar k = reduce_axis(0, a.shape()[1], "k");
  const Tensor c = compute(
      {a.shape()[0], w.shape()[0]}, [&](Expr i, Expr j) { return sum(widen(a(i, k), acc) * widen(w(j, k), acc), {k}); },
      stage_name(name, is_final(a)));
  return cast_to(c, product_type(a.dtype()), name);
}

Tensor matmul_add(const Tensor& a, const Tensor& b, const Tensor& c, const std::string& name) {
  const DataType out = product_type(a.dtype());
  const Tensor product = matmul_stage(a, b, name + "_matmul");
  check_rank(c, 2, "te::ops::matmul_add", "the addend");
  for (size_t d = 0; d < 2; ++d)
    check_same(product.shape()[d], c.shape()[d], "te::ops::matmul_add", "extents of product and addend");
  return compute(
      product.shape(), [&](Expr i, Expr j) { return widen(product(i, j) + widen(c(i, j), product.dtype()), out); },
      name);
}

Tensor dense_bias_relu(const Tensor& x, const Tensor& w, const Tensor& bias, const std::string& name) {
  const DataType out = product_type(x.dtype());
  const Tensor product = matmul_stage(x, w, name + "_matmul");
  check_rank(bias, 1, "te::ops::dense_bias_relu", "the bias");
  check_same(product.shape()[1], bias.shape()[0], "te::ops::dense_bias_relu", "extents of output and bias");
  const DataType acc = product.dtype();
  return compute(
      product.shape(),
      [&](Expr i, Expr j) { return widen(max(product(i, j) + widen(bias(j), acc), make_const(acc, 0)), out); }, name);
}

}  // namespace tilewright::te::ops
