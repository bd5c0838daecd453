#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "tilewright/support/diagnostic.h"
#include "tir/interpreter_compile.h"
#include "tir/interpreter_math.h"

namespace tilewright::tir::interp {
namespace {

constexpr int kCheapNodes = 24;

bool is_u64(DataType t) {
  return t.is_uint() && t.bits == 64;
}
Op pick(bool condition, Op a, Op b) {
  return condition ? a : b;
}

}  // namespace

Compiler::Class Compiler::class_of(DataType t) const {
  if (!t.is_floating()) return Class::kInt;
  return options_.float64_reference || t.bits == 64 ? Class::kF64 : Class::kF32;
}

MemoryKind Compiler::kind_of(DataType t, bool held_as_double) const {
  if (held_as_double) return MemoryKind::kF64;
  const bool as_double = options_.float64_reference;
  switch (t.code) {
    case TypeCode::kBool:
      return MemoryKind::kBool;
    case TypeCode::kBfloat:
      return as_double ? MemoryKind::kBF16D : MemoryKind::kBF16;
    case TypeCode::kFloat:
      if (t.bits == 64) return MemoryKind::kF64;
      if (t.bits == 32) return as_double ? MemoryKind::kF32D : MemoryKind::kF32;
      return as_double ? MemoryKind::kF16D : MemoryKind::kF16;
    case TypeCode::kInt:
      return t.bits == 8    ? MemoryKind::kI8
             : t.bits == 16 ? MemoryKind::kI16
             : t.bits == 32 ? MemoryKind::kI32
                            : MemoryKind::kI64;
    default:
      return t.bits == 8    ? MemoryKind::kU8
             : t.bits == 16 ? MemoryKind::kU16
             : t.bits == 32 ? MemoryKind::kU32
                            : MemoryKind::kI64;
  }
}

// ---- Emission

Compiler::Operand Compiler::lane_op(Op op, int lanes, std::initializer_list<Operand> operands) {
  Operand result;
  int32_t slots[3] = {0, 0, 0};
  int n = 0;
  for (const Operand& o : operands) {
    slots[n++] = o.slot;
    result.level = std::max(result.level, o.level);
  }
  const bool here = result.level == current();
  result.slot = here ? temporary(lanes) : new_slots(lanes);
  auto& target = here ? code() : frames_[static_cast<size_t>(result.level) + 1].before;
  target.push_back({.op = lanes > 1 ? vector_form(op) : op,
                    .lanes = static_cast<uint16_t>(lanes),
                    .dst = result.slot,
                    .a = slots[0],
                    .b = slots[1],
                    .c = slots[2]});
  return result;
}

Compiler::Operand Compiler::constant(Value v, int lanes) {
  if (lanes == 1) {
    auto [it, fresh] = constants_.emplace(v.u, -1);
    if (fresh) {
      it->second = new_slots(1);
      program_->slots[static_cast<size_t>(it->second)] = v;
    }
    return {it->second, 0};
  }
  const int32_t slot = new_slots(lanes);
  for (int l = 0; l < lanes; ++l) program_->slots[static_cast<size_t>(slot + l)] = v;
  return {slot, 0};
}
Compiler::Operand Compiler::constant_int(int64_t v, int lanes) {
  return constant(Value{.i = v}, lanes);
}

bool Compiler::is_cheap(const Expr& e) {
  int budget = kCheapNodes;
  return is_cheap(e, &budget);
}
bool Compiler::is_cheap(const Expr& e, int* budget) {
  if (--*budget < 0) return false;
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
    case ExprKind::kVar:
      return true;
    case ExprKind::kCast:
      return is_cheap(as<CastNode>(e)->value, budget);
    case ExprKind::kNot:
      return is_cheap(as<NotNode>(e)->value, budget);
    case ExprKind::kBroadcast:
      return is_cheap(as<BroadcastNode>(e)->value, budget);
    case ExprKind::kRamp:
      return is_cheap(as<RampNode>(e)->base, budget) && is_cheap(as<RampNode>(e)->stride, budget);
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      return is_cheap(n->condition, budget) && is_cheap(n->true_value, budget) && is_cheap(n->false_value, budget);
    }
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      const auto* n = as<BinaryNode>(e);
      int64_t divisor = 0;
      return is_const_int(n->b, &divisor) && divisor != 0 && is_cheap(n->a, budget);
    }
    default: {
      const auto* n = as<BinaryNode>(e);
      return n && is_cheap(n->a, budget) && is_cheap(n->b, budget);
    }
  }
}

// ---- Expressions

Compiler::Operand Compiler::compile(const Expr& e) {
  TILEWRIGHT_CHECK(e.defined());
  // Only shared nodes can be met again.
  const bool shared = !e->unique() && e.kind() != ExprKind::kVar && e.kind() != ExprKind::kIntImm;
  if (shared) {
    const auto it = memo_.find(e.get());
    if (it != memo_.end()) return it->second;
  }
  const Operand result = compile_new(e);
  if (shared && memo_.emplace(e.get(), result).second) memo_log_.push_back(e.get());
  return result;
}

Compiler::Operand Compiler::compile_new(const Expr& e) {
  const DataType t = e.dtype();
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return constant_int(wrap_int(t, static_cast<uint64_t>(as<IntImmNode>(e)->value)));
    case ExprKind::kFloatImm: {
      const double value = round_to(t, as<FloatImmNode>(e)->value);
      Value v{.u = 0};
      if (class_of(t) == Class::kF64)
        v.d = value;
      else
        v.f = static_cast<float>(value);
      return constant(v, 1);
    }
    case ExprKind::kVar: {
      const auto it = vars_.find(static_cast<const VarNode*>(e.get()));
      if (it != vars_.end()) return it->second;
      Diagnostic d;
      d.code = "T0513";
      d.operation = "interpret";
      d.message = fmt::format("variable `{}` has no value here", as<VarNode>(e)->name);
      d.place = func_.name();
      throw Error(std::move(d));
    }
    case ExprKind::kCast: {
      const Expr& x = as<CastNode>(e)->value;
      return convert(compile(x), x.dtype(), t);
    }
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return compile_logic(e, as<BinaryNode>(e));
    case ExprKind::kNot:
      return lane_op(Op::kXorI, t.lanes, {compile(as<NotNode>(e)->value), constant_int(1, t.lanes)});
    case ExprKind::kSelect:
      return compile_select(as<SelectNode>(e));
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      Access* access = make_access(n->buffer, n->indices, n->mask, t.lanes, false);
      const auto index = static_cast<int32_t>(program_->accesses.size()) - 1;
      const int op = static_cast<int>(Op::kLoadI8) + 4 * static_cast<int>(access->memory->kind) + (t.lanes > 1);
      const Operand result{temporary(t.lanes), current()};
      emit({.op = static_cast<Op>(op), .lanes = t.lanes, .dst = result.slot, .a = index});
      return result;
    }
    case ExprKind::kCall:
      return compile_call(as<CallNode>(e));
    case ExprKind::kRamp: {
      const auto* n = as<RampNode>(e);
      const Operand base = compile_guarded_scalar(n->base), stride = compile_guarded_scalar(n->stride);
      const Operand result{temporary(t.lanes), current()};
      emit({.op = Op::kRamp, .lanes = t.lanes, .dst = result.slot, .a = base.slot, .b = stride.slot});
      return wrap_result(result, t);
    }
    case ExprKind::kBroadcast: {
      const auto* n = as<BroadcastNode>(e);
      const Operand value = compile_guarded_scalar(n->value);
      if (n->value.kind() == ExprKind::kIntImm || n->value.kind() == ExprKind::kFloatImm)
        return constant(program_->slots[static_cast<size_t>(value.slot)], t.lanes);
      const Operand result{temporary(t.lanes), current()};
      emit({.op = Op::kSplat, .lanes = t.lanes, .dst = result.slot, .a = value.slot});
      return result;
    }
    case ExprKind::kLet: {
      const auto* n = as<LetNode>(e);
      vars_[n->var.get()] = compile(n->value);
      return compile(n->body);
    }
    case ExprKind::kReduce:
      unsupported("a reduction of a tensor expression is no loop IR", "make a function of it first");
    default:
      return compile_binary(e, as<BinaryNode>(e));
  }
}

Compiler::Operand Compiler::compile_guarded_scalar(const Expr& e) {
  if (active_ < 0 || is_cheap(e)) return compile(e);
  // All lanes of the program's vectors in this expression are as many as the mask has.
  const int32_t mask = active_;
  const int lanes = active_lanes_;
  const int32_t any = temporary(1), result = temporary(1);
  emit({.op = Op::kAnyLane, .lanes = static_cast<uint16_t>(lanes), .dst = any, .a = mask});
  const int32_t skip = emit({.op = Op::kJumpIfFalse, .a = any});
  const size_t memo = memo_mark();
  active_ = -1;
  const Operand value = compile(e);
  active_ = mask;
  emit({.op = Op::kMove, .dst = result, .a = value.slot});
  forget(memo);
  patch_jump(skip);
  return {result, current()};
}

Compiler::Operand Compiler::wrap_result(Operand x, DataType t) {
  if (!t.is_integer() || t.bits >= 64) return x;
  const Op op = t.bits == 8    ? pick(t.is_int(), Op::kWrapI8, Op::kWrapU8)
                : t.bits == 16 ? pick(t.is_int(), Op::kWrapI16, Op::kWrapU16)
                               : pick(t.is_int(), Op::kWrapI32, Op::kWrapU32);
  return lane_op(op, t.lanes, {x});
}

Compiler::Operand Compiler::round_result(Operand x, DataType t) {
  if (class_of(t) != Class::kF32 || t.bits == 32) return x;
  return lane_op(t.code == TypeCode::kBfloat ? Op::kRoundBfloat : Op::kRoundHalf, t.lanes, {x});
}

Compiler::Operand Compiler::convert(Operand x, DataType from, DataType to) {
  const int lanes = to.lanes;
  const Class a = class_of(from), b = class_of(to);
  if (from.is_handle() || to.is_handle()) unsupported("handles cannot be converted");
  if (to.is_bool()) {
    if (from.is_bool()) return x;
    const Op op = a == Class::kInt ? Op::kNeI : a == Class::kF32 ? Op::kNeF : Op::kNeD;
    return lane_op(op, lanes, {x, constant_int(0, lanes)});  // all bits zero are 0.0, too
  }
  if (a == Class::kInt && b == Class::kInt) {
    const bool fits =
        to.bits == 64 || from.is_bool() || (from.bits < to.bits && (from.is_uint() || to.is_int())) || from == to;
    return fits ? x : wrap_result(x, to);
  }
  if (a == Class::kInt) {
    const bool is_unsigned = is_u64(from.element());
    if (b == Class::kF64) return lane_op(is_unsigned ? Op::kUToD : Op::kIToD, lanes, {x});
    if (to.bits == 32) return lane_op(is_unsigned ? Op::kUToF : Op::kIToF, lanes, {x});
    x = lane_op(is_unsigned ? Op::kUToD : Op::kIToD, lanes, {x});
    return round_result(lane_op(Op::kDToOdd, lanes, {x}), to);
  }
  if (b == Class::kInt) {
    if (a == Class::kF32) x = lane_op(Op::kFToD, lanes, {x});
    return lane_op(to.is_int() ? Op::kDToInt : Op::kDToUint, lanes, {x, constant_int(to.bits, lanes)});
  }
  if (a == b)
    return a == Class::kF64 || from.bits < to.bits || from.element() == to.element() ? x : round_result(x, to);
  if (b == Class::kF64) return lane_op(Op::kFToD, lanes, {x});
  return to.bits == 32 ? lane_op(Op::kDToF, lanes, {x}) : round_result(lane_op(Op::kDToOdd, lanes, {x}), to);
}

Compiler::Operand Compiler::compile_binary(const Expr& e, const BinaryNode* n) {
  const Operand a = compile(n->a), b = compile(n->b);
  return compile_arith(e.kind(), n->a.dtype(), a, b, n->b);
}

Compiler::Operand Compiler::compile_arith(ExprKind kind, DataType t, Operand a, Operand b, const Expr& divisor) {
  const int lanes = t.lanes;
  const Class c = class_of(t);
  const bool u64 = is_u64(t.element());
  auto of = [&](Op i, Op f, Op d) { return c == Class::kInt ? i : c == Class::kF32 ? f : d; };
  auto arith = [&](Op i, Op f, Op d) {
    const Operand x = lane_op(of(i, f, d), lanes, {a, b});
    return c == Class::kInt ? wrap_result(x, t) : round_result(x, t);
  };
  switch (kind) {
    case ExprKind::kAdd:
      return arith(Op::kAddI, Op::kAddF, Op::kAddD);
    case ExprKind::kSub:
      return arith(Op::kSubI, Op::kSubF, Op::kSubD);
    case ExprKind::kMul:
      return arith(Op::kMulI, Op::kMulF, Op::kMulD);
    case ExprKind::kDiv:
      return arith(Op::kMulI, Op::kDivF, Op::kDivD);
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      return compile_division(kind, t, a, b, divisor);
    case ExprKind::kMin:
      return lane_op(of(pick(u64, Op::kMinU, Op::kMinI), Op::kMinF, Op::kMinD), lanes, {a, b});
    case ExprKind::kMax:
      return lane_op(of(pick(u64, Op::kMaxU, Op::kMaxI), Op::kMaxF, Op::kMaxD), lanes, {a, b});
    case ExprKind::kEq:
      return lane_op(of(Op::kEqI, Op::kEqF, Op::kEqD), lanes, {a, b});
    case ExprKind::kNe:
      return lane_op(of(Op::kNeI, Op::kNeF, Op::kNeD), lanes, {a, b});
    case ExprKind::kGt:
      std::swap(a, b);
      [[fallthrough]];
    case ExprKind::kLt:
      return lane_op(of(pick(u64, Op::kLtU, Op::kLtI), Op::kLtF, Op::kLtD), lanes, {a, b});
    case ExprKind::kGe:
      std::swap(a, b);
      [[fallthrough]];
    case ExprKind::kLe:
      return lane_op(of(pick(u64, Op::kLeU, Op::kLeI), Op::kLeF, Op::kLeD), lanes, {a, b});
    default:
      unsupported("an expression of unknown kind");
  }
}

Compiler::Operand Compiler::compile_division(ExprKind kind, DataType t, Operand a, Operand b, const Expr& divisor) {
  const bool div = kind == ExprKind::kFloorDiv;
  const int lanes = t.lanes;
  const bool u64 = is_u64(t.element());
  const auto* splat = as<BroadcastNode>(divisor);
  int64_t d = 0;
  if (is_const_int(splat ? splat->value : divisor, &d) && d != 0) {
    if (d > 0 && (d & (d - 1)) == 0) {
      if (!div) return lane_op(Op::kAndI, lanes, {a, constant_int(d - 1, lanes)});
      const int shift = std::countr_zero(static_cast<uint64_t>(d));
      return lane_op(u64 ? Op::kShrU : Op::kShrI, lanes, {a, constant_int(shift, lanes), constant_int(63, lanes)});
    }
    if (!u64) return wrap_result(lane_op(div ? Op::kSafeDivI : Op::kSafeModI, lanes, {a, b}), t);
  }
  program_->sites.push_back({block_, lanes > 1 ? active_ : -1, div ? "floordiv" : "floormod"});
  const Operand result{temporary(lanes), current()};
  emit({.op = u64 ? pick(div, Op::kDivU, Op::kModU) : pick(div, Op::kDivI, Op::kModI),
        .lanes = static_cast<uint16_t>(lanes),
        .dst = result.slot,
        .a = a.slot,
        .b = b.slot,
        .c = static_cast<int32_t>(program_->sites.size()) - 1});
  return wrap_result(result, t);
}

Compiler::Operand Compiler::compile_logic(const Expr& e, const BinaryNode* n) {
  const bool is_and = e.kind() == ExprKind::kAnd;
  const int lanes = e.dtype().lanes;
  const Op op = is_and ? Op::kAndI : Op::kOrI;
  const Operand a = compile(n->a);
  if (is_cheap(n->b)) return lane_op(op, lanes, {a, compile(n->b)});
  if (lanes > 1) {
    const size_t memo = memo_mark();
    const int32_t outer = active_;
    Operand needed = is_and ? a : lane_op(Op::kXorI, lanes, {a, constant_int(1, lanes)});
    if (outer >= 0) needed = lane_op(Op::kAndI, lanes, {needed, {outer, current()}});
    active_ = needed.slot;
    active_lanes_ = lanes;
    const Operand b = compile(n->b);
    active_ = outer;
    forget(memo);
    return lane_op(op, lanes, {a, b});
  }
  const Operand result{temporary(1), current()};
  emit({.op = Op::kMove, .dst = result.slot, .a = a.slot});
  // `or` goes on where the first operand is false.
  const int32_t test = is_and ? a.slot : lane_op(Op::kXorI, 1, {a, constant_int(1)}).slot;
  const int32_t skip = emit({.op = Op::kJumpIfFalse, .a = test});
  const size_t memo = memo_mark();
  const Operand b = compile(n->b);
  emit({.op = Op::kMove, .dst = result.slot, .a = b.slot});
  forget(memo);
  patch_jump(skip);
  return result;
}

Compiler::Operand Compiler::compile_select(const SelectNode* n) {
  const int lanes = n->dtype.lanes;
  const Operand condition = compile(n->condition);
  if (is_cheap(n->true_value) && is_cheap(n->false_value))
    return lane_op(Op::kSelect, lanes, {condition, compile(n->true_value), compile(n->false_value)});
  if (lanes > 1) {
    const int32_t outer = active_;
    Operand sides[2];
    for (int side = 0; side < 2; ++side) {
      const size_t memo = memo_mark();
      Operand needed = side == 0 ? condition : lane_op(Op::kXorI, lanes, {condition, constant_int(1, lanes)});
      if (outer >= 0) needed = lane_op(Op::kAndI, lanes, {needed, {outer, current()}});
      active_ = needed.slot;
      active_lanes_ = lanes;
      sides[side] = compile(side == 0 ? n->true_value : n->false_value);
      active_ = outer;
      forget(memo);
    }
    return lane_op(Op::kSelect, lanes, {condition, sides[0], sides[1]});
  }
  const Operand result{temporary(1), current()};
  const int32_t skip = emit({.op = Op::kJumpIfFalse, .a = condition.slot});
  const size_t memo = memo_mark();
  const Operand t = compile(n->true_value);
  emit({.op = Op::kMove, .dst = result.slot, .a = t.slot});
  forget(memo);
  const int32_t leave = emit({.op = Op::kJump});
  patch_jump(skip);
  const Operand f = compile(n->false_value);
  emit({.op = Op::kMove, .dst = result.slot, .a = f.slot});
  forget(memo);
  patch_jump(leave);
  return result;
}

}  // namespace tilewright::tir::interp
