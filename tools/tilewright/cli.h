// What the subcommands share: exit codes, errors, messages, numbers on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tilewright/support/diagnostic.h"
#include "tilewright/support/expected.h"

namespace tilewright::cli {

/// Keys in the order of the contract.
using Json = nlohmann::ordered_json;

enum ExitCode { kDone = 0, kFailed = 1, kBadInput = 2, kInterrupted = 130 };

/// Ends the command with an exit code and a diagnostic. Everything else that is thrown ends with kFailed.
class CommandError : public std::exception {
 public:
  CommandError(int exit_code, Diagnostic diagnostic)
      : exit_code_(exit_code), diagnostic_(std::move(diagnostic)), text_(diagnostic_.summary()) {}
  int exit_code() const { return exit_code_; }
  const Diagnostic& diagnostic() const { return diagnostic_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  int exit_code_;
  Diagnostic diagnostic_;
  std::string text_;
};

/// Wrong use or bad input: exit 2.
[[noreturn]] void refuse(std::string message);
[[noreturn]] void refuse(const Diagnostic& diagnostic);
/// The work itself failed: exit 1.
[[noreturn]] void fail(std::string message);
[[noreturn]] void fail(const Diagnostic& diagnostic);

template <typename T>
T or_refuse(Expected<T> value) {
  if (!value) refuse(value.error());
  return *std::move(value);
}

/// `text` as one printable line.
std::string one_line(std::string_view text);
/// Quoted, for messages, and shortened.
std::string in_quotes(std::string_view text);

/// "error: ..." complete on one line; a listing, where there is one, below. To standard error.
void print_error(const Diagnostic& diagnostic);
void print_warning(std::string_view text);
void print_warnings(const std::vector<std::string>& texts);
void print_note(std::string_view text);

/// Seconds since the program started.
double seconds_since_start();

/// The result object of `--json`: the last line on standard output. What is not finite becomes null.
void print_json(const Json& object);
/// A number for JSON; null when not finite.
Json finite_or_null(double value);
/// Fails when standard output took less than what was printed (a full disk, a closed pipe).
void finish_output();

/// A subcommand registers itself, and what to do when it was chosen.
using Action = std::function<int()>;
void add_tune(CLI::App& app, Action* action);
void add_compile(CLI::App& app, Action* action);
void add_bench(CLI::App& app, Action* action);
void add_run(CLI::App& app, Action* action);
void add_inspect(CLI::App& app, Action* action);
void add_log(CLI::App& app, Action* action);
void add_workloads(CLI::App& app, Action* action);
void add_later(CLI::App& app, Action* action);

/// Options that take a number: anything else than a whole number in low .. high (a decimal number for reals) is
/// refused by name.
CLI::Option* add_integer(CLI::App* app, const std::string& name, int64_t* value, int64_t low, int64_t high,
                         const std::string& description);
CLI::Option* add_unsigned(CLI::App* app, const std::string& name, uint64_t* value, const std::string& description);
/// `above`: the smallest value itself is not allowed.
CLI::Option* add_real(CLI::App* app, const std::string& name, double* value, double low, double high, bool above,
                      const std::string& description);
/// One of a list of words.
CLI::Option* add_word(CLI::App* app, const std::string& name, std::string* value, std::vector<std::string> legal,
                      const std::string& description);

}  // namespace tilewright::cli
