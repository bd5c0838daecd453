// What the functions of a module share: types, attributes, declarations of the support functions.
#include <llvm/IR/Constants.h>
#include <llvm/IR/DerivedTypes.h>

#include <algorithm>

#include "codegen/llvm/emitter.h"
#include "codegen/llvm/target_machine.h"

namespace tilewright::codegen {

ModuleEmitter::ModuleEmitter(llvm::LLVMContext& c, const Target& t, const LlvmOptions& o)
    : context(c), target(t), options(o) {
  bool x86 = target.triple.starts_with("x86_64") || target.triple.starts_with("amd64");
  native_half_ = !x86 || std::find(t.features.begin(), t.features.end(), "+f16c") != t.features.end();
}

llvm::Type* ModuleEmitter::type_of(DataType t) {
  llvm::Type* element = nullptr;
  if (t.is_bool()) {
    element = llvm::Type::getInt1Ty(context);
  } else if (t.is_handle()) {
    element = ptr();
  } else if (t.is_floating() && t.bits == 32) {
    element = llvm::Type::getFloatTy(context);
  } else if (t.is_floating() && t.bits == 64) {
    element = llvm::Type::getDoubleTy(context);
  } else {
    element = llvm::Type::getIntNTy(context, t.bits);
  }
  return t.lanes == 1 ? element : llvm::FixedVectorType::get(element, t.lanes);
}

llvm::Type* ModuleEmitter::memory_type_of(DataType t) {
  return t.is_bool() ? type_of(tir::kI8.with_lanes(t.lanes)) : type_of(t);
}

llvm::Function* ModuleEmitter::make_function(const std::string& name, llvm::FunctionType* type, bool internal) {
  auto linkage = internal ? llvm::GlobalValue::InternalLinkage : llvm::GlobalValue::ExternalLinkage;
  llvm::Function* f = llvm::Function::Create(type, linkage, name, *module);
  f->setUnnamedAddr(internal ? llvm::GlobalValue::UnnamedAddr::Global : llvm::GlobalValue::UnnamedAddr::None);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  return f;
}

void ModuleEmitter::set_kernel_attributes(llvm::Function* f) {
  f->addFnAttr("target-cpu", target.cpu);
  f->addFnAttr("target-features", feature_string(target));
  f->addFnAttr("prefer-vector-width", std::to_string(target.vector_bytes * 8));
}

void ModuleEmitter::set_baseline_attributes(llvm::Function* f) {
  f->addFnAttr("target-cpu", target.triple.starts_with("aarch64") ? "generic" : "x86-64");
  f->addFnAttr("target-features", "");
}

llvm::Constant* ModuleEmitter::string_constant(const std::string& text) {
  llvm::Constant*& known = strings_[text];
  if (!known) {
    auto* data = llvm::ConstantDataArray::getString(context, text);
    auto* global =
        new llvm::GlobalVariable(*module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "text");
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    global->setAlignment(llvm::Align(1));
    known = global;
  }
  return known;
}

namespace {

/// Support functions live in the same library, so calls need no indirection.
llvm::FunctionCallee declare(llvm::Module& module, const char* name, llvm::FunctionType* type) {
  llvm::FunctionCallee callee = module.getOrInsertFunction(name, type);
  auto* f = llvm::cast<llvm::Function>(callee.getCallee());
  f->setVisibility(llvm::GlobalValue::HiddenVisibility);
  f->setDSOLocal(true);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  return callee;
}

}  // namespace

llvm::FunctionCallee ModuleEmitter::support_fail() {
  auto* type = llvm::FunctionType::get(i32(), {ptr(), ptr()}, false);
  llvm::FunctionCallee callee = declare(*module, "__tilewright_fail", type);
  llvm::cast<llvm::Function>(callee.getCallee())->addFnAttr(llvm::Attribute::Cold);
  return callee;
}
llvm::FunctionCallee ModuleEmitter::support_unpack_args() {
  auto* type = llvm::FunctionType::get(i32(), {ptr(), ptr(), i32(), ptr(), ptr()}, false);
  return declare(*module, "__tilewright_unpack_args", type);
}
llvm::FunctionCallee ModuleEmitter::support_parallel_for() {
  auto* type = llvm::FunctionType::get(i32(), {i64(), i64(), i32(), ptr(), ptr()}, false);
  return declare(*module, "__tilewright_parallel_for", type);
}
llvm::FunctionCallee ModuleEmitter::support_workspace_alloc() {
  auto* type = llvm::FunctionType::get(ptr(), {i64(), i64()}, false);
  llvm::FunctionCallee callee = declare(*module, "__tilewright_workspace_alloc", type);
  llvm::cast<llvm::Function>(callee.getCallee())->setReturnDoesNotAlias();
  return callee;
}
llvm::FunctionCallee ModuleEmitter::support_workspace_free() {
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {ptr()}, false);
  return declare(*module, "__tilewright_workspace_free", type);
}

llvm::Function* ModuleEmitter::emit_kernel(const tir::PrimFunc& lowered, const Signature& signature) {
  kernel_name = signature.name;
  std::vector<llvm::Type*> types;
  for (const Argument& arg : signature.arguments) {
    bool small = arg.dtype.is_floating() && arg.dtype.bits == 16;
    types.push_back(arg.is_tensor ? ptr() : type_of(small ? tir::kF64 : arg.dtype));
  }
  for (const tir::Var& symbol : signature.symbols) {
    types.push_back(symbol.defined() ? type_of(symbol.dtype()) : i64());
  }
  llvm::Function* f = make_function(signature.name + "_compute", llvm::FunctionType::get(i32(), types, false), true);
  set_kernel_attributes(f);
  FunctionEmitter emitter(*this, f, false);
  unsigned index = 0;
  for (const Argument& arg : signature.arguments) {
    llvm::Argument* value = f->getArg(index);
    value->setName(arg.name);
    if (arg.is_tensor) {
      uint64_t align = static_cast<uint64_t>(std::max(arg.alignment, std::max(1, arg.dtype.element_bytes())));
      value->addAttr(llvm::Attribute::NoAlias);
      value->addAttr(llvm::Attribute::getWithAlignment(context, llvm::Align(align)));
      if (!arg.is_output) value->addAttr(llvm::Attribute::ReadOnly);
      emitter.define_parameter(arg.param.buffer, value);
    } else {
      emitter.define_scalar(arg.param.scalar, value);
    }
    ++index;
  }
  for (const tir::Var& symbol : signature.symbols) {
    if (symbol.defined()) {
      f->getArg(index)->setName(symbol.name());
      emitter.define_variable(symbol, f->getArg(index));
    }
    ++index;
  }
  emit_size_checks(emitter, signature, f);
  emitter.emit(lowered->body);
  emitter.finish();
  return f;
}

void ModuleEmitter::emit(const tir::PrimFunc& lowered, const Signature& signature) {
  module = std::make_unique<llvm::Module>(signature.name, context);
  module->setTargetTriple(target.triple);
  TargetMachineLease machine(target);
  module->setDataLayout(machine->createDataLayout());
  module->setPICLevel(llvm::PICLevel::BigPIC);
  llvm::Function* kernel = emit_kernel(lowered, signature);
  emit_entry(signature, kernel);
  emit_metadata();
}

}  // namespace tilewright::codegen
