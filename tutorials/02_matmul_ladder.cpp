// Tutorial 2: a matrix product made fast by hand, one step at a time. The page beside this file walks through it.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "tilewright/codegen/build.h"
#include "tilewright/schedule/stage_schedule.h"
#include "tilewright/te/te.h"
#include "tilewright/tir/printer.h"

namespace te = tilewright::te;
namespace rt = tilewright::runtime;
using tilewright::Expr;
using tilewright::f32;
using tilewright::StageSchedule;

constexpr int64_t kN = 512;

static void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "error: %s\n", what);
  std::exit(1);
}

// The product in f64, to compare with.
static std::vector<double> plain_product(const float* a, const float* b) {
  std::vector<double> c(static_cast<size_t>(kN * kN));
  for (int64_t i = 0; i < kN; ++i) {
    for (int64_t k = 0; k < kN; ++k) {
      for (int64_t j = 0; j < kN; ++j) c[static_cast<size_t>(i * kN + j)] += 1.0 * a[i * kN + k] * b[k * kN + j];
    }
  }
  return c;
}

int main() {
  // 1. The product, once for all steps.
  te::Tensor A = te::placeholder({kN, kN}, f32, "A"), B = te::placeholder({kN, kN}, f32, "B");
  te::IterVar k = te::reduce_axis(0, kN, "k");
  te::Tensor C = te::compute({kN, kN}, [&](Expr i, Expr j) { return te::sum(A(i, k) * B(k, j), k); }, "C");

  rt::Tensor a = rt::Tensor::empty({kN, kN}), b = rt::Tensor::empty({kN, kN}), c = rt::Tensor::zeros({kN, kN});
  for (int64_t i = 0; i < kN * kN; ++i) {
    a.data<float>()[i] = static_cast<float>((i * 7919) % 1013) / 1013.0f;
    b.data<float>()[i] = static_cast<float>((i * 104729) % 1009) / 1009.0f;
  }
  const std::vector<double> expected = plain_product(a.data<float>(), b.data<float>());

  // 2. Builds a schedule, checks every element, times it.
  double first_ms = 0;
  const auto measure = [&](const char* step, const StageSchedule& s) {
    const tilewright::Module module = tilewright::build(s.func(), tilewright::Target("llvm -mcpu=native"));
    module["matmul"](a, b, c);
    for (size_t i = 0; i < expected.size(); ++i)
      require(std::fabs(c.data<float>()[i] - expected[i]) <= 1e-5 * expected[i], "an element is wrong");
    const rt::TimeResult time = module.module().time_evaluator("matmul", {.number = 3, .repeat = 3})(a, b, c);
    const double ms = time.min * 1e3;
    if (first_ms == 0) first_ms = ms;
    std::printf("%-28s %9.2f ms %8.2f GFLOPS %7.1f times the first\n", step, ms, 2e-6 * kN * kN * kN / ms,
                first_ms / ms);
    std::fflush(stdout);
  };

  // 3. As the expression says it: three loops.
  StageSchedule s({A, B}, {C}, "matmul");
  measure("three loops", s);

  // 4. Tiles of 32 x 32, and the reduction in steps of 4: what a tile needs stays in the cache.
  auto [xo, yo, xi, yi] = s[C].tile(C.axis(0), C.axis(1), 32, 32);
  auto [ko, ki] = s[C].split(k, 4);
  s[C].reorder({xo, yo, ko, xi, ki, yi});
  measure("tiles of 32 x 32", s);

  // 5. Neighbouring columns lie side by side in B and C: one vector instruction for many of them.
  s[C].vectorize(yi);
  measure("+ vectors", s);

  // 6. Rows of tiles are independent.
  s[C].parallel(xo);
  measure("+ all cores", s);

  // 7. No loop around four steps.
  s[C].unroll(ki);
  measure("+ unrolled", s);

  // 8. An axis that a step consumed is gone, and the refusal says what took its place.
  try {
    s[C].parallel(C.axis(0));
    require(false, "an axis was used that is no loop any more");
  } catch (const tilewright::Error& e) {
    std::cout << "\nRefused, as it should be:\n" << e.what() << "\n\n";
  }

  // 9. The accumulators in registers: a tile of 8 x 32 elements is summed up in a local buffer over the whole of k, and
  // written out once. The stage that sums is a new one; C writes out.
  StageSchedule r({A, B}, {C}, "matmul");
  auto sums = r.cache_write(C, "local");
  auto [io, jo, ii, ji] = r[C].tile(C.axis(0), C.axis(1), 8, 32);
  sums.compute_at(r[C], jo);
  r[C].parallel(io).vectorize(ji).unroll(ii);
  sums.reorder({sums.reduce_axis(0), sums.axis(0), sums.axis(1)});
  sums.vectorize(sums.axis(1)).unroll(sums.axis(0));
  measure("register tiles", r);

  std::cout << "\nThe last program:\n" << r.func() << "\n\nits steps:\n" << r.trace() << "\n";
  return 0;
}
