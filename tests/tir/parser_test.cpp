#include "tilewright/tir/parser.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <limits>

#include "tilewright/support/random.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tir/text_programs.h"

namespace tilewright::tir {
namespace {

using namespace testing;  // NOLINT

PrimFunc parse(std::string_view text) {
  Expected<PrimFunc> result = parse_func(text);
  if (!result) {
    ADD_FAILURE() << result.error().render() << "\n" << text;
    return parse_func("func broken() { }").value();
  }
  return *result;
}

std::string error_of(std::string_view text) {
  const Expected<PrimFunc> result = parse_func(text);
  return result ? "accepted" : result.error().render();
}

/// The only store's value in `func f(A: f32[8], n: i64) { A[0] = ... }`
Expr value_of(const std::string& text, const std::string& type = "f32") {
  const PrimFunc f = parse("func f(A: " + type + "[8], n: i64) { A[0] = " + text + " }");
  const auto* s = as<StoreNode>(as<BlockNode>(f->body)->body);
  return s ? s->value : Expr();
}

TEST(Parser, EveryProgramPrintsAndParsesBack) {
  for (const char* text : {kMatmul, kScheduled, kThreads, kLowered, kExpressions}) {
    const PrimFunc first = parse(text);
    const std::string printed = to_string(first);
    const PrimFunc second = parse(printed);
    EXPECT_TRUE(structural_equal(first, second)) << printed;
    EXPECT_EQ(to_string(second), printed);
    EXPECT_EQ(content_hash(first), content_hash(second));
  }
}

TEST(Parser, CanonicalTextIsPrintedUnchanged) {
  for (const char* text : {kMatmul, kScheduled, kThreads, kLowered, kExpressions})
    EXPECT_EQ(to_string(parse(text)), text);
}

TEST(Parser, SugarIsTheLongForm) {
  const PrimFunc sugar = parse(R"(
    # Blocks and loops in short.
    func matmul(A: f32[512, 512], B: f32[512, 512], C: f32[512, 512]) {
      grid i, j, k in (0..512, 0..512, 0..512) {
        block C(remap "SSR": i, j, k) {
          init { C[vi, vj] = 0 }
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      }
    })");
  EXPECT_TRUE(structural_equal(sugar, parse(kMatmul))) << sugar;
}

TEST(Parser, DerivesRegionsOverTheLoopsInside) {
  const PrimFunc f = parse(R"(func f(A: f32[100, n], B: f32[100], C: f32[100, 100]) {
      for i in 0..10 {
        block outer(remap "S": i) {
          for j in 0..10 {
            block inner(vj: spatial 0..100 = vi * 10 + j) {
              for k in 2..n {
                B[vj] = A[vj, k] + B[vj] + C[vj * vj, 1] + C[vj, 5 - 1] + C[vj, 8]
              }
            }
          }
        }
      }
    })");
  const std::string text = to_string(f);
  EXPECT_NE(text.find("reads A[vi * 10..vi * 10 + 10, 2..n]"), std::string::npos) << text;
  EXPECT_NE(text.find("reads A[vj, 2..n], B[vj], C[0..100, 1..9]"), std::string::npos) << text;
  EXPECT_NE(text.find("writes B[vi * 10..vi * 10 + 10]"), std::string::npos) << text;
}

TEST(Parser, ReadsPrecedence) {
  EXPECT_EQ(to_string(value_of("1.0 + A[0] * 2.0 - (A[1] - A[2]) / (A[3] / A[4])")),
            "1.0 + A[0] * 2.0 - (A[1] - A[2]) / (A[3] / A[4])");
  EXPECT_EQ(to_string(value_of("select(n // 2 % 3 < n + -1 && n > 1 || !(n == 2), 1.0, -A[0])")),
            "select(n // 2 % 3 < n + -1 && n > 1 || !(n == 2), 1.0, -0.0 - A[0])");
}

TEST(Parser, ConstantsKeepEveryBit) {
  const auto bits = [](const Expr& e) {
    const auto* c = as<FloatImmNode>(e);
    return c ? std::bit_cast<uint64_t>(c->value) : 0;
  };
  for (const double x : {0.1, static_cast<double>(0.1f), 1e300, 5e-324, -0.0, 123456789.0, 1.0 / 3,
                         std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(),
                         -std::numeric_limits<double>::quiet_NaN(), std::bit_cast<double>(0xfff0000000000001u)}) {
    for (const DataType t : {kF64, kF32, kF16, kBF16}) {
      const Expr read = value_of(to_string(make_const(t, x)), t.str());
      EXPECT_EQ(bits(read), std::bit_cast<uint64_t>(x)) << to_string(make_const(t, x));
      EXPECT_EQ(read.dtype(), t);
    }
  }
  for (const DataType t : {kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64}) {
    for (const int64_t v : {int64_t{0}, int64_t{-1}, int64_t{127}, INT64_MIN, INT64_MAX}) {
      const Expr e = make_int(t, v);
      EXPECT_TRUE(structural_equal(value_of(to_string(e), t.str()), e)) << to_string(e);
    }
  }
}

TEST(Parser, TextWithoutRootGetsOne) {
  const PrimFunc with_root = parse("func f(A: f32[1]) { A[0] = 1.0 }");
  const auto* root = as<BlockNode>(with_root->body);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "root");
  EXPECT_FALSE(as<BlockNode>(parse("lowered func f(A: f32[1]) { A[0] = 1.0 }")->body));
}

TEST(Parser, IdsAreUnique) {
  std::vector<uint32_t> loops, blocks;
  pre_order(parse(kScheduled)->body, [&](const Stmt& s) {
    if (const auto* n = as<ForNode>(s)) loops.push_back(n->id.value);
    if (const auto* n = as<BlockNode>(s)) blocks.push_back(n->id.value);
    return true;
  });
  EXPECT_EQ(loops, (std::vector<uint32_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(blocks, (std::vector<uint32_t>{1, 2, 3}));
}

TEST(Parser, SizesMayComeAfterTheirUse) {
  const PrimFunc f = parse("func f(size m: i32, A: f32[n, m, k], n: i64) { assume k > 2 }");
  ASSERT_EQ(f->params.size(), 2u);
  EXPECT_TRUE(f->params[0].buffer.shape()[0].same_as(f->params[1].scalar));
  EXPECT_EQ(f->params[0].buffer.shape()[1].dtype(), kI32);
  EXPECT_EQ(to_string(f), "func f(size m: i32, A: f32[n, m, k], n: i64) {\n  assume k > 2\n}");
}

TEST(Parser, ErrorsNamePlaceFoundAndExpected) {
  EXPECT_EQ(error_of("func f(A: f32[4]) {\n  for i in 0..4 {\n    A[i] = B[i] + 1.0\n  }\n}"),
            "error[T0202] parse: no variable or buffer named `B` is in scope\n"
            "  --> <text>:3:12:      A[i] = B[i] + 1.0\n"
            "                               ^\n"
            "  legal names: A, i");
  EXPECT_EQ(error_of("func f(A: f32[4]) {\n  for i in 0,4 { }\n}"),
            "error[T0201] parse: found `,`, expected `..` or `+:`\n"
            "  --> <text>:2:13:    for i in 0,4 { }\n"
            "                                ^");
  EXPECT_EQ(error_of("func f(A: f32[4], x: i32) { A[0] = x + A[1] }"),
            "error[T0102] parse +: operands have types i32 and f32\n"
            "  --> <text>:1:38:  func f(A: f32[4], x: i32) { A[0] = x + A[1] }\n"
            "                                                         ^\n"
            "  remedy: cast one operand, for example cast(f32, x)");
}

TEST(Parser, RefusesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "found the end of the text, expected `func`"},
      {"func f() { } x", "found `x`, expected the end of the text"},
      {"func f(A: f33[4]) { }", "found `f33`, expected a type"},
      {"func f(A: f32[4]) { A[0, 1] = 1.0 }", "`A` has 1 dimensions, got 2 indices"},
      {"func f(A: f32[4], A: f32[4]) { }", "`A` is already defined in line 1"},
      {"func f(if: i32) { }", "`if` is a word of the language"},
      {"func f(A: f32[4]) { A[0] = \"x }", "the string has no closing quote"},
      {"func f(A: f32[4]) { A[0] = 1 < 2 < 3 }", "comparisons do not chain"},
      {"func f(A: i8[4]) { A[0] = 128i8 }", "the number 128i8 does not fit into i8"},
      {"func f(A: i8[4]) { A[0] = 99999999999999999999 }", "is out of range"},
      {"func f(A: f32[4]) { for i in 0..4 { for i in 0..4 { } } }", "`i` is already defined in line 1"},
      {"func f(A: f32[4]) { block B(remap \"SS\": i) { } }", "`i` is no loop around this block"},
      {"func f(A: f32[4]) { for i in 0..4 { block B(remap \"X\": i) { } } }", "unknown kind `X`"},
      {"func f(A: f32[4]) { block B(v: spatial 0..4 = 1) { where v < 2 } }", "the predicate uses the iterator `v`"},
      {"func f(A: f32[4]) { where true }", "`where` belongs to a block"},
      {"func f(A: f32[4]) { if 1 { } }", "the condition has type i64, expected bool"},
      {"func f(A: f32[4]) { A[0] = A[1] $ 2 }", "`$` belongs to no word of the language"},
      {"func f(A: f32[4]) { f = 1 }", "no buffer named `f` is in scope"},
      {"func f(A: f32[4]) { thread(warp) i in 0..4 { } }", "found no thread tag"},
      {"func f(A: f32[4] layout (i, j) -> (i, j) in [2, 2]) { }", "the layout of `A` has 2 inputs, expected 1"},
      {"func f(A: f32[4]) { for i in -9223372036854775808..9223372036854775807 { } }", "the range is too long"},
      {"func f(A: f32[4]) { A[0] = broadcast(1.0, 70000) }", "out of range"},
      {"func f(A: f32[4]) { let x: f32 = 1 A[0] = x }", "the expression has type i64, expected f32"},
  };
  for (const auto& [text, message] : cases) {
    const std::string error = error_of(text);
    EXPECT_NE(error.find(message), std::string::npos) << text << "\n" << error;
  }
}

TEST(Parser, ExamplesOfTheManualAreRight) {
  std::ifstream file(TILEWRIGHT_SOURCE_DIR "/docs/text-ir.md");
  ASSERT_TRUE(file) << "docs/text-ir.md";
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  const std::string fence = "```tir\n";
  std::vector<PrimFunc> examples;
  for (size_t at = 0; (at = manual.find(fence, at)) != std::string::npos;) {
    at += fence.size();
    examples.push_back(parse(manual.substr(at, manual.find("```", at) - at)));
  }
  ASSERT_GE(examples.size(), 4u);
  EXPECT_TRUE(structural_equal(examples[0], examples[1]));
  for (const PrimFunc& f : examples) EXPECT_TRUE(structural_equal(f, parse(to_string(f))));
}

TEST(Parser, DepthAndSizeAreLimited) {
  const auto repeat = [](const std::string& s, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += s;
    return out;
  };
  const std::string head = "func f(A: f32[4], n: i64) { ", store = head + "A[0] = ";
  for (const std::string& text :
       {store + repeat("(", 100000), store + repeat("-", 100000) + "A[0]", store + repeat("exp(", 100000),
        store + "A[0]" + repeat(" + A[0]", 100000), head + repeat("if n > 1 { ", 100000),
        head + repeat("if n > 1 { } else ", 100000), head + repeat("for i in 0..1 { ", 100000),
        store + repeat("A[", 100000), store + "(" + repeat("let x = n in ", 100000),
        head + "grid " + repeat("i, ", 100000)}) {
    const Expected<PrimFunc> result = parse_func(text);
    ASSERT_FALSE(result);
  }
  std::string lets = head;
  for (int i = 0; i < 100000; ++i) lets += "let x" + std::to_string(i) + " = n ";
  EXPECT_NE(error_of(lets + "}").find("statements nest deeper"), std::string::npos);
  EXPECT_NE(error_of(std::string(9 << 20, ' ')).find("bytes, at most"), std::string::npos);
  // Bindings that double in each block would grow without bound if they were written out.
  std::string nest = "func f(A: f32[4]) { for i in 0..2 { block b0(v0: spatial 0..2 = i + i) { ";
  for (int i = 1; i < 100; ++i) {
    const std::string n = std::to_string(i), o = "v" + std::to_string(i - 1);
    nest += "block b" + n + "(v" + n + ": spatial 0..2 = " + o + " + " + o + ") { ";
  }
  EXPECT_TRUE(parse_func(nest + "A[v99] = 1.0 " + repeat("} ", 102)));
}

/// Whatever bytes come, the parser gives a program or a diagnostic; what it accepts can be printed and read again.
TEST(Parser, SurvivesMutatedTexts) {
  const uint64_t seed = 20240501;
  std::vector<std::string> words = {
      "(",      ")",     "[",   "]",      "{",    "}",     "..",    "+:",    "=",       ",",
      ":",      "i",     "A",   "C",      "vi",   "block", "for",   "let",   "alloc",   "init",
      "where",  "reads", "f32", "select", "ramp", "0",     "-1",    "1e309", "nan",     "9223372036854775808",
      "layout", "->",    "in",  "\"",     "\\",   "#",     "remap", "grid",  "lowered", "if"};
  int accepted = 0;
  for (const char* source : {kMatmul, kScheduled, kThreads, kLowered, kExpressions}) {
    for (uint64_t round = 0; round < 600; ++round) {
      CounterRng random(seed, round);
      std::string text = source;
      for (uint64_t edits = 1 + random.below(4); edits > 0 && !text.empty(); --edits) {
        const size_t at = random.below(text.size());
        switch (random.below(5)) {
          case 0:
            text.resize(at);
            break;
          case 1:
            text[at] = static_cast<char>(random.below(256));
            break;
          case 2:
            text.erase(at, random.below(30));
            break;
          case 3:
            text.insert(at, " " + words[random.below(words.size())] + " ");
            break;
          default:
            text.insert(at, text.substr(random.below(text.size()), random.below(60)));
        }
      }
      const Expected<PrimFunc> result = parse_func(text);
      if (!result) {
        EXPECT_FALSE(result.error().message.empty());
        EXPECT_FALSE(result.error().code.empty());
        continue;
      }
      ++accepted;
      const std::string printed = to_string(*result);
      const Expected<PrimFunc> again = parse_func(printed);
      ASSERT_TRUE(again) << again.error().render() << "\n" << text << "\n" << printed;
      EXPECT_TRUE(structural_equal(*result, *again)) << text << "\n" << printed;
    }
  }
  EXPECT_GT(accepted, 20);
}

}  // namespace
}  // namespace tilewright::tir
