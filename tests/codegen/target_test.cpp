#include "tilewright/codegen/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tilewright/support/diagnostic.h"

namespace tilewright {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string error_of(std::string_view text) {
  try {
    Target target(text);
  } catch (const Error& e) {
    return e.diagnostic().render();
  }
  return "accepted";
}

TEST(TargetTest, NativeIsResolvedToExplicitValues) {
  Target target;
  EXPECT_FALSE(target.cpu.empty());
  EXPECT_NE(target.cpu, "native");
  EXPECT_FALSE(target.triple.empty());
  EXPECT_GE(target.num_cores, 1);
  EXPECT_GE(target.l2_bytes, target.l1_bytes);
  EXPECT_THAT(target.str(), Not(HasSubstr("native")));
}

TEST(TargetTest, CanonicalTextParsesToTheSameTarget) {
  for (const char* text :
       {"llvm", "llvm -mcpu=native -num-cores=1", "llvm -mcpu=core-avx2", "llvm -mcpu=x86-64 -mattr=+avx2,-fma",
        "llvm -mcpu=znver4 -mattr=-avx512f -debug=bounds", "c", "c -cc=clang -num-cores=3",
        "llvm -mcpu=skylake-avx512 -cache=32768:1048576:33554432:64", "  llvm   -num-cores=2 "}) {
    Target target(text);
    Target again(target.str());
    EXPECT_EQ(target, again) << text << "\n" << target.str();
    EXPECT_EQ(target.str(), again.str());
    EXPECT_EQ(target.fingerprint(), again.fingerprint());
    EXPECT_EQ(target.fingerprint().size(), 16u);
  }
}

TEST(TargetTest, WhatChangesTheCodeChangesTheFingerprint) {
  Target base("llvm -mcpu=core-avx2 -num-cores=2");
  EXPECT_NE(base.fingerprint(), Target("llvm -mcpu=core-avx2 -num-cores=3").fingerprint());
  EXPECT_NE(base.fingerprint(), Target("llvm -mcpu=core-avx2 -num-cores=2 -debug=bounds").fingerprint());
  EXPECT_NE(base.fingerprint(), Target("llvm -mcpu=core-avx2 -num-cores=2 -mattr=-fma").fingerprint());
  EXPECT_NE(base.fingerprint(), Target("c -mcpu=core-avx2 -num-cores=2").fingerprint());
}

TEST(TargetTest, FeaturesDecideTheVectors) {
  Target sse("llvm -mtriple=x86_64-pc-linux-gnu -mcpu=x86-64");
  EXPECT_EQ(sse.vector_bytes, 16);
  EXPECT_FALSE(sse.has_fma);
  EXPECT_FALSE(sse.has_masked_memory);
  Target avx2("llvm -mtriple=x86_64-pc-linux-gnu -mcpu=core-avx2");
  EXPECT_EQ(avx2.vector_bytes, 32);
  EXPECT_EQ(avx2.vector_registers, 16);
  EXPECT_TRUE(avx2.has_fma);
  Target avx512("llvm -mtriple=x86_64-pc-linux-gnu -mcpu=x86-64-v4");
  EXPECT_EQ(avx512.vector_bytes, 64);
  EXPECT_EQ(avx512.vector_registers, 32);
  EXPECT_THAT(avx512.features, Contains("+avx512f"));
  Target off("llvm -mtriple=x86_64-pc-linux-gnu -mcpu=x86-64-v4 -mattr=-avx512f");
  EXPECT_EQ(off.vector_bytes, 32);
  EXPECT_THAT(off.features, Contains("-avx512bw"));
}

TEST(TargetTest, RefusalsListWhatIsLegal) {
  EXPECT_THAT(error_of("cuda"), HasSubstr("[G0801]"));
  EXPECT_THAT(error_of("cuda"), HasSubstr("llvm, c"));
  EXPECT_THAT(error_of(""), HasSubstr("[G0801]"));
  EXPECT_THAT(error_of("llvm -march=x"), HasSubstr("-mcpu, -mattr"));
  EXPECT_THAT(error_of("llvm -cc=gcc"), HasSubstr("[G0802]"));
  EXPECT_THAT(error_of("llvm -mcpu"), HasSubstr("needs a value"));
  EXPECT_THAT(error_of("llvm -mcpu="), HasSubstr("needs a value"));
  EXPECT_THAT(error_of("llvm -num-cores=1 -num-cores=2"), HasSubstr("twice"));
  EXPECT_THAT(error_of("llvm -mcpu=core-avx3"), HasSubstr("core-avx2"));
  EXPECT_THAT(error_of("llvm -mcpu=core-avx3"), HasSubstr("[G0803]"));
  EXPECT_THAT(error_of("llvm -mcpu=i386"), HasSubstr("[G0803]"));
  EXPECT_THAT(error_of("llvm -mattr=+avx1024"), HasSubstr("[G0804]"));
  EXPECT_THAT(error_of("llvm -mattr=avx2"), HasSubstr("[G0804]"));
  EXPECT_THAT(error_of("llvm -mattr=+avx2,"), HasSubstr("[G0804]"));
  EXPECT_THAT(error_of("llvm -mtriple=vax-dec-vms"), HasSubstr("x86_64, aarch64"));
  for (const char* cores : {"0", "-1", "x", "1x", "99999999999", ""}) {
    EXPECT_THAT(error_of(std::string("llvm -num-cores=") + cores), HasSubstr("error[G080")) << cores;
  }
  EXPECT_THAT(error_of("llvm -debug=all"), HasSubstr("bounds"));
  EXPECT_THAT(error_of("llvm -cache=1:2"), HasSubstr("L1:L2:L3:LINE"));
  EXPECT_THAT(error_of("c -cc=tcc"), HasSubstr("gcc, clang"));
  EXPECT_THAT(error_of("c -cc=gcc;ls"), HasSubstr("[G0806]"));
  EXPECT_THAT(error_of("llvm " + std::string(100000, 'x')), HasSubstr("[G0801]"));
}

}  // namespace
}  // namespace tilewright
