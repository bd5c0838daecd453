#include <gtest/gtest.h>

#include <set>

#include "tilewright/tir/parser.h"
#include "tilewright/tir/visit.h"
#include "tir/text_programs.h"

namespace tilewright::tir {
namespace {

using namespace testing;  // NOLINT

PrimFunc parse(std::string_view text) {
  return parse_func(text).value();
}

std::string renamed(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(ContentHash, IsThirtyTwoDigitsAndNeverChanges) {
  const std::string hash = content_hash(parse(kMatmul));
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos);
  // Written down: records of earlier versions are found by it. A change needs a new version byte.
  EXPECT_EQ(hash, "66bceecc99ae34a8ab06e97800063aae");
}

TEST(ContentHash, DoesNotDependOnNamesOfVariables) {
  EXPECT_EQ(content_hash(parse(kMatmul)), content_hash(parse(renamed(renamed(kMatmul, "vi", "row"), "vj", "column"))));
  EXPECT_EQ(content_hash(parse(kMatmul)), content_hash(parse(renamed(kMatmul, "func matmul", "func other"))));
  EXPECT_EQ(content_hash(parse("func f(A: f32[n]) { for i in 0..n { } }")),
            content_hash(parse("func f(A: f32[m]) { for j in 0..m { } }")));
}

TEST(ContentHash, DistinguishesPrograms) {
  std::set<std::string> hashes;
  size_t count = 0;
  for (const char* text : {kMatmul, kScheduled, kThreads, kLowered, kExpressions}) {
    hashes.insert(content_hash(parse(text)));
    ++count;
  }
  for (const char* body : {"A[0] = 1.0",
                           "A[0] = 2.0",
                           "A[1] = 1.0",
                           "B[0] = 1.0",
                           "A[0] = 1.0 A[0] = 1.0",
                           "for i in 0..4 { A[i] = 1.0 }",
                           "for i in 0..4 { A[0] = 1.0 }",
                           "for i in 1..5 { A[i] = 1.0 }",
                           "parallel i in 0..4 { A[i] = 1.0 }",
                           "for i in 0..4 { annotate \"x\" = 1 A[i] = 1.0 }",
                           "for i in 0..4 { annotate \"x\" = 1.0 A[i] = 1.0 }",
                           "for i in 0..4 { annotate \"x\" = \"1\" A[i] = 1.0 }",
                           "if n > 1 { A[0] = 1.0 }",
                           "if n > 1 { A[0] = 1.0 } else { }",
                           "let x: i64 = n A[x] = 1.0",
                           "let x: i32 = 1i32 A[0] = 1.0",
                           "assert n > 1, \"a\"",
                           "assert n > 1, \"b\"",
                           "grid i, j in (0..4, 0..4) { A[i] = A[j] }",
                           "grid i, j in (0..4, 0..4) { A[j] = A[i] }",
                           "grid i, j in (0..4, 0..4) { A[i] = A[i] }",
                           "block C() { A[0] = 1.0 }",
                           "block D() { A[0] = 1.0 }",
                           "block C(v: spatial 0..4 = 1) { A[0] = 1.0 }",
                           "block C(v: opaque 0..4 = 1) { A[0] = 1.0 }",
                           "block C() { where n > 2 A[0] = 1.0 }",
                           "alloc X: f32[4] local",
                           "alloc X: f32[4] local align 8",
                           "alloc X: f32[4] local layout (i) -> (i) in [4]",
                           "alloc X: f32[4] local layout (i) -> (3 - i) in [4]"}) {
    hashes.insert(content_hash(parse("func f(A: f32[4], B: f32[4], n: i64) { " + std::string(body) + " }")));
    ++count;
  }
  EXPECT_EQ(hashes.size(), count);
}

}  // namespace
}  // namespace tilewright::tir
