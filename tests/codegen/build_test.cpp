// From programs to callable, exported modules, for every kind of target.
#include "tilewright/codegen/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "codegen/call.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/te/workload.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright {
namespace {

using codegen::test::call_with;
using ::testing::HasSubstr;
using ::testing::Not;
using tir::HostArray;

std::vector<Target> all_targets() {
  std::vector<Target> out = {Target("c -num-cores=2")};
#ifdef TILEWRIGHT_LLVM
  out.emplace_back("llvm -num-cores=2");
  out.emplace_back("llvm -num-cores=1 -debug=bounds");
  if (out[0].triple.starts_with("x86_64")) {
    out.emplace_back("llvm -mcpu=x86-64 -num-cores=2");
    if (out[0].vector_bytes >= 32) out.emplace_back("llvm -mcpu=core-avx2 -num-cores=2");
  }
#endif
  return out;
}

Target default_target() {
  return all_targets().back();
}

std::vector<HostArray> arguments(const PrimFunc& func, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::vector<HostArray> out;
  for (const tir::Param& param : func->params) {
    std::vector<int64_t> shape;
    for (const Expr& e : param.buffer.shape()) {
      int64_t extent = 0;
      EXPECT_TRUE(tir::is_const_int(e, &extent));
      shape.push_back(extent);
    }
    HostArray a = HostArray::zeros(param.buffer.dtype(), shape);
    for (int64_t i = 0; i < a.elements(); ++i) {
      if (a.dtype.is_floating()) {
        a.set(i, static_cast<double>(rng() % 20001) / 10000.0 - 1.0);
      } else {
        a.set_int(i, static_cast<int64_t>(rng() % 256) - (a.dtype.is_int() ? 128 : 0));
      }
    }
    out.push_back(std::move(a));
  }
  return out;
}

/// Largest difference relative to the largest value of the reference, of the last argument.
double error_of(const PrimFunc& reference, const runtime::Module& module, const std::string& name) {
  std::vector<HostArray> expected = arguments(reference, 7), given = expected;
  std::vector<HostArray*> pointers;
  for (HostArray& a : expected) pointers.push_back(&a);
  tir::InterpreterOptions options;
  options.float64_reference = true;
  Status status = tir::interpret(reference, pointers, options);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().render());
  for (int64_t i = 0; i < given.back().elements(); ++i) given.back().set(i, 77);
  call_with(module[name], given);
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < given.back().elements(); ++i) {
    double y = given.back().get(i), r = expected.back().get(i);
    largest = std::max(largest, std::abs(r));
    if (!(std::abs(y - r) <= 1e30)) return 1e30;
    difference = std::max(difference, std::abs(y - r));
  }
  return largest > 0 ? difference / largest : difference;
}

double limit_of(DataType t) {
  if (!t.is_floating()) return 0;
  if (t.bits == 64) return 1e-12;
  if (t.bits == 32) return 1e-5;
  return t.code == tir::TypeCode::kBfloat ? 2e-2 : 1e-2;
}

class WorkloadTest : public ::testing::TestWithParam<const char*> {};

TEST_P(WorkloadTest, UnscheduledIsRightOnEveryTarget) {
  te::Workload w = te::parse_workload(GetParam()).value();
  for (const Target& target : all_targets()) {
    Module module = build(w.func, target);
    double error = error_of(w.func, module.module(), w.op);
    EXPECT_LE(error, limit_of(w.tensors.back().dtype())) << target.str();
  }
}

INSTANTIATE_TEST_SUITE_P(All, WorkloadTest,
                         ::testing::Values("gmm:2,6,7,9", "dense:5,6,7", "matmul_add:6,7,8", "dense_bias_relu:3,9,5",
                                           "vadd:37", "c1d:1,17,3,5,3,2,1", "c2d:1,9,8,3,5,3,2,1",
                                           "c2d_nchw:1,9,8,3,5,3,1,1", "c3d:1,5,6,4,2,3,3,1,1", "grp:1,7,7,8,8,3,1,1,4",
                                           "dil:1,11,11,2,3,3,1,0,2", "dep:1,8,8,5,3,1,1", "t2d:1,5,5,3,4,4,2,1",
                                           "cap:1,5,5,2,3,3,1,1", "nrm:3,6,7", "sfm:5,33", "cbr:1,6,6,3,5,3,1,1",
                                           "tbs:1,6,2,5", "gmm:1,5,6,7@f64", "gmm:1,5,6,7@f16", "gmm:1,5,6,7@bf16",
                                           "gmm:1,5,6,7@i8", "gmm:1,5,6,7@u8i8", "sfm:3,17@f16", "sfm:3,17@f64"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

/// Register tiles of rows x columns in parallel, as a search would choose them; sizes need not divide.
PrimFunc scheduled_matmul(const te::Workload& w, int64_t rows, int64_t columns) {
  schedule::Schedule s(w.func);
  std::string name;
  tir::pre_order(s.func()->body, [&](const tir::Stmt& stmt) {
    const auto* block = tir::as<tir::BlockNode>(stmt);
    if (block && block->init.defined()) name = block->name;
    return true;
  });
  schedule::Block c = s.get_block(name);
  schedule::Block write = s.cache_write(c, 0, "local");
  auto loops = s.get_loops(c);
  size_t n = loops.size();
  auto [i0, i1] = s.split<2>(loops[n - 3], {std::nullopt, rows});
  auto [j0, j1] = s.split<2>(loops[n - 2], {std::nullopt, columns});
  s.reorder({i0, j0, loops[n - 1], i1, j1});
  s.reverse_compute_at(write, j0);
  s.parallel(i0);
  s.unroll(i1);
  s.vectorize(j1);
  auto write_loops = s.get_loops(write);
  s.vectorize(write_loops.back());
  s.unroll(write_loops[write_loops.size() - 2]);
  return s.func();
}

TEST(BuildTest, ScheduledMatmulOfEvenAndOddSizes) {
  for (const char* text : {"gmm:1,64,64,48", "gmm:1,61,67,13", "gmm:2,9,33,5"}) {
    te::Workload w = te::parse_workload(text).value();
    PrimFunc f = scheduled_matmul(w, 8, 32);
    for (const Target& target : all_targets()) {
      Module module = build(f, target);
      EXPECT_LE(error_of(w.func, module.module(), "gmm"), 1e-5) << text << " " << target.str();
    }
  }
}

TEST(BuildTest, ExportsAtomicallyAndLoadsAgain) {
  te::Workload w = te::parse_workload("gmm:1,16,16,16").value();
  BuildOptions options;
  options.provenance.workload = w.name;
  options.provenance.tir = tir::to_string(w.func);
  Module module = build(w.func, default_target(), options);
  std::string folder = ::testing::TempDir() + "export_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  std::string path = folder + "/gmm.so";
  std::ofstream(path) << "old contents";
  module.export_library(path);
  EXPECT_LE(std::filesystem::file_size(path), 40u << 10);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  runtime::Module loaded = runtime::load(path);
  EXPECT_LE(error_of(w.func, loaded, "gmm"), 1e-5);
  auto metadata = nlohmann::json::parse(loaded.metadata());
  EXPECT_EQ(metadata["workload"], w.name);
  EXPECT_EQ(metadata["functions"][0]["arguments"][2]["role"], "output");
  EXPECT_FALSE(metadata["functions"][0]["arguments"][2].contains("read"));
  try {
    module.export_library(folder + "/missing/gmm.so");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(std::string(e.what()), HasSubstr("missing/gmm.so"));
  }
}

TEST(BuildTest, WrongArgumentsAreNamed) {
  te::Workload w = te::parse_workload("gmm:1,16,16,16").value();
  Module module = build(w.func, default_target());
  std::vector<HostArray> args = arguments(w.func, 1);
  args[1] = HostArray::zeros(tir::kF32, {1, 16, 8});
  try {
    call_with(module["gmm"], args);
    FAIL();
  } catch (const runtime::Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("gmm: argument 1 (B)"));
    EXPECT_THAT(e.what(), HasSubstr("(1, 16, 8)"));
  }
}

TEST(BuildTest, FormsOfTheCode) {
  te::Workload w = te::parse_workload("vadd:64").value();
  std::string folder = ::testing::TempDir();
  Target c("c -num-cores=1");
  EXPECT_THAT(emit(w.func, c, EmitKind::kC), HasSubstr("vadd"));
  EXPECT_THAT(emit(w.func, c, EmitKind::kCHeader), HasSubstr("vadd"));
  EXPECT_THAT(emit(w.func, c, EmitKind::kLowered), HasSubstr("func vadd"));
  EXPECT_EQ(emit(w.func, c, EmitKind::kSharedLibrary).substr(1, 3), "ELF");
  auto code_of = [&](const Target& target, EmitKind kind) -> std::string {
    try {
      emit(w.func, target, kind);
    } catch (const Error& e) {
      return e.diagnostic().code;
    }
    return "made";
  };
  EXPECT_EQ(code_of(c, EmitKind::kLlvm), "G0840");
#ifdef TILEWRIGHT_LLVM
  Target llvm("llvm -num-cores=1");
  EXPECT_THAT(emit(w.func, llvm, EmitKind::kLlvm), HasSubstr("define"));
  EXPECT_THAT(emit(w.func, llvm, EmitKind::kAssembly), HasSubstr("__tvm_ffi_vadd:"));
  EXPECT_EQ(emit(w.func, llvm, EmitKind::kBitcode).substr(0, 2), "BC");
  EXPECT_EQ(emit(w.func, llvm, EmitKind::kObject).substr(1, 3), "ELF");
  EXPECT_EQ(code_of(llvm, EmitKind::kC), "G0840");
  EXPECT_EQ(build(w.func, llvm).get_source(), emit(w.func, llvm, EmitKind::kLlvm));
#else
  EXPECT_EQ(code_of(Target("llvm"), EmitKind::kLlvm), "G0842");
#endif
  EXPECT_EQ(build(w.func, c).get_source(), emit(w.func, c, EmitKind::kC));
}

#ifdef TILEWRIGHT_LLVM
TEST(BuildTest, ThePipelineIsAnAttribute) {
  te::Workload w = te::parse_workload("gmm:1,33,16,16").value();
  auto with = [&](const char* opt) {
    tir::PrimFuncNode node = *w.func.get();
    node.attributes.set("opt", std::string(opt));
    return PrimFunc(node);
  };
  Target target("llvm -num-cores=1");
  EXPECT_NE(emit(with("O2"), target, EmitKind::kLlvm), emit(with("codegen"), target, EmitKind::kLlvm));
  EXPECT_LE(error_of(w.func, build(with("O2"), target).module(), "gmm"), 1e-5);
  EXPECT_THROW(emit(with("O9"), target, EmitKind::kLlvm), Error);
}
#endif

}  // namespace
}  // namespace tilewright
