// Statements: control flow, scopes, allocations, failure.
#include <fmt/format.h>
#include <llvm/IR/MDBuilder.h>

#include <algorithm>

#include "codegen/llvm/emitter.h"

namespace tilewright::codegen {
namespace {

/// What one function may take of its thread's stack.
constexpr int64_t kStackBytes = 16 << 10;
constexpr int kVectorAlignment = 64;

}  // namespace

FunctionEmitter::FunctionEmitter(ModuleEmitter& module, llvm::Function* function, bool inside_parallel)
    : m_(module), f_(function), b_(module.context), inside_parallel_(inside_parallel) {
  entry_ = llvm::BasicBlock::Create(m_.context, "entry", f_);
  llvm::BasicBlock* body = llvm::BasicBlock::Create(m_.context, "body", f_);
  b_.SetInsertPoint(entry_);
  b_.CreateBr(body);
  b_.SetInsertPoint(body);
  scopes_.emplace_back();
}

llvm::BasicBlock* FunctionEmitter::new_block(const char* name) {
  return llvm::BasicBlock::Create(m_.context, name, f_);
}

void FunctionEmitter::push_scope(llvm::Instruction* entry) {
  scopes_.emplace_back();
  scopes_.back().entry = entry;
}
void FunctionEmitter::pop_scope() {
  scopes_.pop_back();
}

void FunctionEmitter::bind(const tir::VarNode* var, llvm::Value* value, int level) {
  vars_[var] = {value, level};
}

void FunctionEmitter::define_variable(const tir::Var& var, llvm::Value* value) {
  bind(var.get(), value, 0);
  // Scalars that come from outside are sizes; their bounds only decide how divisions are done.
  if (var.dtype() == tir::kI64) var_bounds_[var.get()] = {0, (int64_t{1} << 31) - 1};
}
void FunctionEmitter::define_scalar(const tir::Var& var, llvm::Value* value) {
  bool small = var.dtype().is_floating() && var.dtype().bits == 16;
  define_variable(var, small ? emit_cast(var.dtype(), tir::kF64, value) : value);
}
void FunctionEmitter::define_parameter(const tir::Buffer& buffer, llvm::Value* pointer) {
  parameters_[buffer.name()] = pointer;
  buffers_[buffer.get()] = {pointer, 0};
}
void FunctionEmitter::define_buffer(const tir::BufferNode* buffer, llvm::Value* pointer) {
  buffers_[buffer] = {pointer, 0};
}

void FunctionEmitter::emit(const Stmt& s) {
  switch (s.kind()) {
    case tir::StmtKind::kStore:
      emit_store(as<tir::StoreNode>(s));
      return;
    case tir::StmtKind::kFor:
      emit_for(as<tir::ForNode>(s));
      return;
    case tir::StmtKind::kSeq:
      for (const Stmt& item : as<tir::SeqNode>(s)->items) emit(item);
      return;
    case tir::StmtKind::kIf:
      emit_if(as<tir::IfNode>(s));
      return;
    case tir::StmtKind::kLet: {
      const auto* n = as<tir::LetStmtNode>(s);
      emit_let(n->var.get(), n->value, n->body);
      return;
    }
    case tir::StmtKind::kAssert:
      emit_assert(as<tir::AssertNode>(s));
      return;
    case tir::StmtKind::kEvaluate:
      emit_node(as<tir::EvaluateNode>(s)->value);
      return;
    case tir::StmtKind::kAlloc:
      emit_alloc(as<tir::AllocNode>(s));
      return;
    case tir::StmtKind::kBlock:
      break;
  }
  throw Error("G0832", "codegen", "a block cannot stand in lowered code");
}

void FunctionEmitter::emit_for(const tir::ForNode* s) {
  int64_t extent;
  bool constant = tir::is_const_int(s->extent, &extent);
  if (constant && extent < 1) return;
  if (constant && extent == 1) {
    emit_let(s->var.get(), s->min, s->body);
    return;
  }
  if (s->loop_kind == tir::ForKind::kParallel && !inside_parallel_ && m_.target.num_cores > 1) {
    emit_parallel(s);
    return;
  }
  if (s->loop_kind != tir::ForKind::kParallel && s->loop_kind != tir::ForKind::kSerial) {
    throw Error(
        "G0832", "codegen",
        fmt::format("the {} loop {} cannot stand in lowered code", tir::for_kind_name(s->loop_kind), s->var.name()));
  }
  Bounds bounds;
  bool may_be_empty = !constant && !(bounds_of(s->extent, &bounds) && bounds.min >= 1);
  llvm::Value* begin = emit(s->min);
  llvm::Value* end = emit(s->min + s->extent);
  emit_loop(s, begin, end, may_be_empty);
}

void FunctionEmitter::emit_chunk(const tir::ForNode* loop, llvm::Value* begin, llvm::Value* end) {
  if (!tir::is_const_int(loop->min, 0)) {
    llvm::Value* min = emit(loop->min);
    begin = b_.CreateAdd(begin, min);
    end = b_.CreateAdd(end, min);
  }
  emit_loop(loop, begin, end, true);
}

/// The test stands at the end, and before the loop only where it may run zero times.
void FunctionEmitter::emit_loop(const tir::ForNode* s, llvm::Value* begin, llvm::Value* end, bool may_be_empty) {
  llvm::BasicBlock* preheader = b_.GetInsertBlock();
  llvm::BasicBlock* header = new_block("loop");
  llvm::BasicBlock* exit = new_block("exit");
  llvm::Instruction* entry =
      may_be_empty ? b_.CreateCondBr(b_.CreateICmpSLT(begin, end), header, exit) : b_.CreateBr(header);
  b_.SetInsertPoint(header);
  llvm::PHINode* value = b_.CreatePHI(begin->getType(), 2, s->var.name());
  value->addIncoming(begin, preheader);

  push_scope(entry);
  Scope& scope = scopes_.back();
  scope.preheader = preheader;
  scope.header = header;
  if (s->var.dtype() == tir::kI64) {
    scope.loop_var = s->var.get();
    scope.loop_value = value;
    scope.loop_min = begin;
  }
  bind(s->var.get(), value, level());
  Bounds min, extent;
  if (bounds_of(s->min, &min) && bounds_of(s->extent, &extent) && extent.max >= 1 &&
      !__builtin_add_overflow(min.max, extent.max - 1, &extent.max)) {
    var_bounds_[s->var.get()] = {min.min, extent.max};
  }
  emit(s->body);

  llvm::BasicBlock* latch = b_.GetInsertBlock();
  for (auto& [phi, step] : scopes_.back().stride_list) phi->addIncoming(b_.CreateAdd(phi, step), latch);
  llvm::Value* next = b_.CreateAdd(value, llvm::ConstantInt::get(value->getType(), 1), "", false, true);
  value->addIncoming(next, latch);
  b_.CreateCondBr(b_.CreateICmpSLT(next, end), header, exit);
  pop_scope();
  b_.SetInsertPoint(exit);
}

void FunctionEmitter::emit_if(const tir::IfNode* s) {
  if (tir::is_true(s->condition)) return emit(s->then_body);
  if (tir::is_false(s->condition)) {
    if (s->else_body.defined()) emit(s->else_body);
    return;
  }
  std::function<void()> else_part;
  if (s->else_body.defined()) else_part = [&] { emit(s->else_body); };
  emit_guarded(emit(s->condition), [&] { emit(s->then_body); }, else_part);
}

void FunctionEmitter::emit_guarded(llvm::Value* condition, const std::function<void()>& then_part,
                                   const std::function<void()>& else_part) {
  llvm::BasicBlock* then_block = new_block("then");
  llvm::BasicBlock* else_block = else_part ? new_block("else") : nullptr;
  llvm::BasicBlock* join = new_block("join");
  llvm::Instruction* branch = b_.CreateCondBr(condition, then_block, else_block ? else_block : join);
  auto side = [&](llvm::BasicBlock* block, const std::function<void()>& part) {
    b_.SetInsertPoint(block);
    push_scope(branch);
    part();
    pop_scope();
    b_.CreateBr(join);
  };
  side(then_block, then_part);
  if (else_block) side(else_block, else_part);
  b_.SetInsertPoint(join);
}

void FunctionEmitter::emit_let(const tir::VarNode* var, const Expr& value, const Stmt& body) {
  llvm::Value* v = emit(value);
  int value_level = level_of(value);
  Bounds bounds;
  if (bounds_of(value, &bounds)) {
    var_bounds_[var] = bounds;
  } else {
    var_bounds_.erase(var);
  }
  if (value_level < kNotHoistable) {
    bind(var, v, value_level);
    emit(body);
    return;
  }
  // What is computed from a loaded value must not outlive the statement: hence a scope, and a block to enter.
  llvm::BasicBlock* block = new_block("let");
  push_scope(b_.CreateBr(block));
  b_.SetInsertPoint(block);
  bind(var, v, level());
  emit(body);
  pop_scope();
}

llvm::AllocaInst* FunctionEmitter::entry_alloca(llvm::Type* type, int alignment, const std::string& name) {
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  b_.SetInsertPoint(entry_->getTerminator());
  llvm::AllocaInst* a = b_.CreateAlloca(type, nullptr, name);
  if (alignment > 0) a->setAlignment(llvm::Align(static_cast<uint64_t>(alignment)));
  return a;
}

llvm::AllocaInst* FunctionEmitter::workspace_slot() {
  llvm::AllocaInst* slot = entry_alloca(m_.ptr(), 0, "workspace");
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  b_.SetInsertPoint(entry_->getTerminator());
  b_.CreateStore(llvm::ConstantPointerNull::get(m_.ptr()), slot);
  m_.registers.push_back(slot);
  slots_.push_back(slot);
  return slot;
}

void FunctionEmitter::emit_alloc(const tir::AllocNode* s) {
  const tir::Buffer& buffer = s->buffer;
  if (buffer.scope() == tir::Scope::kRegister) {
    llvm::AllocaInst* a = entry_alloca(m_.type_of(buffer.dtype()), 0, buffer.name());
    m_.registers.push_back(a);
    registers_[buffer.get()] = a;
    emit(s->body);
    return;
  }
  if (buffer.rank() != 1) throw Error("G0831", "codegen", "buffer " + buffer.name() + " is not flat");
  check_alignment(buffer);
  int64_t element = buffer.dtype().bytes(), count = 0, bytes = 0;
  bool constant = tir::is_const_int(buffer.shape()[0], &count);
  if (constant && (count < 0 || __builtin_mul_overflow(count, element, &bytes))) {
    throw Error("G0833", "codegen", "buffer " + buffer.name() + " is too large");
  }
  int alignment = std::max({kVectorAlignment, buffer->alignment});
  if (constant && stack_bytes_ + bytes <= kStackBytes) {
    stack_bytes_ += bytes;
    auto* type = llvm::ArrayType::get(m_.element_memory_type(buffer.dtype()),
                                      static_cast<uint64_t>(count) * buffer.dtype().lanes);
    buffers_[buffer.get()] = {entry_alloca(type, alignment, buffer.name()), 0};
    emit(s->body);
    return;
  }
  llvm::AllocaInst* slot = workspace_slot();
  llvm::Value* size = constant ? static_cast<llvm::Value*>(b_.getInt64(bytes))
                               : b_.CreateMul(emit(buffer.shape()[0]), b_.getInt64(element));
  llvm::Value* memory = b_.CreateCall(m_.support_workspace_alloc(), {size, b_.getInt64(alignment)}, buffer.name());
  fail_unless(b_.CreateIsNotNull(memory), "MemoryError",
              fmt::format("{}: no memory for the intermediate {}", m_.kernel_name, buffer.name()));
  b_.CreateStore(memory, slot);
  // Addresses computed from this allocation end with it.
  llvm::BasicBlock* block = new_block("alloc");
  push_scope(b_.CreateBr(block));
  b_.SetInsertPoint(block);
  buffers_[buffer.get()] = {memory, level()};
  emit(s->body);
  pop_scope();
  b_.CreateCall(m_.support_workspace_free(), {memory});
  b_.CreateStore(llvm::ConstantPointerNull::get(m_.ptr()), slot);
}

void FunctionEmitter::emit_assert(const tir::AssertNode* s) {
  if (tir::is_true(s->condition)) return;
  fail_unless(emit(s->condition), "ValueError", s->message);
}

llvm::BasicBlock* FunctionEmitter::failure_block() {
  if (!failure_) failure_ = new_block("failure");
  return failure_;
}

void FunctionEmitter::branch_to_failure_unless(llvm::Value* good) {
  llvm::BasicBlock* next = new_block("next");
  llvm::MDNode* likely = llvm::MDBuilder(m_.context).createBranchWeights(2000, 1);
  b_.CreateCondBr(good, next, failure_block(), likely);
  b_.SetInsertPoint(next);
}

void FunctionEmitter::fail_unless(llvm::Value* good, const char* kind, const std::string& message) {
  llvm::BasicBlock* next = new_block("next");
  llvm::BasicBlock* report = new_block("report");
  llvm::MDNode* likely = llvm::MDBuilder(m_.context).createBranchWeights(2000, 1);
  b_.CreateCondBr(good, next, report, likely);
  b_.SetInsertPoint(report);
  b_.CreateCall(m_.support_fail(), {m_.string_constant(kind), m_.string_constant(message)});
  b_.CreateBr(failure_block());
  b_.SetInsertPoint(next);
}

void FunctionEmitter::finish() {
  b_.CreateRet(b_.getInt32(0));
  if (!failure_) return;
  b_.SetInsertPoint(failure_);
  for (llvm::AllocaInst* slot : slots_) {
    llvm::Value* memory = b_.CreateLoad(m_.ptr(), slot);
    llvm::BasicBlock* release = new_block("release");
    llvm::BasicBlock* next = new_block("released");
    b_.CreateCondBr(b_.CreateIsNotNull(memory), release, next);
    b_.SetInsertPoint(release);
    b_.CreateCall(m_.support_workspace_free(), {memory});
    b_.CreateBr(next);
    b_.SetInsertPoint(next);
  }
  b_.CreateRet(b_.getInt32(-1));
}

}  // namespace tilewright::codegen
