#include "codegen/c/c_text.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <limits>

#include "tilewright/tir/interpreter.h"

namespace tilewright::codegen {

using tir::DataType;
using tir::TypeCode;

std::string c_type(DataType t) {
  switch (t.code) {
    case TypeCode::kBool:
      return "bool";
    case TypeCode::kInt:
      return fmt::format("int{}_t", t.bits);
    case TypeCode::kUint:
      return fmt::format("uint{}_t", t.bits);
    case TypeCode::kBfloat:
      return "uint16_t";
    case TypeCode::kFloat:
      return t.bits == 16 ? "uint16_t" : t.bits == 32 ? "float" : "double";
    case TypeCode::kHandle:
      return "void*";
  }
  return "void";
}

std::string c_memory_type(DataType t) {
  return t.is_bool() ? "uint8_t" : c_type(t.element());
}

std::string c_suffix(DataType t) {
  return t.str();
}

std::string c_float_literal(DataType t, double value) {
  const char* suffix = t.bits == 64 ? "" : "f";
  const char* type = t.bits == 64 ? "double" : "float";
  if (t.bits == 32) value = static_cast<double>(static_cast<float>(value));
  if (std::isnan(value)) return fmt::format("({})NAN", type);
  if (std::isinf(value)) return fmt::format("({}){}INFINITY", type, value < 0 ? "-" : "");
  std::string text = t.bits == 64 ? fmt::format("{}", value) : fmt::format("{}", static_cast<float>(value));
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + suffix;
}

std::string c_int_literal(DataType t, int64_t value) {
  if (t.is_bool()) return value ? "true" : "false";
  if (t.is_uint())
    return t.bits == 64 ? fmt::format("UINT64_C({})", static_cast<uint64_t>(value)) : fmt::format("{}u", value);
  if (value == std::numeric_limits<int64_t>::min()) return "INT64_MIN";
  return fmt::format("{}", value);
}

std::string c_string_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (c == '\n')
      out += "\\n";
    else if (u < 32 || u >= 127 || c == '?')
      out += fmt::format("\\{:03o}", u);
    else
      out += c;
  }
  return out + "\"";
}

ValueBounds type_bounds(DataType t) {
  if (t.is_bool()) return {0, 1, true};
  if (t.is_int() && t.bits < 64) return {-(int64_t{1} << (t.bits - 1)), (int64_t{1} << (t.bits - 1)) - 1, true};
  if (t.is_uint() && t.bits < 64) return {0, (int64_t{1} << t.bits) - 1, true};
  return {};
}

CNames::CNames() {
  for (const char* word :
       {"auto",      "break",    "case",     "char",     "const",   "continue", "default",  "do",       "double",
        "else",      "enum",     "extern",   "float",    "for",     "goto",     "if",       "inline",   "int",
        "long",      "register", "restrict", "return",   "short",   "signed",   "sizeof",   "static",   "struct",
        "switch",    "typedef",  "union",    "unsigned", "void",    "volatile", "while",    "bool",     "true",
        "false",     "asm",      "typeof",   "main",     "linux",   "unix",     "i386",     "NAN",      "INFINITY",
        "NULL",      "l",        "memcpy",   "malloc",   "free",    "printf",   "abort",    "exit",     "self",
        "args",      "num_args", "result",   "data",     "symbols", "closure",  "begin",    "end",      "status",
        "abs",       "y0",       "y1",       "yn",       "j0",      "j1",       "jn",       "gamma",    "div",
        "exp",       "log",      "sin",      "cos",      "tan",     "tanh",     "erf",      "pow",      "sqrt",
        "floor",     "ceil",     "trunc",    "round",    "rint",    "fma",      "fmin",     "fmax",     "signbit",
        "isnan",     "isinf",    "signgam",  "index",    "rindex",  "bcmp",     "bcopy",    "bzero",    "class",
        "namespace", "new",      "delete",   "this",     "private", "public",   "template", "operator", "using",
        "try",       "catch",    "throw",    "virtual",  "friend",  "explicit", "export",   "and",      "or",
        "not",       "xor"})
    taken_.insert(word);
}

std::string CNames::fresh(std::string_view hint) {
  std::string name;
  for (const char c : hint.substr(0, 60)) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  // Leading underscores and digits, the helpers' prefix, and names that end like types are not ours to give.
  while (!name.empty() && name[0] == '_') name.erase(0, 1);
  const bool taken_prefix = name.rfind("tw_", 0) == 0 || name.rfind("TW_", 0) == 0 || name.rfind("INT", 0) == 0 ||
                            name.rfind("UINT", 0) == 0 || name.rfind("f32x", 0) == 0;
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) || taken_prefix ||
      (name.size() > 2 && name.compare(name.size() - 2, 2, "_t") == 0))
    name = "v_" + name + "_";
  if (taken_.insert(name).second) return name;
  for (;;) {
    std::string numbered = fmt::format("{}_{}", name, ++next_[name]);
    if (taken_.insert(numbered).second) return numbered;
  }
}

}  // namespace tilewright::codegen
