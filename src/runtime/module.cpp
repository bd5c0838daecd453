#include "tilewright/runtime/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "runtime/cpu_features.h"
#include "runtime/elf_reader.h"
#include "runtime/host_services.h"
#include "runtime/json_scan.h"

namespace tilewright::runtime {

namespace internal {

struct LoadedModule {
  LoadedModule() = default;
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;
  ~LoadedModule() {
    if (handle != nullptr) dlclose(handle);
  }

  void* handle = nullptr;
  ModuleFileInfo info;
  std::vector<TwPackedFunction> entries;  // as info.functions
};

void throw_call_error(const std::string& function) {
  if (const auto raised = take_raised_error()) {
    throw Error(raised->kind == "MemoryError" ? ErrorCode::kOutOfMemory : ErrorCode::kCallFailed, raised->message);
  }
  throw Error(ErrorCode::kCallFailed, function + " failed without saying why");
}

}  // namespace internal

namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

std::string system_text() {
  return std::strerror(errno);
}

std::string read_file(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status;
  if (file.number < 0 || fstat(file.number, &status) != 0) {
    throw Error(ErrorCode::kMissingFile, "cannot open " + path + ": " + system_text());
  }
  if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::kMissingFile, "cannot load " + path + ": not a regular file");
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = read(file.number, bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(ErrorCode::kMissingFile, "cannot read " + path + ": " + system_text());
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

void check_features(const std::string& metadata) {
  const auto features = find_string_array(metadata, "features");
  if (!features)
    throw Error(ErrorCode::kMalformedFile, "malformed metadata: no list of CPU features can be read from it");
  std::string missing;
  for (const std::string& feature : *features) {
    if (!cpu_has(feature)) missing += (missing.empty() ? "" : ", ") + feature;
  }
  if (!missing.empty()) throw Error(ErrorCode::kMissingCpuFeature, "this CPU lacks what the module needs: " + missing);
}

// The dynamic loader takes a path that it has seen for the library that it loaded from there, and descriptors' numbers
// come back. So every load gets a spelling of its own: the bits of a counter, as "/" and "/./" before the number.
std::string unique_path(int descriptor) {
  static std::atomic<std::uint64_t> loads{0};
  std::string path = "/proc/self/fd";
  for (std::uint64_t bits = ++loads; bits != 0; bits >>= 1) path += (bits & 1) != 0 ? "/./" : "/";
  return path + "/" + std::to_string(descriptor);
}

void* load_library(std::string_view bytes) {
  const Descriptor memory{memfd_create("tilewright-module", MFD_CLOEXEC)};
  if (memory.number < 0) throw Error(ErrorCode::kLoadFailed, "no memory file: " + system_text());
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t count = write(memory.number, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Error(ErrorCode::kLoadFailed, "cannot fill a memory file: " + system_text());
    written += static_cast<std::size_t>(count);
  }
  void* handle = dlopen(unique_path(memory.number).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    throw Error(ErrorCode::kLoadFailed,
                std::string("the dynamic loader refuses it: ") + (reason != nullptr ? reason : "no reason"));
  }
  return handle;
}

}  // namespace

Module Module::load_checked(std::string_view bytes, const std::string& origin, const LoadOptions& options) {
  try {
    auto loaded = std::make_shared<internal::LoadedModule>();
    loaded->info = inspect_file(bytes);
    if (const std::string host = machine_name(host_machine()); loaded->info.architecture != host) {
      throw Error(ErrorCode::kWrongArchitecture,
                  "compiled for " + loaded->info.architecture + ", this machine is " + host);
    }
    if (loaded->info.sealed) {
      if (!checksum_matches(bytes)) {
        throw Error(ErrorCode::kChecksum, "the checksum does not match: the file was changed after it was written");
      }
    } else if (!options.allow_unsealed) {
      throw Error(ErrorCode::kChecksum,
                  "the file has no checksum; only a module from a trusted place may be loaded so, on request");
    }
    check_features(loaded->info.metadata);
    loaded->handle = load_library(bytes);
    for (const std::string& name : loaded->info.functions) {
      void* entry = dlsym(loaded->handle, (TW_FUNCTION_PREFIX + name).c_str());
      if (entry == nullptr) throw Error(ErrorCode::kLoadFailed, "function " + name + " cannot be found in it");
      loaded->entries.push_back(reinterpret_cast<TwPackedFunction>(entry));
    }
    if (void* slot = dlsym(loaded->handle, TW_HOST_SLOT_SYMBOL)) {
      __atomic_store_n(static_cast<const TwHostTable**>(slot), host_table(), __ATOMIC_RELEASE);
    } else {
      throw Error(ErrorCode::kNotAModule, "not a module of Tilewright: no symbol " TW_HOST_SLOT_SYMBOL);
    }
    return Module(std::move(loaded));
  } catch (const Error& error) {
    throw Error(error.code(), "cannot load " + origin + ": " + error.what());
  }
}

Module Module::load(const std::string& path, const LoadOptions& options) {
  const std::string bytes = read_file(path);
  return load_checked(bytes, path, options);
}

Module Module::load_from_memory(std::string_view bytes, const LoadOptions& options) {
  return load_checked(bytes, "a module from memory", options);
}

Function Module::operator[](std::string_view name) const {
  const std::vector<std::string>& names = loaded_->info.functions;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return Function(loaded_->entries[i], &names[i], loaded_);
  }
  std::string known;
  for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
  throw Error(ErrorCode::kMissingFunction,
              "no function " + std::string(name) + " in this module; it has: " + (known.empty() ? "none" : known));
}

const std::vector<std::string>& Module::functions() const {
  return loaded_->info.functions;
}
const std::string& Module::metadata() const {
  return loaded_->info.metadata;
}

TimeResult Function::time(const TwAny* args, std::int32_t num_args, const TimeOptions& options) const {
  call(args, num_args);  // a wrong argument is reported by its own text
  struct Context {
    const Function* function;
    const TwAny* args;
    std::int32_t num_args;
  } context{this, args, num_args};
  return time_raw(
      [](void* opaque) {
        const auto* call = static_cast<const Context*>(opaque);
        TwAny result = {};
        return call->function->entry_(nullptr, call->args, call->num_args, &result);
      },
      &context, options);
}

}  // namespace tilewright::runtime
