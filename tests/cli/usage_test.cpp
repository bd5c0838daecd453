// Wrong use and bad workloads and targets: exit 2, one complete first line, no other damage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.h"

namespace tilewright::cli::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Bad {
  std::vector<std::string> arguments;
  /// What the first line names: the given and the expected.
  std::vector<std::string> named;
};

void expect_refused(const Bad& bad) {
  const Outcome o = tilewright(bad.arguments);
  std::string command;
  for (const std::string& word : bad.arguments) command += " " + word;
  EXPECT_EQ(o.exit_code, 2) << command << "\n" << o.err;
  EXPECT_EQ(o.out, "") << command;
  ASSERT_FALSE(o.err.empty()) << command;
  EXPECT_THAT(lines_of(o.err)[0], StartsWith("error: ")) << command;
  for (const std::string& text : bad.named) EXPECT_THAT(o.first_error(), HasSubstr(text)) << command;
}

TEST(Usage, CommandLines) {
  const Bad cases[] = {
      {{}, {"no command"}},
      {{"tun"}, {"\"tun\"", "tune", "compile", "workloads"}},
      {{"tune"}, {"WORKLOAD"}},
      {{"tune", "vadd:64", "--trails", "3"}, {"--trails", "tilewright tune --help"}},
      {{"tune", "vadd:64", "--trials"}, {"--trials"}},
      {{"tune", "vadd:64", "--trials", "many"}, {"--trials", "\"many\"", "whole number"}},
      {{"tune", "vadd:64", "--trials", "-1"}, {"--trials", "\"-1\"", "0 .. "}},
      {{"tune", "vadd:64", "--trials", "3.5"}, {"\"3.5\""}},
      {{"tune", "vadd:64", "--trials", "99999999999999999999"}, {"--trials", "whole number"}},
      {{"tune", "vadd:64", "--threads", "0"}, {"--threads", "\"0\"", "1 .. "}},
      {{"tune", "vadd:64", "--seed", "-3"}, {"--seed", "\"-3\""}},
      {{"tune", "vadd:64", "--time-limit", "0"}, {"--time-limit", "more than 0"}},
      {{"tune", "vadd:64", "--time-limit", "nan"}, {"--time-limit", "\"nan\""}},
      {{"tune", "vadd:64", "--timeout", "soon"}, {"--timeout", "\"soon\""}},
      {{"tune", "vadd:64", "--eps-greedy", "1.5"}, {"--eps-greedy", "at most 1"}},
      {{"tune", "vadd:64", "--accuracy", "0"}, {"--accuracy", "more than 0"}},
      {{"tune", "vadd:64", "--population", "1"}, {"--population", "2 .. "}},
      {{"tune", "vadd:64", "--number", "0"}, {"--number"}},
      {{"tune", "vadd:64", "--repeat", "0"}, {"--repeat"}},
      {{"tune", "vadd:64", "--min-repeat-ms", "-1"}, {"--min-repeat-ms"}},
      {{"tune", "vadd:64", "--tuner", "magic"},
       {"\"magic\"", "evolutionary", "annealing", "genetic", "grid", "random"}},
      {{"tune", "vadd:64", "--model", "magic"}, {"\"magic\"", "xgb", "roofline", "none"}},
      {{"compile", "vadd:64", "--emit", "jpeg"}, {"\"jpeg\"", "so", "lowered", "asm"}},
      {{"compile", "vadd:64"}, {"--emit so", "-o"}},
      {{"compile", "vadd:64", "--emit", "so"}, {"--emit so", "-o"}},
      {{"compile", "vadd:64", "--emit", "obj"}, {"--emit obj", "-o"}},
      {{"compile", "vadd:64", "--emit", "bc"}, {"--emit bc", "-o"}},
      {{"compile", "vadd:64", "--emit", "llvm", "--target", "c"}, {"--emit llvm", "\"c\""}},
      {{"bench", "vadd:64"}, {"--log"}},
      {{"run"}, {"file"}},
      {{"inspect"}, {"file"}},
      {{"log"}, {"tilewright log --help"}},
      {{"log", "sing", "x.log"}, {"tilewright log --help"}},
      {{"log", "show"}, {"files"}},
      {{"log", "merge", "x.log"}, {"--output"}},
      {{"workloads", "--all"}, {"--all"}},
  };
  for (const Bad& bad : cases) expect_refused(bad);
}

TEST(Usage, ForLaterVersions) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"explain", "gmm:1,8,8,8", "--log", "x.log", "-o", "x.html"},
                                             {"fuzz", "--cases", "10", "--seed", "1", "--json"},
                                             {"tune", "--tasks", "tasks.json", "--time-limit", "10", "--out", "folder"},
                                             {"compile", "vadd:64", "--emit", "cuda"},
                                             {"compile", "vadd:64", "--emit", "ptx"},
                                             {"compile", "vadd:64", "--emit", "cubin", "-o", "x.cubin"},
                                             {"compile", "vadd:64", "--emit", "opencl"},
                                             {"compile", "gmm:1,8,8,8", "--constant", "B", "--emit", "tir"}}) {
    expect_refused({arguments, {"is not available in this version"}});
  }
}

TEST(Usage, Constants) {
  expect_refused({{"compile", "gmm:1,8,8,8", "--constant", "Q", "--emit", "tir"}, {"\"Q\"", "`gmm`", "operands: B"}});
  expect_refused({{"compile", "gmm:1,8,8,8", "--constant", "B,A", "--emit", "tir"}, {"\"A\"", "operands: B"}});
  expect_refused({{"tune", "c2d:1,8,8,4,4,3,1,1", "--constant", "X"}, {"\"X\"", "operands: W"}});
  expect_refused({{"tune", "c2d:1,8,8,4,4,3,1,1", "--constant", "W"}, {"W", "not available"}});
  expect_refused({{"tune", "vadd:64", "--constant", "A"}, {"\"A\"", "no operand of `vadd`"}});
}

TEST(Usage, BadWorkloads) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"", {"no workload \"\"", "gmm"}},
      {"gemm:1,2,3,4", {"\"gemm\"", "gmm", "tbs"}},
      {"gmm", {"4 numbers", "B,N,M,K", "0 were given"}},
      {"gmm:1,2,3", {"4 numbers", "3 were given"}},
      {"gmm:1,2,3,4,5", {"5 were given"}},
      {"gmm:1,0,5,5", {"N of `gmm` is 0", "1 .. 2147483647"}},
      {"gmm:1,-4,5,5", {"N of `gmm` is -4", "1 .. 2147483647"}},
      {"gmm:1,x,5,5", {"\"x\"", "decimal number"}},
      {"gmm:1,2.5,5,5", {"\"2.5\"", "decimal number"}},
      {"gmm:1,,5,5", {"\"\"", "decimal number"}},
      {"gmm:1,99999999999,2,2", {"99999999999", "1 .. 2147483647"}},
      {"gmm:1,99999999999999999999999999,2,2", {"1 .. 2147483647"}},
      {"gmm:1,2000000,2000000,2000000", {"GiB", "memory"}},
      {"gmm:1,8,8,8@f8", {"\"f8\"", "f32", "u8i8"}},
      {"sfm:8,8@i8", {"\"i8\""}},
      {"c2d:1,8,8,4,4,30,1,1", {"less than 1", "1 .. 2147483647"}},
      {"c2d:1,8,8,4,4,3,0,1", {"s of `c2d` is 0"}},
      {"grp:1,8,8,4,4,3,1,1,3", {"groups", "divisor"}},
      {"missing.tir", {"\"missing.tir\"", "cannot be read"}},
  };
  for (const auto& [workload, named] : cases) {
    expect_refused({{"tune", workload, "--trials", "1"}, named});
    expect_refused({{"compile", workload, "--emit", "tir"}, named});
    expect_refused({{"bench", workload, "--log", "x.log"}, named});
  }
}

TEST(Usage, BadTargets) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"", {"empty", "llvm, c"}},
      {"cuda", {"\"cuda\"", "llvm, c"}},
      {"llvm -mcpu=zen99", {"\"zen99\"", "x86_64", "legal CPUs"}},
      {"llvm -mcpu", {"-mcpu", "VALUE"}},
      {"llvm -mattr=+avx1024", {"\"avx1024\""}},
      {"llvm -mtriple=z80-none", {"z80-none"}},
      {"llvm -num-cores=0", {"-num-cores", "\"0\""}},
      {"llvm -num-cores=two", {"-num-cores", "\"two\""}},
      {"llvm -fast", {"\"-fast\"", "-mcpu"}},
      {"llvm -debug=all", {"\"all\"", "bounds"}},
      {"c -cc=tcc", {"\"tcc\"", "gcc, clang"}},
  };
  for (const auto& [target, named] : cases) {
    expect_refused({{"tune", "vadd:64", "--target", target, "--trials", "1"}, named});
    expect_refused({{"compile", "vadd:64", "--target", target, "--emit", "tir"}, named});
  }
}

TEST(Usage, HelpAndVersion) {
  const Outcome version = tilewright({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, StartsWith("tilewright 0."));
  const Outcome help = tilewright({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("tune"), HasSubstr("workloads")));
  const Outcome tune = tilewright({"tune", "--help"});
  EXPECT_EQ(tune.exit_code, 0);
  for (const char* option :
       {"--target",     "--trials",   "--time-limit", "--seed",          "--threads",    "--log",
        "--out",        "--constant", "--tuner",      "--model",         "--population", "--eps-greedy",
        "--warm-start", "--number",   "--repeat",     "--min-repeat-ms", "--timeout",    "--cold",
        "--verify-all", "--accuracy", "--replay-log", "--json"})
    EXPECT_THAT(tune.out, HasSubstr(option));
}

TEST(Usage, FullStandardOutputIsAFailure) {
  const Outcome o =
      run_program("/bin/sh", {{"-c", std::string(TILEWRIGHT_PROGRAM) + " workloads > /dev/full"}, "", {}, "", 0});
  EXPECT_EQ(o.exit_code, 1);
  EXPECT_THAT(o.first_error(), HasSubstr("standard output"));
}

TEST(Workloads, TableAndJson) {
  const Outcome text = tilewright({"workloads"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("gmm:B,N,M,K"));
  const Outcome json = tilewright({"workloads", "--json"});
  ASSERT_TRUE(json.last_json().is_object());
  EXPECT_EQ(json.last_json()["workloads"].size(), 18u);
  EXPECT_EQ(lines_of(json.out).size(), 1u);
}

}  // namespace
}  // namespace tilewright::cli::test
