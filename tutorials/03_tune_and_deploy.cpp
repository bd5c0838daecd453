// Tutorial 3: let the search find the schedule, keep what it measured, ship the result. The page beside this file walks
// through it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "tilewright/codegen/build.h"
#include "tilewright/search/tuner.h"
#include "tilewright/te/te.h"

namespace te = tilewright::te;
namespace rt = tilewright::runtime;
namespace search = tilewright::search;
using tilewright::Expr;
using tilewright::f32;

static void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "error: %s\n", what);
  std::exit(1);
}

int main() {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tilewright_tutorial_3_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);

  // 1. A workload of one's own: a name, the names of its numbers, and the expression.
  te::register_workload("scaled_product", {"M", "N", "K"}, [](const std::vector<int64_t>& n) {
    te::Tensor A = te::placeholder({n[0], n[2]}, f32, "A"), B = te::placeholder({n[2], n[1]}, f32, "B");
    te::Tensor scale = te::placeholder({n[1]}, f32, "scale");
    te::IterVar k = te::reduce_axis(0, n[2], "k");
    te::Tensor P = te::compute({n[0], n[1]}, [&](Expr i, Expr j) { return te::sum(A(i, k) * B(k, j), k); }, "P");
    te::Tensor Y = te::compute({n[0], n[1]}, [&](Expr i, Expr j) { return te::max(P(i, j) * scale(j), 0.0f); }, "Y");
    return std::vector<te::Tensor>{A, B, scale, Y};
  });
  const te::Workload workload = te::parse_workload("scaled_product:256,256,256").value();
  const tilewright::Target target("llvm -mcpu=native");

  // 2. The first schedule costs no measurement at all.
  const tilewright::Schedule first = search::first_schedule(workload.func, target).value();
  std::cout << "Chosen without measuring:\n" << first.trace() << "\n";

  // 3. The search: candidates are built and run in processes of their own, and everything measured goes into the log.
  search::TuneOptions options;
  options.trials = 16;
  options.log = (folder / "log.jsonl").string();
  const search::TuneResult result =
      search::tune(workload, target, options, [](const search::TuneProgress& p) {
        std::printf("  %ld of %ld trials, best %.1f GFLOPS, %.1f trials a second\n", static_cast<long>(p.trials),
                    static_cast<long>(p.wanted), p.best_gflops, p.trials_per_second);
        std::fflush(stdout);
      }).value();
  require(result.best.has_value(), "no candidate was valid");
  require(result.wrong == 0, "a candidate was wrong");
  std::printf("%ld trials: best %.1f GFLOPS, first schedule %.1f\n\n", static_cast<long>(result.trials),
              result.best_gflops, result.first_gflops.value_or(0));

  // 4. Any time later: the best record of the log, as a schedule.
  search::Record record;
  const tilewright::Schedule best = search::apply_history_best(workload, target, options.log, nullptr, &record).value();
  require(record.checked, "a record that was never compared with the reference");
  std::cout << "The best of the log:\n" << best.trace() << "\n";

  // 5. One file, which also says where it comes from.
  tilewright::BuildOptions build_options;
  build_options.provenance.workload = workload.name;
  build_options.provenance.trace = best.trace().to_json();
  build_options.provenance.measured_ms = record.seconds() * 1e3;
  const std::string file = (folder / "scaled_product.so").string();
  tilewright::build(best.func(), target, build_options).export_library(file);

  // 6. From here on only the runtime is needed: this part could be another program on another machine.
  const rt::Module module = rt::load(file);
  rt::Tensor a = rt::Tensor::empty({256, 256}), b = rt::Tensor::empty({256, 256}), scale = rt::Tensor::empty({256});
  rt::Tensor y = rt::Tensor::zeros({256, 256});
  for (int64_t i = 0; i < 256 * 256; ++i) {
    a.data<float>()[i] = static_cast<float>(i % 5);
    b.data<float>()[i] = static_cast<float>(i % 3);
  }
  for (int64_t j = 0; j < 256; ++j) scale.data<float>()[j] = j % 2 == 0 ? 0.5f : -1.0f;
  module["scaled_product"](a, b, scale, y);
  for (int64_t i = 0; i < 256; ++i) {
    for (int64_t j = 0; j < 256; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < 256; ++k) sum += a.data<float>()[i * 256 + k] * b.data<float>()[k * 256 + j];
      const float expected = std::max(sum * scale.data<float>()[j], 0.0f);
      require(y.data<float>()[i * 256 + j] == expected, "an element is wrong");
    }
  }
  const rt::TimeResult time = module.time_evaluator("scaled_product", {.number = 20, .repeat = 5})(a, b, scale, y);
  std::printf("%ju bytes, loaded, right: %.1f us a call.\n", static_cast<uintmax_t>(std::filesystem::file_size(file)),
              time.median * 1e6);
  std::filesystem::remove_all(folder);
  return 0;
}
