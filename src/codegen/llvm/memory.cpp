// Loads and stores: scalars, contiguous vectors, gathers and scatters, each with or without a mask.
#include <llvm/IR/Constants.h>

#include "codegen/llvm/emitter.h"

namespace tilewright::codegen {

using tir::ExprKind;

namespace {

llvm::Align element_align(DataType t) {
  return llvm::Align(static_cast<uint64_t>(std::max(1, t.element_bytes())));
}

/// The base of an index that is ramp(base, 1), or null.
const tir::RampNode* contiguous(const Expr& index) {
  const auto* ramp = as<tir::RampNode>(index);
  return ramp && tir::is_const_int(ramp->stride, 1) ? ramp : nullptr;
}

}  // namespace

llvm::Value* FunctionEmitter::from_memory(DataType t, llvm::Value* v) {
  if (!t.is_bool()) return v;
  return b_.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType()));
}

llvm::Value* FunctionEmitter::to_memory(DataType t, llvm::Value* v) {
  return t.is_bool() ? b_.CreateZExt(v, m_.memory_type_of(t)) : v;
}

/// The address of a scalar or of a contiguous vector's first element; else a vector of addresses.
llvm::Value* FunctionEmitter::element_pointers(const tir::Buffer& buffer, const Expr& index) {
  if (const auto* ramp = contiguous(index)) return address(buffer, ramp->base);
  int lanes = index.dtype().lanes;
  if (lanes == 1) return address(buffer, index);
  llvm::Type* element = m_.element_memory_type(buffer.dtype());
  if (const auto* ramp = as<tir::RampNode>(index)) {
    llvm::Value* base = address(buffer, ramp->base);
    return b_.CreateGEP(element, base, emit(tir::ramp(tir::make_int(ramp->base.dtype(), 0), ramp->stride, lanes)));
  }
  int level;
  llvm::Value* base = buffer_pointer(buffer, &level);
  return b_.CreateGEP(element, base, emit(index));
}

llvm::Value* FunctionEmitter::emit_load(const tir::LoadNode* e) {
  DataType t = e->dtype;
  const tir::Buffer& buffer = e->buffer;
  if (buffer.scope() == tir::Scope::kRegister) {
    auto found = registers_.find(buffer.get());
    if (found == registers_.end()) {
      throw Error("G0830", "codegen", "register buffer " + buffer.name() + " is not allocated in this function");
    }
    return b_.CreateLoad(m_.type_of(t), found->second);
  }
  if (e->indices.size() != 1) throw Error("G0831", "codegen", "buffer " + buffer.name() + " is not flat");
  const Expr& index = e->indices[0];
  llvm::Type* type = m_.memory_type_of(t);
  llvm::Align align = element_align(t);
  bool masked = e->mask.defined() && !tir::is_true(e->mask);
  if (masked && e->mask.dtype().lanes == 1) {
    return emit_branches(
        emit(e->mask), m_.type_of(t),
        [&] {
          tir::LoadNode plain(t, buffer, e->indices, nullptr);
          return emit_load(&plain);
        },
        [&]() -> llvm::Value* { return llvm::Constant::getNullValue(m_.type_of(t)); });
  }
  llvm::Value* mask = masked ? emit(e->mask) : nullptr;
  bool gather = index.dtype().lanes > 1 && !contiguous(index);
  llvm::Value* p = element_pointers(buffer, index);
  llvm::Value* zero = llvm::Constant::getNullValue(type);
  if (gather) {
    if (!mask) mask = llvm::ConstantInt::getTrue(llvm::VectorType::get(b_.getInt1Ty(), t.lanes, false));
    return from_memory(t, b_.CreateMaskedGather(type, p, align, mask, zero));
  }
  if (mask) return from_memory(t, b_.CreateMaskedLoad(type, p, align, mask, zero));
  return from_memory(t, b_.CreateAlignedLoad(type, p, align));
}

void FunctionEmitter::emit_store(const tir::StoreNode* s) {
  const tir::Buffer& buffer = s->buffer;
  DataType t = s->value.dtype();
  if (buffer.scope() == tir::Scope::kRegister) {
    auto found = registers_.find(buffer.get());
    if (found == registers_.end()) {
      throw Error("G0830", "codegen", "register buffer " + buffer.name() + " is not allocated in this function");
    }
    llvm::Value* v = emit(s->value);
    if (s->mask.defined() && !tir::is_true(s->mask)) {
      v = b_.CreateSelect(emit(s->mask), v, b_.CreateLoad(v->getType(), found->second));
    }
    b_.CreateStore(v, found->second);
    return;
  }
  if (s->indices.size() != 1) throw Error("G0831", "codegen", "buffer " + buffer.name() + " is not flat");
  const Expr& index = s->indices[0];
  bool masked = s->mask.defined() && !tir::is_true(s->mask);
  if (masked && s->mask.dtype().lanes == 1) {
    tir::StoreNode plain;
    plain.buffer = buffer;
    plain.indices = s->indices;
    plain.value = s->value;
    emit_guarded(emit(s->mask), [&] { emit_store(&plain); }, nullptr);
    return;
  }
  llvm::Value* mask = masked ? emit(s->mask) : nullptr;
  llvm::Value* v = to_memory(t, emit(s->value));
  llvm::Value* p = element_pointers(buffer, index);
  llvm::Align align = element_align(t);
  if (index.dtype().lanes > 1 && !contiguous(index)) {
    b_.CreateMaskedScatter(v, p, align, mask);
  } else if (mask) {
    b_.CreateMaskedStore(v, p, align, mask);
  } else {
    b_.CreateAlignedStore(v, p, align);
  }
}

}  // namespace tilewright::codegen
