// Compiled modules as files: what they export and need, how large they are, and the quality of their code.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <thread>

#include "codegen/differential.h"
#include "tilewright/runtime/module_file.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::codegen {
namespace {

using namespace test;  // NOLINT
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string run(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  pclose(pipe);
  return out;
}

std::string write_file(const std::string& name, const std::string& bytes) {
  std::string path = ::testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

PrimFunc matmul(ForKind kind = ForKind::kParallel) {
  return tiled_matmul(64, 64, 64, 8, 2, 16, kind);
}

/// The instructions between a label and the jump back to it, of the innermost loop that has an fma.
std::vector<std::string> innermost_loop(const std::string& assembly) {
  std::vector<std::string> lines, best;
  std::istringstream in(assembly);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  for (size_t begin = 0; begin < lines.size(); ++begin) {
    std::smatch label;
    if (!std::regex_match(lines[begin], label, std::regex("(\\.LBB\\w+):.*"))) continue;
    std::vector<std::string> body;
    bool has_fma = false;
    for (size_t i = begin + 1; i < lines.size() && lines[i].find("LBB") != 1; ++i) {
      has_fma = has_fma || lines[i].find("vfmadd") != std::string::npos;
      body.push_back(lines[i]);
      bool jump = lines[i].find("\tj") == 0 && lines[i].find(label[1].str()) != std::string::npos;
      if (jump && has_fma && (best.empty() || body.size() < best.size())) best = body;
      if (jump) break;
    }
  }
  return best;
}

int count_of(const std::vector<std::string>& lines, const std::string& word) {
  int count = 0;
  for (const std::string& line : lines) count += line.find(word) != std::string::npos;
  return count;
}

TEST(LlvmModuleTest, InnerLoopIsLoadsAndFmasWithoutSpills) {
  struct Case {
    const char* target;
    int rows, vectors, lanes;
  };
  for (const Case& c : {Case{"llvm -mtriple=x86_64-pc-linux-gnu -mcpu=x86-64-v4 -num-cores=1", 8, 2, 16},
                        Case{"llvm -mtriple=x86_64-pc-linux-gnu -mcpu=znver4 -num-cores=1", 12, 2, 16},
                        Case{"llvm -mtriple=x86_64-pc-linux-gnu -mcpu=skylake-avx512 -num-cores=1", 6, 4, 16},
                        Case{"llvm -mtriple=x86_64-pc-linux-gnu -mcpu=core-avx2 -num-cores=1", 6, 2, 8}}) {
    PrimFunc f = tiled_matmul(c.rows * 8, 256, 512, c.rows, c.vectors, c.lanes, ForKind::kSerial);
    std::vector<std::string> loop = innermost_loop(text_of(f, EmitKind::kAssembly, Target(c.target)));
    ASSERT_FALSE(loop.empty()) << c.target;
    int fmas = c.rows * c.vectors;
    EXPECT_EQ(count_of(loop, "vfmadd"), fmas) << c.target;
    EXPECT_EQ(count_of(loop, "(%rsp)") + count_of(loop, "(%rbp)"), 0) << c.target;
    EXPECT_LE(static_cast<int>(loop.size()), fmas + c.rows + c.vectors + 6) << c.target;
    EXPECT_EQ(count_of(loop, "imul"), 0);
  }
}

TEST(LlvmModuleTest, SymbolicStridesAreHoisted) {
  // C[i, :] += A[i, k] * B[k, :] with sizes known at the call only.
  Var n("n"), m("m"), l("l"), i("i"), j("j"), p("p");
  Buffer a("A", kF32, {n, l}), b("B", kF32, {l, m}), c("C", kF32, {n, m});
  Buffer fa("A", kF32, {n * l}), fb("B", kF32, {l * m}), fc("C", kF32, {n * m});
  Buffer x("x", kF32.with_lanes(16), {Expr(1)}, Scope::kRegister);
  Expr column = ramp(p * m + j * 16, 1, 16);
  Stmt k_loop =
      make_for(p, 0, l, store(x, {0}, fma(broadcast(load(fa, {i * l + p}), 16), load(fb, {column}), load(x, {0}))));
  Stmt body = seq({store(x, {0}, broadcast(make_const(kF32, 0), 16)), k_loop,
                   store(fc, {ramp(i * m + j * 16, 1, 16)}, load(x, {0}))});
  body = make_for(i, 0, n, make_for(j, 0, floordiv(m, 16), alloc(x, body)));
  Target target("llvm -mtriple=x86_64-pc-linux-gnu -mcpu=x86-64-v4 -num-cores=1");
  std::vector<std::string> loop =
      innermost_loop(text_of(function("matmul", {a, b, c}, body), EmitKind::kAssembly, target));
  ASSERT_FALSE(loop.empty());
  EXPECT_EQ(count_of(loop, "imul"), 0);
  EXPECT_LE(loop.size(), 7u);
}

TEST(LlvmModuleTest, ExportsOnlyTheFunctionAndNeedsOnlyLibc) {
  std::string library = library_of(matmul());
  EXPECT_LE(library.size(), 40u << 10);
  std::string path = write_file("exports.so", library);
  std::istringstream symbols(run("nm -D --defined-only " + path + " | awk '{print $3}' | sort"));
  std::vector<std::string> names;
  for (std::string name; symbols >> name;) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("__tilewright_host_v1", "__tvm_ffi_matmul"));
  std::string needed = run("readelf -dW " + path);
  EXPECT_THAT(needed, HasSubstr("libc.so.6"));
  EXPECT_THAT(needed, Not(HasSubstr("libm.so.6")));
  EXPECT_THAT(needed, Not(HasSubstr("libLLVM")));
}

TEST(LlvmModuleTest, RunsWithoutOurLoader) {
  std::string path = write_file("plain.so", library_of(matmul(), Target("llvm -num-cores=2")));
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto f = reinterpret_cast<TwPackedFunction>(dlsym(handle, "__tvm_ffi_matmul"));
  ASSERT_NE(f, nullptr);
  std::vector<float> a(64 * 64, 1.0f), b(64 * 64, 2.0f), c(64 * 64);
  int64_t shape[2] = {64, 64};
  TwDLTensor tensors[3];
  TwAny args[3] = {};
  float* data[3] = {a.data(), b.data(), c.data()};
  for (int i = 0; i < 3; ++i) {
    tensors[i] = {data[i], {TW_DEVICE_CPU, 0}, 2, {TW_DTYPE_FLOAT, 32, 1}, shape, nullptr, 0};
    args[i].type_index = TW_TYPE_DLTENSOR;
    args[i].v_ptr = &tensors[i];
  }
  TwAny result = {};
  EXPECT_EQ(f(nullptr, args, 3, &result), 0);
  EXPECT_EQ(c[0], 128.0f);
  EXPECT_EQ(c[4095], 128.0f);
  EXPECT_EQ(dlclose(handle), 0);
}

TEST(LlvmModuleTest, SameInputSameBytes) {
  std::string library = library_of(matmul()), text = text_of(matmul());
  for (int repeat = 0; repeat < 20; ++repeat) {
    library_of(tiled_matmul(8, 32, 8, 4, 2, 16, ForKind::kSerial));  // what came before must not matter
    EXPECT_TRUE(library_of(matmul()) == library);
    EXPECT_TRUE(text_of(matmul()) == text);
  }
}

TEST(LlvmModuleTest, SeveralThreadsCompileAtOnce) {
  std::string expected = library_of(matmul());
  std::vector<std::string> results(8);
  std::vector<std::thread> threads;
  for (std::string& result : results) {
    threads.emplace_back([&result] {
      for (int repeat = 0; repeat < 3; ++repeat) result = library_of(matmul());
    });
  }
  for (std::thread& t : threads) t.join();
  for (const std::string& result : results) EXPECT_TRUE(result == expected);
}

TEST(LlvmModuleTest, MetadataTellsArgumentsTargetAndProvenance) {
  PrimFunc f = matmul();
  Target target("llvm -mcpu=core-avx2 -num-cores=2");
  Provenance provenance;
  provenance.workload = "matmul:64";
  provenance.workload_hash = "0123";
  provenance.trace = "[\"split\"]";
  provenance.tir = "def \"quoted\"\n";
  provenance.measured_ms = 1.25;
  std::string json = metadata_json(make_signature(f), target, provenance);
  EXPECT_EQ(json, metadata_json(make_signature(f), target, provenance));
  auto root = nlohmann::json::parse(json);
  EXPECT_EQ(root["version"], 1);
  auto& arguments = root["functions"][0]["arguments"];
  EXPECT_EQ(root["functions"][0]["name"], "matmul");
  ASSERT_EQ(arguments.size(), 3u);
  EXPECT_EQ(arguments[0]["name"], "A");
  EXPECT_EQ(arguments[0]["dtype"], "f32");
  EXPECT_EQ(arguments[0]["shape"], nlohmann::json({64, 64}));
  EXPECT_EQ(arguments[0]["role"], "input");
  EXPECT_EQ(arguments[2]["role"], "output");
  EXPECT_EQ(Target(root["target"].get<std::string>()), target);
  EXPECT_THAT(root["features"].get<std::vector<std::string>>(), ::testing::Contains("avx2"));
  EXPECT_EQ(root["workload"], "matmul:64");
  EXPECT_EQ(root["trace"], "[\"split\"]");
  EXPECT_EQ(root["tir"], "def \"quoted\"\n");
  EXPECT_EQ(root["measured_ms"], 1.25);
  EXPECT_THAT(root["compiler"].get<std::string>(), HasSubstr("llvm 19"));
  EXPECT_EQ(runtime::inspect_metadata(library_of(f, target)), metadata_json(make_signature(f), target, {}));
}

TEST(LlvmModuleTest, ExternalCFunctions) {
  Buffer a = flat("A", kI64, 16), out = flat("Out", kI64, 16);
  Var i("i");
  auto body = [&](int lanes) {
    Expr at = lanes == 1 ? Expr(i) : ramp(i * lanes, 1, lanes);
    return make_for(i, 0, Expr(16 / lanes),
                    store(out, {at}, call_extern(kI64.with_lanes(lanes), "labs", {load(a, {at})})));
  };
  for (int lanes : {1, 4}) {
    HostArray in = interesting(kI64, 16, 4);
    std::vector<HostArray> args = {in, HostArray::zeros(kI64, {16})};
    call_with(load_lowered(function("absolute", {a, out}, body(lanes)))["absolute"], args);
    for (int64_t k = 0; k < 16; ++k) {
      // The lowest number is its own absolute value; computed unsigned, where that is defined.
      const int64_t v = in.get_int(k);
      EXPECT_EQ(args[1].get_int(k), v < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(v)) : v);
    }
  }
}

TEST(LlvmModuleTest, OtherArchitecturesGiveAssemblyAndObjects) {
  Target arm("llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72 -num-cores=4");
  Buffer a = flat("A", kF32, 64), out = flat("Out", kF32, 64);
  Var i("i");
  Expr at = ramp(i * 4, 1, 4);
  PrimFunc f = function("twice", {a, out}, make_for(i, 0, 16, store(out, {at}, load(a, {at}) + load(a, {at}))));
  EXPECT_THAT(text_of(f, EmitKind::kAssembly, arm), HasSubstr("fadd\tv"));
  std::string object = text_of(f, EmitKind::kObject, arm);
  EXPECT_EQ(object.substr(1, 3), "ELF");
  try {
    link_shared({object}, arm.triple);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.diagnostic().code, "G0821");
  }
}

TEST(LlvmModuleTest, RefusesWhatIsNotLowered) {
  Buffer a = flat("A", kF32, 16), square("S", kF32, {4, 4});
  Buffer x("x", kF32, {Expr(1)}, Scope::kRegister);
  Var i("i"), free("free");
  auto code_of = [](const PrimFunc& f) -> std::string {
    try {
      text_of(f);
    } catch (const Error& e) {
      return e.diagnostic().code;
    }
    return "accepted";
  };
  Expr one = make_const(kF32, 1);
  EXPECT_EQ(code_of(function("f", {a}, store(a, {0}, exp(load(a, {0}))))), "G0831");
  EXPECT_EQ(code_of(function("f", {a}, make_for(i, 0, 16, store(a, {i}, one), ForKind::kVectorized))), "G0832");
  EXPECT_EQ(code_of(function("f", {a}, store(a, {free}, one))), "G0830");
  EXPECT_EQ(code_of(function("f", {a}, store(flat("B", kF32, 4), {0}, one))), "G0830");
  EXPECT_EQ(code_of(function("f", {square}, store(square, {0, 0}, one))), "G0831");
  EXPECT_EQ(code_of(function("f", {a}, store(x, {0}, one))), "G0830");
  EXPECT_EQ(code_of(function("_f", {a}, store(a, {0}, one))), "G0810");
  EXPECT_EQ(code_of(function("a b", {a}, store(a, {0}, one))), "G0810");
  EXPECT_EQ(code_of(function("f", {a, flat("A", kF32, 16)}, store(a, {0}, one))), "G0812");
  for (const char* name : {"llvm.trap", "__tilewright_fail", "f_compute", "1x"}) {
    EXPECT_EQ(code_of(function("f", {a}, store(a, {0}, call_extern(kF32, name, {one})))), "G0834") << name;
  }
  Buffer odd("A", kF32, {Expr(16)}, Scope::kGlobal, nullptr, 24);
  EXPECT_EQ(code_of(function("f", {odd}, store(odd, {0}, one))), "G0813");
  Buffer unknown("U", kF32, {free * 2});
  EXPECT_EQ(code_of(function("f", {unknown}, store(unknown, {0}, one))), "G0811");
}

}  // namespace
}  // namespace tilewright::codegen
