// Runs a tuned matmul from C++. Links the thin runtime only: no compiler, no LLVM.
//
//   deploy_cpp gmm.so 512
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tilewright/runtime/runtime.h"

namespace rt = tilewright::runtime;

namespace {

void fill(const rt::Tensor& tensor, unsigned seed) {
  auto* data = tensor.data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    data[i] = static_cast<float>(seed >> 8) / static_cast<float>(1 << 23) - 1;
  }
}

/// max|c - a b| / max|a b|, the product summed up in double precision.
double max_error(const rt::Tensor& a, const rt::Tensor& b, const rt::Tensor& c, int64_t n) {
  const float *pa = a.data<float>(), *pb = b.data<float>(), *pc = c.data<float>();
  double difference = 0, scale = 0;
  std::vector<double> row(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t j = 0; j < n; ++j) row[static_cast<size_t>(j)] += double(pa[i * n + k]) * double(pb[k * n + j]);
    }
    for (int64_t j = 0; j < n; ++j) {
      const double want = row[static_cast<size_t>(j)];
      const double off = std::abs(double(pc[i * n + j]) - want);
      difference = off <= difference ? difference : off;  // a NaN is kept
      scale = std::max(scale, std::abs(want));
    }
  }
  return difference / scale;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr, "usage: deploy_cpp FILE.so N\n");
    return 2;
  }
  const int64_t n = std::atoi(argv[2]);
  try {
    rt::Module module = rt::load(argv[1]);
    rt::Tensor a = rt::Tensor::empty({1, n, n}), b = rt::Tensor::empty({1, n, n}), c = rt::Tensor::empty({1, n, n});
    fill(a, 1);
    fill(b, 2);
    module["gmm"](a, b, c);

    const double error = max_error(a, b, c, n);
    const rt::TimeResult time = module.time_evaluator("gmm", {.repeat = 7, .min_repeat_ms = 40})(a, b, c);
    const bool correct = error <= 1e-5;
    std::printf("C++: %.3f ms, %.1f GFLOPS, max_error %.1e: %s\n", time.min * 1e3,
                2e-9 * double(n) * double(n) * double(n) / time.min, error, correct ? "correct" : "WRONG");
    return correct ? 0 : 1;
  } catch (const rt::Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
