// What the interpreter finds, and how it says so.
#include <gtest/gtest.h>

#include "interpreter_test_util.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::tir {
namespace {

using namespace testing_util;

std::string run(const PrimFunc& f, std::vector<HostArray> arrays) {
  std::vector<HostArray*> args;
  for (HostArray& a : arrays) args.push_back(&a);
  return error_of(interpret(f, args));
}

TEST(InterpreterErrors, OutOfBounds) {
  Buffer a("A", kF32, {4, 8}), c("C", kF32, {4, 8});
  Var i("i"), j("j"), vi("vi"), vj("vj");
  Stmt body = make_block("copy", {spatial(vi, 4), spatial(vj, 8)}, {i, j}, store(c, {vi, vj}, a(vi, vj + 1)));
  const PrimFunc f = make_func({a, c}, make_for(i, 0, 4, make_for(j, 0, 8, body)));
  HostArray x = HostArray::zeros(kF32, {4, 8}), y = x;
  const Status s = interpret(f, {&x, &y});
  ASSERT_FALSE(s.ok());
  EXPECT_EQ(s.error().render(),
            "error[T0502] interpret: read of `A[0, 8]` is out of bounds: index 1 is 8, the extent is 8\n  --> f, block "
            "`copy`:  ");
  EXPECT_EQ(run(make_func({c}, store(c, {0, -1}, 0.0f)), {y}),
            "interpret: write to `C[0, -1]` is out of bounds: index 1 is -1, the extent is 8 [T0502]");
  EXPECT_EQ(run(make_func({c}, store(c, {1, ramp(4, 1, 8)}, broadcast(Expr(0.0f), 8))), {y}),
            "interpret: write to `C[1, 8]` is out of bounds: index 1 is 8, the extent is 8 [T0502]");
}

TEST(InterpreterErrors, UninitialisedReads) {
  Buffer t("t", kF32, {4}), c("C", kF32, {4});
  Var i("i");
  Stmt body = seq({store(t, {0}, 1.0f), make_for(i, 0, 4, store(c, {i}, t(i)))});
  const PrimFunc f = make_func({c}, alloc(t, body));
  HostArray y = HostArray::zeros(kF32, {4});
  EXPECT_EQ(run(f, {y}), "interpret: `t[1]` is read, but nothing has written it [T0503]");
  EXPECT_TRUE(interpret(f, {&y}, {.check_uninitialised = false}).ok());
  // A new life begins uninitialised.
  Stmt again = make_for(i, 0, 4, alloc(t, seq({make_if(i == 0, store(t, {0}, 1.0f)), store(c, {i}, t(0))})));
  EXPECT_EQ(run(make_func({c}, again), {y}), "interpret: `t[0]` is read, but nothing has written it [T0503]");
  // Outputs are uninitialised; what is read first is an input.
  EXPECT_EQ(run(make_func({c}, seq({store(c, {0}, 1.0f), store(c, {1}, c(2))})), {y}),
            "interpret: `C[2]` is read, but nothing has written it [T0503]");
  EXPECT_EQ(run(make_func({c}, store(c, {1}, c(2))), {y}), "");
}

TEST(InterpreterErrors, DivisionByZero) {
  Buffer c("C", kI64, {4});
  Var i("i");
  HostArray y = HostArray::zeros(kI64, {4});
  EXPECT_EQ(run(make_func({c}, make_for(i, 0, 4, store(c, {i}, floordiv(Expr(7), i - 2)))), {y}),
            "interpret: floordiv by zero [T0504]");
  EXPECT_EQ(
      run(make_func({c}, make_for(i, 0, 4, store(c, {i}, select(i == 2, Expr(0), floormod(Expr(7), i - 2))))), {y}),
      "");
}

TEST(InterpreterErrors, Races) {
  Buffer a("A", kF32, {8}), c("C", kF32, {8}), t("t", kF32, {1});
  Var i("i"), j("j");
  HostArray x = HostArray::zeros(kF32, {8}), y = x;
  auto loop = [&](Stmt body, ForKind kind = ForKind::kParallel) { return make_for(i, 0, 8, body, kind); };
  EXPECT_EQ(run(make_func({c}, loop(store(c, {0}, 1.0f))), {y}),
            "interpret: race on `C[0]` between iterations of the parallel loop `i`: two iterations write it [T0505]");
  EXPECT_EQ(run(make_func({c}, loop(store(c, {i}, c(min(i + 1, Expr(7)))))), {y}),
            "interpret: race on `C[1]` between iterations of the parallel loop `i`: one iteration reads it, another "
            "writes it [T0505]");
  EXPECT_EQ(run(make_func({c}, loop(store(c, {i}, c(max(i - 1, Expr(0)))), ForKind::kVectorized)), {y}),
            "interpret: race on `C[0]` between iterations of the vectorized loop `i`: one iteration writes it, another "
            "reads it [T0505]");
  // Legal: disjoint elements, memory of one iteration, one after the other in a serial loop inside or outside.
  EXPECT_EQ(run(make_func({a, c}, loop(store(c, {i}, a(0) + a(i)))), {x, y}), "");
  EXPECT_EQ(run(make_func({c}, loop(alloc(t, seq({store(t, {0}, 1.0f), store(c, {i}, t(0))})))), {y}), "");
  EXPECT_EQ(
      run(make_func({c},
                    make_for(j, 0, 3, loop(store(c, {floormod(i + j, Expr(8))}, c(floormod(i + j, Expr(8))) + 1.0f)))),
          {y}),
      "");
  // Found at the outer loop although each inner execution is clean.
  EXPECT_EQ(run(make_func({c}, loop(make_for(j, 0, 8, store(c, {j}, 1.0f), ForKind::kVectorized))), {y}),
            "interpret: race on `C[0]` between iterations of the parallel loop `i`: two iterations write it [T0505]");
}

TEST(InterpreterErrors, TwoReadersAndAWriter) {
  Buffer c("C", kF32, {8}), d("D", kF32, {8});
  Var i("i");
  HostArray y = HostArray::zeros(kF32, {8}), z = y;
  // Iterations 0 .. 3 read C[0], iteration 3 writes it afterwards: its own read comes last, the others must not be
  // forgotten.
  Stmt body = make_for(i, 0, 4, seq({store(d, {i}, c(0)), make_if(i == 3, store(c, {0}, 1.0f))}), ForKind::kParallel);
  EXPECT_EQ(run(make_func({c, d}, body), {y, z}),
            "interpret: race on `C[0]` between iterations of the parallel loop `i`: one iteration reads it, another "
            "writes it [T0505]");
}

TEST(InterpreterErrors, LayoutsMustBeInjective) {
  Var p("p"), q("q");
  auto func = [&](std::vector<Expr> outputs, std::vector<Expr> shape) {
    Buffer t("t", kF32, {4, 4}, Scope::kGlobal, make_index_map({p, q}, outputs, shape));
    Buffer c("C", kF32, {4, 4});
    Var i("i"), j("j");
    Stmt fill = make_for(i, 0, 4, make_for(j, 0, 4, store(t, {i, j}, cast(kF32, i * 4 + j))));
    Stmt copy = make_for(i, 0, 4, make_for(j, 0, 4, store(c, {i, j}, t(i, j))));
    return make_func({c}, alloc(t, seq({fill, copy})));
  };
  HostArray y = HostArray::zeros(kF32, {4, 4});
  ASSERT_EQ(error_of(interpret(func({q, p}, {4, 4}), {&y})), "");
  EXPECT_EQ(y.get(7), 7);
  EXPECT_EQ(run(func({p + q}, {7}), {y}),
            "interpret: the layout of `t` puts `t[1, 0]` and `t[0, 1]` at the same address 1 [T0510]");
  EXPECT_EQ(run(func({p * 4 + q}, {15}), {y}),
            "interpret: the layout of `t` maps `t[3, 3]` to [15], outside its shape [15] [T0510]");
}

TEST(InterpreterErrors, ParametersWithLayoutsArePhysical) {
  Var p("p"), q("q");
  Buffer a("A", kF32, {2, 3}, Scope::kGlobal, make_index_map({p, q}, {q, p}, {3, 2})), c("C", kF32, {2, 3});
  Var i("i"), j("j");
  const PrimFunc f = make_func({a, c}, make_for(i, 0, 2, make_for(j, 0, 3, store(c, {i, j}, a(i, j)))));
  HostArray x = array_of(kF32, {3, 2}, {0, 10, 1, 11, 2, 12}), y = HostArray::zeros(kF32, {2, 3});
  ASSERT_EQ(error_of(interpret(f, {&x, &y})), "");
  EXPECT_EQ(y.get(1), 1);
  EXPECT_EQ(y.get(5), 12);
}

TEST(InterpreterErrors, BrokenProgramsAreRefused) {
  Buffer c("C", kF32, {4}), t("t", kF32, {4});
  Var i("i");
  HostArray y = HostArray::zeros(kF32, {4});
  EXPECT_EQ(run(make_func({c}, store(c, {i}, 0.0f)), {y}), "interpret: variable `i` has no value here [T0513]");
  EXPECT_EQ(run(make_func({c}, store(t, {0}, 0.0f)), {y}),
            "interpret: buffer `t` is neither a parameter nor allocated here [T0513]");
  ForNode bound;
  bound.var = i;
  bound.min = 0;
  bound.extent = 4;
  bound.loop_kind = ForKind::kThreadBinding;
  bound.thread = ThreadTag::kThreadX;
  bound.body = store(c, {i}, 0.0f);
  EXPECT_EQ(run(make_func({c}, make_stmt(bound)), {y}),
            "interpret: loop `i` is bound to threadIdx.x, which the interpreter does not run [T0508]");
  EXPECT_EQ(run(make_func({c}, make_assert(Expr(1) > Expr(2), "too small")), {y}),
            "interpret: assertion failed: too small [T0506]");
  Var n("n");
  Buffer odd("O", kF32, {n * 2});
  EXPECT_EQ(run(make_func({odd}, store(odd, {0}, 0.0f)), {y}),
            "interpret: no argument's shape gives the size `n` [T0501]");
}

}  // namespace
}  // namespace tilewright::tir
