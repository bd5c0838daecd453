// Loop kinds and places together: what is parallel stays free of races through later primitives.
#include "schedule/schedule_testing.h"

namespace tilewright::schedule {
namespace {

using namespace testing;
using std::nullopt;

struct Chain {
  PrimFunc func;
  explicit Chain(int64_t n, int64_t halo) {
    te::Tensor a = te::placeholder({n + halo, 12}, f32, "A");
    te::Tensor b = te::compute({n + halo, 12}, [&](Expr i, Expr j) { return a(i, j) + 1.0f; }, "B", {"i", "j"});
    te::Tensor c =
        te::compute({n, 12}, [&](Expr i, Expr j) { return halo ? b(i, j) + b(i + Expr(halo), j) : b(i, j) * 2.0f; },
                    "C", {"i", "j"});
    func = te::create_prim_func({a, c}, "chain");
  }
};

TEST(Dependence, ProducerWithHaloBelowAParallelLoop) {
  for (const int64_t n : {24, 23}) {
    const Chain chain(n, 2);
    Schedule s(chain.func);
    auto [i, j] = s.get_loops<2>(s.get_block("C"));
    auto [io, ii] = s.split<2>(i, {nullopt, 8});
    s.compute_at(s.get_block("B"), io);
    check(s, chain.func);
    // Tiles overlap in B, but B is used only below io: each iteration has its own.
    s.parallel(io);
    check(s, chain.func);
    refusal(s, "S0110", [&] { s.vectorize(io); });
  }
}

TEST(Dependence, ComputeAtIntoAParallelLoop) {
  const Chain chain(24, 2);
  Schedule s(chain.func);
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  auto [io, ii] = s.split<2>(i, {nullopt, 8});
  s.parallel(io);
  s.compute_at(s.get_block("B"), io);
  check(s, chain.func);
}

TEST(Dependence, ComputeAtIntoAVectorizedLoop) {
  // The rows of two lanes overlap: TensorIR accepts this.
  const Chain halo(24, 1);
  Schedule s(halo.func);
  const Block b = s.get_block("B");
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  s.reorder({j, i});
  s.vectorize(i);
  EXPECT_NE(refusal(s, "S0157", [&] { s.compute_at(b, i); }).find("iterations of the vectorized loop `i` would"),
            std::string::npos);
  check(s, halo.func);
  // Without halo each lane has elements of its own.
  const Chain plain(24, 0);
  Schedule t(plain.func);
  auto [p, q] = t.get_loops<2>(t.get_block("C"));
  t.vectorize(q);
  t.compute_at(t.get_block("B"), q);
  check(t, plain.func);
}

TEST(Dependence, FusedEpilogueOfAnImperfectTile) {
  te::Tensor a = te::placeholder({37, 19}, f32, "A"), b = te::placeholder({19, 29}, f32, "B");
  te::IterVar k = te::reduce_axis(0, 19, "k");
  te::Tensor c =
      te::compute({37, 29}, [&](Expr i, Expr j) { return te::sum(a(i, k) * b(k, j), {k}); }, "C", {"i", "j"});
  te::Tensor d = te::compute({37, 29}, [&](Expr i, Expr j) { return te::max(c(i, j), 0.0f); }, "D", {"i", "j"});
  const PrimFunc f = te::create_prim_func({a, b, d}, "dense_relu");
  Schedule s(f);
  auto [i, j, r] = s.get_loops<3>(s.get_block("C"));
  auto [io, jo, ii, ji] = s.tile(i, j, 8, 8);
  s.reorder({io, jo, r, ii, ji});
  s.reverse_compute_at(s.get_block("D"), jo);
  check(s, f);
  const Loop outer = s.fuse({io, jo});
  s.parallel(outer);
  s.vectorize(ji);
  check(s, f);
  // The reduction would be read half done.
  Schedule t(f);
  auto [x, y, z] = t.get_loops<3>(t.get_block("C"));
  const Block epilogue = t.get_block("D");
  refusal(t, "S0158", [&] { t.reverse_compute_at(epilogue, z); });
}

TEST(Dependence, ReorderAroundTwoBlocks) {
  const PrimFunc f = parse(R"(func f(A: f32[8, 8], B: f32[8, 8], C: f32[8, 8]) {
  for i in 0..8 {
    for j in 0..8 {
      block B(vi: spatial 0..8 = i, vj: spatial 0..8 = j) {
        reads A[vi, vj]
        writes B[vi, vj]
        B[vi, vj] = A[vi, vj] * 2.0
      }
      block C(vi: spatial 0..8 = i, vj: spatial 0..8 = j) {
        reads B[vi, vj]
        writes C[vi, vj]
        C[vi, vj] = B[vi, vj] + 1.0
      }
    }
  }
}
)");
  Schedule s(f);
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  s.reorder({j, i});
  s.parallel(j);
  s.vectorize(i);
  check(s, f);
}

TEST(Dependence, ReorderKeepsReadsOfTheRowAbove) {
  const auto program = [](const char* index) {
    return parse(std::string(R"(func f(A: f32[9, 9], B: f32[9, 9], C: f32[9, 9]) {
  for i in 1..9 {
    for j in 0..8 {
      block B(vi: spatial 0..9 = i, vj: spatial 0..9 = j) {
        reads A[vi, vj]
        writes B[vi, vj]
        B[vi, vj] = A[vi, vj] * 2.0
      }
      block C(vi: spatial 0..9 = i, vj: spatial 0..9 = j) {
        reads B[)") +
                 index + R"(]
        writes C[vi, vj]
        C[vi, vj] = B[)" +
                 index + R"(] + 1.0
      }
    }
  }
}
)");
  };
  // From the row above, same column: only i carries it, so that j may go outside.
  const PrimFunc same = program("vi - 1, vj");
  Schedule s(same);
  auto [i, j] = s.get_loops<2>(s.get_block("C"));
  refusal(s, "S0108", [&] { s.parallel(i); });
  s.reorder({j, i});
  s.parallel(j);
  EXPECT_TRUE(verify::verify(s.func(), verify::Stage::kScheduled).ok());
  // From the row above, next column: interchange turns it around.
  Schedule t(program("vi - 1, vj + 1"));
  auto [x, y] = t.get_loops<2>(t.get_block("C"));
  EXPECT_NE(refusal(t, "S0121", [&] { t.reorder({y, x}); }).find("carry dependences on `B`"), std::string::npos);
  refusal(t, "S0108", [&] { t.parallel(y); });
}

TEST(Dependence, ReductionBlockThatIsRecomputed) {
  // Each row tile recomputes rows of the reduction that overlap with the next tile's.
  te::Tensor a = te::placeholder({10, 6}, f32, "A");
  te::IterVar k = te::reduce_axis(0, 6, "k");
  te::Tensor b = te::compute({10}, [&](Expr i) { return te::sum(a(i, k), {k}); }, "B", {"i"});
  te::Tensor c = te::compute({8}, [&](Expr i) { return b(i) + b(i + 2); }, "C", {"i"});
  const PrimFunc f = te::create_prim_func({a, c}, "rows");
  Schedule s(f);
  const Block bb = s.get_block("B");
  auto [i] = s.get_loops<1>(s.get_block("C"));
  auto [io, ii] = s.split<2>(i, {nullopt, 4});
  s.compute_at(bb, io);
  check(s, f);
  const auto loops = s.get_loops(bb);
  ASSERT_EQ(loops.size(), 3u);
  s.reorder({loops[2], loops[1]});
  check(s, f);
  s.parallel(io);
  check(s, f);
}

}  // namespace
}  // namespace tilewright::schedule
