#include "tilewright/runtime/timing.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "runtime/fixture.h"

namespace tilewright::runtime {
namespace {

TEST(TimingTest, CountsCallsAndReportsEveryRepeat) {
  int calls = 0;
  const TimeResult result = time_call([&] { ++calls; }, {.number = 10, .repeat = 5, .warmup = 2});
  EXPECT_EQ(calls, 52);
  EXPECT_EQ(result.seconds.size(), 5u);
  EXPECT_EQ(result.number, 10);
  EXPECT_LE(result.min, result.median);
  EXPECT_GE(result.stddev, 0);
}

TEST(TimingTest, NumberGrowsToTheWantedTime) {
  const TimeResult result =
      time_call([] { std::this_thread::sleep_for(std::chrono::microseconds(100)); }, {.repeat = 2, .min_repeat_ms = 5});
  EXPECT_GT(result.number, 1);
  EXPECT_GE(result.min * static_cast<double>(result.number), 0.005);
  EXPECT_GE(result.min, 100e-6);
}

TEST(TimingTest, FlushingTakesNoMeasuredTime) {
  const TimeResult result = time_call([] {}, {.number = 3, .cold_flush_bytes = 64 << 20});
  EXPECT_LT(result.min, 1e-3);
}

TEST(TimingTest, StatisticsOfKnownNumbers) {
  TimeResult result;
  result.seconds = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(result.percentile(0), 1);
  EXPECT_DOUBLE_EQ(result.percentile(50), 2.5);
  EXPECT_DOUBLE_EQ(result.percentile(100), 4);
}

TEST(TimingTest, ImpossibleOptionsAreRefused) {
  EXPECT_THROW(time_call([] {}, {.number = 0}), Error);
  EXPECT_THROW(time_call([] {}, {.repeat = 0}), Error);
  EXPECT_THROW(time_call([] {}, {.min_repeat_ms = -1}), Error);
}

TEST(TimingTest, EvaluatorOfAModule) {
  const Module module = Module::load_from_memory(testing::standard_module());
  Tensor a = Tensor::zeros({8, 3}), b = Tensor::zeros({3, 4}), c = Tensor::zeros({8, 4});
  const TimeResult result = module.time_evaluator("matmul", {.number = 100, .repeat = 3})(a, b, c);
  EXPECT_GT(result.mean, 0);
  EXPECT_THROW(module.time_evaluator("matmul")(a, b), Error);
}

// Calls cost little beside the work: three tensors, checked.
TEST(TimingTest, CallOverhead) {
  const Module module = Module::load_from_memory(testing::build_module(std::string(testing::kExport) + R"(
    static const TwDimDesc dims[] = {{512, -1}, {512, -1}};
    static const TwArgDesc descs[] = {
        {"A", TW_ARG_TENSOR, 0, {TW_DTYPE_FLOAT, 32, 1}, 2, dims, 0, 0, TW_DEVICE_CPU},
        {"B", TW_ARG_TENSOR, 0, {TW_DTYPE_FLOAT, 32, 1}, 2, dims, 0, 0, TW_DEVICE_CPU},
        {"C", TW_ARG_TENSOR, TW_ARG_OUTPUT, {TW_DTYPE_FLOAT, 32, 1}, 2, dims, 0, 0, TW_DEVICE_CPU}};
    static const TwFunctionDesc desc = {"nothing", 3, 0, descs};
    EXPORT int __tvm_ffi_nothing(void* self, const TwAny* args, int32_t n, TwAny* result) {
      void* data[3];
      (void)self;
      if (__tilewright_unpack_args(&desc, args, n, data, 0)) return -1;
      result->type_index = TW_TYPE_NONE;
      return 0;
    })"));
  Tensor a = Tensor::empty({512, 512}), b = Tensor::empty({512, 512}), c = Tensor::empty({512, 512});
  const Function nothing = module["nothing"];
  const TimeResult bound = time_call([&] { nothing(a, b, c); }, {.number = 10000, .repeat = 20});
  const TimeResult looked_up = time_call([&] { module["nothing"](a, b, c); }, {.number = 10000, .repeat = 20});
  RecordProperty("bound_ns", std::to_string(bound.min * 1e9));
  std::printf("call overhead: %.1f ns, with look-up by name %.1f ns\n", bound.min * 1e9, looked_up.min * 1e9);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(bound.min, 400e-9);  // the budget is 100 ns; slow and busy machines must not fail this
#endif
}

}  // namespace
}  // namespace tilewright::runtime
