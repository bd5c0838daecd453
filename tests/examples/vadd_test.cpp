// Vector addition on the CPU: one loop of 1024 lanes, a parallel loop, and 100000 elements in blocks of 1024.
#include "examples/example.h"

namespace tilewright::examples {
namespace {

using testing::HasSubstr;

struct Vadd {
  te::Tensor A, B, C;
  explicit Vadd(int64_t n)
      : A(te::placeholder({n}, f32, "A")),
        B(te::placeholder({n}, f32, "B")),
        C(te::compute({n}, [&](Expr i) { return A(i) + B(i); }, "C")) {}
  StageSchedule schedule() const { return StageSchedule({A, B}, {C}, "vadd"); }
};

/// Largest number of lanes of any value in the lowered program.
int widest(const PrimFunc& scheduled, const Target& target) {
  const std::string text = emit(scheduled, target, EmitKind::kLowered);
  const PrimFunc lowered = tir::parse_func(text).value();
  int lanes = 1;
  tir::for_each_expr(lowered->body, [&](const Expr& whole) {
    tir::post_order(whole, [&](const Expr& e) { lanes = std::max<int>(lanes, e.dtype().lanes); });
  });
  return lanes;
}

TEST(Vadd, AVectorLoopOf1024LanesIsStripMined) {
  const Vadd v(1024);
  StageSchedule s = v.schedule();
  s[v.C].vectorize(v.C.axis(0));
  const Target native;
  EXPECT_GT(widest(s.func(), native), 1);
  EXPECT_LE(widest(s.func(), native), native.vector_bytes / 4);
  for (const char* target : {"llvm -mcpu=native", "c"}) {
    const Module module = build(s.func(), Target(target));
    EXPECT_EQ(Judge(v.schedule().func()).error(module, s.func()), 0) << target;
    EXPECT_THAT(module.get_source(), HasSubstr("vadd"));
  }
  EXPECT_THAT(build(s.func(), native).get_source(), HasSubstr("fadd <"));
}

TEST(Vadd, ParallelOverTheWholeAxis) {
  const Vadd v(1024);
  StageSchedule s = v.schedule();
  s[v.C].parallel(v.C.axis(0));
  EXPECT_EQ(Judge(v.schedule().func()).error(s.func()), 0);
}

TEST(Vadd, ARaggedEndIsRight) {
  const Vadd v(100000);  // 97 blocks of 1024 and one of 672
  const Judge judge(v.schedule().func());
  for (const bool parallel : {false, true}) {
    for (const bool vectorize : {false, true}) {
      StageSchedule s = v.schedule();
      auto [outer, inner] = s[v.C].split(v.C.axis(0), 1024);
      if (parallel) s[v.C].parallel(outer);
      if (vectorize) s[v.C].vectorize(inner);
      for (const char* target : {"llvm -mcpu=native", "llvm -mcpu=native -debug=bounds", "c"})
        EXPECT_EQ(judge.error(s.func(), Target(target)), 0) << target << parallel << vectorize;
    }
  }
}

}  // namespace
}  // namespace tilewright::examples
