#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/runtime/error.h"

namespace tilewright::runtime {

using DataType = TwDataType;

inline constexpr DataType kFloat64 = {TW_DTYPE_FLOAT, 64, 1};
inline constexpr DataType kFloat32 = {TW_DTYPE_FLOAT, 32, 1};
inline constexpr DataType kFloat16 = {TW_DTYPE_FLOAT, 16, 1};
inline constexpr DataType kBFloat16 = {TW_DTYPE_BFLOAT, 16, 1};
inline constexpr DataType kInt64 = {TW_DTYPE_INT, 64, 1};
inline constexpr DataType kInt32 = {TW_DTYPE_INT, 32, 1};
inline constexpr DataType kInt16 = {TW_DTYPE_INT, 16, 1};
inline constexpr DataType kInt8 = {TW_DTYPE_INT, 8, 1};
inline constexpr DataType kUInt8 = {TW_DTYPE_UINT, 8, 1};
inline constexpr DataType kBool = {TW_DTYPE_BOOL, 8, 1};

// "float32", "bfloat16", "uint8", "bool", "float32x4".
TILEWRIGHT_RUNTIME_API std::string to_string(DataType type);
// The inverse. Throws kInvalidArgument.
TILEWRIGHT_RUNTIME_API DataType parse_dtype(std::string_view text);

// A handle to an array in CPU memory: copies of a Tensor, and its views, share the elements, which live until the last
// of them is gone. Shape and strides never change.
class TILEWRIGHT_RUNTIME_API Tensor {
 public:
  // No tensor: only defined() may be asked.
  Tensor() = default;

  // Compact, in memory of the global pool (256-byte aligned), not initialised. Throws kInvalidArgument for a negative
  // extent or a size that overflows, kOutOfMemory.
  static Tensor empty(std::span<const std::int64_t> shape, DataType dtype = kFloat32);
  static Tensor empty(std::initializer_list<std::int64_t> shape, DataType dtype = kFloat32);
  static Tensor zeros(std::span<const std::int64_t> shape, DataType dtype = kFloat32);
  static Tensor zeros(std::initializer_list<std::int64_t> shape, DataType dtype = kFloat32);

  // A view of memory that the caller keeps alive. Empty strides mean compact row-major.
  static Tensor borrow(void* data, std::span<const std::int64_t> shape, DataType dtype,
                       std::span<const std::int64_t> strides = {});
  static Tensor borrow(void* data, std::initializer_list<std::int64_t> shape, DataType dtype = kFloat32);

  // Takes over a tensor that another library exported, and gives it back when the last view is gone. Throws
  // kInvalidArgument for null, a device other than the CPU, or a malformed shape; the caller then still owns it.
  static Tensor from_dlpack(TwDLManagedTensor* managed);
  // Lends the elements to another library until it calls the deleter.
  TwDLManagedTensor* to_dlpack() const;

  bool defined() const { return rep_ != nullptr; }
  std::span<const std::int64_t> shape() const;
  // In elements; always present.
  std::span<const std::int64_t> strides() const;
  int ndim() const;
  DataType dtype() const;
  std::int64_t size() const;    // elements
  std::uint64_t bytes() const;  // of the elements
  bool is_compact() const;

  // The first element. The typed form throws kInvalidArgument when T has another size than the elements.
  void* data() const;
  template <typename T>
  T* data() const {
    check_element_bytes(sizeof(T));
    return static_cast<T*>(data());
  }

  // Same elements, another shape of the same size. Throws kInvalidArgument unless the tensor is compact.
  Tensor reshape(std::span<const std::int64_t> shape) const;
  Tensor reshape(std::initializer_list<std::int64_t> shape) const;
  // Indices [begin, end) along one axis. Throws kInvalidArgument when out of range.
  Tensor slice(int axis, std::int64_t begin, std::int64_t end) const;

  // Element by element; any strides on either side. Throws kInvalidArgument when shape or type differ.
  void copy_from(const Tensor& source) const;

  // For calls: borrowed, valid while this Tensor or a copy lives.
  TwDLTensor* dl_tensor() const;

 private:
  struct Rep;
  explicit Tensor(std::shared_ptr<Rep> rep) : rep_(std::move(rep)) {}
  static std::shared_ptr<Rep> make_rep(void* data, std::span<const std::int64_t> shape, DataType dtype,
                                       std::span<const std::int64_t> strides, std::shared_ptr<void> owner);
  const Rep& rep() const;
  void check_element_bytes(std::size_t bytes) const;

  std::shared_ptr<Rep> rep_;
};

}  // namespace tilewright::runtime
