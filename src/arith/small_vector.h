// Vector of trivially copyable items whose first N live inside: sums of a few terms never touch the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace tilewright::arith {

template <typename T, size_t N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SmallVector() {}  // NOLINT: the items inside stay uninitialised
  SmallVector(const SmallVector& other) { assign(other); }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) assign(other);
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }

  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  void clear() { size_ = 0; }
  void pop_back() { --size_; }
  void resize_down(size_t n) { size_ = static_cast<uint32_t>(n); }
  void push_back(const T& item) {
    const T copy = item;
    if (size_ == capacity()) grow();
    std::memcpy(static_cast<void*>(data() + size_++), &copy, sizeof(T));
  }
  void erase_at(size_t i) {
    T* p = data();
    std::memmove(static_cast<void*>(p + i), p + i + 1, (size_ - i - 1) * sizeof(T));
    --size_;
  }

 private:
  T* data() { return heap_ ? heap_.get() : reinterpret_cast<T*>(inline_); }
  const T* data() const { return heap_ ? heap_.get() : reinterpret_cast<const T*>(inline_); }
  size_t capacity() const { return heap_ ? heap_capacity_ : N; }
  void reserve_empty(size_t n) {
    size_ = 0;
    if (n <= capacity()) return;
    heap_ = std::make_unique<T[]>(n);
    heap_capacity_ = static_cast<uint32_t>(n);
  }
  void assign(const SmallVector& other) {
    reserve_empty(other.size_);
    std::memcpy(static_cast<void*>(data()), other.data(), other.size_ * sizeof(T));
    size_ = other.size_;
  }
  void take(SmallVector& other) {
    if (other.heap_) {
      heap_ = std::move(other.heap_);
      heap_capacity_ = other.heap_capacity_;
    } else {
      heap_.reset();
      std::memcpy(inline_, other.inline_, other.size_ * sizeof(T));
    }
    size_ = other.size_;
    other.size_ = 0;
  }
  void grow() {
    const size_t n = capacity() * 2;
    auto larger = std::make_unique<T[]>(n);
    std::memcpy(static_cast<void*>(larger.get()), data(), size_ * sizeof(T));
    heap_ = std::move(larger);
    heap_capacity_ = static_cast<uint32_t>(n);
  }

  uint32_t size_ = 0;
  uint32_t heap_capacity_ = 0;
  std::unique_ptr<T[]> heap_;
  alignas(T) unsigned char inline_[N * sizeof(T)];
};

}  // namespace tilewright::arith
