// Runs a lowered function in the interpreter and compiled, and compares every element.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "codegen/call.h"
#include "codegen/lowered.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/printer.h"

namespace tilewright::codegen::test {

/// Values that break conversions and arithmetic, then random ones.
inline HostArray interesting(DataType t, int64_t n, uint64_t seed) {
  HostArray a = HostArray::zeros(t, {n});
  std::mt19937_64 rng(seed);
  for (int64_t i = 0; i < n; ++i) {
    if (t.is_floating()) {
      const double inf = std::numeric_limits<double>::infinity();
      const double special[] = {0.0,    -0.0,    1.0,     -1.0,   inf,     -inf,         std::nan(""),
                                1e-45,  6e-8,    65504.0, 65520,  65519.9, 3.4e38,       -3.4e38,
                                0.5,    2.5,     -3.5,    1e-310, 1e300,   2147483648.0, -2147483904.0,
                                9.3e18, -9.3e18, 1.8e19,  128.0,  255.5,   -128.7,       1e-7};
      constexpr uint64_t count = sizeof special / sizeof special[0];
      double v = static_cast<double>(static_cast<int64_t>(rng() % 20001) - 10000) / 97.0;
      if (i % 3 == 1) v = std::ldexp(v, static_cast<int>(rng() % 60) - 30);
      if (i < 2 * static_cast<int64_t>(count)) v = special[(static_cast<uint64_t>(i) + seed) % count];
      a.set(i, v);
    } else if (t.is_bool()) {
      a.set_int(i, static_cast<int64_t>(rng() & 1));
    } else {
      int64_t v = static_cast<int64_t>(rng());
      if (i % 3 == 0) v = static_cast<int64_t>(rng() % 7) - 3;
      if (i % 11 == 0) v = std::numeric_limits<int64_t>::min() >> (64 - t.bits);
      if (i % 13 == 0) v = std::numeric_limits<int64_t>::max() >> (64 - t.bits);
      // Truncated to the type's width.
      if (t.is_uint()) v = t.bits == 64 ? v : v & ((int64_t{1} << t.bits) - 1);
      if (t.is_int() && t.bits < 64)
        v = static_cast<int64_t>(static_cast<uint64_t>(v) << (64 - t.bits)) >> (64 - t.bits);
      a.set_int(i, v);
    }
  }
  return a;
}

/// Equal as values: any NaN equals any NaN, and zeros of either sign are equal.
inline bool same_value(const HostArray& a, const HostArray& b, int64_t i) {
  if (!a.dtype.is_floating()) return a.get_int(i) == b.get_int(i);
  double x = a.get(i), y = b.get(i);
  return x == y || (std::isnan(x) && std::isnan(y));
}

inline void expect_same(const PrimFunc& lowered, std::vector<HostArray> arrays, const Target& target = Target(),
                        LlvmOptions options = checked_options()) {
  std::vector<HostArray> expected = arrays;
  std::vector<HostArray*> pointers;
  for (HostArray& a : expected) pointers.push_back(&a);
  Status status = interpret(lowered, pointers);
  ASSERT_TRUE(status.ok()) << status.error().render();
  runtime::Module module = load_lowered(lowered, target, std::move(options));
  call_with(module[lowered.name()], arrays);
  for (size_t k = 0; k < arrays.size(); ++k) {
    for (int64_t i = 0; i < arrays[k].elements(); ++i) {
      ASSERT_TRUE(same_value(arrays[k], expected[k], i))
          << "argument " << k << ", element " << i << ": " << arrays[k].get(i) << " for " << expected[k].get(i)
          << " with " << (arrays.size() > 1 ? arrays[0].get(i) : 0) << " and "
          << (arrays.size() > 2 ? arrays[1].get(i) : 0) << " on " << target.cpu << "\n"
          << to_string(lowered);
    }
  }
}

/// CPUs this host can run: the native one, and poorer ones.
inline std::vector<Target> runnable_targets() {
  std::vector<Target> out = {Target("llvm -num-cores=2")};
  if (out[0].triple.starts_with("x86_64")) {
    out.emplace_back("llvm -mcpu=x86-64 -num-cores=2");
    if (out[0].vector_bytes >= 32) out.emplace_back("llvm -mcpu=core-avx2 -num-cores=2");
  }
  return out;
}

}  // namespace tilewright::codegen::test
