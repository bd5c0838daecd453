// dense + bias + ReLU, 1 x 784 -> 128: fused by the search into one kernel, and printed at every level.
#include "examples/example.h"
#include "tilewright/search/tuner.h"

namespace tilewright::examples {
namespace {

using testing::AllOf;
using testing::HasSubstr;

te::Workload workload() {
  return te::parse_workload("dense_bias_relu:1,784,128").value();
}

/// Loop nests that run one after the other in a lowered function, and the elements kept in memory between them.
struct Nests {
  int count = 0;
  double kept = 0;
};
Nests nests_of(const PrimFunc& scheduled) {
  Nests nests;
  const PrimFunc lowered = lower::lower(scheduled, {});
  tir::pre_order(lowered->body, [&](const tir::Stmt& s) {
    if (tir::as<tir::ForNode>(s)) {
      ++nests.count;
      return false;
    }
    if (const auto* alloc = tir::as<tir::AllocNode>(s)) {
      double elements = 1;
      for (const Expr& extent : alloc->buffer.shape()) {
        int64_t value = 0;
        EXPECT_TRUE(tir::is_const_int(extent, &value));
        elements *= static_cast<double>(value);
      }
      nests.kept += elements;
    }
    return true;
  });
  return nests;
}

TEST(DenseBiasRelu, TheSearchMakesOneKernelOfIt) {
  const te::Workload w = workload();
  EXPECT_GT(nests_of(w.func).count, 1) << "the unscheduled program keeps its stages apart";
  search::TuneOptions options;
  options.trials = 16;
  const search::TuneResult result = search::tune(w, Target(), options).value();
  ASSERT_TRUE(result.best);
  Schedule best(w.func);
  Trace::from_json(result.best->trace).value().apply(best).value();
  const Nests nests = nests_of(best.func());
  EXPECT_EQ(nests.count, 1) << best.func();
  EXPECT_EQ(nests.kept, 0) << best.func();
  const Module module = build(best.func());
  EXPECT_EQ(module.module().functions().size(), 1u);
  EXPECT_LT(Judge(w.func).error(module, best.func()), 1e-5);
}

TEST(DenseBiasRelu, MaxIsAFunctionBesideMaxTheReducer) {
  te::Tensor X = te::placeholder({16, 784}, f32, "X"), b = te::placeholder({16}, f32, "b");
  te::IterVar k = te::reduce_axis(0, 784, "k");
  te::Tensor top = te::compute({16}, [&](Expr i) { return te::max(X(i, k), k); }, "top");
  te::Tensor Y = te::compute({16}, [&](Expr i) { return te::max(top(i) - b(i), 0.0f); }, "Y");
  const PrimFunc func = te::create_prim_func({X, b, Y}, "both");
  EXPECT_EQ(Judge(func).error(func), 0);
  const Arguments a(func);
  a.call(build(func)["both"]);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(a[2][i], std::max(*std::max_element(a[0] + i * 784, a[0] + (i + 1) * 784) - a[1][i], 0.0f));
  }
}

TEST(DenseBiasRelu, PrintedAtEveryLevel) {
  const te::Workload w = workload();
  const Schedule first = search::first_schedule(w.func, Target()).value();
  const std::string expression = te::to_string(w.tensors, w.op);
  EXPECT_THAT(expression, AllOf(HasSubstr("sum("), HasSubstr("max("), HasSubstr("f32[1, 784]")));
  const std::string loops = tir::to_string(w.func);
  EXPECT_THAT(loops, AllOf(HasSubstr("block "), HasSubstr("reduce 0..784"), HasSubstr("init")));
  EXPECT_TRUE(tir::structural_equal(tir::parse_func(loops).value(), w.func));

  const std::string lowered = emit(first.func(), Target(), EmitKind::kLowered);
  EXPECT_THAT(lowered, AllOf(HasSubstr("lowered func dense_bias_relu"), testing::Not(HasSubstr("block "))));
  EXPECT_EQ(tir::to_string(tir::parse_func(lowered).value()), lowered);

  const std::string llvm = emit(first.func(), Target(), EmitKind::kLlvm);
  EXPECT_THAT(llvm, AllOf(HasSubstr("define "), HasSubstr("dense_bias_relu"), HasSubstr("x float>")));
  const std::string c = emit(first.func(), Target("c"), EmitKind::kC);
  EXPECT_THAT(c, AllOf(HasSubstr("#include"), HasSubstr("dense_bias_relu(")));
  // The source that is printed is the code that runs.
  EXPECT_LT(Judge(w.func).error(first.func(), Target("c")), 1e-5);
}

}  // namespace
}  // namespace tilewright::examples
