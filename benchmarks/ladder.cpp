// bench_ladder: the two ladders on a 1024 x 1024 x 1024 product, written in stage style. Every step is built, checked
// against a plain product in f64, and timed; a step that is slower than the one before it is explained.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "support/explain.h"
#include "support/operands.h"
#include "support/report.h"
#include "tilewright/codegen/build.h"
#include "tilewright/schedule/stage_schedule.h"
#include "tilewright/te/te.h"

namespace tilewright::bench {
namespace {

constexpr double kTolerance = 1e-5;
constexpr double kSlower = 1.03;  // below, two times count as equal
/// Steps whose `number` calls would take longer are timed with fewer; the table says so.
constexpr double kLongestRepeatSeconds = 35;

struct Step {
  std::string name;
  std::function<void(StageSchedule&, const te::Tensor& C, const te::IterVar& k)> schedule;
};

/// Each step has everything of the steps before it.
std::vector<Step> ladder_1() {
  const auto upto = [](int level) {
    return [level](StageSchedule& s, const te::Tensor& C, const te::IterVar& k) {
      if (level == 0) return;
      auto [xo, yo, xi, yi] = s[C].tile(C.axis(0), C.axis(1), 32, 32);
      auto [ko, ki] = s[C].split(k, 4);
      s[C].reorder({xo, yo, ko, xi, yi, ki});
      if (level >= 2) s[C].vectorize(yi);
      if (level >= 3) s[C].parallel(xo);
      if (level >= 4) s[C].unroll(ki);
    };
  };
  return {{"base", upto(0)},
          {"tile 32x32, k by 4", upto(1)},
          {"+ vectorize", upto(2)},
          {"+ parallel", upto(3)},
          {"+ unroll", upto(4)}};
}

std::vector<Step> ladder_2() {
  return {{"tile, parallel, vectorize, no reorder", [](StageSchedule& s, const te::Tensor& C, const te::IterVar&) {
             auto [xo, yo, xi, yi] = s[C].tile(C.axis(0), C.axis(1), 32, 32);
             s[C].parallel(xo);
             s[C].vectorize(yi);
           }}};
}

/// The product in f64, rounded once.
std::vector<float> plain_product(const float* a, const float* b, int64_t n) {
  std::vector<float> c(static_cast<size_t>(n * n));
  std::vector<double> row(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t k = 0; k < n; ++k) {
      const double x = a[i * n + k];
      for (int64_t j = 0; j < n; ++j) row[static_cast<size_t>(j)] += x * b[k * n + j];
    }
    for (int64_t j = 0; j < n; ++j) c[static_cast<size_t>(i * n + j)] = static_cast<float>(row[static_cast<size_t>(j)]);
  }
  return c;
}

/// Largest |c - ref| / |ref|; the inputs are positive, so no element is near zero.
double max_relative_error(const float* c, const std::vector<float>& reference) {
  double worst = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double error = std::fabs(c[i] - reference[i]) / std::fabs(reference[i]);
    if (!(error <= worst)) worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  }
  return worst;
}

class Ladder {
 public:
  Ladder(int64_t n, int64_t number, Report* report)
      : n_(n), number_(number), report_(report), operands_(program({}).func()) {
    operands_.fill_uniform(0, 1, 7);
    reference_ = plain_product(operands_[0].floats(), operands_[1].floats(), n);
  }

  /// False when a step is wrong.
  bool climb(const std::string& title, const std::string& target_text, const std::vector<Step>& steps) {
    const Target target(target_text);
    Table table({"step", "ms", "GFLOPS", "of base", "of step before", "max error"});
    std::string notes;
    bool right = true;
    double base = 0, before = 0;
    tir::PrimFunc previous;
    std::optional<runtime::Function> last;
    for (const Step& step : steps) {
      const tir::PrimFunc func = program(step.schedule).func();
      const Module module = build(func, target);
      const runtime::Function function = module["matmul"];
      operands_.poison();
      const double once = runtime::time_call([&] { operands_.call(function); }, {.warmup = 0}).min;
      const double error = max_relative_error(operands_[2].floats(), reference_);
      const bool ok = error <= kTolerance;
      right = right && ok;

      runtime::TimeOptions options{.number = number_, .repeat = 3, .warmup = 0};
      options.number = std::clamp<int64_t>(static_cast<int64_t>(kLongestRepeatSeconds / once), 1, number_);
      if (once * static_cast<double>(number_) > 1) options.repeat = 1;
      double ms = milliseconds(function, options);
      const double flops = 2.0 * static_cast<double>(n_ * n_ * n_);
      if (before > 0 && ms > kSlower * before) {
        // Once more in turns: a busy moment must not pass for a slow step.
        before = std::min(before, milliseconds(*last, options));
        ms = std::min(ms, milliseconds(function, options));
      }
      if (base == 0) base = ms;
      table.add({step.name, short_number(ms), short_number(flops / ms / 1e6),
                 base == ms ? "1" : short_number(base / ms) + "x", before == 0 ? "" : short_number(before / ms) + "x",
                 fmt::format("{:.1e}{}", error, ok ? "" : " WRONG")});
      Json row = {{"kind", "ladder"},
                  {"ladder", title},
                  {"target", target_text},
                  {"step", step.name},
                  {"n", n_},
                  {"number", options.number},
                  {"ms", ms},
                  {"gflops", flops / ms / 1e6},
                  {"speedup", base / ms},
                  {"max_error", std::isfinite(error) ? Json(error) : Json(nullptr)},
                  {"checked", ok}};
      if (options.number != number_)
        notes += fmt::format("* {}: timed with number = {}, {} calls would take {:.0f} s\n", step.name, options.number,
                             number_, once * static_cast<double>(number_));
      if (before > 0 && ms > kSlower * before) {
        const std::string why = explain_slower(previous, func, target);
        notes += fmt::format("* {} is slower than the step before it: {}\n", step.name, why);
        row["slower_because"] = why;
      }
      report_->add(std::move(row));
      before = ms;
      previous = func;
      last = function;
    }
    report_->text(
        fmt::format("## {}, target `{}`\n\n{}{}", title, target_text, table.str(), notes.empty() ? "" : "\n" + notes));
    return right;
  }

 private:
  StageSchedule program(const std::function<void(StageSchedule&, const te::Tensor&, const te::IterVar&)>& schedule) {
    te::Tensor A = te::placeholder({n_, n_}, f32, "A"), B = te::placeholder({n_, n_}, f32, "B");
    te::IterVar k = te::reduce_axis(0, n_, "k");
    te::Tensor C = te::compute({n_, n_}, [&](Expr i, Expr j) { return te::sum(A(i, k) * B(k, j), k); }, "C");
    StageSchedule s({A, B}, {C}, "matmul");
    if (schedule) schedule(s, C, k);
    return s;
  }

  double milliseconds(const runtime::Function& function, const runtime::TimeOptions& options) const {
    return runtime::time_call([&] { operands_.call(function); }, options).min * 1e3;
  }

  int64_t n_, number_;
  Report* report_;
  Operands operands_;
  std::vector<float> reference_;
};

}  // namespace
}  // namespace tilewright::bench

int main(int argc, char** argv) {
  using namespace tilewright::bench;  // NOLINT: the program's own room
  CLI::App app("The two ladders on a square product, each step built, checked and timed.");
  int64_t n = 1024, number = 10;
  std::string out;
  std::vector<std::string> targets = {"llvm -mcpu=core-avx2", "llvm -mcpu=native"};
  app.add_option("--size", n, "Rows and columns")->check(CLI::Range(1, 1 << 14));
  app.add_option("--number", number, "Calls a measurement")->check(CLI::Range(1, 1 << 20));
  app.add_option("--target", targets, "Targets, in quotes");
  app.add_option("--out", out, "Folder for ladder.jsonl and ladder.md");
  CLI11_PARSE(app, argc, argv);
  try {
    Report report("ladder", out, environment(argc, argv));
    Ladder ladder(n, number, &report);
    bool right = true;
    for (const std::string& target : targets) {
      right = ladder.climb("Ladder 1", target, ladder_1()) && right;
      right = ladder.climb("Ladder 2", target, ladder_2()) && right;
    }
    return report.finish() && right ? 0 : 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  }
}
