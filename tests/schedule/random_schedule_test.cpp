// Random primitives with random arguments on small programs: whatever is accepted computes the same values.
#include "schedule/schedule_testing.h"
#include "tilewright/te/workload.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

std::vector<PrimFunc> programs() {
  std::vector<PrimFunc> out;
  for (const char* name :
       {"gmm:1,5,7,6", "gmm:2,4,4,8", "c2d:1,5,6,2,3,3,1,1", "c1d:1,9,3,4,3,2,1", "dense_bias_relu:3,8,5",
        "matmul_add:4,6,8", "dep:1,5,5,3,3,2,1", "dense:3,5,16", "t2d:1,3,3,2,2,3,2,1", "grp:1,4,4,4,4,3,1,1,2"})
    out.push_back(te::parse_workload(name).value().func);
  {
    te::Tensor a = te::placeholder({13}, f32, "A");
    te::Tensor b = te::compute({13}, [&](Expr i) { return a(i) * 2.0f; }, "B");
    te::Tensor c = te::compute({11}, [&](Expr i) { return b(i) + b(i + 1) + b(i + 2); }, "C");
    te::Tensor d = te::compute({11}, [&](Expr i) { return c(i) - 1.0f; }, "D");
    out.push_back(te::create_prim_func({a, d}, "stencil"));
  }
  {
    te::Tensor a = te::placeholder({6, 10}, f32, "A");
    te::IterVar k = te::reduce_axis(0, 10, "k"), l = te::reduce_axis(0, 10, "l");
    te::Tensor m = te::compute({6}, [&](Expr i) { return te::max(a(i, k), {k}); }, "M");
    te::Tensor b = te::compute({6, 10}, [&](Expr i, Expr j) { return a(i, j) - m(i); }, "B");
    te::Tensor s = te::compute({6}, [&](Expr i) { return te::sum(b(i, l), {l}); }, "S");
    te::Tensor d = te::compute({6, 10}, [&](Expr i, Expr j) { return b(i, j) * s(i); }, "D");
    out.push_back(te::create_prim_func({a, d}, "rows"));
  }
  return out;
}

/// One random call; throws Error when it is refused.
void random_step(Schedule& s, CounterRng& rng, std::string* what) {
  std::vector<std::string> names;
  tir::pre_order(s.func()->body, [&](const tir::Stmt& x) {
    if (const auto* b = tir::as<tir::BlockNode>(x); b && b->name != "root") names.push_back(b->name);
    return true;
  });
  const auto any_block = [&] { return s.get_block(names[rng.below(names.size())]); };
  const auto any_loop = [&] {
    const std::vector<Loop> loops = s.get_loops(any_block());
    if (loops.empty()) throw Error("none", "test", "no loops");
    return loops[rng.below(loops.size())];
  };
  const auto number = [&](int64_t n) { return static_cast<int64_t>(rng.below(static_cast<uint64_t>(n))); };
  const char* scopes[] = {"global", "local", "shared"};
  const int64_t op = number(20);
  *what = std::to_string(op);
  switch (op) {
    case 0:
    case 1:
    case 2:
      s.split(any_loop(), {nullopt, 1 + number(5)});
      return;
    case 3:
      s.split(any_loop(), {nullopt, 1 + number(3), 1 + number(4)});
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
      s.parallel(any_loop());
      return;
    case 8:
      s.vectorize(any_loop());
      return;
    case 9:
      s.unroll(any_loop());
      return;
    case 10:
    case 11:
      s.compute_at(any_block(), any_loop(), number(2) == 0);
      return;
    case 12:
    case 13:
      s.reverse_compute_at(any_block(), any_loop(), number(2) == 0);
      return;
    case 14:
      s.compute_inline(any_block());
      return;
    case 15:
      s.reverse_compute_inline(any_block());
      return;
    case 16:
      s.cache_read(any_block(), static_cast<int>(number(3)), scopes[number(3)]);
      return;
    case 17:
      s.cache_write(any_block(), 0, scopes[number(3)]);
      return;
    case 18:
      s.rfactor(any_loop(), static_cast<int>(number(4)) - 1);
      return;
    default: {
      const Block b = any_block();
      const std::vector<Loop> loops = s.get_loops(b);
      if (!loops.empty()) s.decompose_reduction(b, loops[rng.below(loops.size())]);
      return;
    }
  }
}

class RandomSchedule : public ::testing::TestWithParam<int> {};

TEST_P(RandomSchedule, ComputesTheSame) {
  const std::vector<PrimFunc> all = programs();
  int accepted = 0;
  for (int i = 0; i < 40; ++i) {
    const uint64_t seed = static_cast<uint64_t>(GetParam()) * 1000 + static_cast<uint64_t>(i);
    SCOPED_TRACE("seed " + std::to_string(seed));
    CounterRng rng(seed);
    const PrimFunc& program = all[rng.below(all.size())];
    Schedule s(program);
    for (int step = 0; step < 12; ++step) {
      const PrimFunc before = s.func();
      std::string what;
      try {
        random_step(s, rng, &what);
      } catch (const Error& e) {
        ASSERT_NE(e.diagnostic().code, "D0001") << e.what() << "\n" << s.trace();
        EXPECT_TRUE(before.same_as(s.func()));
        continue;
      }
      ++accepted;
      if (before.same_as(s.func())) continue;
      check(s, program);
      if (HasFailure()) {
        std::cerr << s.trace();
        return;
      }
    }
  }
  EXPECT_GT(accepted, 40);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomSchedule, ::testing::Range(0, 8));

}  // namespace
}  // namespace tilewright::schedule
