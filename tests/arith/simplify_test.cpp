// What schedules produce and must simplify or prove, written out.
#include <gtest/gtest.h>

#include "arith/brute_force.h"
#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/buffer.h"

namespace tilewright::arith {
namespace {

using namespace testing;  // NOLINT

class Simplify : public ::testing::Test {
 protected:
  Var var(const char* name, const Expr& extent, const Expr& low = 0) {
    Var v(name);
    analyzer.bind(v, Range{low, extent});
    return v;
  }
  /// Simplified and shown.
  std::string text(const Expr& e) { return show(analyzer.simplify(e)); }
  bool proves(const Expr& e) { return analyzer.can_prove(e); }
  Analyzer analyzer;
};

TEST_F(Simplify, Splits) {
  Var i = var("i", 16), j = var("j", 32), k = var("k", 4), x("x");
  EXPECT_EQ(text(floordiv(i * 32 + j, 32)), "i");
  EXPECT_EQ(text(floormod(i * 32 + j, 32)), "j");
  EXPECT_EQ(text(floordiv((i * 32 + j) * 4 + k, 128)), "i");
  EXPECT_EQ(text(floormod(floordiv((i * 32 + j) * 4 + k, 4), 32)), "j");
  EXPECT_EQ(text(floordiv(i * 32 + j, 64)), "(i // 2)");
  EXPECT_EQ(text(floordiv(i * 32 + j, 8)), "((i * 4) + (j // 8))");
  EXPECT_EQ(text(floormod(i * 32 + j, 8)), "(j % 8)");
  EXPECT_EQ(text(floormod(i * 32 + j, 64)), "(((i % 2) * 32) + j)");
  EXPECT_EQ(text(floordiv(x, 4) * 4 + floormod(x, 4)), "x");
  EXPECT_EQ(text(floordiv(floordiv(x, 4), 8)), "(x // 32)");
  EXPECT_EQ(text(floormod(floordiv(x, 4), 8) * 4 + floormod(x, 4)), "(x % 32)");
  EXPECT_EQ(text(floordiv(x, 32) * 32 + floormod(floordiv(x, 4), 8) * 4 + floormod(x, 4)), "x");
  EXPECT_EQ(text(floordiv(floormod(x, 32), 4)), "((x // 4) % 8)");
  EXPECT_EQ(text(floormod(floormod(x, 32), 8)), "(x % 8)");
  EXPECT_EQ(text(x - floordiv(x, 4) * 4), "(x % 4)");
  EXPECT_EQ(text(x - floormod(x, 4)), "((x // 4) * 4)");
  EXPECT_EQ(text(floordiv(i, 16)), "0");
  EXPECT_EQ(text(floormod(i, 16)), "i");
  EXPECT_EQ(text(j * 2 - j - j), "0");
}

TEST_F(Simplify, SplitOfAFusedLoop) {
  Var f = var("f", 16 * 32 * 4);
  const Expr a = floordiv(f, 128), b = floormod(floordiv(f, 4), 32), c = floormod(f, 4);
  EXPECT_EQ(text((a * 32 + b) * 4 + c), "f");
  EXPECT_EQ(text(floormod(a, 16)), "(f // 128)");
  EXPECT_TRUE(proves(a < 16 && b < 32 && c < 4));
  EXPECT_TRUE(proves((a * 32 + b) * 4 + c < 2048));
}

TEST_F(Simplify, SumsInsideDivisions) {
  Var n("n"), i = var("i", 8), j = var("j", 6);
  EXPECT_EQ(text(floordiv(n + 31, 32) * 32 + floormod(n + 31, 32)), "(n + 31)");
  EXPECT_EQ(text(n + 31 - floordiv(n + 31, 32) * 32), "((n + 31) % 32)");
  EXPECT_EQ(text(floormod(n + 64, 32)), "(n % 32)");
  EXPECT_EQ(text(floordiv(n + 64, 32)), "((n // 32) + 2)");
  EXPECT_EQ(text(floordiv(i * 6 + j, 3)), "((i * 2) + (j // 3))");
  EXPECT_EQ(text(floordiv(n - 1, 32)), "(((n + 31) // 32) - 1)");
  EXPECT_EQ(text(floordiv(i * 2 + 1, 2)), "i");
}

TEST_F(Simplify, SymbolicStrides) {
  Var n("n"), m("m"), i("i"), j("j");
  analyzer.assume(n >= 1 && m >= 1);
  analyzer.bind(i, Range{0, m});
  analyzer.bind(j, Range{0, n});
  EXPECT_EQ(text(floordiv(i * n + j, n)), "i");
  EXPECT_EQ(text(floormod(i * n + j, n)), "j");
  EXPECT_EQ(text((i + 1) * n - i * n), "n");
  EXPECT_TRUE(proves(i < m && j <= n - 1 && i >= 0));
  EXPECT_TRUE(proves(m - i >= 1));
  EXPECT_TRUE(analyzer.can_prove_equal((i + 1) * (n + 2), i * n + 2 * i + n + 2));
}

TEST_F(Simplify, CeilDivisions) {
  Var n("n"), io("io"), ii = var("ii", 32);
  analyzer.assume(n >= 1);
  analyzer.bind(io, Range{0, floordiv(n + 31, 32)});
  EXPECT_TRUE(proves(floordiv(n + 31, 32) * 32 >= n));
  EXPECT_TRUE(proves(floordiv(n + 31, 32) * 32 < n + 32));
  EXPECT_TRUE(proves(floordiv(n + 31, 32) >= 1));
  EXPECT_TRUE(proves(io * 32 < n));
  EXPECT_TRUE(proves(io * 32 + ii < n + 31));
  EXPECT_FALSE(proves(io * 32 + ii < n));
  EXPECT_FALSE(proves(io * 32 + ii < n + 30));
}

TEST_F(Simplify, GuardedSplit) {
  Var io = var("io", 16), ii = var("ii", 32);
  analyzer.assume(io * 32 + ii < 500);
  EXPECT_TRUE(proves(io * 32 + ii < 500));
  EXPECT_TRUE(proves(io * 32 + ii <= 499));
  EXPECT_TRUE(proves(io < 16));
  EXPECT_TRUE(proves(io * 64 + ii * 2 < 1000));
  EXPECT_EQ(text(floordiv(io * 32 + ii, 500)), "0");
  EXPECT_EQ(text(floormod(io * 32 + ii, 500)), "((io * 32) + ii)");
  EXPECT_EQ(analyzer.const_bound(io * 32 + ii).max, 499);
}

TEST_F(Simplify, IntegersRoundInProofs) {
  Var io = var("io", 100), ii = var("ii", 32);
  analyzer.assume(io * 32 + ii < 500);
  EXPECT_TRUE(proves(io < 16));
  EXPECT_TRUE(proves(io <= 15));
  EXPECT_FALSE(proves(io < 15));
}

TEST_F(Simplify, Comparisons) {
  Var i = var("i", 16), j = var("j", 4), n("n");
  EXPECT_EQ(text(i < 16), "1");
  EXPECT_EQ(text(i >= 16), "0");
  EXPECT_EQ(text(i * 4 + j < 64), "1");
  EXPECT_EQ(text(i * 4 + j < 32), "(i < 8)");
  EXPECT_EQ(text(i * 4 + j >= 32), "(i >= 8)");
  EXPECT_EQ(text(i * 4 + j < 50), "(((i * 4) + j) < 50)");
  EXPECT_EQ(text(i * 4 < 10), "(i < 3)");
  EXPECT_EQ(text(i + 1 <= n), "(i < n)");
  EXPECT_EQ(text(Expr(3) < i), "(i >= 4)");
  EXPECT_EQ(text(i * 2 == 3), "0");
  EXPECT_EQ(text(i * 2 != 3), "1");
  EXPECT_EQ(text(i * 2 == 4), "(i == 2)");
  EXPECT_EQ(text(i == 20), "0");
  EXPECT_EQ(text(n - 1 < n), "1");
  EXPECT_EQ(text(!(i < 3)), "(i >= 3)");
}

TEST_F(Simplify, MinMaxAndSelect) {
  Var i = var("i", 16), n("n");
  EXPECT_EQ(text(min(i, 15)), "i");
  EXPECT_EQ(text(max(i, 0)), "i");
  EXPECT_EQ(text(min(n, n + 1)), "n");
  EXPECT_EQ(text(max(min(i, 20), -1)), "i");
  EXPECT_EQ(text(min(i * 4 + 4, i * 4 + 2) - i * 4), "2");
  EXPECT_EQ(text(min(n + i, n + 3) - n), "(i min 3)");
  EXPECT_EQ(text(min(min(n, 7), 5)), "(n min 5)");
  EXPECT_EQ(text(min(n, 5) - min(Expr(5), n)), "0");
  EXPECT_EQ(text(select(i < 16, n, 0)), "n");
  EXPECT_EQ(text(select(n < 4, min(n, 10), 3)), "select((n < 4), n, 3)");
  EXPECT_EQ(text(select(n < 4, i, i)), "i");
  EXPECT_TRUE(proves(min(n, 8) <= 8));
  EXPECT_TRUE(proves(max(n, 8) >= n));
}

TEST_F(Simplify, TailExtents) {
  // What compute_at leaves: the rest of a tile at the border.
  Var io = var("io", 16), x("x");
  const Expr extent = min(io * 32 + 32, 500) - io * 32;
  EXPECT_EQ(text(extent), text(min(Expr(32), 500 - io * 32)));
  EXPECT_TRUE(proves(extent <= 32));
  EXPECT_TRUE(proves(extent >= 1));
  EXPECT_EQ(text(max(x, 3) - x), text(max(Expr(0), 3 - x)));
}

TEST_F(Simplify, Logic) {
  Var i = var("i", 16), n("n");
  EXPECT_EQ(text(i < 20 && n < 3), "(n < 3)");
  EXPECT_EQ(text(n < 3 && n < 5), "(n < 3)");
  EXPECT_EQ(text(n < 5 && n < 3), "(n < 3)");
  EXPECT_EQ(text(n < 3 && n > 5), "0");
  EXPECT_EQ(text(n < 3 || n >= 3), "1");
  EXPECT_EQ(text(n < 3 || i < 16), "1");
  EXPECT_EQ(text(!(n < 3 || n > 7)), "((n >= 3) && (n < 8))");
}

TEST_F(Simplify, ConvolutionAndPadding) {
  Var h = var("h", 28), r = var("r", 3), x = var("x", 58);
  EXPECT_EQ(analyzer.const_bound(h * 2 + r).max, 56);
  EXPECT_EQ(text(h * 2 + r), "((h * 2) + r)");
  EXPECT_TRUE(proves(h * 2 + r < 57));
  EXPECT_TRUE(proves(h + r - 1 >= -1));
  EXPECT_FALSE(proves(h + r - 1 >= 0));
  EXPECT_EQ(text(x >= 1 && x < 57 && x - 1 < 56), "((x >= 1) && (x < 57))");
  const Expr guarded = select(x >= 1 && x < 57, max(min(x - 1, 55), 0), 0);
  EXPECT_EQ(text(guarded), "select(((x >= 1) && (x < 57)), (x - 1), 0)");
  EXPECT_EQ(text(h * 2 + r - 1 >= 0), "(((h * 2) + r) >= 1)");
}

TEST_F(Simplify, Divisibility) {
  Var n("n"), i = var("i", 8);
  analyzer.assume(floormod(n, 16) == 0);
  EXPECT_EQ(text(floormod(n, 16)), "0");
  EXPECT_EQ(text(floormod(n, 8)), "0");
  EXPECT_EQ(text(floordiv(n, 16) * 16), "n");
  EXPECT_EQ(text(floormod(n + i * 16 + 3, 4)), "3");
  EXPECT_EQ(analyzer.modular_set(n * 2 + i * 4 + 1).coeff, 4);
  EXPECT_TRUE(proves(floordiv(n + 15, 16) * 16 == n));
  EXPECT_TRUE(proves(n + 1 != 0));
}

TEST_F(Simplify, ValuesReplaceVariables) {
  Var i = var("i", 16), j("j");
  analyzer.bind(j, i * 4 + 1);
  EXPECT_EQ(text(j - 1), "(i * 4)");
  EXPECT_EQ(text(floordiv(j, 4)), "i");
  analyzer.bind(i, Range{2, 1});
  EXPECT_EQ(text(j), "9");
}

TEST_F(Simplify, KeepsNodesThatAreCanonical) {
  Var i = var("i", 16), j = var("j", 32);
  for (const Expr& e :
       {i * 32 + j, floordiv(i, 4) + j, i * 32 + j - 3, Expr(i), min(i, j), floormod(i, 4) * 8 + floordiv(j, 2)}) {
    const Expr s = analyzer.simplify(e);
    EXPECT_TRUE(analyzer.simplify(s).same_as(s)) << show(s);
  }
  const Expr e = i * 32 + j;
  EXPECT_TRUE(analyzer.simplify(e).same_as(e));
}

TEST_F(Simplify, LoadsCallsAndNarrowTypes) {
  Var i = var("i", 16);
  Buffer a("A", kI64, {Expr(64)}), f("F", kF32, {Expr(64)});
  const Expr load = tir::load(f, {floordiv(i * 4 + 3, 4)});
  EXPECT_TRUE(as<LoadNode>(analyzer.simplify(load * 2.0f)->kind == ExprKind::kMul
                               ? as<BinaryNode>(analyzer.simplify(load * 2.0f))->a
                               : Expr())
                  ->indices[0]
                  .same_as(i));
  const Expr x = tir::load(a, {Expr(i)});
  EXPECT_TRUE(analyzer.can_prove_equal(x * 2 + 1 - x, x + 1));
  Var n("n", kI8);
  // 8 bits wrap: n + 100 is not larger than n.
  EXPECT_FALSE(proves(n + make_int(kI8, 100) > n));
  EXPECT_TRUE(proves(cast(kI64, n) <= 127));
  EXPECT_TRUE(proves(cast(kI64, n) + 128 >= 0));
  Var u("u", kU8);
  EXPECT_TRUE(proves(cast(kI64, u) >= 0));
  EXPECT_FALSE(proves(cast(kI64, u - make_int(kU8, 1)) < 255));
}

TEST_F(Simplify, OverflowGivesUp) {
  Var i = var("i", 4), x("x");
  const int64_t big = int64_t{1} << 62;
  const Expr e = (x * big) * 4 + x * big;
  EXPECT_NO_THROW(analyzer.simplify(e));
  EXPECT_NO_THROW(analyzer.const_bound(i * big * 3));
  EXPECT_EQ(analyzer.const_bound(i * big * 3).max, ConstBound::kPosInf);
  EXPECT_NO_THROW(analyzer.simplify(floordiv(x + Expr(INT64_MIN), Expr(-1))));
  EXPECT_NO_THROW(analyzer.simplify(Expr(0) - (x + Expr(INT64_MIN)) * Expr(INT64_MIN)));
  EXPECT_NO_THROW(analyzer.simplify(floormod(x * Expr(INT64_MIN), Expr(INT64_MIN))));
  EXPECT_NO_THROW(analyzer.simplify(x * Expr(INT64_MIN) == x));
  EXPECT_NO_THROW(analyzer.simplify(min(x * Expr(INT64_MIN), Expr(INT64_MIN) - x) < Expr(INT64_MAX) + x));
}

}  // namespace
}  // namespace tilewright::arith
