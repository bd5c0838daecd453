#include "tir/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "tir/words.h"

namespace tilewright::tir::text {
namespace {

constexpr std::string_view kSymbols[] = {"..", "+:", "->", "==", "!=", "<=", ">=", "&&", "||", "//",
                                         "(",  ")",  "[",  "]",  "{",  "}",  ",",  ":",  "=",  "<",
                                         ">",  "+",  "-",  "*",  "/",  "%",  "!",  "."};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Long texts shortened, bytes that a terminal would not show replaced.
std::string printable(std::string_view text, size_t limit) {
  std::string out(text.substr(0, limit));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = c == '\t' ? ' ' : '?';
  }
  return text.size() > limit ? out + "..." : out;
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the text";
    case TokenKind::kString:
      return "the string " + printable(token.text, 40);
    default:
      return fmt::format("`{}`", printable(token.text, 40));
  }
}

size_t Lexer::line_of(size_t position) const {
  const std::string_view before = text_.substr(0, position);
  return 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

Diagnostic Lexer::diagnostic(size_t position, std::string code, std::string message) const {
  position = std::min(position, text_.size());
  const size_t newline = position == 0 ? std::string_view::npos : text_.rfind('\n', position - 1);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  size_t end = text_.find('\n', position);
  if (end == std::string_view::npos) end = text_.size();
  const size_t column = position - begin;
  // Of a very long line, the part around the column.
  constexpr size_t kBefore = 80, kWidth = 120;
  const size_t skipped = column > kBefore ? column - kBefore : 0;
  const std::string prefix = skipped != 0 ? "..." : "";
  Diagnostic d;
  d.code = std::move(code);
  d.operation = "parse";
  d.message = std::move(message);
  d.place = fmt::format("{}:{}:{}", file_, line_of(position), column + 1);
  d.listing = prefix + printable(text_.substr(begin + skipped, end - begin - skipped), kWidth) + "\n" +
              std::string(prefix.size() + column - skipped, ' ') + "^";
  return d;
}

void Lexer::expected(std::string_view what) const {
  fail(token_.begin, "T0201", fmt::format("found {}, expected {}", describe(token_), what));
}

void Lexer::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '#')
      at_ = std::min(text_.find('\n', at_), text_.size());
    else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
      ++at_;
    else
      return;
  }
}

Token Lexer::number() {
  Token token;
  token.begin = at_;
  const auto digits = [&](auto accept) {
    const size_t begin = at_;
    while (at_ < text_.size() && accept(text_[at_])) ++at_;
    return at_ > begin;
  };
  const auto char_at = [&](size_t i) { return i < text_.size() ? text_[i] : '\0'; };
  std::from_chars_result result{};
  if (text_[at_] == '0' && char_at(at_ + 1) == 'x' && is_hex_digit(char_at(at_ + 2))) {
    at_ += 2;
    const size_t begin = at_;
    digits(is_hex_digit);
    token.kind = TokenKind::kInt;
    result = std::from_chars(text_.data() + begin, text_.data() + at_, token.integer, 16);
  } else {
    digits(is_digit);
    token.kind = TokenKind::kInt;
    if (char_at(at_) == '.' && is_digit(char_at(at_ + 1))) {
      token.kind = TokenKind::kFloat;
      ++at_;
      digits(is_digit);
    }
    const size_t sign = char_at(at_ + 1) == '+' || char_at(at_ + 1) == '-' ? 1 : 0;
    if (char_at(at_) == 'e' && is_digit(char_at(at_ + 1 + sign))) {
      token.kind = TokenKind::kFloat;
      at_ += 1 + sign;
      digits(is_digit);
    }
    const char *first = text_.data() + token.begin, *last = text_.data() + at_;
    result = token.kind == TokenKind::kInt ? std::from_chars(first, last, token.integer)
                                           : std::from_chars(first, last, token.real);
  }
  const size_t end = at_;
  digits(is_identifier_char);
  token.suffix = text_.substr(end, at_ - end);
  token.text = text_.substr(token.begin, at_ - token.begin);
  if (result.ec != std::errc())
    fail(token.begin, "T0204", fmt::format("the number {} is out of range", printable(token.text, 40)));
  return token;
}

Token Lexer::string() {
  Token token;
  token.kind = TokenKind::kString;
  token.begin = at_++;
  for (;;) {
    if (at_ >= text_.size() || text_[at_] == '\n') fail(token.begin, "T0201", "the string has no closing quote");
    const char c = text_[at_++];
    if (c == '"') break;
    if (c != '\\') {
      token.string += c;
      continue;
    }
    const char escape = at_ < text_.size() ? text_[at_++] : '\0';
    switch (escape) {
      case 'n':
        token.string += '\n';
        break;
      case 't':
        token.string += '\t';
        break;
      case '"':
      case '\\':
        token.string += escape;
        break;
      case 'x': {
        unsigned value = 0;
        const char* digits = text_.data() + at_;
        if (at_ + 2 > text_.size() || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2)
          fail(at_ - 2, "T0201", "\\x needs two hexadecimal digits");
        at_ += 2;
        token.string += static_cast<char>(value);
        break;
      }
      default:
        fail(at_ - 1, "T0201", "unknown escape; known are \\n \\t \\\" \\\\ \\xHH");
    }
  }
  token.text = text_.substr(token.begin, at_ - token.begin);
  return token;
}

Token Lexer::next() {
  skip_space();
  Token token;
  token.begin = at_;
  if (at_ < text_.size()) {
    const char c = text_[at_];
    if (is_identifier_start(c)) {
      token.kind = TokenKind::kWord;
      while (at_ < text_.size() && is_identifier_char(text_[at_])) ++at_;
    } else if (is_digit(c)) {
      token = number();
    } else if (c == '"') {
      token = string();
    } else {
      token.kind = TokenKind::kSymbol;
      for (const std::string_view symbol : kSymbols) {
        if (text_.substr(at_, symbol.size()) != symbol) continue;
        at_ += symbol.size();
        break;
      }
      if (at_ == token.begin) {
        const std::string shown = static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f
                                      ? fmt::format("byte 0x{:02x}", static_cast<unsigned char>(c))
                                      : fmt::format("`{}`", c);
        fail(at_, "T0201", shown + " belongs to no word of the language");
      }
    }
    token.text = text_.substr(token.begin, at_ - token.begin);
  }
  std::swap(token, token_);
  return token;
}

}  // namespace tilewright::tir::text
