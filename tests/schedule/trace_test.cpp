#include <sstream>

#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

Schedule tiled(const PrimFunc& f) {
  Schedule s(f, 11);
  const Block c = s.get_block("C");
  auto [i, j, k] = s.get_loops<3>(c);
  auto [v0, v1] = s.sample_perfect_tile<2>(i, 0, {16, 4});
  auto [i0, i1] = s.split<2>(i, {v0, v1});
  auto [j0, j1] = s.split<2>(j, {nullopt, 8});
  s.reorder({i0, j0, k, i1, j1});
  s.parallel(i0);
  s.vectorize(j1);
  s.annotate(c, "grain", 4);
  return s;
}

constexpr const char* kText =
    "auto b0 = s.get_block(\"C\");\n"
    "auto [l0, l1, l2] = s.get_loops<3>(b0);\n"
    "auto [v0, v1] = s.sample_perfect_tile<2>(l0, 0, {16, 4});\n"
    "auto [l3, l4] = s.split<2>(l0, {v0, v1});\n"
    "auto [l5, l6] = s.split<2>(l1, {nullopt, 8});\n"
    "s.reorder({l3, l5, l2, l4, l6});\n"
    "s.parallel(l3);\n"
    "s.vectorize(l6);\n"
    "s.annotate(b0, \"grain\", int64_t{4});\n";

TEST(Trace, PrintsAsCpp) {
  std::ostringstream out;
  out << tiled(matmul(64, 32, 16)).trace();
  EXPECT_EQ(out.str(), kText);
}

// The same lines, compiled.
TEST(Trace, PrintedLinesMakeTheScheduleAgain) {
  const PrimFunc f = matmul(64, 32, 16);
  Schedule s(f);
  auto b0 = s.get_block("C");
  auto [l0, l1, l2] = s.get_loops<3>(b0);
  auto [v0, v1] = s.sample_perfect_tile<2>(l0, 0, {16, 4});
  auto [l3, l4] = s.split<2>(l0, {v0, v1});
  auto [l5, l6] = s.split<2>(l1, {nullopt, 8});
  s.reorder({l3, l5, l2, l4, l6});
  s.parallel(l3);
  s.vectorize(l6);
  s.annotate(b0, "grain", int64_t{4});
  EXPECT_EQ(s.trace().as_cpp(), kText);
  EXPECT_TRUE(tir::structural_equal(s.func(), tiled(f).func()));
}

TEST(Trace, Json) {
  const Schedule s = tiled(matmul(64, 32, 16));
  const std::string text = s.trace().to_json();
  EXPECT_EQ(text.substr(0, 120),
            "{\"trace\":[[\"get_block\",[],[\"C\"],1],[\"get_loops\",[\"b0\"],[],3],[\"sample_perfect_tile\",[\"l0\"],["
            "2,0],2,[16,4]],"
            "[\"split\",[\"l0");
  const auto back = Trace::from_json(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, s.trace());
  EXPECT_EQ(back->as_cpp(), kText);
}

TEST(Trace, AppliesToAnotherShape) {
  const Trace trace = tiled(matmul(64, 32, 16)).trace();
  const PrimFunc f = matmul(64, 27, 9);
  Schedule s(f);
  ASSERT_TRUE(trace.apply(s).ok());
  check(s, f);
  // The decision does not fit this one.
  Schedule other(matmul(60, 32, 16));
  const PrimFunc before = other.func();
  const Status status = trace.apply(other);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().render(),
            "error[S0126] instruction 2, sample_perfect_tile: the decision {16, 4} does not multiply to the extent 60\n"
            "  --> matmul:  ");
  EXPECT_TRUE(other.func().same_as(before));
  EXPECT_TRUE(other.trace().empty());
}

TEST(Trace, WithDecision) {
  const PrimFunc f = matmul(64, 32, 16);
  const Trace trace = tiled(f).trace();
  const auto changed = trace.with_decision(2, {8, 8});
  ASSERT_TRUE(changed);
  Schedule s(f);
  ASSERT_TRUE(changed->apply(s).ok());
  EXPECT_EQ(s.trace()[2].decision, (Decision{8, 8}));
  EXPECT_EQ(s.trace(), *changed);
  check(s, f);
  const auto wrong = trace.with_decision(2, {8, 9});
  ASSERT_TRUE(wrong);
  Schedule t(f);
  const Status refused = wrong->apply(t, {.listings = true});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "S0126");
  EXPECT_EQ(refused.error().operation, "instruction 2, sample_perfect_tile");
  EXPECT_FALSE(refused.error().listing.empty());
  for (const size_t index : {0u, 3u, 99u}) {
    const auto none = trace.with_decision(index, {1});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, "S0140");
    EXPECT_EQ(none.error().legal, std::vector<std::string>{"2"});
  }
}

TEST(Trace, WithoutDecisionsSamplesAgain) {
  const PrimFunc f = matmul(64, 32, 16);
  const Trace trace = tiled(f).trace().without_decisions();
  EXPECT_FALSE(trace[2].decision);
  Schedule a(f, 1), b(f, 1), c(f, 2);
  ASSERT_TRUE(trace.apply(a).ok());
  ASSERT_TRUE(trace.apply(b).ok());
  ASSERT_TRUE(trace.apply(c).ok());
  EXPECT_EQ(a.trace(), b.trace());
  EXPECT_TRUE(a.trace()[2].decision);
  check(a, f);
  check(c, f);
}

TEST(Trace, AppliesBehindOtherInstructions) {
  te::Tensor a = te::placeholder({16, 16}, f32, "A");
  te::Tensor b = te::compute({16, 16}, [&](Expr i, Expr j) { return a(i, j) + 1.0f; }, "B");
  te::Tensor c = te::compute({16, 16}, [&](Expr i, Expr j) { return b(i, j) * 2.0f; }, "C");
  const PrimFunc f = te::create_prim_func({a, c}, "chain");
  Schedule first(f);
  auto [i, j] = first.get_loops<2>(first.get_block("C"));
  first.split(i, {nullopt, 4});
  Schedule s(f);
  auto [p, q] = s.get_loops<2>(s.get_block("B"));
  s.split(p, {nullopt, 3});
  ASSERT_TRUE(first.trace().apply(s).ok());
  check(s, f);
}

TEST(Trace, RefusedStepNamesItsIndex) {
  Schedule s(matmul(8, 8, 8));
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  s.parallel(i);
  std::vector<Instruction> list;
  for (size_t n = 0; n < s.trace().size(); ++n) list.push_back(s.trace()[n]);
  list[2].inputs[0].value = 2;  // the reduction
  Schedule t(matmul(8, 8, 8));
  const Status status = Trace(list).apply(t);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().summary(), "instruction 2, parallel: loop `k` carries the reduction of block `C` [S0107]");
  // More loops than the trace knows.
  list.pop_back();
  list[1].output_count = 2;
  const Status count = Trace(list).apply(t);
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().summary(), "instruction 1, get_loops: it gives 3 results, the trace has 2 [S0143]");
  list[1].inputs[0].value = 7;
  const Status handle = Trace(list).apply(t);
  ASSERT_FALSE(handle.ok());
  EXPECT_EQ(handle.error().code, "S0105");
  list[1].inputs.clear();
  EXPECT_EQ(Trace(list).apply(t).error().code, "S0142");
}

TEST(Trace, SimplifiedDropsWhatHasNoEffect) {
  const PrimFunc f = matmul(8, 8, 8);
  Schedule s(f);
  s.get_output_blocks();
  const Block c = s.get_block("C");
  s.get_consumers(c);
  auto l = s.get_loops(c);
  s.sample_categorical({1, 2}, {0.5, 0.5});
  const Value v = s.sample_categorical({2, 4}, {0.5, 0.5}, {1});
  s.split(l[0], {nullopt, v});
  const Trace t = s.trace().simplified();
  EXPECT_EQ(t.as_cpp(),
            "auto b0 = s.get_block(\"C\");\n"
            "auto [l0, l1, l2] = s.get_loops<3>(b0);\n"
            "auto v0 = s.sample_categorical({2, 4}, {0.5, 0.5}, {1});\n"
            "auto [l3, l4] = s.split<2>(l0, {nullopt, v0});\n");
  Schedule again(f);
  ASSERT_TRUE(t.apply(again).ok());
  EXPECT_TRUE(tir::structural_equal(again.func(), s.func()));
}

TEST(Trace, CopiesGoTheirOwnWays) {
  const PrimFunc f = matmul(8, 8, 8);
  Schedule s(f);
  auto [i, j, k] = s.get_loops<3>(s.get_block("C"));
  Schedule t = s;
  s.split(i, {nullopt, 2});
  t.split(i, {nullopt, 4});
  EXPECT_FALSE(tir::structural_equal(s.func(), t.func()));
  check(s, f);
  check(t, f);
}

TEST(TraceJson, GarbageIsRefused) {
  const char* const texts[] = {"",
                               "null",
                               "[]",
                               "{",
                               "{}",
                               "{\"v\":1}",
                               "{\"trace\":[],\"v\":2}",
                               "{\"trace\":{},\"v\":1}",
                               "{\"trace\":[],\"v\":1,\"x\":1}",
                               "{\"trace\":[1],\"v\":1}",
                               "{\"trace\":[[]],\"v\":1}",
                               "{\"trace\":[[\"nonsense\",[],[],0]],\"v\":1}",
                               "{\"trace\":[[\"get_block\",[],[],1]],\"v\":1}",
                               "{\"trace\":[[\"get_block\",[],[5],1]],\"v\":1}",
                               "{\"trace\":[[\"get_block\",[],[\"C\"],-1]],\"v\":1}",
                               "{\"trace\":[[\"get_block\",[],[\"C\"],1e9]],\"v\":1}",
                               "{\"trace\":[[\"get_block\",[],[\"C\"],99999999]],\"v\":1}",
                               "{\"trace\":[[\"get_loops\",[\"b0\"],[],1]],\"v\":1}",
                               "{\"trace\":[[\"get_loops\",[\"b-1\"],[],1]],\"v\":1}",
                               "{\"trace\":[[\"get_loops\",[\"b00\"],[],1]],\"v\":1}",
                               "{\"trace\":[[\"get_loops\",[\"x0\"],[],1]],\"v\":1}",
                               "{\"trace\":[[\"get_loops\",[true],[],1]],\"v\":1}",
                               "{\"trace\":[[\"get_block\",[],[\"C\"],1,[0]]],\"v\":1}",
                               "{\"trace\":[[\"sample_categorical\",[],[[1,2],[1,2]],1,[0]]],\"v\":1}",
                               "{\"trace\":[[\"sample_categorical\",[],[[1,2],[0.5,0.5]],1,[0.5]]],\"v\":1}",
                               "{\"trace\":[[\"split\",[\"l0\",18446744073709551615],[],2]],\"v\":1}",
                               "{\"trace\":[[\"reorder\",[],[],3]],\"v\":1}",
                               "\xff\xfe{}",
                               "{\"trace\":[[\"\xff\",[],[],0]],\"v\":1}"};
  for (const char* text : texts) {
    const auto t = Trace::from_json(text);
    ASSERT_FALSE(t) << text;
    EXPECT_EQ(t.error().code, "S0141");
    EXPECT_FALSE(t.error().message.empty());
  }
  EXPECT_FALSE(Trace::from_json(std::string(1000000, '[')));
  EXPECT_EQ(
      Trace::from_json("{\"trace\":[[\"get_block\",[],[\"C\"],1],[\"splice\",[],[],0]],\"v\":1}").error().summary(),
      "instruction 1: there is no instruction \"splice\" [S0141]");
  // Every prefix and every change of one character of a good text is either refused or a trace.
  const std::string good = tiled(matmul(64, 32, 16)).trace().to_json();
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(Trace::from_json(good.substr(0, n)));
    for (const char c : {'"', '0', ']', 'x', ','}) {
      std::string text = good;
      text[n] = c;
      const auto t = Trace::from_json(text);
      if (!t) continue;
      Schedule s(matmul(64, 32, 16));
      const Status status = t->apply(s);
      EXPECT_TRUE(status.ok() || !status.error().code.empty());
    }
  }
}

TEST(Schedule, NeedsARootBlock) {
  tir::PrimFuncNode node;
  node.name = "f";
  node.body = tir::evaluate(Expr(0));
  try {
    Schedule s{PrimFunc(node)};
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.diagnostic().summary(), "Schedule: `f` cannot be scheduled: its body is no root block [S0100]");
  }
  EXPECT_THROW(Schedule s{PrimFunc()}, Error);
}

TEST(Schedule, GivesIdsWhereTheyLackOrRepeat) {
  const PrimFunc f = matmul(4, 4, 4);
  // The same nest twice: ids repeat, nodes are shared.
  tir::BlockNode root = *tir::as<tir::BlockNode>(f->body);
  root.body = tir::seq({root.body, root.body});
  const PrimFunc twice = f.with_body(tir::make_stmt(root));
  Schedule s(twice);
  const auto blocks = s.get_child_blocks(s.get_block("root"));
  ASSERT_EQ(blocks.size(), 2u);
  auto [i, j, k] = s.get_loops<3>(blocks[0]);
  s.reorder({j, i});
  auto [p, q, r] = s.get_loops<3>(blocks[1]);
  EXPECT_EQ(s.get(p).var.name(), "i");
  refusal(s, "S0102", [&] { s.get_block("C"); });
}

}  // namespace
}  // namespace tilewright::schedule
