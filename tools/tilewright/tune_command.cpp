// tilewright tune: search, log, export.
#include <fmt/format.h>
#include <signal.h>

#include <memory>
#include <set>

#include "cli.h"
#include "files.h"
#include "progress.h"
#include "task.h"
#include "tilewright/search/tuner.h"

namespace tilewright::cli {
namespace {

struct TuneArgs {
  std::string workload, target = kDefaultTarget, out, tasks;
  std::vector<std::string> constants;
  search::TuneOptions options;
  int64_t threads = 0, population = 0, number = 0, repeat = 0;
  bool has_tasks = false, has_out = false, json = false;
  bool has_workload = false, has_log = false;
};

/// The first Ctrl-C ends the search with what it has; the second one kills.
void on_interrupt(int) {
  search::request_interrupt();
  ::signal(SIGINT, SIG_DFL);
}

/// Whether a failed search is the fault of what the user gave.
bool is_bad_input(const std::string& code) {
  static const std::set<std::string> codes = {"M1002", "M1003", "M1004", "M1005", "M1202",
                                              "M1203", "M1206", "M1304", "M1305"};
  return codes.count(code) > 0;
}

/// Builds the best candidate and writes it.
void export_best(const Task& task, const search::TuneResult& result, const std::string& path) {
  Schedule schedule(task.workload.func);
  const Trace trace = Trace::from_json(result.best->trace).value();
  trace.apply(schedule).value();
  const ChosenSchedule chosen{std::move(schedule), result.best_ms};
  write_file(path, emit(chosen.schedule.func(), task.target, EmitKind::kSharedLibrary, build_options(task, chosen)));
}

void print_result(const TuneArgs& args, const search::TuneResult& r, double seconds) {
  fmt::print("{} trials in {:.1f} s ({:.1f} a second), {} failed, {} of them wrong\n", r.trials, seconds,
             static_cast<double>(r.trials) / seconds, r.failed, r.wrong);
  if (r.exhausted) fmt::print("the space is exhausted: every one of its {:.0f} points was tried\n", r.space_size);
  if (r.interrupted) fmt::print("interrupted: what was measured is kept\n");
  if (r.first_gflops) fmt::print("first schedule, chosen without measuring: {:.2f} GFLOPS\n", *r.first_gflops);
  if (r.best)
    fmt::print("best: {:.2f} GFLOPS, {:.4g} ms (trial {})\n", r.best_gflops, r.best_ms, r.best->trial);
  else
    fmt::print("best: none, no candidate was valid\n");
  if (args.has_log) fmt::print("log: {}\n", args.options.log);
  if (args.has_out && r.best) fmt::print("out: {}\n", args.out);
}

int tune(TuneArgs args) {
  if (args.has_tasks) refuse("tune --tasks is not available in this version; give one WORKLOAD");
  if (!args.has_workload) refuse("WORKLOAD is required; see `tilewright tune --help`");
  const Task task = read_task(args.workload, args.target);
  check_constants(task.workload, args.constants);
  if (args.has_out) check_writable("--out", args.out);
  if (args.has_log) check_writable("--log", args.options.log);
  search::TuneOptions& options = args.options;
  if (args.population > 0) options.population = static_cast<int>(args.population);
  options.measure.build_threads = static_cast<int>(args.threads);
  options.measure.number = static_cast<int>(args.number);
  if (args.repeat > 0) options.measure.repeat = static_cast<int>(args.repeat);

  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  Expected<search::TuneResult> tuned = [&] {
    ProgressLine line;
    return search::tune(task.workload, task.target, options,
                        [&](const search::TuneProgress& progress) { line.show(progress); });
  }();
  if (!tuned) {
    if (is_bad_input(tuned.error().code)) refuse(tuned.error());
    fail(tuned.error());
  }
  const search::TuneResult& result = *tuned;
  print_warnings(result.warnings);
  const bool exported = args.has_out && result.best;
  if (exported) export_best(task, result, args.out);

  const double seconds = seconds_since_start();
  print_result(args, result, seconds);
  if (args.json) {
    const bool best = result.best.has_value();
    print_json({{"workload", task.workload.name},
                {"target", task.target.str()},
                {"trials", result.trials},
                {"failed", result.failed},
                {"wrong", result.wrong},
                {"seconds", seconds},
                {"trials_per_second", static_cast<double>(result.trials) / seconds},
                {"first_gflops", result.first_gflops ? Json(*result.first_gflops) : Json(nullptr)},
                {"best_gflops", best ? Json(result.best_gflops) : Json(nullptr)},
                {"best_ms", best ? Json(result.best_ms) : Json(nullptr)},
                {"exhausted", result.exhausted},
                {"interrupted", result.interrupted},
                {"log", args.has_log ? Json(options.log) : Json(nullptr)},
                {"out", exported ? Json(args.out) : Json(nullptr)},
                {"seed", options.seed}});
  }
  if (result.interrupted) return kInterrupted;
  return result.best ? kDone : kFailed;
}

}  // namespace

void add_tune(CLI::App& app, Action* action) {
  CLI::App* sub = app.add_subcommand("tune", "Search for the fastest schedule of a workload");
  auto args = std::make_shared<TuneArgs>();
  search::TuneOptions& o = args->options;
  sub->add_option("workload", args->workload, "For example gmm:1,512,512,512, or the path of a .tir file")
      ->type_name("WORKLOAD");
  sub->add_option("--target", args->target, "llvm [-mcpu= ...] or c [-cc= ...]")->type_name("T");
  add_integer(sub, "--trials", &o.trials, 0, 1000000000, "New records to make (64)");
  add_real(sub, "--time-limit", &o.time_limit, 0, 1e9, true, "End the search after so many seconds");
  add_unsigned(sub, "--seed", &o.seed, "Of the random numbers (0)");
  add_integer(sub, "--threads", &args->threads, 1, 4096, "Of the search and the compiler (all cores)");
  sub->add_option("--log", o.log, "Append the records here; those already in it count")->type_name("FILE");
  sub->add_option("--out", args->out, "Write the best candidate here")->type_name("X.so");
  add_constants(sub, &args->constants);
  add_word(sub, "--tuner", &o.tuner, search::tuner_names(), "How candidates are proposed (evolutionary)");
  add_word(sub, "--model", &o.model, search::cost_model_names(), "How candidates are ranked (xgb)");
  add_integer(sub, "--population", &args->population, 2, 1000000, "Candidates a generation (256)");
  add_real(sub, "--eps-greedy", &o.eps_greedy, 0, 1, false, "Share of random candidates (0.05)");
  sub->add_option("--warm-start", o.warm_start, "Train the model on other workloads' records")->type_name("FILE");
  add_integer(sub, "--number", &args->number, 1, 1000000000, "Calls a repeat (chosen from --min-repeat-ms)");
  add_integer(sub, "--repeat", &args->repeat, 1, 1000000, "Repeats of a candidate that may win (3)");
  add_real(sub, "--min-repeat-ms", &o.measure.min_repeat_ms, 0, 1e6, false, "Shortest repeat (4)");
  add_real(sub, "--timeout", &o.measure.timeout, 0, 1e6, true, "Seconds that a candidate may run (10)");
  sub->add_flag("--cold", o.measure.cold, "Empty the caches before every call");
  sub->add_flag("--verify-all", o.measure.verify_all, "Check every candidate, not only those that may be best");
  add_real(sub, "--accuracy", &o.accuracy, 0, 1, true, "Largest max_error that counts as correct (by type)");
  sub->add_option("--replay-log", o.replay_log, "Measure nothing: take every outcome from here")->type_name("FILE");
  sub->add_option("--tasks", args->tasks, "A list of workloads (not in this version)")->type_name("FILE.json");
  sub->add_flag("--json", args->json, "Print one JSON object at the end");
  sub->callback([=] {
    args->has_workload = sub->count("workload") > 0;
    args->has_tasks = sub->count("--tasks") > 0;
    args->has_out = sub->count("--out") > 0;
    args->has_log = sub->count("--log") > 0;
    *action = [=] { return tune(*args); };
  });
}

}  // namespace tilewright::cli
