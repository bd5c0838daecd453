#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/kernel_support_blob.h"
#include "tilewright/runtime/runtime.h"

// Modules for the tests of the runtime, built from C text by the system's compiler.
namespace tilewright::runtime::testing {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// A folder of this process that goes away at its end.
inline const std::filesystem::path& scratch_folder() {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("tilewright-runtime-" + std::to_string(getpid()));
    pid_t owner = getpid();
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() {
      std::error_code ignored;
      if (getpid() == owner) std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.path;
}

// Runs a shell command; its output, or an exception with it when it fails.
inline std::string run_command(const std::string& command) {
  const std::filesystem::path output = scratch_folder() / "command-output";
  const int status = std::system((command + " > " + output.string() + " 2>&1").c_str());
  const std::string text = read_text(output);
  if (status != 0) throw std::runtime_error(command + " failed:\n" + text);
  return text;
}

// The test's own sanitizer must see the module's code too.
inline std::string compile_flags() {
#if defined(__SANITIZE_THREAD__)
  return " -g -fsanitize=thread";
#else
  return "";
#endif
}

inline std::string meta_source(const std::string& json, int abi_major = TW_ABI_MAJOR) {
  std::ostringstream text;
  text << "static const struct { TwMetaHeader header; char json[" << json.size() + 1 << "]; } meta\n"
       << "    __attribute__((section(TW_META_SECTION), used, aligned(8))) = {{{'T','W','M','E','T','A','0','1'}, "
       << abi_major << ", " << TW_ABI_MINOR << ", {0}, " << json.size() << "}, \"";
  for (char c : json) text << (c == '"' || c == '\\' ? "\\" : "") << c;
  text << "\"};\n";
  return text.str();
}

struct BuildOptions {
  std::string json = R"({"schema": 1, "features": ["sse2"]})";
  int abi_major = TW_ABI_MAJOR;
  bool seal = true;
  bool with_meta = true;
};

// Bytes of a shared library made of the support code and `body`.
inline std::string build_module(const std::string& body, const BuildOptions& options = {}) {
  static int count = 0;
  const std::filesystem::path base = scratch_folder() / ("module" + std::to_string(count++));
  std::string text(kernel_support_source());
  if (options.with_meta) text += meta_source(options.json, options.abi_major);
  text += body;
  write_text(base.string() + ".c", text);
  run_command("cc -std=c11 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror" + compile_flags() + " -o " +
              base.string() + ".so " + base.string() + ".c");
  std::string bytes = read_text(base.string() + ".so");
  if (options.with_meta && options.seal && options.abi_major == TW_ABI_MAJOR) seal(bytes);
  return bytes;
}

inline std::filesystem::path write_module(const std::string& name, const std::string& bytes) {
  const std::filesystem::path path = scratch_folder() / name;
  write_text(path, bytes);
  return path;
}

inline const char* const kExport = "#define EXPORT __attribute__((visibility(\"default\")))\n";

// matmul(A[m, 3], B[3, 4], C[m, 4]) with symbol m, and parallel rows.
inline const char* const kMatmul = R"(
static const TwDimDesc dims_a[] = {{0, 0}, {3, -1}}, dims_b[] = {{3, -1}, {4, -1}}, dims_c[] = {{0, 0}, {4, -1}};
static const TwArgDesc matmul_args[] = {
    {"A", TW_ARG_TENSOR, 0, {TW_DTYPE_FLOAT, 32, 1}, 2, dims_a, 0, 0, TW_DEVICE_CPU},
    {"B", TW_ARG_TENSOR, 0, {TW_DTYPE_FLOAT, 32, 1}, 2, dims_b, 0, 0, TW_DEVICE_CPU},
    {"C", TW_ARG_TENSOR, TW_ARG_OUTPUT, {TW_DTYPE_FLOAT, 32, 1}, 2, dims_c, 0, 0, TW_DEVICE_CPU},
};
static const TwFunctionDesc matmul_desc = {"matmul", 3, 1, matmul_args};

static int matmul_rows(int64_t begin, int64_t end, void* closure) {
  void** data = closure;
  const float *a = data[0], *b = data[1];
  float* c = data[2];
  for (int64_t i = begin; i < end; ++i) {
    for (int j = 0; j < 4; ++j) {
      float sum = 0;
      for (int k = 0; k < 3; ++k) sum += a[i * 3 + k] * b[k * 4 + j];
      c[i * 4 + j] = sum;
    }
  }
  return 0;
}

EXPORT int __tvm_ffi_matmul(void* self, const TwAny* args, int32_t num_args, TwAny* result) {
  void* data[3];
  int64_t symbols[1];
  (void)self;
  if (__tilewright_unpack_args(&matmul_desc, args, num_args, data, symbols)) return -1;
  int status = __tilewright_parallel_for(symbols[0], 0, 0, matmul_rows, data);
  result->type_index = TW_TYPE_NONE;
  return status ? -1 : 0;
}
)";

// add(X[n], offset: int8, factor: float, Y[n]) = (X + offset) * factor; X and Y may be the same memory.
inline const char* const kScale = R"(
static const TwDimDesc dims_x[] = {{0, 0}};
static const TwArgDesc scale_args[] = {
    {"X", TW_ARG_TENSOR, TW_ARG_MAY_OVERLAP, {TW_DTYPE_FLOAT, 64, 1}, 1, dims_x, 0, 0, TW_DEVICE_CPU},
    {"offset", TW_ARG_INT, 0, {TW_DTYPE_INT, 8, 1}, 0, 0, 0, 0, 0},
    {"factor", TW_ARG_FLOAT, 0, {TW_DTYPE_FLOAT, 64, 1}, 0, 0, 0, 0, 0},
    {"Y", TW_ARG_TENSOR, TW_ARG_OUTPUT, {TW_DTYPE_FLOAT, 64, 1}, 1, dims_x, 0, 0, TW_DEVICE_CPU},
};
static const TwFunctionDesc scale_desc = {"scale", 4, 1, scale_args};

EXPORT int __tvm_ffi_scale(void* self, const TwAny* args, int32_t num_args, TwAny* result) {
  void* slots[4];
  int64_t n, offset;
  double factor;
  (void)self;
  if (__tilewright_unpack_args(&scale_desc, args, num_args, slots, &n)) return -1;
  memcpy(&offset, &slots[1], 8);
  memcpy(&factor, &slots[2], 8);
  const double* x = slots[0];
  double* y = slots[3];
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] + (double)offset) * factor;
  result->type_index = TW_TYPE_NONE;
  return 0;
}
)";

inline const std::string& standard_module() {
  static const std::string bytes = build_module(std::string(kExport) + kMatmul + kScale);
  return bytes;
}

// Runs `body` in a child process; its exit status, or minus the signal that ended it.
template <typename Body>
int in_child(Body&& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace tilewright::runtime::testing
