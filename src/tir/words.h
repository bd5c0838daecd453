// Words of the text form: shared by printer and parser, so that what one reserves the other never uses as a name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tilewright/tir/stmt.h"

namespace tilewright::tir::text {

/// Nothing above this nests deeper, so that no program read from text can exhaust the stack of a recursive walk.
inline constexpr int kMaxExprDepth = 1000;
inline constexpr int kMaxStmtDepth = 500;
inline constexpr int kMaxParenDepth = 400;
inline constexpr size_t kMaxTextBytes = size_t{8} << 20;

inline bool is_identifier_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
inline bool is_identifier_char(char c) {
  return is_identifier_start(c) || (c >= '0' && c <= '9');
}

/// Keyword, type or function of the language: no name of a variable or buffer.
bool is_reserved(std::string_view word);
/// Letters, digits and underscores, not starting with a digit, and not reserved.
bool is_name(std::string_view word);
std::optional<Intrinsic> find_intrinsic(std::string_view word);
std::optional<ForKind> find_for_keyword(std::string_view word);
const char* for_keyword(ForKind kind);
std::optional<ThreadTag> find_thread_tag(std::string_view word);
const char* iter_keyword(IterKind kind);
std::optional<IterKind> find_iter_keyword(std::string_view word);

/// The string between quotes, with escapes.
std::string quote(std::string_view text);
/// Shortest text of a double that reads back to the same bits, always recognisable as a float.
std::string float_text(double value);

}  // namespace tilewright::tir::text
