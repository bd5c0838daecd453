// Iterator maps of the shapes schedules make, with symbolic sizes too.
#include <gtest/gtest.h>

#include <set>

#include "arith/brute_force.h"
#include "tilewright/arith/iter_map.h"
#include "tilewright/arith/region.h"
#include "tilewright/tir/visit.h"

namespace tilewright::arith {
namespace {

using namespace testing;  // NOLINT

class IterShapes : public ::testing::Test {
 protected:
  Var loop(const char* name, const Expr& extent, const Expr& low = 0) {
    Var v(name);
    loops.push_back({v, Range{low, extent}});
    return v;
  }
  bool finds(std::vector<Expr> bindings, IterMapLevel level, const Expr& predicate = nullptr) {
    const auto map = detect_iter_map(bindings, loops, predicate, level, analyzer);
    extents.clear();
    if (!map) return false;
    for (const IterSum& s : map->indices)
      extents += " " + show(s.base) + "+" + (s.extent.defined() ? show(s.extent) : "?");
    return true;
  }
  static constexpr IterMapLevel kBijective = IterMapLevel::kBijective, kSurjective = IterMapLevel::kSurjective,
                                kNoCheck = IterMapLevel::kNoCheck;
  std::vector<IterDomain> loops;
  Analyzer analyzer;
  std::string extents;
};

TEST_F(IterShapes, Plain) {
  Var i = loop("i", 8), u = loop("u", 1), j = loop("j", 4);
  EXPECT_TRUE(finds({i, j}, kBijective));
  EXPECT_EQ(extents, " 0+8 0+4");
  EXPECT_TRUE(finds({j + 3, i, u, Expr(5)}, kBijective));
  EXPECT_EQ(extents, " 3+4 0+8 0+1 5+1");
  EXPECT_TRUE(finds({i * 4 + j}, kBijective));
  EXPECT_EQ(extents, " 0+32");
  EXPECT_FALSE(finds({i}, kBijective));
  EXPECT_TRUE(finds({i}, kSurjective));
  EXPECT_FALSE(finds({i, i}, kNoCheck));
  EXPECT_FALSE(finds({i, i + j}, kNoCheck));
  EXPECT_TRUE(finds({i * 2, j}, kNoCheck));
  EXPECT_FALSE(finds({i * 2, j}, kSurjective));
  EXPECT_TRUE(finds({floordiv(i, 2), floormod(i, 2), j}, kBijective));
  EXPECT_FALSE(finds({floordiv(i, 3), floormod(i, 3), j}, kNoCheck));
}

TEST_F(IterShapes, ConvolutionWindowsOverlap) {
  Var h = loop("h", 16), r = loop("r", 3);
  EXPECT_TRUE(finds({h * 2 + r}, kSurjective));
  EXPECT_EQ(extents, " 0+33");
  EXPECT_FALSE(finds({h * 2 + r}, kBijective));
  EXPECT_FALSE(finds({h * 4 + r}, kSurjective));
}

TEST_F(IterShapes, GuardedSplits) {
  Var io = loop("io", 16), ii = loop("ii", 32), j = loop("j", 4);
  EXPECT_TRUE(finds({io * 32 + ii, j}, kBijective, io * 32 + ii < 500));
  EXPECT_EQ(extents, " 0+500 0+4");
  EXPECT_FALSE(finds({io, ii, j}, kNoCheck, io * 32 + ii < 500));
  EXPECT_TRUE(finds({io, ii, j}, kBijective, io * 32 + ii < 512));
  EXPECT_TRUE(finds({io, j}, kSurjective, io * 32 + ii < 500));
  EXPECT_EQ(extents, " 0+16 0+4");
  EXPECT_TRUE(finds({floordiv(io * 32 + ii, 4), floormod(ii, 4), j}, kBijective, io * 32 + ii < 500));
  EXPECT_EQ(extents, " 0+125 0+4 0+4");
  EXPECT_FALSE(finds({floordiv(io * 32 + ii, 8), floormod(ii, 8), j}, kSurjective, io * 32 + ii < 500));
  EXPECT_TRUE(finds({io * 32 + ii, j}, kBijective, io * 32 + ii >= 12 && io * 32 + ii < 500));
  EXPECT_EQ(extents, " 12+488 0+4");
  EXPECT_TRUE(finds({io, ii, j}, kBijective, j < 3 && io >= 2));
  EXPECT_EQ(extents, " 2+14 0+32 0+3");
  EXPECT_FALSE(finds({io * 32 + ii, j}, kNoCheck, io < ii));
  EXPECT_FALSE(finds({io * 32 + ii, j}, kNoCheck, Expr(false)));
  // What the analyzer believes of the loops must not hide the predicate.
  analyzer.bind(io, Range{0, 4});
  analyzer.assume(io * 32 + ii < 500);
  EXPECT_FALSE(finds({io, ii, j}, kNoCheck, io * 32 + ii < 500));
  EXPECT_TRUE(finds({io * 32 + ii, j}, kBijective, io * 32 + ii < 500));
  EXPECT_EQ(extents, " 0+500 0+4");
}

TEST_F(IterShapes, TwoLevelsOfGuards) {
  Var a = loop("a", 4), b = loop("b", 4), c = loop("c", 32);
  const Expr outer = a * 4 + b;
  EXPECT_TRUE(finds({outer * 32 + c}, kBijective, outer < 13 && outer * 32 + c < 400));
  EXPECT_EQ(extents, " 0+400");
  loops.clear();
  Var x = loop("x", 16), y = loop("y", 7), z = loop("z", 5);
  // The inner part is imperfect: 7 * 5 steps for 32 values.
  const Expr inner = y * 5 + z;
  EXPECT_TRUE(finds({x * 32 + inner}, kBijective, inner < 32 && x * 32 + inner < 500));
  EXPECT_EQ(extents, " 0+500");
  EXPECT_FALSE(finds({x * 32 + inner}, kBijective, x * 32 + inner < 500));
}

TEST_F(IterShapes, FusedThenSplit) {
  Var o = loop("o", 1568), i = loop("i", 128);
  const Expr f = o * 128 + i;  // 64 * 56 * 56
  EXPECT_TRUE(finds({floordiv(f, 3136), floordiv(floormod(f, 3136), 56), floormod(f, 56)}, kBijective));
  EXPECT_EQ(extents, " 0+64 0+56 0+56");
  loops.clear();
  o = loop("o", 49);
  i = loop("i", 4);
  const Expr g = o * 4 + i;  // 1 * 14 * 14, by vectors of 4
  EXPECT_TRUE(finds({floordiv(g, 196), floordiv(floormod(g, 196), 14), floormod(g, 14)}, kBijective));
  EXPECT_EQ(extents, " 0+1 0+14 0+14");
  loops.clear();
  o = loop("o", 13);
  i = loop("i", 16);
  const Expr h = o * 16 + i;
  EXPECT_TRUE(finds({floordiv(h, 14), floormod(h, 14)}, kBijective, h < 196));
  EXPECT_EQ(extents, " 0+14 0+14");
}

TEST_F(IterShapes, LoopsThatStartElsewhere) {
  Var i = loop("i", 8, 4), j = loop("j", 4, -2);
  EXPECT_TRUE(finds({i, j}, kBijective));
  EXPECT_EQ(extents, " 4+8 -2+4");
  EXPECT_TRUE(finds({floordiv(i, 4), floormod(i, 4), j}, kBijective));
  EXPECT_EQ(extents, " 1+2 0+4 -2+4");
  EXPECT_TRUE(finds({i * 4 + j}, kBijective));
  EXPECT_EQ(extents, " 14+32");
}

TEST_F(IterShapes, SymbolicSizes) {
  Var n("n"), m("m");
  analyzer.assume(n >= 1 && m >= 1);
  Var i = loop("i", n), j = loop("j", m);
  EXPECT_TRUE(finds({i, j}, kBijective));
  EXPECT_TRUE(finds({i * m + j}, kBijective));
  EXPECT_EQ(extents, " 0+(n * m)");
  EXPECT_FALSE(finds({i * n + j}, kSurjective));
  EXPECT_TRUE(finds({i}, kSurjective));
  loops.clear();
  Var f = loop("f", n * m);
  EXPECT_TRUE(finds({floordiv(f, m), floormod(f, m)}, kBijective));
  EXPECT_EQ(extents, " 0+n 0+m");
  EXPECT_FALSE(finds({floordiv(f, 4), floormod(f, 4)}, kNoCheck));
  loops.clear();
  Var io = loop("io", floordiv(n + 31, 32)), ii = loop("ii", 32);
  EXPECT_TRUE(finds({io * 32 + ii}, kBijective, io * 32 + ii < n));
  EXPECT_EQ(extents, " 0+n");
  EXPECT_FALSE(finds({io, ii}, kNoCheck, io * 32 + ii < n));
  loops.clear();
  Var a = loop("a", floordiv(floordiv(n + 31, 32) + 3, 4)), b = loop("b", 4), c = loop("c", 32);
  EXPECT_TRUE(finds({(a * 4 + b) * 32 + c}, kBijective, a * 4 + b < floordiv(n + 31, 32) && (a * 4 + b) * 32 + c < n));
  EXPECT_EQ(extents, " 0+n");
  loops.clear();
  Analyzer divisible;
  divisible.assume(n >= 1 && floormod(n, 32) == 0);
  std::swap(divisible, analyzer);
  io = loop("io", floordiv(n, 32));
  ii = loop("ii", 32);
  EXPECT_TRUE(finds({io, ii}, kBijective));
  EXPECT_TRUE(finds({io * 32 + ii}, kBijective));
  EXPECT_EQ(extents, " 0+n");
}

TEST_F(IterShapes, InverseOfALayout) {
  Var i = loop("i", 64), j = loop("j", 32);
  const auto map = detect_iter_map({floordiv(i, 16), j, floormod(i, 16)}, loops, nullptr, kBijective, analyzer);
  ASSERT_TRUE(map);
  Var a("a"), b("b"), c("c");
  const auto inverse = inverse_iter_map(*map, {a, b, c});
  ASSERT_TRUE(inverse);
  EXPECT_EQ(show(inverse->at(i.get())), "((a * 16) + c)");
  EXPECT_EQ(show(inverse->at(j.get())), "b");
}

TEST_F(IterShapes, SubspaceOfATile) {
  Var io("io"), ii("ii"), jo("jo"), ji("ji");
  const std::vector<IterDomain> outer{{io, {0, 16}}, {jo, {0, 8}}}, inner{{ii, {0, 32}}, {ji, {0, 4}}};
  auto parts = subspace_divide({io * 32 + ii, jo * 4 + ji}, outer, inner, nullptr, analyzer);
  ASSERT_TRUE(parts);
  EXPECT_EQ(show(parts->outer[0]), "io");
  EXPECT_EQ(show(parts->inner[0]), "ii");
  EXPECT_EQ(show(parts->inner_extent[0]), "32");
  EXPECT_EQ(show(parts->outer_extent[1]), "8");
  parts = subspace_divide({io * 32 + ii, jo * 4 + ji}, outer, inner, io * 32 + ii < 500 && jo < 7, analyzer);
  ASSERT_TRUE(parts);
  EXPECT_EQ(show(parts->outer_predicate), "(jo < 7)");
  EXPECT_EQ(show(parts->inner_predicate), "(((io * 32) + ii) < 500)");
  EXPECT_EQ(show(parts->outer_extent[1]), "7");
  EXPECT_FALSE(subspace_divide({ii * 16 + io, jo * 4 + ji}, outer, inner, nullptr, analyzer));
}

TEST_F(IterShapes, LowerBoundOfATile) {
  Var io("io"), ii("ii"), n("n"), k("k");
  analyzer.bind(io, Range{0, 16});
  auto box = region_lower_bound({{io * 32 + ii, 1}}, {{ii, {0, 32}}}, nullptr, analyzer);
  ASSERT_TRUE(box);
  EXPECT_EQ(show((*box)[0].min), "(io * 32)");
  EXPECT_EQ(show((*box)[0].extent), "32");
  box = region_lower_bound({{ii * 4, 4}}, {{ii, {0, 8}}}, nullptr, analyzer);
  ASSERT_TRUE(box);
  EXPECT_EQ(show((*box)[0].extent), "32");
  EXPECT_FALSE(region_lower_bound({{ii * 4, 3}}, {{ii, {0, 8}}}, nullptr, analyzer));
  box = region_lower_bound({{ii * 2, 3}}, {{ii, {0, 8}}}, nullptr, analyzer);
  ASSERT_TRUE(box);
  EXPECT_EQ(show((*box)[0].extent), "17");
  box = region_lower_bound({{Expr(k), 1}}, {{k, {0, n}}}, nullptr, analyzer);
  ASSERT_TRUE(box);
  EXPECT_EQ(show((*box)[0].extent), "n");
  // A loop that may not run covers nothing.
  EXPECT_FALSE(region_lower_bound({{ii, 1}}, {{ii, {0, 8}}, {k, {0, n}}}, nullptr, analyzer));
  analyzer.assume(n >= 1);
  EXPECT_TRUE(region_lower_bound({{ii, 1}}, {{ii, {0, 8}}, {k, {0, n}}}, nullptr, analyzer));
}

/// Random nests over a symbolic size, checked for several sizes.
TEST(IterShapesFuzz, SymbolicNests) {
  int found = 0, total = 0;
  for (uint64_t seed = 0; seed < 3000 && !::testing::Test::HasFailure(); ++seed) {
    CounterRng rng(seed, 31);
    Var n("n"), x("x"), y("y");
    Analyzer analyzer;
    analyzer.assume(n >= 1);
    struct Loop {
      Var var;
      Expr extent;
    };
    std::vector<Loop> loops{{x, n}, {y, Expr(1 + static_cast<int64_t>(rng.below(6)))}};
    if (rng.below(2)) std::swap(loops[0], loops[1]);
    std::vector<Expr> bindings{x, y};
    Expr predicate;
    auto replace = [&](const Var& v, const Expr& e) {
      for (Expr& b : bindings) b = substitute(b, {{v.get(), e}});
      if (predicate.defined()) predicate = substitute(predicate, {{v.get(), e}});
    };
    for (uint64_t s = rng.below(4); s > 0; --s) {
      const size_t at = rng.below(loops.size());
      const Loop old = loops[at];
      if (rng.below(3)) {
        const int64_t factor = 2 + static_cast<int64_t>(rng.below(3));
        Var o(old.var.name() + "o"), i(old.var.name() + "i");
        replace(old.var, o * factor + i);
        if (!analyzer.can_prove(floormod(old.extent, factor) == 0)) {
          const Expr guard = o * factor + i < old.extent;
          predicate = predicate.defined() ? predicate && guard : guard;
        }
        loops[at] = {o, analyzer.simplify(ceildiv(old.extent, factor))};
        loops.insert(loops.begin() + static_cast<std::ptrdiff_t>(at) + 1, {i, Expr(factor)});
      } else if (at + 1 < loops.size()) {
        const Loop inner = loops[at + 1];
        Var f("f" + std::to_string(s));
        replace(old.var, floordiv(f, inner.extent));
        replace(inner.var, floormod(f, inner.extent));
        loops[at] = {f, analyzer.simplify(old.extent * inner.extent)};
        loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      }
    }
    std::vector<IterDomain> domains;
    Analyzer inside = analyzer;
    for (const Loop& l : loops) {
      domains.push_back({l.var, Range{Expr(0), l.extent}});
      inside.bind(l.var, Range{Expr(0), l.extent});
    }
    if (seed % 2) {
      for (Expr& b : bindings) b = inside.simplify(b);
    }
    ++total;
    const auto map = detect_iter_map(bindings, domains, predicate, IterMapLevel::kBijective, analyzer);
    if (!map) continue;
    ++found;
    std::vector<Expr> values{Var("v0"), Var("v1")};
    const auto inverse = inverse_iter_map(*map, values);
    ASSERT_TRUE(inverse);
    for (int64_t size = 1; size < 8; ++size) {
      const Env free{{n.get(), size}};
      std::vector<Domain> points;
      for (const Loop& l : loops) points.push_back({l.var, 0, *eval(l.extent, free)});
      std::set<std::vector<int64_t>> seen;
      size_t count = 0;
      for_each_point(points, [&](const Env& point) {
        Env env = point;
        env[n.get()] = size;
        if (predicate.defined() && !*eval(predicate, env)) return true;
        ++count;
        std::vector<int64_t> tuple{*eval(bindings[0], env), *eval(bindings[1], env)};
        Env known = free;
        for (size_t k = 0; k < 2; ++k) {
          known[static_cast<const VarNode*>(values[k].get())] = tuple[k];
          const int64_t base = *eval(map->indices[k].base, free);
          EXPECT_TRUE(tuple[k] >= base && tuple[k] < base + *eval(map->indices[k].extent, free)) << "seed " << seed;
        }
        for (const Loop& l : loops) {
          const auto it = inverse->find(l.var.get());
          const auto value = it == inverse->end() ? std::optional<int64_t>() : eval(it->second, known);
          // A symbolic extent may happen to be 1, so its loop is not fixed but has the value that is computed.
          EXPECT_EQ(value.value_or(-999), env.at(l.var.get())) << "seed " << seed << " " << l.var.name();
        }
        seen.insert(tuple);
        return !::testing::Test::HasFailure();
      });
      EXPECT_EQ(seen.size(), count) << "seed " << seed;
      EXPECT_EQ(static_cast<int64_t>(count), *eval(map->indices[0].extent, free) * *eval(map->indices[1].extent, free))
          << "seed " << seed << " size " << size;
    }
  }
  EXPECT_GT(found * 10, total * 8);
}

}  // namespace
}  // namespace tilewright::arith
