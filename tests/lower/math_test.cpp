// The error of each expanded function, measured against the C library in long double: the table in docs/math.md.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "lower/lowering_test_util.h"

namespace tilewright::lower {
namespace {

using namespace testing;  // NOLINT
using namespace tir;      // NOLINT

using Exact = std::function<long double(long double)>;

std::vector<double> run(const std::string& expression, const std::string& type, const std::vector<double>& inputs,
                        bool has_fma = true) {
  const std::string n = std::to_string(inputs.size());
  const PrimFunc f = parse("func f(X: " + type + "[" + n + "], Y: " + type + "[" + n + "]) { vectorized i in 0.." + n +
                           " { block Y(v: spatial 0.." + n + " = i) { Y[v] = " + expression + " } } }");
  LowerOptions options;
  options.verify_each_pass = true;
  options.has_fma = has_fma;
  const PrimFunc lowered = lower(f, options);
  std::vector<HostArray> args = make_arguments(f, 0);
  for (size_t i = 0; i < inputs.size(); ++i) args[0].set(static_cast<int64_t>(i), inputs[i]);
  const Status status = interpret(lowered, {&args[0], &args[1]});
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().render());
  for_each_expr(lowered->body, [](const Expr& e) {
    post_order(e, [](const Expr& x) {
      const auto* c = as<CallNode>(x);
      EXPECT_TRUE(!c || c->op > Intrinsic::kPow || c->op == Intrinsic::kSqrt) << intrinsic_name(c->op);
    });
  });
  std::vector<double> out;
  for (size_t i = 0; i < inputs.size(); ++i) out.push_back(args[1].get(static_cast<int64_t>(i)));
  return out;
}

long double unit_of(long double exact, bool wide) {
  const int digits = wide ? 53 : 24, smallest = wide ? -1074 : -149;
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::ldexp(1.0L, std::max(exponent - digits, smallest));
}

/// Largest error in units in the last place over a grid of arguments.
double worst(const std::string& name, const std::string& type, double low, double high, const Exact& exact,
             bool has_fma = true, int points = 40000) {
  const bool wide = type == "f64";
  std::vector<double> inputs;
  for (int i = 0; i < points; ++i) {
    const double x = low + (high - low) * (i + 0.37) / points;
    inputs.push_back(wide ? x : static_cast<float>(x));
  }
  for (int i = -40; i < 8; ++i) {
    for (const double m : {1.0, 1.37, -1.0, -1.91}) {
      const double x = std::ldexp(m, i);
      if (x >= low && x <= high) inputs.push_back(wide ? x : static_cast<float>(x));
    }
  }
  const std::vector<double> got = run(name + "(X[v])", type, inputs, has_fma);
  double error = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const long double want = exact(inputs[i]);
    const double e = static_cast<double>(std::abs(got[i] - want) / unit_of(want, wide));
    if (!(e <= error)) error = e;
  }
  std::printf("%-8s %s [%g, %g]%s: %.2f ulp\n", name.c_str(), type.c_str(), low, high, has_fma ? "" : " without fma",
              error);
  return error;
}

TEST(Math, ErrorsAreAsDocumented) {
  const Exact exp = [](long double x) { return std::exp(x); }, log = [](long double x) { return std::log(x); },
              tanh = [](long double x) { return std::tanh(x); }, erf = [](long double x) { return std::erf(x); },
              sin = [](long double x) { return std::sin(x); }, cos = [](long double x) { return std::cos(x); },
              sigmoid = [](long double x) { return 1 / (1 + std::exp(-x)); },
              rsqrt = [](long double x) { return 1 / std::sqrt(x); };
  for (const std::string t : {"f32", "f64"}) {
    const bool wide = t == "f64";
    for (const bool fma : {true, false}) {
      const double slack = fma ? 0 : 1.0;
      EXPECT_LE(worst("exp", t, wide ? -700 : -87, wide ? 709 : 88.7, exp, fma), 1.1 + slack);
      EXPECT_LE(worst("log", t, 1e-30, 4, log, fma), 1.1 + slack);
      EXPECT_LE(worst("log", t, 4, 1e30, log, fma), 1.1 + slack);
      EXPECT_LE(worst("tanh", t, -12, 12, tanh, fma), 2.5 + slack);
      EXPECT_LE(worst("erf", t, -6.5, 6.5, erf, fma), 1.5 + slack);
      EXPECT_LE(worst("sigmoid", t, -80, 80, sigmoid, fma), 2.5 + slack);
      EXPECT_LE(worst("rsqrt", t, 1e-3, 1e6, rsqrt, fma), 1.5);
      EXPECT_LE(worst("sin", t, -100, 100, sin, fma), 1.6 + slack);
      EXPECT_LE(worst("cos", t, -100, 100, cos, fma), 1.6 + slack);
      EXPECT_LE(worst("sin", t, -1e6, 1e6, sin, fma), 1.6 + slack);
    }
  }
}

TEST(Math, SpecialValues) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const auto check = [&](const char* name, const char* type, double x, double want) {
    const double got = run(std::string(name) + "(X[v])", type, {x, 0.5, 0.5, 0.5})[0];
    EXPECT_TRUE((std::isnan(got) && std::isnan(want)) || got == want)
        << name << " " << type << "(" << x << ") = " << got;
    EXPECT_TRUE(want != 0 || got != 0 || std::signbit(got) == std::signbit(want)) << name << "(" << x << ")";
  };
  for (const char* t : {"f32", "f64"}) {
    check("exp", t, inf, inf);
    check("exp", t, -inf, 0);
    check("exp", t, nan, nan);
    check("exp", t, 0, 1);
    check("exp", t, 1e30, inf);
    check("exp", t, -1e30, 0);
    check("log", t, 0, -inf);
    check("log", t, 1, 0);
    check("log", t, -1, nan);
    check("log", t, inf, inf);
    check("log", t, nan, nan);
    check("tanh", t, inf, 1);
    check("tanh", t, -inf, -1);
    check("tanh", t, nan, nan);
    check("tanh", t, -0.0, -0.0);
    check("erf", t, inf, 1);
    check("erf", t, -inf, -1);
    check("erf", t, nan, nan);
    check("erf", t, -0.0, -0.0);
    check("sigmoid", t, inf, 1);
    check("sigmoid", t, -inf, 0);
    check("sigmoid", t, nan, nan);
    check("sigmoid", t, 0, 0.5);
    check("sin", t, inf, nan);
    check("sin", t, -0.0, -0.0);
    check("cos", t, 0, 1);
    check("cos", t, nan, nan);
    check("rsqrt", t, 0, inf);
    check("rsqrt", t, 4, 0.5);
  }
  // Denormal results and arguments.
  check("exp", "f32", -100.0, std::exp(-100.0f));
  EXPECT_NEAR(run("log(X[v])", "f32", {1e-40, 1, 1, 1})[0], std::log(static_cast<float>(1e-40)), 1e-5);
}

TEST(Math, Power) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> bases{0, -0.0, 1, -1, 2, -2, 0.5, 10, inf, -inf, nan, 1.5, -3};
  for (const char* y :
       {"0.0", "1.0", "2.0", "3.0", "-1.0", "-2.0", "7.0", "-7.0", "1.5", "-1.5", "0.3", "40.0", "inf", "-inf"}) {
    const bool plain = y[0] != 'i' && y[1] != 'i';
    const double exponent = plain ? std::stod(y) : y[0] == '-' ? -inf : inf;
    const std::vector<double> got = run(std::string("pow(X[v], ") + y + ")", "f32", bases);
    for (size_t i = 0; i < bases.size(); ++i) {
      const float want = std::pow(static_cast<float>(bases[i]), static_cast<float>(exponent));
      EXPECT_TRUE((std::isnan(got[i]) && std::isnan(want)) || got[i] == want ||
                  std::abs(got[i] - want) <= 2e-7 * std::abs(want))
          << bases[i] << " ^ " << y << " = " << got[i] << ", expected " << want;
    }
  }
}

TEST(Math, HalvesAreRoundedOnce) {
  check_lowering(R"(
    func f(X: f16[40], Y: f16[40]) {
      vectorized i in 0..40 { block Y(v: spatial 0..40 = i) { Y[v] = exp(X[v]) + tanh(X[v]) * sigmoid(X[v]) } }
    })",
                 13, 1e-3);
}

}  // namespace
}  // namespace tilewright::lower
