// Every named workload goes the whole way: tuned, checked, exported, run again from its file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.h"

namespace tilewright::cli::test {
namespace {

/// Small, with sizes that no tile divides evenly.
class EveryWorkload : public testing::TestWithParam<std::string> {};

TEST_P(EveryWorkload, TunesForEightTrialsAndTheWinnerIsRight) {
  Folder folder;
  const Outcome o = tilewright({"tune", GetParam(), "--trials", "8", "--verify-all", "--log", folder.path("x.log"),
                                "--out", folder.path("x.so"), "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err << o.out;
  const nlohmann::json json = o.last_json();
  EXPECT_EQ(json["wrong"], 0);
  if (json["exhausted"] != true) {
    EXPECT_EQ(json["trials"], 8);
  }
  const Outcome run = tilewright({"run", folder.path("x.so"), "--check", GetParam(), "--seed", "3", "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.last_json()["checked"], true);
}

INSTANTIATE_TEST_SUITE_P(Named, EveryWorkload,
                         testing::Values("gmm:2,33,50,47", "dense:31,45,64", "matmul_add:40,24,56",
                                         "dense_bias_relu:17,64,33", "vadd:10007", "c1d:1,60,9,20,3,2,1",
                                         "c2d:1,14,14,12,20,3,1,1", "c2d_nchw:1,14,14,12,20,3,1,1",
                                         "c3d:1,6,9,9,5,12,3,1,1", "grp:1,13,13,16,24,3,1,1,4",
                                         "dil:1,16,16,8,12,3,1,2,2", "dep:1,15,15,20,3,2,1", "t2d:1,7,7,10,12,4,2,1",
                                         "cap:1,7,7,3,5,3,1,1", "nrm:3,40,50", "sfm:20,100", "cbr:1,14,14,6,16,3,2,1",
                                         "tbs:1,24,3,20"),
                         [](const auto& info) { return info.param.substr(0, info.param.find(':')); });

/// Every element type: a product and a convolution through LLVM, the product through C too.
class EveryType : public testing::TestWithParam<std::string> {};

TEST_P(EveryType, FirstScheduleIsRight) {
  Folder folder;
  const std::pair<std::string, std::string> cases[] = {
      {"gmm:1,20,36,24", "llvm"}, {"c2d:1,9,9,8,12,3,1,1", "llvm"}, {"gmm:1,8,16,8", "c"}};
  for (const auto& [shape, target] : cases) {
    const std::string workload = shape + "@" + GetParam();
    const Outcome built = tilewright({"compile", workload, "--target", target, "-o", folder.path("x.so")});
    ASSERT_EQ(built.exit_code, 0) << workload << " " << target << ": " << built.err;
    const Outcome run = tilewright({"run", folder.path("x.so"), "--check", workload, "--json"});
    EXPECT_EQ(run.exit_code, 0) << workload << " " << target << ": " << run.err;
    EXPECT_EQ(run.last_json()["checked"], true);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, EveryType, testing::Values("f64", "f16", "bf16", "i8", "u8i8"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace tilewright::cli::test
