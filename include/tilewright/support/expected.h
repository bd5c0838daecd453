// A value or the diagnostic that says why there is none: errors as values, for code where refusal is ordinary (the
// search).
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "tilewright/support/diagnostic.h"

namespace tilewright {

template <typename T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : value_(std::move(value)) {}                                                   // NOLINT
  Expected(Diagnostic diagnostic) : error_(std::make_unique<Diagnostic>(std::move(diagnostic))) {}  // NOLINT

  explicit operator bool() const noexcept { return value_.has_value(); }
  bool has_value() const noexcept { return value_.has_value(); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const Diagnostic& error() const { return *error_; }

  /// The value, or the diagnostic thrown as Error.
  T value() && {
    if (!value_) throw Error(*error_);
    return std::move(*value_);
  }
  const T& value() const& {
    if (!value_) throw Error(*error_);
    return *value_;
  }

 private:
  std::optional<T> value_;
  std::unique_ptr<Diagnostic> error_;
};

/// Success without a value, or a diagnostic.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Diagnostic diagnostic) : error_(std::make_unique<Diagnostic>(std::move(diagnostic))) {}  // NOLINT
  bool ok() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return ok(); }
  const Diagnostic& error() const { return *error_; }
  void value() const {
    if (error_) throw Error(*error_);
  }

 private:
  std::unique_ptr<Diagnostic> error_;
};

}  // namespace tilewright
