#include "cli.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace tilewright::cli {
namespace {

const auto start_time = std::chrono::steady_clock::now();

Diagnostic plain(std::string message) {
  Diagnostic d;
  d.message = std::move(message);
  return d;
}

template <typename T>
bool parse_whole(const std::string& text, T* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end && !text.empty();
}

}  // namespace

void refuse(std::string message) {
  throw CommandError(kBadInput, plain(std::move(message)));
}
void refuse(const Diagnostic& diagnostic) {
  throw CommandError(kBadInput, diagnostic);
}
void fail(std::string message) {
  throw CommandError(kFailed, plain(std::move(message)));
}
void fail(const Diagnostic& diagnostic) {
  throw CommandError(kFailed, diagnostic);
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte != 127)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string in_quotes(std::string_view text) {
  return fmt::format("\"{}{}\"", one_line(text.substr(0, 80)), text.size() > 80 ? "..." : "");
}

void print_error(const Diagnostic& diagnostic) {
  std::string line = diagnostic.summary();
  // Whoever reads only the first line learns what would have been legal, and the way out.
  if (!diagnostic.legal.empty())
    line += fmt::format("; legal {}: {}", diagnostic.legal_kind, fmt::join(diagnostic.legal, ", "));
  if (!diagnostic.remedy.empty()) line += "; " + diagnostic.remedy;
  if (!diagnostic.place.empty()) line += fmt::format(" (in {})", diagnostic.place);
  std::string text = "error: " + one_line(line) + "\n";
  if (!diagnostic.listing.empty()) {
    text += diagnostic.listing;
    if (text.back() != '\n') text += '\n';
  }
  std::fflush(stdout);
  std::fputs(text.c_str(), stderr);
}

void print_warning(std::string_view text) {
  fmt::print(stderr, "warning: {}\n", one_line(text));
}
void print_warnings(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) print_warning(text);
}
void print_note(std::string_view text) {
  fmt::print(stderr, "note: {}\n", one_line(text));
}

double seconds_since_start() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_time).count();
}

void print_json(const Json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

void finish_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) fail("cannot write to standard output");
}

CLI::Option* add_integer(CLI::App* app, const std::string& name, int64_t* value, int64_t low, int64_t high,
                         const std::string& description) {
  return app
      ->add_option_function<std::string>(
          name,
          [=](const std::string& text) {
            if (!parse_whole(text, value) || *value < low || *value > high)
              refuse(fmt::format("{} is {}, expected a whole number, {} .. {}", name, in_quotes(text), low, high));
          },
          description)
      ->type_name("N");
}

CLI::Option* add_unsigned(CLI::App* app, const std::string& name, uint64_t* value, const std::string& description) {
  return app
      ->add_option_function<std::string>(
          name,
          [=](const std::string& text) {
            if (!parse_whole(text, value))
              refuse(fmt::format("{} is {}, expected a whole number, 0 .. {}", name, in_quotes(text), UINT64_MAX));
          },
          description)
      ->type_name("N");
}

CLI::Option* add_real(CLI::App* app, const std::string& name, double* value, double low, double high, bool above,
                      const std::string& description) {
  return app
      ->add_option_function<std::string>(
          name,
          [=](const std::string& text) {
            const bool number = parse_whole(text, value) && std::isfinite(*value);
            if (!number || *value < low || *value > high || (above && *value == low))
              refuse(fmt::format("{} is {}, expected a number, {} {} and at most {}", name, in_quotes(text),
                                 above ? "more than" : "at least", low, high));
          },
          description)
      ->type_name("X");
}

CLI::Option* add_word(CLI::App* app, const std::string& name, std::string* value, std::vector<std::string> legal,
                      const std::string& description) {
  const std::string names = fmt::format("{}", fmt::join(legal, "|"));
  return app
      ->add_option_function<std::string>(
          name,
          [=](const std::string& text) {
            if (std::find(legal.begin(), legal.end(), text) == legal.end())
              refuse(fmt::format("{} is {}, expected one of {}", name, in_quotes(text), fmt::join(legal, ", ")));
            *value = text;
          },
          description)
      ->type_name(names);
}

}  // namespace tilewright::cli
