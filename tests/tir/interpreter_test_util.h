// Small programs and arrays for tests of the interpreter and the back ends.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "tilewright/support/random.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::tir::testing_util {

inline PrimFunc make_func(std::vector<Buffer> params, Stmt body, std::string name = "f",
                          std::vector<Var> scalars = {}) {
  PrimFuncNode f;
  f.name = std::move(name);
  for (Buffer& b : params) f.params.push_back({std::move(b), Var()});
  for (Var& v : scalars) f.params.push_back({Buffer(), std::move(v)});
  f.body = std::move(body);
  return PrimFunc(std::move(f));
}

inline Stmt make_block(std::string name, std::vector<IterVar> iters, std::vector<Expr> bindings, Stmt body,
                       Stmt init = nullptr, Expr predicate = nullptr, std::vector<Buffer> allocs = {}) {
  BlockNode b;
  b.name = std::move(name);
  b.iters = std::move(iters);
  b.bindings = std::move(bindings);
  b.body = std::move(body);
  b.init = std::move(init);
  b.predicate = std::move(predicate);
  b.alloc_buffers = std::move(allocs);
  return make_stmt(std::move(b));
}

inline IterVar spatial(Var v, Expr extent) {
  return {std::move(v), {Expr(0), std::move(extent)}, IterKind::kSpatial};
}
inline IterVar reduce(Var v, Expr extent) {
  return {std::move(v), {Expr(0), std::move(extent)}, IterKind::kReduce};
}

inline HostArray array_of(DataType t, std::vector<int64_t> shape, std::initializer_list<double> values = {}) {
  HostArray a = HostArray::zeros(t, std::move(shape));
  int64_t i = 0;
  for (const double v : values) a.set(i++, v);
  return a;
}
inline HostArray random_array(DataType t, std::vector<int64_t> shape, uint64_t seed) {
  HostArray a = HostArray::zeros(t, std::move(shape));
  CounterRng rng(seed);
  for (int64_t i = 0; i < a.elements(); ++i) {
    if (t.is_floating())
      a.set(i, rng.uniform() * 2 - 1);
    else
      a.set_int(i, static_cast<int64_t>(rng.next()));
  }
  return a;
}

/// C[n, m] = sum over k of A[n, k] * B[k, m] as a reduction block under three loops.
inline PrimFunc make_matmul(Expr n, Expr m, Expr k, DataType t = kF32) {
  Buffer a("A", t, {n, k}), b("B", t, {k, m}), c("C", t, {n, m});
  Var i("i"), j("j"), l("k"), vi("vi"), vj("vj"), vk("vk");
  Stmt update = store(c, {vi, vj}, c(vi, vj) + a(vi, vk) * b(vk, vj));
  Stmt block = make_block("C", {spatial(vi, n), spatial(vj, m), reduce(vk, k)}, {i, j, l}, update,
                          store(c, {vi, vj}, make_const(t, 0)));
  Stmt body = make_for(i, 0, n, make_for(j, 0, m, make_for(l, 0, k, block)));
  return make_func({a, b, c}, make_block("root", {}, {}, body), "matmul");
}

inline std::string error_of(const Status& s) {
  return s.ok() ? "" : s.error().summary();
}

}  // namespace tilewright::tir::testing_util
