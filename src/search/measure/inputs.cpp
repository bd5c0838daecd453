#include "tilewright/search/inputs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tilewright/support/random.h"

namespace tilewright::search {
namespace {

using tir::DataType;

float bfloat_value(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}
uint16_t bfloat_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <typename T, typename F>
void fill(void* data, int64_t count, F next) {
  auto* out = static_cast<T*>(data);
  for (int64_t i = 0; i < count; ++i) out[i] = next();
}

/// Calls f with a function that reads element i as double.
template <typename F>
auto with_reader(DataType type, const void* data, F f) {
  auto read = [&](auto* typed) { return f([typed](int64_t i) { return static_cast<double>(typed[i]); }); };
  if (type == tir::kBF16) {
    const auto* bits = static_cast<const uint16_t*>(data);
    return f([bits](int64_t i) { return static_cast<double>(bfloat_value(bits[i])); });
  }
  if (type == tir::kF16) return read(static_cast<const _Float16*>(data));
  if (type == tir::kF32) return read(static_cast<const float*>(data));
  if (type == tir::kF64) return read(static_cast<const double*>(data));
  if (type == tir::kI8) return read(static_cast<const int8_t*>(data));
  if (type == tir::kI16) return read(static_cast<const int16_t*>(data));
  if (type == tir::kI32) return read(static_cast<const int32_t*>(data));
  if (type == tir::kI64) return read(static_cast<const int64_t*>(data));
  if (type == tir::kU16) return read(static_cast<const uint16_t*>(data));
  if (type == tir::kU32) return read(static_cast<const uint32_t*>(data));
  if (type == tir::kU64) return read(static_cast<const uint64_t*>(data));
  return read(static_cast<const uint8_t*>(data));
}

}  // namespace

void fill_input(DataType type, uint64_t seed, int index, void* data, int64_t count) {
  CounterRng rng(seed, 0x696e70757473, static_cast<uint64_t>(index));
  auto uniform = [&] { return rng.uniform() * 2 - 1; };
  if (type == tir::kF64) return fill<double>(data, count, uniform);
  if (type == tir::kF32) return fill<float>(data, count, [&] { return static_cast<float>(uniform()); });
  if (type == tir::kF16)
    return fill<_Float16>(data, count, [&] { return static_cast<_Float16>(static_cast<float>(uniform())); });
  if (type == tir::kBF16)
    return fill<uint16_t>(data, count, [&] { return bfloat_bits(static_cast<float>(uniform())); });
  if (type.is_bool()) return fill<uint8_t>(data, count, [&] { return static_cast<uint8_t>(rng.next() >> 63); });
  auto* bytes = static_cast<unsigned char*>(data);
  for (int64_t left = count * type.element_bytes(); left > 0; left -= 8, bytes += 8) {
    const uint64_t value = rng.next();
    std::memcpy(bytes, &value, static_cast<size_t>(std::min<int64_t>(left, 8)));
  }
}

void fill_poison(DataType type, void* data, int64_t count) {
  if (type == tir::kF64) return fill<double>(data, count, [] { return std::numeric_limits<double>::quiet_NaN(); });
  if (type == tir::kF32) return fill<float>(data, count, [] { return std::numeric_limits<float>::quiet_NaN(); });
  if (type.is_floating()) return fill<uint16_t>(data, count, [] { return uint16_t{0x7fff}; });
  std::memset(data, type.is_bool() ? 1 : 0xa5, static_cast<size_t>(count * type.element_bytes()));
}

double max_error(DataType type, const void* y, const void* reference, int64_t count) {
  if (!type.is_floating()) {
    // Exact, also where a double could not tell neighbours apart.
    if (std::memcmp(y, reference, static_cast<size_t>(count * type.element_bytes())) == 0) return 0;
  }
  return with_reader(type, y, [&](auto got) {
    return with_reader(type, reference, [&](auto want) {
      double difference = 0, scale = 0, scale_y = 0;
      for (int64_t i = 0; i < count; ++i) {
        const double a = got(i), b = want(i);
        if (!std::isfinite(a) || !std::isfinite(b)) {
          if (a == b || (std::isnan(a) && std::isnan(b))) continue;
          return std::numeric_limits<double>::infinity();
        }
        difference = std::max(difference, std::abs(a - b));
        scale = std::max(scale, std::abs(b));
        scale_y = std::max(scale_y, std::abs(a));
      }
      if (!type.is_floating()) return std::max(difference, 1.0);
      if (scale == 0) return scale_y;
      return difference / scale;
    });
  });
}

}  // namespace tilewright::search
