#include <fmt/format.h>

#include <cstring>

#include "tilewright/tir/interpreter.h"
#include "tir/interpreter_math.h"

namespace tilewright::tir {
namespace {

template <typename T>
T read_as(const HostArray& a, int64_t i) {
  T value;
  std::memcpy(&value, a.bytes.data() + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}
template <typename T>
void write_as(HostArray& a, int64_t i, T value) {
  std::memcpy(a.bytes.data() + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

void check_index(const HostArray& a, int64_t i) {
  const auto count = static_cast<int64_t>(a.bytes.size()) / std::max(1, a.dtype.element_bytes());
  if (i < 0 || i >= count)
    throw Error("T0514", "host array", fmt::format("element {} does not exist, the array has {}", i, count));
}

}  // namespace

HostArray HostArray::zeros(DataType dtype, std::vector<int64_t> shape) {
  HostArray a{dtype, std::move(shape), {}};
  uint64_t count = 1;
  for (const int64_t extent : a.shape) {
    if (extent < 0 || (extent > 0 && count > (uint64_t{1} << 40) / static_cast<uint64_t>(extent)))
      throw Error("T0514", "host array", fmt::format("extent {} is negative or makes the array too large", extent));
    count *= static_cast<uint64_t>(extent);
  }
  a.bytes.assign(count * static_cast<uint64_t>(dtype.bytes()), 0);
  return a;
}

int64_t HostArray::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

int64_t HostArray::get_int(int64_t i) const {
  check_index(*this, i);
  if (dtype.is_floating()) return saturate_to_int(get(i), 64, true);
  switch (dtype.bits) {
    case 8:
      return wrap_int(dtype, read_as<uint8_t>(*this, i));
    case 16:
      return wrap_int(dtype, read_as<uint16_t>(*this, i));
    case 32:
      return wrap_int(dtype, read_as<uint32_t>(*this, i));
    default:
      return read_as<int64_t>(*this, i);
  }
}

double HostArray::get(int64_t i) const {
  check_index(*this, i);
  if (!dtype.is_floating()) {
    const int64_t value = get_int(i);
    return dtype.is_uint() ? static_cast<double>(static_cast<uint64_t>(value)) : static_cast<double>(value);
  }
  if (dtype.bits == 64) return read_as<double>(*this, i);
  if (dtype.bits == 32) return static_cast<double>(read_as<float>(*this, i));
  const auto bits = read_as<uint16_t>(*this, i);
  return static_cast<double>(dtype.code == TypeCode::kBfloat ? bfloat_to_float(bits) : half_to_float(bits));
}

void HostArray::set_int(int64_t i, int64_t value) {
  check_index(*this, i);
  if (dtype.is_floating()) return set(i, static_cast<double>(value));
  if (dtype.is_bool()) value = value != 0;
  switch (dtype.bits) {
    case 8:
      return write_as(*this, i, static_cast<uint8_t>(value));
    case 16:
      return write_as(*this, i, static_cast<uint16_t>(value));
    case 32:
      return write_as(*this, i, static_cast<uint32_t>(value));
    default:
      return write_as(*this, i, value);
  }
}

void HostArray::set(int64_t i, double value) {
  check_index(*this, i);
  if (dtype.is_bool()) return set_int(i, value != 0);
  if (!dtype.is_floating()) return set_int(i, saturate_to_int(value, dtype.bits, dtype.is_int()));
  if (dtype.bits == 64) return write_as(*this, i, value);
  if (dtype.bits == 32) return write_as(*this, i, static_cast<float>(value));
  const float odd = round_to_odd(value);
  write_as(*this, i, dtype.code == TypeCode::kBfloat ? float_to_bfloat(odd) : float_to_half(odd));
}

}  // namespace tilewright::tir
