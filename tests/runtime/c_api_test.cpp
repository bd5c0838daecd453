#include "tilewright/runtime/c_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/fixture.h"

namespace tilewright::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::filesystem::path source_folder() {
  return TILEWRIGHT_SOURCE_DIR;
}

// A program that a C user would write, against the shared library only.
constexpr const char* kProgram = R"(
#include <stdio.h>
#include <string.h>
#include "tilewright/runtime/c_api.h"

static int fail(void) { printf("error: %s\n", tw_last_error()); return 1; }

int main(int argc, char** argv) {
  TwModule* module;
  if (argc != 2 || tw_module_load(argv[1], NULL, &module)) return fail();
  printf("%d functions, first %s, metadata %s\n", (int)tw_module_num_functions(module), tw_module_function_name(module, 0),
         tw_module_metadata(module));
  const TwFunction* matmul;
  if (tw_module_function(module, "matmul", &matmul)) return fail();
  const TwDataType f32 = {TW_DTYPE_FLOAT, 32, 1};
  const int64_t shape_a[] = {2, 3}, shape_b[] = {3, 4}, shape_c[] = {2, 4};
  TwDLTensor *a, *b, *c;
  if (tw_tensor_create(shape_a, 2, f32, &a) || tw_tensor_create(shape_b, 2, f32, &b) || tw_tensor_create(shape_c, 2, f32, &c)) {
    return fail();
  }
  for (int i = 0; i < 6; ++i) ((float*)a->data)[i] = (float)(i + 1);
  for (int i = 0; i < 12; ++i) ((float*)b->data)[i] = (float)(i + 1);
  TwAny args[] = {tw_tensor_arg(a), tw_tensor_arg(b), tw_tensor_arg(c)};
  if (tw_function_call(matmul, args, 3)) return fail();
  printf("result %g\n", ((float*)c->data)[7]);
  TwTimeOptions options = {sizeof(TwTimeOptions), 10, 3, 0, 0, 0};
  TwTimeResult timed;
  double seconds[3];
  if (tw_time_function(matmul, args, 3, &options, &timed, seconds) || timed.min <= 0) return fail();
  TwAny wrong[] = {tw_tensor_arg(a), tw_tensor_arg(a), tw_int_arg(1)};
  printf("code %d: %s\n", tw_function_call(matmul, wrong, 3), tw_last_error());
  tw_tensor_free(a);
  tw_tensor_free(b);
  tw_tensor_free(c);
  tw_module_free(module);
  return 0;
}
)";

std::string build_c_program(const std::string& name, const std::string& text) {
  const auto base = testing::scratch_folder() / name;
  testing::write_text(base.string() + ".c", text);
  testing::run_command("cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I" + (source_folder() / "include").string() +
                       " -o " + base.string() + " " + base.string() + ".c " TILEWRIGHT_RUNTIME_SO " -Wl,-rpath," +
                       std::filesystem::path(TILEWRIGHT_RUNTIME_SO).parent_path().string());
  return base.string();
}

TEST(CApiTest, APlainCProgramDeploysAModule) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a plain C program cannot load a library with sanitizers";
#endif
  const auto module = testing::write_module("deployed.so", testing::standard_module());
  const std::string output = testing::run_command(build_c_program("deploy", kProgram) + " " + module.string());
  EXPECT_THAT(output, HasSubstr("2 functions, first matmul, metadata {\"schema\": 1, \"features\": [\"sse2\"]}"));
  EXPECT_THAT(output, HasSubstr("result 128"));
  EXPECT_THAT(output, HasSubstr("code 13: matmul: argument 1 (B): expected shape (3, 4), got (2, 3)"));
}

TEST(CApiTest, TheNumberOfThreadsComesFromTheEnvironment) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a plain C program cannot load a library with sanitizers";
#endif
  const std::string program = build_c_program("threads", R"(
#include <stdio.h>
#include "tilewright/runtime/c_api.h"
int main(void) { printf("%d threads", (int)tw_num_threads()); return 0; }
)");
  EXPECT_EQ(testing::run_command("TILEWRIGHT_NUM_THREADS=3 " + program), "3 threads");
  EXPECT_EQ(testing::run_command("taskset -c 0 " + program), "1 threads");
  EXPECT_EQ(testing::run_command("TILEWRIGHT_NUM_THREADS=some taskset -c 0 " + program), "1 threads");
}

TEST(CApiTest, NullsAndWrongNamesAreErrors) {
  TwModule* module = nullptr;
  EXPECT_EQ(tw_module_load(nullptr, nullptr, &module), TW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(tw_module_load("/nowhere/x.so", nullptr, &module), TW_ERROR_MISSING_FILE);
  EXPECT_THAT(tw_last_error(), HasSubstr("cannot open /nowhere/x.so"));
  EXPECT_EQ(tw_module_load_from_memory("junk", 4, nullptr, &module), TW_ERROR_NOT_ELF);
  EXPECT_EQ(module, nullptr);

  const std::string& bytes = testing::standard_module();
  const TwLoadOptions wrong_size = {1, 0};
  EXPECT_EQ(tw_module_load_from_memory(bytes.data(), bytes.size(), &wrong_size, &module), TW_ERROR_INVALID_ARGUMENT);
  ASSERT_EQ(tw_module_load_from_memory(bytes.data(), bytes.size(), nullptr, &module), TW_OK);
  const TwFunction* function = nullptr;
  EXPECT_EQ(tw_module_function(module, "nope", &function), TW_ERROR_MISSING_FUNCTION);
  EXPECT_STREQ(tw_last_error(), "no function nope in this module; it has: matmul, scale");
  EXPECT_EQ(tw_module_function_name(module, 2), nullptr);
  EXPECT_EQ(tw_module_function_name(module, -1), nullptr);
  EXPECT_EQ(tw_function_call(nullptr, nullptr, 0), TW_ERROR_INVALID_ARGUMENT);
  tw_module_free(module);
  tw_module_free(nullptr);

  TwDLTensor* tensor = nullptr;
  const std::int64_t bad[] = {-3};
  EXPECT_EQ(tw_tensor_create(bad, 1, {TW_DTYPE_FLOAT, 32, 1}, &tensor), TW_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(tensor, nullptr);
  tw_tensor_free(nullptr);
  EXPECT_EQ(tw_set_num_threads(-4), TW_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tw_last_error(), "expected 0 .. 1024 threads, got -4");
}

TEST(CApiTest, ExhaustedMemoryIsACodeAndLeavesAUsableRuntime) {
  TwMemoryStatistics statistics;
  tw_memory_statistics(&statistics);
  tw_set_memory_limit(statistics.in_use_bytes + 4096);
  TwDLTensor* tensor = nullptr;
  const std::int64_t large[] = {1 << 20}, small[] = {16};
  EXPECT_EQ(tw_tensor_create(large, 1, {TW_DTYPE_FLOAT, 32, 1}, &tensor), TW_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(tw_tensor_create(small, 1, {TW_DTYPE_FLOAT, 32, 1}, &tensor), TW_OK);
  tw_tensor_free(tensor);
  tw_set_memory_limit(0);
}

TEST(AbiTest, HeadersCompileAloneAsC11AndCpp) {
  for (const char* header : {"abi.h", "c_api.h"}) {
    const auto file = testing::scratch_folder() / "alone.c";
    testing::write_text(file, std::string("#include \"tilewright/runtime/") + header + "\"\n");
    const std::string flags =
        " -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I" + (source_folder() / "include").string() + " ";
    testing::run_command("cc -std=c11" + flags + file.string());
    testing::run_command("c++ -x c++ -std=c++20" + flags + file.string());
  }
}

TEST(AbiTest, SharedLibraryIsThin) {
  const std::string needed = testing::run_command("ldd " TILEWRIGHT_RUNTIME_SO);
  for (const char* foreign : {"LLVM", "xgboost", "fmt", "lld", "tvm"}) EXPECT_THAT(needed, Not(HasSubstr(foreign)));
  const std::string symbols = testing::run_command("nm -D --defined-only " TILEWRIGHT_RUNTIME_SO);
  EXPECT_THAT(symbols, HasSubstr("tw_module_load"));
  EXPECT_THAT(symbols, Not(HasSubstr("TVMFFI")));
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  const auto stripped = testing::scratch_folder() / "stripped.so";
  testing::run_command("strip -o " + stripped.string() + " " TILEWRIGHT_RUNTIME_SO);
  EXPECT_LE(std::filesystem::file_size(stripped), 200u * 1024);
#endif
}

}  // namespace
}  // namespace tilewright::runtime
