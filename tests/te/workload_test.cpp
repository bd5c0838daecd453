#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tilewright/te/te.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright {
namespace {

std::string code_of(std::string_view text) {
  auto w = te::parse_workload(text);
  return w ? "" : w.error().code;
}
std::string message_of(std::string_view text) {
  auto w = te::parse_workload(text);
  return w ? "" : w.error().message;
}

TEST(Workload, TableHasTheEighteenInOrder) {
  const char* names[] = {"gmm",  "dense", "matmul_add", "dense_bias_relu",
                         "vadd", "c1d",   "c2d",        "c2d_nchw",
                         "c3d",  "grp",   "dil",        "dep",
                         "t2d",  "cap",   "nrm",        "sfm",
                         "cbr",  "tbs"};
  const auto table = te::list_workloads();
  ASSERT_GE(table.size(), 18u);
  for (size_t i = 0; i < 18; ++i) {
    EXPECT_EQ(table[i].name, names[i]);
    EXPECT_FALSE(table[i].description.empty());
    EXPECT_EQ(code_of(table[i].example), "") << message_of(table[i].example);
    for (const std::string& type : table[i].types) {
      EXPECT_EQ(code_of(table[i].example + "@" + type), "") << table[i].example << "@" << type;
    }
  }
  const auto json = nlohmann::json::parse(te::workloads_json());
  EXPECT_EQ(json[0]["name"], "gmm");
  EXPECT_EQ(json[0]["parameters"].size(), 4u);
}

TEST(Workload, FlopCounts) {
  const std::pair<const char*, double> counts[] = {
      {"gmm:1,512,32,512", 16777216},
      {"gmm:3,128,128,128", 3 * 4194304.0},
      {"dense:128,3072,768", 603979776},
      {"matmul_add:8,16,32", 2 * 8 * 16 * 32},
      {"dense_bias_relu:1,784,128", 2 * 784 * 128},
      {"vadd:1000", 1000},
      {"c1d:1,256,64,128,3,2,1", 6291456},
      {"c1d:1,64,256,256,5,1,2", 41943040},
      {"c2d:1,224,224,3,64,7,2,3", 236027904},
      {"c2d:2,14,14,256,256,3,1,1", 2 * 231211008.0},
      {"c2d_nchw:1,7,7,512,512,3,1,1", 231211008},
      {"c3d:1,16,14,14,256,256,3,1,1", 11098128384},
      {"grp:1,56,56,64,128,3,2,1,4", 28901376},
      {"dil:1,7,7,512,512,3,1,1,2", 117964800},
      {"dep:1,14,14,512,3,2,1", 451584},
      {"t2d:1,32,32,64,3,4,2,1", 6291456},
      {"cap:1,16,16,8,16,3,2,1", 9437184},
      {"nrm:1,4096,1024", 8388608},
      {"sfm:2048,2048", 20971520},
      {"cbr:1,28,28,128,256,1,2,0", 12845056},
      {"tbs:1,128,12,64", 26148864},
  };
  for (const auto& [text, flops] : counts) {
    auto w = te::parse_workload(text);
    ASSERT_TRUE(w) << text;
    EXPECT_EQ(w->flops, flops) << text;
  }
}

TEST(Workload, CanonicalText) {
  auto w = te::parse_workload("gmm:01,512,512,0512@f32");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->name, "gmm:1,512,512,512");
  EXPECT_EQ(w->op, "gmm");
  EXPECT_EQ(w->func.name(), "gmm");
  EXPECT_EQ(w->type, "f32");
  EXPECT_EQ(w->constant_candidates, std::vector<std::string>{"B"});
  w = te::parse_workload("c2d:1,5,5,2,2,3,1,1@u8i8");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->name, "c2d:1,5,5,2,2,3,1,1@u8i8");
  EXPECT_EQ(w->tensors[0].dtype(), u8);
  EXPECT_EQ(w->tensors[1].dtype(), i8);
  EXPECT_EQ(w->tensors[2].dtype(), i32);
  w = te::parse_workload("matmul_add:4,4,4@i8");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->tensors[2].dtype(), i32);
  w = te::parse_workload("dense_bias_relu:4,5,6@bf16");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->tensors[2].dtype(), bf16);
  EXPECT_EQ(w->tensors[3].dtype(), bf16);
  ASSERT_EQ(w->func->params.size(), 4u);
  EXPECT_EQ(w->func->params[2].buffer.name(), "b");
}

TEST(Workload, LowPrecisionAccumulatesInAStageOfItsOwn) {
  auto w = te::parse_workload("gmm:1,4,4,4@f16");
  ASSERT_TRUE(w);
  const te::Tensor out = w->tensors.back();
  ASSERT_EQ(out.op().inputs.size(), 1u);
  EXPECT_EQ(out.op().inputs[0].dtype(), f32);
  EXPECT_TRUE(out.op().inputs[0].op().is_reduction());
}

TEST(Workload, BadInput) {
  EXPECT_EQ(code_of(""), "E0420");
  EXPECT_EQ(code_of("gemm:1,2,3,4"), "E0420");
  EXPECT_NE(message_of("gemm:1,2,3,4").find("gmm, dense, matmul_add"), std::string::npos);
  EXPECT_EQ(code_of("GMM:1,2,3,4"), "E0420");
  EXPECT_EQ(code_of(" gmm:1,2,3,4"), "E0420");
  for (const char* text : {"gmm", "gmm:", "gmm:1,2,3", "gmm:1,2,3,4,5"}) EXPECT_EQ(code_of(text), "E0421") << text;
  EXPECT_NE(message_of("gmm:1,2,3").find("takes 4 numbers, gmm:B,N,M,K, but 3 were given"), std::string::npos);
  for (const char* text : {"gmm:1,2,3,", "gmm:1,,3,4", "gmm:1, 2,3,4", "gmm:1,+2,3,4", "gmm:1,2.5,3,4", "gmm:1,0x2,3,4",
                           "gmm:1,2:3,3,4", "gmm:1,-,3,4"}) {
    EXPECT_EQ(code_of(text), "E0422") << text;
  }
  for (const char* text : {"gmm:1,0,5,5", "gmm:1,-3,5,5", "gmm:1,99999999999,2,2", "gmm:1,99999999999999999999999,2,2",
                           "gmm:1,2147483648,2,2"}) {
    EXPECT_EQ(code_of(text), "E0423") << text;
  }
  EXPECT_NE(message_of("gmm:1,0,5,5").find("N of `gmm` is 0, expected 1 .. 2147483647"), std::string::npos);
  EXPECT_EQ(code_of("c2d:1,5,5,2,2,3,1,-1"), "E0423");
  EXPECT_EQ(code_of("c2d:1,5,5,2,2,3,0,1"), "E0423");
  EXPECT_EQ(code_of("grp:1,5,5,6,4,3,1,1,3"), "E0423");
  EXPECT_EQ(code_of("c2d:1,2,2,1,1,5,1,0"), "E0424");
  EXPECT_EQ(code_of("c2d:1,2,2,1,1,5,1,2"), "");
  EXPECT_EQ(code_of("dil:1,5,5,1,1,3,1,0,3"), "E0424");
  EXPECT_EQ(code_of("dil:1,5,5,1,1,2147483647,1,0,2147483647"), "E0424");
  EXPECT_EQ(code_of("t2d:1,1,1,1,1,2,1,1"), "E0424");
  EXPECT_EQ(code_of("t2d:1,2147483647,1,1,1,1,2147483647,0"), "E0424");
  EXPECT_EQ(code_of("c2d:1,2147483647,1,1,1,1,1,2147483647"), "E0424");
  EXPECT_EQ(code_of("gmm:1,2000000,2000000,2"), "E0425");
  EXPECT_EQ(code_of("gmm:2147483647,2147483647,2147483647,2147483647"), "E0425");
  EXPECT_EQ(code_of("cap:2147483647,2147483647,2147483647,2147483647,2147483647,1,1,0"), "E0425");
  EXPECT_EQ(code_of("c2d:1,1,1,1,1,1,2000000000,1000000000"), "E0425");
  for (const char* text : {"gmm:1,2,3,4@", "gmm:1,2,3,4@f8", "gmm:1,2,3,4@i32", "gmm:1,2,3,4@f16@f16", "vadd:4@i8",
                           "sfm:2,2@u8i8", "cbr:1,5,5,2,2,3,1,1@i8"}) {
    EXPECT_EQ(code_of(text), "E0426") << text;
  }
  EXPECT_EQ(code_of("/nonexistent/x.tir"), "E0428");
  EXPECT_EQ(code_of("/tmp/.tir"), "E0428");
  // A message stays on one line, whatever was given.
  const std::string message = message_of(std::string("a\nb\0c\x7f", 6) + std::string(100000, 'x'));
  EXPECT_LT(message.size(), 600u);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Workload, LoopIrFile) {
  auto w = te::parse_workload("matmul_add:4,5,6");
  ASSERT_TRUE(w);
  const std::string path = testing::TempDir() + "/te_workload_test.tir";
  std::ofstream(path) << tir::to_string(w->func) << "\n";
  auto f = te::parse_workload(path);
  ASSERT_TRUE(f) << f.error().render();
  EXPECT_EQ(f->name, path);
  EXPECT_EQ(f->op, "matmul_add");
  EXPECT_TRUE(tir::structural_equal(f->func, w->func));
  EXPECT_EQ(f->flops, 2 * 4 * 5 * 6 + 4 * 5);
  EXPECT_EQ(f->constant_candidates, (std::vector<std::string>{"A", "B", "C"}));
  std::ofstream(path) << "func broken(";
  EXPECT_NE(code_of(path), "");
  std::remove(path.c_str());
}

TEST(Workload, UsersOwnOperator) {
  // Convolution NCHW/OIHW with the padding in an expression, as a user writes it.
  te::register_workload("my_conv", {"N", "H", "W", "CI", "CO", "KH", "KW", "stride", "padding"},
                        [](const std::vector<int64_t>& v) {
                          const int64_t s = v[7], p = v[8];
                          te::Tensor X = te::placeholder({v[0], v[3], v[1], v[2]}, f32, "X"),
                                     W = te::placeholder({v[4], v[3], v[5], v[6]}, f32, "W");
                          te::IterVar c = te::reduce_axis(0, v[3], "c"), r = te::reduce_axis(0, v[5], "r"),
                                      q = te::reduce_axis(0, v[6], "q");
                          te::Tensor Y = te::compute(
                              {v[0], v[4], (v[1] + 2 * p - v[5]) / s + 1, (v[2] + 2 * p - v[6]) / s + 1},
                              [&](Expr n, Expr o, Expr y, Expr x) {
                                Expr iy = y * s + r - p, ix = x * s + q - p;
                                Expr inside = iy >= 0 && iy < v[1] && ix >= 0 && ix < v[2];
                                return te::sum(te::if_then_else(inside, X(n, c, iy, ix), 0) * W(o, c, r, q), {c, r, q});
                              },
                              "Y");
                          return std::vector<te::Tensor>{X, W, Y};
                        });
  auto w = te::parse_workload("my_conv:1,224,224,3,64,7,7,2,3");
  ASSERT_TRUE(w) << w.error().render();
  EXPECT_EQ(w->func.name(), "my_conv");
  EXPECT_EQ(w->flops, 236027904);
  EXPECT_EQ(code_of("my_conv:1,224,224"), "E0421");
  EXPECT_EQ(code_of("my_conv:1,224,224,3,64,7,7,0,3"), "E0423");
  EXPECT_EQ(code_of("my_conv:1,2,2,3,64,7,7,2,0"), "E0405");  // the function's own refusal
  EXPECT_NE(message_of("nothing:1").find("tbs, my_conv"), std::string::npos);
  EXPECT_THROW(
      te::register_workload("my_conv", {"N"}, [](const std::vector<int64_t>&) { return std::vector<te::Tensor>(); }),
      Error);
  EXPECT_THROW(
      te::register_workload("gmm", {"N"}, [](const std::vector<int64_t>&) { return std::vector<te::Tensor>(); }),
      Error);
  EXPECT_THROW(
      te::register_workload("a-b", {"N"}, [](const std::vector<int64_t>&) { return std::vector<te::Tensor>(); }),
      Error);
}

}  // namespace
}  // namespace tilewright
