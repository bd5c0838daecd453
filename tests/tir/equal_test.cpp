#include <gtest/gtest.h>

#include "tilewright/tir/parser.h"
#include "tilewright/tir/visit.h"
#include "tir/text_programs.h"

namespace tilewright::tir {
namespace {

using namespace testing;  // NOLINT

PrimFunc parse(std::string_view text) {
  return parse_func(text).value();
}
bool equal(std::string_view a, std::string_view b) {
  return structural_equal(parse(a), parse(b));
}

TEST(StructuralEqual, ExpressionsMatchFreeVariablesByIdentity) {
  Var i("i"), j("i");
  EXPECT_TRUE(structural_equal(i * 4 + 1, i * 4 + 1));
  EXPECT_FALSE(structural_equal(i * 4 + 1, j * 4 + 1));
  EXPECT_FALSE(structural_equal(i + 1, i + 2));
  EXPECT_FALSE(structural_equal(make_int(kI32, 1), make_int(kI64, 1)));
  EXPECT_FALSE(structural_equal(make_const(kF32, 0.0), make_const(kF32, -0.0)));
  EXPECT_TRUE(structural_equal(Expr(), Expr()));
  EXPECT_FALSE(structural_equal(Expr(), Expr(i)));
  EXPECT_TRUE(structural_equal(make_let(i, 1, i + i), make_let(j, 1, j + j)));
  EXPECT_FALSE(structural_equal(make_let(i, 1, i + i), make_let(j, 1, j + i)));
}

TEST(StructuralEqual, BoundVariablesMatchByPosition) {
  const Buffer a("A", kF32, {8, 8});
  Var i("i"), j("j");
  const auto nest = [&](const Var& outer, const Var& inner, const Expr& row) {
    return make_for(outer, 0, 8, make_for(inner, 0, 8, store(a, {row, inner}, 1.0)));
  };
  EXPECT_TRUE(structural_equal(nest(i, j, i), nest(j, i, j)));
  EXPECT_FALSE(structural_equal(nest(i, j, i), nest(j, i, i)));
  EXPECT_FALSE(structural_equal(nest(i, j, i), nest(i, j, j)));
  EXPECT_TRUE(structural_equal(nest(i, j, i), nest(i, j, i)));
  // One node on both sides is no equality once its variables have been renamed.
  const Stmt shared = store(a, {i, j}, 1.0);
  EXPECT_FALSE(
      structural_equal(make_for(i, 0, 8, make_for(j, 0, 8, shared)), make_for(j, 0, 8, make_for(i, 0, 8, shared))));
}

TEST(StructuralEqual, IdsAndNamesOfVariablesDoNotCount) {
  const Buffer a("A", kF32, {8});
  Var i("i"), j("other");
  EXPECT_TRUE(structural_equal(make_for(i, 0, 8, store(a, {i}, 1.0), ForKind::kSerial, {1}),
                               make_for(j, 0, 8, store(a, {j}, 1.0), ForKind::kSerial, {7})));
}

TEST(StructuralEqual, WhatCounts) {
  const std::string base = kScheduled;
  EXPECT_TRUE(equal(base, base));
  EXPECT_TRUE(equal("func f() { attribute \"x\" = nan }", "func f() { attribute \"x\" = nan }"));
  EXPECT_FALSE(equal("func f() { attribute \"x\" = 0.0 }", "func f() { attribute \"x\" = -0.0 }"));
  const std::pair<const char*, const char*> changes[] = {
      {"C_local: f32[500, 512] local align 64", "C_local: f32[500, 512] local align 32"},
      {"] local align", "] shared align"},
      {"j // 16, i, j % 16", "j // 16, j % 16, i"},
      {"\"chunk\" = 2", "\"chunk\" = 3"},
      {"\"batch\" = 3", "\"batch\" = 4"},
      {"\"root\" = [1, -2, 3]", "\"root\" = [1, -2]"},
      {"parallel i_0", "unrolled i_0"},
      {"block \"C out\"", "block \"C in\""},
      {"reduce 0..n = k_0", "spatial 0..n = k_0"},
      {"where i_0 * 32 + i_1 < 500\n", "where i_0 * 32 + i_1 <= 500\n"},
      {"reads C_local[vi, vj..vj + 8]", "reads C_local[vi, vj..vj + 9]"},
      {"n % 16 == 0", "n % 8 == 0"},
      {"* alpha", "* alpha * alpha"},
      {"func matmul", "func matmul2"},
      {"max(scaled, 0.0)", "max(scaled, 1.0)"},
  };
  for (const auto& [from, to] : changes) {
    std::string changed = base;
    const size_t at = changed.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    changed.replace(at, std::string(from).size(), to);
    if (std::string(from).find("reduce") != std::string::npos) {
      const size_t init = changed.find("              init {");
      changed.erase(init, changed.find("}\n", init) + 2 - init);
    }
    EXPECT_FALSE(equal(base, changed)) << to;
    EXPECT_EQ(content_hash(parse(base)) == content_hash(parse(changed)), std::string(from) == "func matmul") << to;
  }
}

TEST(StructuralEqual, SizesAndFlatBuffersMatchByFirstUse) {
  EXPECT_TRUE(equal("func f(A: f32[n, m]) { for i in 0..n { } }", "func f(A: f32[x, y]) { for i in 0..x { } }"));
  EXPECT_FALSE(equal("func f(A: f32[n, m]) { for i in 0..n { } }", "func f(A: f32[x, y]) { for i in 0..y { } }"));
  EXPECT_FALSE(equal("func f(A: f32[n, m]) { }", "func f(A: f32[x, x]) { }"));
  EXPECT_FALSE(equal("func f(A: f32[x, x]) { }", "func f(A: f32[n, m]) { }"));
  EXPECT_TRUE(equal(kLowered, kLowered));
  const PrimFunc f = parse(kLowered);
  EXPECT_TRUE(structural_equal(f, f));
}

}  // namespace
}  // namespace tilewright::tir
