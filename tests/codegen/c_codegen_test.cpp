#include <gtest/gtest.h>

#include "c_test_util.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::codegen {
namespace {

using namespace test_c;

Buffer flat(std::string name, DataType t, Expr size, Scope scope = Scope::kGlobal) {
  return Buffer(std::move(name), t, {size}, scope);
}

/// C[m, n] = A[m, k] B[k, n] in tiles of rows x lanes, as lowering makes it.
PrimFunc tiled_matmul(int64_t m, int64_t n, int64_t k, int rows, int lanes, ForKind outer = ForKind::kSerial) {
  Buffer a("A", kF32, {m, k}), b("B", kF32, {k, n}), c("C", kF32, {m, n});
  Buffer fa = flat("A", kF32, m * k), fb = flat("B", kF32, k * n), fc = flat("C", kF32, m * n);
  Var i("i"), j("j"), p("k");
  std::vector<Buffer> acc;
  std::vector<Stmt> items, update, write;
  for (int r = 0; r < rows; ++r) {
    Buffer x = flat("acc", kF32.with_lanes(lanes), 1, Scope::kRegister);
    acc.push_back(x);
    items.push_back(store(x, {0}, broadcast(make_const(kF32, 0), lanes)));
    Expr left = broadcast(load(fa, {(i * rows + r) * k + p}), lanes);
    update.push_back(store(x, {0}, fma(left, load(fb, {ramp(p * n + j * lanes, 1, lanes)}), load(x, {0}))));
    write.push_back(store(fc, {ramp((i * rows + r) * n + j * lanes, 1, lanes)}, load(x, {0})));
  }
  items.push_back(make_for(p, 0, Expr(k), seq(update)));
  items.insert(items.end(), write.begin(), write.end());
  Stmt body = seq(items);
  for (const Buffer& x : acc) body = alloc(x, body);
  body = make_for(i, 0, Expr(m / rows), make_for(j, 0, Expr(n / lanes), body), outer);
  return make_func({a, b, c}, body, "matmul");
}

std::vector<HostArray> matmul_arrays(int64_t m, int64_t n, int64_t k) {
  return {random_array(kF32, {m, k}, 1), random_array(kF32, {k, n}, 2), HostArray::zeros(kF32, {m, n})};
}

TEST(CCodegen, TiledMatmulEqualsInterpreter) {
  const PrimFunc f = tiled_matmul(8, 32, 20, 2, 16);
  for (const char* compiler : {"gcc", "clang"}) {
    for (const bool gnu : {true, false}) {
      COptions o;
      o.gnu_vectors = gnu;
      expect_same(f, matmul_arrays(8, 32, 20), o, strict(compiler));
      expect_same(f, matmul_arrays(8, 32, 20), o, strict(compiler, {"-O3", "-march=native"}));
    }
  }
}

TEST(CCodegen, LanesThatAreNoPowerOfTwo) {
  expect_same(tiled_matmul(4, 21, 9, 2, 7), matmul_arrays(4, 21, 9));
}

TEST(CCodegen, SourceIsReadable) {
  const CSource c = generate_c(tiled_matmul(8, 32, 20, 1, 16));
  EXPECT_NE(c.source.find(R"(int matmul(const float* restrict A, const float* restrict B, float* restrict C) {
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 2; ++j) {
      f32x16 acc = {0};
      acc = tw_splat_f32x16(0.0f);
      for (int64_t k = 0; k < 20; ++k) {
        acc = tw_fma_f32x16(tw_splat_f32x16(A[i * 20 + k]), tw_load_f32x16(&B[k * 32 + j * 16]), acc);
      }
      tw_store_f32x16(&C[i * 32 + j * 16], acc);
    }
  }
  return 0;
}
)"),
            std::string::npos)
      << c.source;
  EXPECT_NE(c.header.find("int matmul(const float* A, const float* B, float* C);"), std::string::npos) << c.header;
}

TEST(CCodegen, MasksGathersAndScatters) {
  Buffer a("A", kF32, {13}), idx("I", kI64, {8}), out("out", kF32, {13}), swapped("S", kF32, {8});
  Expr lanes = ramp(8, 1, 8), mask = lanes < broadcast(Expr(13), 8);
  Expr positions = load(idx, {ramp(0, 1, 8)});
  Stmt body = seq(
      {store(out, {ramp(0, 1, 8)}, load(a, {ramp(0, 1, 8)}) * 2.0f),
       store(out, {lanes}, load(a, {lanes}, mask) + 1.0f, mask), store(swapped, {positions}, load(a, {ramp(0, 1, 8)})),
       store(swapped, {ramp(0, 1, 8)}, load(swapped, {ramp(7, -1, 8)})),
       store(out, {ramp(0, 1, 4)}, load(a, {ramp(1, 3, 4)})),
       store(out, {ramp(4, 1, 4)},
             select(ramp(1, 1, 4) < broadcast(Expr(4), 4), load(a, {ramp(10, 1, 4)}), broadcast(Expr(-1.0f), 4)))});
  HostArray positions_array = array_of(kI64, {8}, {3, 1, 0, 2, 7, 6, 4, 5});
  for (const bool gnu : {true, false}) {
    COptions o;
    o.gnu_vectors = gnu;
    for (const char* compiler : {"gcc", "clang"})
      expect_same(
          make_func({a, idx, out, swapped}, body),
          {random_array(kF32, {13}, 3), positions_array, HostArray::zeros(kF32, {13}), HostArray::zeros(kF32, {8})}, o,
          strict(compiler));
  }
}

TEST(CCodegen, LazyOperandsAndLets) {
  Buffer a("A", kF32, {4}), out("out", kF32, {8}), n("N", kI64, {8});
  Var i("i"), x("x", kF32), q("q");
  Expr lazy = select(i < 4, make_let(x, load(a, {i}), x * x + x), make_const(kF32, -1));
  Expr guarded =
      select(i != 3 && floordiv(Expr(100), i - 3) > 20, make_let(q, floormod(i * 7, Expr(5)), q * q), Expr(0));
  Stmt body = make_for(i, 0, 8, seq({store(out, {i}, lazy), store(n, {i}, guarded)}));
  expect_same(make_func({a, out, n}, body),
              {random_array(kF32, {4}, 1), HostArray::zeros(kF32, {8}), HostArray::zeros(kI64, {8})});
}

TEST(CCodegen, SymbolicSizesAndWorkspace) {
  Var n("n"), i("i"), j("j");
  Buffer a("A", kF32, {n}), b("B", kF32, {n}), t = flat("t", kF32, n * 2), big = flat("big", kF32, 1 << 16);
  Stmt body = alloc(t, alloc(big, seq({make_for(i, 0, n, store(t, {i * 2}, a(i) + 1.0f)), store(big, {70}, 2.0f),
                                       make_for(j, 0, n, store(b, {j}, t(j * 2) * big(70)))})));
  expect_same(make_func({a, b}, body), {random_array(kF32, {37}, 1), HostArray::zeros(kF32, {37})}, {}, strict(), {37});
}

TEST(CCodegen, AssertionsFailTheCall) {
  Buffer a("A", kF32, {4});
  const PrimFunc f =
      make_func({a}, seq({make_assert(load(a, {0}) > 0.0f, "A[0] must be positive"), store(a, {1}, 5.0f)}));
  const Library library(compile_c_shared(generate_c(f).source, strict()));
  HostArray x = array_of(kF32, {4}, {1}), y = array_of(kF32, {4}, {-1});
  EXPECT_EQ(call(library.symbol("f"), {&x}), 0);
  EXPECT_EQ(x.get(1), 5);
  EXPECT_EQ(call(library.symbol("f"), {&y}), -1);
  EXPECT_EQ(y.get(1), 0);
}

int g_calls = 0;
int hook(int64_t extent, int64_t, int32_t, int (*body)(int64_t, int64_t, void*), void* closure) {
  ++g_calls;
  const int64_t half = extent / 2;
  const int second = body(half, extent, closure);
  return body(0, half, closure) | second;
}

TEST(CCodegen, ParallelThroughHook) {
  const PrimFunc f = tiled_matmul(8, 32, 20, 1, 16, ForKind::kParallel);
  COptions o;
  o.parallel = COptions::Parallel::kHook;
  expect_same(f, matmul_arrays(8, 32, 20), o);
  const Library library(compile_c_shared(generate_c(f, o).source, strict()));
  auto arrays = matmul_arrays(8, 32, 20), expected = arrays;
  auto** slot = static_cast<int (**)(int64_t, int64_t, int32_t, int (*)(int64_t, int64_t, void*), void*)>(
      library.symbol("matmul_parallel_for"));
  ASSERT_NE(slot, nullptr);
  *slot = hook;
  ASSERT_EQ(call(library.symbol("matmul"), {&arrays[0], &arrays[1], &arrays[2]}), 0);
  EXPECT_EQ(g_calls, 1);
  ASSERT_TRUE(interpret(f, {&expected[0], &expected[1], &expected[2]}).ok());
  EXPECT_EQ(arrays[2].bytes, expected[2].bytes);
}

TEST(CCodegen, ParallelThroughOpenMp) {
  const PrimFunc f = tiled_matmul(8, 32, 20, 1, 16, ForKind::kParallel);
  COptions o;
  o.parallel = COptions::Parallel::kOpenMp;
  o.num_threads = 2;
  expect_same(f, matmul_arrays(8, 32, 20), o);
  expect_same(f, matmul_arrays(8, 32, 20), o, strict("gcc", {"-fopenmp"}));
}

TEST(CCodegen, ParallelLoopsCaptureSizesAndMemory) {
  Var n("n"), i("i"), j("j"), s("s");
  Buffer a("A", kF32, {n}), b("B", kF32, {n}), t = flat("t", kF32, n);
  Stmt inner = make_for(i, 1, n - 1, store(b, {i}, t(i) + t(i - 1) * cast(kF32, s)), ForKind::kParallel);
  Stmt body = alloc(t, seq({make_for(j, 0, n, store(t, {j}, a(j))), store(b, {0}, t(0)), make_let(s, n * 3, inner)}));
  COptions o;
  o.parallel = COptions::Parallel::kHook;
  expect_same(make_func({a, b}, body), {random_array(kF32, {37}, 1), HostArray::zeros(kF32, {37})}, o, strict(), {37});
}

TEST(CCodegen, OddNamesBecomeIdentifiers) {
  Buffer a("int", kF32, {4}), b("a.b-c", kF32, {4});
  Var i("for"), tw("tw_min");
  const PrimFunc f =
      make_func({a, b}, make_for(i, 0, 2, make_for(tw, 0, 2, store(b, {i * 2 + tw}, a(i * 2 + tw) + 1.0f))));
  expect_same(f, {random_array(kF32, {4}, 1), HostArray::zeros(kF32, {4})});
}

TEST(CCodegen, RefusesWhatIsNotLowered) {
  auto code = [](const PrimFunc& f) -> std::string {
    try {
      generate_c(f);
    } catch (const Error& e) {
      return e.diagnostic().code;
    }
    return "accepted";
  };
  EXPECT_EQ(code(make_matmul(4, 4, 4)), "G0860");
  Buffer a("A", kF32, {4, 4}), h("H", kF16, {4});
  EXPECT_EQ(code(make_func({a}, store(a, {0, 0}, 1.0f))), "G0861");
  EXPECT_EQ(code(make_func({h}, store(h, {0}, h(1) + h(2)))), "G0863");
  Var i("i");
  EXPECT_EQ(code(make_func({h}, make_for(i, 0, 4, store(h, {i}, h(i)), ForKind::kVectorized))), "G0860");
}

TEST(CCompile, ErrorsNameTheCompiler) {
  try {
    compile_c_shared("int f(void) { return x; }", strict());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.diagnostic().code, "G0871");
    EXPECT_NE(e.diagnostic().message.find("undeclared"), std::string::npos);
  }
  try {
    compile_c_shared("int x;", strict("no-such-compiler"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.diagnostic().summary(),
              "C back end: the C compiler `no-such-compiler` cannot be started: No such file or directory [G0870]");
  }
  EXPECT_THROW(compile_c_shared("int x;", strict("-fsyntax-only")), Error);
}

}  // namespace
}  // namespace tilewright::codegen
