// Loop IR written by hand: a matmul in the short forms, scheduled by name; and one whose tiles miss elements.
#include "examples/example.h"

namespace tilewright::examples {
namespace {

using testing::HasSubstr;

TEST(LoopIrByHand, BlockLoopsSplitReorder) {
  // Without init: the product is added to what C holds.
  const PrimFunc func = tir::parse_func(R"(
    func matmul(A: f32[1024, 1024], B: f32[1024, 1024], C: f32[1024, 1024]) {
      grid i, j, k in (0..1024, 0..1024, 0..1024) {
        block C(remap "SSR": i, j, k) {
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      }
    })")
                            .value();
  EXPECT_TRUE(tir::param_uses(func)[2].read);
  EXPECT_TRUE(tir::param_uses(func)[2].written);
  Schedule s(func);
  auto block = s.get_block("C");
  auto [i, j, k] = s.get_loops<3>(block);
  auto [io, ii] = s.split<2>(i, {std::nullopt, 32});
  auto [jo, ji] = s.split<2>(j, {std::nullopt, 32});
  auto [ko, ki] = s.split<2>(k, {std::nullopt, 8});
  s.reorder({io, jo, ko, ii, ki, ji});
  s.vectorize(ji);
  s.parallel(io);
  EXPECT_LT(Judge(func).error(s.func()), 1e-5);
}

TEST(LoopIrByHand, MissingElementsShowInTheRegionsAndAVectorizedReductionIsRefused) {
  // Tiles of 64, of which only the first 8 k are visited.
  const PrimFunc func = tir::parse_func(R"(
    func partial(A: f32[128, 128], B: f32[128, 128], C: f32[128, 128]) {
      grid i, j, ko, ki in (0..128, 0..128, 0..2, 0..8) {
        block C(vi: spatial 0..128 = i, vj: spatial 0..128 = j, vo: reduce 0..2 = ko, vk: reduce 0..8 = ki) {
          init { C[vi, vj] = 0.0 }
          C[vi, vj] = C[vi, vj] + A[vi, vo * 64 + vk] * B[vo * 64 + vk, vj]
        }
      }
    })")
                            .value();
  EXPECT_THAT(tir::to_string(func), HasSubstr("A[vi, vo * 64 + vk]"));
  EXPECT_THAT(tir::to_string(func), HasSubstr("vk: reduce 0..8"));
  Schedule s(func);
  auto [i, j, ko, ki] = s.get_loops<4>(s.get_block("C"));
  const std::string text = error_of([&] { s.vectorize(ki); });
  EXPECT_THAT(text, HasSubstr("S0107"));
  EXPECT_THAT(text, HasSubstr("rfactor"));
  s.rfactor(ki, 0);
  EXPECT_LT(Judge(func).error(s.func()), 1e-5);
}

}  // namespace
}  // namespace tilewright::examples
