// Emission of one file and of one function of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "codegen/c/c_text.h"
#include "codegen/c/codegen_c.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::codegen {

[[noreturn]] void c_error(const char* code, std::string message, std::string remedy = {});

/// What the functions of one file share.
struct CModule {
  CModule(const COptions& o, std::string n) : options(o), name(std::move(n)) {}
  const COptions& options;
  std::string name;
  CHelpers helpers;
  /// Finished functions, closures and prototypes, each before its use.
  std::string functions, prototypes;
  std::set<std::string> externs;
  int next_parallel = 0;
  /// How often the program reads a variable or a buffer.
  std::unordered_map<const tir::VarNode*, int> var_uses;
  std::unordered_map<const tir::BufferNode*, int> buffer_reads;
  std::set<std::string> used_names;  // of buffers
};

/// How a vector variable or register is held.
enum class VectorForm : uint8_t { kNone, kGnu, kArray, kLane };
struct CVariable {
  std::string name;
  tir::DataType dtype;
  VectorForm form = VectorForm::kNone;
  int mask_bytes = 0;  // of a bool vector: bytes of the integer lanes, -1 or 0
  ValueBounds bounds;
};
struct CBuffer {
  std::string name;
  CVariable value;      // scope kRegister
  std::string pointer;  // the type, for closures: "const float*"
};

class CFunction {
 public:
  CFunction(CModule& module, bool inside_parallel) : m_(module), inside_parallel_(inside_parallel) {
    scopes_.emplace_back();
  }

  void define_parameter(const tir::Buffer& buffer, const std::string& name, const std::string& pointer);
  void define_scalar(const tir::Var& var, const std::string& name, ValueBounds bounds);
  std::string fresh(std::string_view hint) {
    scopes_.back().push_back(names_.fresh(hint));
    return scopes_.back().back();
  }
  void line(const std::string& text);
  void indent() { ++depth_; }
  void emit(const tir::Stmt& s);
  /// Returns from the function with an error; frees what was allocated.
  std::string failure(const char* kind, const std::string& message) const;
  CText value(const tir::Expr& e);
  const std::string& body() const { return out_; }

 private:
  struct VectorText {
    std::string text;
    Precedence precedence = kPostfix;
    int mask_bytes = 0;  // bool vectors
    std::string in(Precedence least) const { return precedence < least ? "(" + text + ")" : text; }
  };

  // c_stmt.cpp
  void emit_store(const tir::StoreNode* s);
  void emit_store_lanes(const tir::StoreNode* s);
  bool emit_store_vector(const tir::StoreNode* s);
  void emit_for(const tir::ForNode* s);
  void emit_loop(const tir::ForNode* s, const std::string& begin, const std::string& end, ValueBounds bounds);
  void emit_let(const tir::Var& var, const tir::Expr& value);
  void emit_alloc(const tir::AllocNode* s);
  void open(const std::string& text);
  void close();
  std::string lane_loop(int lanes);
  bool use_gnu(tir::DataType t) const;
  CVariable new_variable(std::string_view hint, tir::DataType t);
  const CBuffer& buffer(const tir::Buffer& b);
  std::string element(const tir::Buffer& b, const tir::Expr& index);

  // c_parallel.cpp
  void emit_parallel(const tir::ForNode* s);

  // c_expr.cpp: scalars, and single lanes of vectors while lane_ is set
  CText binary(const tir::BinaryNode* n);
  CText integer_arith(tir::ExprKind kind, tir::DataType t, const CText& a, const CText& b);
  CText division(tir::ExprKind kind, tir::DataType t, const CText& a, const CText& b, const tir::Expr& divisor);
  CText logic(const tir::BinaryNode* n);
  CText select(const tir::SelectNode* n);
  CText cast(tir::DataType to, tir::DataType from, CText x);
  CText load(const tir::LoadNode* n);
  CText call(const tir::CallNode* n);
  CText bit_call(const tir::CallNode* n, const std::vector<CText>& args);
  CText extern_call(const tir::CallNode* n);
  CText typed_literal(CText x, tir::DataType t);
  std::string lane_of(const CVariable& v) const;
  /// Emits into a side text; true when statements were needed.
  bool aside(const tir::Expr& e, std::string* statements, CText* result);

  // c_vector.cpp: whole vectors in GNU types; nothing where the construct needs single lanes
  std::optional<VectorText> vector(const tir::Expr& e);
  std::optional<VectorText> vector_binary(const tir::BinaryNode* n);
  std::optional<VectorText> vector_cast(const tir::CastNode* n);
  std::optional<VectorText> vector_load(const tir::LoadNode* n);
  std::optional<VectorText> vector_call(const tir::CallNode* n);
  // Names of helpers over whole vectors.
  std::string splat_helper(tir::DataType t);
  std::string select_helper(tir::DataType t);
  std::string extremum_helper(tir::ExprKind kind, tir::DataType t);
  std::string shift_helper(tir::Intrinsic op, tir::DataType t);
  std::string mask_as(const VectorText& mask, int lanes, int bytes);
  static bool can_be_eager(const tir::Expr& e);

  CModule& m_;
  const bool inside_parallel_;
  CNames names_;
  std::string out_;
  int depth_ = 1;
  std::vector<std::vector<std::string>> scopes_;  // names declared in each
  std::unordered_map<const tir::VarNode*, CVariable> vars_;
  std::unordered_map<const tir::BufferNode*, CBuffer> buffers_;
  std::map<std::string, CBuffer> parameters_;
  std::vector<std::string> heap_;  // pointers to free, innermost last
  int64_t stack_bytes_ = 0;
  std::string lane_;  // name of the lane's number inside a loop over lanes
};

}  // namespace tilewright::codegen
