// Random expressions of every type, scalar and vector, as C and in the interpreter. UBSan traps undefined behaviour in
// the C.
#include <gtest/gtest.h>

#include <cstdlib>

#include "c_test_util.h"
#include "tilewright/tir/printer.h"

namespace tilewright::codegen {
namespace {

using namespace test_c;

constexpr int kElements = 16;
const DataType kTypes[] = {kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64, kF16, kBF16, kF32, kF64, kBool};

bool is_small_float(DataType t) {
  return t.is_floating() && t.bits == 16;
}

HostArray values(DataType t, uint64_t seed) {
  HostArray a = random_array(t, {kElements}, seed);
  CounterRng rng(seed, 1);
  for (int i = 0; i < kElements; ++i) {
    if (t.is_floating()) {
      const double special[] = {0.0, -0.0, 1.0, -1.5, 65504.0, 3e38, 1e-40, 2147483648.0, -9.3e18, 6e-8, 1e300, 0.1};
      const double inf = 1.0 / 0.0;
      switch (rng.below(6)) {
        case 0:
          a.set(i, special[rng.below(12)]);
          break;
        case 1:
          a.set(i, rng.below(4) == 0 ? (rng.below(2) ? inf - inf : -inf) : (rng.uniform() - 0.5) * 1000);
          break;
        default:
          a.set(i, (rng.uniform() - 0.5) * 8);
      }
    } else if (rng.below(2)) {
      a.set_int(i, rng.in_range(-3, 3));
    } else if (rng.below(4) == 0) {
      a.set_int(i, int64_t{1} << (t.bits - 1));
    }
  }
  return a;
}

class Generator {
 public:
  Generator(uint64_t seed, int lanes, std::vector<Buffer> inputs, Var i)
      : rng_(seed), lanes_(lanes), inputs_(std::move(inputs)), i_(std::move(i)) {}

  Expr make(DataType t, int depth) {
    if (depth <= 0 || rng_.below(8) == 0) return leaf(t);
    if (rng_.below(12) == 0) return select(make(kBool, depth - 1), make(t, depth - 1), make(t, depth - 1));
    if (rng_.below(14) == 0) {
      Var v("v", t.with_lanes(lanes_));
      vars_.push_back(v);
      Expr value = make(t, depth - 2);
      vars_.pop_back();
      bound_.push_back(v);
      Expr body = make(t, depth - 1);
      bound_.pop_back();
      return make_let(v, value, body);
    }
    if (t.is_bool()) return boolean(depth);
    if (is_small_float(t) || rng_.below(6) == 0) {
      DataType from = kTypes[rng_.below(13)];
      return cast(t, make(from, depth - 1));
    }
    return t.is_floating() ? floating(t, depth) : integer(t, depth);
  }

 private:
  Expr leaf(DataType t) {
    for (const Var& v : bound_) {
      if (v.dtype().element() == t && rng_.below(2)) return v;
    }
    if (rng_.below(4) == 0 && !t.is_bool())
      return widen(t.is_floating() ? make_const(t, (rng_.uniform() - 0.5) * 10)
                                   : make_int(t, rng_.in_range(-100, 100)));
    for (const Buffer& b : inputs_) {
      if (b.dtype() != t) continue;
      if (lanes_ == 1) return load(b, {rng_.below(3) ? Expr(i_) : Expr(static_cast<int64_t>(rng_.below(kElements)))});
      switch (rng_.below(6)) {
        case 0:
          return widen(load(b, {Expr(static_cast<int64_t>(rng_.below(kElements)))}));
        case 1:
          return load(b, {ramp(0, 2, lanes_)});
        case 2:
          return load(b, {ramp(lanes_ - 1, -1, lanes_)});
        case 3:
          return load(b, {ramp(1, 1, lanes_)}, ramp(1, 1, lanes_) < broadcast(Expr(6), lanes_));
        default:
          return load(b, {ramp(0, 1, lanes_)});
      }
    }
    return Expr();
  }
  Expr widen(Expr e) { return broadcast(std::move(e), lanes_); }
  DataType comparable() {
    for (;;) {
      const DataType t = kTypes[rng_.below(12)];
      if (!is_small_float(t)) return t;
    }
  }
  Expr boolean(int depth) {
    const DataType t = comparable();
    switch (rng_.below(6)) {
      case 0:
        return make(kBool, depth - 1) && make(kBool, depth - 1);
      case 1:
        return make(kBool, depth - 1) || make(kBool, depth - 1);
      case 2:
        return !make(kBool, depth - 1);
      case 3:
        return cast(kBool, make(t, depth - 1));
      default: {
        const auto kind = static_cast<ExprKind>(static_cast<int>(ExprKind::kEq) + static_cast<int>(rng_.below(6)));
        return make_binary(kind, make(t, depth - 1), make(t, depth - 1));
      }
    }
  }
  Expr floating(DataType t, int depth) {
    Expr a = make(t, depth - 1), b = make(t, depth - 1);
    switch (rng_.below(11)) {
      case 0:
        return a + b;
      case 1:
        return a - b;
      case 2:
        return a * b;
      case 3:
        return a / b;
      case 4:
        return min(a, b);
      case 5:
        return max(a, b);
      case 6:
        return fma(a, b, make(t, depth - 1));
      case 7:
        return sqrt(abs(a));
      case 8: {
        const Intrinsic ops[] = {Intrinsic::kFloor, Intrinsic::kCeil, Intrinsic::kTrunc, Intrinsic::kRound};
        return call(ops[rng_.below(4)], {a});
      }
      case 9:
        return select(call(Intrinsic::kIsNan, {a}), b, a);
      default:
        return reinterpret(t, make(t.bits == 32 ? (rng_.below(2) ? kI32 : kU32) : kI64, depth - 1));
    }
  }
  Expr integer(DataType t, int depth) {
    Expr a = make(t, depth - 1), b = make(t, depth - 1);
    switch (rng_.below(14)) {
      case 0:
      case 1:
        return a + b;
      case 2:
        return a - b;
      case 3:
        return a * b;
      case 4:
        return floordiv(a, select(b == make_int(t, 0), make_int(t, 1), b));
      case 5:
        return floormod(a, select(b == make_int(t, 0), make_int(t, 1), b));
      case 6:
        return floordiv(a, make_int(t, int64_t{1} << rng_.below(5))) + floormod(a, make_int(t, rng_.in_range(1, 20)));
      case 7:
        return min(a, b);
      case 8:
        return max(a, b);
      case 9:
        return call(rng_.below(2) ? Intrinsic::kShiftLeft : Intrinsic::kShiftRight, {a, b});
      case 10: {
        const Intrinsic ops[] = {Intrinsic::kBitAnd, Intrinsic::kBitOr, Intrinsic::kBitXor};
        return call(ops[rng_.below(3)], {a, b});
      }
      case 11:
        return call(rng_.below(2) ? Intrinsic::kBitNot : Intrinsic::kPopcount, {a});
      case 12:
        return call(Intrinsic::kAbs, {a});
      default: {
        DataType other = t;
        other.code = t.is_int() ? TypeCode::kUint : TypeCode::kInt;
        return reinterpret(t, make(other, depth - 1));
      }
    }
  }

  CounterRng rng_;
  int lanes_;
  std::vector<Buffer> inputs_;
  Var i_;
  std::vector<Var> vars_, bound_;
};

/// A program with one output of each type. All arrays travel through one table, so that any call has few arguments.
void check_seed(uint64_t seed, int lanes, const COptions& options, const CCompileOptions& compile) {
  CounterRng rng(seed, 7);
  for (int group = 0; group < 3; ++group) {
    // Three inputs and three outputs.
    std::vector<Buffer> inputs, all;
    std::vector<HostArray> arrays;
    std::vector<Stmt> items;
    Var i("i");
    std::vector<DataType> types;
    for (const DataType t : kTypes) inputs.emplace_back("in_" + t.str(), t, std::vector<Expr>{Expr(kElements)});
    const Generator whole(seed * 100 + static_cast<uint64_t>(group), lanes, inputs, i);
    Generator g = whole;
    all = inputs;
    for (const DataType t : kTypes) arrays.push_back(values(t, seed * 31 + arrays.size()));
    for (int n = 0; n < 4; ++n) {
      const DataType t = kTypes[rng.below(13)];
      Buffer out("out" + std::to_string(n), t, {Expr(kElements)});
      all.push_back(out);
      arrays.push_back(HostArray::zeros(t, {kElements}));
      Expr value = g.make(t, 5);
      if (lanes == 1)
        items.push_back(make_for(i, 0, kElements, store(out, {i}, value)));
      else
        items.push_back(store(out, {ramp(0, 1, lanes)}, value));
    }
    expect_same(make_func(all, seq(items)), arrays, options, compile);
    if (::testing::Test::HasFatalFailure()) {
      ADD_FAILURE() << "seed " << seed << " group " << group << " lanes " << lanes;
      return;
    }
  }
}

CCompileOptions trapping(const std::string& compiler) {
  return strict(compiler, {"-O1", "-fsanitize=undefined",
                           compiler == "gcc" ? "-fsanitize-undefined-trap-on-error" : "-fsanitize-trap=undefined",
                           "-fno-sanitize=alignment,float-cast-overflow,float-divide-by-zero"});
}

int seeds() {
  const char* text = std::getenv("TILEWRIGHT_TEST_SEEDS");
  return text ? std::atoi(text) : 3;
}

TEST(CRandom, Scalars) {
  for (int seed = 0; seed < seeds() && !HasFailure(); ++seed)
    check_seed(static_cast<uint64_t>(seed), 1, {}, trapping(seed % 2 ? "clang" : "gcc"));
}
TEST(CRandom, VectorsInGnuTypes) {
  for (int seed = 0; seed < seeds() && !HasFailure(); ++seed)
    check_seed(static_cast<uint64_t>(seed) + 1000, seed % 3 == 0 ? 4 : 8, {}, trapping(seed % 2 ? "clang" : "gcc"));
}
TEST(CRandom, VectorsInArrays) {
  COptions o;
  o.gnu_vectors = false;
  for (int seed = 0; seed < seeds() && !HasFailure(); ++seed)
    check_seed(static_cast<uint64_t>(seed) + 2000, seed % 2 ? 8 : 7, o, trapping("gcc"));
}
TEST(CRandom, Optimised) {
  for (int seed = 0; seed < seeds() && !HasFailure(); ++seed)
    check_seed(static_cast<uint64_t>(seed) + 3000, seed % 2 ? 8 : 1, {}, strict("gcc", {"-O3", "-march=native"}));
}

}  // namespace
}  // namespace tilewright::codegen
