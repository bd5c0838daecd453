// tilewright bench: the best record of a log, rebuilt, checked and timed beside plain C.
#include <fmt/format.h>

#include <memory>

#include "arguments.h"
#include "cli.h"
#include "task.h"
#include "tilewright/search/tuner.h"

namespace tilewright::cli {
namespace {

/// A call of plain C that takes longer than this is timed fewer times.
constexpr double kSlowSeconds = 0.5;

struct BenchArgs {
  std::string workload, log, target = kDefaultTarget;
  std::vector<std::string> constants;
  bool json = false;
};

/// The unscheduled program as C, compiled by gcc with full optimisation, on one core as it stands.
double naive_ms(const Task& task, const Arguments& arguments) {
  const Module module = build(task.workload.func, Target("c -cc=gcc -num-cores=1"));
  const runtime::Function function = module[task.workload.func.name()];
  const double once = arguments.time(function, 1, 0).min;
  if (once > kSlowSeconds) return once * 1e3;
  return arguments.time(function, kRepeats, kMinRepeatMs).min * 1e3;
}

int bench(const BenchArgs& args) {
  const Task task = read_task(args.workload, args.target);
  check_constants(task.workload, args.constants);
  const ChosenSchedule chosen = schedule_from_log(task, args.log);
  const Module module = build(chosen.schedule.func(), task.target, build_options(task, chosen));
  const runtime::Function function = module[task.workload.func.name()];

  Arguments arguments(arguments_of(task.workload.func), 0);
  const Reference reference(task.workload.func, 0);
  report_crashes_of(function.name());
  arguments.call(function);
  const Reference::Verdict verdict = reference.compare(arguments);
  const runtime::TimeResult times = arguments.time(function, kRepeats, kMinRepeatMs);
  const double naive = naive_ms(task, arguments);
  const double gflops = task.workload.flops / times.min / 1e9;

  fmt::print("{}: {:.4g} ms (median {:.4g}), {:.2f} GFLOPS; plain C {:.4g} ms ({:.1f} times slower)\n",
             task.workload.name, times.min * 1e3, times.median * 1e3, gflops, naive, naive / (times.min * 1e3));
  fmt::print("max_error {:.3g}, limit {:.3g}: {}\n", verdict.max_error, verdict.limit,
             verdict.correct ? "correct" : "wrong");
  if (args.json) {
    print_json({{"workload", task.workload.name},
                {"ms", times.min * 1e3},
                {"ms_median", times.median * 1e3},
                {"gflops", gflops},
                {"naive_ms", naive},
                {"checked", verdict.correct},
                {"max_error", finite_or_null(verdict.max_error)}});
  }
  if (verdict.correct) return kDone;
  finish_output();
  fail(fmt::format("the result is wrong: max_error of {} is {:.3g}, expected at most {:.3g}", verdict.argument,
                   verdict.max_error, verdict.limit));
}

}  // namespace

void add_bench(CLI::App& app, Action* action) {
  CLI::App* sub = app.add_subcommand("bench", "Time and check the best record of a log");
  auto args = std::make_shared<BenchArgs>();
  sub->add_option("workload", args->workload, "For example gmm:1,512,512,512")->required()->type_name("WORKLOAD");
  sub->add_option("--log", args->log, "Where the record is")->required()->type_name("FILE");
  sub->add_option("--target", args->target, "The records' target")->type_name("T");
  add_constants(sub, &args->constants);
  sub->add_flag("--json", args->json, "Print one JSON object at the end");
  sub->callback([=] { *action = [=] { return bench(*args); }; });
}

}  // namespace tilewright::cli
