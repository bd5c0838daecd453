#include "tilewright/tir/interpreter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "interpreter_test_util.h"

namespace tilewright::tir {
namespace {

using namespace testing_util;

TEST(Interpreter, Matmul) {
  const PrimFunc f = make_matmul(5, 7, 3);
  HostArray a = random_array(kF32, {5, 3}, 1), b = random_array(kF32, {3, 7}, 2), c = HostArray::zeros(kF32, {5, 7});
  ASSERT_EQ(error_of(interpret(f, {&a, &b, &c})), "");
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 7; ++j) {
      float sum = 0;
      for (int k = 0; k < 3; ++k)
        sum = sum + static_cast<float>(a.get(i * 3 + k)) * static_cast<float>(b.get(k * 7 + j));
      EXPECT_EQ(c.get(i * 7 + j), static_cast<double>(sum));
    }
  }
}

TEST(Interpreter, SymbolicSizesComeFromShapes) {
  Var n("n"), m("m"), k("k");
  const PrimFunc f = make_matmul(n, m, k);
  HostArray a = random_array(kF32, {2, 4}, 1), b = random_array(kF32, {4, 3}, 2), c = HostArray::zeros(kF32, {2, 3});
  EXPECT_EQ(error_of(interpret(f, {&a, &b, &c})), "");
  HostArray wrong = HostArray::zeros(kF32, {5, 3});
  EXPECT_EQ(error_of(interpret(f, {&a, &wrong, &c})),
            "interpret: argument `B` has shape [5, 3], expected [4, 3] [T0501]");
  HostArray integers = HostArray::zeros(kI32, {2, 4});
  EXPECT_EQ(error_of(interpret(f, {&integers, &b, &c})), "interpret: argument `A` has type i32, expected f32 [T0501]");
  EXPECT_EQ(error_of(interpret(f, {&a, &b})), "interpret: 2 arguments given, expected 3 [T0501]");
}

TEST(Interpreter, AssumptionsAreChecked) {
  Var n("n");
  Buffer a("A", kF32, {n});
  Var i("i");
  PrimFuncNode node = *make_func({a}, make_for(i, 0, n, store(a, {i}, 1.0f))).get();
  node.assumptions = {floormod(n, Expr(4)) == 0};
  const PrimFunc f{std::move(node)};
  HostArray x = HostArray::zeros(kF32, {8}), y = HostArray::zeros(kF32, {9});
  EXPECT_TRUE(interpret(f, {&x}).ok());
  EXPECT_EQ(interpret(f, {&y}).error().code, "T0507");
}

TEST(Interpreter, Float64ReferenceRoundsOnce) {
  // 1 + 2^-30 + 2^-30 ... is lost step by step in f32 and kept in f64.
  Buffer a("A", kF32, {1}), t("t", kF32, {1}), c("C", kF32, {1});
  Var k("k");
  Stmt body =
      seq({store(t, {0}, a(0)), make_for(k, 0, 1 << 10, store(t, {0}, t(0) + make_const(kF32, std::ldexp(1.0, -30)))),
           store(c, {0}, t(0) - a(0))});
  const PrimFunc f = make_func({a, c}, alloc(t, body));
  HostArray x = array_of(kF32, {1}, {1}), y = HostArray::zeros(kF32, {1});
  ASSERT_EQ(error_of(interpret(f, {&x, &y})), "");
  EXPECT_EQ(y.get(0), 0.0);
  ASSERT_EQ(error_of(interpret(f, {&x, &y}, {.float64_reference = true})), "");
  EXPECT_EQ(y.get(0), std::ldexp(1.0, -20));
}

/// One expression of one i64 index evaluated for 0..n-1.
HostArray evaluate_all(DataType t, int n, const std::function<Expr(Var)>& f, InterpreterOptions options = {}) {
  Buffer out("out", t, {n});
  Var i("i");
  HostArray y = HostArray::zeros(t, {n});
  EXPECT_EQ(error_of(interpret(make_func({out}, make_for(i, 0, n, store(out, {i}, f(i)))), {&y}, options)), "");
  return y;
}

TEST(Interpreter, IntegerSemantics) {
  Var i("i");
  auto x = evaluate_all(kI64, 9, [](Var v) { return floordiv(v - 4, Expr(-2)); });
  auto m = evaluate_all(kI64, 9, [](Var v) { return floormod(v - 4, Expr(3)); });
  auto p = evaluate_all(kI64, 9, [](Var v) { return floordiv(v - 4, Expr(4)) * 100 + floormod(v - 4, Expr(4)); });
  for (int v = 0; v < 9; ++v) {
    EXPECT_EQ(x.get_int(v), static_cast<int64_t>(std::floor((v - 4) / -2.0)));
    EXPECT_EQ(m.get_int(v), ((v - 4) % 3 + 3) % 3);
    EXPECT_EQ(p.get_int(v), (v < 4 ? -1 : v < 8 ? 0 : 1) * 100 + ((v - 4) & 3));
  }
  auto wrapped = evaluate_all(kI8, 2, [](Var v) { return cast(kI8, v + 126) + make_int(kI8, 1); });
  EXPECT_EQ(wrapped.get_int(0), 127);
  EXPECT_EQ(wrapped.get_int(1), -128);
  auto uns = evaluate_all(kU16, 2, [](Var v) { return cast(kU16, v) - make_int(kU16, 1); });
  EXPECT_EQ(uns.get_int(0), 65535);
  EXPECT_EQ(uns.get_int(1), 0);
  auto big = evaluate_all(kU64, 1, [](Var v) { return floordiv(cast(kU64, v - 1), make_int(kU64, 3)); });
  EXPECT_EQ(static_cast<uint64_t>(big.get_int(0)), ~uint64_t{0} / 3);
  auto cmp = evaluate_all(kBool, 2, [](Var v) { return cast(kU64, v - 1) > make_int(kU64, 5); });
  EXPECT_EQ(cmp.get_int(0), 1);
  EXPECT_EQ(cmp.get_int(1), 0);
}

TEST(Interpreter, ConversionsSaturateAndRound) {
  auto to_i8 = [](double x) {
    return evaluate_all(kI8, 1, [&](Var v) { return cast(kI8, cast(kF64, v) + make_const(kF64, x)); }).get_int(0);
  };
  EXPECT_EQ(to_i8(300), 127);
  EXPECT_EQ(to_i8(-300), -128);
  EXPECT_EQ(to_i8(-1.9), -1);
  EXPECT_EQ(to_i8(std::numeric_limits<double>::quiet_NaN()), 0);
  auto to_u64 = evaluate_all(kU64, 1, [](Var v) { return cast(kU64, cast(kF64, v) + make_const(kF64, 1e19)); });
  EXPECT_EQ(static_cast<uint64_t>(to_u64.get_int(0)), 10000000000000000000u);
  // 1 + 2^-11 + 2^-40 rounds up to the next half; a detour over f32 would tie down to even.
  auto half = evaluate_all(kF16, 1, [](Var v) {
    return cast(kF16, cast(kF64, v) + make_const(kF64, 1 + std::ldexp(1, -11) + std::ldexp(1, -40)));
  });
  EXPECT_EQ(half.get(0), 1 + std::ldexp(1, -10));
  auto nan_is_true = evaluate_all(kBool, 1, [](Var v) { return cast(kBool, cast(kF32, v) / 0.0f); });
  EXPECT_EQ(nan_is_true.get_int(0), 1);
}

TEST(Interpreter, HalvesRoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto h = static_cast<uint16_t>(bits);
    const float f = half_to_float(h);
    if (f == f) {
      EXPECT_EQ(float_to_half(f), h);
    } else {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(f))));
    }
    if (const float b = bfloat_to_float(h); b == b) {
      EXPECT_EQ(float_to_bfloat(b), h);
    }
    // Halfway to the next finite value goes to even; a bit more goes up.
    const auto up = static_cast<uint16_t>(h + 1);
    if ((h & 0x7fff) < 0x7bff) {
      const double middle = (static_cast<double>(f) + static_cast<double>(half_to_float(up))) / 2;
      EXPECT_EQ(float_to_half(static_cast<float>(middle)), (h & 1) ? up : h);
      EXPECT_EQ(float_to_half(std::nextafter(static_cast<float>(middle), f * 4)), f == 0 ? h : up);
    }
  }
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
}

TEST(Interpreter, HalfArithmeticRoundsEachStep) {
  // 2048 + 1 is 2048 in f16.
  auto x = evaluate_all(kF16, 1, [](Var v) { return cast(kF16, v) + make_const(kF16, 2048) + make_const(kF16, 1); });
  EXPECT_EQ(x.get(0), 2048);
  auto ref = evaluate_all(
      kF16, 1,
      [](Var v) { return (cast(kF16, v) + make_const(kF16, 2048) + make_const(kF16, 1)) - make_const(kF16, 2048); },
      {.float64_reference = true});
  EXPECT_EQ(ref.get(0), 1);
}

TEST(Interpreter, NanLosesInMinAndMax) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto f = [&](bool first, bool is_min) {
    return evaluate_all(kF32, 1,
                        [&](Var v) {
                          Expr x = cast(kF32, v), y = cast(kF32, v) + make_const(kF32, nan);
                          if (first) std::swap(x, y);
                          return is_min ? min(x, y) : max(x, y);
                        })
        .get(0);
  };
  for (bool first : {false, true}) {
    for (bool is_min : {false, true}) EXPECT_EQ(f(first, is_min), 0.0);
  }
}

TEST(Interpreter, SkippedOperandsAreNotEvaluated) {
  Buffer a("A", kF32, {4}), out("out", kF32, {8});
  Var i("i");
  Stmt body = make_for(i, 0, 8, store(out, {i}, select(i < 4, a(i), make_const(kF32, -1))));
  HostArray x = array_of(kF32, {4}, {1, 2, 3, 4}), y = HostArray::zeros(kF32, {8});
  ASSERT_EQ(error_of(interpret(make_func({a, out}, body), {&x, &y})), "");
  EXPECT_EQ(y.get(3), 4);
  EXPECT_EQ(y.get(4), -1);
  Buffer flag("flag", kBool, {8});
  Stmt guarded = make_for(i, 0, 8, store(flag, {i}, i < 4 && a(i) > 2.0f));
  HostArray b = HostArray::zeros(kBool, {8});
  ASSERT_EQ(error_of(interpret(make_func({a, flag}, guarded), {&x, &b})), "");
  EXPECT_EQ(b.get_int(2), 1);
  EXPECT_EQ(b.get_int(5), 0);
}

TEST(Interpreter, Instances) {
  Buffer a("A", kF32, {1});
  Var i("i");
  Stmt body = make_for(i, 0, 1000, store(a, {0}, 1.0f));
  HostArray x = HostArray::zeros(kF32, {1});
  EXPECT_TRUE(interpret(make_func({a}, body), {&x}, {.max_instances = 1000}).ok());
  EXPECT_EQ(interpret(make_func({a}, body), {&x}, {.max_instances = 999}).error().code, "T0509");
  Stmt endless = make_for(i, 0, int64_t{1} << 60, seq({}));
  EXPECT_EQ(interpret(make_func({a}, endless), {&x}, {.max_instances = 10000}).error().code, "T0509");
}

TEST(Interpreter, VectorsAndMasks) {
  Buffer a("A", kF32, {10}), out("out", kF32, {10}), r("r", kF32.with_lanes(8), {1}, Scope::kRegister);
  Expr tail = ramp(8, 1, 8);
  Expr mask = tail < broadcast(Expr(10), 8);
  // Two vectors, the second one masked; a register in between; lanes that are off read zero.
  Stmt body = seq({store(r, {0}, load(a, {ramp(0, 1, 8)}) * 2.0f), store(out, {ramp(0, 1, 8)}, load(r, {0})),
                   store(r, {0}, load(a, {tail}, mask)), store(out, {tail}, load(r, {0}) + 1.0f, mask),
                   store(out, {0}, load(a, {9}))});
  HostArray x = array_of(kF32, {10}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), y = HostArray::zeros(kF32, {10});
  ASSERT_EQ(error_of(interpret(make_func({a, out}, alloc(r, body)), {&x, &y})), "");
  EXPECT_EQ(y.get(7), 14);
  EXPECT_EQ(y.get(8), 9);
  EXPECT_EQ(y.get(9), 10);
  EXPECT_EQ(y.get(0), 9);
  // A vector select evaluates each lane's own side only.
  Stmt lazy = store(out, {ramp(0, 1, 8)},
                    select(ramp(2, 1, 8) < broadcast(Expr(4), 8), load(a, {ramp(8, 1, 8)}), broadcast(Expr(-1.0f), 8)));
  ASSERT_EQ(error_of(interpret(make_func({a, out}, lazy), {&x, &y})), "");
  EXPECT_EQ(y.get(1), 9);
  EXPECT_EQ(y.get(2), -1);
}

TEST(Interpreter, FlatBuffersShareTheParametersName) {
  Buffer a("A", kF32, {2, 3}), flat("A", kF32, {6}), out("out", kF32, {2, 3}), flat_out("out", kF32, {6});
  Var i("i");
  const PrimFunc f = make_func({a, out}, make_for(i, 0, 6, store(flat_out, {i}, flat(i) + 1.0f)));
  HostArray x = array_of(kF32, {2, 3}, {1, 2, 3, 4, 5, 6}), y = HostArray::zeros(kF32, {2, 3});
  ASSERT_EQ(error_of(interpret(f, {&x, &y})), "");
  EXPECT_EQ(y.get(5), 7);
}

TEST(Interpreter, LibraryFunctions) {
  auto x =
      evaluate_all(kF64, 3, [](Var v) { return call_extern(kF64, "hypot", {cast(kF64, v), make_const(kF64, 1)}); });
  EXPECT_EQ(x.get(2), std::hypot(2.0, 1.0));
  Buffer out("out", kF32, {1});
  HostArray y = HostArray::zeros(kF32, {1});
  EXPECT_EQ(interpret(make_func({out}, store(out, {0}, call_extern(kF32, "mystery", {}))), {&y}).error().code, "T0511");
  auto e = evaluate_all(kF32, 3, [](Var v) { return exp(cast(kF32, v)); });
  EXPECT_EQ(e.get(1), static_cast<double>(std::exp(1.0f)));
  auto r = evaluate_all(kF32, 6, [](Var v) { return call(Intrinsic::kRound, {cast(kF32, v) - 2.5f}); });
  const double expected[] = {-2, -2, -0.0, 0, 2, 2};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(r.get(i), expected[i]);
}

}  // namespace
}  // namespace tilewright::tir
