#include "tilewright/verify/verify.h"

#include <gtest/gtest.h>

#include <functional>

#include "tilewright/tir/parser.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tir/text_programs.h"

namespace tilewright::verify {
namespace {

using namespace tir;           // NOLINT
using namespace tir::testing;  // NOLINT

PrimFunc parse(std::string_view text) {
  return parse_func(text).value();
}

std::string fault(const PrimFunc& f, Stage stage = Stage::kScheduled) {
  const Status s = verify(f, stage);
  return s ? "" : s.error().summary();
}
std::string fault(std::string_view text, Stage stage = Stage::kScheduled) {
  return fault(parse(text), stage);
}

/// Rewrites the first statement that `f` changes.
PrimFunc edit(const PrimFunc& func, const std::function<Stmt(const Stmt&)>& f) {
  class Editor : public Mutator {
   public:
    explicit Editor(const std::function<Stmt(const Stmt&)>& f) : f_(f) {}
    using Mutator::mutate;
    Stmt mutate(const Stmt& s) override {
      const Stmt changed = f_(s);
      return changed.same_as(s) ? mutate_children(s) : changed;
    }

   private:
    const std::function<Stmt(const Stmt&)>& f_;
  };
  return func.with_body(Editor(f).mutate(func->body));
}
PrimFunc edit_block(const PrimFunc& func, const std::string& name, const std::function<void(BlockNode*)>& f) {
  return edit(func, [&](const Stmt& s) {
    const auto* b = as<BlockNode>(s);
    if (!b || b->name != name) return s;
    BlockNode copy = *b;
    f(&copy);
    return make_stmt(std::move(copy));
  });
}

constexpr const char* kTiled = R"(func matmul(A: f32[500, n], B: f32[n, 512], C: f32[500, 512], n: i64) {
  assume n % 16 == 0
  alloc C_local: f32[500, 512] local
  parallel i_0 in 0..16 {
    for i_1 in 0..32 {
      for k_0 in 0..n // 16 {
        unrolled k_1 in 0..16 {
          vectorized j in 0..512 {
            block C(vi: spatial 0..500 = i_0 * 32 + i_1, vj: spatial 0..512 = j, vk: reduce 0..n = k_0 * 16 + k_1) {
              where i_0 * 32 + i_1 < 500
              init { C_local[vi, vj] = 0.0 }
              C_local[vi, vj] = C_local[vi, vj] + A[vi, vk] * B[vk, vj]
            }
          }
        }
      }
    }
    for i_2 in 0..32 {
      for j_0 in 0..32 {
        block outer(vo: spatial 0..500 = i_0 * 32 + i_2, vjo: spatial 0..32 = j_0) {
          where i_0 * 32 + i_2 < 500
          for j_1 in 0..16 {
            block inner(vj: spatial 0..16 = j_1) {
              C[vo, vjo * 16 + vj] = max(C_local[vo, vjo * 16 + vj], select(vj >= 1, C_local[vo, vjo * 16 + vj - 1], 0.0))
            }
          }
        }
      }
    }
  }
})";

TEST(Verify, AcceptsValidPrograms) {
  EXPECT_EQ(fault(kMatmul), "");
  EXPECT_EQ(fault(kTiled), "");
  EXPECT_EQ(fault(kLowered, Stage::kLowered), "");
}

TEST(Verify, ShowsTheNest) {
  const PrimFunc f = edit_block(parse(kMatmul), "C", [](BlockNode* b) { b->reads.pop_back(); });
  const Status s = verify(f, Stage::kScheduled);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().render(),
            "error[V0612] verify: block `C`: it reads `B[vk, vj]`, which its reads do not declare\n"
            "  --> matmul:  for i, j, k\n"
            "                 block C(spatial vi = i, spatial vj = j, reduce vk = k)        <-- here\n"
            "  remedy: declare a region that covers every access");
}

TEST(Verify, TheMarkNeedsNoIds) {
  const PrimFunc f = parse(
      "lowered func f(A: f32[8]) { for i in 0..8 { A[i] = 1.0 } for i in 0..8 { for j in 0..8 { A[i] = exp(A[j]) } } "
      "}");
  class Forget : public Mutator {
   public:
    using Mutator::mutate;
    Stmt mutate(const Stmt& s) override {
      const auto* n = as<ForNode>(s);
      return n ? make_for(n->var, n->min, n->extent, mutate(n->body)) : mutate_children(s);
    }
  };
  const PrimFunc plain = f.with_body(Forget().mutate(f->body));
  const Status s = verify(plain, Stage::kLowered);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().render().find("for j in 0..8        <-- here"), std::string::npos) << s.error().render();
}

TEST(Verify, ReductionsNeedNotDeclareWhatTheyReadBack) {
  EXPECT_EQ(fault(edit_block(parse(kMatmul), "C", [](BlockNode* b) { b->reads.erase(b->reads.begin()); })), "");
}

TEST(Verify, RegionsAreRefutedByExample) {
  PrimFunc f = edit_block(parse(kMatmul), "C", [](BlockNode* b) { b->reads[2].ranges[1] = {0, 100}; });
  EXPECT_EQ(
      fault(f),
      "verify: block `C`: it reads `B[vk, vj]`, outside the declared region `B[vk, 0..100]` for vj = 511 [V0612]");
  f = edit_block(parse(kTiled), "outer",
                 [](BlockNode* b) { b->writes[0].ranges[1] = {b->writes[0].ranges[1].min + 1, 16}; });
  EXPECT_EQ(fault(f),
            "verify: block `outer`: it writes `C[vo, vjo * 16 + vj]`, outside the declared region `C[vo, vjo * 16 + "
            "1..vjo * 16 + 1 + "
            "16]` for vjo = 0, vj = 0 [V0612]");
  // A guarded access and one that leaves the buffer are no counterexamples.
  EXPECT_EQ(fault(R"(func f(A: f32[8], B: f32[8]) {
    for i in 0..8 {
      block B(vi: spatial 0..8 = i) {
        reads A[max(vi - 1, 0)]
        writes B[vi]
        B[vi] = select(vi >= 1, A[vi - 1], 0.0)
      }
    }
  })"),
            "");
}

TEST(Verify, BindingsStayInTheirDomains) {
  EXPECT_EQ(fault(edit_block(parse(kTiled), "C", [](BlockNode* b) { b->predicate = nullptr; })),
            "verify: block `C`: the iterator `vi` is bound to `i_0 * 32 + i_1`, which is 511 for i_0 = 15, i_1 = 31, "
            "outside its domain "
            "0..500 [V0611]");
  EXPECT_EQ(fault("func f(A: f32[n]) { for i in 0..n { block A(vi: spatial 0..n = i + 1) { A[vi] = 1.0 } } }"),
            "verify: block `A`: the iterator `vi` is bound to `i + 1`, which is 128 for i = 127, n = 128, outside its "
            "domain 0..128 [V0611]");
}

TEST(Verify, BlocksSeeTheOutsideThroughIterators) {
  EXPECT_EQ(fault("func f(A: f32[8]) { for i in 0..8 { block A(vi: spatial 0..8 = i) { A[i] = 1.0 } } }"),
            "verify: block `A`: its body uses the loop variable `i` from outside; a block sees the outside only "
            "through its iterators "
            "[V0603]");
  EXPECT_EQ(fault("func f(A: f32[8]) { for i in 0..8 { let x = i block A(vi: spatial 0..8 = x) { A[vi] = f32(x) } } }"),
            "verify: block `A`: its body uses the variable `x` from outside; a block sees the outside only through its "
            "iterators [V0603]");
  EXPECT_EQ(fault(edit_block(parse(kMatmul), "C", [](BlockNode* b) { b->predicate = b->iters[0].var < 4; })),
            "verify: block `C`: the variable `vi` is used where it is not defined [V0602]");
}

TEST(Verify, VariablesAndBuffersLive) {
  const PrimFunc f = parse(kMatmul);
  const Var x("x");
  EXPECT_EQ(fault(edit_block(f, "C", [&](BlockNode* b) { b->bindings[0] = x; })),
            "verify: block `C`: the variable `x` is used where it is not defined [V0602]");
  const auto* root = as<BlockNode>(f->body);
  EXPECT_EQ(fault(edit_block(f, "root", [&](BlockNode* b) { b->body = seq({root->body, root->body}); })),
            "verify: loop `i`: two loops have the id 1 [V0608]");
  EXPECT_EQ(
      fault(edit_block(f, "C", [&](BlockNode* b) { b->body = store(Buffer("D", kF32, {}), {}, 0.0); })),
      "verify: block `C`: the buffer `D` is used outside its life: no parameter, and no allocation around [V0607]");
  EXPECT_EQ(fault(edit(f,
                       [](const Stmt& s) {
                         const auto* n = as<ForNode>(s);
                         return n && n->var.name() == "j" ? make_for(Var("z"), 0, 4, make_for(n->var, 0, 4, s)) : s;
                       })),
            "verify: loop `j`: the variable `j` is defined twice [V0602]");
}

TEST(Verify, BlocksAreWellFormed) {
  const PrimFunc f = parse(kMatmul);
  EXPECT_EQ(fault(edit_block(f, "C", [](BlockNode* b) { b->bindings.pop_back(); })),
            "verify: block `C`: it has 3 iterators but 2 bindings [V0609]");
  EXPECT_EQ(
      fault(edit_block(f, "C", [](BlockNode* b) { b->iters[2].kind = IterKind::kSpatial; })),
      "verify: block `C`: it has an init but no reduce iterator, so the init would run at no definite time [V0610]");
  EXPECT_EQ(fault(edit_block(f, "C", [](BlockNode* b) { b->reads[1].ranges.pop_back(); })),
            "verify: block `C`: `A` has 2 dimensions, the declared region has 1 [V0606]");
  EXPECT_EQ(fault(edit_block(f, "C", [](BlockNode* b) { b->predicate = b->bindings[0]; })),
            "verify: block `C`: the predicate has the condition `i` of type i64, expected bool [V0604]");
  EXPECT_EQ(fault(edit_block(f, "C", [](BlockNode* b) { b->body = nullptr; })),
            "verify: block `C`: a statement is missing [V0601]");
}

TEST(Verify, TypesAgree) {
  const PrimFunc f = parse(kMatmul);
  const auto with_value = [&](auto make) {
    return edit_block(f, "C", [&](BlockNode* b) {
      StoreNode s = *as<StoreNode>(b->body);
      s.value = make(s.value);
      b->body = Stmt(new StoreNode(s));
    });
  };
  EXPECT_EQ(fault(with_value([](const Expr& e) {
              return Expr(new BinaryNode(ExprKind::kAdd, kF32, e, Expr(1)));
            })).substr(0, 60),
            "verify: block `C`: the operands of `C[vi, vj] + A[vi, vk] * ");
  EXPECT_EQ(fault(with_value([](const Expr& e) { return cast(kF64, e); })),
            "verify: block `C`: the access of `C` has a value of type f64, expected f32 [V0604]");
  EXPECT_EQ(fault(with_value([](const Expr& e) { return Expr(new BinaryNode(ExprKind::kAdd, kF32, e, Expr())); })),
            "verify: block `C`: a store is missing or has a missing part [V0601]");
  EXPECT_EQ(fault(with_value([](const Expr& e) { return Expr(new SelectNode(Expr(1), e, e)); })).substr(0, 37),
            "verify: block `C`: the condition of `");
}

TEST(Verify, StagesHaveTheirNodes) {
  const auto scheduled = [](const std::string& body) { return fault("func f(A: f32[8]) { " + body + " }"); };
  const auto lowered = [](const std::string& body) {
    return fault("lowered func f(A: f32[8], H: f16[8], M: f32[2, 2]) { " + body + " }", Stage::kLowered);
  };
  EXPECT_NE(scheduled("A[ramp(0, 1, 8)] = broadcast(1.0, 8)")
                .find("is a vector of type i64x8, which only lowering makes [V0605]"),
            std::string::npos);
  EXPECT_NE(scheduled("A[0 where true] = 1.0").find("has a mask, which only lowering makes"), std::string::npos);
  EXPECT_NE(
      scheduled("for i in 0..4 { alloc x: f32[4] }").find("an allocation statement stands in a program with blocks"),
      std::string::npos);
  EXPECT_NE(scheduled("alloc x: f32[1] register").find("`x` is a register, which only lowering makes"),
            std::string::npos);
  EXPECT_EQ(lowered("A[0] = 1.0"), "");
  EXPECT_NE(lowered("block A() { A[0] = 1.0 }").find("the block `A` is left; lowering removes blocks"),
            std::string::npos);
  EXPECT_NE(lowered("vectorized i in 0..8 { A[i] = 1.0 }")
                .find("the loop is vectorized; after lowering loops are serial or parallel"),
            std::string::npos);
  EXPECT_NE(lowered("M[0, 1] = 1.0").find("after lowering buffers are one-dimensional"), std::string::npos);
  EXPECT_NE(lowered("A[0] = exp(A[0])").find("lowering expands exp"), std::string::npos);
  EXPECT_NE(lowered("H[0] = H[0] + H[1]").find("computes in f16"), std::string::npos);
  EXPECT_EQ(lowered("H[0] = f16(f32(H[0]) + f32(H[1]))"), "");
  EXPECT_NE(
      lowered("A[ramp(0, 1, 8) where true] = broadcast(1.0, 8)").find("the mask of `A` has type bool, expected boolx8"),
      std::string::npos);
  EXPECT_NE(lowered("alloc r: f32x8[1] register A[ramp(0, 1, 8)] = r[1]")
                .find("the register `r` is accessed at `1`, expected 0"),
            std::string::npos);
  EXPECT_NE(fault(kLowered).find("the body must be a root block"), std::string::npos);
}

TEST(Verify, SurvivesAnythingParsable) {
  for (const char* text : {kMatmul, kScheduled, kThreads, kLowered, kExpressions, kTiled}) {
    for (const Stage stage : {Stage::kScheduled, Stage::kLowered}) (void)verify(parse(text), stage).ok();
  }
  EXPECT_FALSE(verify(PrimFunc(), Stage::kScheduled));
  EXPECT_FALSE(verify(PrimFunc(PrimFuncNode{}), Stage::kScheduled));
}

}  // namespace
}  // namespace tilewright::verify
