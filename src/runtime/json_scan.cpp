#include "runtime/json_scan.h"

namespace tilewright::runtime {

namespace {

constexpr int kMaxDepth = 64;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool accept(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::optional<std::string> string() {
    if (!accept('"')) return std::nullopt;
    std::string value;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return value;
      if (c == '\\' && at_ < text_.size()) {
        const char escaped = text_[at_++];
        if (escaped != '"' && escaped != '\\' && escaped != '/') value += '\\';
        value += escaped;
      } else {
        value += c;
      }
    }
    return std::nullopt;
  }

  // Any value. Brackets are counted rather than matched by kind: what lies inside is not looked at.
  bool skip_value() {
    int depth = 0;
    do {
      skip_space();
      if (at_ >= text_.size()) return false;
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return false;
      } else if (c == '{' || c == '[') {
        if (++depth > kMaxDepth) return false;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (--depth < 0) return false;
        ++at_;
      } else if (depth > 0 && (c == ',' || c == ':')) {
        ++at_;
      } else if (!skip_word()) {
        return false;
      }
    } while (depth > 0);
    return true;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  // A number, true, false or null.
  bool skip_word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && std::string_view(" \t\r\n,:{}[]\"").find(text_[at_]) == std::string_view::npos) ++at_;
    return at_ > start;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<std::vector<std::string>> read_strings(Scanner& scanner) {
  std::vector<std::string> values;
  if (!scanner.accept('[')) return std::nullopt;
  if (scanner.accept(']')) return values;
  do {
    auto value = scanner.string();
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  } while (scanner.accept(','));
  if (!scanner.accept(']')) return std::nullopt;
  return values;
}

}  // namespace

std::optional<std::vector<std::string>> find_string_array(std::string_view json, std::string_view key) {
  Scanner scanner(json);
  if (!scanner.accept('{')) return std::nullopt;
  if (scanner.accept('}')) return std::vector<std::string>{};
  do {
    const auto name = scanner.string();
    if (!name || !scanner.accept(':')) return std::nullopt;
    if (*name == key) return read_strings(scanner);
    if (!scanner.skip_value()) return std::nullopt;
  } while (scanner.accept(','));
  if (!scanner.accept('}')) return std::nullopt;
  return std::vector<std::string>{};
}

}  // namespace tilewright::runtime
