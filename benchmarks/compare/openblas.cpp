// OpenBLAS, loaded at run time: it reads its environment when it is loaded, and some of it must be set before.
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "compare/contestant.h"

namespace tilewright::bench {
namespace {

enum : int { kRowMajor = 101, kNoTrans = 111, kTrans = 112 };  // of the CBLAS interface

struct Symbols {
  void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                const float* b, int ldb, float beta, float* c, int ldc);
  void (*sgemv)(int order, int trans, int m, int n, float alpha, const float* a, int lda, const float* x, int incx,
                float beta, float* y, int incy);
  float (*snrm2)(int n, const float* x, int incx);
  void (*set_threads)(int count);
  char* (*config)();
  char* (*core_name)();
};

/// What this CPU can run; "" leaves the choice to OpenBLAS.
const char* wanted_core_type() {
#if defined(__x86_64__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  if (avx512) return "SkylakeX";
#endif
  return "";
}

class OpenBlas final : public Library {
 public:
  OpenBlas(const Symbols& symbols, std::string forced) : blas_(symbols), forced_(std::move(forced)) {}

  std::string description() const override {
    const std::string config = blas_.config();
    const std::string version = config.substr(0, config.find(' ', config.find(' ') + 1));
    return fmt::format("{}, kernels for {} ({})", version, blas_.core_name(), forced_);
  }

  std::vector<Contestant> contestants(const te::Workload& w, const Operands& o, int threads) override {
    blas_.set_threads(threads);
    if (w.type != "f32") return {};
    const std::vector<int64_t>& d = w.numbers;
    const auto number = [&](size_t i) { return static_cast<int>(d[i]); };
    if (w.op == "gmm") return {product(number(0), number(1), number(2), number(3), kNoTrans, o)};
    if (w.op == "dense") return {product(1, number(0), number(1), number(2), kTrans, o)};
    if (w.op == "matmul_add") return {product_add(number(0), number(1), number(2), o)};
    if (w.op == "nrm") {
      const int rows = number(0), count = number(1) * number(2);
      return {{"openblas",
               "snrm2",
               [this, rows, count, x = o[0].floats(), y = o[1].floats()] {
                 for (int i = 0; i < rows; ++i) y[i] = blas_.snrm2(count, x + static_cast<int64_t>(i) * count, 1);
               },
               {}}};
    }
    return {};
  }

 private:
  Contestant product(int batch, int m, int n, int k, int trans_b, const Operands& o) {
    const float *a = o[0].floats(), *b = o[1].floats();
    float* c = o[2].floats();
    const int ldb = trans_b == kTrans ? k : n;
    if (m == 1) {
      // A vector times a matrix has a routine of its own.
      return {"openblas",
              "sgemv",
              [=, this] {
                for (int64_t i = 0; i < batch; ++i) {
                  const bool rows = trans_b == kTrans;
                  blas_.sgemv(kRowMajor, rows ? kNoTrans : kTrans, rows ? n : k, rows ? k : n, 1, b + i * k * n, ldb,
                              a + i * k, 1, 0, c + i * n, 1);
                }
              },
              {}};
    }
    return {"openblas",
            "sgemm",
            [=, this] {
              for (int64_t i = 0; i < batch; ++i) {
                blas_.sgemm(kRowMajor, kNoTrans, trans_b, m, n, k, 1, a + i * m * k, k, b + i * k * n, ldb, 0,
                            c + i * m * n, n);
              }
            },
            {}};
  }

  Contestant product_add(int m, int n, int k, const Operands& o) {
    const float *a = o[0].floats(), *b = o[1].floats(), *c = o[2].floats();
    float* d = o[3].floats();
    return {"openblas",
            "memcpy, sgemm",
            [=, this] {
              std::memcpy(d, c, sizeof(float) * static_cast<size_t>(m) * static_cast<size_t>(n));
              blas_.sgemm(kRowMajor, kNoTrans, kNoTrans, m, n, k, 1, a, k, b, n, 1, d, n);
            },
            {}};
  }

  Symbols blas_;
  std::string forced_;
};

}  // namespace

std::unique_ptr<Library> open_openblas(std::string* reason) {
  std::string forced = "its own choice";
  const char* given = std::getenv("OPENBLAS_CORETYPE");
  const std::string wanted = wanted_core_type();
  if (given) {
    forced = fmt::format("OPENBLAS_CORETYPE={} in the environment", given);
  } else if (!wanted.empty()) {
    // Releases older than a CPU take their oldest AVX2 kernels on it, at half the machine's speed.
    ::setenv("OPENBLAS_CORETYPE", wanted.c_str(), 1);
    forced = fmt::format("this program set OPENBLAS_CORETYPE={}, for the CPU has AVX-512", wanted);
  }
  void* library = nullptr;
  for (const char* name : {TILEWRIGHT_OPENBLAS_FILE, "libopenblas.so.0", "libopenblas.so"}) {
    if (*name && (library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
  }
  if (!library) {
    *reason = "OpenBLAS is not installed (libopenblas-dev)";
    return nullptr;
  }
  Symbols s{};
  bool found = true;
  const auto get = [&](auto* function, const char* name) {
    void* symbol = ::dlsym(library, name);
    found = found && symbol;
    std::memcpy(function, &symbol, sizeof symbol);
  };
  get(&s.sgemm, "cblas_sgemm");
  get(&s.sgemv, "cblas_sgemv");
  get(&s.snrm2, "cblas_snrm2");
  get(&s.set_threads, "openblas_set_num_threads");
  get(&s.config, "openblas_get_config");
  get(&s.core_name, "openblas_get_corename");
  if (!found) {
    *reason = "the OpenBLAS found lacks routines";
    return nullptr;
  }
  return std::make_unique<OpenBlas>(s, forced);
}

}  // namespace tilewright::bench
