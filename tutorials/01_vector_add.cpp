// Tutorial 1: vector addition, from a tensor expression to a .so. The page beside this file walks through it.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "tilewright/codegen/build.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/te/te.h"
#include "tilewright/tir/printer.h"

namespace te = tilewright::te;
namespace rt = tilewright::runtime;
using tilewright::Expr;
using tilewright::f32;
using tilewright::schedule::Schedule;

constexpr int64_t kN = 100000;

static void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "error: %s\n", what);
  std::exit(1);
}

static void check_sum(const rt::Tensor& a, const rt::Tensor& b, const rt::Tensor& c) {
  for (int64_t i = 0; i < kN; ++i) {
    require(c.data<float>()[i] == a.data<float>()[i] + b.data<float>()[i], "an element is wrong");
  }
}

int main() {
  // 1. What: each element of C, as an expression of its index.
  te::Tensor A = te::placeholder({kN}, f32, "A"), B = te::placeholder({kN}, f32, "B");
  te::Tensor C = te::compute({kN}, [&](Expr i) { return A(i) + B(i); }, "C");
  std::cout << te::to_string({A, B, C}, "vadd") << "\n";

  // 2. The loop program that follows from it: one block under one loop.
  Schedule s(te::create_prim_func({A, B, C}, "vadd"));
  std::cout << "Before scheduling:\n" << s.func() << "\n\n";

  // 3. How: chunks of 1024 elements run in parallel, vectors of 8 elements inside. 100000 is no multiple of 1024: the
  // last chunk ends early, which the program says with a predicate.
  auto [i] = s.get_loops<1>(s.get_block("C"));
  auto [chunk, vector, lane] = s.split<3>(i, {std::nullopt, 128, 8});
  s.parallel(chunk);
  s.vectorize(lane);
  std::cout << "After scheduling:\n" << s.func() << "\n\n";
  std::cout << "The steps, to be stored or replayed:\n" << s.trace() << "\n";

  // 4. A step that would be wrong is refused, and nothing changes.
  try {
    s.vectorize(chunk);
    require(false, "a parallel loop was vectorized");
  } catch (const tilewright::Error& e) {
    std::cout << "Refused, as it should be:\n" << e.what() << "\n\n";
  }

  // 5. Machine code for this computer, in this process.
  tilewright::Module module = tilewright::build(s.func(), tilewright::Target("llvm -mcpu=native"));
  rt::Tensor a = rt::Tensor::empty({kN}), b = rt::Tensor::empty({kN}), c = rt::Tensor::zeros({kN});
  for (int64_t k = 0; k < kN; ++k) {
    a.data<float>()[k] = std::sin(static_cast<float>(k));
    b.data<float>()[k] = static_cast<float>(k % 7);
  }
  module["vadd"](a, b, c);
  check_sum(a, b, c);
  const rt::TimeResult time = module.module().time_evaluator("vadd", {.number = 100, .repeat = 5})(a, b, c);
  std::printf("Right. One call takes %.1f us (%.1f GB/s).\n", time.median * 1e6, 3.0 * 4 * kN / time.median / 1e9);

  // 6. What the compiler made, in its own language.
  const std::string source = module.get_source();
  std::cout << "LLVM IR: " << source.size() << " characters; the vector addition in it:\n";
  const size_t at = source.find("fadd <");
  require(at != std::string::npos, "there is no vector addition in the code");
  const size_t begin = source.rfind('\n', at) + 1;
  std::cout << source.substr(begin, source.find('\n', at) - begin) << "\n\n";

  // 7. One file to ship. Loading it needs the runtime only: no compiler, no LLVM.
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("vadd_" + std::to_string(getpid()) + ".so");
  module.export_library(file.string());
  rt::Tensor again = rt::Tensor::zeros({kN});
  rt::load(file.string())["vadd"](a, b, again);
  check_sum(a, b, again);
  std::printf("Exported %ju bytes, loaded, called: right again.\n",
              static_cast<uintmax_t>(std::filesystem::file_size(file)));
  std::filesystem::remove(file);

  // 8. Wrong arguments are told, not executed.
  try {
    module["vadd"](a, b, rt::Tensor::zeros({kN - 1}));
    require(false, "an argument of the wrong shape was accepted");
  } catch (const rt::Error& e) {
    std::cout << "A wrong argument:\n" << e.what() << "\n";
  }
  return 0;
}
