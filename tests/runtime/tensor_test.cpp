#include "tilewright/runtime/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/fixture.h"
#include "tilewright/runtime/memory_pool.h"

namespace tilewright::runtime {
namespace {

using ::testing::ElementsAre;

TEST(TensorTest, OwnsAlignedMemoryOfThePool) {
  const std::uint64_t before = MemoryPool::global().statistics().in_use_bytes;
  {
    Tensor tensor = Tensor::zeros({3, 5}, kInt32);
    const Tensor copy = tensor, view = tensor.slice(0, 1, 3);
    tensor = Tensor();
    EXPECT_FALSE(tensor.defined());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(copy.data()) % 256, 0u);
    EXPECT_THAT(copy.shape(), ElementsAre(3, 5));
    EXPECT_THAT(copy.strides(), ElementsAre(5, 1));
    EXPECT_EQ(copy.size(), 15);
    EXPECT_EQ(copy.bytes(), 60u);
    EXPECT_EQ(view.data<std::int32_t>(), copy.data<std::int32_t>() + 5);
    EXPECT_GT(MemoryPool::global().statistics().in_use_bytes, before);
  }
  EXPECT_EQ(MemoryPool::global().statistics().in_use_bytes, before);
}

TEST(TensorTest, ViewsShareElements) {
  Tensor tensor = Tensor::empty({4, 6});
  for (int i = 0; i < 24; ++i) tensor.data<float>()[i] = static_cast<float>(i);
  const Tensor columns = tensor.slice(1, 2, 4);
  EXPECT_FALSE(columns.is_compact());
  EXPECT_THAT(columns.shape(), ElementsAre(4, 2));
  const Tensor gathered = Tensor::empty({4, 2});
  gathered.copy_from(columns);
  EXPECT_EQ(gathered.data<float>()[7], 21);
  gathered.data<float>()[7] = -1;
  columns.copy_from(gathered);
  EXPECT_EQ(tensor.data<float>()[21], -1);
  EXPECT_EQ(tensor.reshape({2, 12}).slice(0, 1, 2).data<float>()[0], 12);
  EXPECT_THROW(columns.reshape({8}), Error);
  EXPECT_THROW(tensor.reshape({5, 5}), Error);
  EXPECT_THROW(tensor.slice(2, 0, 1), Error);
  EXPECT_THROW(tensor.slice(0, 3, 5), Error);
  EXPECT_THROW(tensor.copy_from(gathered), Error);
}

TEST(TensorTest, BadRequestsAreRefused) {
  const auto code = [](auto&& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code([] { Tensor::empty({-1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([] { Tensor::empty({std::int64_t{1} << 40, std::int64_t{1} << 40}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([] { Tensor::empty({std::int64_t{1} << 58}); }), ErrorCode::kOutOfMemory);
  EXPECT_EQ(code([] { Tensor::empty({1}, {TW_DTYPE_FLOAT, 0, 1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([] { Tensor::borrow(nullptr, {1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([] { Tensor().shape(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([] { Tensor::empty({1}).data<double>(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([] { Tensor::from_dlpack(nullptr); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Tensor::empty({0, 3}).size(), 0);
  EXPECT_EQ(Tensor::zeros({}).size(), 1);
}

TEST(TensorTest, DlpackRoundTrip) {
  TwDLManagedTensor* lent = nullptr;
  {
    const Tensor tensor = Tensor::zeros({2, 3});
    tensor.data<float>()[5] = 7;
    lent = tensor.to_dlpack();
  }
  EXPECT_EQ(static_cast<float*>(lent->tensor.data)[5], 7);
  const Tensor back = Tensor::from_dlpack(lent);
  EXPECT_EQ(back.data<float>()[5], 7);
  EXPECT_THAT(back.shape(), ElementsAre(2, 3));
}

TEST(TensorTest, ImportGivesBackExactlyOnce) {
  struct Foreign {
    TwDLManagedTensor managed{};
    float elements[4] = {1, 2, 3, 4};
    std::int64_t shape[1] = {2};
    int returned = 0;
  } foreign;
  foreign.managed.tensor = {foreign.elements, {TW_DEVICE_CPU, 0}, 1, kFloat32, foreign.shape, nullptr, 8};
  foreign.managed.manager = &foreign;
  foreign.managed.deleter = [](TwDLManagedTensor* self) { ++static_cast<Foreign*>(self->manager)->returned; };
  {
    const Tensor tensor = Tensor::from_dlpack(&foreign.managed);
    const Tensor view = tensor.slice(0, 1, 2);
    EXPECT_EQ(view.data<float>()[0], 4);
    EXPECT_EQ(foreign.returned, 0);
  }
  EXPECT_EQ(foreign.returned, 1);
  foreign.managed.tensor.device.type = TW_DEVICE_CUDA;
  EXPECT_THROW(Tensor::from_dlpack(&foreign.managed), Error);
  EXPECT_EQ(foreign.returned, 1);
}

TEST(DataTypeTest, NamesAreReadBack) {
  for (DataType type : {kFloat64, kFloat32, kFloat16, kBFloat16, kInt64, kInt8, kUInt8, kBool, DataType{2, 32, 4}}) {
    const DataType again = parse_dtype(to_string(type));
    EXPECT_EQ(std::memcmp(&again, &type, sizeof(type)), 0) << to_string(type);
  }
  for (const char* bad : {"", "float", "float32x", "float0", "int8x0", "int999", "floaty", "32"}) {
    EXPECT_THROW(parse_dtype(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace tilewright::runtime
