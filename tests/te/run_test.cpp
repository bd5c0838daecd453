// Tensor expressions, interpreted: the values, not the text.
#include <gtest/gtest.h>

#include <cmath>

#include "tilewright/te/te.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/parser.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright {
namespace {

using te::compute;
using te::placeholder;
using te::reduce_axis;
using te::Tensor;
using tir::HostArray;
using Values = std::vector<double>;

HostArray array(DataType dtype, std::vector<int64_t> shape, const Values& values) {
  HostArray a = HostArray::zeros(dtype, std::move(shape));
  for (size_t i = 0; i < values.size(); ++i) a.set(static_cast<int64_t>(i), values[i]);
  return a;
}
Values values(const HostArray& a) {
  Values v;
  for (int64_t i = 0; i < a.elements(); ++i) v.push_back(a.get(i));
  return v;
}

/// Runs the function, also after a round trip through its text.
void run(const PrimFunc& func, std::vector<HostArray*> args) {
  const auto parsed = tir::parse_func(tir::to_string(func));
  ASSERT_TRUE(parsed) << parsed.error().render();
  EXPECT_TRUE(tir::structural_equal(func, *parsed)) << tir::to_string(func);
  const Status status = tir::interpret(func, std::move(args));
  EXPECT_TRUE(status.ok()) << status.error().render();
}

/// The one result of shape `shape` computed from A[2, 4] = 3 1 4 1 / 5 9 2 6.
Values from_a(const Tensor& A, const Tensor& out, std::vector<int64_t> shape) {
  HostArray a = array(A.dtype(), {2, 4}, {3, 1, 4, 1, 5, 9, 2, 6}), b = HostArray::zeros(out.dtype(), std::move(shape));
  run(te::create_prim_func({A, out}), {&a, &b});
  return values(b);
}

TEST(Run, Reducers) {
  Tensor A = placeholder({2, 4}, i32, "A");
  te::IterVar k = reduce_axis(0, 4, "k"), part = reduce_axis(1, 3, "part"), r = reduce_axis(0, 2, "r");
  auto row = [&](auto f) { return from_a(A, compute({2}, f, "B"), {2}); };
  EXPECT_EQ(row([&](Expr i) { return te::sum(A(i, k), {k}); }), (Values{9, 22}));
  EXPECT_EQ(row([&](Expr i) { return te::prod(A(i, k), {k}); }), (Values{12, 540}));
  EXPECT_EQ(row([&](Expr i) { return te::max(A(i, k), {k}); }), (Values{4, 9}));
  EXPECT_EQ(row([&](Expr i) { return te::min(A(i, k), {k}); }), (Values{1, 2}));
  EXPECT_EQ(row([&](Expr i) { return te::any(A(i, k) == 9, {k}); }), (Values{0, 1}));
  EXPECT_EQ(row([&](Expr i) { return te::all(A(i, k) < 5, {k}); }), (Values{1, 0}));
  EXPECT_EQ(row([&](Expr i) { return te::sum(A(i, part), {part}); }), (Values{5, 11}));
  EXPECT_EQ(row([&](Expr i) { return te::max(A(i, k), {k}, A(i, k) < 6); }), (Values{4, 5}));
  EXPECT_EQ(row([&](Expr i) { return te::sum(A(i, k), {k}, nullptr, A(i, 0) * 100); }), (Values{309, 522}));
  EXPECT_EQ(row([&](Expr i) { return te::max(te::sum(A(r, k), {k}) + A(i, 0), {r}) * 2; }), (Values{50, 54}));
  EXPECT_EQ(from_a(A, compute({}, [&] { return te::sum(A(r, k), {r, k}); }, "B"), {}), (Values{31}));
  auto bits = te::make_reducer("bits", [](Expr a, Expr b) { return tir::call(tir::Intrinsic::kBitXor, {a, b}); }, 0);
  EXPECT_EQ(row([&](Expr i) { return bits(A(i, k), {k}); }), (Values{7, 8}));
}

TEST(Run, MinAndMaxOfEveryTypeStartFromItsEnds) {
  for (DataType t : {i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64}) {
    Tensor A = placeholder({2, 4}, t, "A");
    te::IterVar k = reduce_axis(0, 4, "k");
    EXPECT_EQ(from_a(A,
                     compute(
                         {2}, [&](Expr i) { return te::max(A(i, k), {k}, A(i, k) > A(i, 0)); }, "B"),
                     {2})[0],
              4)
        << t.str();
    EXPECT_EQ(from_a(A,
                     compute(
                         {2}, [&](Expr i) { return te::min(A(i, k), {k}); }, "B"),
                     {2}),
              (Values{1, 2}))
        << t.str();
  }
}

TEST(Run, ArgmaxIsATupleReduction) {
  Tensor A = placeholder({2, 4}, f32, "A");
  te::IterVar k = reduce_axis(0, 4, "k");
  auto argmax = te::make_reducer(
      "argmax",
      [](std::vector<Expr> a, std::vector<Expr> b) {
        Expr first = a[1] > b[1] || (a[1] == b[1] && a[0] <= b[0]);
        return std::vector<Expr>{te::select(first, a[0], b[0]), te::select(first, a[1], b[1])};
      },
      std::vector<Expr>{te::make_int(i32, 0x7fffffff), te::min_value(f32)});
  auto best = compute({2}, [&](Expr i) { return argmax({te::cast(i32, k), A(i, k)}, {k}); }, "best");
  HostArray a = array(f32, {2, 4}, {3, 1, 4, 4, 5, 9, 2, 6}), where = HostArray::zeros(i32, {2}),
            value = HostArray::zeros(f32, {2});
  run(te::create_prim_func({A, best[0], best[1]}), {&a, &where, &value});
  EXPECT_EQ(values(where), (Values{2, 1}));
  EXPECT_EQ(values(value), (Values{4, 9}));
  EXPECT_EQ(from_a(A, best[0], {2}), (Values{2, 1}));  // the other value becomes an intermediate
}

TEST(Run, MeanAndVarianceInOnePass) {
  // Combination of (count, mean, sum of squared deviations) after Chan, Golub and LeVeque (1979).
  Tensor A = placeholder({2, 4}, f64, "A");
  te::IterVar k = reduce_axis(0, 4, "k");
  auto moments = te::make_reducer(
      "moments",
      [](std::vector<Expr> a, std::vector<Expr> b) {
        Expr n = a[0] + b[0], safe = te::max(n, te::make_const(f64, 1)), delta = b[1] - a[1];
        return std::vector<Expr>{n, a[1] + delta * b[0] / safe, a[2] + b[2] + delta * delta * a[0] * b[0] / safe};
      },
      [](const std::vector<DataType>& t) {
        std::vector<Expr> zeros;
        for (DataType each : t) zeros.push_back(te::make_const(each, 0));
        return zeros;
      });
  Tensor variance = compute(
      {2},
      [&](Expr i) {
        const Expr one = te::make_const(f64, 1), zero = te::make_const(f64, 0);
        return moments({one, A(i, k), zero}, {k})[2] / 4.0;
      },
      "variance");
  const Values v = from_a(A, variance, {2});
  EXPECT_NEAR(v[0], 1.6875, 1e-12);
  EXPECT_NEAR(v[1], 6.25, 1e-12);
}

TEST(Run, SeveralResultsOfOneCompute) {
  Tensor A = placeholder({2, 4}, f32, "A");
  auto both = compute(
      {2, 4}, [&](Expr i, Expr j) { return std::vector<Expr>{A(i, j) + 1.0f, te::cast(i32, A(i, j)) * 2}; }, "both");
  Tensor sum = compute({2, 4}, [&](Expr i, Expr j) { return te::cast(i32, both[0](i, j)) + both[1](i, j); }, "sum");
  EXPECT_EQ(from_a(A, sum, {2, 4}), (Values{10, 4, 13, 4, 16, 28, 7, 19}));
}

TEST(Run, SoftmaxWrittenInOneExpression) {
  Tensor A = placeholder({2, 4}, f32, "A");
  te::IterVar k = reduce_axis(0, 4, "k");
  Tensor Y = compute({2, 4}, [&](Expr i, Expr j) { return te::exp(A(i, j)) / te::sum(te::exp(A(i, k)), {k}); }, "Y");
  const Values y = from_a(A, Y, {2, 4});
  EXPECT_NEAR(y[0], std::exp(3) / (std::exp(3) + 2 * std::exp(1) + std::exp(4)), 1e-6);
}

TEST(Run, SymbolicSizesAndScalarArguments) {
  Var n("n"), alpha("alpha", f32);
  Tensor A = placeholder({n, 2}, f32, "A");
  te::IterVar k = reduce_axis(0, n, "k");
  Tensor B = compute({2}, [&](Expr j) { return te::sum(A(k, j), {k}) * alpha; }, "B");
  const PrimFunc f = te::create_prim_func({A, alpha, B}, "f");
  for (int64_t size : {1, 3}) {
    HostArray a = array(f32, {size, 2}, Values(static_cast<size_t>(size) * 2, 1.5)), x = array(f32, {}, {2}),
              b = HostArray::zeros(f32, {2});
    run(f, {&a, &x, &b});
    EXPECT_EQ(values(b), (Values{3.0 * static_cast<double>(size), 3.0 * static_cast<double>(size)}));
  }
}

TEST(Run, StencilsGathersAndCasts) {
  Tensor A = placeholder({2, 4}, i8, "A"), P = placeholder({3}, i32, "P");
  Tensor B =
      compute({2, 3}, [&](Expr i, Expr j) { return te::cast(i32, A(i, j)) * 100 + te::cast(i32, A(i, j + 1)); }, "B");
  EXPECT_EQ(from_a(A, B, {2, 3}), (Values{301, 104, 401, 509, 902, 206}));
  Tensor C = compute({3}, [&](Expr i) { return A(1, P(i)); }, "C");
  HostArray a = array(i8, {2, 4}, {3, 1, 4, 1, 5, 9, 2, 6}), p = array(i32, {3}, {3, 0, 1}),
            c = HostArray::zeros(i8, {3});
  run(te::create_prim_func({A, P, C}), {&a, &p, &c});
  EXPECT_EQ(values(c), (Values{6, 5, 9}));
}

TEST(Run, EveryWorkloadReadsBackIdentically) {
  for (const te::WorkloadInfo& info : te::list_workloads()) {
    if (info.example.empty()) continue;
    for (const std::string& type : info.types) {
      auto w = te::parse_workload(info.example + "@" + type);
      ASSERT_TRUE(w) << w.error().render();
      const auto parsed = tir::parse_func(tir::to_string(w->func));
      ASSERT_TRUE(parsed) << parsed.error().render();
      EXPECT_TRUE(tir::structural_equal(w->func, *parsed)) << info.name << "@" << type;
    }
  }
}

}  // namespace
}  // namespace tilewright
