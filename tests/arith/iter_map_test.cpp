// Iterator maps against enumeration, and the shapes schedules make.
#include "tilewright/arith/iter_map.h"

#include <gtest/gtest.h>

#include <set>

#include "arith/brute_force.h"
#include "tilewright/arith/region.h"
#include "tilewright/tir/visit.h"

namespace tilewright::arith {
namespace {

using namespace testing;  // NOLINT

/// A nest made from full iterators by splits and fusions, as schedules do it.
struct Nest {
  std::vector<Domain> loops;
  std::vector<Expr> bindings;
  Expr predicate;
  std::string history;

  void replace(const VarNode* var, const Expr& value) {
    for (Expr& e : bindings) e = substitute(e, {{var, value}});
    if (predicate.defined()) predicate = substitute(predicate, {{var, value}});
  }
  void split(size_t at, int64_t factor) {
    const Domain old = loops[at];
    Var outer(old.var.name() + "o"), inner(old.var.name() + "i");
    const int64_t outer_extent = (old.extent + factor - 1) / factor;
    const Expr value = outer * factor + inner;
    replace(old.var.get(), value);
    if (old.extent % factor != 0)
      predicate = predicate.defined() ? predicate && value < old.extent : value < old.extent;
    loops[at] = {outer, 0, outer_extent};
    loops.insert(loops.begin() + static_cast<std::ptrdiff_t>(at) + 1, {inner, 0, factor});
    history += " split(" + old.var.name() + ", " + std::to_string(factor) + ")";
  }
  void fuse(size_t at) {
    const Domain a = loops[at], b = loops[at + 1];
    Var fused("f" + std::to_string(history.size()));
    replace(a.var.get(), floordiv(fused, b.extent));
    replace(b.var.get(), floormod(fused, b.extent));
    loops[at] = {fused, 0, a.extent * b.extent};
    loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    history += " fuse(" + a.var.name() + ", " + b.var.name() + ")";
  }
  void swap(size_t at) { std::swap(loops[at], loops[at + 1]); }
  std::vector<IterDomain> domains() const {
    std::vector<IterDomain> out;
    for (const Domain& d : loops) out.push_back({d.var, Range{Expr(d.min), Expr(d.extent)}});
    return out;
  }
  Analyzer analyzer() const {
    Analyzer a;
    for (const Domain& d : loops) a.bind(d.var, Range{Expr(d.min), Expr(d.extent)});
    return a;
  }
  std::string str() const {
    std::string s = history + " loops";
    for (const Domain& d : loops)
      s += " " + d.var.name() + ":" + std::to_string(d.min) + "+" + std::to_string(d.extent);
    s += " bindings";
    for (const Expr& e : bindings) s += " " + show(e);
    return s + " predicate " + show(predicate);
  }
};

Nest random_nest(CounterRng& rng, bool simplify) {
  Nest n;
  const char* names[] = {"x", "y", "z"};
  const size_t count = 1 + rng.below(3);
  for (size_t i = 0; i < count; ++i) {
    Var v(names[i]);
    n.loops.push_back({v, 0, 1 + static_cast<int64_t>(rng.below(count == 1 ? 40 : count == 2 ? 9 : 6))});
    n.bindings.push_back(v);
  }
  const uint64_t steps = rng.below(5);
  for (uint64_t s = 0; s < steps; ++s) {
    const size_t at = rng.below(n.loops.size());
    const uint64_t kind = rng.below(5);
    if (kind < 3)
      n.split(at, 1 + static_cast<int64_t>(rng.below(5)));
    else if (kind == 3 && at + 1 < n.loops.size())
      n.fuse(at);
    else if (at + 1 < n.loops.size())
      n.swap(at);
    if (simplify) {
      Analyzer a = n.analyzer();
      for (Expr& e : n.bindings) e = a.simplify(e);
      if (n.predicate.defined()) n.predicate = a.simplify(n.predicate);
      if (is_true(n.predicate)) n.predicate = nullptr;
    }
  }
  return n;
}

int64_t points(const Nest& n) {
  int64_t p = 1;
  for (const Domain& d : n.loops) p *= d.extent;
  return p;
}

Expr expr_of(const IterSplit& s);
Expr expr_of(const IterMark& m) {
  if (m.var.defined()) return m.var - m.min;
  Expr e = Expr(0);
  for (const IterSplit& s : m.fused) e = e + expr_of(s);
  return e - m.min;
}
Expr expr_of(const IterSplit& s) {
  return floormod(floordiv(expr_of(*s.source), s.lower_factor), s.extent) * s.scale;
}

/// Everything the level promises, by enumeration. `n` gives values to free variables.
void check_map(const Nest& nest, const IterMapResult& map, IterMapLevel level, const std::string& context,
               const Env& free = {}) {
  std::set<std::vector<int64_t>> tuples;
  std::vector<std::set<int64_t>> single(nest.bindings.size());
  size_t count = 0;
  for_each_point(nest.loops, [&](const Env& point) {
    Env env = point;
    env.insert(free.begin(), free.end());
    if (nest.predicate.defined() && !*eval(nest.predicate, env)) return true;
    ++count;
    std::vector<int64_t> tuple;
    for (size_t i = 0; i < nest.bindings.size(); ++i) {
      const int64_t value = *eval(nest.bindings[i], env);
      tuple.push_back(value);
      single[i].insert(value);
      Expr sum = map.indices[i].base;
      for (const IterSplit& s : map.indices[i].terms) sum = sum + expr_of(s);
      EXPECT_EQ(eval(sum, env).value_or(-999), value) << context << " index " << i << " is " << show(sum);
    }
    tuples.insert(tuple);
    return !::testing::Test::HasFailure();
  });
  if (count == 0 || ::testing::Test::HasFailure()) return;
  size_t combinations = 1;
  for (const auto& s : single) combinations *= s.size();
  EXPECT_EQ(tuples.size(), combinations) << context << " indices depend on one another";
  if (level == IterMapLevel::kNoCheck) return;
  for (size_t i = 0; i < single.size(); ++i) {
    const int64_t base = *eval(map.indices[i].base, free), extent = *eval(map.indices[i].extent, free);
    EXPECT_EQ(*single[i].begin(), base) << context;
    EXPECT_EQ(*single[i].rbegin(), base + extent - 1) << context;
    EXPECT_EQ(static_cast<int64_t>(single[i].size()), extent) << context;
  }
  EXPECT_TRUE(level != IterMapLevel::kBijective || tuples.size() == count) << context;
}

void check_inverse(const Nest& nest, const IterMapResult& map, const std::string& context, const Env& free = {}) {
  std::vector<Expr> values;
  for (size_t i = 0; i < nest.bindings.size(); ++i) values.push_back(Var("v" + std::to_string(i)));
  const auto inverse = inverse_iter_map(map, values);
  ASSERT_TRUE(inverse) << context;
  for_each_point(nest.loops, [&](const Env& point) {
    Env env = point;
    env.insert(free.begin(), free.end());
    if (nest.predicate.defined() && !*eval(nest.predicate, env)) return true;
    Env known = free;
    for (size_t i = 0; i < values.size(); ++i)
      known[static_cast<const VarNode*>(values[i].get())] = *eval(nest.bindings[i], env);
    for (const Domain& d : nest.loops) {
      const auto it = inverse->find(d.var.get());
      EXPECT_TRUE(it != inverse->end()) << context << " misses " << d.var.name();
      if (it == inverse->end()) return false;
      EXPECT_EQ(eval(it->second, known).value_or(-999), env.at(d.var.get()))
          << context << " inverse of " << d.var.name() << " is " << show(it->second);
    }
    return !::testing::Test::HasFailure();
  });
}

constexpr IterMapLevel kLevels[] = {IterMapLevel::kBijective, IterMapLevel::kSurjective, IterMapLevel::kNoCheck};

TEST(IterMapFuzz, SchedulesOfFullIterators) {
  int found = 0, total = 0, plain = 0, plain_found = 0;
  for (uint64_t seed = 0; seed < 6000 && !::testing::Test::HasFailure(); ++seed) {
    CounterRng rng(seed, 21);
    const Nest nest = random_nest(rng, seed % 2);
    if (points(nest) > 3000) continue;
    Analyzer analyzer = seed % 3 ? nest.analyzer() : Analyzer();
    if (seed % 6 == 1 && nest.predicate.defined()) analyzer.assume(nest.predicate);
    const std::string context = "seed " + std::to_string(seed) + nest.str();
    const auto map = detect_iter_map(nest.bindings, nest.domains(), nest.predicate, IterMapLevel::kBijective, analyzer);
    ++total;
    const bool no_fuse = nest.history.find("fuse") == std::string::npos;
    plain += no_fuse;
    if (!map) {
      continue;
    }
    ++found;
    plain_found += no_fuse;
    check_map(nest, *map, IterMapLevel::kBijective, context);
    check_inverse(nest, *map, context);
  }
  EXPECT_EQ(plain_found, plain);
  EXPECT_GT(found * 100, total * 95);
}

TEST(IterMapFuzz, ClaimsOfAnyMap) {
  int found[3] = {0, 0, 0};
  for (uint64_t seed = 0; seed < 20000 && !::testing::Test::HasFailure(); ++seed) {
    CounterRng rng(seed, 22);
    Nest nest = random_nest(rng, seed % 2);
    if (points(nest) > 2000) continue;
    // Disturb it: other bindings, other conditions, other minima.
    if (seed % 5 == 0) nest.loops[0].min = static_cast<int64_t>(rng.below(7)) - 3;
    auto piece = [&]() -> Expr {
      const Domain& d = nest.loops[rng.below(nest.loops.size())];
      Expr e = d.var;
      if (rng.below(2)) e = floordiv(e, 1 + static_cast<int64_t>(rng.below(6)));
      if (rng.below(2)) e = floormod(e, 2 + static_cast<int64_t>(rng.below(6)));
      return rng.below(3) ? e : e * (1 + static_cast<int64_t>(rng.below(6)));
    };
    const uint64_t kind = rng.below(4);
    if (kind == 0) nest.bindings = {piece() + piece()};
    if (kind == 1) nest.bindings = {piece(), piece() + piece(), piece() + 1};
    if (kind == 2) {
      Expr& e = nest.bindings[rng.below(nest.bindings.size())];
      e = rng.below(2) ? floordiv(e, 1 + static_cast<int64_t>(rng.below(5)))
                       : floormod(e, 1 + static_cast<int64_t>(rng.below(5)));
    }
    while (rng.below(3) == 0) {
      const Expr left = rng.below(2) ? nest.bindings[rng.below(nest.bindings.size())] : piece() + piece();
      const int64_t c = static_cast<int64_t>(rng.below(20));
      const Expr condition = rng.below(4) ? left < c : left >= floordiv(Expr(c), 3);
      nest.predicate = nest.predicate.defined() ? nest.predicate && condition : condition;
    }
    const std::string context = "seed " + std::to_string(seed) + nest.str();
    for (const IterMapLevel level : kLevels) {
      Analyzer analyzer;
      const auto map = detect_iter_map(nest.bindings, nest.domains(), nest.predicate, level, analyzer);
      if (!map) continue;
      ++found[static_cast<int>(level)];
      check_map(nest, *map, level, context + " level " + std::to_string(static_cast<int>(level)));
      if (level == IterMapLevel::kBijective) check_inverse(nest, *map, context);
    }
  }
  EXPECT_GT(found[0], 2000);
  EXPECT_GT(found[2], found[0]);
}

TEST(IterMapFuzz, RegionLowerBoundIsCovered) {
  int found = 0;
  for (uint64_t seed = 0; seed < 10000 && !::testing::Test::HasFailure(); ++seed) {
    CounterRng rng(seed, 23);
    const Nest nest = random_nest(rng, seed % 2);
    if (points(nest) > 2000) continue;
    std::vector<Range> region;
    for (const Expr& e : nest.bindings) {
      Expr index = e * (1 + static_cast<int64_t>(rng.below(3))) + static_cast<int64_t>(rng.below(2));
      if (rng.below(3) == 0) index = index + nest.loops[rng.below(nest.loops.size())].var;
      region.push_back({index, Expr(1 + static_cast<int64_t>(rng.below(3)))});
    }
    std::vector<std::pair<Var, Range>> loops;
    for (const IterDomain& d : nest.domains()) loops.emplace_back(d.var, d.range);
    Analyzer analyzer;
    const auto box = region_lower_bound(region, loops, nest.predicate, analyzer);
    if (!box) continue;
    ++found;
    std::set<std::vector<int64_t>> covered;
    for_each_point(nest.loops, [&](const Env& env) {
      if (nest.predicate.defined() && !*eval(nest.predicate, env)) return true;
      std::vector<Domain> inside;
      for (const Range& r : region) inside.push_back({Var("p"), *eval(r.min, env), *eval(r.extent, env)});
      for_each_point(inside, [&](const Env& p) {
        std::vector<int64_t> point;
        for (const Domain& d : inside) point.push_back(p.at(d.var.get()));
        covered.insert(point);
        return true;
      });
      return true;
    });
    std::vector<Domain> claimed;
    for (const Range& r : *box) claimed.push_back({Var("p"), *eval(r.min, {}), *eval(r.extent, {})});
    for_each_point(claimed, [&](const Env& p) {
      std::vector<int64_t> point;
      for (const Domain& d : claimed) point.push_back(p.at(d.var.get()));
      EXPECT_TRUE(covered.count(point)) << "seed " << seed << nest.str();
      return !::testing::Test::HasFailure();
    });
  }
  EXPECT_GT(found, 2000);
}

TEST(IterMapFuzz, SubspacesAddUp) {
  int found = 0;
  for (uint64_t seed = 0; seed < 10000 && !::testing::Test::HasFailure(); ++seed) {
    CounterRng rng(seed, 24);
    const Nest nest = random_nest(rng, seed % 2);
    if (points(nest) > 2000) continue;
    const std::vector<IterDomain> all = nest.domains();
    const size_t cut = rng.below(all.size() + 1);
    const std::vector<IterDomain> outer(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut)),
        inner(all.begin() + static_cast<std::ptrdiff_t>(cut), all.end());
    Analyzer analyzer;
    const auto parts = subspace_divide(nest.bindings, outer, inner, nest.predicate, analyzer);
    if (!parts) continue;
    ++found;
    const std::string context = "seed " + std::to_string(seed) + nest.str();
    for (size_t i = 0; i < nest.bindings.size(); ++i) {
      for (const IterDomain& d : outer) EXPECT_FALSE(tir::uses_var(parts->inner[i], d.var.get())) << context;
      for (const IterDomain& d : inner) EXPECT_FALSE(tir::uses_var(parts->outer[i], d.var.get())) << context;
    }
    std::vector<std::set<int64_t>> seen(nest.bindings.size());
    for_each_point(nest.loops, [&](const Env& env) {
      auto holds = [&](const Expr& e) { return !e.defined() || *eval(e, env) != 0; };
      const bool both = holds(parts->outer_predicate) && holds(parts->inner_predicate);
      EXPECT_EQ(both, holds(nest.predicate)) << context;
      if (!both) return true;
      for (size_t i = 0; i < nest.bindings.size(); ++i) {
        const int64_t o = *eval(parts->outer[i], env), n = *eval(parts->inner[i], env),
                      e = *eval(parts->inner_extent[i], env);
        EXPECT_EQ(o * e + n, *eval(nest.bindings[i], env)) << context;
        EXPECT_TRUE(n >= 0 && n < e) << context;
        EXPECT_TRUE(o >= 0 && o < *eval(parts->outer_extent[i], env)) << context;
        seen[i].insert(n);
      }
      return !::testing::Test::HasFailure();
    });
  }
  EXPECT_GT(found, 2000);
}

}  // namespace
}  // namespace tilewright::arith
