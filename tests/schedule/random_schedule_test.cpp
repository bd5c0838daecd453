// Random primitives with random arguments on small programs: whatever is accepted computes the same values.
#include "schedule/schedule_testing.h"
#include "tilewright/te/workload.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

/// Symbolic sizes, tuples, padding by conditions, several results, indices that run backwards.
void more_programs(std::vector<PrimFunc>* out) {
  const Var n("n"), m("m");
  out->push_back(matmul(n, m, 6));
  out->push_back(elementwise(n, m));
  {
    te::Tensor a = te::placeholder({n, m}, f32, "A");
    te::IterVar k = te::reduce_axis(0, m, "k");
    te::Tensor b = te::compute({n, m}, [&](Expr i, Expr j) { return a(i, j) * 2.0f; }, "B");
    te::Tensor c = te::compute({n}, [&](Expr i) { return te::sum(b(i, k), {k}); }, "C");
    te::Tensor d = te::compute({n, m}, [&](Expr i, Expr j) { return a(i, j) - c(i); }, "D");
    out->push_back(te::create_prim_func({a, d}, "sym"));
  }
  {
    te::Tensor a = te::placeholder({7, 9}, f32, "A");
    te::IterVar k = te::reduce_axis(0, 9, "k");
    auto argmax = te::make_reducer(
        "argmax",
        [](std::vector<Expr> a, std::vector<Expr> b) {
          Expr first = a[1] > b[1] || (a[1] == b[1] && a[0] <= b[0]);
          return std::vector<Expr>{te::select(first, a[0], b[0]), te::select(first, a[1], b[1])};
        },
        std::vector<Expr>{te::make_int(i32, 100), te::min_value(f32)});
    auto best = te::compute({7}, [&](Expr i) { return argmax({te::cast(i32, k), a(i, k)}, {k}); }, "best");
    te::Tensor d = te::compute({7}, [&](Expr i) { return best[1](i) + te::cast(f32, best[0](i)); }, "D");
    out->push_back(te::create_prim_func({a, d}, "argmax"));
  }
  {
    te::Tensor a = te::placeholder({8, 6}, i32, "A");
    auto two = te::compute(
        {8, 6},
        [&](Expr i, Expr j) {
          return std::vector<Expr>{a(i, j) + te::make_int(i32, 1), a(i, j) * te::make_int(i32, 3)};
        },
        "two");
    te::Tensor d = te::compute({6, 8}, [&](Expr i, Expr j) { return two[0](j, i) - two[1](j, i); }, "D");
    out->push_back(te::create_prim_func({a, d}, "two"));
  }
  {
    te::Tensor a = te::placeholder({9, 9}, f32, "A");
    te::Tensor p = te::compute(
        {11, 11},
        [&](Expr i, Expr j) {
          return te::select(i >= Expr(1) && i < Expr(10) && j >= Expr(1) && j < Expr(10), a(i - 1, j - 1), Expr(0.0f));
        },
        "P");
    te::IterVar r = te::reduce_axis(0, 3, "r"), q = te::reduce_axis(0, 3, "q");
    te::Tensor b = te::compute({9, 9}, [&](Expr i, Expr j) { return te::max(p(i + r, j + q), {r, q}); }, "B");
    te::Tensor c = te::compute({4, 4}, [&](Expr i, Expr j) { return b(i * 2, j * 2) + b(i * 2 + 1, j * 2 + 1); }, "C");
    te::Tensor d = te::compute({16}, [&](Expr i) { return c(te::floordiv(i, 4), te::floormod(i, 4)); }, "D");
    out->push_back(te::create_prim_func({a, d}, "pool"));
  }
  {
    te::Tensor a = te::placeholder({5, 4}, f32, "A"), b = te::placeholder({6, 4}, f32, "B");
    te::Tensor c = te::compute(
        {11, 4},
        [&](Expr i, Expr j) {
          return te::select(i < Expr(5), a(te::min(i, Expr(4)), j), b(te::max(i - 5, Expr(0)), j));
        },
        "C");
    te::Tensor d = te::compute({4, 11}, [&](Expr i, Expr j) { return c(10 - j, i) * 2.0f; }, "D");
    out->push_back(te::create_prim_func({a, b, d}, "concat"));
  }
}

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
  more_programs(&out);
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
      check(s, program, {{"n", 5}, {"m", 7}});
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
