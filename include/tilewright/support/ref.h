// Intrusive reference counting for immutable IR nodes: one pointer wide, no separate control block, safe across
// threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tilewright {

/// Base of every reference-counted node. Nodes are immutable once shared, so only the count is synchronised.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) noexcept {}
  RefCounted& operator=(const RefCounted&) noexcept { return *this; }

  void retain() const noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  /// True when the last reference is gone.
  bool release() const noexcept { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  bool unique() const noexcept { return count_.load(std::memory_order_acquire) == 1; }

 private:
  mutable std::atomic<uint32_t> count_{0};
};

/// Shared pointer to a const node. `destroy(const T*)` is found by argument-dependent lookup and deletes by kind.
template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): null is a value of every handle
  explicit Ref(const T* node) : node_(node) {
    if (node_) node_->retain();
  }
  Ref(const Ref& other) noexcept : node_(other.node_) {
    if (node_) node_->retain();
  }
  Ref(Ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Ref() {
    if (node_ && node_->release()) destroy(node_);
  }

  const T* get() const noexcept { return node_; }
  const T* operator->() const noexcept { return node_; }
  const T& operator*() const noexcept { return *node_; }
  explicit operator bool() const noexcept { return node_ != nullptr; }
  bool defined() const noexcept { return node_ != nullptr; }
  bool same_as(const Ref& other) const noexcept { return node_ == other.node_; }

 private:
  const T* node_ = nullptr;
};

}  // namespace tilewright
