#include "tilewright/tir/printer.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tilewright/tir/parser.h"
#include "tilewright/tir/visit.h"
#include "tir/text_programs.h"

namespace tilewright::tir {
namespace {

using namespace testing;  // NOLINT

PrimFunc parse(std::string_view text) {
  return parse_func(text).value();
}

void expect_round_trip(const PrimFunc& f) {
  const std::string text = to_string(f);
  const Expected<PrimFunc> again = parse_func(text);
  ASSERT_TRUE(again) << again.error().render() << "\n" << text;
  EXPECT_TRUE(structural_equal(f, *again)) << text;
  EXPECT_EQ(to_string(*again), text);
}

TEST(Printer, NamesAreMadeUnique) {
  Var i("i"), other("i"), keyword("for"), odd("a b"), digit("1");
  EXPECT_EQ(to_string(i + other * keyword + odd - digit), "i + i_1 * for_1 + a_b - v1");
  // Loops that do not nest may share a name.
  const Buffer a("A", kF32, {8});
  const Stmt first = make_for(i, 0, 8, store(a, {i}, 0.0)),
             second = make_for(other, 0, 8, make_for(i, 0, 8, store(a, {other}, 1.0)));
  EXPECT_EQ(to_string(seq({first, second})),
            "for i in 0..8 {\n  A[i] = 0.0\n}\nfor i in 0..8 {\n  for i_1 in 0..8 {\n    A[i] = 1.0\n  }\n}");
}

TEST(Printer, BuffersKeepTheirNames) {
  const Buffer a("A", kF32, {8}), odd("my buffer", kF32, {8}), same("A", kF32, {8}, Scope::kLocal);
  PrimFuncNode f;
  f.name = "copy it";
  f.params = {{a, {}}, {odd, {}}};
  BlockNode root;
  root.name = "root";
  root.alloc_buffers = {same};
  root.body = seq({store(same, {0}, a(0)), store(odd, {0}, same(0))});
  f.body = make_stmt(std::move(root));
  const PrimFunc func(f);
  EXPECT_EQ(to_string(func),
            "func \"copy it\"(A: f32[8], my_buffer: f32[8] named \"my buffer\") {\n"
            "  alloc A_1: f32[8] local named \"A\"\n"
            "  A_1[0] = A[0]\n"
            "  my_buffer[0] = A_1[0]\n"
            "}");
  expect_round_trip(func);
}

TEST(Printer, ScopedStatementsKeepTheirEnd) {
  const Buffer a("A", kF32, {8}), t("T", kF32, {8}, Scope::kLocal);
  Var x("x"), y("y");
  const Stmt write = store(a, {x}, 0.0);
  PrimFuncNode f;
  f.name = "f";
  f.params = {{a, {}}};
  f.body = seq({make_let(x, 1, write), alloc(t, make_let(y, 2, seq({store(t, {y}, 1.0), store(a, {y}, t(y))})))});
  EXPECT_EQ(to_string(PrimFunc(f)),
            "lowered func f(A: f32[8]) {\n  let x: i64 = 1 {\n    A[x] = 0.0\n  }\n  alloc T: f32[8] local\n  let y: "
            "i64 = 2\n"
            "  T[y] = 1.0\n  A[y] = T[y]\n}");
  expect_round_trip(PrimFunc(f));
  f.body = seq({f.body, write});
  const PrimFunc g(f);
  EXPECT_NE(to_string(g).find("alloc T: f32[8] local {"), std::string::npos);
}

TEST(Printer, RangesReadBackExactly) {
  Var i("i"), n("n");
  const Buffer a("A", kF32, {n});
  const std::vector<std::pair<Range, const char*>> cases = {
      {{0, n}, "0..n"},     {{4, 8}, "4..12"},
      {{i, 8}, "i..i + 8"}, {{i * 4, n + 1}, "i * 4..i * 4 + (n + 1)"},
      {{i, n - i}, "i..n"}, {{i, i + n - i}, "i..i + (i + n - i)"},
      {{i, 0}, "i +: 0"},   {{INT64_MAX, 5}, "9223372036854775807 +: 5"},
      {{-3, 3}, "-3..0"},
  };
  for (const auto& [range, text] : cases) {
    PrimFuncNode f;
    f.name = "f";
    f.params = {{a, {}}};
    f.body = make_for(i, 0, n, make_for(Var("j"), range.min, range.extent, seq({})));
    EXPECT_NE(to_string(PrimFunc(f)).find(std::string("j in ") + text + " {"), std::string::npos)
        << to_string(PrimFunc(f));
    expect_round_trip(PrimFunc(f));
  }
}

TEST(Printer, LoopNestOfADiagnostic) {
  const PrimFunc f = parse(kMatmul);
  LoopId k;
  pre_order(f->body, [&](const Stmt& s) {
    if (const auto* n = as<ForNode>(s); n && n->var.name() == "k") k = n->id;
    return true;
  });
  PrintOptions options;
  options.loop_nest_only = true;
  options.mark_loops = {k};
  options.context_lines = 0;
  EXPECT_EQ(to_string(f, options), "for i, j\n  for k in 0..512        <-- here\n    ...");
  options.mark_loops.clear();
  EXPECT_EQ(to_string(f, options), "for i, j, k\n  block C(spatial vi = i, spatial vj = j, reduce vk = k)");
}

TEST(Printer, LoopNestLeavesOutWhatIsFar) {
  std::string text = "func f(A: f32[8]) {\n";
  for (int i = 0; i < 6; ++i)
    text += "for i" + std::to_string(i) + "_ in 0..8 { block B" + std::to_string(i) + "(v: spatial 0..8 = i" +
            std::to_string(i) + "_) { A[v] = 1.0 } }\n";
  const PrimFunc f = parse(text + "}");
  PrintOptions options;
  options.loop_nest_only = true;
  options.mark_blocks = {{5}};  // B3; the root is block 1
  options.context_lines = 1;
  EXPECT_EQ(to_string(f, options),
            "...\nfor i3_ in 0..8\n  block B3(spatial v = i3_)        <-- here\nfor i4_ in 0..8\n  ...");
}

TEST(Printer, MarksInTheFullText) {
  PrintOptions options;
  options.mark_blocks = {{2}};
  const std::string text = to_string(parse(kMatmul), options);
  EXPECT_NE(text.find("vk: reduce 0..512 = k) {        <-- here\n"), std::string::npos) << text;
}

TEST(Printer, MissingPartsDoNotCrash) {
  EXPECT_EQ(to_string(Expr()), "<null>");
  EXPECT_EQ(to_string(Stmt()), "<null>");
  EXPECT_EQ(to_string(PrimFunc()), "<null>");
  EXPECT_FALSE(to_string(PrimFunc(PrimFuncNode{})).empty());
  EXPECT_FALSE(to_string(make_stmt(ForNode{})).empty());
  EXPECT_FALSE(to_string(make_stmt(BlockNode{})).empty());
  std::ostringstream out;
  out << parse("func f() { }") << " " << Var("x") + 1;
  EXPECT_EQ(out.str(), "func f() {\n} x + 1");
}

}  // namespace
}  // namespace tilewright::tir
