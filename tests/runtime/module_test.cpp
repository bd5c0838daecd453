#include "tilewright/runtime/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <thread>

#include "runtime/fixture.h"

namespace tilewright::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::standard_module;

Tensor numbers(std::initializer_list<std::int64_t> shape) {
  Tensor tensor = Tensor::empty(shape);
  for (std::int64_t i = 0; i < tensor.size(); ++i) tensor.data<float>()[i] = static_cast<float>(i + 1);
  return tensor;
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

class ModuleTest : public ::testing::Test {
 protected:
  Module module = Module::load_from_memory(standard_module());
  Tensor a = numbers({2, 3}), b = numbers({3, 4}), c = Tensor::zeros({2, 4});
};

TEST_F(ModuleTest, CallsComputeTheRightThing) {
  module["matmul"](a, b, c);
  const float* got = c.data<float>();
  EXPECT_THAT(std::vector<float>(got, got + 8), ElementsAre(38, 44, 50, 56, 83, 98, 113, 128));
}

TEST_F(ModuleTest, SaysWhatItHolds) {
  EXPECT_THAT(module.functions(), ElementsAre("matmul", "scale"));
  EXPECT_EQ(module.metadata(), R"({"schema": 1, "features": ["sse2"]})");
  EXPECT_EQ(refusal([&] { module["conv"]; }), "no function conv in this module; it has: matmul, scale");
}

TEST_F(ModuleTest, FunctionsKeepTheirModuleLoaded) {
  Function matmul = Module::load_from_memory(standard_module())["matmul"];
  matmul(a, b, c);
  EXPECT_EQ(c.data<float>()[7], 128);
}

TEST_F(ModuleTest, LoadsFromAFileWithAndWithoutASlash) {
  const auto path = testing::write_module("file.so", standard_module());
  load(path.string())["matmul"](a, b, c);
  EXPECT_EQ(c.data<float>()[0], 38);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(path.parent_path());
  EXPECT_EQ(load("file.so").functions().size(), 2u);
  std::filesystem::current_path(before);
  EXPECT_THAT(refusal([] { load("file.so"); }), HasSubstr("cannot open file.so: No such file"));
  EXPECT_THAT(refusal([] { load("/tmp"); }), HasSubstr("not a regular file"));
}

TEST_F(ModuleTest, ReloadedModulesAreDistinct) {
  const std::string one = testing::build_module(R"(
    __attribute__((visibility("default"))) int __tvm_ffi_which(void* self, const TwAny* args, int32_t n, TwAny* result) {
      (void)self, (void)n, (void)result;
      *(int64_t*)((TwDLTensor*)args[0].v_ptr)->data = 1;
      return 0;
    })");
  std::string two = testing::build_module(R"(
    __attribute__((visibility("default"))) int __tvm_ffi_which(void* self, const TwAny* args, int32_t n, TwAny* result) {
      (void)self, (void)n, (void)result;
      *(int64_t*)((TwDLTensor*)args[0].v_ptr)->data = 2;
      return 0;
    })");
  Tensor out = Tensor::zeros({1}, kInt64);
  for (int i = 0; i < 20; ++i) {
    const Module first = Module::load_from_memory(one), second = Module::load_from_memory(two);
    first["which"](out);
    EXPECT_EQ(*out.data<std::int64_t>(), 1);
    second["which"](out);
    EXPECT_EQ(*out.data<std::int64_t>(), 2);
  }
}

TEST_F(ModuleTest, ScalarsArriveAndAreChecked) {
  Tensor x = Tensor::zeros({3}, kFloat64), y = Tensor::zeros({3}, kFloat64);
  module["scale"](x, 4, 0.5, y);
  EXPECT_EQ(y.data<double>()[2], 2);
  module["scale"](x, 4, 2, y);  // an integer is fine where a float is expected
  EXPECT_EQ(y.data<double>()[2], 8);
  EXPECT_EQ(refusal([&] { module["scale"](x, 128, 0.5, y); }),
            "scale: argument 1 (offset): expected a value of type int8, got 128");
  EXPECT_EQ(refusal([&] { module["scale"](x, 1.5, 0.5, y); }),
            "scale: argument 1 (offset): expected an int, got float 1.5");
  EXPECT_EQ(refusal([&] { module["scale"](x, 1, y, y); }),
            "scale: argument 2 (factor): expected a float, got a tensor");
  EXPECT_EQ(refusal([&] { module["scale"](1, 1, 1.0, y); }), "scale: argument 0 (X): expected a tensor, got int 1");
}

TEST_F(ModuleTest, WrongArgumentsAreNamed) {
  Function f = module["matmul"];
  EXPECT_EQ(refusal([&] { f(a, b); }), "matmul: expected 3 arguments, got 2");
  EXPECT_EQ(refusal([&] { f.call(nullptr, 3); }), "matmul: expected 3 arguments, got 3 in a null array");
  EXPECT_EQ(refusal([&] { f(a, numbers({3, 5}), c); }), "matmul: argument 1 (B): expected shape (3, 4), got (3, 5)");
  EXPECT_EQ(refusal([&] { f(numbers({2, 4}), b, c); }), "matmul: argument 0 (A): expected shape (2, 3), got (2, 4)");
  EXPECT_EQ(refusal([&] { f(a, b, numbers({3, 4})); }), "matmul: argument 2 (C): expected shape (2, 4), got (3, 4)");
  EXPECT_EQ(refusal([&] { f(a, numbers({12}), c); }), "matmul: argument 1 (B): expected 2 dimensions, got 1");
  EXPECT_EQ(refusal([&] { f(a, Tensor::zeros({3, 4}, kFloat64), c); }),
            "matmul: argument 1 (B): expected type float32, got float64");
  EXPECT_EQ(refusal([&] { f(a, Tensor::zeros({3, 4}, kBFloat16), c); }),
            "matmul: argument 1 (B): expected type float32, got bfloat16");
  EXPECT_EQ(refusal([&] { f(a, static_cast<TwDLTensor*>(nullptr), c); }),
            "matmul: argument 1 (B): expected a tensor, got a null tensor");

  const std::int64_t shape[] = {3, 4}, wide[] = {8, 1};
  EXPECT_EQ(refusal([&] { f(a, Tensor::borrow(numbers({3, 8}).data(), shape, kFloat32, wide), c); }),
            "matmul: argument 1 (B): expected stride 4 (compact row-major), got strides (8, 1) for shape (3, 4)");
  TwDLTensor odd = *b.dl_tensor();
  odd.byte_offset = 2;
  EXPECT_THAT(refusal([&] { f(a, &odd, c); }),
              HasSubstr("matmul: argument 1 (B): expected data aligned to 4 bytes, got address 0x"));
  odd.byte_offset = ~std::uint64_t{0};
  EXPECT_THAT(refusal([&] { f(a, &odd, c); }), HasSubstr("expected a byte offset inside the address space"));
  odd = *b.dl_tensor();
  odd.data = nullptr;
  EXPECT_EQ(refusal([&] { f(a, &odd, c); }), "matmul: argument 1 (B): expected data, got a null pointer");
  odd = *b.dl_tensor();
  odd.device.type = TW_DEVICE_CUDA;
  EXPECT_EQ(refusal([&] { f(a, &odd, c); }),
            "matmul: argument 1 (B): expected a tensor on device type 1 (cpu), got device type 2");
  odd = *b.dl_tensor();
  odd.shape = nullptr;
  EXPECT_EQ(refusal([&] { f(a, &odd, c); }), "matmul: argument 1 (B): expected 2 extents, got a null shape");
  TwDLTensor huge = *a.dl_tensor();
  std::int64_t huge_shape[] = {std::int64_t{1} << 62, 3};
  huge.shape = huge_shape;
  huge.strides = nullptr;
  EXPECT_THAT(refusal([&] { f(&huge, b, c); }), HasSubstr("expected a size that fits into memory"));
}

TEST_F(ModuleTest, NullStridesAndOffsetsAreFine) {
  Tensor padded = numbers({4, 4});
  TwDLTensor view = *b.dl_tensor();
  view.data = padded.data();
  view.byte_offset = 16;  // skips the first row
  view.strides = nullptr;
  module["matmul"](a, &view, c);
  EXPECT_EQ(c.data<float>()[0], 1 * 5 + 2 * 9 + 3 * 13);
}

TEST_F(ModuleTest, StridesOfExtentOneDoNotMatter) {
  const std::int64_t shape[] = {1, 3}, strides[] = {77, 1};
  Tensor one = Tensor::zeros({1, 4});
  module["matmul"](Tensor::borrow(a.data(), shape, kFloat32, strides), b, one);
  EXPECT_EQ(one.data<float>()[0], 38);
}

TEST_F(ModuleTest, EmptyTensorsAreFine) {
  module["matmul"](Tensor::empty({0, 3}), b, Tensor::empty({0, 4}));
}

TEST_F(ModuleTest, OverlappingOutputsAreRefusedUnlessDeclared) {
  Tensor shared = numbers({6, 4});
  EXPECT_EQ(refusal([&] { module["matmul"](a, shared.slice(0, 1, 4), shared.slice(0, 3, 5)); }),
            "matmul: argument 2 (C): expected an output apart from all other arguments, got memory that overlaps "
            "argument 1 (B)");
  module["matmul"](a, shared.slice(0, 0, 3), shared.slice(0, 3, 5));  // side by side
  Tensor x = Tensor::zeros({3}, kFloat64);
  module["scale"](x, 1, 1.0, x);
  EXPECT_EQ(x.data<double>()[0], 1);
}

TEST_F(ModuleTest, TensorObjectsOfTvmFfiAreUnderstood) {
  struct {
    unsigned char header[TW_OBJECT_HEADER_BYTES];
    TwDLTensor tensor;
  } object{{}, *b.dl_tensor()};
  TwAny args[] = {tw_tensor_arg(a.dl_tensor()), {}, tw_tensor_arg(c.dl_tensor())};
  args[1].type_index = TW_TYPE_TENSOR_OBJECT;
  args[1].v_ptr = &object;
  module["matmul"].call(args, 3);
  EXPECT_EQ(c.data<float>()[7], 128);
  args[1].v_ptr = nullptr;
  EXPECT_EQ(refusal([&] { module["matmul"].call(args, 3); }),
            "matmul: argument 1 (B): expected a tensor, got a null tensor");
}

TEST(ModuleErrorTest, AFailingLoopBodyReportsToTheCaller) {
  const Module module = Module::load_from_memory(testing::build_module(R"(
    static int body(int64_t begin, int64_t end, void* closure) {
      (void)closure;
      for (int64_t i = begin; i < end; ++i) {
        if (i == 77) return __tilewright_fail("RuntimeError", "iteration 77 is bad");
      }
      return 0;
    }
    static int mute(int64_t begin, int64_t end, void* closure) { (void)begin, (void)end, (void)closure; return -1; }
    __attribute__((visibility("default"))) int __tvm_ffi_f(void* self, const TwAny* args, int32_t n, TwAny* result) {
      (void)self, (void)n, (void)result;
      return __tilewright_parallel_for(100, args[0].v_int64, 0, args[1].v_int64 ? mute : body, 0);
    })"));
  for (int grain : {0, 1, 7, 1000}) {
    EXPECT_EQ(refusal([&] { module["f"](grain, 0); }), "iteration 77 is bad");
  }
  EXPECT_EQ(refusal([&] { module["f"](1, 1); }), "a parallel loop's body failed without saying why");
}

TEST(ModuleErrorTest, AMissingSymbolIsRefusedAtLoad) {
  const std::string bytes = testing::build_module(R"(
    extern int nobody_has_this(void);
    __attribute__((visibility("default"))) int __tvm_ffi_f(void* self, const TwAny* args, int32_t n, TwAny* result) {
      (void)self, (void)args, (void)n, (void)result;
      return nobody_has_this();
    })");
  EXPECT_THAT(refusal([&] { load_from_memory(bytes); }), HasSubstr("undefined symbol: nobody_has_this"));
}

TEST(ModuleErrorTest, ManyThreadsCallAtOnce) {
  const Module module = Module::load_from_memory(standard_module());
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      Tensor a = numbers({32, 3}), b = numbers({3, 4}), c = Tensor::zeros({32, 4});
      for (int i = 0; i < 300; ++i) {
        std::memset(c.data(), 0, c.bytes());
        module["matmul"](a, b, c);
        ASSERT_EQ(c.data<float>()[7], 128);
        ASSERT_THROW(module["matmul"](a, c, b), Error);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tilewright::runtime
