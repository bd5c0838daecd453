// Parallel loops: the body becomes a function over a range of iterations. What it uses from outside travels in a
// struct; a trampoline unpacks it into parameters, where `noalias` says again that the buffers are distinct.
#include <fmt/format.h>

#include <set>

#include "codegen/llvm/emitter.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {
namespace {

/// Variables and buffers that a loop uses, in the order of their first appearance, and those defined inside.
class CaptureCollector : public tir::Visitor {
 public:
  std::vector<const tir::VarNode*> vars;
  std::vector<tir::Buffer> buffers;
  std::set<const tir::VarNode*> inner_vars;
  std::set<const tir::BufferNode*> inner_buffers;

  void visit(const Expr& e) override {
    if (const auto* var = as<tir::VarNode>(e)) use(var);
    if (const auto* load = as<tir::LoadNode>(e)) use(load->buffer);
    if (const auto* let = as<tir::LetNode>(e)) inner_vars.insert(let->var.get());
    Visitor::visit(e);
  }
  void visit(const Stmt& s) override {
    if (const auto* store = as<tir::StoreNode>(s)) use(store->buffer);
    if (const auto* loop = as<tir::ForNode>(s)) inner_vars.insert(loop->var.get());
    if (const auto* let = as<tir::LetStmtNode>(s)) inner_vars.insert(let->var.get());
    if (const auto* alloc = as<tir::AllocNode>(s)) inner_buffers.insert(alloc->buffer.get());
    Visitor::visit(s);
  }

 private:
  void use(const tir::VarNode* var) {
    if (seen_vars_.insert(var).second) vars.push_back(var);
  }
  void use(const tir::Buffer& buffer) {
    if (seen_buffers_.insert(buffer.get()).second) buffers.push_back(buffer);
  }
  std::set<const tir::VarNode*> seen_vars_;
  std::set<const tir::BufferNode*> seen_buffers_;
};

}  // namespace

void FunctionEmitter::emit_parallel(const tir::ForNode* s) {
  CaptureCollector captures;
  captures.inner_vars.insert(s->var.get());
  captures.visit(s->min);
  captures.visit(s->extent);
  captures.visit(s->body);

  struct Captured {
    llvm::Value* value;
    const tir::VarNode* var;
    tir::Buffer buffer;
  };
  std::vector<Captured> captured;
  for (const tir::Buffer& buffer : captures.buffers) {
    if (captures.inner_buffers.count(buffer.get())) continue;
    if (buffer.scope() == tir::Scope::kRegister) {
      throw Error("G0830", "codegen",
                  fmt::format("register buffer {} is used across the parallel loop {}", buffer.name(), s->var.name()));
    }
    int level;
    captured.push_back({buffer_pointer(buffer, &level), nullptr, buffer});
  }
  for (const tir::VarNode* var : captures.vars) {
    if (captures.inner_vars.count(var)) continue;
    auto found = vars_.find(var);
    if (found == vars_.end()) throw Error("G0830", "codegen", "variable " + var->name + " is not defined here");
    captured.push_back({found->second.value, var, {}});
  }

  // Several flat views of one parameter share a pointer: passed once, so that noalias stays true.
  std::vector<llvm::Value*> fields;
  std::map<llvm::Value*, int> field_of;
  for (const Captured& c : captured) {
    if (field_of.emplace(c.value, static_cast<int>(fields.size())).second) fields.push_back(c.value);
  }
  std::vector<llvm::Type*> field_types, parameter_types = {m_.i64(), m_.i64()};
  for (llvm::Value* field : fields) field_types.push_back(field->getType());
  parameter_types.insert(parameter_types.end(), field_types.begin(), field_types.end());
  llvm::StructType* closure_type = llvm::StructType::get(m_.context, field_types);

  int number = m_.next_parallel++;
  std::string base = fmt::format("{}_{}", m_.kernel_name, number);
  llvm::Function* body =
      m_.make_function(base + "_chunk", llvm::FunctionType::get(m_.i32(), parameter_types, false), true);
  m_.set_kernel_attributes(body);
  body->addFnAttr(llvm::Attribute::NoInline);
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i]->getType()->isPointerTy()) continue;
    body->addParamAttr(static_cast<unsigned>(i) + 2, llvm::Attribute::NoAlias);
    body->addParamAttr(static_cast<unsigned>(i) + 2, llvm::Attribute::NoCapture);
  }
  FunctionEmitter inner(m_, body, true);
  for (const Captured& c : captured) {
    llvm::Value* argument = body->getArg(static_cast<unsigned>(field_of[c.value]) + 2);
    if (c.var) {
      inner.bind(c.var, argument, 0);
      if (auto found = var_bounds_.find(c.var); found != var_bounds_.end()) inner.var_bounds_.insert(*found);
    } else {
      inner.define_buffer(c.buffer.get(), argument);
    }
  }
  inner.emit_chunk(s, body->getArg(0), body->getArg(1));
  inner.finish();

  llvm::Function* trampoline = m_.make_function(
      base + "_parallel", llvm::FunctionType::get(m_.i32(), {m_.i64(), m_.i64(), m_.ptr()}, false), true);
  m_.set_kernel_attributes(trampoline);
  {
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(m_.context, "entry", trampoline));
    std::vector<llvm::Value*> arguments = {trampoline->getArg(0), trampoline->getArg(1)};
    for (size_t i = 0; i < fields.size(); ++i) {
      llvm::Value* p = b.CreateStructGEP(closure_type, trampoline->getArg(2), static_cast<unsigned>(i));
      arguments.push_back(b.CreateLoad(field_types[i], p));
    }
    b.CreateRet(b.CreateCall(body, arguments));
  }

  llvm::AllocaInst* closure = entry_alloca(closure_type, 0, "closure");
  for (size_t i = 0; i < fields.size(); ++i) {
    b_.CreateStore(fields[i], b_.CreateStructGEP(closure_type, closure, static_cast<unsigned>(i)));
  }
  llvm::Value* status = b_.CreateCall(
      m_.support_parallel_for(),
      {emit(s->extent), b_.getInt64(static_cast<uint64_t>(std::max<int64_t>(0, s->annotations.get_int("grain", 0)))),
       b_.getInt32(static_cast<uint32_t>(m_.target.num_cores)), trampoline, closure});
  branch_to_failure_unless(b_.CreateICmpEQ(status, b_.getInt32(0)));
}

}  // namespace tilewright::codegen
