#include "tilewright/tir/expr.h"

#include <gtest/gtest.h>

#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/visit.h"

namespace tilewright::tir {
namespace {

int64_t value_of(const Expr& e) {
  int64_t v = -12345;
  EXPECT_TRUE(is_const_int(e, &v));
  return v;
}

TEST(Expr, FoldsConstantsWithFloorSemantics) {
  EXPECT_EQ(value_of(floordiv(Expr(-7), Expr(2))), -4);
  EXPECT_EQ(value_of(floormod(Expr(-7), Expr(2))), 1);
  EXPECT_EQ(value_of(floordiv(Expr(7), Expr(-2))), -4);
  EXPECT_EQ(value_of(floormod(Expr(7), Expr(-2))), -1);
  EXPECT_EQ(value_of(ceildiv(Expr(7), Expr(2))), 4);
  EXPECT_EQ(value_of(make_int(kI8, 127) + make_int(kI8, 1)), -128);
  EXPECT_EQ(value_of(make_int(kU8, 3) - make_int(kU8, 4)), 255);
  EXPECT_FALSE(is_const_int(floordiv(Expr(1), Expr(0))));
}

TEST(Expr, FoldsNeutralElementsOnly) {
  Var i("i");
  EXPECT_TRUE((i + 0).same_as(i));
  EXPECT_TRUE((i * 1).same_as(i));
  EXPECT_EQ(value_of(i * 0), 0);
  EXPECT_TRUE(as<BinaryNode>(i - i));
  Var x("x", kF32);
  EXPECT_TRUE(as<BinaryNode>(x * 0.0));  // a NaN must stay one
}

TEST(Expr, LiteralsTakeTheOtherOperandsType) {
  Var x("x", kF16), n("n", kI8);
  EXPECT_EQ((x + 1).dtype(), kF16);
  EXPECT_EQ((x * 0.5).dtype(), kF16);
  EXPECT_EQ((n + 1).dtype(), kI8);
  EXPECT_EQ((Var("m", kI16) + n).dtype(), kI16);
}

TEST(Expr, RefusesMixedTypes) {
  try {
    Var("x", kF16) + Var("y", kF32);
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_STREQ(
        e.what(),
        "error[T0102] +: operands have types f16 and f32\n  remedy: cast one operand, for example cast(f16, x)");
  }
  EXPECT_THROW(Var("i") / Var("j"), Error);
  EXPECT_THROW(Var("i") && Var("j"), Error);
  EXPECT_THROW(load(Buffer("A", kF32, {Expr(4)}), {Expr(0), Expr(1)}), Error);
  EXPECT_THROW(Var("i") + Expr(), Error);
}

TEST(Expr, LogicFoldsAndSelects) {
  Var i("i");
  const Expr c = i < 4;
  EXPECT_TRUE((Expr(true) && c).same_as(c));
  EXPECT_TRUE(is_false(c && Expr(false)));
  EXPECT_TRUE(select(Expr(true), i, 0).same_as(i));
  EXPECT_TRUE((!!c).same_as(c));
}

TEST(Visit, SubstituteSharesWhatDoesNotChange) {
  Var i("i"), j("j");
  const Expr left = i * 4, e = left + j;
  EXPECT_TRUE(substitute(e, {{Var("k").get(), Expr(1)}}).same_as(e));
  const Expr changed = substitute(e, {{j.get(), Expr(3)}});
  EXPECT_TRUE(as<BinaryNode>(changed)->a.same_as(left));
  EXPECT_EQ(value_of(substitute(e, {{i.get(), Expr(2)}, {j.get(), Expr(3)}})), 11);
}

}  // namespace
}  // namespace tilewright::tir
