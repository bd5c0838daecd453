#include "tir/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

namespace tilewright::tir::text {
namespace {

constexpr std::string_view kKeywords[] = {
    "align",    "alloc",  "annotate", "assert",   "assume",     "attribute", "block",  "broadcast", "buffer", "else",
    "evaluate", "extern", "false",    "for",      "func",       "grid",      "if",     "in",        "inf",    "init",
    "layout",   "let",    "lowered",  "max",      "min",        "named",     "nan",    "parallel",  "ramp",   "reads",
    "select",   "thread", "true",     "unrolled", "vectorized", "where",     "writes",
};

}  // namespace

bool is_reserved(std::string_view word) {
  if (std::find(std::begin(kKeywords), std::end(kKeywords), word) != std::end(kKeywords) || find_intrinsic(word))
    return true;
  // Names are looked up often, and few begin like a type.
  constexpr std::string_view kTypeLetters = "iufbh";
  return word.size() > 1 && kTypeLetters.find(word[0]) != std::string_view::npos && parse_type(word);
}

bool is_name(std::string_view word) {
  return !word.empty() && is_identifier_start(word[0]) && std::all_of(word.begin(), word.end(), is_identifier_char) &&
         !is_reserved(word);
}

std::optional<Intrinsic> find_intrinsic(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(Intrinsic::kPrefetch); ++i) {
    if (word == intrinsic_name(static_cast<Intrinsic>(i))) return static_cast<Intrinsic>(i);
  }
  return {};
}

const char* for_keyword(ForKind kind) {
  switch (kind) {
    case ForKind::kSerial:
      return "for";
    case ForKind::kParallel:
      return "parallel";
    case ForKind::kVectorized:
      return "vectorized";
    case ForKind::kUnrolled:
      return "unrolled";
    case ForKind::kThreadBinding:
      return "thread";
  }
  return "for";
}

std::optional<ForKind> find_for_keyword(std::string_view word) {
  for (const ForKind kind :
       {ForKind::kSerial, ForKind::kParallel, ForKind::kVectorized, ForKind::kUnrolled, ForKind::kThreadBinding}) {
    if (word == for_keyword(kind)) return kind;
  }
  return {};
}

std::optional<ThreadTag> find_thread_tag(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(ThreadTag::kVirtual); ++i) {
    if (word == thread_tag_name(static_cast<ThreadTag>(i))) return static_cast<ThreadTag>(i);
  }
  return {};
}

const char* iter_keyword(IterKind kind) {
  switch (kind) {
    case IterKind::kSpatial:
      return "spatial";
    case IterKind::kReduce:
      return "reduce";
    case IterKind::kOpaque:
      return "opaque";
  }
  return "opaque";
}

std::optional<IterKind> find_iter_keyword(std::string_view word) {
  for (const IterKind kind : {IterKind::kSpatial, IterKind::kReduce, IterKind::kOpaque}) {
    if (word == iter_keyword(kind)) return kind;
  }
  return {};
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  return out + "\"";
}

std::string float_text(double value) {
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (std::isnan(value)) {
    const uint64_t bits = std::bit_cast<uint64_t>(value);
    return bits == 0x7ff8000000000000u ? "nan" : fmt::format("nan(0x{:016x})", bits);
  }
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace tilewright::tir::text
