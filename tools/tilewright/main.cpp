// tilewright: tune, compile, run and inspect tensor programs from the command line.
#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "cli.h"
#include "tilewright/runtime/error.h"

namespace tilewright::cli {
namespace {

constexpr const char* kVersion = "tilewright 0.1.0";

void check_command_name(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) refuse("no command is given; see `tilewright --help`");
  const std::string word = argv[1];
  if (word.empty() || word[0] == '-') return;
  std::string names;
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (sub->get_name() == word) return;
    names += (names.empty() ? "" : ", ") + sub->get_name();
  }
  refuse(fmt::format("there is no command {}, expected one of {}", in_quotes(word), names));
}

int run_command(int argc, char** argv) {
  CLI::App app("A tensor-expression compiler with schedule search.", "tilewright");
  app.require_subcommand(1);
  app.set_version_flag("--version", kVersion);
  Action action;
  add_tune(app, &action);
  add_compile(app, &action);
  add_bench(app, &action);
  add_run(app, &action);
  add_inspect(app, &action);
  add_log(app, &action);
  add_workloads(app, &action);
  add_later(app, &action);
  check_command_name(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e) == 0 ? kDone : kFailed;
  } catch (const CLI::ParseError& e) {
    std::string command = "tilewright";
    for (const CLI::App* sub : app.get_subcommands()) {
      command += " " + sub->get_name();
      for (const CLI::App* inner : sub->get_subcommands()) command += " " + inner->get_name();
    }
    refuse(fmt::format("{}; see `{} --help`", e.what(), command));
  }
  const int result = action();
  finish_output();
  return result;
}

int report(int exit_code, std::string message) {
  Diagnostic d;
  d.message = std::move(message);
  print_error(d);
  return exit_code;
}

int main_with_errors(int argc, char** argv) {
  try {
    return run_command(argc, argv);
  } catch (const CommandError& e) {
    print_error(e.diagnostic());
    return e.exit_code();
  } catch (const Error& e) {
    print_error(e.diagnostic());
    return kFailed;
  } catch (const runtime::Error& e) {
    return report(kFailed, e.what());
  } catch (const std::bad_alloc&) {
    return report(kFailed, "out of memory");
  } catch (const std::exception& e) {
    return report(kFailed, fmt::format("unexpected: {}", e.what()));
  }
}

}  // namespace
}  // namespace tilewright::cli

int main(int argc, char** argv) {
  return tilewright::cli::main_with_errors(argc, argv);
}
