#include "tilewright/runtime/tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "tilewright/runtime/memory_pool.h"

namespace tilewright::runtime {

namespace {

struct TypeName {
  std::string_view name;
  std::uint8_t code;
};
constexpr TypeName kTypeNames[] = {
    {"uint", TW_DTYPE_UINT},     {"int", TW_DTYPE_INT},   {"float", TW_DTYPE_FLOAT},
    {"bfloat", TW_DTYPE_BFLOAT}, {"bool", TW_DTYPE_BOOL},
};

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}

std::uint64_t element_bytes(DataType type) {
  return (std::uint64_t{type.bits} * type.lanes + 7) / 8;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

// The bytes of a compact array; refuses what is no array at all.
std::uint64_t checked_bytes(std::span<const std::int64_t> shape, DataType type) {
  if (type.bits == 0 || type.lanes == 0) refuse("a type of zero bits has no tensors");
  std::int64_t bytes = static_cast<std::int64_t>(element_bytes(type));
  bool empty = false;
  for (std::int64_t extent : shape) {
    if (extent < 0) refuse("expected extents of at least 0, got shape " + shape_text(shape));
    empty |= extent == 0;
  }
  if (empty) return 0;
  for (std::int64_t extent : shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      refuse("expected a size that fits into memory, got shape " + shape_text(shape) + " of " + to_string(type));
    }
  }
  return static_cast<std::uint64_t>(bytes);
}

std::vector<std::int64_t> compact_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

// Copies along `axis` and the axes after it.
void copy_strided(char* to, const char* from, const TwDLTensor& target, const TwDLTensor& source, int axis,
                  std::uint64_t bytes) {
  if (axis == target.ndim) {
    std::memcpy(to, from, bytes);
    return;
  }
  const std::int64_t width = static_cast<std::int64_t>(bytes);
  for (std::int64_t i = 0; i < target.shape[axis]; ++i) {
    copy_strided(to + i * target.strides[axis] * width, from + i * source.strides[axis] * width, target, source,
                 axis + 1, bytes);
  }
}

}  // namespace

std::string to_string(DataType type) {
  std::string text = "type code " + std::to_string(type.code) + " bits ";
  for (const TypeName& entry : kTypeNames) {
    if (entry.code == type.code) text = entry.name;
  }
  if (type.code != TW_DTYPE_BOOL || type.bits != 8) text += std::to_string(type.bits);
  if (type.lanes != 1) text += "x" + std::to_string(type.lanes);
  return text;
}

DataType parse_dtype(std::string_view text) {
  for (const TypeName& entry : kTypeNames) {
    if (!text.starts_with(entry.name)) continue;
    std::string_view rest = text.substr(entry.name.size());
    if (entry.code == TW_DTYPE_BOOL && rest.empty()) return kBool;
    int bits = 0, lanes = 1;
    auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), bits);
    if (parsed.ec == std::errc{} && parsed.ptr != rest.data() + rest.size() && *parsed.ptr == 'x') {
      parsed = std::from_chars(parsed.ptr + 1, rest.data() + rest.size(), lanes);
    }
    if (parsed.ec != std::errc{} || parsed.ptr != rest.data() + rest.size()) break;
    if (bits < 1 || bits > 128 || lanes < 1 || lanes > 65535) break;
    return {entry.code, static_cast<std::uint8_t>(bits), static_cast<std::uint16_t>(lanes)};
  }
  refuse("expected a type such as float32, bfloat16, int8 or bool, got \"" + std::string(text) + "\"");
}

struct Tensor::Rep {
  TwDLTensor dl;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::shared_ptr<void> owner;
};

std::shared_ptr<Tensor::Rep> Tensor::make_rep(void* data, std::span<const std::int64_t> shape, DataType dtype,
                                              std::span<const std::int64_t> strides, std::shared_ptr<void> owner) {
  auto rep = std::make_shared<Rep>();
  rep->shape.assign(shape.begin(), shape.end());
  if (strides.empty()) {
    rep->strides = compact_strides(shape);
  } else {
    rep->strides.assign(strides.begin(), strides.end());
  }
  rep->owner = std::move(owner);
  rep->dl = {data,  {TW_DEVICE_CPU, 0}, static_cast<std::int32_t>(shape.size()),
             dtype, rep->shape.data(),  rep->strides.data(),
             0};
  return rep;
}

const Tensor::Rep& Tensor::rep() const {
  if (rep_ == nullptr) refuse("expected a tensor, got an undefined one");
  return *rep_;
}

Tensor Tensor::empty(std::span<const std::int64_t> shape, DataType dtype) {
  MemoryPool& pool = MemoryPool::global();
  void* memory = pool.allocate(checked_bytes(shape, dtype));
  std::shared_ptr<void> owner(memory, [&pool](void* freed) { pool.free(freed); });
  return Tensor(make_rep(memory, shape, dtype, {}, std::move(owner)));
}

Tensor Tensor::zeros(std::span<const std::int64_t> shape, DataType dtype) {
  Tensor tensor = empty(shape, dtype);
  std::memset(tensor.data(), 0, tensor.bytes());
  return tensor;
}

Tensor Tensor::borrow(void* data, std::span<const std::int64_t> shape, DataType dtype,
                      std::span<const std::int64_t> strides) {
  if (checked_bytes(shape, dtype) > 0 && data == nullptr) refuse("expected data, got a null pointer");
  if (!strides.empty() && strides.size() != shape.size()) {
    refuse("expected " + std::to_string(shape.size()) + " strides, got " + std::to_string(strides.size()));
  }
  return Tensor(make_rep(data, shape, dtype, strides, nullptr));
}

Tensor Tensor::empty(std::initializer_list<std::int64_t> shape, DataType dtype) {
  return empty(std::span(shape.begin(), shape.size()), dtype);
}
Tensor Tensor::zeros(std::initializer_list<std::int64_t> shape, DataType dtype) {
  return zeros(std::span(shape.begin(), shape.size()), dtype);
}
Tensor Tensor::borrow(void* data, std::initializer_list<std::int64_t> shape, DataType dtype) {
  return borrow(data, std::span(shape.begin(), shape.size()), dtype);
}
Tensor Tensor::reshape(std::initializer_list<std::int64_t> shape) const {
  return reshape(std::span(shape.begin(), shape.size()));
}

Tensor Tensor::from_dlpack(TwDLManagedTensor* managed) {
  if (managed == nullptr) refuse("expected a managed tensor, got a null pointer");
  const TwDLTensor& dl = managed->tensor;
  if (dl.device.type != TW_DEVICE_CPU)
    refuse("expected a tensor in CPU memory, got device type " + std::to_string(dl.device.type));
  if (dl.ndim < 0 || (dl.ndim > 0 && dl.shape == nullptr)) refuse("expected a shape, got none");
  const std::span<const std::int64_t> shape(dl.shape, static_cast<std::size_t>(dl.ndim));
  if (checked_bytes(shape, dl.dtype) > 0 && dl.data == nullptr) refuse("expected data, got a null pointer");
  std::span<const std::int64_t> strides;
  if (dl.strides != nullptr) strides = {dl.strides, static_cast<std::size_t>(dl.ndim)};
  // The owner is made last: until then a failure leaves the tensor with the caller.
  auto rep = make_rep(static_cast<char*>(dl.data) + dl.byte_offset, shape, dl.dtype, strides, nullptr);
  struct GiveBack {
    bool armed;
    void operator()(TwDLManagedTensor* freed) const {
      if (armed && freed->deleter != nullptr) freed->deleter(freed);
    }
  };
  std::shared_ptr<TwDLManagedTensor> owner(managed, GiveBack{false});
  std::get_deleter<GiveBack>(owner)->armed = true;
  rep->owner = std::move(owner);
  return Tensor(std::move(rep));
}

TwDLManagedTensor* Tensor::to_dlpack() const {
  struct Exported {
    TwDLManagedTensor managed;
    std::shared_ptr<Rep> rep;
  };
  rep();
  auto* exported = new Exported{{rep_->dl, nullptr, nullptr}, rep_};
  exported->managed.manager = exported;
  exported->managed.deleter = [](TwDLManagedTensor* self) { delete static_cast<Exported*>(self->manager); };
  return &exported->managed;
}

std::span<const std::int64_t> Tensor::shape() const {
  return rep().shape;
}
std::span<const std::int64_t> Tensor::strides() const {
  return rep().strides;
}
int Tensor::ndim() const {
  return rep().dl.ndim;
}
DataType Tensor::dtype() const {
  return rep().dl.dtype;
}
void* Tensor::data() const {
  return rep().dl.data;
}

std::int64_t Tensor::size() const {
  std::int64_t count = 1;
  for (std::int64_t extent : rep().shape) count *= extent;
  return count;
}

std::uint64_t Tensor::bytes() const {
  return static_cast<std::uint64_t>(size()) * element_bytes(dtype());
}

bool Tensor::is_compact() const {
  const std::vector<std::int64_t> compact = compact_strides(shape());
  for (std::size_t i = 0; i < compact.size(); ++i) {
    if (rep().shape[i] != 1 && rep().strides[i] != compact[i]) return false;
  }
  return true;
}

void Tensor::check_element_bytes(std::size_t bytes) const {
  if (bytes != element_bytes(dtype())) {
    refuse("expected elements of " + std::to_string(bytes) + " bytes, got a tensor of " + to_string(dtype()));
  }
}

Tensor Tensor::reshape(std::span<const std::int64_t> new_shape) const {
  if (!is_compact()) refuse("only a compact tensor can be reshaped");
  if (checked_bytes(new_shape, dtype()) != bytes()) {
    refuse("expected a shape of " + std::to_string(size()) + " elements, got " + shape_text(new_shape));
  }
  return Tensor(make_rep(data(), new_shape, dtype(), {}, rep_->owner));
}

Tensor Tensor::slice(int axis, std::int64_t begin, std::int64_t end) const {
  if (axis < 0 || axis >= ndim())
    refuse("expected an axis below " + std::to_string(ndim()) + ", got " + std::to_string(axis));
  const std::int64_t extent = rep_->shape[axis];
  if (begin < 0 || end < begin || end > extent) {
    refuse("expected a range inside of [0, " + std::to_string(extent) + "), got [" + std::to_string(begin) + ", " +
           std::to_string(end) + ")");
  }
  std::vector<std::int64_t> new_shape = rep_->shape;
  new_shape[axis] = end - begin;
  char* start =
      static_cast<char*>(data()) + begin * rep_->strides[axis] * static_cast<std::int64_t>(element_bytes(dtype()));
  return Tensor(make_rep(start, new_shape, dtype(), rep_->strides, rep_->owner));
}

void Tensor::copy_from(const Tensor& source) const {
  const TwDLTensor &to = rep().dl, &from = source.rep().dl;
  if (!std::ranges::equal(shape(), source.shape())) {
    refuse("expected shape " + shape_text(shape()) + ", got " + shape_text(source.shape()));
  }
  if (std::memcmp(&to.dtype, &from.dtype, sizeof(DataType)) != 0) {
    refuse("expected type " + to_string(to.dtype) + ", got " + to_string(from.dtype));
  }
  if (is_compact() && source.is_compact()) {
    if (bytes() > 0) std::memmove(to.data, from.data, bytes());
  } else {
    copy_strided(static_cast<char*>(to.data), static_cast<const char*>(from.data), to, from, 0,
                 element_bytes(to.dtype));
  }
}

TwDLTensor* Tensor::dl_tensor() const {
  return const_cast<TwDLTensor*>(&rep().dl);
}

}  // namespace tilewright::runtime
