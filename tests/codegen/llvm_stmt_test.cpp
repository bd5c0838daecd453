// Control flow, memory accesses and failures of compiled functions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codegen/differential.h"

namespace tilewright::codegen {
namespace {

using namespace test;  // NOLINT
using ::testing::HasSubstr;
using ::testing::Not;

HostArray count_up(DataType t, int64_t n) {
  HostArray a = HostArray::zeros(t, {n});
  for (int64_t i = 0; i < n; ++i) a.set(i, static_cast<double>(i % 101) - 50);
  return a;
}

TEST(LlvmStmtTest, LoopsOfAnyBounds) {
  // Triangular, with negative starts, empty ranges and a division of the loop variable.
  Buffer a = flat("A", kF32, 400), out = flat("Out", kF32, 400);
  Var i("i"), j("j");
  Expr index = (i + 10) * 20 + j;
  Stmt body = store(out, {index}, load(a, {floordiv(index, 3) + floormod(index, 7)}) + load(out, {index}));
  body = make_for(i, -10, 20, make_for(j, 0, i, body));
  expect_same(function("triangle", {a, out}, body), {count_up(kF32, 400), HostArray::zeros(kF32, {400})});
}

TEST(LlvmStmtTest, MaskedTails) {
  for (int64_t n : {1, 7, 15, 16, 17, 31, 40}) {
    for (DataType t : {kF32, kF64, kI8, kI32, kF16, kBool}) {
      Buffer a = flat("A", t, n), out = flat("Out", t, n);
      Var i("i");
      Expr at = ramp(i * 16, 1, 16);
      Expr mask = at < broadcast(Expr(n), 16);
      Stmt body = make_for(i, 0, Expr((n + 15) / 16), store(out, {at}, load(a, {at}, mask), mask));
      for (const Target& target : runnable_targets()) {
        expect_same(function("tail", {a, out}, body), {interesting(t, n, 5), HostArray::zeros(t, {n})}, target);
      }
    }
  }
}

TEST(LlvmStmtTest, AnyNumberOfLanes) {
  constexpr int64_t n = 320;
  for (const Target& target : runnable_targets()) {
    for (DataType t : {kI8, kF16, kF32, kI64, kBool}) {
      std::vector<Stmt> stores;
      Buffer a = flat("A", t, n), b = flat("B", t, n), c = flat("C", t, n);
      for (int lanes : {2, 3, 5, 7, 12, 24, 64}) {
        Expr at = ramp(lanes, 1, lanes), strided = ramp(lanes + 1, 3, lanes);
        Expr mask = at < broadcast(Expr(lanes + lanes / 2), lanes);
        stores.push_back(store(b, {at}, load(a, {at}, mask)));
        stores.push_back(store(c, {strided}, load(a, {strided})));
        stores.push_back(store(c, {at}, load(a, {at}), mask));
      }
      expect_same(function("lanes", {a, b, c}, seq(stores)),
                  {interesting(t, n, 1), HostArray::zeros(t, {n}), HostArray::zeros(t, {n})}, target);
    }
  }
}

TEST(LlvmStmtTest, GatherAndScatter) {
  Buffer a = flat("A", kF32, 256), index = flat("I", kI64, 64), out = flat("Out", kF32, 256);
  Var i("i");
  Expr strided = ramp(i, 4, 8);
  Expr loaded = load(index, {ramp(i * 8, 1, 8)});
  for (const Target& target : runnable_targets()) {
    HostArray indices = HostArray::zeros(kI64, {64});
    for (int64_t k = 0; k < 64; ++k) indices.set_int(k, (k * 37) % 256);
    expect_same(function("gather", {a, index, out},
                         make_for(i, 0, 8,
                                  seq({store(out, {ramp(i, 32, 8)}, load(a, {strided})),
                                       store(out, {ramp(i * 8 + 1, 1, 4)}, load(a, {ramp(i * 8 + 9, -1, 4)}))}))),
                {count_up(kF32, 256), indices, HostArray::zeros(kF32, {256})}, target);
    Expr mask = loaded < broadcast(Expr(200), 8);
    expect_same(
        function("scatter", {a, index, out}, make_for(i, 0, 8, store(out, {loaded}, load(a, {loaded}, mask), mask))),
        {count_up(kF32, 256), indices, HostArray::zeros(kF32, {256})}, target);
  }
}

TEST(LlvmStmtTest, ScalarMasks) {
  Buffer a = flat("A", kF32, 10), out = flat("Out", kF32, 10);
  Var i("i");
  Expr mask = i < Expr(10);
  Stmt body = make_for(i, 0, 16, store(out, {i}, load(a, {i}, mask), mask));
  expect_same(function("guarded", {a, out}, body), {count_up(kF32, 10), HostArray::zeros(kF32, {10})});
}

TEST(LlvmStmtTest, IfElseAndRegisters) {
  Buffer a = flat("A", kF32, 64), out = flat("Out", kF32, 64);
  Buffer x("x", kF32, {Expr(1)}, Scope::kRegister), flag("flag", kBool, {Expr(1)}, Scope::kRegister);
  Var i("i");
  Stmt body = make_for(i, 0, 64,
                       seq({make_if(load(flag, {0}), store(x, {0}, load(x, {0}) + load(a, {i})),
                                    store(x, {0}, load(a, {i}) * load(x, {0}))),
                            store(flag, {0}, load(x, {0}) < make_const(kF32, 10)), store(out, {i}, load(x, {0}))}));
  body = alloc(x, alloc(flag, seq({store(x, {0}, make_const(kF32, 1)), store(flag, {0}, Expr(true)), body})));
  expect_same(function("state", {a, out}, body), {count_up(kF32, 64), HostArray::zeros(kF32, {64})});
}

PrimFunc with_scratch(int64_t size, Expr scratch_size, std::vector<Param> more = {}) {
  Buffer a = flat("A", kF32, size), out = flat("Out", kF32, size);
  Buffer scratch("scratch", kF32, {scratch_size});
  Var i("i"), j("j"), o("o");
  Stmt body = alloc(scratch, seq({make_for(i, 0, Expr(size), store(scratch, {i}, load(a, {i}) + cast(kF32, o))),
                                  make_for(j, 0, Expr(size), store(out, {j}, load(scratch, {Expr(size - 1) - j})))}));
  body = make_for(o, 0, 3, body);
  PrimFuncNode node;
  node.name = "scratch";
  node.params = {{a, Var()}, {out, Var()}};
  for (Param& p : more) node.params.push_back(p);
  node.body = body;
  return PrimFunc(node);
}

TEST(LlvmStmtTest, ScratchOnTheStackAndInTheWorkspace) {
  for (int64_t size : {100, 4096, 5000, 100000}) {
    expect_same(with_scratch(size, Expr(size)), {count_up(kF32, size), HostArray::zeros(kF32, {size})});
  }
  Var n("n");
  HostArray length = HostArray::zeros(kI64, {});
  length.set_int(0, 5000);
  expect_same(with_scratch(5000, n, {{Buffer(), n}}), {count_up(kF32, 5000), HostArray::zeros(kF32, {5000}), length});
}

TEST(LlvmStmtTest, NoMemoryIsAnError) {
  Var n("n");
  PrimFunc f = with_scratch(16, n, {{Buffer(), n}});
  runtime::Module module = load_lowered(f);
  std::vector<HostArray> args = {count_up(kF32, 16), HostArray::zeros(kF32, {16}), HostArray::zeros(kI64, {})};
  args[2].set_int(0, int64_t{1} << 50);
  try {
    call_with(module["scratch"], args);
    FAIL();
  } catch (const runtime::Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("scratch"));
  }
}

TEST(LlvmStmtTest, FailedAssertionsSayWhatTheyCheck) {
  for (ForKind kind : {ForKind::kSerial, ForKind::kParallel}) {
    Buffer a = flat("A", kI64, 1000), out = flat("Out", kI64, 1000), scratch = flat("scratch", kI64, 100000);
    Var i("i");
    Stmt body = seq({make_assert(load(a, {i}) < Expr(900), "block B: index 0 of A is out of bounds"),
                     store(scratch, {i}, load(a, {i})), store(out, {i}, load(scratch, {i}) + Expr(1))});
    body = alloc(scratch, make_for(i, 0, 1000, body, kind));
    runtime::Module module = load_lowered(function("checked", {a, out}, body), Target("llvm -num-cores=2"));
    std::vector<HostArray> args = {HostArray::zeros(kI64, {1000}), HostArray::zeros(kI64, {1000})};
    call_with(module["checked"], args);
    EXPECT_EQ(args[1].get_int(999), 1);
    args[0].set_int(777, 900);
    for (int repeat = 0; repeat < 100; ++repeat) {
      try {
        call_with(module["checked"], args);
        FAIL();
      } catch (const runtime::Error& e) {
        EXPECT_THAT(e.what(), HasSubstr("block B: index 0 of A is out of bounds"));
      }
    }
  }
}

TEST(LlvmStmtTest, ParallelLoopsSeeOuterValues) {
  Buffer a = flat("A", kF32, 4096), out = flat("Out", kF32, 4096);
  Buffer scratch = flat("scratch", kF32, 64);
  Var o("o"), i("i"), k("k"), t("t", kBool);
  Expr at = o * 1024 + i * 16 + k;
  Stmt inner =
      make_for(k, 0, 4, store(out, {at}, load(a, {at}) * load(scratch, {i}) + cast(kF32, t)), ForKind::kParallel);
  inner = make_for(i, 3, 61, inner, ForKind::kParallel);
  Stmt fill = make_for(k, 0, 64, store(scratch, {k}, cast(kF32, k + o)));
  Stmt body = make_let(t, load(a, {o}) > make_const(kF32, 0), seq({fill, inner}));
  body = make_for(o, 0, 4, alloc(scratch, body));
  expect_same(function("outer", {a, out}, body), {count_up(kF32, 4096), HostArray::zeros(kF32, {4096})},
              Target("llvm -num-cores=2"));
}

TEST(LlvmStmtTest, SymbolicSizes) {
  Var n("n"), m("m"), i("i"), j("j");
  Buffer a("A", kF32, {n, m}), out("Out", kF32, {m, n});
  Buffer fa("A", kF32, {n * m}), fo("Out", kF32, {n * m});
  PrimFuncNode node;
  node.name = "transpose";
  node.params = {{a, Var()}, {out, Var()}};
  node.assumptions = {floormod(n, 2) == Expr(0)};
  node.body = make_for(i, 0, n, make_for(j, 0, m, store(fo, {j * n + i}, load(fa, {i * m + j})), ForKind::kSerial),
                       ForKind::kParallel);
  PrimFunc f(node);
  runtime::Module module = load_lowered(f, Target("llvm -num-cores=2"));
  auto arrays = [](int64_t rows, int64_t columns) {
    HostArray x = count_up(kF32, rows * columns);
    x.shape = {rows, columns};
    return std::vector<HostArray>{x, HostArray::zeros(kF32, {columns, rows})};
  };
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>{2, 3}, {10, 1}, {64, 65}}) {
    std::vector<HostArray> args = arrays(rows, columns);
    call_with(module["transpose"], args);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) ASSERT_EQ(args[1].get(c * rows + r), args[0].get(r * columns + c));
    }
  }
  std::vector<HostArray> odd = arrays(3, 2);
  EXPECT_THROW(call_with(module["transpose"], odd), runtime::Error);
  std::vector<HostArray> wrong = arrays(4, 2);
  wrong[1] = HostArray::zeros(kF32, {4, 2});
  EXPECT_THROW(call_with(module["transpose"], wrong), runtime::Error);
}

TEST(LlvmStmtTest, DerivedExtentsAreCompared) {
  Var n("n"), i("i");
  Buffer a("A", kF32, {n}), out("Out", kF32, {n + 1});
  PrimFunc f =
      function("pad", {a, out},
               seq({store(out, {0}, make_const(kF32, 0)), make_for(i, 0, n, store(out, {i + 1}, load(a, {i})))}));
  runtime::Module module = load_lowered(f);
  std::vector<HostArray> args = {count_up(kF32, 5), HostArray::zeros(kF32, {6})};
  call_with(module["pad"], args);
  EXPECT_EQ(args[1].get(5), args[0].get(4));
  args[1] = HostArray::zeros(kF32, {7});
  try {
    call_with(module["pad"], args);
    FAIL();
  } catch (const runtime::Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("dimension 0 must be"));
  }
}

TEST(LlvmStmtTest, ScalarsOfEveryType) {
  for (DataType t : {kI8, kI32, kI64, kU8, kU64, kBool, kF16, kBF16, kF32, kF64}) {
    Var s("s", t), i("i");
    Buffer out = flat("Out", t, 4);
    PrimFuncNode node;
    node.name = "fill";
    node.params = {{Buffer(), s}, {out, Var()}};
    node.body = make_for(i, 0, 4, store(out, {i}, s));
    HostArray value = HostArray::zeros(t, {});
    value.set(0, 1);
    expect_same(PrimFunc(node), {value, HostArray::zeros(t, {4})});
  }
}

TEST(LlvmStmtTest, UncheckedArguments) {
  LlvmOptions options = checked_options();
  options.check_arguments = false;
  expect_same(with_scratch(100, 100), {count_up(kF32, 100), HostArray::zeros(kF32, {100})}, Target(), options);
  Var n("n"), i("i");
  Buffer a("A", kF32, {n}), out("Out", kF32, {n});
  expect_same(function("copy", {a, out}, make_for(i, 0, n, store(out, {i}, load(a, {i})))),
              {count_up(kF32, 33), HostArray::zeros(kF32, {33})}, Target(), options);
}

TEST(LlvmStmtTest, TheFullPipelineGivesTheSame) {
  LlvmOptions options = checked_options();
  options.full_pipeline = true;
  expect_same(with_scratch(5000, 5000), {count_up(kF32, 5000), HostArray::zeros(kF32, {5000})}, Target(), options);
  HostArray a = interesting(kF32, 64 * 32, 1), b = interesting(kF32, 32 * 64, 2);
  a.shape = {64, 32};
  b.shape = {32, 64};
  expect_same(tiled_matmul(64, 64, 32, 4, 2, 16, ForKind::kParallel), {a, b, HostArray::zeros(kF32, {64, 64})},
              Target("llvm -num-cores=2"), options);
}

}  // namespace
}  // namespace tilewright::codegen
