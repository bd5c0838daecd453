// Types and padding: what every operator needs.
#include "te/ops/common.h"

#include <fmt/format.h>

#include "te/check.h"
#include "tilewright/te/ops.h"

namespace tilewright::te::ops {

DataType accumulator_type(DataType t) {
  if (t == f16 || t == bf16) return f32;
  if (t.is_integer() && t.bits == 8) return i32;
  return t;
}

DataType product_type(DataType t) {
  return t.is_integer() ? accumulator_type(t) : t;
}

Expr widen(Expr e, DataType dtype) {
  return e.dtype() == dtype ? e : cast(dtype, std::move(e));
}

std::vector<std::string> axis_names(const Tensor& t) {
  std::vector<std::string> names;
  for (const IterVar& axis : t.op().axes) names.push_back(axis.var.name());
  return names;
}

Tensor cast_to(const Tensor& t, DataType dtype, const std::string& name) {
  if (t.dtype() == dtype) return t;
  return compute(t.shape(), [&](const std::vector<Var>& i) { return cast(dtype, t.at(i)); }, name, axis_names(t));
}

std::string stage_name(const std::string& name, bool last) {
  return last ? name : name + "_acc";
}

void check_rank(const Tensor& t, int rank, const char* op, const char* what) {
  if (t.rank() == rank) return;
  fail("E0403", op, fmt::format("{} `{}` has {} dimensions, expected {}", what, t.name(), t.rank(), rank));
}

void check_same(const Expr& a, const Expr& b, const char* op, const std::string& what) {
  int64_t x = 0, y = 0;
  if (!tir::is_const_int(a, &x) || !tir::is_const_int(b, &y) || x == y) return;
  fail("E0405", op, fmt::format("{} differ: {} and {}", what, x, y));
}

Tensor pad(const Tensor& t, const std::vector<Expr>& before, const std::vector<Expr>& after, const std::string& name,
           const std::vector<std::string>& axis_names) {
  const size_t rank = static_cast<size_t>(t.rank());
  if (before.size() != rank || after.size() != rank) {
    fail("E0405", "te::ops::pad",
         fmt::format("`{}` has {} dimensions, {} and {} paddings were given", t.name(), rank, before.size(),
                     after.size()));
  }
  std::vector<Expr> shape;
  bool any = false;
  for (size_t d = 0; d < rank; ++d) {
    const bool none = tir::is_const_int(before[d], 0) && tir::is_const_int(after[d], 0);
    any = any || !none;
    shape.push_back(none ? t.shape()[d] : t.shape()[d] + before[d] + after[d]);
  }
  if (!any) return t;
  return compute(
      std::move(shape),
      [&](const std::vector<Var>& i) {
        Expr inside = true;
        std::vector<Expr> source;
        for (size_t d = 0; d < rank; ++d) {
          source.push_back(i[d] - before[d]);
          if (!tir::is_const_int(before[d], 0)) inside = inside && i[d] >= before[d];
          if (!tir::is_const_int(after[d], 0)) inside = inside && i[d] < t.shape()[d] + before[d];
        }
        return if_then_else(inside, t.at(source), make_const(t.dtype(), 0));
      },
      name, axis_names);
}

}  // namespace tilewright::te::ops
