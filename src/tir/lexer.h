// Tokens of the text form, read one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tilewright/support/diagnostic.h"

namespace tilewright::tir::text {

enum class TokenKind : uint8_t { kEnd, kWord, kInt, kFloat, kString, kSymbol };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  size_t begin = 0;
  std::string_view text;    // as written
  std::string_view suffix;  // type behind a number
  uint64_t integer = 0;
  double real = 0;
  std::string string;  // contents of a string, without escapes

  bool is(std::string_view symbol_or_word) const {
    return (kind == TokenKind::kWord || kind == TokenKind::kSymbol) && text == symbol_or_word;
  }
};

/// Carries the diagnostic out of the recursive descent; never leaves `parse_func`.
struct ParseError {
  Diagnostic diagnostic;
};

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file) : text_(text), file_(file) {}
  const Token& peek() const { return token_; }
  /// Reads the next token; returns the one before it.
  Token next();
  /// For looking ahead.
  size_t position() const { return token_.begin; }
  void rewind(size_t position) {
    at_ = position;
    next();
  }
  size_t line_of(size_t position) const;

  /// A diagnostic at the position: file, line, column, and the line with a caret.
  Diagnostic diagnostic(size_t position, std::string code, std::string message) const;
  [[noreturn]] void fail(size_t position, std::string code, std::string message) const {
    throw ParseError{diagnostic(position, std::move(code), std::move(message))};
  }
  /// "found X, expected Y" at the current token.
  [[noreturn]] void expected(std::string_view what) const;

 private:
  void skip_space();
  Token number();
  Token string();
  std::string_view text_, file_;
  size_t at_ = 0;
  Token token_;
};

std::string describe(const Token& token);

}  // namespace tilewright::tir::text
