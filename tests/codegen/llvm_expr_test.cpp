// Every operation, scalar and as a vector, on awkward values, against the interpreter.
#include <gtest/gtest.h>

#include <functional>

#include "codegen/differential.h"

namespace tilewright::codegen {
namespace {

using namespace test;  // NOLINT
using Operation = std::function<Expr(Expr, Expr)>;

constexpr int64_t kSize = 208;

/// out_k[i] = f_k(a[i], b[i]): many operations of one kind in one function, which saves compiling.
void check_all(DataType a_type, DataType b_type, const std::vector<std::pair<DataType, Operation>>& operations,
               std::vector<int> lane_counts = {1, 8}) {
  for (const Target& target : runnable_targets()) {
    for (int lanes : lane_counts) {
      Buffer a = flat("A", a_type, kSize), b = flat("B", b_type, kSize);
      std::vector<Buffer> buffers = {a, b};
      std::vector<HostArray> arrays = {interesting(a_type, kSize, 1), interesting(b_type, kSize, 2)};
      std::vector<Stmt> stores;
      Var i("i");
      Expr at = lanes == 1 ? Expr(i) : ramp(i * lanes, 1, lanes);
      for (auto& [type, f] : operations) {
        buffers.push_back(flat("Out" + std::to_string(buffers.size()), type, kSize));
        arrays.push_back(HostArray::zeros(type, {kSize}));
        stores.push_back(store(buffers.back(), {at}, f(load(a, {at}), load(b, {at}))));
      }
      expect_same(function("ops", buffers, make_for(i, 0, Expr(kSize / lanes), seq(stores))), arrays, target);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

const std::vector<DataType> kInts = {kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64};
const std::vector<DataType> kFloats = {kF16, kBF16, kF32, kF64};

TEST(LlvmExprTest, IntegerArithmeticWraps) {
  for (DataType t : kInts) {
    check_all(t, t,
              {{t, [](Expr a, Expr b) { return (a + b) * b - a; }},
               {t, [](Expr a, Expr b) { return min(a, b) + max(a, b) * a; }},
               {t, [](Expr a, Expr) { return call(Intrinsic::kAbs, {a}); }}},
              {1, 4, 16});
  }
}

TEST(LlvmExprTest, FloorDivisionRoundsDown) {
  for (DataType t : kInts) {
    auto guarded = [t](Expr b) {
      Expr zero = make_int(t, 0), one = make_int(t, 1);
      if (int lanes = b.dtype().lanes; lanes > 1) {
        zero = broadcast(zero, lanes);
        one = broadcast(one, lanes);
      }
      return select(b == zero, one, b);
    };
    std::vector<std::pair<DataType, Operation>> operations = {
        {t, [&](Expr a, Expr b) { return floordiv(a, guarded(b)); }},
        {t, [&](Expr a, Expr b) { return floormod(a, guarded(b)); }}};
    for (int64_t c : {1, 2, 3, 7, 8, 100}) {
      operations.emplace_back(t, [&t, c](Expr a, Expr) { return floordiv(a, make_int(t, c)); });
      operations.emplace_back(t, [&t, c](Expr a, Expr) { return floormod(a, make_int(t, c)); });
    }
    check_all(t, t, operations, {1, 4});
  }
}

TEST(LlvmExprTest, FloatArithmeticIsStrict) {
  for (DataType t : {kF32, kF64}) {
    std::vector<std::pair<DataType, Operation>> operations = {
        {t, [](Expr a, Expr b) { return a * b + a; }},  // not contracted
        {t, [](Expr a, Expr b) { return (a + b) - b; }},   {t, [](Expr a, Expr b) { return a / b; }},
        {t, [](Expr a, Expr b) { return fma(a, b, a); }},  {t, [](Expr a, Expr b) { return min(a, b) + max(a, b); }},
        {t, [](Expr a, Expr) { return sqrt(a) + abs(a); }}};
    for (Intrinsic op : {Intrinsic::kFloor, Intrinsic::kCeil, Intrinsic::kTrunc, Intrinsic::kRound}) {
      operations.emplace_back(t, [op](Expr a, Expr) { return call(op, {a}); });
    }
    check_all(t, t, operations, {1, 4, 16});
  }
  for (DataType t : {kF16, kBF16}) {
    check_all(t, t, {{t, [](Expr a, Expr b) { return a * b + a; }}, {t, [](Expr a, Expr b) { return max(a, b); }}});
  }
}

TEST(LlvmExprTest, Comparisons) {
  std::vector<DataType> types = kInts;
  types.insert(types.end(), kFloats.begin(), kFloats.end());
  for (DataType t : types) {
    std::vector<std::pair<DataType, Operation>> operations;
    for (ExprKind kind : {ExprKind::kEq, ExprKind::kNe, ExprKind::kLt, ExprKind::kLe, ExprKind::kGt, ExprKind::kGe}) {
      operations.emplace_back(kBool, [kind](Expr a, Expr b) { return make_binary(kind, a, b); });
    }
    operations.emplace_back(kBool, [](Expr a, Expr b) { return !(a < b) && (a == a || b == b); });
    if (t.is_floating() && t.bits > 16) {
      operations.emplace_back(kBool, [](Expr a, Expr) { return call(Intrinsic::kIsNan, {a}); });
    }
    check_all(t, t, operations);
  }
}

TEST(LlvmExprTest, Conversions) {
  std::vector<DataType> types = kInts;
  types.insert(types.end(), kFloats.begin(), kFloats.end());
  types.push_back(kBool);
  for (DataType from : types) {
    std::vector<std::pair<DataType, Operation>> operations;
    for (DataType to : types) {
      if (from == to) continue;
      operations.emplace_back(to, [to](Expr a, Expr) { return cast(to.with_lanes(a.dtype().lanes), a); });
    }
    check_all(from, from, operations);
    if (HasFatalFailure()) return;
  }
}

TEST(LlvmExprTest, HalvesOfEveryBitPattern) {
  for (const Target& target : runnable_targets()) {
    for (DataType t : {kF16, kBF16}) {
      Buffer in = flat("In", t, 65536), wide = flat("Wide", kF32, 65536), back = flat("Back", t, 65536);
      Var i("i");
      Expr at = ramp(i * 8, 1, 8);
      Stmt body = seq({store(wide, {at}, cast(kF32.with_lanes(8), load(in, {at}))),
                       store(back, {at}, cast(t.with_lanes(8), load(wide, {at})))});
      PrimFunc f = function("halves", {in, wide, back}, make_for(i, 0, Expr(8192), body));
      HostArray bits = HostArray::zeros(t, {65536});
      for (uint32_t k = 0; k < 65536; ++k) {
        bits.bytes[2 * k] = static_cast<uint8_t>(k);
        bits.bytes[2 * k + 1] = static_cast<uint8_t>(k >> 8);
      }
      expect_same(f, {bits, HostArray::zeros(kF32, {65536}), HostArray::zeros(t, {65536})}, target);
    }
  }
}

TEST(LlvmExprTest, Bits) {
  for (DataType t : kInts) {
    check_all(t, t,
              {{t, [](Expr a, Expr b) { return call(Intrinsic::kBitAnd, {a, call(Intrinsic::kBitNot, {b})}); }},
               {t, [](Expr a, Expr b) { return call(Intrinsic::kBitXor, {a, call(Intrinsic::kBitOr, {a, b})}); }},
               {t, [](Expr a, Expr b) { return call(Intrinsic::kShiftLeft, {a, b}); }},
               {t, [](Expr a, Expr b) { return call(Intrinsic::kShiftRight, {a, b}); }},
               {t, [](Expr a, Expr) { return call(Intrinsic::kPopcount, {a}); }}});
  }
  check_all(kF32, kF32, {{kI32, [](Expr a, Expr) { return reinterpret(kI32.with_lanes(a.dtype().lanes), abs(a)); }}},
            {1});
}

TEST(LlvmExprTest, SelectEvaluatesOneSide) {
  Buffer a = flat("A", kF32, 16), index = flat("I", kI64, 16), out = flat("Out", kF32, 16);
  Var i("i");
  Expr at = load(index, {i});
  // Where the index is out of bounds it must not be used; 1 << 50 elements away nothing is mapped.
  Expr value = select(at >= Expr(0) && at < Expr(16), load(a, {at}), make_const(kF32, -1));
  PrimFunc f = function("choose", {a, index, out}, make_for(i, 0, 16, store(out, {i}, value)));
  HostArray indices = HostArray::zeros(kI64, {16});
  for (int64_t k = 0; k < 16; ++k) indices.set_int(k, k % 2 ? k : (int64_t{1} << 50));
  expect_same(f, {interesting(kF32, 16, 3), indices, HostArray::zeros(kF32, {16})});

  Expr guarded = select(at < Expr(16) && load(a, {at}) > make_const(kF32, 0), make_const(kF32, 1), make_const(kF32, 2));
  f = function("choose", {a, index, out}, make_for(i, 0, 16, store(out, {i}, guarded)));
  expect_same(f, {interesting(kF32, 16, 3), indices, HostArray::zeros(kF32, {16})});
}

TEST(LlvmExprTest, LetInExpressionsAndStatements) {
  Buffer a = flat("A", kI64, 32), out = flat("Out", kI64, 32);
  Var i("i"), x("x"), y("y");
  Stmt inner = store(out, {i}, make_let(y, load(a, {i}) + x, y * y + x));
  Stmt body = make_let(x, load(a, {Expr(31) - i}), inner);
  expect_same(function("lets", {a, out}, make_for(i, 0, 32, body)),
              {interesting(kI64, 32, 1), HostArray::zeros(kI64, {32})});
  // The same statement twice, with a store between that changes what the value reads.
  Stmt change = store(a, {Expr(31) - i}, i * 3);
  expect_same(function("lets", {a, out}, make_for(i, 0, 32, seq({body, change, body}))),
              {interesting(kI64, 32, 1), HostArray::zeros(kI64, {32})});
}

}  // namespace
}  // namespace tilewright::codegen
