// Softmax and what is made of it.
#include "te/ops/common.h"

namespace tilewright::te::ops {

Tensor softmax(const Tensor& x, DataType out, const std::string& name) {
  if (x.defined() && x.rank() == 0) check_rank(x, 1, "te::ops::softmax", "the input");
  const size_t last = static_cast<size_t>(x.rank()) - 1;
  std::vector<Expr> rows(x.shape().begin(), x.shape().end() - 1);
  std::vector<std::string> names;
  if (x.op().kind != OpKind::kPlaceholder) names = axis_names(x);
  std::vector<std::string> row_names(names.begin(), names.empty() ? names.end() : names.end() - 1);
  const DataType acc = accumulator_type(x.dtype());
  auto element = [&](const Tensor& t, const std::vector<Var>& row, const Expr& j) {
    std::vector<Expr> at(row.begin(), row.end());
    at.push_back(j);
    return widen(t.at(at), acc);
  };
  const IterVar k = reduce_axis(0, x.shape()[last], "k"), l = reduce_axis(0, x.shape()[last], "k");
  const Tensor top =
      compute(rows, [&](const std::vector<Var>& i) { return max(element(x, i, k), {k}); }, name + "_max", row_names);
  auto row_of = [&](const std::vector<Var>& i) { return std::vector<Var>(i.begin(), i.end() - 1); };
  const Tensor power = compute(
      x.shape(), [&](const std::vector<Var>& i) { return exp(widen(x.at(i), acc) - top.at(row_of(i))); }, name + "_exp",
      names);
  const Tensor total = compute(
      rows, [&](const std::vector<Var>& i) { return sum(element(power, i, l), {l}); }, name + "_sum", row_names);
  return compute(
      x.shape(), [&](const std::vector<Var>& i) { return widen(power.at(i) / total.at(row_of(i)), out); }, name, names);
}

Tensor attention_weights(const Tensor& q, const Tensor& k, const std::string& name) {
  const char* op = "te::ops::attention_weights";
  check_rank(q, 4, op, "the queries");
  check_rank(k, 4, op, "the keys");
  for (size_t d : {0u, 2u, 3u}) check_same(q.shape()[d], k.shape()[d], op, "extents of queries and keys");
  const DataType acc = accumulator_type(q.dtype());
  const IterVar d = reduce_axis(0, q.shape()[3], "d");
  const Tensor scores = compute(
      {q.shape()[0], q.shape()[2], q.shape()[1], k.shape()[1]},
      [&](Expr b, Expr h, Expr i, Expr j) { return sum(widen(q(b, i, h, d), acc) * widen(k(b, j, h, d), acc), {d}); },
      name + "_scores", {"b", "h", "i", "j"});
  return softmax(scores, product_type(q.dtype()), name);
}

}  // namespace tilewright::te::ops
