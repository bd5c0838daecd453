#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tilewright/runtime/module_file.h"
#include "tilewright/runtime/tensor.h"
#include "tilewright/runtime/timing.h"

namespace tilewright::runtime {

namespace internal {
struct LoadedModule;

inline TwAny to_any(const Tensor& tensor) {
  return tw_tensor_arg(tensor.dl_tensor());
}
inline TwAny to_any(TwDLTensor* tensor) {
  return tw_tensor_arg(tensor);
}
template <typename T>
  requires std::is_integral_v<T>
TwAny to_any(T value) {
  return tw_int_arg(static_cast<std::int64_t>(value));
}
template <typename T>
  requires std::is_floating_point_v<T>
TwAny to_any(T value) {
  return tw_float_arg(static_cast<double>(value));
}

[[noreturn]] TILEWRIGHT_RUNTIME_API void throw_call_error(const std::string& function);
}  // namespace internal

// A function of a loaded module, which it keeps loaded.
class TILEWRIGHT_RUNTIME_API Function {
 public:
  const std::string& name() const { return *name_; }

  // Tensors, integers and floating-point numbers in the module's order, outputs included. Throws kCallFailed with the
  // text that the function raised: what it expected of which argument, and what it got.
  template <typename... Args>
  void operator()(const Args&... args) const {
    const std::array<TwAny, sizeof...(Args)> values = {internal::to_any(args)...};
    call(values.data(), static_cast<std::int32_t>(values.size()));
  }

  void call(const TwAny* args, std::int32_t num_args) const {
    TwAny result = {};
    if (entry_(nullptr, args, num_args, &result) != 0) internal::throw_call_error(*name_);
  }

  // Times calls with these arguments. Throws as a call, and as time_raw.
  TimeResult time(const TwAny* args, std::int32_t num_args, const TimeOptions& options) const;

 private:
  friend class Module;
  Function(TwPackedFunction entry, const std::string* name, std::shared_ptr<internal::LoadedModule> module)
      : entry_(entry), name_(name), module_(std::move(module)) {}

  TwPackedFunction entry_;
  const std::string* name_;  // owned by the module
  std::shared_ptr<internal::LoadedModule> module_;
};

// Function and options bound together: `m.time_evaluator("matmul", {.number = 10})(a, b, c)`.
class TimeEvaluator {
 public:
  TimeEvaluator(Function function, TimeOptions options) : function_(std::move(function)), options_(options) {}

  template <typename... Args>
  TimeResult operator()(const Args&... args) const {
    const std::array<TwAny, sizeof...(Args)> values = {internal::to_any(args)...};
    return function_.time(values.data(), static_cast<std::int32_t>(values.size()), options_);
  }

 private:
  Function function_;
  TimeOptions options_;
};

struct LoadOptions {
  // Load a module that has no checksum too. A wrong checksum is refused all the same.
  bool allow_unsealed = false;
};

// A loaded module: a handle, copied cheaply. The code stays loaded while a Module or one of its Functions lives.
class TILEWRIGHT_RUNTIME_API Module {
 public:
  // Reads the file once and checks what was read before anything of it runs: ELF structure, architecture, metadata, ABI
  // version, checksum, required CPU features. Then loads those very bytes. A path without a slash names a file in the
  // current folder; no search path is ever used. Throws Error with the path and the reason.
  static Module load(const std::string& path, const LoadOptions& options = {});
  // The same from bytes that need to live for the call only.
  static Module load_from_memory(std::string_view bytes, const LoadOptions& options = {});

  // Throws kMissingFunction, which lists the functions there are.
  Function operator[](std::string_view name) const;
  TimeEvaluator time_evaluator(std::string_view name, const TimeOptions& options = {}) const {
    return {(*this)[name], options};
  }

  // Sorted.
  const std::vector<std::string>& functions() const;
  // JSON text.
  const std::string& metadata() const;

 private:
  explicit Module(std::shared_ptr<internal::LoadedModule> loaded) : loaded_(std::move(loaded)) {}
  static Module load_checked(std::string_view bytes, const std::string& origin, const LoadOptions& options);

  std::shared_ptr<internal::LoadedModule> loaded_;
};

inline Module load(const std::string& path, const LoadOptions& options = {}) {
  return Module::load(path, options);
}
inline Module load_from_memory(std::string_view bytes, const LoadOptions& options = {}) {
  return Module::load_from_memory(bytes, options);
}

}  // namespace tilewright::runtime
