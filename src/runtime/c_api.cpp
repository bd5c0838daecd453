#include "tilewright/runtime/c_api.h"

#include <cstring>
#include <new>

#include "runtime/error_slot.h"
#include "runtime/host_services.h"
#include "tilewright/runtime/runtime.h"

namespace rt = tilewright::runtime;

struct TwFunction {
  rt::Function function;
};

struct TwModule {
  rt::Module module;
  std::vector<TwFunction> functions;  // as module.functions()
};

namespace {

thread_local rt::ErrorSlot t_last_error;

int set_last_error(int code, const char* message) {
  t_last_error.set("", message);
  return code;
}

// No exception leaves through the C interface.
template <typename Body>
int guarded(Body&& body) noexcept {
  try {
    body();
    return TW_OK;
  } catch (const rt::Error& error) {
    return set_last_error(static_cast<int>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return set_last_error(TW_ERROR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return set_last_error(TW_ERROR_INTERNAL, error.what());
  } catch (...) {
    return set_last_error(TW_ERROR_INTERNAL, "unknown error");
  }
}

void require(bool condition, const char* message) {
  if (!condition) throw rt::Error(rt::ErrorCode::kInvalidArgument, message);
}

rt::LoadOptions options_of(const TwLoadOptions* options) {
  rt::LoadOptions result;
  if (options == nullptr) return result;
  require(options->size >= sizeof(TwLoadOptions), "TwLoadOptions.size must be sizeof(TwLoadOptions)");
  result.allow_unsealed = options->allow_unsealed != 0;
  return result;
}

TwModule* wrap(rt::Module module) {
  auto wrapped = std::make_unique<TwModule>(TwModule{std::move(module), {}});
  for (const std::string& name : wrapped->module.functions()) wrapped->functions.push_back({wrapped->module[name]});
  return wrapped.release();
}

// A tensor of the C interface: the handle keeps the memory, the caller sees the description.
struct CTensor {
  TwDLTensor dl;
  rt::Tensor tensor;
};

}  // namespace

const char* tw_last_error(void) {
  return t_last_error.message;
}

const char* tw_runtime_version(void) {
  return TILEWRIGHT_VERSION;
}

int tw_module_load(const char* path, const TwLoadOptions* options, TwModule** out) {
  return guarded([&] {
    require(path != nullptr && out != nullptr, "tw_module_load: expected a path and a place for the module, got null");
    *out = nullptr;
    *out = wrap(rt::Module::load(path, options_of(options)));
  });
}

int tw_module_load_from_memory(const void* bytes, uint64_t count, const TwLoadOptions* options, TwModule** out) {
  return guarded([&] {
    require(bytes != nullptr && out != nullptr,
            "tw_module_load_from_memory: expected bytes and a place for the module, got null");
    *out = nullptr;
    *out = wrap(rt::Module::load_from_memory({static_cast<const char*>(bytes), count}, options_of(options)));
  });
}

void tw_module_free(TwModule* module) {
  delete module;
}

const char* tw_module_metadata(const TwModule* module) {
  return module != nullptr ? module->module.metadata().c_str() : "";
}

int32_t tw_module_num_functions(const TwModule* module) {
  return module != nullptr ? static_cast<int32_t>(module->functions.size()) : 0;
}

const char* tw_module_function_name(const TwModule* module, int32_t index) {
  if (index < 0 || index >= tw_module_num_functions(module)) return nullptr;
  return module->module.functions()[static_cast<std::size_t>(index)].c_str();
}

int tw_module_function(const TwModule* module, const char* name, const TwFunction** out) {
  return guarded([&] {
    require(module != nullptr && name != nullptr && out != nullptr,
            "tw_module_function: expected a module, a name and a place for the function, got null");
    *out = nullptr;
    for (const TwFunction& function : module->functions) {
      if (function.function.name() == name) *out = &function;
    }
    if (*out == nullptr) module->module[name];  // throws with the list of what there is
  });
}

int tw_function_call(const TwFunction* function, const TwAny* args, int32_t num_args) {
  return guarded([&] {
    require(function != nullptr, "tw_function_call: expected a function, got null");
    function->function.call(args, num_args);
  });
}

int tw_tensor_create(const int64_t* shape, int32_t ndim, TwDataType dtype, TwDLTensor** out) {
  return guarded([&] {
    require(out != nullptr && ndim >= 0 && (shape != nullptr || ndim == 0),
            "tw_tensor_create: expected a shape and a place for the tensor, got null");
    *out = nullptr;
    auto tensor = std::make_unique<CTensor>();
    tensor->tensor = rt::Tensor::empty(std::span(shape, static_cast<std::size_t>(ndim)), dtype);
    tensor->dl = *tensor->tensor.dl_tensor();
    *out = &tensor.release()->dl;
  });
}

void tw_tensor_free(TwDLTensor* tensor) {
  static_assert(offsetof(CTensor, dl) == 0);
  delete reinterpret_cast<CTensor*>(tensor);
}

int tw_set_num_threads(int32_t count) {
  return guarded([&] { rt::set_num_threads(count); });
}

int32_t tw_num_threads(void) {
  return rt::num_threads();
}

void tw_memory_statistics(TwMemoryStatistics* out) {
  if (out == nullptr) return;
  const rt::MemoryPool::Statistics now = rt::MemoryPool::global().statistics();
  *out = {now.in_use_bytes, now.cached_bytes, now.high_water_bytes, now.limit_bytes};
}

void tw_set_memory_limit(uint64_t bytes) {
  rt::MemoryPool::global().set_limit(bytes);
}

int tw_time_function(const TwFunction* function, const TwAny* args, int32_t num_args, const TwTimeOptions* options,
                     TwTimeResult* result, double* seconds) {
  return guarded([&] {
    require(function != nullptr && result != nullptr,
            "tw_time_function: expected a function and a place for the result, got null");
    rt::TimeOptions chosen;
    if (options != nullptr) {
      require(options->size >= sizeof(TwTimeOptions), "TwTimeOptions.size must be sizeof(TwTimeOptions)");
      chosen.number = options->number == 0 ? 1 : options->number;
      chosen.repeat = options->repeat == 0 ? 1 : options->repeat;
      chosen.warmup = options->warmup == 0 ? 1 : std::max(options->warmup, 0);
      chosen.min_repeat_ms = options->min_repeat_ms;
      chosen.cold_flush_bytes = options->cold_flush_bytes;
    }
    const rt::TimeResult timed = function->function.time(args, num_args, chosen);
    *result = {timed.mean, timed.median, timed.min, timed.stddev, timed.number};
    if (seconds != nullptr) std::copy(timed.seconds.begin(), timed.seconds.end(), seconds);
  });
}
