// tilewright run: load a .so, call it with seeded inputs, check it, time it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "arguments.h"
#include "cli.h"
#include "files.h"
#include "module_info.h"
#include "task.h"

namespace tilewright::cli {
namespace {

struct RunArgs {
  std::string path, function, check;
  uint64_t seed = 0;
  bool has_function = false, has_check = false, json = false;
};

std::string choose_function(const RunArgs& args, const ModuleInfo& info) {
  const std::vector<std::string>& names = info.file.functions;
  if (args.has_function) {
    for (const std::string& name : names) {
      if (name == args.function) return name;
    }
    refuse(
        fmt::format("{} has no function {}, it has: {}", args.path, in_quotes(args.function), fmt::join(names, ", ")));
  }
  if (names.size() != 1)
    refuse(fmt::format("{} has {} functions ({}): choose one with --function", args.path, names.size(),
                       fmt::join(names, ", ")));
  return names[0];
}

std::string list_of(const std::vector<ArgumentSpec>& specs) {
  std::vector<std::string> texts;
  for (const ArgumentSpec& spec : specs) texts.push_back(spec.str());
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// A .so for other shapes than the workload's must not be called with them.
void check_same_arguments(const RunArgs& args, const ModuleInfo& info, const std::string& function,
                          const std::vector<ArgumentSpec>& expected) {
  const Json entry = function_entry(info, function);
  const auto arguments = entry.find("arguments");
  if (arguments == entry.end() || !arguments->is_array())
    refuse(fmt::format("{}: the metadata does not tell the arguments of `{}`", args.path, function));
  const std::vector<ArgumentSpec> given = arguments_of(info, function);
  bool same = given.size() == expected.size();
  for (size_t i = 0; same && i < given.size(); ++i)
    same = given[i].type == expected[i].type && given[i].shape == expected[i].shape &&
           given[i].output == expected[i].output;
  if (!same)
    refuse(fmt::format("{} is for other arguments than --check {}: it takes ({}), the workload has ({})", args.path,
                       args.check, list_of(given), list_of(expected)));
}

runtime::Module load(const RunArgs& args, const std::string& bytes) {
  try {
    return runtime::load_from_memory(bytes);
  } catch (const runtime::Error& e) {
    refuse(fmt::format("{}: {}", args.path, e.what()));
  }
}

int run(const RunArgs& args) {
  const std::string bytes = read_whole_file(args.path);
  const ModuleInfo info = read_module_info(args.path, bytes);
  const std::string name = choose_function(args, info);
  std::optional<te::Workload> workload;
  std::vector<ArgumentSpec> specs;
  if (args.has_check) {
    workload = or_refuse(te::parse_workload(args.check));
    specs = arguments_of(workload->func);
    check_same_arguments(args, info, name, specs);
  } else {
    specs = arguments_of(info, name);
  }
  const runtime::Module module = load(args, bytes);
  const runtime::Function function = module[name];
  Arguments arguments(specs, args.seed);
  std::optional<Reference> reference;
  if (workload) reference.emplace(workload->func, args.seed);

  report_crashes_of(fmt::format("{} of {}", name, args.path));
  arguments.call(function);
  std::optional<Reference::Verdict> verdict;
  if (reference) verdict = reference->compare(arguments);
  const double ms = arguments.time(function, kRepeats, kMinRepeatMs).min * 1e3;

  fmt::print("{}: {:.4g} ms", name, ms);
  if (workload) fmt::print(", {:.2f} GFLOPS", workload->flops / ms / 1e6);
  fmt::print("\n");
  if (verdict)
    fmt::print("max_error {:.3g}, limit {:.3g}: {}\n", verdict->max_error, verdict->limit,
               verdict->correct ? "correct" : "wrong");
  if (args.json) {
    print_json({{"function", name},
                {"ms", ms},
                {"checked", verdict && verdict->correct},
                {"max_error", verdict ? finite_or_null(verdict->max_error) : Json(nullptr)}});
  }
  if (!verdict || verdict->correct) return kDone;
  finish_output();
  fail(fmt::format("the result is wrong: max_error of {} is {:.3g}, expected at most {:.3g}", verdict->argument,
                   verdict->max_error, verdict->limit));
}

}  // namespace

void add_run(CLI::App& app, Action* action) {
  CLI::App* sub = app.add_subcommand("run", "Call, check and time a function of a compiled .so");
  auto args = std::make_shared<RunArgs>();
  sub->add_option("file", args->path, "The .so")->required()->type_name("X.so");
  sub->add_option("--function", args->function, "Needed when there are several")->type_name("F");
  add_unsigned(sub, "--seed", &args->seed, "Of the inputs (0)");
  sub->add_option("--check", args->check, "Compare with the reference of this workload")->type_name("WORKLOAD");
  sub->add_flag("--json", args->json, "Print one JSON object at the end");
  sub->callback([=] {
    args->has_function = sub->count("--function") > 0;
    args->has_check = sub->count("--check") > 0;
    *action = [=] { return run(*args); };
  });
}

}  // namespace tilewright::cli
