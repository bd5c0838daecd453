// Every workload through lowering and the C back end: bit for bit as the interpreter runs the lowered program, and
// within the contract's tolerance of the reference. The module made through the C compiler is called by the runtime.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "c_test_util.h"
#include "tilewright/codegen/build.h"
#include "tilewright/lower/lower.h"
#include "tilewright/schedule/stage_schedule.h"
#include "tilewright/te/te.h"
#include "tilewright/te/workload.h"

namespace tilewright::codegen {
namespace {

using namespace test_c;

std::vector<HostArray> arrays_for(const PrimFunc& f) {
  std::vector<HostArray> arrays;
  for (const Param& p : f->params) {
    std::vector<int64_t> shape;
    for (const Expr& e : p.buffer.shape()) {
      int64_t extent = 0;
      EXPECT_TRUE(is_const_int(e, &extent));
      shape.push_back(extent);
    }
    arrays.push_back(random_array(p.buffer.dtype(), shape, arrays.size() + 5));
  }
  return arrays;
}

std::vector<HostArray*> pointers(std::vector<HostArray>& arrays) {
  std::vector<HostArray*> out;
  for (HostArray& a : arrays) out.push_back(&a);
  return out;
}

double max_error(const HostArray& y, const HostArray& reference) {
  double error = 0, scale = 0;
  for (int64_t i = 0; i < y.elements(); ++i) {
    error = std::max(error, std::fabs(y.get(i) - reference.get(i)));
    scale = std::max(scale, std::fabs(reference.get(i)));
  }
  return scale > 0 ? error / scale : error;
}

class CWorkload : public ::testing::TestWithParam<const char*> {};

TEST_P(CWorkload, EqualsInterpreter) {
  const te::Workload w = te::parse_workload(GetParam()).value();
  std::vector<HostArray> expected = arrays_for(w.func), reference = expected, inputs = expected;
  ASSERT_EQ(error_of(interpret(w.func, pointers(reference), {.float64_reference = true})), "");
  for (const bool masked : {true, false}) {
    lower::LowerOptions options;
    options.has_masked_memory = masked;
    const PrimFunc lowered = lower::lower(w.func, options);
    expect_same(lowered, inputs);
    expected = inputs;
    ASSERT_EQ(error_of(interpret(lowered, pointers(expected))), "");
    const DataType t = expected.back().dtype;
    const double limit = t == kF64 ? 1e-12 : t == kF32 ? 1e-5 : t == kF16 ? 1e-2 : t == kBF16 ? 2e-2 : 0;
    EXPECT_LE(max_error(expected.back(), reference.back()), limit);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CWorkload,
                         ::testing::Values("gmm:2,5,7,9", "gmm:1,6,5,8@f64", "gmm:1,6,5,8@f16", "gmm:1,6,5,8@bf16",
                                           "gmm:1,6,5,8@i8", "gmm:1,6,5,8@u8i8", "dense:3,4,5", "matmul_add:3,4,5",
                                           "dense_bias_relu:3,4,5", "vadd:19", "c1d:1,8,3,4,3,2,1",
                                           "c2d:1,6,6,3,4,3,1,1", "c2d:1,6,6,3,4,3,1,1@u8i8",
                                           "c2d_nchw:1,6,6,3,4,3,2,1", "c3d:1,4,5,5,2,3,3,1,1", "grp:1,5,5,4,6,3,1,1,2",
                                           "dil:1,8,8,2,3,3,1,2,2", "dep:1,6,6,4,3,1,1", "t2d:1,4,4,3,2,4,2,1",
                                           "cap:1,4,4,2,2,3,1,1", "nrm:2,5,6", "sfm:4,9", "sfm:4,9@f16",
                                           "cbr:1,5,5,3,4,3,1,1", "tbs:1,5,2,4"));

/// Rows in parallel, tiles of 4 x 16 in registers, vectors over columns that need not divide them.
PrimFunc scheduled_matmul(int64_t m, int64_t n, int64_t k) {
  te::Tensor a = te::placeholder({m, k}, f32, "A"), b = te::placeholder({k, n}, f32, "B");
  te::IterVar r = te::reduce_axis(0, k, "k");
  te::Tensor c = te::compute({m, n}, [&](Expr i, Expr j) { return te::sum(a(i, r) * b(r, j), r); }, "C");
  StageSchedule s({a, b}, {c}, "matmul");
  auto [xo, yo, xi, yi] = s[c].tile(c.axis(0), c.axis(1), 4, 16);
  s[c].reorder({xo, yo, r, xi, yi});
  s[c].vectorize(yi);
  s[c].unroll(xi);
  s[c].parallel(xo);
  return s.func();
}

TEST(CModule, ScheduledProgramsEqualInterpreter) {
  for (const int64_t n : {32, 37}) {
    const PrimFunc f = scheduled_matmul(10, n, 9);
    const std::vector<HostArray> arrays = arrays_for(f);
    for (const bool masked : {true, false}) {
      lower::LowerOptions options;
      options.has_masked_memory = masked;
      const PrimFunc lowered = lower::lower(f, options);
      for (const char* compiler : {"gcc", "clang"}) {
        expect_same(lowered, arrays, {}, strict(compiler));
        COptions hook;
        hook.parallel = COptions::Parallel::kHook;
        hook.gnu_vectors = false;
        expect_same(lowered, arrays, hook, strict(compiler, {"-O3", "-march=native"}));
      }
    }
  }
}

TEST(CModule, CalledThroughTheRuntime) {
  const te::Workload w = te::parse_workload("gmm:1,16,16,16").value();
  for (const char* target : {"c -num-cores=1", "c -num-cores=2 -cc=clang"}) {
    const Module m = build(w.func, Target(target));
    runtime::Tensor a = runtime::Tensor::zeros({1, 16, 16}), b = runtime::Tensor::zeros({1, 16, 16}),
                    c = runtime::Tensor::zeros({1, 16, 16});
    std::vector<HostArray> arrays = arrays_for(w.func);
    std::memcpy(a.data(), arrays[0].bytes.data(), arrays[0].bytes.size());
    std::memcpy(b.data(), arrays[1].bytes.data(), arrays[1].bytes.size());
    m["gmm"](a, b, c);
    ASSERT_EQ(error_of(interpret(w.func, pointers(arrays), {.float64_reference = true})), "");
    HostArray y = arrays[2];
    std::memcpy(y.bytes.data(), c.data(), y.bytes.size());
    EXPECT_LE(max_error(y, arrays[2]), 1e-5);
    try {
      m["gmm"](a, c);
      FAIL();
    } catch (const std::exception& e) {
      EXPECT_NE(std::string(e.what()).find("gmm"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace tilewright::codegen
