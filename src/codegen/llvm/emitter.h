// Emission of LLVM IR for one lowered function.
//
// What keeps the code compact is in the scopes: every loop body and branch is one, every variable belongs to one, and
// pure index arithmetic is emitted in the outermost scope that has its variables, once. Products of a loop variable
// with an invariant become an addition per iteration. What remains inside an unrolled tile is a base and constant
// offsets.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "codegen/llvm/llvm_codegen.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::codegen {

using tir::as;
using tir::DataType;
using tir::Expr;
using tir::Stmt;

class FunctionEmitter;

/// The module in the making and what its functions share.
class ModuleEmitter {
 public:
  ModuleEmitter(llvm::LLVMContext& context, const Target& target, const LlvmOptions& options);

  /// Emits kernel, entry and metadata.
  void emit(const tir::PrimFunc& lowered, const Signature& signature);

  llvm::LLVMContext& context;
  std::unique_ptr<llvm::Module> module;
  const Target& target;
  const LlvmOptions& options;
  /// Register variables of all functions, to be promoted.
  std::vector<llvm::AllocaInst*> registers;

  llvm::Type* type_of(DataType t);         // of values: bool is i1, f16 and bf16 are their bits
  llvm::Type* memory_type_of(DataType t);  // in memory: bool is i8
  llvm::Type* element_memory_type(DataType t) { return memory_type_of(t.element()); }
  llvm::PointerType* ptr() { return llvm::PointerType::getUnqual(context); }
  llvm::IntegerType* i64() { return llvm::Type::getInt64Ty(context); }
  llvm::IntegerType* i32() { return llvm::Type::getInt32Ty(context); }

  llvm::Function* make_function(const std::string& name, llvm::FunctionType* type, bool internal);
  void set_kernel_attributes(llvm::Function* f);
  void set_baseline_attributes(llvm::Function* f);
  llvm::Constant* string_constant(const std::string& text);
  llvm::FunctionCallee support_fail();
  llvm::FunctionCallee support_unpack_args();
  llvm::FunctionCallee support_parallel_for();
  llvm::FunctionCallee support_workspace_alloc();
  llvm::FunctionCallee support_workspace_free();
  std::string kernel_name;
  int next_parallel = 0;
  /// Conversion of halves is an instruction of the target.
  bool native_half() const { return native_half_; }

 private:
  llvm::Function* emit_kernel(const tir::PrimFunc& lowered, const Signature& signature);
  void emit_size_checks(FunctionEmitter& emitter, const Signature& signature, llvm::Function* kernel);
  void emit_entry(const Signature& signature, llvm::Function* kernel);
  llvm::Constant* emit_descriptor(const Signature& signature);
  void emit_unchecked_arguments(llvm::IRBuilder<>& b, const Signature& signature, llvm::Value* args, llvm::Value* data,
                                llvm::Value* symbols);
  void emit_metadata();

  bool native_half_ = false;
  std::map<std::string, llvm::Constant*> strings_;
};

/// A sum of products: sum of coeff * product(atoms). Atoms are numbered by the function emitter.
struct Polynomial {
  std::map<std::vector<int>, int64_t> terms;  // the empty product is the constant
  int64_t constant() const {
    auto found = terms.find({});
    return found == terms.end() ? 0 : found->second;
  }
  void add(const std::vector<int>& atoms, int64_t coeff);
  bool operator<(const Polynomial& o) const { return terms < o.terms; }
};

/// Emits the body of one LLVM function.
class FunctionEmitter {
 public:
  FunctionEmitter(ModuleEmitter& module, llvm::Function* function, bool inside_parallel);

  void define_variable(const tir::Var& var, llvm::Value* value);
  /// A scalar argument; small floats arrive as f64.
  void define_scalar(const tir::Var& var, llvm::Value* value);
  /// A parameter's memory; found in the body by identity or by name.
  void define_parameter(const tir::Buffer& buffer, llvm::Value* pointer);
  void define_buffer(const tir::BufferNode* buffer, llvm::Value* pointer);
  void emit(const Stmt& s);
  /// `for var in begin..end` with the given body; used for a parallel loop's chunk.
  void emit_chunk(const tir::ForNode* loop, llvm::Value* begin, llvm::Value* end);
  llvm::Value* emit(const Expr& e);
  void fail_unless(llvm::Value* good, const char* kind, const std::string& message);
  /// Frees what is left and returns 0.
  void finish();

  llvm::IRBuilder<>& builder() { return b_; }

 private:
  struct Scope {
    llvm::Instruction* entry = nullptr;  // the branch that enters: invariants are put before it
    const tir::VarNode* loop_var = nullptr;
    llvm::Value* loop_value = nullptr;
    llvm::Value* loop_min = nullptr;
    llvm::BasicBlock *preheader = nullptr, *header = nullptr;
    std::map<llvm::Value*, llvm::PHINode*> strides;  // step -> loop_var * step; found by step, never iterated
    std::vector<std::pair<llvm::PHINode*, llvm::Value*>> stride_list;
    std::map<Polynomial, llvm::Value*> sums;
    std::map<std::pair<llvm::Value*, llvm::Value*>, llvm::Value*> pointers;
    std::map<std::vector<int>, llvm::Value*> products;
    std::unordered_map<uint64_t, std::vector<std::pair<Expr, llvm::Value*>>> values;  // other pure expressions, by hash
  };
  struct VarInfo {
    llvm::Value* value;
    int level;
  };
  struct Bounds {
    int64_t min, max;
  };

  // address.cpp
  static constexpr int kNotHoistable = 1 << 20;
  int level_of(const Expr& e);
  int level() const { return static_cast<int>(scopes_.size()) - 1 - hidden_; }
  template <typename F>
  llvm::Value* at_level(int level, F make);
  int atom_number(const Expr& e);
  bool to_polynomial(const Expr& e, Polynomial* out, int64_t scale, int budget);
  llvm::Value* emit_polynomial(const Polynomial& p);
  llvm::Value* emit_product(const std::vector<int>& atoms);
  llvm::Value* emit_level_part(const Polynomial& part, int level);
  int product_level(const std::vector<int>& atoms);
  std::map<int, Polynomial> split_levels(const Polynomial& p);
  llvm::Value* stride_value(int level, llvm::Value* step);
  llvm::Value* emit_atom(int number);
  llvm::Value* emit_index(const Expr& e);
  llvm::Value* emit_pure(const Expr& e);
  llvm::Value* address(const tir::Buffer& buffer, const Expr& index, int64_t element_offset = 0);
  llvm::Value* buffer_pointer(const tir::Buffer& buffer, int* level);
  bool bounds_of(const Expr& e, Bounds* out);
  bool is_nonnegative(const Expr& e);

  // expr.cpp
  llvm::Value* emit_node(const Expr& e);  // without looking whether it can be hoisted
  llvm::Value* emit_binary(const Expr& e);
  llvm::Value* emit_arithmetic(tir::ExprKind kind, DataType t, llvm::Value* a, llvm::Value* b);
  llvm::Value* emit_compare(tir::ExprKind kind, DataType operand, llvm::Value* a, llvm::Value* b);
  llvm::Value* emit_floor_div_mod(const tir::BinaryNode* e);
  llvm::Value* emit_logic(const tir::BinaryNode* e);
  llvm::Value* emit_select(const tir::SelectNode* e);
  llvm::Value* emit_branches(llvm::Value* condition, llvm::Type* type, const std::function<llvm::Value*()>& then_value,
                             const std::function<llvm::Value*()>& else_value);
  llvm::Value* emit_call(const tir::CallNode* e);
  llvm::Value* emit_extern(const tir::CallNode* e);
  llvm::Value* emit_ramp_compare(const tir::BinaryNode* e);
  llvm::Value* constant(DataType t, double value);
  llvm::Value* int_constant(DataType t, int64_t value);
  llvm::Value* splat(llvm::Value* v, int lanes);

  // memory.cpp
  llvm::Value* emit_load(const tir::LoadNode* e);
  void emit_store(const tir::StoreNode* s);
  llvm::Value* from_memory(DataType t, llvm::Value* v);
  llvm::Value* to_memory(DataType t, llvm::Value* v);
  llvm::Value* element_pointers(const tir::Buffer& buffer, const Expr& index);

  // convert.cpp
  llvm::Value* emit_cast(DataType to, DataType from, llvm::Value* v);
  llvm::Value* to_f32(DataType from, llvm::Value* v);  // of f16 and bf16
  llvm::Value* f32_to_small(DataType to, llvm::Value* v);
  llvm::Value* f64_to_f32_odd(llvm::Value* v);

  // stmt.cpp
  void emit_for(const tir::ForNode* s);
  void emit_loop(const tir::ForNode* s, llvm::Value* begin, llvm::Value* end, bool may_be_empty);
  void emit_if(const tir::IfNode* s);
  void emit_guarded(llvm::Value* condition, const std::function<void()>& then_part,
                    const std::function<void()>& else_part);
  void emit_let(const tir::VarNode* var, const Expr& value, const Stmt& body);
  void emit_assert(const tir::AssertNode* s);
  void emit_alloc(const tir::AllocNode* s);
  void emit_parallel(const tir::ForNode* s);
  void push_scope(llvm::Instruction* entry);
  void pop_scope();
  void bind(const tir::VarNode* var, llvm::Value* value, int level);
  llvm::BasicBlock* new_block(const char* name);
  llvm::AllocaInst* entry_alloca(llvm::Type* type, int alignment, const std::string& name);
  llvm::AllocaInst* workspace_slot();
  void branch_to_failure_unless(llvm::Value* good);
  llvm::BasicBlock* failure_block();

  ModuleEmitter& m_;
  llvm::Function* f_;
  llvm::IRBuilder<> b_;
  bool inside_parallel_;
  std::vector<Scope> scopes_;
  int hidden_ = 0;  // innermost scopes that emission behaves as if it were outside of
  std::unordered_map<const tir::VarNode*, VarInfo> vars_;
  std::unordered_map<const tir::VarNode*, Bounds> var_bounds_;
  std::unordered_map<const tir::BufferNode*, std::pair<llvm::Value*, int>> buffers_;
  std::map<std::string, llvm::Value*> parameters_;
  std::unordered_map<const tir::BufferNode*, llvm::AllocaInst*> registers_;
  std::vector<Expr> atoms_;
  std::unordered_map<uint64_t, std::vector<int>> atom_index_;
  llvm::BasicBlock* entry_;  // allocations only
  /// Hold workspace memory to free when the function fails; null while there is none.
  std::vector<llvm::AllocaInst*> slots_;
  llvm::BasicBlock* failure_ = nullptr;
  int64_t stack_bytes_ = 0;
};

}  // namespace tilewright::codegen
