// Data types of the loop IR: a code, a width in bits and a number of vector lanes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tilewright::tir {

enum class TypeCode : uint8_t { kInt, kUint, kFloat, kBfloat, kBool, kHandle };

/// Four bytes, compared and copied as a value. Bool has 8 bits in memory, one lane per element of a mask.
struct DataType {
  TypeCode code = TypeCode::kHandle;
  uint8_t bits = 0;
  uint16_t lanes = 1;

  constexpr bool operator==(const DataType&) const = default;
  constexpr bool is_int() const { return code == TypeCode::kInt; }
  constexpr bool is_uint() const { return code == TypeCode::kUint; }
  constexpr bool is_integer() const { return is_int() || is_uint(); }
  /// IEEE or bfloat.
  constexpr bool is_floating() const { return code == TypeCode::kFloat || code == TypeCode::kBfloat; }
  constexpr bool is_bool() const { return code == TypeCode::kBool; }
  constexpr bool is_handle() const { return code == TypeCode::kHandle; }
  constexpr bool is_vector() const { return lanes > 1; }
  constexpr DataType with_lanes(int n) const { return {code, bits, static_cast<uint16_t>(n)}; }
  constexpr DataType element() const { return with_lanes(1); }
  /// Bytes of one lane in memory.
  constexpr int element_bytes() const { return (bits + 7) / 8; }
  constexpr int bytes() const { return element_bytes() * lanes; }
  /// "f32", "i8", "u16", "bf16", "bool", "handle"; vectors "f32x16".
  std::string str() const;
};

/// Inverse of DataType::str. Accepts exactly the supported types: int8-64, uint8-64, bool, f16, bf16, f32, f64.
std::optional<DataType> parse_type(std::string_view text);

inline constexpr DataType kI8{TypeCode::kInt, 8, 1}, kI16{TypeCode::kInt, 16, 1}, kI32{TypeCode::kInt, 32, 1},
    kI64{TypeCode::kInt, 64, 1}, kU8{TypeCode::kUint, 8, 1}, kU16{TypeCode::kUint, 16, 1}, kU32{TypeCode::kUint, 32, 1},
    kU64{TypeCode::kUint, 64, 1}, kF16{TypeCode::kFloat, 16, 1}, kBF16{TypeCode::kBfloat, 16, 1},
    kF32{TypeCode::kFloat, 32, 1}, kF64{TypeCode::kFloat, 64, 1}, kBool{TypeCode::kBool, 8, 1},
    kHandle{TypeCode::kHandle, 64, 1};

}  // namespace tilewright::tir

namespace tilewright {
// Short names for users' programs.
inline constexpr tir::DataType i8 = tir::kI8, i16 = tir::kI16, i32 = tir::kI32, i64 = tir::kI64, u8 = tir::kU8,
                               u16 = tir::kU16, u32 = tir::kU32, u64 = tir::kU64, f16 = tir::kF16, bf16 = tir::kBF16,
                               f32 = tir::kF32, f64 = tir::kF64, boolean = tir::kBool;
using tir::DataType;
}  // namespace tilewright
