// eval_set and the region algebra: sound by enumeration, and tight on what programs contain.
#include "tilewright/arith/region.h"

#include <gtest/gtest.h>

#include "arith/brute_force.h"
#include "tilewright/tir/visit.h"

namespace tilewright::arith {
namespace {

using namespace testing;  // NOLINT

TEST(EvalSetFuzz, HoldsAllValues) {
  for (uint64_t seed = 0; seed < 15000 && !::testing::Test::HasFailure(); ++seed) {
    CounterRng rng(seed, 11);
    Var n("n"), i("i"), j("j");
    Analyzer analyzer;
    const int64_t low = rng.in_range(-3, 2), extent = rng.in_range(1, 6);
    if (seed % 2) analyzer.bind(n, Range{Expr(low), Expr(extent)});
    IntSetMap sets;
    Expr inside = Expr(true);
    // i between constants or around n; j constant or depending on i.
    Expr i_min = Expr(low), i_max = Expr(low + extent - 1), j_min = Expr(0), j_max = Expr(3);
    if (seed % 3 == 1) i_min = n - 1, i_max = n + 2;
    if (seed % 3 == 2) i_min = Expr(0), i_max = floordiv(n, 2);
    if (seed % 5 == 1) j_min = i, j_max = i + 2;
    if (seed % 5 == 2) j_min = i * 2, j_max = n + 4;
    if (seed % 5 == 3) j_max = Expr();
    sets[i.get()] = {i_min, i_max};
    sets[j.get()] = {j_min, j_max};
    inside = i >= i_min && i <= i_max && j >= j_min && (j_max.defined() ? j <= j_max : Expr(true));
    // What the analyzer believed about i is replaced by its set.
    if (seed % 7 == 0) analyzer.bind(i, Range{Expr(0), Expr(1)});
    Generator g(rng, {n, i, j});
    const Expr e = g.integer(1 + static_cast<int>(seed % 4));
    const IntSet set = analyzer.eval_set(e, sets);
    for (const Expr& end : {set.min, set.max}) {
      EXPECT_FALSE(end.defined() && (tir::uses_var(end, i.get()) || tir::uses_var(end, j.get()))) << show(end);
    }
    for_each_point({{n, low, extent}, {i, -5, 14}, {j, -6, 16}}, [&](const Env& env) {
      if (!*eval(inside, env)) return true;
      const auto x = eval(e, env);
      if (!x) return true;
      const std::string context = "seed " + std::to_string(seed) + " " + show(e) + " in [" + show(set.min) + ", " +
                                  show(set.max) + "] value " + std::to_string(*x) + " given " + show(inside) + " n " +
                                  std::to_string(env.at(n.get()));
      EXPECT_TRUE(!set.min.defined() || eval(set.min, env).value_or(INT64_MAX) <= *x) << context;
      EXPECT_TRUE(!set.max.defined() || eval(set.max, env).value_or(INT64_MIN) >= *x) << context;
      return !::testing::Test::HasFailure();
    });
  }
}

std::string text(const std::vector<Range>& ranges) {
  std::string s;
  for (const Range& r : ranges) s += "[" + show(r.min) + " +" + show(r.extent) + ")";
  return s;
}

TEST(EvalSet, TileIndices) {
  Analyzer analyzer;
  Var io("io"), ii("ii"), n("n"), k("k");
  analyzer.bind(io, Range{0, 16});
  IntSetMap sets{{ii.get(), IntSet::from_range({0, 32})}, {k.get(), IntSet::from_range({0, n})}};
  IntSet s = analyzer.eval_set(io * 32 + ii, sets);
  EXPECT_EQ(show(s.min), "(io * 32)");
  EXPECT_EQ(show(s.max), "((io * 32) + 31)");
  s = analyzer.eval_set(floordiv(io * 32 + ii, 4), sets);
  EXPECT_EQ(show(s.min), "(io * 8)");
  EXPECT_EQ(show(s.max), "((io * 8) + 7)");
  s = analyzer.eval_set(floormod(ii, 64), sets);
  EXPECT_EQ(show(s.max), "31");
  s = analyzer.eval_set(k * 2 + 1, sets);
  EXPECT_EQ(show(s.min), "1");
  EXPECT_EQ(show(s.max), "((n * 2) - 1)");
  s = analyzer.eval_set(min(io * 32 + ii, 499), sets);
  EXPECT_EQ(show(s.max), "(((io * 32) min 468) + 31)");
}

TEST(Region, UpperBoundOfATile) {
  Analyzer analyzer;
  Var io("io"), ii("ii"), r("r"), x("x");
  Buffer a("A", kF32, {Expr(512), Expr(64)});
  IntSetMap sets{{ii.get(), IntSet::from_range({0, 8})}, {r.get(), IntSet::from_range({0, 3})}, {x.get(), IntSet{}}};
  const BufferRegion region{a, {{(io * 8 + ii) * 2 + r, Expr(1)}, {Expr(x), Expr(1)}}};
  EXPECT_EQ(text(region_upper_bound(region, sets, analyzer)), "[(io * 16) +17)[0 +64)");
}

TEST(Region, ContainsUnionDisjoint) {
  Analyzer analyzer;
  Var i("i"), n("n");
  analyzer.bind(i, Range{0, 16});
  analyzer.assume(n >= 16);
  const std::vector<Range> all{{0, n}}, tile{{i * 4, 4}}, next{{i * 4 + 4, 4}}, whole{{0, 64}}, one{{i, 1}};
  EXPECT_TRUE(region_contains(whole, tile, analyzer));
  EXPECT_FALSE(region_contains(tile, whole, analyzer));
  EXPECT_TRUE(region_contains(all, one, analyzer));
  EXPECT_TRUE(region_disjoint(tile, next, analyzer));
  EXPECT_FALSE(region_disjoint(tile, whole, analyzer));
  EXPECT_EQ(text(region_union(tile, next, analyzer)), "[(i * 4) +8)");
  EXPECT_EQ(text(region_union(tile, tile, analyzer)), "[(i * 4) +4)");
}

TEST(Accesses, OfALoopNest) {
  Analyzer analyzer;
  Var i("i"), j("j"), k("k"), o("o");
  analyzer.bind(o, Range{0, 4});
  Buffer a("A", kF32, {Expr(64), Expr(32)}), b("B", kF32, {Expr(32), Expr(16)}), c("C", kF32, {Expr(64), Expr(16)}),
      t("T", kF32, {Expr(16)});
  const Expr row = o * 16 + i;
  Stmt body = store(c, {row, j}, c(row, j) + a(row, k) * b(k, j));
  body = seq({store(t, {j}, Expr(0.0f)), body});
  Stmt loop = make_for(i, 0, 16, make_for(j, 0, 16, make_for(k, 0, 32, body)));
  loop = alloc(t, loop);
  const Accesses found = detect_accesses(loop, analyzer);
  ASSERT_EQ(found.reads.size(), 3u);
  ASSERT_EQ(found.writes.size(), 1u);
  EXPECT_EQ(found.reads[0].buffer.name(), "C");
  EXPECT_EQ(text(found.reads[0].ranges), "[(o * 16) +16)[0 +16)");
  EXPECT_EQ(text(found.reads[1].ranges), "[(o * 16) +16)[0 +32)");
  EXPECT_EQ(text(found.reads[2].ranges), "[0 +32)[0 +16)");
  EXPECT_EQ(text(found.writes[0].ranges), "[(o * 16) +16)[0 +16)");
}

TEST(Accesses, GuardsNarrow) {
  Analyzer analyzer;
  Var h("h"), r("r"), v("v");
  Buffer a("A", kF32, {Expr(56)}), p("P", kF32, {Expr(58)});
  const Expr x = h + r;
  Stmt s = store(p, {h}, select(x >= 1 && x < 57, a(x - 1), 0.0f));
  s = make_for(h, 0, 56, make_for(r, 0, 3, s));
  Accesses found = detect_accesses(s, analyzer);
  EXPECT_EQ(text(found.reads[0].ranges), "[0 +56)");
  // Lets are seen through; masks and if guard too.
  s = make_for(h, 0, 64, make_let(v, h + 2, make_if(v < 20, store(p, {v}, a(v)))));
  found = detect_accesses(s, analyzer);
  EXPECT_EQ(text(found.writes[0].ranges), "[2 +18)");
  EXPECT_EQ(text(found.reads[0].ranges), "[2 +18)");
}

TEST(Accesses, VectorsAndBlocks) {
  Analyzer analyzer;
  Var i("i"), vi("vi"), o("o");
  Buffer a("A", kF32, {Expr(64)}), b("B", kF32, {Expr(64)});
  Stmt s = make_for(i, 0, 4, store(a, {ramp(i * 8, 1, 8)}, load(b, {ramp(i * 16, 2, 8)})));
  Accesses found = detect_accesses(s, analyzer);
  EXPECT_EQ(text(found.writes[0].ranges), "[0 +32)");
  EXPECT_EQ(text(found.reads[0].ranges), "[0 +63)");
  BlockNode block;
  block.name = "b";
  block.iters = {{vi, {0, 64}, IterKind::kSpatial}};
  block.bindings = {o * 16 + i};
  block.predicate = o * 16 + i < 60;
  block.reads = {{b, {{Expr(vi), Expr(1)}}}};
  block.writes = {{a, {{Expr(vi), Expr(1)}}}};
  block.body = store(a, {vi}, b(vi));
  s = make_for(i, 0, 16, make_stmt(block));
  found = detect_accesses(s, analyzer);
  EXPECT_EQ(text(found.reads[0].ranges), "[(o * 16) +16)");
  s = make_for(o, 0, 4, s);
  found = detect_accesses(s, analyzer);
  EXPECT_EQ(text(found.reads[0].ranges), "[0 +60)");
}

}  // namespace
}  // namespace tilewright::arith
