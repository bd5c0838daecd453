// Runs a program before and after lowering and compares.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string_view>
#include <vector>

#include "tilewright/lower/lower.h"
#include "tilewright/support/random.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/parser.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tilewright/verify/verify.h"

namespace tilewright::lower::testing {

inline tir::PrimFunc parse(std::string_view text) {
  Expected<tir::PrimFunc> result = tir::parse_func(text);
  if (!result) throw Error(result.error());
  return *result;
}

/// Arguments with reproducible contents; symbolic sizes take `size`. Integers are small, floats between -1 and 1.
inline std::vector<tir::HostArray> make_arguments(const tir::PrimFunc& f, int64_t size) {
  std::vector<tir::HostArray> out;
  uint64_t state = 12345;
  const auto next = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 40) / static_cast<double>(1 << 24);
  };
  for (const tir::Param& p : f->params) {
    std::vector<int64_t> shape;
    DataType t = p.buffer.defined() ? p.buffer.dtype() : p.scalar.dtype();
    if (p.buffer.defined()) {
      const auto& extents = p.buffer->layout.defined() ? p.buffer->layout->output_shape : p.buffer.shape();
      for (const Expr& e : extents) {
        int64_t n = size;
        tir::is_const_int(e, &n);
        shape.push_back(n);
      }
    }
    tir::HostArray a = tir::HostArray::zeros(t, shape);
    for (int64_t i = 0; i < a.elements(); ++i) {
      const double x = next();
      if (!p.buffer.defined())
        a.set(i, static_cast<double>(size));
      else if (t.is_floating())
        a.set(i, 2 * x - 1);
      else
        a.set_int(i, static_cast<int64_t>(x * 11) - (t.is_int() ? 5 : 0));
    }
    out.push_back(std::move(a));
  }
  return out;
}

/// Lowers, verifies and compares the results of both programs. Returns the lowered program.
inline tir::PrimFunc check_lowering(const tir::PrimFunc& f, LowerOptions options = {}, int64_t size = 13,
                                    double tolerance = 2e-6) {
  options.verify_each_pass = true;
  tir::PrimFunc lowered;
  try {
    lowered = lower(f, options);
  } catch (const Error& e) {
    ADD_FAILURE() << e.what() << "\n" << f;
    return f;
  }
  std::vector<tir::HostArray> before = make_arguments(f, size), after = before;
  std::vector<tir::HostArray*> before_args, after_args;
  for (auto& a : before) before_args.push_back(&a);
  for (auto& a : after) after_args.push_back(&a);
  const Status first = tir::interpret(f, before_args);
  EXPECT_TRUE(first.ok()) << (first.ok() ? "" : first.error().render()) << f;
  const Status second = tir::interpret(lowered, after_args);
  EXPECT_TRUE(second.ok()) << (second.ok() ? "" : second.error().render()) << lowered;
  int shown = 0;
  for (size_t k = 0; k < before.size(); ++k) {
    for (int64_t i = 0; i < before[k].elements() && shown < 3; ++i) {
      const double x = before[k].get(i), y = after[k].get(i);
      const bool same = (std::isnan(x) && std::isnan(y)) || x == y ||
                        std::abs(x - y) <= tolerance * std::max({1.0, std::abs(x), std::abs(y)});
      if (!same) {
        ++shown;
        ADD_FAILURE() << "argument " << k << " element " << i << ": " << x << " before, " << y << " after\n"
                      << f << "\n"
                      << lowered;
      }
    }
  }
  return lowered;
}
/// The same for several targets: wide with masks, narrow without.
inline tir::PrimFunc check_lowering(std::string_view text, int64_t size = 13, double tolerance = 2e-6) {
  const tir::PrimFunc f = parse(text);
  LowerOptions narrow;
  narrow.vector_bytes = 16;
  narrow.has_masked_memory = false;
  check_lowering(f, narrow, size, tolerance);
  return check_lowering(f, {}, size, tolerance);
}

inline int count(const tir::PrimFunc& f, const std::function<bool(const tir::Stmt&)>& test) {
  int n = 0;
  tir::pre_order(f->body, [&](const tir::Stmt& s) {
    n += test(s);
    return true;
  });
  return n;
}

}  // namespace tilewright::lower::testing
