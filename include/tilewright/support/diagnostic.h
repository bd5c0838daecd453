// The one diagnostic type: what was refused, where, why, what would be legal, and the way out.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright {

enum class Severity { kError, kWarning };

/// A message to the user. Rendered as
///
///     error[S0107] vectorize: loop `k` carries the reduction of block `C`
///       --> matmul:  for i, j
///                      for k in 0..512        <-- here
///       legal loops: i, j        remedy: rfactor(k), or decompose_reduction(C, k) and vectorize j
struct Diagnostic {
  Severity severity = Severity::kError;
  /// Stable code: a letter for the room (D support, I tir, A arith, V verify, E te, S schedule, L lower, G codegen,
  /// R runtime, M search) and four digits.
  std::string code;
  /// What was being done, for example the name of the primitive. May be empty.
  std::string operation;
  /// One complete sentence without a final stop: names the given value and what was expected.
  std::string message;
  /// The function or file concerned. May be empty.
  std::string place;
  /// Excerpt (loop nest or source text) whose offending line carries a mark. May be empty, may have many lines.
  std::string listing;
  /// What the list `legal` enumerates, for example "loops".
  std::string legal_kind;
  std::vector<std::string> legal;
  std::string remedy;

  /// `operation: message [code]` on one line, without the word error.
  std::string summary() const;
  /// The whole text. `color` adds terminal colours.
  std::string render(bool color = false) const;
};

/// What every API of the compiler throws. A wrong use by the caller, never a bug of ours (see `internal_error`).
class Error : public std::exception {
 public:
  explicit Error(Diagnostic diagnostic);
  /// Short form: code, operation, message.
  Error(std::string code, std::string operation, std::string message);
  const Diagnostic& diagnostic() const noexcept { return diagnostic_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Diagnostic diagnostic_;
  std::string text_;
};

/// Throws an Error with code D0001: a condition that only a bug of this library can break. Never reached by bad input.
[[noreturn]] void internal_error(std::string_view condition, const char* file, int line);

}  // namespace tilewright

/// Checks an invariant of our own (not input).
#define TILEWRIGHT_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::tilewright::internal_error(#condition, __FILE__, __LINE__))
