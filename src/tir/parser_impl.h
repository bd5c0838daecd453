// The parser: one class, its parts in parser.cpp (functions, names), parser_expr.cpp and parser_stmt.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tilewright/tir/stmt.h"
#include "tir/lexer.h"

namespace tilewright::tir::text {

/// An expression and the height of its tree.
struct Parsed {
  Expr expr;
  int depth = 1;
};

class Parser {
 public:
  Parser(std::string_view text, std::string_view file) : lexer_(text, file) { lexer_.next(); }
  PrimFunc function();

 private:
  /// What a name stands for.
  struct Symbol {
    Var var;
    Buffer buffer;
    size_t defined_at = 0;
  };
  /// A name to be defined, and where it stands.
  struct Name {
    std::string text;
    size_t at = 0;
  };
  struct BlockHeader {
    bool has_regions = false;
    std::vector<Stmt> first;  // a braced allocation that turned out to be the first statement
  };

  // Tokens
  const Token& peek() const { return lexer_.peek(); }
  bool at(std::string_view s) const { return peek().is(s); }
  bool accept(std::string_view s);
  void expect(std::string_view s);
  Name new_name(const char* what);
  std::string string_literal(const char* what);
  int64_t int_literal(const char* what, int64_t low, int64_t high);
  std::optional<DataType> accept_type();
  DataType type();
  template <typename F>
  auto build(size_t at, F f);

  // Names
  void define(const Name& name, Symbol symbol);
  size_t mark() const { return undo_.size(); }
  void end_scope(size_t mark);
  [[noreturn]] void unknown(const Token& name, bool buffer);

  // Functions
  void parameters(PrimFuncNode* func);
  void scan_scalars();
  Buffer declaration(const Name& name, DataType dtype);
  Buffer declaration();
  IndexMap layout();
  AnnotationValue annotation_value();
  void annotation(Annotations* out);

  // Expressions
  Expr expr() { return binary(1).expr; }
  Expr condition();
  std::vector<Expr> expr_list(std::string_view end);
  Parsed binary(int precedence);
  Parsed unary();
  Parsed primary();
  Parsed word();
  Parsed number(bool negative);
  Parsed nan_or_inf(bool negative);
  Parsed call_of(size_t at);
  Parsed let_expr(size_t at);
  Parsed load_of(const Buffer& buffer, size_t at);
  std::vector<Parsed> arguments();
  Parsed made(Expr e, int depth, size_t at);
  Expr coerced(Expr e, DataType dtype, size_t at);
  void indices(std::vector<Expr>* out, Expr* mask, int* depth);
  Range range();
  Range range_or_point(bool point_allowed);

  // Statements
  Stmt statements();
  Stmt braced();
  std::vector<Stmt> statement_list(std::vector<Stmt> items = {});
  Stmt statement();
  Stmt loop(ForKind kind);
  Stmt grid();
  Stmt block();
  void block_iters(BlockNode* n);
  void remapped_iters(BlockNode* n);
  BlockHeader block_header(BlockNode* n, bool is_root);
  void block_contents(BlockNode* n, bool is_root);
  std::vector<BufferRegion> regions();
  Stmt if_stmt();
  Stmt let_stmt();
  Stmt alloc_stmt();
  Stmt store_stmt();

  Lexer lexer_;
  std::unordered_map<std::string, Symbol> symbols_;
  std::vector<std::string> undo_;
  std::unordered_map<const VarNode*, Range> loop_ranges_;
  bool sizes_allowed_ = false;  // unknown names in the parameters' shapes are symbolic sizes
  int paren_depth_ = 0, stmt_depth_ = 0;
  uint32_t next_loop_ = 1, next_block_ = 1;
};

template <typename F>
auto Parser::build(size_t at, F f) {
  try {
    return f();
  } catch (const Error& e) {
    // The constructors know what is wrong, the parser where.
    Diagnostic d = lexer_.diagnostic(at, e.diagnostic().code, e.diagnostic().message);
    if (!e.diagnostic().operation.empty()) d.operation += " " + e.diagnostic().operation;
    d.remedy = e.diagnostic().remedy;
    throw ParseError{std::move(d)};
  }
}

/// Regions a block accesses, for text that leaves them out: one for each buffer, in order of first use, relaxed over
/// the loops inside; a dimension that is not an affine index of constant stride becomes the buffer's whole.
void derive_regions(BlockNode* block);

}  // namespace tilewright::tir::text
