// What every test of the schedule room checks after a primitive: the program is valid, computes the same values bit by
// bit, and the trace makes it again from its JSON text.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tilewright/schedule/schedule.h"
#include "tilewright/support/random.h"
#include "tilewright/te/te.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/parser.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tilewright/verify/verify.h"

namespace tilewright::schedule::testing {

using Sizes = std::map<std::string, int64_t>;

inline int64_t evaluate(Expr e, const Sizes& sizes) {
  tir::VarMap map;
  tir::post_order(e, [&](const Expr& x) {
    if (x.kind() != tir::ExprKind::kVar) return;
    const auto* v = static_cast<const tir::VarNode*>(x.get());
    map[v] = Expr(sizes.at(v->name));
  });
  int64_t value = 0;
  EXPECT_TRUE(tir::is_const_int(tir::substitute(e, map), &value));
  return value;
}

/// Runs on small random integers; the bytes of all arguments afterwards.
inline std::vector<std::vector<uint8_t>> run(const PrimFunc& func, const Sizes& sizes) {
  std::vector<tir::HostArray> arrays;
  CounterRng rng(7);
  for (const tir::Param& p : func->params) {
    std::vector<int64_t> shape;
    if (p.buffer.defined()) {
      for (const Expr& d : p.buffer.shape()) shape.push_back(evaluate(d, sizes));
      arrays.push_back(tir::HostArray::zeros(p.buffer.dtype(), shape));
      for (int64_t i = 0; i < arrays.back().elements(); ++i)
        arrays.back().set(i, static_cast<double>(rng.in_range(-4, 4)));
    } else {
      arrays.push_back(tir::HostArray::zeros(p.scalar.dtype(), {}));
      arrays.back().set_int(0, sizes.at(p.scalar.name()));
    }
  }
  std::vector<tir::HostArray*> args;
  for (auto& a : arrays) args.push_back(&a);
  const Status status = tir::interpret(func, args);
  if (!status.ok()) ADD_FAILURE() << status.error().render() << "\n" << func;
  std::vector<std::vector<uint8_t>> out;
  for (auto& a : arrays) out.push_back(std::move(a.bytes));
  return out;
}

/// All that must hold after accepted primitives.
inline void check(const Schedule& s, const PrimFunc& original, const Sizes& sizes = {}) {
  const Status valid = verify::verify(s.func(), verify::Stage::kScheduled);
  if (!valid.ok()) ADD_FAILURE() << valid.error().render() << "\n" << s.func();
  EXPECT_EQ(run(original, sizes), run(s.func(), sizes)) << s.func();
  const auto parsed = tir::parse_func(tir::to_string(s.func()));
  if (parsed)
    EXPECT_TRUE(tir::structural_equal(*parsed, s.func())) << s.func();
  else
    ADD_FAILURE() << parsed.error().render();
  const std::string text = s.trace().to_json();
  const auto trace = Trace::from_json(text);
  ASSERT_TRUE(trace) << trace.error().render();
  EXPECT_EQ(*trace, s.trace());
  EXPECT_EQ(trace->to_json(), text);
  Schedule again(original);
  const Status applied = trace->apply(again);
  if (!applied.ok()) FAIL() << applied.error().render();
  EXPECT_TRUE(tir::structural_equal(again.func(), s.func())) << again.func() << s.func();
  EXPECT_EQ(again.trace(), s.trace());
}

/// The call must be refused with this code and leave program and trace alone; the whole text of the diagnostic.
inline std::string refusal(Schedule& s, const std::string& code, const std::function<void()>& call) {
  const PrimFunc before = s.func();
  const Trace trace = s.trace();
  std::string text;
  try {
    call();
    ADD_FAILURE() << "accepted:\n" << s.func();
  } catch (const Error& e) {
    text = e.what();
    EXPECT_EQ(e.diagnostic().code, code) << text;
  }
  EXPECT_TRUE(before.same_as(s.func()));
  EXPECT_EQ(trace, s.trace());
  return text;
}

// ---- Programs

inline PrimFunc matmul(Expr n, Expr m, Expr k) {
  te::Tensor a = te::placeholder({n, k}, f32, "A"), b = te::placeholder({k, m}, f32, "B");
  te::IterVar r = te::reduce_axis(0, k, "k");
  te::Tensor c = te::compute({n, m}, [&](Expr i, Expr j) { return te::sum(a(i, r) * b(r, j), {r}); }, "C", {"i", "j"});
  return te::create_prim_func({a, b, c}, "matmul");
}

inline PrimFunc elementwise(Expr n, Expr m) {
  te::Tensor a = te::placeholder({n, m}, f32, "A");
  te::Tensor c = te::compute({n, m}, [&](Expr i, Expr j) { return a(i, j) * 2.0f + 1.0f; }, "C", {"i", "j"});
  return te::create_prim_func({a, c}, "scale");
}

inline PrimFunc parse(const std::string& text) {
  auto f = tir::parse_func(text);
  if (!f) ADD_FAILURE() << f.error().render();
  return std::move(f).value();
}

}  // namespace tilewright::schedule::testing
