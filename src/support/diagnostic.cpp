#include "tilewright/support/diagnostic.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tilewright {

std::string Diagnostic::summary() const {
  std::string text = operation.empty() ? message : fmt::format("{}: {}", operation, message);
  if (!code.empty()) text += fmt::format(" [{}]", code);
  return text;
}

std::string Diagnostic::render(bool color) const {
  const bool is_error = severity == Severity::kError;
  const char* word = is_error ? "error" : "warning";
  const char* on = !color ? "" : is_error ? "\x1b[1;31m" : "\x1b[1;33m";
  const char* off = color ? "\x1b[0m" : "";
  std::string text =
      code.empty() ? fmt::format("{}{}:{} ", on, word, off) : fmt::format("{}{}[{}]{} ", on, word, code, off);
  if (!operation.empty()) text += operation + ": ";
  text += message;
  if (!place.empty() || !listing.empty()) {
    const std::string head = fmt::format("\n  --> {}", place.empty() ? "" : place + ":  ");
    text += head;
    const std::string indent = "\n" + std::string(head.size() - 1, ' ');
    for (size_t begin = 0; begin < listing.size();) {
      size_t end = listing.find('\n', begin);
      if (end == std::string::npos) end = listing.size();
      if (begin != 0) text += indent;
      text.append(listing, begin, end - begin);
      begin = end + 1;
    }
  }
  if (!legal.empty()) text += fmt::format("\n  legal {}: {}", legal_kind, fmt::join(legal, ", "));
  if (!remedy.empty()) text += fmt::format("{}remedy: {}", legal.empty() ? "\n  " : "        ", remedy);
  return text;
}

Error::Error(Diagnostic diagnostic) : diagnostic_(std::move(diagnostic)), text_(diagnostic_.render()) {}

Error::Error(std::string code, std::string operation, std::string message)
    : Error([&] {
        Diagnostic d;
        d.code = std::move(code);
        d.operation = std::move(operation);
        d.message = std::move(message);
        return d;
      }()) {}

void internal_error(std::string_view condition, const char* file, int line) {
  throw Error("D0001", "internal error",
              fmt::format("`{}` does not hold at {}:{}; please report this", condition, file, line));
}

}  // namespace tilewright
