// An exported module is called by programs that have the thin runtime only.
#ifdef TILEWRIGHT_DEPLOY_C
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.h"

namespace tilewright::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Outcome run_in(const std::string& program, const std::vector<std::string>& arguments) {
  return run_program(program, {arguments, "", {}, "", 0});
}

TEST(Deploy, FromCxxAndC) {
  Folder folder;
  ASSERT_EQ(tilewright({"compile", "gmm:1,64,64,64", "-o", folder.path("gmm.so")}).exit_code, 0);
  for (const std::string program : {TILEWRIGHT_DEPLOY_CPP, TILEWRIGHT_DEPLOY_C}) {
    const Outcome o = run_in(program, {folder.path("gmm.so"), "64"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(o.out, HasSubstr("correct"));
    // A matrix of another size is refused with both shapes.
    const Outcome other = run_in(program, {folder.path("gmm.so"), "65"});
    EXPECT_EQ(other.exit_code, 1);
    EXPECT_THAT(other.err, HasSubstr("(1, 64, 64)"));
    EXPECT_THAT(other.err, HasSubstr("(1, 65, 65)"));
    EXPECT_EQ(run_in(program, {folder.path("none.so"), "64"}).exit_code, 1);
    const Outcome needs = run_program("/usr/bin/ldd", {{program}, "", {}, "", 0});
    EXPECT_THAT(needs.out, HasSubstr("libtilewright_runtime.so"));
    EXPECT_THAT(needs.out, Not(HasSubstr("LLVM")));
    EXPECT_THAT(needs.out, Not(HasSubstr("xgboost")));
  }
}

}  // namespace
}  // namespace tilewright::cli::test
#endif
