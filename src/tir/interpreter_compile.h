// From a function to instructions. Pure arithmetic is emitted in front of the outermost loop that does not change it.
#pragma once

#include <initializer_list>
#include <string>
#include <unordered_map>
#include <vector>

#include "tir/interpreter_program.h"

namespace tilewright::tir::interp {

class Compiler {
 public:
  Compiler(const PrimFunc& func, const CompileOptions& options, Program* program);
  void run();

 private:
  /// A value: its first slot, and the loop depth at which it is computed (0: before all loops).
  struct Operand {
    int32_t slot = -1;
    int level = 0;
  };
  /// Code of one loop's body, and the code that belongs in front of the loop.
  struct Frame {
    std::vector<Instr> before, code;
  };
  struct Concurrent {
    int32_t index;
    std::unordered_map<const Memory*, Tracker*> trackers;
  };
  enum class Class { kInt, kF32, kF64 };

  // Statements (interpreter_compile.cpp)
  void bind_params();
  void bind_flat_buffers();
  void compile(const Stmt& s);
  void compile_statement(const Stmt& s);
  void compile_for(const ForNode* loop);
  void compile_block(const BlockNode* block);
  void compile_store(const StoreNode* node);
  void enter(Memory* memory);
  int32_t memory_index(const Memory* memory) const;
  bool is_param_memory(const Memory* memory) const;
  /// Loads and stores by buffer.
  static std::unordered_map<const BufferNode*, int> count_uses(const Stmt& s);
  Memory* make_memory(const Buffer& buffer);
  Memory* find_memory(const Buffer& buffer);
  Access* make_access(const Buffer& buffer, const std::vector<Expr>& indices, const Expr& mask, int lanes,
                      bool is_store);
  [[noreturn]] void unsupported(std::string message, std::string remedy = {}) const;

  // Expressions (interpreter_compile_expr.cpp)
  Operand compile(const Expr& e);
  Operand compile_new(const Expr& e);
  Operand compile_binary(const Expr& e, const BinaryNode* n);
  Operand compile_arith(ExprKind kind, DataType t, Operand a, Operand b, const Expr& divisor);
  Operand compile_division(ExprKind kind, DataType t, Operand a, Operand b, const Expr& divisor);
  Operand compile_logic(const Expr& e, const BinaryNode* n);
  Operand compile_select(const SelectNode* n);
  Operand compile_call(const CallNode* n);
  Operand compile_math(const CallNode* n, const std::vector<Operand>& args);
  Operand compile_bits(const CallNode* n, const std::vector<Operand>& args);
  Operand compile_extern(const CallNode* n);
  Operand compile_reinterpret(Operand x, DataType from, DataType to);
  /// A scalar that a vector needs only where one of its active lanes does.
  Operand compile_guarded_scalar(const Expr& e);
  Operand convert(Operand x, DataType from, DataType to);
  Operand round_result(Operand x, DataType t);
  Operand wrap_result(Operand x, DataType t);
  Operand lane_op(Op op, int lanes, std::initializer_list<Operand> operands);
  Operand constant(Value v, int lanes);
  Operand constant_int(int64_t v, int lanes = 1);
  Class class_of(DataType t) const;
  MemoryKind kind_of(DataType t, bool held_as_double) const;
  /// Arithmetic without loads or traps, and not much of it.
  static bool is_cheap(const Expr& e, int* budget);
  static bool is_cheap(const Expr& e);

  // Code and slots
  int current() const { return static_cast<int>(frames_.size()) - 1; }
  std::vector<Instr>& code() { return frames_.back().code; }
  int32_t emit(Instr instr);
  void patch_jump(int32_t at);
  int32_t new_slots(int n);
  int32_t temporary(int n);
  void release_temporaries(size_t mark);
  size_t memo_mark() const { return memo_log_.size(); }
  void forget(size_t mark);

  const PrimFunc& func_;
  const CompileOptions options_;
  Program* program_;
  std::vector<Frame> frames_;
  std::vector<Concurrent> concurrent_;
  std::unordered_map<const VarNode*, Operand> vars_;
  std::unordered_map<const BufferNode*, Memory*> memories_;
  std::unordered_map<const BufferNode*, int> uses_;  // in the whole function
  std::unordered_map<const ExprNode*, Operand> memo_;
  std::vector<const ExprNode*> memo_log_;
  std::unordered_map<uint64_t, int32_t> constants_;  // scalars by bits
  std::vector<std::pair<int32_t, int>> temporaries_;
  std::unordered_map<int, std::vector<int32_t>> free_slots_;
  /// Mask of the lanes that are needed where a vector is computed under a condition; -1: all.
  int32_t active_ = -1;
  int active_lanes_ = 1;
  const std::string* block_ = nullptr;
};

}  // namespace tilewright::tir::interp
