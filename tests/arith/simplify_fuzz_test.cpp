// Every claim of the analyzer against exhaustive evaluation over small domains.
#include <gtest/gtest.h>

#include "arith/brute_force.h"
#include "tilewright/arith/analyzer.h"

namespace tilewright::arith {
namespace {

using namespace testing;  // NOLINT

struct World {
  std::vector<Domain> domains;
  std::vector<Var> vars;
  Analyzer analyzer;
};

World make_world(CounterRng& rng, uint64_t kind) {
  World w;
  const char* names[] = {"a", "b", "c"};
  for (const char* name : names) {
    Var v(name);
    int64_t low = 0, extent = 1 + static_cast<int64_t>(rng.below(8));
    if (kind % 3 == 1) low = rng.in_range(-5, 5);
    if (kind % 3 == 2) low = -4, extent = 9;  // the analyzer knows nothing
    w.vars.push_back(v);
    w.domains.push_back({v, low, extent});
    if (kind % 3 != 2) w.analyzer.bind(v, Range{Expr(low), Expr(extent)});
  }
  return w;
}

std::string facts_of(const World& w) {
  std::string s;
  for (const Domain& d : w.domains)
    s += " " + d.var.name() + " in [" + std::to_string(d.min) + ", +" + std::to_string(d.extent) + ")";
  return s;
}

void check_integer(World& w, const Expr& e, const Expr& fact, uint64_t seed) {
  const Expr s = w.analyzer.simplify(e);
  const ConstBound b = w.analyzer.const_bound(e);
  const ModularSet m = w.analyzer.modular_set(e);
  const std::string context =
      "seed " + std::to_string(seed) + facts_of(w) + " given " + show(fact) + ": " + show(e) + " -> " + show(s);
  for_each_point(w.domains, [&](const Env& env) {
    if (fact.defined() && eval(fact, env).value_or(0) == 0) return true;
    const auto x = eval(e, env);
    if (!x) return true;
    const auto y = eval(s, env, Overflow::kWrap);
    EXPECT_TRUE(y && *x == *y) << context << ": " << *x << " became " << (y ? std::to_string(*y) : "undefined");
    EXPECT_TRUE(*x >= b.min && *x <= b.max) << context << " bound [" << b.min << ", " << b.max << "] value " << *x;
    const bool member = m.coeff == 0 ? *x == m.base : (static_cast<__int128>(*x) - m.base) % m.coeff == 0;
    EXPECT_TRUE(member) << context << " modular " << m.coeff << "k+" << m.base << " value " << *x;
    return !::testing::Test::HasFailure();
  });
}

void check_condition(World& w, const Expr& c, const Expr& fact, uint64_t seed) {
  const Expr s = w.analyzer.simplify(c);
  const bool proven = w.analyzer.can_prove(c), refuted = w.analyzer.can_prove(!c);
  const std::string context =
      "seed " + std::to_string(seed) + facts_of(w) + " given " + show(fact) + ": " + show(c) + " -> " + show(s);
  for_each_point(w.domains, [&](const Env& env) {
    if (fact.defined() && eval(fact, env).value_or(0) == 0) return true;
    const auto x = eval(c, env);
    if (!x) return true;
    const auto y = eval(s, env, Overflow::kWrap);
    EXPECT_TRUE(y && *x == *y) << context << " at " << env.at(w.vars[0].get()) << " " << env.at(w.vars[1].get()) << " "
                               << env.at(w.vars[2].get());
    EXPECT_FALSE(proven && !*x) << "proved " << context;
    EXPECT_FALSE(refuted && *x) << "refuted " << context;
    return !::testing::Test::HasFailure();
  });
}

TEST(SimplifyFuzz, IntegersKeepTheirValue) {
  int different = 0, total = 0;
  for (uint64_t seed = 0; seed < 12000 && !HasFailure(); ++seed) {
    CounterRng rng(seed, 1);
    World w = make_world(rng, seed);
    Generator g(rng, w.vars);
    const Expr e = g.integer(1 + static_cast<int>(seed % 4));
    check_integer(w, e, nullptr, seed);
    const Expr s = w.analyzer.simplify(e);
    const Expr again = w.analyzer.simplify(s);
    ++total;
    if (!again.same_as(s)) {
      ++different;
    }
  }
  // A second pass may still find something in deep random trees, but rarely.
  EXPECT_LT(different * 100, total) << different << " of " << total << " are not a fixed point";
}

TEST(SimplifyFuzz, ConditionsKeepTheirValue) {
  for (uint64_t seed = 0; seed < 12000 && !HasFailure(); ++seed) {
    CounterRng rng(seed, 2);
    World w = make_world(rng, seed);
    Generator g(rng, w.vars);
    check_condition(w, g.condition(1 + static_cast<int>(seed % 3)), nullptr, seed);
  }
}

TEST(SimplifyFuzz, AssumptionsHoldOnlyWhereTheyAreTrue) {
  for (uint64_t seed = 0; seed < 12000 && !HasFailure(); ++seed) {
    CounterRng rng(seed, 3);
    World w = make_world(rng, seed);
    Generator g(rng, w.vars);
    const Expr fact = g.condition(static_cast<int>(seed % 3));
    w.analyzer.assume(fact);
    check_integer(w, g.integer(1 + static_cast<int>(seed % 3)), fact, seed);
    check_condition(w, g.condition(static_cast<int>(seed % 3)), fact, seed);
    // Copies know the same.
    Analyzer copy = w.analyzer;
    std::swap(copy, w.analyzer);
    check_integer(w, g.integer(2), fact, seed);
  }
}

TEST(SimplifyFuzz, LargeConstantsGiveUpOrStayRight) {
  for (uint64_t seed = 0; seed < 12000 && !HasFailure(); ++seed) {
    CounterRng rng(seed, 5);
    World w = make_world(rng, seed);
    Generator g(rng, w.vars);
    g.large = true;
    const Expr fact = seed % 2 ? g.condition(static_cast<int>(seed % 3)) : Expr();
    w.analyzer.assume(fact);
    check_integer(w, g.integer(1 + static_cast<int>(seed % 3)), fact, seed);
    check_condition(w, g.condition(1 + static_cast<int>(seed % 2)), fact, seed);
  }
}

TEST(SimplifyFuzz, SymbolicRangesAndValues) {
  for (uint64_t seed = 0; seed < 6000 && !HasFailure(); ++seed) {
    CounterRng rng(seed, 4);
    World w;
    Var n("n"), i("i"), j("j");
    w.vars = {n, i, j};
    const int64_t low = rng.in_range(0, 2);
    w.domains = {{n, low, 7}, {i, -3, 14}, {j, -3, 14}};
    w.analyzer.bind(n, Range{Expr(low), Expr(7)});
    w.analyzer.bind(i, Range{Expr(low), Expr(n)});
    Expr fact = i >= low && i < n + low;
    if (seed % 2) {
      w.analyzer.bind(j, Range{i - 1, floordiv(n, 2) + 1});
      fact = fact && j >= i - 1 && j < i + floordiv(n, 2);
    } else {
      w.analyzer.bind(j, n * 2 - i);
      fact = fact && j == n * 2 - i;
    }
    Generator g(rng, w.vars);
    check_integer(w, g.integer(1 + static_cast<int>(seed % 3)), fact, seed);
    check_condition(w, g.condition(static_cast<int>(seed % 3)), fact, seed);
  }
}

}  // namespace
}  // namespace tilewright::arith
