// bench_compare: workloads tuned by Tilewright beside what the system's libraries and compiler make of them, measured
// in turns in one process, on the same arguments, every result checked.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>
#include <tuple>

#include "compare/contestant.h"
#include "compare/race.h"
#include "support/report.h"
#include "tilewright/codegen/build.h"
#include "tilewright/search/measure.h"
#include "tilewright/search/tuner.h"

namespace tilewright::bench {
namespace {

/// A library may sum in another order; an error above this is another result.
constexpr double kSameResult = 1e-4;
/// Spinning threads of the libraries go to sleep within this time.
constexpr double kQuietSeconds = 0.03;

struct Options {
  std::vector<std::string> workloads = {"gmm:1,512,512,512",         "gmm:1,1024,1024,1024",
                                        "c2d:1,14,14,256,256,3,1,1", "cbr:1,56,56,64,128,3,2,1",
                                        "dep:1,112,112,32,3,1,1",    "sfm:1024,1024"};
  int64_t trials = -1;  // -1: 64 where the log has no record
  double time_limit = 15;
  uint64_t seed = 0;
  std::string log, out;
  std::vector<int> threads;
  int rounds = 7;
  bool cold = true;
};

/// The best schedule of the log, after a search where one is asked for or nothing is there yet.
struct Tuned {
  Schedule schedule;
  int64_t trials = 0;  // made now
  double seconds = 0;
};

Tuned tune(const te::Workload& w, const Target& target, const Options& options, const std::string& log) {
  if (options.trials <= 0 && std::filesystem::exists(log)) {
    if (Expected<Schedule> best = search::apply_history_best(w, target, log)) return {std::move(*best)};
  }
  if (options.trials == 0) return {search::first_schedule(w.func, target).value()};
  search::TuneOptions tuning;
  tuning.trials = options.trials < 0 ? 64 : options.trials;
  tuning.time_limit = options.time_limit;
  tuning.seed = options.seed;
  tuning.log = log;
  const search::TuneResult result = search::tune(w, target, tuning).value();
  return {search::apply_history_best(w, target, log).value(), result.trials, result.seconds};
}

class Comparison {
 public:
  Comparison(const Options& options, Report* report) : options_(options), report_(report) {
    std::string line;
    for (auto* open : {&open_onednn, &open_openblas}) {
      std::string reason;
      std::unique_ptr<Library> library = open(&reason);
      line += fmt::format("* {}\n", library ? library->description() : reason + ": left out");
      if (library) libraries_.push_back(std::move(library));
    }
    const bool bound = std::getenv("OMP_PROC_BIND") != nullptr;
    if (bound) line += "* OMP_PROC_BIND is set: it pins this process and distorts every row\n";
    report_->text(line);
    flusher_ =
        std::make_unique<CacheFlusher>(static_cast<size_t>(2 * target_.l3_bytes) +
                                       static_cast<size_t>(2 * target_.l2_bytes) * std::thread::hardware_concurrency());
  }

  /// False when Tilewright's result is wrong.
  bool run(const std::string& text, const std::string& log) {
    const te::Workload w = te::parse_workload(text).value();
    const Tuned tuned = tune(w, target_, options_, log);
    const Operands operands(w.func);
    const Reference reference(w.func, operands);
    const Module best = build(tuned.schedule.func(), target_);
    const Module first = build(search::first_schedule(w.func, target_).value().func(), target_);
    const Module plain = build(w.func, Target("c -cc=gcc -num-cores=1"));
    const auto ours = [&](const char* maker, const Module& module, std::string note) {
      return Contestant{maker, std::move(note), [&operands, f = module[w.func.name()]] { operands.call(f); }, {}};
    };

    bool right = true;
    for (const int threads : options_.threads) {
      runtime::set_num_threads(threads);
      std::vector<Contestant> all = {ours("tilewright", best, fmt::format("{} trials now", tuned.trials)),
                                     ours("tilewright-first", first, "chosen without measuring")};
      for (const auto& library : libraries_) {
        for (Contestant& c : library->contestants(w, operands, threads)) all.push_back(std::move(c));
      }
      if (threads == 1) all.push_back(ours("gcc -O3", plain, "the unscheduled loops in C"));
      std::vector<double> errors;
      for (const Contestant& c : all) {
        operands.poison();
        c.call();
        if (c.unpack) c.unpack();
        errors.push_back(reference.max_error(operands));
        if (!(errors.back() <= kSameResult))
          report_->text(
              fmt::format("* {} on {}: max error {:.2g}, not the same result", c.maker, w.name, errors.back()));
      }
      right = right && errors[0] <= search::default_tolerance(operands[operands.size() - 1].type);

      RaceOptions race{.rounds = options_.rounds};
      if (threads > 1) race.quiet_seconds = kQuietSeconds;
      record(w, threads, "warm", all, race_warm(all, race), errors, tuned);
      if (options_.cold) record(w, threads, "cold", all, race_cold(all, race, flusher_.get()), errors, tuned);
    }
    fmt::print(stderr, "{}: {} trials in {:.1f} s, {}\n", w.name, tuned.trials, tuned.seconds,
               right ? "right" : "WRONG");
    return right;
  }

  void print() {
    for (const int threads : options_.threads) {
      for (const char* cache : {"warm", "cold"}) {
        if (cache[0] == 'c' && !options_.cold) continue;
        print_table(threads, cache);
      }
    }
  }

 private:
  struct Cell {
    double gflops = 0, max_error = 0;
  };
  using Key = std::tuple<std::string, int, std::string, std::string>;  // workload, threads, cache, maker

  void record(const te::Workload& w, int threads, const char* cache, const std::vector<Contestant>& all,
              const std::vector<Lap>& laps, const std::vector<double>& errors, const Tuned& tuned) {
    if (std::find(names_.begin(), names_.end(), w.name) == names_.end()) names_.push_back(w.name);
    for (size_t i = 0; i < all.size(); ++i) {
      if (!laps[i].run()) continue;
      const double gflops = w.flops / laps[i].best / 1e9;
      cells_[{w.name, threads, cache, all[i].maker}] = {gflops, errors[i]};
      Json row = {{"kind", "compare"},
                  {"workload", w.name},
                  {"peer", all[i].maker},
                  {"note", all[i].note},
                  {"threads", threads},
                  {"cache", cache},
                  {"ms", laps[i].best * 1e3},
                  {"ms_median", laps[i].median * 1e3},
                  {"gflops", gflops},
                  {"repeats", laps[i].repeats},
                  {"max_error", std::isfinite(errors[i]) ? Json(errors[i]) : Json(nullptr)}};
      if (i == 0) row["trials"] = tuned.trials, row["tune_seconds"] = tuned.seconds;
      report_->add(std::move(row));
    }
  }

  void print_table(int threads, const std::string& cache) {
    const std::vector<std::string> makers = {"tilewright",   "tilewright-first", "onednn",
                                             "onednn-plain", "openblas",         "gcc -O3"};
    std::vector<std::string> header = {"workload"};
    header.insert(header.end(), makers.begin(), makers.end());
    header.insert(header.end(), {"of the best library", "max error"});
    Table table(header);
    for (const std::string& name : names_) {
      std::vector<std::string> row = {name};
      double library = 0, own = 0, error = 0;
      for (const std::string& maker : makers) {
        const auto cell = cells_.find({name, threads, cache, maker});
        row.push_back(cell == cells_.end() ? "" : short_number(cell->second.gflops));
        if (cell == cells_.end()) continue;
        if (maker == "tilewright") own = cell->second.gflops, error = cell->second.max_error;
        if (maker.starts_with("o")) library = std::max(library, cell->second.gflops);
      }
      row.push_back(library > 0 ? fmt::format("{:.2f}", own / library) : "");
      row.push_back(fmt::format("{:.1e}", error));
      table.add(std::move(row));
    }
    report_->text(
        fmt::format("## GFLOPS, {} thread{}, {} caches\n\n{}", threads, threads == 1 ? "" : "s", cache, table.str()));
  }

  Options options_;
  Report* report_;
  Target target_;
  std::vector<std::unique_ptr<Library>> libraries_;
  std::unique_ptr<CacheFlusher> flusher_;
  std::vector<std::string> names_;
  std::map<Key, Cell> cells_;
};

/// Empty threads: one, and all.
void complete(Options* options) {
  if (!options->threads.empty()) return;
  options->threads = {1};
  if (Target().num_cores > 1) options->threads.push_back(Target().num_cores);
}

}  // namespace
}  // namespace tilewright::bench

int main(int argc, char** argv) {
  using namespace tilewright;         // NOLINT
  using namespace tilewright::bench;  // NOLINT: the program's own room
  CLI::App app("Workloads tuned by Tilewright beside oneDNN, OpenBLAS and plain C under gcc -O3.");
  Options options;
  app.add_option("workloads", options.workloads, "For example gmm:1,512,512,512");
  app.add_option("--trials", options.trials, "New records for each workload (64 where the log has none, else 0)")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--time-limit", options.time_limit, "Seconds of search for each workload (15)");
  app.add_option("--seed", options.seed, "Of the search");
  app.add_option("--log", options.log, "Use and extend these records; without: a log that is thrown away");
  app.add_option("--threads", options.threads, "Counts to measure with (1 and all)")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--rounds", options.rounds, "Repeats of each contestant (7)")->check(CLI::Range(1, 1000));
  app.add_flag("!--no-cold", options.cold, "Leave the cold caches out");
  app.add_option("--out", options.out, "Folder for compare.jsonl and compare.md");
  CLI11_PARSE(app, argc, argv);
  const std::filesystem::path scratch =
      std::filesystem::temp_directory_path() / fmt::format("tilewright_compare_{}.jsonl", ::getpid());
  int status = 1;
  try {
    complete(&options);
    Report report("compare", options.out, environment(argc, argv));
    Comparison comparison(options, &report);
    bool right = true;
    for (const std::string& workload : options.workloads)
      right = comparison.run(workload, options.log.empty() ? scratch.string() : options.log) && right;
    comparison.print();
    status = report.finish() && right ? 0 : 1;
  } catch (const Error& e) {
    fmt::print(stderr, "{}\n", e.what());
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
  }
  std::error_code ignored;
  std::filesystem::remove(scratch, ignored);
  return status;
}
