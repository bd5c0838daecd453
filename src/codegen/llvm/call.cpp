// Intrinsics and calls of C functions.
#include <fmt/format.h>
#include <llvm/IR/Intrinsics.h>

#include <cctype>

#include "codegen/llvm/emitter.h"
#include "tilewright/runtime/abi.h"

namespace tilewright::codegen {

using tir::Intrinsic;

llvm::Value* FunctionEmitter::emit_call(const tir::CallNode* e) {
  DataType t = e->dtype;
  if (e->op == Intrinsic::kExtern) return emit_extern(e);
  if (e->op == Intrinsic::kAddressOf || e->op == Intrinsic::kPrefetch) {
    const auto* load = as<tir::LoadNode>(e->args.at(0));
    if (!load || load->indices.size() != 1) {
      throw Error("G0831", "codegen", fmt::format("{} needs a load from memory", tir::intrinsic_name(e->op)));
    }
    llvm::Value* p = element_pointers(load->buffer, load->indices[0]);
    if (e->op == Intrinsic::kAddressOf) return p;
    llvm::Type* types[] = {m_.ptr()};
    llvm::Value* hint[] = {p, b_.getInt32(0), b_.getInt32(3), b_.getInt32(1)};
    b_.CreateIntrinsic(llvm::Intrinsic::prefetch, types, hint);
    return b_.getInt32(0);
  }
  llvm::SmallVector<llvm::Value*, 4> args;
  for (const Expr& arg : e->args) args.push_back(emit(arg));
  DataType operand = e->args.at(0).dtype();
  bool small = operand.is_floating() && operand.bits == 16 && e->op != Intrinsic::kReinterpret;
  if (small) {
    for (llvm::Value*& arg : args) arg = to_f32(operand, arg);
  }
  auto done = [&](llvm::Value* v) { return small && t.is_floating() ? f32_to_small(t, v) : v; };
  auto unary = [&](llvm::Intrinsic::ID id) { return done(b_.CreateUnaryIntrinsic(id, args[0])); };
  // Counts of at least the width shift by the count modulo the width.
  auto count = [&] { return b_.CreateAnd(args[1], int_constant(operand, operand.bits - 1)); };
  switch (e->op) {
    case Intrinsic::kSqrt:
      return unary(llvm::Intrinsic::sqrt);
    case Intrinsic::kFloor:
      return unary(llvm::Intrinsic::floor);
    case Intrinsic::kCeil:
      return unary(llvm::Intrinsic::ceil);
    case Intrinsic::kTrunc:
      return unary(llvm::Intrinsic::trunc);
    case Intrinsic::kRound:
      return unary(llvm::Intrinsic::roundeven);
    case Intrinsic::kAbs:
      if (operand.is_floating()) return unary(llvm::Intrinsic::fabs);
      if (operand.is_uint()) return args[0];
      return b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, args[0], b_.getFalse());
    case Intrinsic::kFma: {
      llvm::Type* types[] = {args[0]->getType()};
      return done(b_.CreateIntrinsic(llvm::Intrinsic::fma, types, args));
    }
    case Intrinsic::kIsNan:
      return b_.CreateFCmpUNO(args[0], args[0]);
    case Intrinsic::kShiftLeft:
      return b_.CreateShl(args[0], count());
    case Intrinsic::kShiftRight:
      return operand.is_uint() ? b_.CreateLShr(args[0], count()) : b_.CreateAShr(args[0], count());
    case Intrinsic::kBitAnd:
      return b_.CreateAnd(args[0], args[1]);
    case Intrinsic::kBitOr:
      return b_.CreateOr(args[0], args[1]);
    case Intrinsic::kBitXor:
      return b_.CreateXor(args[0], args[1]);
    case Intrinsic::kBitNot:
      return b_.CreateNot(args[0]);
    case Intrinsic::kPopcount: {
      llvm::Value* bits = b_.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, args[0]);
      return b_.CreateZExtOrTrunc(bits, m_.type_of(t));
    }
    case Intrinsic::kReinterpret:
      return b_.CreateBitCast(args[0], m_.type_of(t));
    default:
      throw Error("G0831", "codegen",
                  fmt::format("{} must have been expanded by lowering", tir::intrinsic_name(e->op)));
  }
}

namespace {

/// Names that C code may have and that this module does not use itself.
bool is_external_name(const std::string& name, const std::string& kernel) {
  bool good = !name.empty() && name.size() <= 200 && !std::isdigit(static_cast<unsigned char>(name[0]));
  for (char c : name) good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
  return good && !name.starts_with(TW_INTERNAL_PREFIX) && !name.starts_with(TW_FUNCTION_PREFIX) &&
         !name.starts_with(kernel + "_");
}

}  // namespace

/// A C function takes scalars, so a vector call becomes one call a lane.
llvm::Value* FunctionEmitter::emit_extern(const tir::CallNode* e) {
  DataType t = e->dtype;
  if (!is_external_name(e->name, m_.kernel_name)) {
    throw Error("G0834", "codegen",
                fmt::format("\"{}\" cannot be called: it is no name of a C function outside", e->name));
  }
  llvm::SmallVector<llvm::Value*, 8> args;
  llvm::SmallVector<llvm::Type*, 8> types;
  auto c_type = [&](DataType type) -> llvm::Type* {
    return type.is_bool() ? b_.getInt8Ty() : m_.type_of(type.element());
  };
  int lanes = t.lanes;
  for (const Expr& arg : e->args) {
    llvm::Value* v = emit(arg);
    if (arg.dtype().is_bool()) v = b_.CreateZExt(v, m_.memory_type_of(arg.dtype()));
    args.push_back(v);
    types.push_back(c_type(arg.dtype()));
    lanes = std::max<int>(lanes, arg.dtype().lanes);
  }
  llvm::FunctionCallee callee =
      m_.module->getOrInsertFunction(e->name, llvm::FunctionType::get(c_type(t), types, false));
  auto call = [&](llvm::ArrayRef<llvm::Value*> scalars) -> llvm::Value* {
    llvm::Value* v = b_.CreateCall(callee, scalars);
    return t.is_bool() ? b_.CreateICmpNE(v, b_.getInt8(0)) : v;
  };
  if (lanes == 1) return call(args);
  llvm::Value* result = llvm::PoisonValue::get(m_.type_of(t.with_lanes(lanes)));
  for (int lane = 0; lane < lanes; ++lane) {
    llvm::SmallVector<llvm::Value*, 8> scalars;
    for (llvm::Value* arg : args) {
      scalars.push_back(arg->getType()->isVectorTy() ? b_.CreateExtractElement(arg, static_cast<uint64_t>(lane)) : arg);
    }
    result = b_.CreateInsertElement(result, call(scalars), static_cast<uint64_t>(lane));
  }
  return result;
}

}  // namespace tilewright::codegen
