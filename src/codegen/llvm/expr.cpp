// Expressions to values.
#include <fmt/format.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Intrinsics.h>

#include "codegen/llvm/emitter.h"
#include "codegen/llvm/expr_info.h"
#include "tilewright/tir/printer.h"

namespace tilewright::codegen {

using tir::ExprKind;
using tir::Intrinsic;

llvm::Value* FunctionEmitter::splat(llvm::Value* v, int lanes) {
  return lanes == 1 || v->getType()->isVectorTy() ? v : b_.CreateVectorSplat(lanes, v);
}

llvm::Value* FunctionEmitter::int_constant(DataType t, int64_t value) {
  llvm::Type* type = m_.type_of(t.element());
  llvm::Value* c = llvm::ConstantInt::get(type, static_cast<uint64_t>(value), true);
  return splat(c, t.lanes);
}

llvm::Value* FunctionEmitter::constant(DataType t, double value) {
  if (t == tir::kF32.with_lanes(t.lanes)) {
    return splat(llvm::ConstantFP::get(b_.getFloatTy(), llvm::APFloat(static_cast<float>(value))), t.lanes);
  }
  if (t == tir::kF64.with_lanes(t.lanes)) {
    return splat(llvm::ConstantFP::get(b_.getDoubleTy(), value), t.lanes);
  }
  llvm::APFloat small(value);
  bool inexact;
  small.convert(t.code == tir::TypeCode::kBfloat ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf(),
                llvm::APFloat::rmNearestTiesToEven, &inexact);
  return splat(llvm::ConstantInt::get(m_.context, small.bitcastToAPInt()), t.lanes);
}

llvm::Value* FunctionEmitter::emit(const Expr& e) {
  DataType t = e.dtype();
  bool integer = t.is_integer() || t.is_bool();
  bool leaf = e.kind() == ExprKind::kIntImm || e.kind() == ExprKind::kVar || e.kind() == ExprKind::kRamp ||
              e.kind() == ExprKind::kBroadcast;
  if (integer && !leaf && level_of(e) < kNotHoistable) {
    bool sum = e.kind() == ExprKind::kAdd || e.kind() == ExprKind::kSub || e.kind() == ExprKind::kMul;
    return sum && t == tir::kI64 ? emit_index(e) : emit_pure(e);
  }
  return emit_node(e);
}

llvm::Value* FunctionEmitter::emit_node(const Expr& e) {
  DataType t = e.dtype();
  if (tir::is_binary(e.kind())) return emit_binary(e);
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return int_constant(t, as<tir::IntImmNode>(e)->value);
    case ExprKind::kFloatImm:
      return constant(t, as<tir::FloatImmNode>(e)->value);
    case ExprKind::kVar: {
      auto found = vars_.find(as<tir::VarNode>(e));
      if (found == vars_.end()) {
        throw Error("G0830", "codegen", "variable " + as<tir::VarNode>(e)->name + " is not defined here");
      }
      return found->second.value;
    }
    case ExprKind::kCast: {
      const auto* n = as<tir::CastNode>(e);
      return emit_cast(t, n->value.dtype(), emit(n->value));
    }
    case ExprKind::kNot:
      return b_.CreateNot(emit(as<tir::NotNode>(e)->value));
    case ExprKind::kSelect:
      return emit_select(as<tir::SelectNode>(e));
    case ExprKind::kLoad:
      return emit_load(as<tir::LoadNode>(e));
    case ExprKind::kCall:
      return emit_call(as<tir::CallNode>(e));
    case ExprKind::kRamp: {
      const auto* n = as<tir::RampNode>(e);
      llvm::SmallVector<llvm::Constant*, 64> steps;
      auto* type = llvm::cast<llvm::IntegerType>(m_.type_of(t.element()));
      for (int i = 0; i < t.lanes; ++i) steps.push_back(llvm::ConstantInt::get(type, i));
      llvm::Value* iota = llvm::ConstantVector::get(steps);
      int64_t stride;
      if (!tir::is_const_int(n->stride, &stride) || stride != 1) {
        iota = b_.CreateMul(iota, splat(emit(n->stride), t.lanes));
      }
      return b_.CreateAdd(splat(emit(n->base), t.lanes), iota);
    }
    case ExprKind::kBroadcast:
      return splat(emit(as<tir::BroadcastNode>(e)->value), t.lanes);
    case ExprKind::kLet: {
      const auto* n = as<tir::LetNode>(e);
      llvm::Value* value = emit(n->value);
      // The same node may stand in several places with other values, so nothing that uses it may be kept.
      bind(n->var.get(), value, kNotHoistable);
      return emit(n->body);
    }
    default:
      throw Error("G0831", "codegen", "the expression `" + tir::to_string(e) + "` cannot stand in lowered code");
  }
}

llvm::Value* FunctionEmitter::emit_binary(const Expr& e) {
  const auto* n = as<tir::BinaryNode>(e);
  DataType operand = n->a.dtype();
  switch (e.kind()) {
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return emit_logic(n);
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      return emit_floor_div_mod(n);
    default:
      break;
  }
  if (tir::is_comparison(e.kind())) {
    if (llvm::Value* mask = emit_ramp_compare(n)) return mask;
    return emit_compare(e.kind(), operand, emit(n->a), emit(n->b));
  }
  return emit_arithmetic(e.kind(), operand, emit(n->a), emit(n->b));
}

llvm::Value* FunctionEmitter::emit_arithmetic(ExprKind kind, DataType t, llvm::Value* a, llvm::Value* b) {
  if (t.is_floating() && t.bits == 16) {
    llvm::Value* wide = emit_arithmetic(kind, tir::kF32.with_lanes(t.lanes), to_f32(t, a), to_f32(t, b));
    return f32_to_small(t, wide);
  }
  bool f = t.is_floating(), u = t.is_uint() || t.is_bool();
  switch (kind) {
    case ExprKind::kAdd:
      return f ? b_.CreateFAdd(a, b) : b_.CreateAdd(a, b);
    case ExprKind::kSub:
      return f ? b_.CreateFSub(a, b) : b_.CreateSub(a, b);
    case ExprKind::kMul:
      return f ? b_.CreateFMul(a, b) : b_.CreateMul(a, b);
    case ExprKind::kDiv:
      if (f) return b_.CreateFDiv(a, b);
      break;
    case ExprKind::kMin:
      if (f) return b_.CreateMinNum(a, b);
      return b_.CreateBinaryIntrinsic(u ? llvm::Intrinsic::umin : llvm::Intrinsic::smin, a, b);
    case ExprKind::kMax:
      if (f) return b_.CreateMaxNum(a, b);
      return b_.CreateBinaryIntrinsic(u ? llvm::Intrinsic::umax : llvm::Intrinsic::smax, a, b);
    default:
      break;
  }
  throw Error("G0831", "codegen", fmt::format("an operation on {} cannot stand in lowered code", t.str()));
}

llvm::Value* FunctionEmitter::emit_compare(ExprKind kind, DataType t, llvm::Value* a, llvm::Value* b) {
  using P = llvm::CmpInst;
  if (t.is_floating()) {
    if (t.bits == 16) {
      a = to_f32(t, a);
      b = to_f32(t, b);
    }
    switch (kind) {
      case ExprKind::kEq:
        return b_.CreateFCmp(P::FCMP_OEQ, a, b);
      case ExprKind::kNe:
        return b_.CreateFCmp(P::FCMP_UNE, a, b);
      case ExprKind::kLt:
        return b_.CreateFCmp(P::FCMP_OLT, a, b);
      case ExprKind::kLe:
        return b_.CreateFCmp(P::FCMP_OLE, a, b);
      case ExprKind::kGt:
        return b_.CreateFCmp(P::FCMP_OGT, a, b);
      default:
        return b_.CreateFCmp(P::FCMP_OGE, a, b);
    }
  }
  bool u = t.is_uint() || t.is_bool();
  switch (kind) {
    case ExprKind::kEq:
      return b_.CreateICmpEQ(a, b);
    case ExprKind::kNe:
      return b_.CreateICmpNE(a, b);
    case ExprKind::kLt:
      return b_.CreateICmp(u ? P::ICMP_ULT : P::ICMP_SLT, a, b);
    case ExprKind::kLe:
      return b_.CreateICmp(u ? P::ICMP_ULE : P::ICMP_SLE, a, b);
    case ExprKind::kGt:
      return b_.CreateICmp(u ? P::ICMP_UGT : P::ICMP_SGT, a, b);
    default:
      return b_.CreateICmp(u ? P::ICMP_UGE : P::ICMP_SGE, a, b);
  }
}

/// Masks of tails, ramp(base, 1) < n: one narrow comparison with n - base instead of wide ones.
llvm::Value* FunctionEmitter::emit_ramp_compare(const tir::BinaryNode* e) {
  bool less = e->kind == ExprKind::kLt;
  if (!less && e->kind != ExprKind::kGt) return nullptr;
  const auto* ramp = as<tir::RampNode>(less ? e->a : e->b);
  const auto* limit = as<tir::BroadcastNode>(less ? e->b : e->a);
  int lanes = e->dtype.lanes;
  if (!ramp || !limit || !tir::is_const_int(ramp->stride, 1) || ramp->base.dtype() != tir::kI64 || lanes > 64) {
    return nullptr;
  }
  // The rewriting needs both sides not to wrap.
  Bounds a, b;
  int64_t difference;
  if (!bounds_of(ramp->base, &a) || !bounds_of(limit->value, &b) || __builtin_sub_overflow(b.min, a.max, &difference) ||
      __builtin_sub_overflow(b.max, a.min, &difference) || __builtin_add_overflow(a.max, lanes, &difference)) {
    return nullptr;
  }
  llvm::Value* rest = emit(limit->value - ramp->base);
  rest = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, rest, b_.getInt64(0));
  rest = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, rest, b_.getInt64(lanes));
  llvm::Type* narrow = lanes <= 16 ? static_cast<llvm::Type*>(b_.getInt32Ty()) : b_.getInt8Ty();
  llvm::SmallVector<llvm::Constant*, 64> steps;
  for (int i = 0; i < lanes; ++i) steps.push_back(llvm::ConstantInt::get(narrow, i));
  return b_.CreateICmpULT(llvm::ConstantVector::get(steps), b_.CreateVectorSplat(lanes, b_.CreateTrunc(rest, narrow)));
}

llvm::Value* FunctionEmitter::emit_floor_div_mod(const tir::BinaryNode* e) {
  bool div = e->kind == ExprKind::kFloorDiv;
  DataType t = e->dtype;
  llvm::Value* a = emit(e->a);
  Expr divisor = e->b;
  if (const auto* broadcast = as<tir::BroadcastNode>(divisor)) divisor = broadcast->value;
  int64_t c;
  if (tir::is_const_int(divisor, &c) && c > 0) {
    int shift = __builtin_ctzll(static_cast<uint64_t>(c));
    if ((c & (c - 1)) == 0) {
      if (!div) return b_.CreateAnd(a, int_constant(t, c - 1));
      return t.is_uint() ? b_.CreateLShr(a, int_constant(t, shift)) : b_.CreateAShr(a, int_constant(t, shift));
    }
    llvm::Value* b = int_constant(t, c);
    if (is_nonnegative(e->a)) return div ? b_.CreateUDiv(a, b) : b_.CreateURem(a, b);
    llvm::Value* quotient = b_.CreateSDiv(a, b);
    llvm::Value* remainder = b_.CreateSub(a, b_.CreateMul(quotient, b));
    llvm::Value* negative = b_.CreateICmpSLT(remainder, int_constant(t, 0));
    if (!div) return b_.CreateSelect(negative, b_.CreateAdd(remainder, b), remainder);
    return b_.CreateAdd(quotient, b_.CreateSExt(negative, quotient->getType()));
  }
  llvm::Value* b = emit(e->b);
  llvm::Value* zero = int_constant(t, 0);
  llvm::Value* one = int_constant(t, 1);
  // A zero divisor has no defined result but must not trap: the operation may have been hoisted out of its guard.
  if (t.is_uint()) {
    b = b_.CreateSelect(b_.CreateICmpEQ(b, zero), one, b);
    return div ? b_.CreateUDiv(a, b) : b_.CreateURem(a, b);
  }
  // Dividing the smallest integer by -1 traps on some CPUs, so -1 is a case of its own (the quotient wraps).
  llvm::Value* minus_one = b_.CreateICmpEQ(b, int_constant(t, -1));
  llvm::Value* safe = b_.CreateSelect(b_.CreateOr(minus_one, b_.CreateICmpEQ(b, zero)), one, b);
  llvm::Value* quotient = b_.CreateSDiv(a, safe);
  llvm::Value* remainder = b_.CreateSub(a, b_.CreateMul(quotient, safe));
  llvm::Value* adjust =
      b_.CreateAnd(b_.CreateICmpNE(remainder, zero), b_.CreateICmpSLT(b_.CreateXor(remainder, safe), zero));
  if (div) {
    llvm::Value* floor = b_.CreateAdd(quotient, b_.CreateSExt(adjust, quotient->getType()));
    return b_.CreateSelect(minus_one, b_.CreateNeg(a), floor);
  }
  llvm::Value* mod = b_.CreateSelect(adjust, b_.CreateAdd(remainder, safe), remainder);
  return b_.CreateSelect(minus_one, zero, mod);
}

llvm::Value* FunctionEmitter::emit_logic(const tir::BinaryNode* e) {
  bool is_and = e->kind == ExprKind::kAnd;
  llvm::Value* a = emit(e->a);
  if (e->dtype.lanes > 1 || is_cheap(e->b)) {
    llvm::Value* b = emit(e->b);
    return is_and ? b_.CreateAnd(a, b) : b_.CreateOr(a, b);
  }
  auto rest = [&] { return emit(e->b); };
  auto known = [&]() -> llvm::Value* { return b_.getInt1(!is_and); };
  return is_and ? emit_branches(a, b_.getInt1Ty(), rest, known) : emit_branches(a, b_.getInt1Ty(), known, rest);
}

llvm::Value* FunctionEmitter::emit_select(const tir::SelectNode* e) {
  llvm::Value* condition = emit(e->condition);
  if (e->condition.dtype().lanes > 1 || (is_cheap(e->true_value) && is_cheap(e->false_value))) {
    llvm::Value* a = emit(e->true_value);
    llvm::Value* b = emit(e->false_value);
    return b_.CreateSelect(condition, a, b);
  }
  return emit_branches(
      condition, m_.type_of(e->dtype), [&] { return emit(e->true_value); }, [&] { return emit(e->false_value); });
}

llvm::Value* FunctionEmitter::emit_branches(llvm::Value* condition, llvm::Type* type,
                                            const std::function<llvm::Value*()>& then_value,
                                            const std::function<llvm::Value*()>& else_value) {
  // What needs branches is never hoisted, so the insertion point is the end of its block.
  TILEWRIGHT_CHECK(hidden_ == 0 && b_.GetInsertPoint() == b_.GetInsertBlock()->end());
  llvm::BasicBlock* then_block = new_block("then");
  llvm::BasicBlock* else_block = new_block("else");
  llvm::BasicBlock* join = new_block("join");
  llvm::Instruction* branch = b_.CreateCondBr(condition, then_block, else_block);
  auto side = [&](llvm::BasicBlock* block, const std::function<llvm::Value*()>& make) {
    b_.SetInsertPoint(block);
    push_scope(branch);
    llvm::Value* v = make();
    pop_scope();
    llvm::BasicBlock* last = b_.GetInsertBlock();
    b_.CreateBr(join);
    return std::make_pair(v, last);
  };
  auto [a, a_block] = side(then_block, then_value);
  auto [b, b_block] = side(else_block, else_value);
  b_.SetInsertPoint(join);
  llvm::PHINode* phi = b_.CreatePHI(type, 2);
  phi->addIncoming(a, a_block);
  phi->addIncoming(b, b_block);
  return phi;
}

}  // namespace tilewright::codegen
