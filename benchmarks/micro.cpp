// bench_micro: what the parts of the compiler and the runtime cost, beside the goals they were built for.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>

#include "support/operands.h"
#include "support/report.h"
#include "tilewright/codegen/build.h"
#include "tilewright/search/cost_model.h"
#include "tilewright/search/features.h"
#include "tilewright/search/space.h"
#include "tilewright/te/workload.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tilewright/verify/verify.h"

namespace tilewright::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRepeatSeconds = 5e-3;
constexpr uint64_t kCandidates = 256;

struct Unit {
  const char* name;
  double per_second;
};
constexpr Unit kMilli{"ms", 1e3}, kMicro{"us", 1e6}, kNano{"ns", 1e9};

/// A row of the table.
struct Result {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> goal = {};  // at most
  std::optional<double> cpu = {};   // the same by the clock of this process
  std::string note = {};
};

/// Seconds of one call, on the wall and of this process' threads together: the best of the repeats, each of enough
/// calls to last 5 ms.
struct Cost {
  double wall = std::numeric_limits<double>::infinity(), cpu = wall;
};

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Cost cost_of(const std::function<void()>& call, int repeats) {
  Cost best;
  call();
  int64_t calls = 1;
  for (int i = 0; i < repeats; ++i) {
    const double cpu = cpu_seconds();
    const Clock::time_point start = Clock::now();
    for (int64_t n = 0; n < calls; ++n) call();
    const double wall = std::chrono::duration<double>(Clock::now() - start).count();
    const auto number = static_cast<double>(calls);
    best.wall = std::min(best.wall, wall / number);
    best.cpu = std::min(best.cpu, (cpu_seconds() - cpu) / number);
    if (wall < kRepeatSeconds) {
      const double factor = std::clamp(1.2 * kRepeatSeconds / std::max(wall, 1e-8), 1.2, 100.0);
      calls = static_cast<int64_t>(std::ceil(number * factor));
    }
  }
  return best;
}

/// A product in register tiles of 8 x 32, parallel over rows, with its result written once a tile.
Schedule matmul_8x32(const te::Workload& w) {
  Schedule s(w.func);
  const auto block = s.get_block("C");
  const auto loops = s.get_loops(block);  // batch, rows, columns, reduction
  auto [io, ii] = s.split<2>(loops[1], {std::nullopt, 8});
  auto [jo, ji] = s.split<2>(loops[2], {std::nullopt, 32});
  auto [ko, ki] = s.split<2>(loops[3], {std::nullopt, 4});
  s.reorder({io, jo, ko, ki, ii, ji});
  s.parallel(s.fuse({loops[0], io}));
  s.unroll(ki);
  s.unroll(ii);
  s.vectorize(ji);
  const auto init = s.decompose_reduction(block, ko);
  const auto inits = s.get_loops(init);
  s.vectorize(inits.back());
  s.unroll(inits[inits.size() - 2]);
  return s;
}

class Micro {
 public:
  explicit Micro(int repeats) : repeats_(repeats) {}

  const std::vector<Result>& results() const { return results_; }

  void compiler() {
    const te::Workload w = te::parse_workload("gmm:1,512,512,512").value();
    const Schedule s = matmul_8x32(w);
    const lower::LowerOptions options = lower_options();
    time("lowering of a matmul with an 8 x 32 register tile", kMilli, [&] { lower::lower(s.func(), options); });
    time("the same to LLVM IR text", kMilli, [&] { emit(s.func(), target_, EmitKind::kLlvm); });
    time("the same to an object: lowering, LLVM", kMilli, [&] { emit(s.func(), target_, EmitKind::kObject); }, 25.0);
    time("the same to a loaded module: link, seal, load too", kMilli, [&] { build(s.func(), target_); });
    time("the same to C source", kMilli, [&] { emit(s.func(), Target("c"), EmitKind::kC); });
    const std::string library = emit(s.func(), target_, EmitKind::kSharedLibrary, provenance(w, s));
    add({.name = "size of its .so, provenance inside",
         .value = static_cast<double>(library.size()) / 1024,
         .unit = "KiB",
         .goal = 40});
  }

  void runtime_library() {
    const te::Workload w = te::parse_workload("vadd:1").value();
    const Module module = build(w.func, target_);
    const Operands operands(w.func);
    const runtime::Function f = module["vadd"];
    time(
        "call of a loaded function of three tensors", kNano, [&] { operands.call(f); }, 200.0,
        "arguments checked, one element added");
    time(
        "parallel loop started and ended", kMicro, [] { runtime::parallel_for(1024, [](int64_t, int64_t) {}); }, {},
        fmt::format("{} threads", runtime::num_threads()));
    if (const double bytes = stripped_size(TILEWRIGHT_RUNTIME_SO); bytes > 0)
      add({.name = "runtime library, stripped", .value = bytes / 1024, .unit = "KiB", .goal = 200});
  }

  void schedules() {
    const te::Workload w = te::parse_workload("gmm:1,512,512,512").value();
    const Trace trace = thirty_steps(w);
    time(
        fmt::format("replay of a matmul trace of {} instructions", trace.size()), kMilli,
        [&] {
          Schedule s(w.func);
          trace.apply(s).value();
        },
        0.3);
    Schedule scheduled(w.func);
    trace.apply(scheduled).value();
    time("copy of that schedule", kMicro, [&] { const Schedule copy = scheduled; });
    const std::string json = trace.to_json();
    time(
        "reading that trace from its JSON", kMicro, [&] { Trace::from_json(json).value(); }, {},
        fmt::format("{} bytes", json.size()));
    time("verifying that program", kMicro,
         [&] { verify::verify(scheduled.func(), verify::Stage::kScheduled).value(); });
    time(
        "printing that program", kMicro, [&] { tir::to_string(scheduled.func()); }, {},
        fmt::format("{} bytes", tir::to_string(scheduled.func()).size()));
  }

  void search() {
    const te::Workload w = te::parse_workload("gmm:1,512,512,512").value();
    const auto rules = search::default_rules(target_);
    const std::vector<search::Sketch> sketches = search::generate_sketches(w.func, target_, rules);
    time(
        "design space of a matmul", kMilli, [&] { search::generate_sketches(w.func, target_, rules); }, {},
        fmt::format("{} sketches", sketches.size()));

    // Random points of the space, as the search meets them.
    const auto draw = [&](uint64_t i) -> std::optional<Schedule> {
      CounterRng rng(7, i);
      const auto point = search::sample_point(sketches, static_cast<int>(rng.below(sketches.size())), rng);
      Schedule s(w.func);
      if (!search::point_trace(sketches, point).apply(s)) return std::nullopt;
      return s;
    };
    std::vector<Schedule> programs;
    for (uint64_t i = 0; i < kCandidates; ++i) {
      if (std::optional<Schedule> s = draw(i)) programs.push_back(std::move(*s));
    }
    uint64_t next = 0;
    rate(
        "random candidates drawn and replayed", 1, [&] { draw(next++ % kCandidates); },
        fmt::format("{} of {} legal", programs.size(), kCandidates));
    if (programs.empty()) return;

    std::vector<search::CandidateFeatures> features;
    rate("feature rows", programs.size(), [&] {
      features.clear();
      for (const Schedule& s : programs) {
        const auto summary = search::summarize(s.func(), target_);
        features.push_back({search::feature_row(summary, target_), summary.seconds});
      }
    });
    // The learned model, with its own prior in the place of measured times.
    const auto known = static_cast<std::ptrdiff_t>(std::min<size_t>(64, features.size()));
    const std::vector<search::CandidateFeatures> measured(features.begin(), features.begin() + known);
    std::vector<double> times;
    for (const auto& f : measured) times.push_back(f.roofline_seconds);
    const double bound = *std::min_element(times.begin(), times.end());
    auto model = search::make_cost_model("xgb", 0).value();
    time(fmt::format("cost model: training on {} records, one round", known), kMilli, [&] {
      model = search::make_cost_model("xgb", 0).value();
      model->update(measured, times, bound);
      model->score(measured);
    });
    rate("cost model: candidates scored", features.size(), [&] { model->score(features); });
  }

 private:
  void add(Result r) { results_.push_back(std::move(r)); }

  void time(const std::string& name, const Unit& unit, const std::function<void()>& call,
            std::optional<double> goal = {}, const std::string& note = {}) {
    const Cost cost = cost_of(call, repeats_);
    add({.name = name,
         .value = unit.per_second * cost.wall,
         .unit = unit.name,
         .goal = goal,
         .cpu = unit.per_second * cost.cpu,
         .note = note});
  }

  /// Things a second, `count` of them in a call.
  void rate(const std::string& name, size_t count, const std::function<void()>& call, const std::string& note = {}) {
    const Cost cost = cost_of(call, repeats_);
    add({.name = name,
         .value = static_cast<double>(count) / cost.wall,
         .unit = "a second",
         .cpu = static_cast<double>(count) / cost.cpu,
         .note = note});
  }

  lower::LowerOptions lower_options() const {
    lower::LowerOptions options;
    options.vector_bytes = target_.vector_bytes;
    options.vector_registers = target_.vector_registers;
    options.has_masked_memory = target_.has_masked_memory;
    options.has_fma = target_.has_fma;
    return options;
  }

  static BuildOptions provenance(const te::Workload& w, const Schedule& s) {
    BuildOptions options;
    options.provenance = {w.name, tir::content_hash(w.func), s.trace().to_json(), tir::to_string(s.func()), 1};
    return options;
  }

  /// A schedule of the classic kind: tiles on two levels, a write cache, its own vectors and unrolling.
  static Trace thirty_steps(const te::Workload& w) {
    Schedule s(w.func);
    const auto block = s.get_block("C");
    const auto cache = s.cache_write(block, 0, "local");
    const auto loops = s.get_loops(block);
    const auto i = s.sample_tile<3>(loops[1], 16, {{16, 4, 8}}), j = s.sample_tile<3>(loops[2], 64, {{8, 2, 32}});
    const auto k = s.sample_tile<2>(loops[3], 16, {{128, 4}});
    const auto is = s.split<3>(loops[1], {i[0], i[1], i[2]});
    const auto js = s.split<3>(loops[2], {j[0], j[1], j[2]});
    const auto ks = s.split<2>(loops[3], {k[0], k[1]});
    s.reorder({is[0], js[0], is[1], js[1], ks[0], ks[1], is[2], js[2]});
    s.unroll(ks[1]);
    s.unroll(is[2]);
    s.vectorize(js[2]);
    const auto init = s.decompose_reduction(block, ks[0]);
    const auto inits = s.get_loops(init);
    s.vectorize(inits.back());
    s.unroll(inits[inits.size() - 2]);
    s.reverse_compute_at(cache, js[1]);
    const auto copies = s.get_loops(cache);
    s.vectorize(copies.back());
    s.unroll(copies[copies.size() - 2]);
    s.annotate(copies[copies.size() - 2], "note", int64_t{1});
    const auto outer = s.fuse({loops[0], is[0], js[0]});
    s.parallel(outer);
    s.annotate(outer, "chunk", int64_t{1});
    s.annotate(init, "part", std::string("init"));
    s.annotate(block, "part", std::string("update"));
    s.annotate(cache, "part", std::string("write"));
    s.get_consumers(block);
    s.get_output_blocks();
    return s.trace();
  }

  static double stripped_size(const std::string& library) {
    const std::filesystem::path copy =
        std::filesystem::temp_directory_path() / fmt::format("tilewright_micro_{}.so", ::getpid());
    const std::string command = fmt::format("strip -o '{}' '{}' 2>/dev/null", copy.string(), library);
    std::error_code error;
    const bool stripped = std::system(command.c_str()) == 0;
    const auto bytes = std::filesystem::file_size(stripped ? copy : std::filesystem::path(library), error);
    const double result = error ? 0 : static_cast<double>(bytes);
    std::filesystem::remove(copy, error);
    return result;
  }

  int repeats_;
  Target target_;
  std::vector<Result> results_;
};

void show(const std::vector<Result>& results, Report* report) {
  Table table({"what", "value", "unit", "by CPU time", "goal", "met", "note"});
  for (const Result& r : results) {
    const bool met = r.goal && r.value <= *r.goal;
    const std::string verdict = !r.goal ? "" : met ? "yes" : "no";
    table.add({r.name, short_number(r.value), r.unit, r.cpu ? short_number(*r.cpu) : "",
               r.goal ? short_number(*r.goal) : "", verdict, r.note});
    Json row = {{"kind", "micro"}, {"what", r.name}, {"value", r.value}, {"unit", r.unit}};
    if (r.cpu) row["by_cpu_time"] = *r.cpu;
    if (r.goal) row["goal"] = *r.goal, row["met"] = met;
    if (!r.note.empty()) row["note"] = r.note;
    report->add(std::move(row));
  }
  report->text(table.str());
}

}  // namespace
}  // namespace tilewright::bench

int main(int argc, char** argv) {
  using namespace tilewright::bench;  // NOLINT: the program's own room
  CLI::App app("Costs of the compiler, the runtime and the search, piece by piece.");
  std::string out;
  int repeats = 15;
  app.add_option("--repeats", repeats, "Repeats of each measurement, of which the best counts (15)")
      ->check(CLI::Range(1, 10000));
  app.add_option("--out", out, "Folder for micro.jsonl and micro.md");
  CLI11_PARSE(app, argc, argv);
  try {
    Report report("micro", out, environment(argc, argv));
    Micro micro(repeats);
    micro.compiler();
    micro.runtime_library();
    micro.schedules();
    micro.search();
    show(micro.results(), &report);
    return report.finish() ? 0 : 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  }
}
