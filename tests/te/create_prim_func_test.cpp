#include <gtest/gtest.h>

#include "tilewright/te/te.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright {
namespace {

using te::compute;
using te::create_prim_func;
using te::placeholder;
using te::reduce_axis;
using te::Tensor;

template <typename F>
Diagnostic refused(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.diagnostic();
  }
  return {};
}

/// The blocks of a function, root first; keeps the function alive.
struct Blocks {
  PrimFunc func;
  std::vector<const tir::BlockNode*> nodes;
  explicit Blocks(PrimFunc f) : func(std::move(f)) {
    tir::pre_order(func->body, [&](const tir::Stmt& s) {
      if (const auto* b = tir::as<tir::BlockNode>(s)) nodes.push_back(b);
      return true;
    });
  }
  const tir::BlockNode* operator[](size_t i) const { return nodes.at(i); }
  size_t size() const { return nodes.size(); }
};
Blocks blocks(PrimFunc func) {
  return Blocks(std::move(func));
}

TEST(CreatePrimFunc, Matmul) {
  Tensor A = placeholder({16, 32}, f32, "A"), B = placeholder({32, 8}, f32, "B");
  te::IterVar k = reduce_axis(0, 32, "k");
  Tensor C = compute({16, 8}, [&](Expr i, Expr j) { return te::sum(A(i, k) * B(k, j), {k}); }, "C");
  EXPECT_EQ(tir::to_string(create_prim_func({A, B, C}, "matmul")),
            R"(func matmul(A: f32[16, 32], B: f32[32, 8], C: f32[16, 8]) {
  for i in 0..16 {
    for j in 0..8 {
      for k in 0..32 {
        block C(vi: spatial 0..16 = i, vj: spatial 0..8 = j, vk: reduce 0..32 = k) {
          reads C[vi, vj], A[vi, vk], B[vk, vj]
          writes C[vi, vj]
          init {
            C[vi, vj] = 0.0
          }
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      }
    }
  }
})");
}

TEST(CreatePrimFunc, SameProgramTwiceIsEqualAndSharesNothing) {
  Tensor A = placeholder({16}, f32, "A");
  Tensor B = compute({16}, [&](Expr i) { return A(i) * 2.0f; }, "B");
  Tensor C = compute({16}, [&](Expr i) { return B(i) + 1.0f; }, "C");
  const PrimFunc f = create_prim_func({A, C}), g = create_prim_func({A, C});
  EXPECT_TRUE(tir::structural_equal(f, g));
  EXPECT_EQ(tir::content_hash(f), tir::content_hash(g));
  EXPECT_FALSE(f->params[0].buffer.same_as(g->params[0].buffer));
  EXPECT_FALSE(f->params[0].buffer->origin);
  ASSERT_EQ(blocks(f)[0]->alloc_buffers.size(), 1u);
  EXPECT_EQ(blocks(f)[0]->alloc_buffers[0].name(), "B");
  // The same intermediate as an output: no allocation.
  EXPECT_TRUE(blocks(create_prim_func({A, B, C}))[0]->alloc_buffers.empty());
}

TEST(CreatePrimFunc, ReduceAxesNeedNotStartAtZero) {
  Tensor A = placeholder({16}, f32, "A");
  te::IterVar k = reduce_axis(2, 9, "k");
  Tensor B = compute({}, [&] { return te::sum(A(k), {k}, A(k) > 0.0f, 5.0f); }, "B");
  const std::string text = tir::to_string(create_prim_func({A, B}));
  EXPECT_NE(text.find("for k in 2..9"), std::string::npos) << text;
  EXPECT_NE(text.find("vk: reduce 2..9 = k"), std::string::npos) << text;
  EXPECT_NE(text.find("B[] = 5.0"), std::string::npos) << text;
  EXPECT_NE(text.find("select(A[vk] > 0.0, A[vk], 0.0)"), std::string::npos) << text;
}

TEST(CreatePrimFunc, TupleReductionComputesAllValuesBeforeItStores) {
  Tensor A = placeholder({8, 16}, f32, "A");
  te::IterVar k = reduce_axis(0, 16, "k");
  auto swap_sum = te::make_reducer(
      "pair", [](std::vector<Expr> a, std::vector<Expr> b) { return std::vector<Expr>{a[0] + b[0], a[1] * b[1]}; },
      std::vector<Expr>{0.0f, 1.0f});
  auto r = compute({8}, [&](Expr i) { return swap_sum({A(i, k), A(i, k)}, {k}); }, "r", {}, {"s", "p"});
  const auto all = blocks(create_prim_func({A, r[0], r[1]}));
  ASSERT_EQ(all.size(), 2u);
  ASSERT_EQ(all[1]->writes.size(), 2u);
  const auto* outer = tir::as<tir::LetStmtNode>(all[1]->body);
  ASSERT_TRUE(outer);
  const auto* inner = tir::as<tir::LetStmtNode>(outer->body);
  ASSERT_TRUE(inner);
  EXPECT_TRUE(tir::as<tir::SeqNode>(inner->body));
  // Only one of the results asked for: the other is an intermediate.
  EXPECT_EQ(blocks(create_prim_func({A, r[1]}))[0]->alloc_buffers.size(), 1u);
}

TEST(CreatePrimFunc, NamesAreMadeUnique) {
  Tensor A = placeholder({4}, f32, "T");
  Tensor B = compute({4}, [&](Expr i) { return A(i) + 1.0f; }, "T");
  Tensor C = compute({4}, [&](Expr i) { return B(i) + 1.0f; }, "T");
  Tensor root = compute({4}, [&](Expr i) { return C(i) + 1.0f; }, "root");
  const te::LoweredExpr lowered = te::lower_to_blocks({A, root}, "f");
  ASSERT_EQ(lowered.blocks.size(), 3u);
  EXPECT_EQ(lowered.blocks[0].block, "T");
  EXPECT_EQ(lowered.blocks[1].block, "T_1");
  EXPECT_EQ(lowered.blocks[2].block, "root_1");
  EXPECT_EQ(lowered.blocks[1].op, C.op_ref());
  const auto all = blocks(lowered.func);
  EXPECT_EQ(all[0]->alloc_buffers[0].name(), "T_1");
  EXPECT_EQ(all[0]->alloc_buffers[1].name(), "T_2");
  EXPECT_EQ(lowered.func->params[0].buffer.name(), "T");
}

TEST(CreatePrimFunc, SeveralPointsAndGathersReadBoxes) {
  Tensor A = placeholder({8, 4}, f32, "A"), P = placeholder({8}, i32, "P");
  Tensor B = compute({6, 4}, [&](Expr i, Expr j) { return A(i, j) + A(i + 2, j) + A(P(i), j); }, "B");
  const auto all = blocks(create_prim_func({A, P, B}));
  ASSERT_EQ(all[1]->reads.size(), 2u);
  EXPECT_TRUE(tir::is_const_int(all[1]->reads[0].ranges[0].extent, 8));
  EXPECT_TRUE(tir::is_const_int(all[1]->reads[0].ranges[1].extent, 1));
  // A stencil reads the box around its points.
  Tensor C =
      compute({6, 2}, [&](Expr i, Expr j) { return A(i + 2, j) + A(i, 2 * j + 1) + A(i + 1, 2 * j - 1 + 1); }, "C");
  const std::string text = tir::to_string(create_prim_func({A, C}));
  EXPECT_NE(text.find("reads A[vi..vi + 3, 0..4]"), std::string::npos) << text;
  Tensor D = compute({6, 2}, [&](Expr i, Expr j) { return A(i, 2 * j + 1) + A(i, 2 * j); }, "D");
  const std::string even = tir::to_string(create_prim_func({A, D}));
  EXPECT_NE(even.find("reads A[vi, 2 * vj..2 * vj + 2]"), std::string::npos) << even;
}

TEST(CreatePrimFunc, SymbolicSizesAndScalars) {
  Var n("n"), alpha("alpha", f32), unused("unused", f32);
  Tensor A = placeholder({n}, f32, "A");
  Tensor B = compute({n}, [&](Expr i) { return A(i) * alpha; }, "B");
  const PrimFunc f = create_prim_func({A, alpha, B}, "scale");
  ASSERT_EQ(f->params.size(), 3u);
  EXPECT_FALSE(f->params[1].buffer.defined());
  EXPECT_EQ(refused([&] { create_prim_func({A, B}); }).code, "E0412");
  EXPECT_EQ(refused([&] { create_prim_func({A, alpha, unused, B}); }).code, "E0407");
  // A size that no extent of a parameter shows alone cannot be bound.
  Tensor C = placeholder({n * 2}, f32, "C");
  Tensor D = compute({n * 2}, [&](Expr i) { return C(i); }, "D");
  EXPECT_EQ(refused([&] { create_prim_func({C, D}); }).code, "E0412");
  EXPECT_NO_THROW(create_prim_func({C, n, D}));
}

TEST(CreatePrimFunc, Diagnostics) {
  Tensor A = placeholder({8}, f32, "A"), B = placeholder({8}, f32, "B"), C = placeholder({8}, f32, "unused");
  Tensor S = compute({8}, [&](Expr i) { return A(i) + B(i); }, "S");
  EXPECT_EQ(refused([&] { create_prim_func({A, S}); }).code, "E0401");
  EXPECT_NE(refused([&] { create_prim_func({A, S}); }).message.find("`B`"), std::string::npos);
  EXPECT_EQ(refused([&] { create_prim_func({A, B, C, S}); }).code, "E0407");
  EXPECT_EQ(refused([&] { create_prim_func({A, B}); }).code, "E0408");
  EXPECT_EQ(refused([&] { create_prim_func(std::vector<Tensor>{}); }).code, "E0408");
  EXPECT_EQ(refused([&] { create_prim_func({A, B, S, A}); }).code, "E0409");
  EXPECT_EQ(refused([&] { create_prim_func({A, B, S}, "_x"); }).code, "E0413");
  EXPECT_EQ(refused([&] { create_prim_func({A, B, S}, "a b"); }).code, "E0413");
  EXPECT_EQ(refused([&] { create_prim_func({A, Tensor(), S}); }).code, "E0414");
  te::IterVar k = reduce_axis(0, 8, "k");
  Tensor bad = compute({8}, [&](Expr i) { return A(i) * te::cast(f32, k); }, "bad");
  const Diagnostic d = refused([&] { create_prim_func({A, bad}); });
  EXPECT_EQ(d.code, "E0412");
  EXPECT_NE(d.message.find("`k`"), std::string::npos) << d.message;
}

TEST(CreatePrimFunc, ExternOperation) {
  Tensor A = placeholder({8, 4}, f32, "A");
  Tensor B = compute({8, 4}, [&](Expr i, Expr j) { return A(i, j) * 2.0f; }, "B");
  std::vector<Tensor> C = te::extern_op(
      {{8}}, {f32}, {B},
      [](const std::vector<Buffer>& in, const std::vector<Buffer>& out) {
        return tir::evaluate(tir::call_extern(i32, "row_sums",
                                              {tir::call(tir::Intrinsic::kAddressOf, {in[0](0, 0)}),
                                               tir::call(tir::Intrinsic::kAddressOf, {out[0](0)})}));
      },
      "rows");
  const auto all = blocks(create_prim_func({A, C[0]}, "f"));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2]->name, "rows");
  EXPECT_TRUE(tir::is_const_int(all[2]->reads[0].ranges[0].extent, 8));
  EXPECT_EQ(all[2]->writes[0].buffer.name(), "rows");
  EXPECT_EQ(te::to_string(C[0]), "rows = extern rows(B)    # f32[8]");
}

TEST(CreatePrimFunc, LongChainsDoNotExhaustTheStack) {
  Tensor t = placeholder({4}, f32, "A");
  const Tensor first = t;
  for (int i = 0; i < 20000; ++i) t = compute({4}, [&](Expr j) { return t(j) + 1.0f; }, "T");
  EXPECT_EQ(blocks(create_prim_func({first, t})).size(), 20001u);
}

}  // namespace
}  // namespace tilewright
