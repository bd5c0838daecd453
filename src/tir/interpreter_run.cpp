// The loop over instructions.
#include "tir/interpreter_run.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "tir/interpreter_math.h"

namespace tilewright::tir::interp {
namespace {

/// Reads an element of type T from bytes of any alignment.
template <typename T>
T read(const uint8_t* data, int64_t at) {
  T v;
  std::memcpy(&v, data + at * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return v;
}
template <typename T>
void write(uint8_t* data, int64_t at, T v) {
  std::memcpy(data + at * static_cast<int64_t>(sizeof(T)), &v, sizeof(T));
}

}  // namespace

bool Machine::locate(const Access& x, int lane, int64_t* at) const {
  const Memory& m = *x.memory;
  const size_t rank = x.index.size();
  int64_t sum = 0;
  for (size_t d = 0; d < rank; ++d) {
    const int64_t i = slots_[x.index[d] + (x.lane_step[d] ? lane : 0)].i;
    if (static_cast<uint64_t>(i) >= static_cast<uint64_t>(m.extent[d])) return false;
    sum += i * m.stride[d];
  }
  *at = m.lanes == 1 ? sum : sum * m.lanes + lane;
  return true;
}

void Machine::execute() {
#define TILEWRIGHT_LABEL(name) &&label_##name,
#define TILEWRIGHT_LANE_LABELS(name, ...) &&label_##name, &&label_V##name,
#define TILEWRIGHT_MEMORY_LABELS(name, ...) \
  &&label_Load##name, &&label_VLoad##name, &&label_Store##name, &&label_VStore##name,
  static const void* const labels[] = {
      // clang-format off
      TILEWRIGHT_INTERP_LANE_OPS(TILEWRIGHT_LANE_LABELS)
      TILEWRIGHT_INTERP_MEMORY_KINDS(TILEWRIGHT_MEMORY_LABELS)
      TILEWRIGHT_INTERP_CONTROL_OPS(TILEWRIGHT_LABEL)
      // clang-format on
  };
  Value* const r = slots_;
  const Instr* pc = program_.code.data();
  const Access* const accesses = accesses_.data();
  int64_t fuel = fuel_;
  const Instr* in;
#define TILEWRIGHT_NEXT \
  in = pc++;            \
  goto* labels[static_cast<size_t>(in->op)]
  TILEWRIGHT_NEXT;

#define TILEWRIGHT_RUN(name, statement)                 \
  label_##name : {                                      \
    const Value a = r[in->a];                           \
    [[maybe_unused]] const Value b = r[in->b];          \
    [[maybe_unused]] const Value c = r[in->c];          \
    Value& out = r[in->dst];                            \
    statement;                                          \
    TILEWRIGHT_NEXT;                                    \
  }                                                     \
  label_V##name : {                                     \
    for (int lane = 0; lane < in->lanes; ++lane) {      \
      const Value a = r[in->a + lane];                  \
      [[maybe_unused]] const Value b = r[in->b + lane]; \
      [[maybe_unused]] const Value c = r[in->c + lane]; \
      Value& out = r[in->dst + lane];                   \
      statement;                                        \
    }                                                   \
    TILEWRIGHT_NEXT;                                    \
  }
  TILEWRIGHT_INTERP_LANE_OPS(TILEWRIGHT_RUN)

#define TILEWRIGHT_RUN_MEMORY(name, T, load, store)    \
  label_Load##name : {                                 \
    const Access& x = accesses[in->a];                 \
    int64_t at;                                        \
    Value& out = r[in->dst];                           \
    if (x.mask >= 0 && !r[x.mask].i) {                 \
      out.u = 0;                                       \
    } else {                                           \
      if (!locate_fast(x, &at)) fail_bounds(x, 0);     \
      if (!x.plain) check_read(x, 0, at);              \
      const T v = read<T>(x.memory->data, at);         \
      load;                                            \
    }                                                  \
    TILEWRIGHT_NEXT;                                   \
  }                                                    \
  label_VLoad##name : {                                \
    const Access& x = accesses[in->a];                 \
    for (int lane = 0; lane < in->lanes; ++lane) {     \
      Value& out = r[in->dst + lane];                  \
      if (!is_on(x, lane)) {                           \
        out.u = 0;                                     \
        continue;                                      \
      }                                                \
      int64_t at;                                      \
      if (!locate(x, lane, &at)) fail_bounds(x, lane); \
      if (!x.plain) check_read(x, lane, at);           \
      const T v = read<T>(x.memory->data, at);         \
      load;                                            \
    }                                                  \
    TILEWRIGHT_NEXT;                                   \
  }                                                    \
  label_Store##name : {                                \
    const Access& x = accesses[in->a];                 \
    --fuel;                                            \
    if (x.mask < 0 || r[x.mask].i) {                   \
      int64_t at;                                      \
      if (!locate_fast(x, &at)) fail_bounds(x, 0);     \
      if (!x.plain) check_write(x, 0, at);             \
      const Value value = r[in->b];                    \
      T v;                                             \
      store;                                           \
      write(x.memory->data, at, v);                    \
    }                                                  \
    TILEWRIGHT_NEXT;                                   \
  }                                                    \
  label_VStore##name : {                               \
    const Access& x = accesses[in->a];                 \
    --fuel;                                            \
    for (int lane = 0; lane < in->lanes; ++lane) {     \
      if (!is_on(x, lane)) continue;                   \
      int64_t at;                                      \
      if (!locate(x, lane, &at)) fail_bounds(x, lane); \
      if (!x.plain) check_write(x, lane, at);          \
      const Value value = r[in->b + lane];             \
      T v;                                             \
      store;                                           \
      write(x.memory->data, at, v);                    \
    }                                                  \
    TILEWRIGHT_NEXT;                                   \
  }
  TILEWRIGHT_INTERP_MEMORY_KINDS(TILEWRIGHT_RUN_MEMORY)

#define TILEWRIGHT_RUN_DIVISION(name, statement)                             \
  label_##name : {                                                           \
    const Site& site = program_.sites[static_cast<size_t>(in->c)];           \
    for (int lane = 0; lane < in->lanes; ++lane) {                           \
      const Value a = r[in->a + lane], b = r[in->b + lane];                  \
      Value& out = r[in->dst + lane];                                        \
      if (b.i == 0) {                                                        \
        if (site.active < 0 || r[site.active + lane].i) fail_division(site); \
        out.u = 0;                                                           \
      } else {                                                               \
        statement;                                                           \
      }                                                                      \
    }                                                                        \
    TILEWRIGHT_NEXT;                                                         \
  }
  TILEWRIGHT_RUN_DIVISION(DivI, out.i = floor_div(a.i, b.i))
  TILEWRIGHT_RUN_DIVISION(ModI, out.i = floor_mod(a.i, b.i))
  TILEWRIGHT_RUN_DIVISION(DivU, out.u = a.u / b.u)
  TILEWRIGHT_RUN_DIVISION(ModU, out.u = a.u % b.u)

label_Splat: {
  const Value v = r[in->a];
  for (int lane = 0; lane < in->lanes; ++lane) r[in->dst + lane] = v;
  TILEWRIGHT_NEXT;
}
label_Ramp: {
  const uint64_t base = r[in->a].u, stride = r[in->b].u;
  for (int lane = 0; lane < in->lanes; ++lane) r[in->dst + lane].u = base + static_cast<uint64_t>(lane) * stride;
  TILEWRIGHT_NEXT;
}
label_AnyLane: {
  bool any = false;
  for (int lane = 0; lane < in->lanes; ++lane) any |= r[in->a + lane].i != 0;
  r[in->dst].i = any;
  TILEWRIGHT_NEXT;
}
label_Jump:
  pc += in->c;
  TILEWRIGHT_NEXT;
label_JumpIfFalse:
  if (!r[in->a].i) pc += in->c;
  TILEWRIGHT_NEXT;
label_LoopBegin: {
  const int64_t extent = r[in->b].i;
  if (extent <= 0) {
    --fuel;
    pc += in->c;
  } else {
    r[in->dst].i = r[in->a].i;
    r[in->dst + 1].i = extent;
  }
  TILEWRIGHT_NEXT;
}
label_LoopNext: {
  if (--r[in->dst + 1].i > 0) {
    if (fuel < 0) fail_fuel();
    ++r[in->dst].u;
    pc += in->c;
  }
  TILEWRIGHT_NEXT;
}
label_ExecBegin:
  begin_execution(in->a);
  TILEWRIGHT_NEXT;
label_IterBegin:
  ++program_.loops[static_cast<size_t>(in->a)].current;
  TILEWRIGHT_NEXT;
label_Enter:
  enter(program_.memories[static_cast<size_t>(in->a)]);
  TILEWRIGHT_NEXT;
label_CheckArgument:
  check_argument(program_.params[static_cast<size_t>(in->a)]);
  TILEWRIGHT_NEXT;
label_Assert:
  if (!r[in->a].i) fail_assertion(program_.messages[static_cast<size_t>(in->b)], in->c != 0);
  TILEWRIGHT_NEXT;
label_Tick:
  --fuel;
  TILEWRIGHT_NEXT;
label_Halt:
  if (fuel < 0) fail_fuel();
}

void run(Program& program, int64_t max_instances) {
  Machine(program, max_instances).execute();
}

}  // namespace tilewright::tir::interp
