// The two ladders on a 1024 x 1024 x 1024 product, step by step: each step gives the right values. Their times are
// benchmarks/ladder.cpp's business.
#include "examples/example.h"

namespace tilewright::examples {
namespace {

constexpr int64_t kN = 1024;

struct Matmul {
  te::Tensor A = te::placeholder({kN, kN}, f32, "A"), B = te::placeholder({kN, kN}, f32, "B");
  te::IterVar k = te::reduce_axis(0, kN, "k");
  te::Tensor C = te::compute({kN, kN}, [&](Expr i, Expr j) { return te::sum(A(i, k) * B(k, j), k); }, "C");
  StageSchedule schedule() const { return StageSchedule({A, B}, {C}, "matmul"); }
};

/// Inputs uniform in [0, 1), so that every element can be compared relatively; the product in f64.
class Product {
 public:
  explicit Product(const PrimFunc& func) : arguments_(func), reference_(static_cast<size_t>(kN * kN)) {
    for (const size_t input : {0, 1}) {
      for (int64_t i = 0; i < kN * kN; ++i) arguments_[input][i] = std::fabs(arguments_[input][i]);
    }
    multiply(arguments_[0], arguments_[1], reference_.data());
  }

  double max_relative_error(const Module& module) const {
    std::fill_n(arguments_[2], kN * kN, std::nanf(""));
    arguments_.call(module["matmul"]);
    double worst = 0;
    for (size_t i = 0; i < reference_.size(); ++i) {
      const double error = std::fabs(arguments_[2][i] - reference_[i]) / reference_[i];
      if (!(error <= worst)) worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    }
    return worst;
  }

 private:
  __attribute__((no_sanitize("address", "undefined"))) static void multiply(const float* a, const float* b, double* c) {
    for (int64_t i = 0; i < kN; ++i) {
      double* row = c + i * kN;
      for (int64_t k = 0; k < kN; ++k) {
        const double x = a[i * kN + k];
        for (int64_t j = 0; j < kN; ++j) row[j] += x * b[k * kN + j];
      }
    }
  }

  Arguments arguments_;
  std::vector<double> reference_;
};

bool host_has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

std::vector<std::string> targets() {
  std::vector<std::string> names = {"llvm -mcpu=native"};
  if (host_has_avx2()) names.push_back("llvm -mcpu=core-avx2");
  return names;
}

TEST(MatmulLadder, EveryStepOfLadderOneIsRight) {
  const Matmul m;
  const Product product(m.schedule().func());
  for (const std::string& target : targets()) {
    StageSchedule s = m.schedule();
    const auto expect_right = [&](const char* step) {
      EXPECT_LT(product.max_relative_error(build(s.func(), Target(target))), 1e-5) << step << ", " << target;
    };
    // The base is the same loop nest on every CPU and by far the slowest: once is enough.
    if (target == targets().front()) expect_right("base");
    auto [xo, yo, xi, yi] = s[m.C].tile(m.C.axis(0), m.C.axis(1), 32, 32);
    auto [ko, ki] = s[m.C].split(m.k, 4);
    s[m.C].reorder({xo, yo, ko, xi, yi, ki});
    expect_right("tile, split, reorder");
    s[m.C].vectorize(yi);
    expect_right("vectorize, with ki inside");
    s[m.C].parallel(xo);
    expect_right("parallel");
    s[m.C].unroll(ki);
    expect_right("unroll");
  }
}

TEST(MatmulLadder, LadderTwoWithoutReorderIsRight) {
  const Matmul m;
  const Product product(m.schedule().func());
  for (const std::string& target : targets()) {
    StageSchedule s = m.schedule();
    auto [xo, yo, xi, yi] = s[m.C].tile(m.C.axis(0), m.C.axis(1), 32, 32);
    s[m.C].parallel(xo);
    s[m.C].vectorize(yi);
    EXPECT_LT(product.max_relative_error(build(s.func(), Target(target))), 1e-5) << target;
  }
}

TEST(MatmulLadder, AnAxisThatTileConsumedIsRefusedNamingWhatReplacedIt) {
  const Matmul m;
  StageSchedule s = m.schedule();
  s[m.C].tile(m.C.axis(0), m.C.axis(1), 32, 32);
  const PrimFunc before = s.func();
  const std::string text = error_of([&] { s[m.C].parallel(m.C.op().axes[0]); });
  EXPECT_THAT(text, testing::HasSubstr("loop `i` was consumed by tile"));
  EXPECT_THAT(text, testing::HasSubstr("`i_0`, `i_1`"));
  EXPECT_TRUE(before.same_as(s.func()));
}

}  // namespace
}  // namespace tilewright::examples
