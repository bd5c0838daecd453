#include "tilewright/schedule/stage_schedule.h"

#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;

struct Matmul {
  te::Tensor a, b, c;
  te::IterVar k;
  Matmul(int64_t n, int64_t m, int64_t depth) {
    a = te::placeholder({n, depth}, f32, "A");
    b = te::placeholder({depth, m}, f32, "B");
    k = te::reduce_axis(0, depth, "k");
    c = te::compute({n, m}, [&](Expr i, Expr j) { return te::sum(a(i, k) * b(k, j), {k}); }, "C");
  }
};

template <typename F>
std::string error(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(StageSchedule, LadderOne) {
  for (const int64_t n : {64, 37}) {
    Matmul m(n, n, 19);
    StageSchedule s({m.c});
    const PrimFunc original = s.func();
    ASSERT_EQ(original->params.size(), 3u);
    EXPECT_EQ(original->params[1].buffer.name(), "B");
    auto [xo, yo, xi, yi] = s[m.c].tile(m.c.axis(0), m.c.axis(1), 32, 32);
    auto [ko, ki] = s[m.c].split(m.k, 4);
    s[m.c].reorder({xo, yo, ko, xi, yi, ki});
    check(s.schedule(), original);
    s[m.c].vectorize(yi);
    s[m.c].parallel(xo);
    s[m.c].unroll(ki);
    check(s.schedule(), original);
  }
}

TEST(StageSchedule, AxisConsumedByTile) {
  Matmul m(64, 64, 64);
  StageSchedule s({m.c});
  s[m.c].tile(m.c.axis(0), m.c.axis(1), 32, 32);
  EXPECT_EQ(error([&] { s[m.c].parallel(m.c.axis(0)); }),
            "error[S0103] parallel: loop `i` was consumed by tile\n"
            "  --> main:  for i_0 in 0..2        <-- here\n"
            "               for j_0 in 0..2\n"
            "                 for i_1 in 0..32        <-- here\n"
            "                   for j_1, k\n"
            "                     block C(spatial vi = i_0 * 32 + i_1, spatial vj = j_0 * 32 + j_1, reduce vk = k)\n"
            "  legal loops in its place: `i_0`, `i_1`        remedy: use one of them");
}

TEST(StageSchedule, SplitByPartsFuseAndOrder) {
  Matmul m(20, 12, 6);
  StageSchedule s({m.c});
  const PrimFunc original = s.func();
  auto [io, ii] = s[m.c].split_parts(m.c.axis(0), 3);
  EXPECT_TRUE(tir::is_const_int(s.schedule().get(io).extent, 3));
  const Loop f = s[m.c].fuse({ii, m.c.axis(1)});
  s[m.c].reorder({m.k, f});
  s[m.c].annotate(f, "note", 1).parallel(io);
  check(s.schedule(), original);
}

TEST(StageSchedule, ProducersMoveAndVanish) {
  te::Tensor a = te::placeholder({16, 16}, f32, "A");
  te::Tensor b = te::compute({16, 16}, [&](Expr i, Expr j) { return a(i, j) + 1.0f; }, "B");
  te::Tensor c = te::compute({16, 16}, [&](Expr i, Expr j) { return b(i, j) * 2.0f; }, "C");
  te::Tensor d = te::compute({16, 16}, [&](Expr i, Expr j) { return c(i, j) - 3.0f; }, "D");
  StageSchedule s({d});
  const PrimFunc original = s.func();
  s[c].compute_inline();
  s[b].compute_at(s[d], d.axis(0));
  check(s.schedule(), original);
  s[d].parallel(d.axis(0));
  s[b].vectorize(s[b].axis(0));
  check(s.schedule(), original);
}

TEST(StageSchedule, CacheWriteMovesTheReduction) {
  Matmul m(24, 20, 8);
  StageSchedule s({m.c});
  const PrimFunc original = s.func();
  Stage local = s.cache_write(m.c, "local");
  EXPECT_EQ(local.name(), "C_local");
  EXPECT_EQ(
      error([&] { s[m.c].reduce_axis(0); }),
      "error[S0147] reduce_axis: stage `C` only writes out what stage `C_local` computes, so it has no reduce axis\n"
      "  remedy: use the stage that cache_write returned: the reduce axes belong to `C_local`");
  EXPECT_EQ(
      error([&] { s[m.c].split(m.k, 4); }),
      "error[S0147] split: stage `C` only writes out what stage `C_local` computes, so it has no reduce axis `k`\n"
      "  remedy: use the stage that cache_write returned: the reduce axes belong to `C_local`");
  auto [xo, yo, xi, yi] = s[m.c].tile(m.c.axis(0), m.c.axis(1), 8, 8);
  local.compute_at(s[m.c], yo);
  check(s.schedule(), original);
  auto [ko, ki] = local.split(local.reduce_axis(0), 4);
  local.reorder({ko, local.axis(0), ki, local.axis(1)});
  local.vectorize(local.axis(1));
  s[m.c].parallel(xo);
  s[m.c].vectorize(yi);
  check(s.schedule(), original);
}

TEST(StageSchedule, ConvolutionWithCaches) {
  const int64_t size = 10, channels = 4, filters = 6, out = size - 2;
  te::Tensor data = te::placeholder({1, channels, size, size}, f32, "data");
  te::Tensor kernel = te::placeholder({filters, channels, 3, 3}, f32, "kernel");
  te::IterVar rc = te::reduce_axis(0, channels, "rc"), ry = te::reduce_axis(0, 3, "ry"),
              rx = te::reduce_axis(0, 3, "rx");
  te::Tensor conv = te::compute({1, filters, out, out},
                                [&](Expr n, Expr f, Expr y, Expr x) {
                                  return te::sum(data(n, rc, y + ry, x + rx) * kernel(f, rc, ry, rx), {rc, ry, rx});
                                },
                                "conv", {"n", "f", "y", "x"});
  StageSchedule s({conv});
  const PrimFunc original = s.func();
  Stage shared_data = s.cache_read(data, "shared", {conv});
  Stage shared_kernel = s.cache_read(kernel, "shared", {conv});
  Stage local = s.cache_write(conv, "local");
  auto [bf, vf] = s[conv].split(conv.axis(1), 4);
  auto [by, vy] = s[conv].split(conv.axis(2), 3);
  auto [bx, vx] = s[conv].split(conv.axis(3), 3);
  s[conv].reorder({conv.axis(0), bf, by, bx, vf, vy, vx});
  check(s.schedule(), original);
  local.compute_at(s[conv], vx);
  check(s.schedule(), original);
  shared_data.compute_at(s[conv], bx);
  shared_kernel.compute_at(s[conv], bx);
  check(s.schedule(), original);
  s[conv].parallel(bf);
  check(s.schedule(), original);
}

TEST(StageSchedule, Rfactor) {
  Matmul m(6, 5, 24);
  StageSchedule s({m.c});
  const PrimFunc original = s.func();
  auto [ko, ki] = s[m.c].split(m.k, 4);
  Stage partial = s[m.c].rfactor(ki, 0);
  check(s.schedule(), original);
  partial.vectorize(partial.axis(2));
  check(s.schedule(), original);
  EXPECT_TRUE(s.schedule().alive(s[m.c].reduce_axis(0)));
}

TEST(StageSchedule, Refusals) {
  Matmul m(8, 8, 8), other(4, 4, 4);
  StageSchedule s({m.c});
  EXPECT_EQ(error([&] { s[other.c]; }),
            "error[S0145] stage: tensor `C` belongs to no stage of this schedule\n  legal stages: `C`");
  EXPECT_EQ(error([&] { s[m.a]; }),
            "error[S0145] stage: tensor `A` is an input, which no stage computes\n"
            "  remedy: cache_read makes a stage that copies it");
  EXPECT_EQ(error([&] { s[te::Tensor()]; }), "error[S0145] stage: the tensor is undefined");
  EXPECT_EQ(error([&] { s[m.c].axis(2); }), "error[S0148] axis: stage `C` has 2 spatial axes, there is no axis 2");
  EXPECT_EQ(error([&] { s[m.c].reduce_axis(-1); }),
            "error[S0148] reduce_axis: stage `C` has 1 reduce axes, there is no axis -1");
  EXPECT_EQ(error([&] { s[m.c].split(other.k, 4); }),
            "error[S0146] split: axis `k` belongs to no stage of this schedule\n  remedy: use an axis of `C`");
  te::Tensor d = te::compute({8, 8}, [&](Expr i, Expr j) { return te::max(m.c(i, j), 0.0f); }, "D");
  StageSchedule t({d});
  EXPECT_EQ(error([&] { t[d].parallel(m.c.axis(0)); }),
            "error[S0146] parallel: axis `i` is not of stage `D`; it belongs to `C`\n  remedy: use an axis of `D`");
  EXPECT_EQ(error([&] { t[d].parallel(t[m.c].axis(0)); }),
            "error[S0146] parallel: loop `i` is not around stage `D`; it belongs to `C`\n  remedy: use an axis of `D`");
  EXPECT_EQ(error([&] { t.cache_read(m.a, "local", {d}); }),
            "error[S0173] cache_read: stage `D` does not read `A`\n  legal tensors: `C`");
  EXPECT_EQ(error([&] { t[d].reduce_axis(0); }), "error[S0147] reduce_axis: stage `D` has no reduce axes");
}

}  // namespace
}  // namespace tilewright::schedule
