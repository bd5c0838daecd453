// Conversions. Half and bfloat values are held as their bits; only instructions that every run of the code has are
// used, so no conversion calls a library.
#include <llvm/IR/Constants.h>
#include <llvm/IR/Intrinsics.h>

#include "codegen/llvm/emitter.h"

namespace tilewright::codegen {
namespace {

bool is_small(DataType t) {
  return t.is_floating() && t.bits == 16;
}

}  // namespace

llvm::Value* FunctionEmitter::to_f32(DataType from, llvm::Value* v) {
  int lanes = from.lanes;
  llvm::Type* i32 = m_.type_of(tir::kI32.with_lanes(lanes));
  llvm::Type* f32 = m_.type_of(tir::kF32.with_lanes(lanes));
  auto c = [&](int64_t value) { return int_constant(tir::kI32.with_lanes(lanes), value); };
  if (from.code == tir::TypeCode::kBfloat) return b_.CreateBitCast(b_.CreateShl(b_.CreateZExt(v, i32), c(16)), f32);
  if (m_.native_half()) {
    llvm::Type* half = b_.getHalfTy();
    if (lanes > 1) half = llvm::FixedVectorType::get(half, lanes);
    return b_.CreateFPExt(b_.CreateBitCast(v, half), f32);
  }
  // Move exponent and mantissa into place; then correct the exponent of infinities and NaNs, and let a float
  // subtraction normalise denormals.
  llvm::Value* bits = b_.CreateZExt(v, i32);
  llvm::Value* sign = b_.CreateShl(b_.CreateAnd(bits, c(0x8000)), c(16));
  llvm::Value* magnitude = b_.CreateShl(b_.CreateAnd(bits, c(0x7fff)), c(13));
  llvm::Value* exponent = b_.CreateAnd(magnitude, c(0x7c00 << 13));
  llvm::Value* normal = b_.CreateAdd(magnitude, c((127 - 15) << 23));
  llvm::Value* special = b_.CreateAdd(normal, c((128 - 16) << 23));
  llvm::Value* magic = c(113 << 23);
  llvm::Value* shifted = b_.CreateBitCast(b_.CreateAdd(normal, c(1 << 23)), f32);
  llvm::Value* denormal = b_.CreateBitCast(b_.CreateFSub(shifted, b_.CreateBitCast(magic, f32)), i32);
  llvm::Value* result = b_.CreateSelect(b_.CreateICmpEQ(exponent, c(0)), denormal, normal);
  result = b_.CreateSelect(b_.CreateICmpEQ(exponent, c(0x7c00 << 13)), special, result);
  return b_.CreateBitCast(b_.CreateOr(result, sign), f32);
}

llvm::Value* FunctionEmitter::f32_to_small(DataType to, llvm::Value* v) {
  int lanes = to.lanes;
  llvm::Type* i16 = m_.type_of(tir::kI16.with_lanes(lanes));
  llvm::Type* i32 = m_.type_of(tir::kI32.with_lanes(lanes));
  llvm::Type* f32 = m_.type_of(tir::kF32.with_lanes(lanes));
  auto c = [&](int64_t value) { return int_constant(tir::kI32.with_lanes(lanes), value); };
  llvm::Value* bits = b_.CreateBitCast(v, i32);
  if (to.code == tir::TypeCode::kBfloat) {
    llvm::Value* odd = b_.CreateAnd(b_.CreateLShr(bits, c(16)), c(1));
    llvm::Value* rounded = b_.CreateAdd(bits, b_.CreateAdd(odd, c(0x7fff)));
    llvm::Value* quiet = b_.CreateOr(bits, c(0x400000));
    llvm::Value* result = b_.CreateSelect(b_.CreateFCmpUNO(v, v), quiet, rounded);
    return b_.CreateTrunc(b_.CreateLShr(result, c(16)), i16);
  }
  if (m_.native_half()) {
    llvm::Type* half = b_.getHalfTy();
    if (lanes > 1) half = llvm::FixedVectorType::get(half, lanes);
    return b_.CreateBitCast(b_.CreateFPTrunc(v, half), i16);
  }
  // Three ranges: too large (infinity or NaN), normal (rounded by an integer addition whose carry may enter the
  // exponent), and denormal (rounded by a float addition that aligns the mantissa).
  llvm::Value* sign = b_.CreateAnd(bits, c(0x80000000));
  llvm::Value* magnitude = b_.CreateXor(bits, sign);
  llvm::Value* odd = b_.CreateAnd(b_.CreateLShr(magnitude, c(13)), c(1));
  llvm::Value* normal = b_.CreateAdd(magnitude, c(((15 - 127) << 23) + 0xfff));
  normal = b_.CreateLShr(b_.CreateAdd(normal, odd), c(13));
  int64_t magic_bits = ((127 - 15) + (23 - 10) + 1) << 23;
  llvm::Value* aligned = b_.CreateFAdd(b_.CreateBitCast(magnitude, f32), b_.CreateBitCast(c(magic_bits), f32));
  llvm::Value* denormal = b_.CreateSub(b_.CreateBitCast(aligned, i32), c(magic_bits));
  llvm::Value* is_nan = b_.CreateICmpUGT(magnitude, c(255 << 23));
  llvm::Value* large = b_.CreateSelect(is_nan, c(0x7e00), c(0x7c00));
  llvm::Value* result = b_.CreateSelect(b_.CreateICmpULT(magnitude, c(113 << 23)), denormal, normal);
  result = b_.CreateSelect(b_.CreateICmpUGE(magnitude, c((127 + 16) << 23)), large, result);
  return b_.CreateTrunc(b_.CreateOr(result, b_.CreateLShr(sign, c(16))), i16);
}

/// Rounds an f64 to odd: a result that is not exact has its last bit set, so that rounding it again to a narrower type
/// gives what rounding once would (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
llvm::Value* FunctionEmitter::f64_to_f32_odd(llvm::Value* v) {
  int lanes = 1;
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(v->getType())) lanes = vector->getNumElements();
  DataType i32_type = tir::kI32.with_lanes(lanes);
  llvm::Type* f32 = m_.type_of(tir::kF32.with_lanes(lanes));
  llvm::Value* nearest = b_.CreateFPTrunc(v, f32);
  llvm::Value* back = b_.CreateFPExt(nearest, v->getType());
  llvm::Value* bits = b_.CreateBitCast(nearest, m_.type_of(i32_type));
  llvm::Value* too_large = b_.CreateFCmpOGT(b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, back),
                                            b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, v));
  llvm::Value* down = b_.CreateAdd(bits, b_.CreateSExt(too_large, bits->getType()));
  llvm::Value* odd = b_.CreateOr(down, int_constant(i32_type, 1));
  return b_.CreateBitCast(b_.CreateSelect(b_.CreateFCmpONE(back, v), odd, bits), f32);
}

llvm::Value* FunctionEmitter::emit_cast(DataType to, DataType from, llvm::Value* v) {
  if (to == from) return v;
  llvm::Type* type = m_.type_of(to);
  int lanes = to.lanes;
  bool to_float = to.is_floating(), from_float = from.is_floating();
  if (to.is_bool()) {
    if (is_small(from)) v = to_f32(from, v);
    if (from_float) return b_.CreateFCmpUNE(v, llvm::Constant::getNullValue(v->getType()));
    return b_.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType()));
  }
  if (!to_float && !from_float) {
    if (to.is_handle() || from.is_handle()) return b_.CreateBitOrPointerCast(v, type);
    return b_.CreateIntCast(v, type, from.is_int());
  }
  if (!to_float) {
    if (is_small(from)) v = to_f32(from, v);
    llvm::Intrinsic::ID id = to.is_uint() ? llvm::Intrinsic::fptoui_sat : llvm::Intrinsic::fptosi_sat;
    llvm::Type* types[] = {type, v->getType()};
    llvm::Value* operands[] = {v};
    return b_.CreateIntrinsic(id, types, operands);
  }
  if (!from_float) {
    // Through f64, which holds every integer of 32 bits, so that small floats are rounded once.
    DataType middle = is_small(to) ? tir::kF64.with_lanes(lanes) : to;
    llvm::Type* middle_type = m_.type_of(middle);
    v = from.is_int() ? b_.CreateSIToFP(v, middle_type) : b_.CreateUIToFP(v, middle_type);
    return emit_cast(to, middle, v);
  }
  if (is_small(from)) {
    v = to_f32(from, v);
    from = tir::kF32.with_lanes(lanes);
  }
  if (is_small(to)) return f32_to_small(to, from.bits == 64 ? f64_to_f32_odd(v) : v);
  if (to.bits > from.bits) return b_.CreateFPExt(v, type);
  return to.bits < from.bits ? b_.CreateFPTrunc(v, type) : v;
}

}  // namespace tilewright::codegen
