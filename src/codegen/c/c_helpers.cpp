// The texts of the inline functions.
#include <fmt/format.h>

#include <cctype>

#include "codegen/c/c_text.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::codegen {

using tir::DataType;

namespace {

std::string unsigned_type(DataType t) {
  return fmt::format("uint{}_t", t.bits < 32 ? 32 : t.bits);
}

/// The body of a scalar helper over T, a and b.
std::string scalar_body(const std::string& name, DataType t) {
  const std::string type = c_type(t), u = unsigned_type(t);
  if (name == "add") return fmt::format("return ({})(({})a + ({})b);", type, u, u);
  if (name == "sub") return fmt::format("return ({})(({})a - ({})b);", type, u, u);
  if (name == "mul") return fmt::format("return ({})(({})a * ({})b);", type, u, u);
  if (name == "shl") return fmt::format("return ({})(({})a << (b & {}));", type, u, t.bits - 1);
  if (name == "shr") return fmt::format("return ({})(a >> (b & {}));", type, t.bits - 1);
  if (name == "floordiv") {
    if (t.is_uint()) return fmt::format("return ({})(a / b);", type);
    return fmt::format(
        "if (b == -1) return ({0})(0 - ({1})a);\n  const {0} q = ({0})(a / b);\n"
        "  return ({0})(q - (a % b != 0 && (a < 0) != (b < 0)));",
        type, u);
  }
  if (name == "floormod") {
    if (t.is_uint()) return fmt::format("return ({})(a % b);", type);
    return fmt::format(
        "if (b == -1) return 0;\n  const {0} r = ({0})(a % b);\n  return ({0})(r != 0 && (r < 0) != (b < 0) ? r + b : "
        "r);",
        type);
  }
  // The other operand where one is a NaN.
  if (name == "min") return t.is_floating() ? "return a < b || b != b ? a : b;" : "return b < a ? b : a;";
  if (name == "max") return t.is_floating() ? "return a > b || b != b ? a : b;" : "return a < b ? b : a;";
  internal_error("known helper", __FILE__, __LINE__);
}

constexpr const char* kHalfToFloat = R"(TW_INLINE float tw_half_to_float(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = (uint32_t)(h & 0x7fffu) << 13;
  const uint32_t exponent = magnitude & 0x0f800000u;
  uint32_t bits = magnitude + 0x38000000u;
  float value;
  if (exponent == 0x0f800000u) bits += 0x38000000u;
  if (exponent == 0) { /* subnormal: a float subtraction normalises it */
    const uint32_t shifted = bits + 0x00800000u;
    memcpy(&value, &shifted, sizeof value);
    value -= 6.103515625e-05f;
    memcpy(&bits, &value, sizeof bits);
  }
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}
)";
constexpr const char* kFloatToHalf = R"(TW_INLINE uint16_t tw_float_to_half(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
  if (magnitude < 0x38800000u) { /* subnormal: a float addition rounds it */
    float shifted;
    uint32_t rounded;
    memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    memcpy(&rounded, &shifted, sizeof rounded);
    return (uint16_t)(sign | (rounded - 0x3f000000u));
  }
  return (uint16_t)(sign | ((magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13));
}
)";
constexpr const char* kBfloatToFloat = R"(TW_INLINE float tw_bfloat_to_float(uint16_t h) {
  const uint32_t bits = (uint32_t)h << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
)";
constexpr const char* kFloatToBfloat = R"(TW_INLINE uint16_t tw_float_to_bfloat(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
  return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
)";
constexpr const char* kRoundToOdd =
    R"(/* Rounded to odd: rounding the result again, to fewer bits, gives what rounding once would. */
TW_INLINE float tw_round_to_odd(double x) {
  float f = (float)x;
  uint32_t bits;
  if ((double)f == x || x != x) return f;
  memcpy(&bits, &f, sizeof bits);
  if ((bits & 1u) == 0) bits += (x < 0 ? -x : x) > (f < 0 ? -(double)f : (double)f) ? 1u : 0xffffffffu;
  memcpy(&f, &bits, sizeof f);
  return f;
}
)";

}  // namespace

void CHelpers::define(const std::string& name, const std::string& text) {
  if (names_.insert(name).second) definitions_.emplace_back(name, text);
}

std::string CHelpers::text_for(std::string_view code) const {
  std::set<std::string, std::less<>> words;
  auto collect = [&](std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      size_t end = i;
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
      if (end > i) words.emplace(text.substr(i, end - i));
      i = end + 1;
    }
  };
  collect(code);
  // Uses come after definitions, so one walk from the end finds everything.
  std::vector<const std::string*> used;
  for (size_t i = definitions_.size(); i-- > 0;) {
    if (words.count(definitions_[i].first) == 0) continue;
    used.push_back(&definitions_[i].second);
    collect(definitions_[i].second);
  }
  std::string text;
  for (size_t i = used.size(); i-- > 0;) text += *used[i];
  return text;
}

std::string CHelpers::scalar(const std::string& name, DataType t) {
  needs_string = true;
  if (name == "half_to_float")
    define("tw_" + name, kHalfToFloat);
  else if (name == "float_to_half")
    define("tw_" + name, kFloatToHalf);
  else if (name == "bfloat_to_float")
    define("tw_" + name, kBfloatToFloat);
  else if (name == "float_to_bfloat")
    define("tw_" + name, kFloatToBfloat);
  else if (name == "round_to_odd")
    define("tw_" + name, kRoundToOdd);
  else {
    const std::string full = fmt::format("tw_{}_{}", name, c_suffix(t));
    define(full, fmt::format("TW_INLINE {0} {1}({0} a, {0} b) {{\n  {2}\n}}\n", c_type(t), full, scalar_body(name, t)));
    return full;
  }
  return "tw_" + name;
}

std::string CHelpers::float_to_int(DataType from, DataType to) {
  const std::string name = fmt::format("tw_{}_to_{}", c_suffix(from.element()), c_suffix(to.element()));
  if (defined(name)) return name;
  const DataType f = from.element();
  const std::string type = c_type(to.element());
  const double limit = to.is_int() ? static_cast<double>(uint64_t{1} << (to.bits - 1))
                                   : static_cast<double>(uint64_t{1} << (to.bits - 1)) * 2;
  const std::string high = c_float_literal(f, limit);
  const std::string upper = fmt::format("{}{}_MAX", to.is_int() ? "INT" : "UINT", to.bits);
  const std::string rest = to.is_int() ? fmt::format("x >= -{} ? ({})x : x < 0 ? INT{}_MIN : 0", high, type, to.bits)
                                       : fmt::format("x > 0 ? ({})x : 0", type);
  define(name, fmt::format("TW_INLINE {} {}({} x) {{\n  return ({})(x >= {} ? {} : {});\n}}\n", type, name, c_type(f),
                           type, high, upper, rest));
  return name;
}

std::string CHelpers::reinterpret(DataType from, DataType to) {
  needs_string = true;
  const std::string name = fmt::format("tw_bits_{}_{}", c_suffix(from), c_suffix(to));
  const std::string a = from.is_vector() ? vector_type(from) : c_type(from),
                    b = to.is_vector() ? vector_type(to) : c_type(to);
  define(name, fmt::format("TW_INLINE {1} {2}({0} a) {{\n  {1} r;\n  memcpy(&r, &a, sizeof r);\n  return r;\n}}\n", a,
                           b, name));
  return name;
}

std::string CHelpers::vector_type(DataType t) {
  DataType held = t;
  // 16-bit floats are held as their bits; bool vectors are masks and have their own integer type.
  if (t.is_floating() && t.bits == 16) held = tir::kU16.with_lanes(t.lanes);
  const std::string name = c_suffix(held);
  define(name,
         fmt::format("typedef {} {} __attribute__((vector_size({})));\n", c_type(held.element()), name, held.bytes()));
  return name;
}

std::string CHelpers::lanes(const std::string& name, DataType result, const std::vector<DataType>& args,
                            const std::string& expression) {
  std::string full = fmt::format("tw_{}_{}", name, c_suffix(result));
  // Conversions depend on both types.
  if (!args.empty() && args[0].element() != result.element()) full += "_" + c_suffix(args[0]);
  if (defined(full)) return full;
  std::string list;
  for (size_t i = 0; i < args.size(); ++i)
    list += fmt::format("{}{} {}", i ? ", " : "", vector_type(args[i]), static_cast<char>('a' + i));
  const std::string type = vector_type(result);
  define(
      full,
      fmt::format("TW_INLINE {0} {1}({2}) {{\n  {0} r;\n  for (int l = 0; l < {3}; ++l) r[l] = {4};\n  return r;\n}}\n",
                  type, full, list, result.lanes, expression));
  return full;
}

}  // namespace tilewright::codegen
