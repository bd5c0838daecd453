#include "tilewright/tir/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "tir/parser_impl.h"
#include "tir/words.h"

namespace tilewright::tir {
namespace text {

bool Parser::accept(std::string_view s) {
  if (!at(s)) return false;
  lexer_.next();
  return true;
}

void Parser::expect(std::string_view s) {
  if (!accept(s)) lexer_.expected(fmt::format("`{}`", s));
}

Parser::Name Parser::new_name(const char* what) {
  if (peek().kind != TokenKind::kWord) lexer_.expected(what);
  if (!is_name(peek().text)) lexer_.expected(fmt::format("{} (`{}` is a word of the language)", what, peek().text));
  const Token token = lexer_.next();
  return {std::string(token.text), token.begin};
}

std::string Parser::string_literal(const char* what) {
  if (peek().kind != TokenKind::kString) lexer_.expected(what);
  return lexer_.next().string;
}

int64_t Parser::int_literal(const char* what, int64_t low, int64_t high) {
  const size_t at = peek().begin;
  const bool negative = accept("-");
  if (peek().kind != TokenKind::kInt || !peek().suffix.empty()) lexer_.expected(what);
  const Token token = lexer_.next();
  const uint64_t limit = (uint64_t{1} << 63) - (negative ? 0 : 1);
  const auto value = static_cast<int64_t>(negative ? 0 - token.integer : token.integer);
  if (token.integer > limit || value < low || value > high)
    lexer_.fail(at, "T0204",
                fmt::format("the number {}{} is out of range, expected {} from {} to {}", negative ? "-" : "",
                            token.text, what, low, high));
  return value;
}

std::optional<DataType> Parser::accept_type() {
  if (peek().kind != TokenKind::kWord) return {};
  const std::optional<DataType> t = parse_type(peek().text);
  if (t) lexer_.next();
  return t;
}

DataType Parser::type() {
  const std::optional<DataType> t = accept_type();
  if (!t) lexer_.expected("a type (for example f32, i64 or bool)");
  return *t;
}

// ---- Names

void Parser::define(const Name& name, Symbol symbol) {
  symbol.defined_at = name.at;
  const auto [found, added] = symbols_.emplace(name.text, std::move(symbol));
  if (!added) {
    lexer_.fail(name.at, "T0203",
                fmt::format("`{}` is already defined in line {}", name.text, lexer_.line_of(found->second.defined_at)));
  }
  undo_.push_back(name.text);
}

void Parser::end_scope(size_t mark) {
  while (undo_.size() > mark) {
    symbols_.erase(undo_.back());
    undo_.pop_back();
  }
}

void Parser::unknown(const Token& name, bool buffer) {
  Diagnostic d = lexer_.diagnostic(
      name.begin, "T0202",
      fmt::format("no {} named `{}` is in scope", buffer ? "buffer" : "variable or buffer", name.text));
  for (const auto& [text, symbol] : symbols_) {
    if (!buffer || symbol.buffer.defined()) d.legal.push_back(text);
  }
  std::sort(d.legal.begin(), d.legal.end());
  if (d.legal.size() > 12) {
    d.legal.resize(12);
    d.legal.push_back("...");
  }
  d.legal_kind = "names";
  throw ParseError{std::move(d)};
}

// ---- Functions

/// Scalars and typed sizes may stand behind the shapes that use them, so they are defined first.
void Parser::scan_scalars() {
  const size_t begin = lexer_.position();
  int depth = 0;
  bool item_start = true;
  while (peek().kind != TokenKind::kEnd && (depth > 0 || !at(")"))) {
    if (item_start && depth == 0 && peek().kind == TokenKind::kWord) {
      Token name = lexer_.next();
      if (name.text == "size" && peek().kind == TokenKind::kWord) name = lexer_.next();
      item_start = false;
      if (!accept(":")) continue;
      const std::optional<DataType> t = accept_type();
      if (t && (at(",") || at(")")) && is_name(name.text)) {
        const std::string text(name.text);
        define({text, name.begin}, {Var(text, *t), nullptr, 0});
      }
      continue;
    }
    if (at("(") || at("[")) ++depth;
    if (at(")") || at("]")) --depth;
    item_start = depth == 0 && at(",");
    lexer_.next();
  }
  lexer_.rewind(begin);
}

void Parser::parameters(PrimFuncNode* func) {
  expect("(");
  scan_scalars();
  sizes_allowed_ = true;
  for (bool first = true; !accept(")"); first = false) {
    if (!first) expect(",");
    Name name = new_name("a parameter");
    bool size = false;
    if (name.text == "size" && !at(":")) {
      name = new_name("the name of a size");
      size = true;
    }
    expect(":");
    const DataType dtype = type();
    if (at("[") && !size) {
      func->params.push_back({declaration(name, dtype), {}});
    } else {
      if (!at(",") && !at(")")) lexer_.expected("`[`, `,` or `)`");
      if (size) continue;
      const auto found = symbols_.find(name.text);  // defined by the scan
      if (found == symbols_.end() || !found->second.var.defined()) lexer_.expected("a parameter");
      func->params.push_back({nullptr, found->second.var});
    }
  }
  sizes_allowed_ = false;
}

Buffer Parser::declaration() {
  const Name name = new_name("the name of a buffer");
  expect(":");
  return declaration(name, type());
}

/// What follows the type: `[shape] scope align named layout`.
Buffer Parser::declaration(const Name& name, DataType dtype) {
  const size_t start = peek().begin;
  expect("[");
  std::vector<Expr> shape = expr_list("]");
  for (Expr& extent : shape) {
    if (!extent.dtype().is_integer() || extent.dtype().is_vector())
      lexer_.fail(start, "T0206",
                  fmt::format("an extent of `{}` has type {}, expected an integer", name.text, extent.dtype().str()));
  }
  Scope scope = Scope::kGlobal;
  int alignment = 0;
  std::string real_name = name.text;
  IndexMap map;
  for (;;) {
    if (peek().kind == TokenKind::kWord && parse_scope(peek().text, &scope))
      lexer_.next();
    else if (accept("align"))
      alignment = static_cast<int>(int_literal("an alignment in bytes", 1, 1 << 30));
    else if (accept("named"))
      real_name = string_literal("the buffer's name as a string");
    else if (at("layout"))
      map = layout();
    else
      break;
  }
  if (map.defined() && map->inputs.size() != shape.size())
    lexer_.fail(start, "T0206",
                fmt::format("the layout of `{}` has {} inputs, expected {}, one for each dimension", name.text,
                            map->inputs.size(), shape.size()));
  Buffer buffer(std::move(real_name), dtype, std::move(shape), scope, std::move(map), alignment);
  define(name, {{}, buffer, 0});
  return buffer;
}

IndexMap Parser::layout() {
  const size_t start = peek().begin, scope = mark();
  expect("layout");
  expect("(");
  std::vector<Var> inputs;
  while (!accept(")")) {
    if (!inputs.empty()) expect(",");
    const Name name = new_name("the name of an index");
    inputs.emplace_back(name.text, accept(":") ? type() : kI64);
    define(name, {inputs.back(), nullptr, 0});
  }
  expect("->");
  expect("(");
  std::vector<Expr> outputs = expr_list(")");
  end_scope(scope);
  expect("in");
  expect("[");
  std::vector<Expr> shape = expr_list("]");
  for (const auto* list : {&outputs, &shape}) {
    for (const Expr& e : *list) {
      if (!e.dtype().is_integer() || e.dtype().is_vector())
        lexer_.fail(start, "T0206",
                    fmt::format("the layout has an expression of type {}, expected integers", e.dtype().str()));
    }
  }
  return build(start, [&] { return make_index_map(std::move(inputs), std::move(outputs), std::move(shape)); });
}

AnnotationValue Parser::annotation_value() {
  const char* what = "a number, a string or a list of integers";
  const auto any_int = [&] { return int_literal(what, INT64_MIN, INT64_MAX); };
  if (peek().kind == TokenKind::kString) return lexer_.next().string;
  if (accept("[")) {
    std::vector<int64_t> list;
    while (!accept("]")) {
      if (!list.empty()) expect(",");
      list.push_back(any_int());
    }
    return list;
  }
  const size_t start = lexer_.position();
  const bool negative = accept("-");
  if (peek().kind == TokenKind::kInt) {
    lexer_.rewind(start);
    return any_int();
  }
  if (at("inf") || at("nan")) return as<FloatImmNode>(nan_or_inf(negative).expr)->value;
  if (peek().kind != TokenKind::kFloat || !peek().suffix.empty()) lexer_.expected(what);
  const double value = lexer_.next().real;
  return negative ? -value : value;
}

/// Behind the keyword: `"key" = value`.
void Parser::annotation(Annotations* out) {
  const size_t start = peek().begin;
  std::string key = string_literal("a key as a string");
  expect("=");
  AnnotationValue value = annotation_value();
  if (out->find(key)) lexer_.fail(start, "T0203", fmt::format("the key {} is given twice", quote(key)));
  out->set(std::move(key), std::move(value));
}

PrimFunc Parser::function() {
  PrimFuncNode func;
  const bool lowered = accept("lowered");
  expect("func");
  func.name = peek().kind == TokenKind::kString ? lexer_.next().string : new_name("the function's name").text;
  parameters(&func);
  expect("{");
  for (;;) {
    if (accept("attribute"))
      annotation(&func.attributes);
    else if (accept("assume"))
      func.assumptions.push_back(condition());
    else if (accept("buffer"))
      declaration();
    else
      break;
  }
  if (lowered) {
    func.body = statements();
  } else {
    BlockNode root;
    root.id = {next_block_++};
    root.name = "root";
    block_contents(&root, true);
    func.body = make_stmt(std::move(root));
  }
  expect("}");
  if (peek().kind != TokenKind::kEnd) lexer_.expected("the end of the text");
  return PrimFunc(std::move(func));
}

}  // namespace text

Expected<PrimFunc> parse_func(std::string_view text, std::string_view file_name) {
  if (text.size() > text::kMaxTextBytes) {
    Diagnostic d;
    d.code = "T0205";
    d.operation = "parse";
    d.message = fmt::format("the text has {} bytes, at most {} are read", text.size(), text::kMaxTextBytes);
    d.place = file_name;
    return d;
  }
  try {
    return text::Parser(text, file_name).function();
  } catch (text::ParseError& e) {
    return std::move(e.diagnostic);
  } catch (const Error& e) {
    Diagnostic d = e.diagnostic();
    d.place = file_name;
    return d;
  }
}

}  // namespace tilewright::tir
