#include "tilewright/te/te.h"

#include <gtest/gtest.h>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright {
namespace {

using te::compute;
using te::placeholder;
using te::reduce_axis;
using te::Tensor;

/// The diagnostic that `f` throws; an empty one when it throws none.
template <typename F>
Diagnostic refused(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.diagnostic();
  }
  return {};
}

std::string equation(const Tensor& t) {
  const std::string text = te::to_string(t);
  return text.substr(0, text.find("    #"));
}

TEST(Compute, MatmulReadsLikeItsFormula) {
  Tensor A = placeholder({1024, 512}, f32, "A"), B = placeholder({512, 256}, f32, "B");
  te::IterVar k = reduce_axis(0, 512, "k");
  Tensor C = compute({1024, 256}, [&](Expr i, Expr j) { return te::sum(A(i, k) * B(k, j), {k}); }, "C");
  EXPECT_EQ(te::to_string(std::vector<Tensor>{A, B, C}, "matmul"),
            "matmul(A: f32[1024, 512], B: f32[512, 256]) -> C\n"
            "  C[i, j] = sum(A[i, k] * B[k, j], k in 0..512)    # f32[1024, 256]\n");
  EXPECT_EQ(C.op().kind, te::OpKind::kCompute);
  EXPECT_EQ(C.axis(1).var.name(), "j");
  EXPECT_TRUE(C.reduce_axis(0).var.same_as(k.var));
  ASSERT_EQ(C.op().inputs.size(), 2u);
  EXPECT_TRUE(C.op().inputs[0].same_as(A));
  EXPECT_EQ(A.op().kind, te::OpKind::kPlaceholder);
}

TEST(Compute, TakesFunctionsOfEveryArity) {
  Tensor A = placeholder({3, 4, 5}, f32, "A");
  EXPECT_EQ(equation(compute(
                {3, 4, 5}, [&](const std::vector<Var>& i) { return A.at(i) + 1.0f; }, "B")),
            "B[i0, i1, i2] = A[i0, i1, i2] + 1.0");
  EXPECT_EQ(equation(compute({3}, [&](auto i) { return A(i, 0, i + 1); }, "B")), "B[i] = A[i, 0, i + 1]");
  EXPECT_EQ(compute({}, [&] { return A(0, 0, 0); }, "B").rank(), 0);
  EXPECT_EQ(equation(compute({3, 4}, [&](Expr y, Expr x) { return A(y, x, 2); }, "B", {"y", "x"})),
            "B[y, x] = A[y, x, 2]");
  EXPECT_EQ(refused([&] { compute({3, 4}, [&](Expr i) { return A(i, 0, 0); }, "B"); }).code, "E0402");
}

TEST(Compute, MaxIsAFunctionBesideAReducer) {
  Tensor A = placeholder({8, 4}, f32, "A");
  te::IterVar k = reduce_axis(0, 4, "k");
  EXPECT_EQ(equation(compute(
                {8, 4}, [&](Expr i, Expr j) { return te::max(A(i, j), 0); }, "R")),
            "R[i, j] = max(A[i, j], 0.0)");
  EXPECT_EQ(equation(compute(
                {8, 4}, [&](Expr i, Expr j) { return te::min(A(i, j), A(0, j)); }, "R")),
            "R[i, j] = min(A[i, j], A[0, j])");
  EXPECT_EQ(
      equation(compute({8}, [&](Expr i) { return te::max(A(i, k), {k}); }, "M")), "M[i] = max(A[i, k], k in 0..4)");
  EXPECT_EQ(equation(compute({8}, [&](Expr i) { return te::max(A(i, k), k); }, "M")), "M[i] = max(A[i, k], k in 0..4)");
  {
    using namespace te;  // NOLINT: unqualified calls find one function only
    EXPECT_EQ(equation(compute({8}, [&](Expr i) { return max(A(i, 0), 1.0f); }, "M")), "M[i] = max(A[i, 0], 1.0)");
  }
}

TEST(Compute, ReductionInsideAnExpressionBecomesAStage) {
  Tensor A = placeholder({8, 16}, f32, "A"), b = placeholder({4}, f32, "b");
  te::IterVar k = reduce_axis(0, 16, "k");
  Tensor C = compute({8, 4}, [&](Expr i, Expr j) { return te::sum(A(i, k), {k}) + b(j); }, "C");
  ASSERT_FALSE(C.op().is_reduction());
  const Tensor stage = C.op().inputs[0];
  EXPECT_EQ(equation(stage), "C_reduce[i] = sum(A[i, k], k in 0..16)");  // only the axes it uses
  EXPECT_EQ(equation(C), "C[i, j] = C_reduce[i] + b[j]");
  const Diagnostic d = refused([&] { C.reduce_axis(0); });
  EXPECT_EQ(d.code, "E0415");
  EXPECT_NE(d.remedy.find("belong to `C_reduce`"), std::string::npos) << d.remedy;
  EXPECT_NO_THROW(stage.reduce_axis(0));
}

TEST(Compute, NestedReductionsAndSharedOnesAreSplitOnce) {
  Tensor A = placeholder({8, 16}, f32, "A");
  te::IterVar k = reduce_axis(0, 16, "k"), r = reduce_axis(2, 8, "r");
  // Row sums, then their maximum over rows 2..8.
  Tensor C = compute({1}, [&](Expr) { return te::max(te::sum(A(r, k), {k}), {r}); }, "C");
  EXPECT_EQ(equation(C), "C[i] = max(C_reduce[r - 2], r in 2..8)");
  EXPECT_EQ(equation(C.op().inputs[0]), "C_reduce[r] = sum(A[r + 2, k], k in 0..16)");
  Tensor D = compute(
      {8},
      [&](Expr i) {
        Expr s = te::sum(A(i, k), {k});
        return s * s;
      },
      "D");
  EXPECT_EQ(D.op().inputs.size(), 1u);
  EXPECT_EQ(equation(D), "D[i] = D_reduce[i] * D_reduce[i]");
}

TEST(Compute, TupleReductionsGiveSeveralTensors) {
  Tensor A = placeholder({8, 16}, f32, "A");
  te::IterVar k = reduce_axis(0, 16, "k");
  auto argmax = te::make_reducer(
      "argmax",
      [](std::vector<Expr> a, std::vector<Expr> b) {
        Expr first = a[1] > b[1] || (a[1] == b[1] && a[0] <= b[0]);
        return std::vector<Expr>{te::select(first, a[0], b[0]), te::select(first, a[1], b[1])};
      },
      std::vector<Expr>{te::make_int(i32, 0x7fffffff), te::min_value(f32)});
  std::vector<Tensor> best =
      compute({8}, [&](Expr i) { return argmax({te::cast(i32, k), A(i, k)}, {k}); }, "best", {}, {"where", "value"});
  ASSERT_EQ(best.size(), 2u);
  EXPECT_EQ(best[0].dtype(), i32);
  EXPECT_EQ(best[1].name(), "value");
  EXPECT_EQ(best[1].value_index(), 1);
  EXPECT_TRUE(best[0].op().is_reduction());
  EXPECT_EQ(equation(best[1]), "value[i] = argmax((i32(k), A[i, k]), k in 0..16).1");
  // One value of a tuple inside an expression.
  Tensor scaled = compute({8}, [&](Expr i) { return argmax({te::cast(i32, k), A(i, k)}, {k})[1] * 2.0f; }, "scaled");
  EXPECT_EQ(equation(scaled), "scaled[i] = scaled_reduce_v1[i] * 2.0");
  std::vector<Tensor> two =
      compute({8}, [&](Expr i) { return std::vector<Expr>{A(i, 0), te::cast(i8, A(i, 1))}; }, "two");
  EXPECT_EQ(two[1].dtype(), i8);
  EXPECT_EQ(two[1].name(), "two_v1");
}

TEST(Compute, UsersReducerOfOneValue) {
  Tensor A = placeholder({8}, i32, "A");
  te::IterVar k = reduce_axis(0, 8, "k");
  auto either = te::make_reducer("bits", [](Expr a, Expr b) { return tir::call(tir::Intrinsic::kBitOr, {a, b}); }, 0);
  Tensor B = compute({}, [&] { return either(A(k), k); }, "B");
  EXPECT_TRUE(B.op().is_reduction());
  EXPECT_EQ(B.dtype(), i32);
}

TEST(Compute, SymbolicShapes) {
  Var n("n"), m("m");
  Tensor A = placeholder({n, m}, f32, "A");
  te::IterVar k = reduce_axis(0, m, "k");
  Tensor B = compute({n}, [&](Expr i) { return te::sum(A(i, k), {k}); }, "B");
  EXPECT_EQ(te::to_string(B), "B[i] = sum(A[i, k], k in 0..m)    # f32[n]");
}

TEST(Diagnostics, Indices) {
  Tensor A = placeholder({8, 16}, f32, "A");
  EXPECT_EQ(refused([&] { A(1); }).code, "E0403");
  EXPECT_EQ(refused([&] { A(1, 2.0f); }).code, "E0404");
  EXPECT_NO_THROW(A(te::make_int(i32, 1), te::make_int(u8, 2)));
  EXPECT_EQ(refused([&] { Tensor()(1); }).code, "E0414");
  EXPECT_EQ(refused([&] { A.axis(2); }).code, "E0415");
}

TEST(Diagnostics, ShapesNamesAndTypes) {
  EXPECT_EQ(refused([] { placeholder({8, 0}, f32, "A"); }).code, "E0405");
  EXPECT_EQ(refused([] { placeholder({8, -1}, f32, "A"); }).code, "E0405");
  EXPECT_EQ(refused([] { placeholder({Expr(2.0f)}, f32, "A"); }).code, "E0405");
  EXPECT_EQ(refused([] { placeholder({8}, f32, "1A"); }).code, "E0413");
  EXPECT_EQ(refused([] { placeholder({8}, tir::kHandle, "A"); }).code, "E0410");
  EXPECT_EQ(refused([] { reduce_axis(3, 3, "k"); }).code, "E0405");
  Tensor A = placeholder({8}, f32, "A");
  te::IterVar k = reduce_axis(0, 8, "k");
  EXPECT_EQ(refused([&] { te::sum(A(k), std::vector<te::IterVar>{}); }).code, "E0411");
  EXPECT_EQ(refused([&] { te::sum(A(k), {k, k}); }).code, "E0411");
  EXPECT_EQ(refused([&] { te::sum(A(0) > 1.0f, {k}); }).code, "E0410");
  EXPECT_EQ(refused([&] { te::any(A(k), {k}); }).code, "E0410");
  EXPECT_EQ(refused([&] { te::sum(A(k), {k}, nullptr, A(0) > 1.0f); }).code, "E0410");
  EXPECT_EQ(refused([&] { compute({8}, [&](Expr) { return te::sum(A(k), {k}, nullptr, A(k)); }, "B"); }).code, "E0411");
  EXPECT_EQ(refused([&] { compute({8}, [&](Expr) { return te::sum(te::sum(A(k), {k}), {k}); }, "B"); }).code, "E0411");
  EXPECT_EQ(refused([&] {
              compute(
                  {8},
                  [&](Expr i) {
                    te::IterVar t = reduce_axis(0, i + 1, "t");
                    return te::sum(A(t), {t});
                  },
                  "B");
            }).code,
            "E0411");
  te::IterVar spatial{Var("s"), {Expr(0), Expr(8)}, tir::IterKind::kSpatial};
  EXPECT_EQ(refused([&] { te::sum(A(spatial), {spatial}); }).code, "E0411");
}

TEST(Diagnostics, ConvolutionWithoutPaddingNamesTensorIndexAndRange) {
  // (N, H, W, CI, CO, KH, KW, stride, padding) = (1, 224, 224, 3, 64, 7, 7, 2, 3): the padding is forgotten.
  Tensor X = placeholder({1, 3, 224, 224}, f32, "data"), W = placeholder({64, 3, 7, 7}, f32, "kernel");
  te::IterVar rc = reduce_axis(0, 3, "rc"), ry = reduce_axis(0, 7, "ry"), rx = reduce_axis(0, 7, "rx");
  auto conv = [&](Expr n, Expr f, Expr y, Expr x) {
    return te::sum(X(n, rc, y * 2 + ry, x * 2 + rx) * W(f, rc, ry, rx), {rc, ry, rx});
  };
  const Diagnostic d = refused([&] { compute({1, 64, 112, 112}, conv, "conv"); });
  EXPECT_EQ(d.code, "E0406");
  EXPECT_NE(d.message.find("index 2 of `data`"), std::string::npos) << d.message;
  EXPECT_NE(d.message.find("0 .. 228"), std::string::npos) << d.message;
  EXPECT_NE(d.message.find("224 elements (0 .. 223)"), std::string::npos) << d.message;
  EXPECT_NE(d.remedy.find("pad"), std::string::npos);
  // By an expression: guarded, hence accepted; so is the largest output that needs no padding.
  auto padded = [&](Expr n, Expr f, Expr y, Expr x) {
    Expr iy = y * 2 + ry - 3, ix = x * 2 + rx - 3;
    Expr value = te::if_then_else(iy >= 0 && iy < 224 && ix >= 0 && ix < 224, X(n, rc, iy, ix), 0);
    return te::sum(value * W(f, rc, ry, rx), {rc, ry, rx});
  };
  EXPECT_NO_THROW(compute({1, 64, 112, 112}, padded, "conv"));
  EXPECT_NO_THROW(compute({1, 64, 109, 109}, conv, "conv"));
}

TEST(Diagnostics, BoundsAreRefusedOnlyWhenCertain) {
  Tensor A = placeholder({16}, f32, "A"), P = placeholder({4}, i64, "P");
  Var n("n");
  Tensor S = placeholder({n}, f32, "S");
  auto ok = [&](auto f) { return refused([&] { compute({8}, f, "B"); }).code; };
  EXPECT_EQ(ok([&](Expr i) { return A(i - 1); }), "E0406");
  EXPECT_EQ(ok([&](Expr i) { return A(i * 2 + 2); }), "E0406");
  EXPECT_EQ(ok([&](Expr i) { return A(te::floordiv(i, 2) + 13); }), "E0406");
  EXPECT_EQ(ok([&](Expr i) { return S(i - 1); }), "E0406");
  EXPECT_EQ(ok([&](Expr i) { return te::if_then_else(i > 3, A(i - 20), 0); }), "E0406");  // nowhere inside
  EXPECT_EQ(ok([&](Expr i) { return A(i * 3 - i * 2 + 9); }), "E0406");
  EXPECT_EQ(ok([&](Expr i) { return A(i * 2 + 1); }), "");
  EXPECT_EQ(ok([&](Expr i) { return A(i * 3 - i * 2 + 8); }), "");  // inside, though not interval by interval
  EXPECT_EQ(ok([&](Expr i) { return A(P(i % 4)); }), "");
  EXPECT_EQ(ok([&](Expr i) { return S(i); }), "");
  EXPECT_EQ(ok([&](Expr i) { return A((i * 5) % 16); }), "");
  EXPECT_EQ(ok([&](Expr i) { return te::if_then_else(i > 0, A(i - 1), 0); }), "");
  EXPECT_EQ(ok([&](Expr i) {
              te::IterVar k = reduce_axis(0, 8, "k");
              return te::sum(A(i - k), {k}, i >= k);
            }),
            "");
}

}  // namespace
}  // namespace tilewright
