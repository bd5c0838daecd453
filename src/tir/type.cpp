#include "tilewright/tir/type.h"

#include <fmt/format.h>

#include <charconv>

namespace tilewright::tir {

std::string DataType::str() const {
  std::string text;
  switch (code) {
    case TypeCode::kInt:
      text = fmt::format("i{}", bits);
      break;
    case TypeCode::kUint:
      text = fmt::format("u{}", bits);
      break;
    case TypeCode::kFloat:
      text = fmt::format("f{}", bits);
      break;
    case TypeCode::kBfloat:
      text = fmt::format("bf{}", bits);
      break;
    case TypeCode::kBool:
      text = "bool";
      break;
    case TypeCode::kHandle:
      text = "handle";
      break;
  }
  if (lanes > 1) text += fmt::format("x{}", lanes);
  return text;
}

std::optional<DataType> parse_type(std::string_view text) {
  int lanes = 1;
  if (const size_t x = text.rfind('x'); x != std::string_view::npos) {
    const std::string_view digits = text.substr(x + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), lanes);
    if (error != std::errc() || end != digits.data() + digits.size() || lanes < 2 || lanes > 65535 || digits[0] == '0')
      return {};
    text = text.substr(0, x);
  }
  for (const DataType t : {kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64, kF16, kBF16, kF32, kF64, kBool, kHandle}) {
    if (t.str() == text) return t.with_lanes(lanes);
  }
  return {};
}

}  // namespace tilewright::tir
