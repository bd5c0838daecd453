// The exported function: unpacks and checks arguments by the descriptor, then calls the kernel. Compiled for the
// baseline instruction set, so that a wrong call fails politely on any CPU.
#include <fmt/format.h>
#include <llvm/IR/Constants.h>

#include "codegen/llvm/emitter.h"
#include "tilewright/runtime/abi.h"
#include "tilewright/tir/printer.h"

namespace tilewright::codegen {
namespace {

int dtype_code(DataType t) {
  switch (t.code) {
    case tir::TypeCode::kInt:
      return TW_DTYPE_INT;
    case tir::TypeCode::kUint:
      return TW_DTYPE_UINT;
    case tir::TypeCode::kBfloat:
      return TW_DTYPE_BFLOAT;
    case tir::TypeCode::kBool:
      return TW_DTYPE_BOOL;
    default:
      return TW_DTYPE_FLOAT;
  }
}

}  // namespace

/// Extents that are expressions, and what callers guarantee about sizes.
void ModuleEmitter::emit_size_checks(FunctionEmitter& emitter, const Signature& signature, llvm::Function* kernel) {
  if (!options.check_arguments) return;
  size_t first_symbol = signature.arguments.size();
  for (const DerivedExtent& derived : signature.derived) {
    llvm::Value* given = kernel->getArg(static_cast<unsigned>(first_symbol + derived.symbol));
    llvm::Value* expected = emitter.emit(tir::cast(tir::kI64, derived.value));
    emitter.fail_unless(
        emitter.builder().CreateICmpEQ(given, expected), "ValueError",
        fmt::format("{}: argument {} ({}): dimension {} must be {}", signature.name, derived.argument,
                    signature.arguments[derived.argument].name, derived.dimension, tir::to_string(derived.value)));
  }
  for (const Expr& assumption : signature.assumptions) {
    emitter.fail_unless(emitter.emit(assumption), "ValueError",
                        fmt::format("{}: the sizes must satisfy {}", signature.name, tir::to_string(assumption)));
  }
}

llvm::Constant* ModuleEmitter::emit_descriptor(const Signature& signature) {
  auto* i8_type = llvm::Type::getInt8Ty(context);
  auto* i16_type = llvm::Type::getInt16Ty(context);
  auto c64 = [&](int64_t v) { return llvm::ConstantInt::get(i64(), static_cast<uint64_t>(v)); };
  auto c32 = [&](int64_t v) { return llvm::ConstantInt::get(i32(), static_cast<uint64_t>(v)); };
  auto* null = llvm::ConstantPointerNull::get(ptr());
  auto* dim_type = llvm::StructType::get(context, {i64(), i64()});
  auto* dtype_type = llvm::StructType::get(context, {i8_type, i8_type, i16_type});
  auto* arg_type = llvm::StructType::get(context, {ptr(), i32(), i32(), dtype_type, i32(), ptr(), ptr(), i32(), i32()});
  auto* function_type = llvm::StructType::get(context, {ptr(), i32(), i32(), ptr()});
  auto constant = [&](llvm::Constant* value, const char* name) -> llvm::Constant* {
    return new llvm::GlobalVariable(*module, value->getType(), true, llvm::GlobalValue::PrivateLinkage, value, name);
  };
  std::vector<llvm::Constant*> args;
  for (const Argument& arg : signature.arguments) {
    llvm::Constant* shape = null;
    if (!arg.shape.empty()) {
      std::vector<llvm::Constant*> dims;
      for (const Dimension& dim : arg.shape) {
        dims.push_back(llvm::ConstantStruct::get(dim_type, {c64(dim.extent), c64(dim.symbol)}));
      }
      shape = constant(llvm::ConstantArray::get(llvm::ArrayType::get(dim_type, dims.size()), dims), "shape");
    }
    int kind = arg.is_tensor ? TW_ARG_TENSOR : arg.dtype.is_floating() ? TW_ARG_FLOAT : TW_ARG_INT;
    llvm::Constant* dtype = llvm::ConstantStruct::get(
        dtype_type, {llvm::ConstantInt::get(i8_type, static_cast<uint64_t>(dtype_code(arg.dtype))),
                     llvm::ConstantInt::get(i8_type, arg.dtype.bits), llvm::ConstantInt::get(i16_type, 1)});
    args.push_back(llvm::ConstantStruct::get(
        arg_type, {string_constant(arg.name), c32(kind), c32(arg.is_output ? TW_ARG_OUTPUT : 0), dtype,
                   c32(static_cast<int64_t>(arg.shape.size())), shape, null, c32(arg.alignment), c32(TW_DEVICE_CPU)}));
  }
  llvm::Constant* list = null;
  if (!args.empty()) {
    list = constant(llvm::ConstantArray::get(llvm::ArrayType::get(arg_type, args.size()), args), "arguments");
  }
  return constant(
      llvm::ConstantStruct::get(function_type, {string_constant(signature.name), c32(static_cast<int64_t>(args.size())),
                                                c32(signature.num_symbols()), list}),
      "function");
}

/// Takes arguments at their word.
void ModuleEmitter::emit_unchecked_arguments(llvm::IRBuilder<>& b, const Signature& signature, llvm::Value* args,
                                             llvm::Value* data, llvm::Value* symbols) {
  auto at = [&](llvm::Value* p, int64_t offset) { return b.CreatePtrAdd(p, b.getInt64(offset)); };
  std::vector<bool> bound(signature.symbols.size(), false);
  for (size_t i = 0; i < signature.arguments.size(); ++i) {
    const Argument& arg = signature.arguments[i];
    llvm::Value* any = at(args, static_cast<int64_t>(i * sizeof(TwAny)));
    llvm::Value* value = b.CreateLoad(i64(), at(any, offsetof(TwAny, v_int64)));
    llvm::Value* slot = at(data, static_cast<int64_t>(i * sizeof(void*)));
    if (!arg.is_tensor) {
      b.CreateStore(value, slot);
      continue;
    }
    llvm::Value* index = b.CreateLoad(i32(), any);
    llvm::Value* header = b.CreateSelect(b.CreateICmpSGE(index, b.getInt32(TW_TYPE_OBJECT_BEGIN)),
                                         b.getInt64(TW_OBJECT_HEADER_BYTES), b.getInt64(0));
    llvm::Value* tensor = b.CreateIntToPtr(b.CreateAdd(value, header), ptr());
    llvm::Value* memory = b.CreateLoad(ptr(), at(tensor, offsetof(TwDLTensor, data)));
    llvm::Value* offset = b.CreateLoad(i64(), at(tensor, offsetof(TwDLTensor, byte_offset)));
    b.CreateStore(b.CreatePtrAdd(memory, offset), slot);
    llvm::Value* shape = b.CreateLoad(ptr(), at(tensor, offsetof(TwDLTensor, shape)));
    for (size_t d = 0; d < arg.shape.size(); ++d) {
      int symbol = arg.shape[d].symbol;
      if (symbol < 0 || bound[symbol]) continue;
      bound[symbol] = true;
      b.CreateStore(b.CreateLoad(i64(), at(shape, static_cast<int64_t>(d * 8))), at(symbols, symbol * 8));
    }
  }
}

void ModuleEmitter::emit_entry(const Signature& signature, llvm::Function* kernel) {
  auto* type = llvm::FunctionType::get(i32(), {ptr(), ptr(), i32(), ptr()}, false);
  llvm::Function* entry = make_function(TW_FUNCTION_PREFIX + signature.name, type, false);
  set_baseline_attributes(entry);
  llvm::Value *args = entry->getArg(1), *count = entry->getArg(2), *result = entry->getArg(3);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", entry));
  size_t num_args = signature.arguments.size();
  llvm::Value* data = b.CreateAlloca(llvm::ArrayType::get(i64(), std::max<size_t>(1, num_args)), nullptr, "data");
  llvm::Value* symbols =
      b.CreateAlloca(llvm::ArrayType::get(i64(), std::max<size_t>(1, signature.symbols.size())), nullptr, "symbols");
  llvm::BasicBlock* failed = llvm::BasicBlock::Create(context, "failed", entry);
  auto go_on_if_zero = [&](llvm::Value* status, const char* name) {
    llvm::BasicBlock* next = llvm::BasicBlock::Create(context, name, entry);
    b.CreateCondBr(b.CreateICmpEQ(status, b.getInt32(0)), next, failed);
    b.SetInsertPoint(next);
  };
  if (options.check_arguments) {
    go_on_if_zero(b.CreateCall(support_unpack_args(), {emit_descriptor(signature), args, count, data, symbols}),
                  "checked");
  } else {
    emit_unchecked_arguments(b, signature, args, data, symbols);
  }
  std::vector<llvm::Value*> values;
  for (size_t i = 0; i < num_args; ++i) {
    const Argument& arg = signature.arguments[i];
    llvm::Value* slot = b.CreatePtrAdd(data, b.getInt64(i * 8));
    if (arg.is_tensor) {
      values.push_back(b.CreateLoad(ptr(), slot));
    } else if (arg.dtype.is_floating()) {
      llvm::Value* v = b.CreateLoad(b.getDoubleTy(), slot);
      values.push_back(arg.dtype.bits == 32 ? b.CreateFPTrunc(v, b.getFloatTy()) : v);
    } else {
      llvm::Value* v = b.CreateLoad(i64(), slot);
      values.push_back(arg.dtype.is_bool() ? b.CreateICmpNE(v, b.getInt64(0))
                                           : b.CreateIntCast(v, type_of(arg.dtype), true));
    }
  }
  for (int s = 0; s < signature.num_symbols(); ++s) {
    llvm::Value* v = b.CreateLoad(i64(), b.CreatePtrAdd(symbols, b.getInt64(s * 8)));
    const tir::Var& symbol = signature.symbols[s];
    values.push_back(symbol.defined() ? b.CreateIntCast(v, type_of(symbol.dtype()), true) : v);
  }
  go_on_if_zero(b.CreateCall(kernel, values), "done");
  b.CreateStore(b.getInt64(0), result);
  b.CreateStore(b.getInt64(0), b.CreatePtrAdd(result, b.getInt64(offsetof(TwAny, v_int64))));
  b.CreateRet(b.getInt32(0));
  b.SetInsertPoint(failed);
  b.CreateRet(b.getInt32(-1));
}

void ModuleEmitter::emit_metadata() {
  if (options.metadata_section.empty()) return;
  auto* data = llvm::ConstantDataArray::getString(context, options.metadata_section, false);
  // The linker keeps it by name. Not llvm.used: a target machine remembers the addresses of such globals, and in its
  // next module takes whatever lies there for one.
  auto* global = new llvm::GlobalVariable(*module, data->getType(), true, llvm::GlobalValue::ExternalLinkage, data,
                                          kMetadataSymbol);
  global->setVisibility(llvm::GlobalValue::HiddenVisibility);
  global->setSection(TW_META_SECTION);
  global->setAlignment(llvm::Align(8));
}

}  // namespace tilewright::codegen
