// compile, inspect and run: every form, both targets, and every kind of bad file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.h"

namespace tilewright::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSmall = "gmm:1,16,24,8";

/// A module for kSmall, made once.
const std::string& small_module() {
  static const Folder folder;
  static const std::string path = [] {
    const Outcome o = tilewright({"compile", kSmall, "-o", folder.path("gmm.so")});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return folder.path("gmm.so");
  }();
  return path;
}

void expect_bad(const Outcome& o, const std::vector<std::string>& named) {
  EXPECT_EQ(o.exit_code, 2) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(lines_of(o.err).size(), 1u) << o.err;
  for (const std::string& text : named) EXPECT_THAT(o.first_error(), HasSubstr(text));
}

TEST(Compile, TextForms) {
  const std::pair<const char*, const char*> forms[] = {{"te", "sum("}, {"tir", "gmm"},     {"lowered", "gmm"},
                                                       {"c", "gmm("},  {"llvm", "define"}, {"asm", ".text"}};
  for (const auto& [form, text] : forms) {
    const Outcome o = tilewright({"compile", kSmall, "--emit", form});
    EXPECT_EQ(o.exit_code, 0) << form << o.err;
    EXPECT_THAT(o.out, HasSubstr(text)) << form;
    if (std::string(form) != "te") {
      EXPECT_THAT(o.err, HasSubstr("without measuring")) << form;
    }
  }
}

TEST(Compile, AllFormsInOrder) {
  for (const auto& [target, names] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"llvm", {"te", "tir", "lowered", "c", "llvm", "asm"}}, {"c", {"te", "tir", "lowered", "c"}}}) {
    const Outcome o = tilewright({"compile", "dense_bias_relu:16,8,24", "--target", target, "--emit", "all"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    std::vector<std::string> found;
    for (const std::string& line : lines_of(o.out)) {
      if (line.rfind("// ---- ", 0) == 0) found.push_back(line.substr(8));
    }
    EXPECT_EQ(found, names) << target;
  }
}

TEST(Compile, BinaryForms) {
  Folder folder;
  for (const std::string form : {"bc", "obj", "so"}) {
    const Outcome o = tilewright({"compile", kSmall, "--emit", form, "-o", folder.path(form)});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(folder.read(form).substr(0, 2), form == "bc" ? "BC"
                                                           : "\x7f"
                                                             "E")
        << form;
  }
}

TEST(Compile, CSourceWithHeader) {
  Folder folder;
  const Outcome o = tilewright({"compile", kSmall, "--target", "c", "--emit", "c", "-o", folder.path("x.c")});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(folder.has("x.h"));
  folder.write(
      "main.c",
      "#include \"x.h\"\n#include <stdio.h>\nint main(void) {\n  static float a[16 * 8], b[8 * 24], c[16 * 24];\n"
      "  for (int i = 0; i < 16 * 8; ++i) a[i] = 1;\n  for (int i = 0; i < 8 * 24; ++i) b[i] = 2;\n"
      "  if (gmm(a, b, c)) return 1;\n  for (int i = 0; i < 16 * 24; ++i) if (c[i] != 16) return 2;\n"
      "  return 0;\n}\n");
  for (const std::string compiler : {"/usr/bin/gcc", "/usr/bin/clang-19"}) {
    const Outcome built = run_program(
        compiler,
        {{"-std=c11", "-O2", "-march=native", "main.c", "x.c", "-o", "main", "-lm"}, folder.path(), {}, "", 0});
    ASSERT_EQ(built.exit_code, 0) << built.err;
    EXPECT_EQ(run_program(folder.path("main"), {}).exit_code, 0);
  }
}

TEST(Compile, CTargetModuleRuns) {
  Folder folder;
  const Outcome o = tilewright({"compile", kSmall, "--target", "c", "--emit", "so", "-o", folder.path("x.so")});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  const Outcome run = tilewright({"run", folder.path("x.so"), "--check", kSmall, "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(run.last_json().value("checked", false));
}

TEST(Compile, BoundsChecksInGeneratedCode) {
  Folder folder;
  const Outcome o = tilewright({"compile", kSmall, "--target", "llvm -debug=bounds", "-o", folder.path("x.so")});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(tilewright({"run", folder.path("x.so"), "--check", kSmall}).exit_code, 0);
}

TEST(Compile, LoopIrFromAFile) {
  Folder folder;
  const Outcome text = tilewright({"compile", "vadd:96", "--emit", "tir"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  for (const std::string name : {"vadd.tir", "vadd.txt"}) {
    folder.write(name, text.out);
    const Outcome o = tilewright({"compile", "./" + name, "-o", "x.so"}, folder.path());
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(tilewright({"run", "x.so", "--check", "./" + name}, folder.path()).exit_code, 0);
    EXPECT_EQ(tilewright({"run", "x.so", "--check", "vadd:96"}, folder.path()).exit_code, 0);
  }
  expect_bad(tilewright({"compile", "./vadd.tir", "--emit", "te"}, folder.path()), {"te", "loop IR"});
  folder.write("bad.tir", "func {");
  const Outcome bad = tilewright({"compile", folder.path("bad.tir"), "--emit", "tir"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.first_error(), HasSubstr("bad.tir"));
}

TEST(Compile, OutputThatCannotBeWritten) {
  Folder folder;
  expect_bad(tilewright({"compile", kSmall, "-o", folder.path("none/x.so")}), {"-o", "none/x.so"});
  expect_bad(tilewright({"compile", kSmall, "-o", folder.path()}), {"-o", "folder"});
  expect_bad(tilewright({"compile", kSmall, "-o", ""}), {"-o", "empty"});
  // A device is written to, not replaced.
  EXPECT_EQ(tilewright({"compile", kSmall, "-o", "/dev/null"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  const Outcome full = tilewright({"compile", kSmall, "-o", "/dev/full"});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.first_error(), HasSubstr("/dev/full"));
}

TEST(Compile, WhatExistedSurvivesAFailedWrite) {
  Folder folder;
  folder.write("x.so", "precious");
  const Outcome o = run_program(TILEWRIGHT_PROGRAM, {{"compile", kSmall, "-o", folder.path("x.so")}, "", {}, "", 1000});
  EXPECT_EQ(o.exit_code, 1) << o.err;
  EXPECT_THAT(o.first_error(), HasSubstr("File too large"));
  EXPECT_EQ(folder.read("x.so"), "precious");
}

TEST(Inspect, TellsWhatIsInside) {
  const Outcome text = tilewright({"inspect", small_module()});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  for (const char* part : {"function gmm", "A: f32[1, 16, 8]", "C: f32[1, 16, 24]", kSmall, "llvm", "sha256"})
    EXPECT_THAT(text.out, HasSubstr(part));
  const nlohmann::json json = tilewright({"inspect", small_module(), "--json"}).last_json();
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["workload"], kSmall);
  EXPECT_EQ(json["functions"][0]["name"], "gmm");
  EXPECT_EQ(json["sealed"], true);
  for (const char* key : {"target", "workload_hash", "trace", "tir", "features", "measured_ms"})
    EXPECT_TRUE(json.contains(key)) << key;
}

TEST(Inspect, AndRunRefuseDamagedFiles) {
  Folder folder;
  std::string bytes;
  {
    std::error_code error;
    std::filesystem::copy(small_module(), folder.path("good.so"), error);
    bytes = folder.read("good.so");
  }
  std::string flipped = bytes;
  flipped[flipped.find("\"functions\"") + 2] ^= 1;
  std::string code_flipped = bytes;
  code_flipped[bytes.size() / 2] ^= 4;
  folder.write("truncated.so", bytes.substr(0, bytes.size() / 3));
  folder.write("short.so", bytes.substr(0, 20));
  folder.write("empty.so", "");
  folder.write("garbage.so", std::string(5000, '\x9c'));
  folder.write("text.so", "hello");
  folder.write("flipped.so", flipped);
  folder.write("code.so", code_flipped);
  for (const std::string name :
       {"truncated.so", "short.so", "empty.so", "garbage.so", "text.so", "flipped.so", "code.so", "missing.so"}) {
    expect_bad(tilewright({"inspect", folder.path(name)}), {name});
    expect_bad(tilewright({"inspect", folder.path(name), "--json"}), {name});
    expect_bad(tilewright({"run", folder.path(name)}), {name});
  }
  expect_bad(tilewright({"run", folder.path()}), {"not a regular file"});
  expect_bad(tilewright({"inspect", TILEWRIGHT_RUNTIME_SO}), {"libtilewright_runtime.so"});
  expect_bad(tilewright({"run", TILEWRIGHT_RUNTIME_SO}), {"libtilewright_runtime.so"});
}

TEST(Run, ChecksAndTimes) {
  const Outcome o = tilewright({"run", small_module(), "--check", kSmall, "--seed", "5", "--json"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  const nlohmann::json json = o.last_json();
  ASSERT_TRUE(json.is_object()) << o.out;
  EXPECT_EQ(json["function"], "gmm");
  EXPECT_GT(json["ms"].get<double>(), 0);
  EXPECT_EQ(json["checked"], true);
  EXPECT_LE(json["max_error"].get<double>(), 1e-5);
}

TEST(Run, WithoutCheck) {
  const Outcome o = tilewright({"run", small_module(), "--function", "gmm", "--json"}, "/");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.last_json()["checked"], false);
  EXPECT_TRUE(o.last_json()["max_error"].is_null());
}

TEST(Run, LargerThanTheInterpretersShare) {
  Folder folder;
  ASSERT_EQ(tilewright({"compile", "gmm:1,256,256,256", "-o", folder.path("x.so")}).exit_code, 0);
  const Outcome o = tilewright({"run", folder.path("x.so"), "--check", "gmm:1,256,256,256", "--json"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.last_json()["checked"], true);
}

TEST(Run, OtherShapesAndNames) {
  expect_bad(tilewright({"run", small_module(), "--check", "gmm:1,16,24,9"}),
             {"gmm:1,16,24,9", "A: f32[1, 16, 8]", "A: f32[1, 16, 9]"});
  expect_bad(tilewright({"run", small_module(), "--check", "gmm:1,16,24,8@f64"}), {"f64[1, 16, 8]"});
  expect_bad(tilewright({"run", small_module(), "--check", "vadd:8"}), {"vadd:8"});
  expect_bad(tilewright({"run", small_module(), "--check", "nothing:8"}), {"\"nothing\""});
  expect_bad(tilewright({"run", small_module(), "--function", "mmg"}), {"\"mmg\"", "gmm"});
  expect_bad(tilewright({"run", small_module(), "--seed", "x"}), {"--seed", "\"x\""});
}

TEST(Run, AWrongResultIsAFailure) {
  // The same shapes, another computation: A B + C is not A B - C.
  Folder folder;
  const Outcome text = tilewright({"compile", "vadd:64", "--emit", "tir"});
  std::string program = text.out;
  const size_t plus = program.find(" + B[");
  ASSERT_NE(plus, std::string::npos) << program;
  program[plus + 1] = '-';
  folder.write("vsub.tir", program);
  ASSERT_EQ(tilewright({"compile", folder.path("vsub.tir"), "-o", folder.path("x.so")}).exit_code, 0);
  const Outcome o = tilewright({"run", folder.path("x.so"), "--check", "vadd:64", "--json"});
  EXPECT_EQ(o.exit_code, 1);
  EXPECT_THAT(o.first_error(), HasSubstr("wrong"));
  EXPECT_EQ(o.last_json()["checked"], false);
  EXPECT_GT(o.last_json()["max_error"].get<double>(), 0.1);
}

}  // namespace
}  // namespace tilewright::cli::test
