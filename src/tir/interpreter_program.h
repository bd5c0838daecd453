// What the interpreter runs: a function compiled to instructions over a file of 64-bit slots.
//
// Integers and bools lie extended in `i`, f16, bf16 and f32 in `f`, f64 (and every float in f64 reference mode) in `d`.
// A vector takes as many consecutive slots as it has lanes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::tir::interp {

union Value {
  int64_t i;
  uint64_t u;
  double d;
  float f;
  float (*f1)(float);
  float (*f2)(float, float);
  double (*d1)(double);
  double (*d2)(double, double);
};

// Operations without side effects or traps, lane by lane: X(name, statement over the values a, b, c that sets out).
#define TILEWRIGHT_INTERP_LANE_OPS(X)                                    \
  X(Move, out = a)                                                       \
  X(AddI, out.u = a.u + b.u)                                             \
  X(SubI, out.u = a.u - b.u)                                             \
  X(MulI, out.u = a.u * b.u)                                             \
  X(SafeDivI, out.i = floor_div(a.i, b.i))                               \
  X(SafeModI, out.i = floor_mod(a.i, b.i))                               \
  X(MinI, out.i = b.i < a.i ? b.i : a.i)                                 \
  X(MaxI, out.i = a.i < b.i ? b.i : a.i)                                 \
  X(MinU, out.u = b.u < a.u ? b.u : a.u)                                 \
  X(MaxU, out.u = a.u < b.u ? b.u : a.u)                                 \
  X(EqI, out.i = a.i == b.i)                                             \
  X(NeI, out.i = a.i != b.i)                                             \
  X(LtI, out.i = a.i < b.i)                                              \
  X(LeI, out.i = a.i <= b.i)                                             \
  X(LtU, out.i = a.u < b.u)                                              \
  X(LeU, out.i = a.u <= b.u)                                             \
  X(AndI, out.u = a.u & b.u)                                             \
  X(OrI, out.u = a.u | b.u)                                              \
  X(XorI, out.u = a.u ^ b.u)                                             \
  X(NotI, out.u = ~a.u)                                                  \
  X(ShlI, out.u = a.u << (b.u & c.u))                                    \
  X(ShrI, out.i = a.i >> (b.u & c.u))                                    \
  X(ShrU, out.u = a.u >> (b.u & c.u))                                    \
  X(Popcount, out.i = std::popcount(a.u & b.u))                          \
  X(AbsI, out.u = a.i < 0 ? 0 - a.u : a.u)                               \
  X(WrapI8, out.i = static_cast<int8_t>(a.u))                            \
  X(WrapI16, out.i = static_cast<int16_t>(a.u))                          \
  X(WrapI32, out.i = static_cast<int32_t>(a.u))                          \
  X(WrapU8, out.u = static_cast<uint8_t>(a.u))                           \
  X(WrapU16, out.u = static_cast<uint16_t>(a.u))                         \
  X(WrapU32, out.u = static_cast<uint32_t>(a.u))                         \
  X(AddF, out.f = a.f + b.f)                                             \
  X(SubF, out.f = a.f - b.f)                                             \
  X(MulF, out.f = a.f * b.f)                                             \
  X(DivF, out.f = a.f / b.f)                                             \
  X(MinF, out.f = a.f < b.f || b.f != b.f ? a.f : b.f)                   \
  X(MaxF, out.f = a.f > b.f || b.f != b.f ? a.f : b.f)                   \
  X(EqF, out.i = a.f == b.f)                                             \
  X(NeF, out.i = a.f != b.f)                                             \
  X(LtF, out.i = a.f < b.f)                                              \
  X(LeF, out.i = a.f <= b.f)                                             \
  X(FmaF, out.f = std::fma(a.f, b.f, c.f))                               \
  X(AbsF, out.f = std::fabs(a.f))                                        \
  X(SqrtF, out.f = std::sqrt(a.f))                                       \
  X(IsNanF, out.i = a.f != a.f)                                          \
  X(Call1F, out.f = b.f1(a.f))                                           \
  X(Call2F, out.f = c.f2(a.f, b.f))                                      \
  X(RoundHalf, out.f = round_half(a.f))                                  \
  X(RoundBfloat, out.f = round_bfloat(a.f))                              \
  X(AddD, out.d = a.d + b.d)                                             \
  X(SubD, out.d = a.d - b.d)                                             \
  X(MulD, out.d = a.d * b.d)                                             \
  X(DivD, out.d = a.d / b.d)                                             \
  X(MinD, out.d = a.d < b.d || b.d != b.d ? a.d : b.d)                   \
  X(MaxD, out.d = a.d > b.d || b.d != b.d ? a.d : b.d)                   \
  X(EqD, out.i = a.d == b.d)                                             \
  X(NeD, out.i = a.d != b.d)                                             \
  X(LtD, out.i = a.d < b.d)                                              \
  X(LeD, out.i = a.d <= b.d)                                             \
  X(FmaD, out.d = std::fma(a.d, b.d, c.d))                               \
  X(AbsD, out.d = std::fabs(a.d))                                        \
  X(SqrtD, out.d = std::sqrt(a.d))                                       \
  X(IsNanD, out.i = a.d != a.d)                                          \
  X(Call1D, out.d = b.d1(a.d))                                           \
  X(Call2D, out.d = c.d2(a.d, b.d))                                      \
  X(IToF, out.f = static_cast<float>(a.i))                               \
  X(UToF, out.f = static_cast<float>(a.u))                               \
  X(IToD, out.d = static_cast<double>(a.i))                              \
  X(UToD, out.d = static_cast<double>(a.u))                              \
  X(FToD, out.d = static_cast<double>(a.f))                              \
  X(DToF, out.f = static_cast<float>(a.d))                               \
  X(DToOdd, out.f = round_to_odd(a.d))                                   \
  X(DToInt, out.i = saturate_to_int(a.d, static_cast<int>(b.i), true))   \
  X(DToUint, out.i = saturate_to_int(a.d, static_cast<int>(b.i), false)) \
  X(FBits, out.u = std::bit_cast<uint32_t>(a.f))                         \
  X(HalfBits, out.u = float_to_half(a.f))                                \
  X(BfloatBits, out.u = float_to_bfloat(a.f))                            \
  X(BitsF, out.f = std::bit_cast<float>(static_cast<uint32_t>(a.u)))     \
  X(BitsHalf, out.f = half_to_float(static_cast<uint16_t>(a.u)))         \
  X(BitsBfloat, out.f = bfloat_to_float(static_cast<uint16_t>(a.u)))     \
  X(Select, out = a.i ? b : c)

// Element types in memory: X(name, stored type, load: value from v, store: v from value). The kinds ending in D are
// read or written while floats are held as doubles.
#define TILEWRIGHT_INTERP_MEMORY_KINDS(X)                                                                         \
  X(I8, int8_t, out.i = v, v = static_cast<int8_t>(value.u))                                                      \
  X(I16, int16_t, out.i = v, v = static_cast<int16_t>(value.u))                                                   \
  X(I32, int32_t, out.i = v, v = static_cast<int32_t>(value.u))                                                   \
  X(I64, int64_t, out.i = v, v = value.i)                                                                         \
  X(U8, uint8_t, out.u = v, v = static_cast<uint8_t>(value.u))                                                    \
  X(U16, uint16_t, out.u = v, v = static_cast<uint16_t>(value.u))                                                 \
  X(U32, uint32_t, out.u = v, v = static_cast<uint32_t>(value.u))                                                 \
  X(Bool, uint8_t, out.u = v != 0, v = value.u != 0)                                                              \
  X(F16, uint16_t, out.f = half_to_float(v), v = float_to_half(value.f))                                          \
  X(BF16, uint16_t, out.f = bfloat_to_float(v), v = float_to_bfloat(value.f))                                     \
  X(F32, float, out.f = v, v = value.f)                                                                           \
  X(F64, double, out.d = v, v = value.d)                                                                          \
  X(F16D, uint16_t, out.d = static_cast<double>(half_to_float(v)), v = float_to_half(round_to_odd(value.d)))      \
  X(BF16D, uint16_t, out.d = static_cast<double>(bfloat_to_float(v)), v = float_to_bfloat(round_to_odd(value.d))) \
  X(F32D, float, out.d = static_cast<double>(v), v = static_cast<float>(value.d))

#define TILEWRIGHT_INTERP_ENUM(name, ...) k##name,
enum class MemoryKind : uint8_t { TILEWRIGHT_INTERP_MEMORY_KINDS(TILEWRIGHT_INTERP_ENUM) };
#undef TILEWRIGHT_INTERP_ENUM

// Operations with traps or control. `dst`, `a`, `b`, `c` are slots unless said otherwise.
#define TILEWRIGHT_INTERP_CONTROL_OPS(X)                                                                         \
  X(DivI) /* c: site */                                                                                          \
  X(ModI)                                                                                                        \
  X(DivU)                                                                                                        \
  X(ModU)                                                                                                        \
  X(Splat)       /* dst[lanes] = a */                                                                            \
  X(Ramp)        /* dst[lanes] = a + lane * b */                                                                 \
  X(AnyLane)     /* dst = some lane of a is true */                                                              \
  X(Jump)        /* c: offset from the next instruction, in all jumps */                                         \
  X(JumpIfFalse) /* a */                                                                                         \
  X(LoopBegin)   /* dst: variable, dst + 1: iterations left; a: minimum, b: extent; c: offset behind the loop */ \
  X(LoopNext)                                                                                                    \
  X(ExecBegin)     /* a: concurrent loop that starts */                                                          \
  X(IterBegin)     /* a: concurrent loop whose next iteration starts */                                          \
  X(Enter)         /* a: memory that starts to live */                                                           \
  X(CheckArgument) /* a: parameter */                                                                            \
  X(Assert)        /* a; b: message */                                                                           \
  X(Tick)          /* one statement instance without a store */                                                  \
  X(Halt)

enum class Op : uint16_t {
#define TILEWRIGHT_INTERP_OP(name, ...) k##name, kV##name,
  TILEWRIGHT_INTERP_LANE_OPS(TILEWRIGHT_INTERP_OP)
#undef TILEWRIGHT_INTERP_OP
#define TILEWRIGHT_INTERP_OP(name, ...) kLoad##name, kVLoad##name, kStore##name, kVStore##name,
      TILEWRIGHT_INTERP_MEMORY_KINDS(TILEWRIGHT_INTERP_OP)
#undef TILEWRIGHT_INTERP_OP
#define TILEWRIGHT_INTERP_OP(name) k##name,
          TILEWRIGHT_INTERP_CONTROL_OPS(TILEWRIGHT_INTERP_OP)
#undef TILEWRIGHT_INTERP_OP
};
/// The vector form of a lane operation, or of a load or store.
inline Op vector_form(Op op) {
  return static_cast<Op>(static_cast<int>(op) + 1);
}

/// Lane operations: dst = op(a, b, c). Loads: dst = access a. Stores: access a = b.
struct Instr {
  Op op;
  uint16_t lanes = 1;
  int32_t dst = 0, a = 0, b = 0, c = 0;
};

/// A loop whose iterations may run at the same time. Each of its iterations, over all executions, has its own number.
struct ConcurrentLoop {
  std::string name;
  ForKind kind;
  uint32_t first = 1, current = 0;
};

/// Who touched an element last, by iteration number of one concurrent loop: its writer and two different readers.
struct Stamp {
  uint32_t writer = 0, reader = 0, other_reader = 0;
};
struct Tracker {
  const ConcurrentLoop* loop;
  std::vector<Stamp> stamps;
};

/// A buffer at run time.
struct Memory {
  const BufferNode* buffer = nullptr;
  MemoryKind kind = MemoryKind::kF32;
  int element_bytes = 4;                // as held
  int lanes = 1;                        // of the buffer's own type: a register
  HostArray* argument = nullptr;        // of a parameter
  bool initialised = true;              // no shadow
  std::vector<int32_t> extent_slots;    // logical
  std::vector<int32_t> physical_slots;  // of the layout
  std::vector<int64_t> extent, stride;  // of the indices used for addresses: the layout's outputs where there is one
  std::vector<int64_t> logical_extent;  // with a layout
  std::vector<int64_t> logical_stride;
  int64_t elements = 0;
  uint8_t* data = nullptr;
  std::vector<uint8_t> storage;
  std::vector<uint8_t> shadow;  // 1: written. Empty when `initialised`
  std::vector<int64_t> owner;   // with a layout: 1 + logical position of the element that lies here
  std::deque<Tracker> trackers;
};

/// One load or store of the program.
struct Access {
  Memory* memory = nullptr;
  bool plain = false;  // nothing but the extents to check
  bool is_store = false;
  std::vector<int32_t> index;      // slots; with a layout, of its outputs
  std::vector<uint8_t> lane_step;  // 1 where the index is a vector
  std::vector<int32_t> logical;    // with a layout: slots of the logical indices
  int32_t mask = -1, mask_step = 0;
  int32_t active = -1;  // lanes that are needed at all
  std::vector<Tracker*> trackers;
  const std::string* block = nullptr;
};

/// Where a division stands.
struct Site {
  const std::string* block = nullptr;
  int32_t active = -1;
  const char* operation = "";
};

struct ParamInfo {
  std::string name;
  DataType dtype;
  Memory* memory = nullptr;  // null for scalars
  int32_t scalar_slot = -1;
  std::vector<int32_t> shape_slots;  // extents of the array the caller gives
  std::vector<int32_t> bind_slots;   // where extent number i is a free variable: its slot, else -1
  bool written = false;
  HostArray* argument = nullptr;
};

struct Program {
  std::vector<Instr> code;
  std::vector<Value> slots;
  std::deque<Memory> memories;
  std::deque<Access> accesses;
  std::vector<Site> sites;
  std::deque<ConcurrentLoop> loops;
  std::vector<std::string> messages;
  std::vector<ParamInfo> params;
  /// Variables that argument shapes bind: name and slot.
  std::vector<std::pair<std::string, int32_t>> symbols;
  std::string name;
};

struct CompileOptions {
  bool float64_reference = false;
  bool check_uninitialised = true;
};

/// Throws Error (T05xx) for what cannot run.
void compile(const PrimFunc& func, const CompileOptions& options, Program* program);

/// Runs the whole program; throws Error. `max_instances` 0: no limit.
void run(Program& program, int64_t max_instances);

}  // namespace tilewright::tir::interp
