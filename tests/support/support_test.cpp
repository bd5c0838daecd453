#include <gtest/gtest.h>

#include <array>

#include "tilewright/support/crc32c.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/support/expected.h"
#include "tilewright/support/random.h"

namespace tilewright {
namespace {

TEST(Diagnostic, RendersEveryPart) {
  Diagnostic d;
  d.code = "S0107";
  d.operation = "vectorize";
  d.message = "loop `k` carries the reduction of block `C`";
  d.place = "matmul";
  d.listing = "for i, j\n  for k in 0..512        <-- here";
  d.legal_kind = "loops";
  d.legal = {"i", "j"};
  d.remedy = "rfactor(k)";
  EXPECT_EQ(d.render(),
            "error[S0107] vectorize: loop `k` carries the reduction of block `C`\n"
            "  --> matmul:  for i, j\n"
            "                 for k in 0..512        <-- here\n"
            "  legal loops: i, j        remedy: rfactor(k)");
  EXPECT_EQ(d.summary(), "vectorize: loop `k` carries the reduction of block `C` [S0107]");
  EXPECT_NE(d.render(true).find("\x1b[1;31m"), std::string::npos);
}

TEST(Expected, HoldsValueOrDiagnostic) {
  Expected<int> good = 3;
  EXPECT_TRUE(good.has_value());
  EXPECT_EQ(*good, 3);
  Diagnostic d;
  d.message = "no";
  Expected<int> bad = d;
  EXPECT_FALSE(bad.has_value());
  EXPECT_THROW(std::move(bad).value(), Error);
}

TEST(CounterRng, DependsOnKeyAndIndexOnly) {
  CounterRng a(1, 2, 3), b(1, 2, 3), c(1, 2, 4);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

TEST(CounterRng, BelowIsUniform) {
  std::array<int, 7> counts{};
  CounterRng rng(9);
  for (int i = 0; i < 70000; ++i) ++counts[rng.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  for (int i = 0; i < 1000; ++i) {
    const int64_t v = rng.in_range(-3, 4);
    EXPECT_TRUE(v >= -3 && v <= 4);
  }
}

TEST(Crc32c, MatchesThePublishedCheckValue) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

}  // namespace
}  // namespace tilewright
