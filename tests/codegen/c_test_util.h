// Compiles C text and calls it; compares with the interpreter.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "codegen/c/codegen_c.h"
#include "tir/interpreter_test_util.h"

namespace tilewright::codegen::test_c {

using namespace tir;                // NOLINT: tests read like the IR
using namespace tir::testing_util;  // NOLINT

/// A loaded library. It stays loaded: the threads of OpenMP outlive any handle.
class Library {
 public:
  explicit Library(const std::string& bytes) {
    std::string path = ::testing::TempDir() + "kernel-XXXXXX";
    const int fd = mkstemp(path.data());
    if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return;
    close(fd);
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    unlink(path.c_str());
    EXPECT_NE(handle_, nullptr) << dlerror();
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle_) dlclose(handle_);
  }
  void* symbol(const std::string& name) const { return handle_ ? dlsym(handle_, name.c_str()) : nullptr; }

 private:
  void* handle_ = nullptr;
};

inline CCompileOptions strict(std::string compiler = "gcc", std::vector<std::string> more = {}) {
  CCompileOptions o;
  o.compiler = std::move(compiler);
  o.flags = {"-std=c11", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-fvisibility=default"};
  o.flags.insert(o.flags.end(), more.begin(), more.end());
  return o;
}

/// Calls a plain function on up to twenty arrays and sizes.
inline int call(void* f, std::vector<HostArray*> a, std::vector<int64_t> sizes = {}) {
  if (!f) return -1000;
  std::vector<void*> p;
  for (HostArray* x : a) p.push_back(x->bytes.data());
  for (const int64_t s : sizes) p.push_back(reinterpret_cast<void*>(s));
  EXPECT_LE(p.size(), 20u);
  p.resize(20);
  using P = void*;
  return reinterpret_cast<int (*)(P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P)>(f)(
      p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15], p[16],
      p[17], p[18], p[19]);
}

/// Runs `f` by the interpreter and as C, and expects the same bytes in all arrays.
inline void expect_same(const PrimFunc& f, const std::vector<HostArray>& arrays, const COptions& options = {},
                        const CCompileOptions& compile = strict(), std::vector<int64_t> sizes = {}) {
  std::vector<HostArray> expected = arrays, given = arrays;
  std::vector<HostArray*> a, b;
  for (HostArray& x : expected) a.push_back(&x);
  for (HostArray& x : given) b.push_back(&x);
  ASSERT_EQ(error_of(interpret(f, a)), "");
  const CSource source = generate_c(f, options);
  std::string library;
  ASSERT_NO_THROW(library = compile_c_shared(source.source, compile)) << source.source;
  const Library loaded(library);
  ASSERT_EQ(call(loaded.symbol(f.name()), b, sizes), 0) << source.source;
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (expected[i].bytes == given[i].bytes) continue;
    for (int64_t e = 0; e < expected[i].elements(); ++e) {
      const bool nan = expected[i].get(e) != expected[i].get(e) && given[i].get(e) != given[i].get(e);
      if (nan) continue;
      ASSERT_EQ(expected[i].get(e), given[i].get(e)) << "array " << i << " element " << e << "\n" << source.source;
    }
  }
}

}  // namespace tilewright::codegen::test_c
