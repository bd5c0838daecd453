// Random schedules of small operators, lowered for random targets: the lowered program computes the same values.
#include <gtest/gtest.h>

#include "lower/lowering_test_util.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/te/workload.h"

namespace tilewright::lower {
namespace {

using namespace testing;  // NOLINT
using namespace tir;      // NOLINT
using schedule::Block;
using schedule::Loop;
using schedule::Schedule;

const std::vector<PrimFunc>& programs() {
  static const std::vector<PrimFunc> all = [] {
    std::vector<PrimFunc> out;
    for (const char* name :
         {"gmm:1,13,17,9", "gmm:2,4,40,8", "c2d:1,9,11,2,3,3,1,1", "c1d:1,19,3,4,3,2,1", "dense_bias_relu:3,21,5",
          "matmul_add:7,33,8", "dep:1,9,9,3,3,2,1", "dense:3,25,16", "t2d:1,3,5,2,2,3,2,1", "grp:1,6,6,4,4,3,1,1,2"})
      out.push_back(te::parse_workload(name).value().func);
    return out;
  }();
  return all;
}

void random_step(Schedule& s, CounterRng& rng) {
  std::vector<std::string> names;
  pre_order(s.func()->body, [&](const Stmt& x) {
    if (const auto* b = as<BlockNode>(x); b && b->name != "root") names.push_back(b->name);
    return true;
  });
  const auto number = [&](int64_t n) { return static_cast<int64_t>(rng.below(static_cast<uint64_t>(n))); };
  const auto any_block = [&] { return s.get_block(names[rng.below(names.size())]); };
  const auto any_loop = [&](bool inner) {
    const std::vector<Loop> loops = s.get_loops(any_block());
    if (loops.empty()) throw Error("none", "test", "no loops");
    return inner ? loops.back() : loops[rng.below(loops.size())];
  };
  const char* scopes[] = {"global", "local"};
  const int64_t factors[] = {2, 3, 4, 5, 8, 16};
  switch (number(18)) {
    case 0:
    case 1:
    case 2:
      s.split(any_loop(false), {std::nullopt, factors[number(6)]});
      return;
    case 3:
      s.split(any_loop(false), {std::nullopt, factors[number(3)], factors[number(4)]});
      return;
    case 4:
    case 5: {
      std::vector<Loop> loops = s.get_loops(any_block());
      for (size_t i = loops.size(); i > 1; --i) std::swap(loops[i - 1], loops[rng.below(i)]);
      loops.resize(std::min<size_t>(loops.size(), 2 + rng.below(3)));
      if (loops.size() > 1) s.reorder(loops);
      return;
    }
    case 6: {
      const std::vector<Loop> loops = s.get_loops(any_block());
      if (loops.size() < 2) return;
      const size_t at = rng.below(loops.size() - 1);
      s.fuse({loops[at], loops[at + 1]});
      return;
    }
    case 7:
      s.parallel(any_loop(false));
      return;
    case 8:
    case 9:
      s.vectorize(any_loop(true));
      return;
    case 10:
      s.vectorize(any_loop(false));
      return;
    case 11:
      s.unroll(any_loop(false));
      return;
    case 12:
      s.compute_at(any_block(), any_loop(false), number(2) == 0);
      return;
    case 13:
      s.reverse_compute_at(any_block(), any_loop(false), number(2) == 0);
      return;
    case 14:
      s.compute_inline(any_block());
      return;
    case 15:
      s.cache_read(any_block(), static_cast<int>(number(3)), scopes[number(2)]);
      return;
    case 16:
      s.cache_write(any_block(), 0, scopes[number(2)]);
      return;
    default:
      if (number(2) == 0) {
        s.rfactor(any_loop(false), static_cast<int>(number(3)) - 1);
      } else {
        const Block b = any_block();
        const std::vector<Loop> loops = s.get_loops(b);
        if (!loops.empty()) s.decompose_reduction(b, loops[rng.below(loops.size())]);
      }
      return;
  }
}

std::vector<std::vector<double>> values(const PrimFunc& f, Status* status) {
  std::vector<HostArray> arrays;
  CounterRng rng(7);
  for (const Param& p : f->params) {
    std::vector<int64_t> shape;
    for (const Expr& e : p.buffer.shape()) {
      int64_t n = 0;
      is_const_int(e, &n);
      shape.push_back(n);
    }
    arrays.push_back(HostArray::zeros(p.buffer.dtype(), shape));
    for (int64_t i = 0; i < arrays.back().elements(); ++i)
      arrays.back().set(i, static_cast<double>(rng.in_range(-4, 4)));
  }
  std::vector<HostArray*> args;
  for (auto& a : arrays) args.push_back(&a);
  *status = interpret(f, args);
  std::vector<std::vector<double>> out;
  for (auto& a : arrays) {
    out.emplace_back();
    for (int64_t i = 0; i < a.elements(); ++i) out.back().push_back(a.get(i));
  }
  return out;
}

class RandomLowering : public ::testing::TestWithParam<int> {};

TEST_P(RandomLowering, ComputesTheSame) {
  int lowered_programs = 0;
  for (int i = 0; i < 60; ++i) {
    const uint64_t seed = static_cast<uint64_t>(GetParam()) * 1000 + static_cast<uint64_t>(i);
    SCOPED_TRACE("seed " + std::to_string(seed));
    CounterRng rng(seed);
    const PrimFunc& program = programs()[rng.below(programs().size())];
    Schedule s(program);
    for (int step = 0; step < 16; ++step) {
      try {
        random_step(s, rng);
      } catch (const Error& e) {
        ASSERT_NE(e.diagnostic().code, "D0001") << e.what() << "\n" << s.trace();
      }
    }
    // Only what the schedule got right can be lowered right. Producers that parallel iterations compute again share a
    // buffer until allocations are planned: that race is no fault.
    if (!verify::verify(s.func(), verify::Stage::kScheduled).ok()) continue;
    Status before, scheduled, after;
    const auto want = values(program, &before), same = values(s.func(), &scheduled);
    ASSERT_TRUE(before.ok());
    if (scheduled.ok() ? want != same : scheduled.error().code != "T0505") continue;
    ++lowered_programs;
    LowerOptions options;
    options.vector_bytes = 16 << rng.below(3);
    options.has_masked_memory = rng.below(2) == 0;
    options.has_fma = rng.below(2) == 0;
    options.debug_bounds = rng.below(4) == 0;
    options.verify_each_pass = true;
    PrimFunc lowered;
    try {
      lowered = lower(s.func(), options);
    } catch (const Error& e) {
      FAIL() << e.what() << "\n" << s.func() << s.trace();
    }
    const auto got = values(lowered, &after);
    ASSERT_TRUE(after.ok()) << after.error().render() << "\n" << s.func() << lowered << s.trace();
    ASSERT_EQ(want, got) << s.func() << lowered << s.trace();
  }
  EXPECT_GT(lowered_programs, 40);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLowering, ::testing::Range(0, 10));

}  // namespace
}  // namespace tilewright::lower
