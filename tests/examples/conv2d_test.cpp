// conv2d NCHW 1 x 128 x 56 x 56 with 128 filters of 3 x 3 in the classic staging: shared caches of the inputs, a local
// accumulator. And conv2d as a user's own workload, padding written as an expression.
#include <unistd.h>

#include "examples/example.h"
#include "tilewright/search/tuner.h"

namespace tilewright::examples {
namespace {

struct Conv {
  te::Tensor data = te::placeholder({1, 128, 56, 56}, f32, "data");
  te::Tensor kernel = te::placeholder({128, 128, 3, 3}, f32, "kernel");
  te::IterVar rc = te::reduce_axis(0, 128, "rc"), ry = te::reduce_axis(0, 3, "ry"), rx = te::reduce_axis(0, 3, "rx");
  te::Tensor conv = te::compute({1, 128, 54, 54},
                                [&](Expr n, Expr f, Expr y, Expr x) {
                                  return te::sum(data(n, rc, y + ry, x + rx) * kernel(f, rc, ry, rx), {rc, ry, rx});
                                },
                                "conv", {"n", "f", "y", "x"});
  StageSchedule schedule() const { return StageSchedule({data, kernel}, {conv}, "conv2d"); }
};

TEST(Conv2dStaging, CachesAndRaggedTilesAreRightOnTheCpu) {
  const Conv c;
  const Judge judge(c.schedule().func());
  StageSchedule s = c.schedule();
  auto data_shared = s.cache_read(c.data, "shared", {c.conv});
  auto kernel_shared = s.cache_read(c.kernel, "shared", {c.conv});
  auto local = s.cache_write(c.conv, "local");
  // 54 = 6 * 8 + 6: the last tile of y and x is ragged.
  auto [bf, vf] = s[c.conv].split(c.conv.axis(1), 16);
  auto [by, vy] = s[c.conv].split(c.conv.axis(2), 8);
  auto [bx, vx] = s[c.conv].split(c.conv.axis(3), 8);
  s[c.conv].reorder({c.conv.axis(0), bf, by, bx, vf, vy, vx});
  local.compute_at(s[c.conv], vx);
  data_shared.compute_at(s[c.conv], bx);
  kernel_shared.compute_at(s[c.conv], bx);
  local.reorder({local.reduce_axis(0), local.reduce_axis(1), local.reduce_axis(2)});
  EXPECT_LT(judge.error(s.func()), 1e-5) << s.func();
  s[c.conv].parallel(bf);
  EXPECT_LT(judge.error(s.func()), 1e-5);
}

TEST(Conv2dStaging, TheReduceAxesAskedOfTheWrittenOutStageAreRefused) {
  const Conv c;
  StageSchedule s = c.schedule();
  const auto local = s.cache_write(c.conv, "local");
  const std::string text = error_of([&] { s[c.conv].reduce_axis(0); });
  EXPECT_THAT(text, testing::HasSubstr("S0147"));
  EXPECT_THAT(text, testing::HasSubstr("`" + local.name() + "`"));
}

/// (N, H, W, CI, CO, KH, KW, stride, padding); `pad` tells how the padded input is read.
std::vector<te::Tensor> user_conv(const std::vector<int64_t>& p, bool guarded) {
  const int64_t N = p[0], H = p[1], W = p[2], CI = p[3], CO = p[4], KH = p[5], KW = p[6], stride = p[7], pad = p[8];
  te::Tensor X = te::placeholder({N, CI, H, W}, f32, "X"), K = te::placeholder({CO, CI, KH, KW}, f32, "K");
  te::Tensor P = te::compute({N, CI, H + 2 * pad, W + 2 * pad},
                             [&](Expr n, Expr c, Expr y, Expr x) {
                               if (!guarded) return X(n, c, y - pad, x - pad);
                               const Expr inside = y >= pad && y < H + pad && x >= pad && x < W + pad;
                               return te::if_then_else(inside, X(n, c, y - pad, x - pad), 0.0f);
                             },
                             "P", {"n", "c", "y", "x"});
  te::IterVar rc = te::reduce_axis(0, CI, "rc"), ry = te::reduce_axis(0, KH, "ry"), rx = te::reduce_axis(0, KW, "rx");
  te::Tensor Y =
      te::compute({N, CO, (H + 2 * pad - KH) / stride + 1, (W + 2 * pad - KW) / stride + 1},
                  [&](Expr n, Expr f, Expr y, Expr x) {
                    return te::sum(P(n, rc, y * stride + ry, x * stride + rx) * K(f, rc, ry, rx), {rc, ry, rx});
                  },
                  "Y", {"n", "f", "y", "x"});
  return {X, K, Y};
}

constexpr const char* kNumbers = "1,224,224,3,64,7,7,2,3";

void register_once() {
  static const bool done = [] {
    const std::vector<std::string> parameters = {"N", "H", "W", "CI", "CO", "KH", "KW", "stride", "padding"};
    te::register_workload("user_conv", parameters, [](const auto& numbers) { return user_conv(numbers, true); });
    te::register_workload("unguarded_conv", parameters, [](const auto& numbers) { return user_conv(numbers, false); });
    return true;
  }();
  ASSERT_TRUE(done);
}

TEST(Conv2dUser, AnIndexOutsideIsRefusedWithTensorIndexAndRange) {
  register_once();
  const auto workload = te::parse_workload(std::string("unguarded_conv:") + kNumbers);
  ASSERT_FALSE(workload);
  const std::string text = workload.error().render();
  EXPECT_THAT(text, testing::HasSubstr("X"));
  EXPECT_THAT(text, testing::HasSubstr("y - 3"));
  EXPECT_THAT(text, testing::HasSubstr("224")) << text;
}

TEST(Conv2dUser, ARegisteredFunctionIsTuned) {
  register_once();
  const te::Workload workload = te::parse_workload(std::string("user_conv:") + kNumbers).value();
  search::TuneOptions options;
  options.trials = 8;
  const search::TuneResult result = search::tune(workload, Target(), options).value();
  EXPECT_EQ(result.trials, 8);
  EXPECT_EQ(result.wrong, 0);
  ASSERT_TRUE(result.best);
  EXPECT_TRUE(result.best->checked);
  EXPECT_GT(result.best_gflops, 0);
}

}  // namespace
}  // namespace tilewright::examples
