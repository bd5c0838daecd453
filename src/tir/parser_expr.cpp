#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tilewright/tir/visit.h"
#include "tir/parser_impl.h"
#include "tir/words.h"

namespace tilewright::tir::text {
namespace {

struct Operator {
  std::string_view symbol;
  ExprKind kind;
  int precedence;
};
constexpr int kCompareLevel = 3;
constexpr Operator kOperators[] = {
    {"||", ExprKind::kOr, 1},       {"&&", ExprKind::kAnd, 2},     {"==", ExprKind::kEq, 3}, {"!=", ExprKind::kNe, 3},
    {"<", ExprKind::kLt, 3},        {"<=", ExprKind::kLe, 3},      {">", ExprKind::kGt, 3},  {">=", ExprKind::kGe, 3},
    {"+", ExprKind::kAdd, 4},       {"-", ExprKind::kSub, 4},      {"*", ExprKind::kMul, 5}, {"/", ExprKind::kDiv, 5},
    {"//", ExprKind::kFloorDiv, 5}, {"%", ExprKind::kFloorMod, 5},
};

const Operator* find_operator(const Token& token) {
  if (token.kind != TokenKind::kSymbol) return nullptr;
  for (const Operator& op : kOperators) {
    if (op.symbol == token.text) return &op;
  }
  return nullptr;
}

int deepest(const std::vector<Parsed>& list) {
  int depth = 0;
  for (const Parsed& p : list) depth = std::max(depth, p.depth);
  return depth;
}

std::vector<Expr> exprs_of(std::vector<Parsed> list) {
  std::vector<Expr> out;
  out.reserve(list.size());
  for (Parsed& p : list) out.push_back(std::move(p.expr));
  return out;
}

class Nesting {
 public:
  Nesting(int& depth, const Lexer& lexer) : depth_(depth) {
    if (++depth_ > kMaxParenDepth)
      lexer.fail(lexer.peek().begin, "T0205", fmt::format("expressions nest deeper than {} levels", kMaxParenDepth));
  }
  ~Nesting() { --depth_; }

 private:
  int& depth_;
};

}  // namespace

Parsed Parser::made(Expr e, int depth, size_t at) {
  if (depth > kMaxExprDepth)
    lexer_.fail(at, "T0205", fmt::format("the expression is deeper than {} levels", kMaxExprDepth));
  return {std::move(e), depth};
}

/// An integer literal takes the type that its place asks for.
Expr Parser::coerced(Expr e, DataType dtype, size_t at) {
  if (e.dtype() == dtype) return e;
  if (as<IntImmNode>(e) && e.dtype() == kI64 && dtype.is_integer()) return make_int(dtype, as<IntImmNode>(e)->value);
  lexer_.fail(at, "T0206", fmt::format("the expression has type {}, expected {}", e.dtype().str(), dtype.str()));
}

Expr Parser::condition() {
  const size_t start = peek().begin;
  Expr e = expr();
  if (!e.dtype().is_bool() || e.dtype().is_vector())
    lexer_.fail(start, "T0206", fmt::format("the condition has type {}, expected bool", e.dtype().str()));
  return e;
}

/// Up to and including `end`.
std::vector<Expr> Parser::expr_list(std::string_view end) {
  std::vector<Expr> list;
  while (!accept(end)) {
    if (!list.empty() && !accept(",")) lexer_.expected(fmt::format("`,` or `{}`", end));
    list.push_back(expr());
  }
  return list;
}

std::vector<Parsed> Parser::arguments() {
  expect("(");
  std::vector<Parsed> list;
  while (!accept(")")) {
    if (!list.empty() && !accept(",")) lexer_.expected("`,` or `)`");
    list.push_back(binary(1));
  }
  return list;
}

Parsed Parser::binary(int precedence) {
  Parsed left = unary();
  for (;;) {
    const Operator* op = find_operator(peek());
    if (!op || op->precedence < precedence) return left;
    const size_t start = lexer_.next().begin;
    Parsed right = binary(op->precedence + 1);
    const int depth = std::max(left.depth, right.depth) + 1;
    left = made(build(start, [&] { return make_binary(op->kind, std::move(left.expr), std::move(right.expr)); }), depth,
                start);
    if (op->precedence != kCompareLevel) continue;
    const Operator* next = find_operator(peek());
    if (next && next->precedence == kCompareLevel)
      lexer_.expected("`&&`, `||` or the end of the expression: comparisons do not chain");
  }
}

Parsed Parser::unary() {
  const Nesting nesting(paren_depth_, lexer_);
  const size_t start = peek().begin;
  if (accept("!")) {
    Parsed value = unary();
    return made(build(start, [&] { return !std::move(value.expr); }), value.depth + 1, start);
  }
  if (!accept("-")) return primary();
  if (peek().kind == TokenKind::kInt || peek().kind == TokenKind::kFloat) return number(true);
  if (at("inf") || at("nan")) return nan_or_inf(true);
  Parsed value = unary();
  return made(build(start, [&] { return -std::move(value.expr); }), value.depth + 1, start);
}

Parsed Parser::number(bool negative) {
  const Token token = lexer_.next();
  const bool is_int = token.kind == TokenKind::kInt;
  DataType t = is_int ? kI64 : kF32;
  if (!token.suffix.empty()) {
    const std::optional<DataType> given = parse_type(token.suffix);
    if (!given || given->is_vector() || given->is_bool() || (!is_int && !given->is_floating()))
      lexer_.fail(token.begin, "T0201",
                  fmt::format("`{}` is no type that the number {} can have", token.suffix,
                              token.text.substr(0, token.text.size() - token.suffix.size())));
    t = *given;
  }
  if (t.is_floating()) {
    const double value = is_int ? static_cast<double>(token.integer) : token.real;
    return {make_const(t, negative ? -value : value)};
  }
  const bool is_unsigned = t.is_uint();
  const int magnitude_bits = t.bits - (is_unsigned ? 0 : 1);
  uint64_t limit = magnitude_bits >= 64 ? UINT64_MAX : (uint64_t{1} << magnitude_bits) - 1;
  if (negative) limit = is_unsigned ? 0 : limit + 1;
  if (token.integer > limit)
    lexer_.fail(token.begin, "T0204",
                fmt::format("the number {}{} does not fit into {}", negative ? "-" : "", token.text, t.str()));
  return {make_int(t, static_cast<int64_t>(negative ? 0 - token.integer : token.integer))};
}

Parsed Parser::nan_or_inf(bool negative) {
  const Token token = lexer_.next();
  double value = std::numeric_limits<double>::infinity();
  if (token.text == "nan") {
    uint64_t bits = 0x7ff8000000000000u;
    if (accept("(")) {
      const size_t start = peek().begin;
      if (peek().kind != TokenKind::kInt || !peek().suffix.empty()) lexer_.expected("the bits of a NaN");
      bits = lexer_.next().integer;
      if (!std::isnan(std::bit_cast<double>(bits))) lexer_.fail(start, "T0204", "these bits are no NaN");
      expect(")");
    }
    value = std::bit_cast<double>(bits);
  }
  return {make_const(kF32, negative ? -value : value)};
}

Parsed Parser::primary() {
  const Token& token = peek();
  if (token.kind == TokenKind::kInt || token.kind == TokenKind::kFloat) return number(false);
  if (token.kind == TokenKind::kWord) return word();
  const size_t start = token.begin;
  if (!accept("(")) lexer_.expected("an expression");
  Parsed inner = at("let") ? let_expr(start) : binary(1);
  expect(")");
  return inner;
}

/// let x: f32 = value in body; a body that is a let again needs no parentheses.
Parsed Parser::let_expr(size_t start) {
  const Nesting nesting(paren_depth_, lexer_);
  expect("let");
  const Name name = new_name("the name of a variable");
  std::optional<DataType> t;
  if (accept(":")) t = type();
  expect("=");
  const size_t value_at = peek().begin;
  Parsed value = binary(1);
  if (t) value.expr = coerced(std::move(value.expr), *t, value_at);
  expect("in");
  const size_t scope = mark();
  const Var var(name.text, value.expr.dtype());
  define(name, {var, nullptr, 0});
  Parsed body = at("let") ? let_expr(peek().begin) : binary(1);
  end_scope(scope);
  const int depth = std::max(value.depth, body.depth) + 1;
  return made(build(start, [&] { return make_let(var, std::move(value.expr), std::move(body.expr)); }), depth, start);
}

Parsed Parser::word() {
  const Token token = peek();
  const auto found = symbols_.find(std::string(token.text));
  if (found != symbols_.end()) {
    lexer_.next();
    if (found->second.buffer.defined()) return load_of(Buffer(found->second.buffer), token.begin);
    return {found->second.var};
  }
  if (at("inf") || at("nan")) return nan_or_inf(false);
  if (at("true") || at("false")) return {Expr(lexer_.next().text == "true")};
  if (is_reserved(token.text)) return call_of(token.begin);
  if (!sizes_allowed_) unknown(token, false);
  lexer_.next();
  const Var size{std::string(token.text)};
  define({std::string(token.text), token.begin}, {size, nullptr, 0});
  return {size};
}

Parsed Parser::call_of(size_t start) {
  if (const std::optional<DataType> t = accept_type()) {
    std::vector<Parsed> args = arguments();
    if (args.size() != 1) lexer_.fail(start, "T0206", fmt::format("a cast takes 1 argument, got {}", args.size()));
    return made(build(start, [&] { return cast(*t, std::move(args[0].expr)); }), args[0].depth + 1, start);
  }
  const std::optional<Intrinsic> op = find_intrinsic(peek().text);
  if (op == Intrinsic::kExtern) {
    lexer_.next();
    const DataType t = type();
    std::string symbol =
        peek().kind == TokenKind::kString ? lexer_.next().string : new_name("the name of a C function").text;
    std::vector<Parsed> args = arguments();
    const int depth = deepest(args) + 1;
    return made(build(start, [&] { return call_extern(t, std::move(symbol), exprs_of(std::move(args))); }), depth,
                start);
  }
  if (op == Intrinsic::kReinterpret) {
    lexer_.next();
    expect("(");
    const DataType t = type();
    expect(",");
    Parsed value = binary(1);
    expect(")");
    return made(build(start, [&] { return reinterpret(t, std::move(value.expr)); }), value.depth + 1, start);
  }
  const bool known = op || at("select") || at("min") || at("max") || at("ramp") || at("broadcast");
  if (!known) lexer_.expected("an expression");
  const std::string_view name = lexer_.next().text;
  const bool is_vector = name == "ramp" || name == "broadcast";
  std::vector<Parsed> args;
  int lanes = 0;
  if (is_vector) {
    expect("(");
    do {
      args.push_back(binary(1));
      expect(",");
    } while (name == "ramp" && args.size() < 2);
    lanes = static_cast<int>(int_literal("a number of lanes", 2, 65535));
    expect(")");
  } else {
    args = arguments();
  }
  const size_t arity = name == "select" ? 3 : name == "min" || name == "max" ? 2 : 0;
  if (arity != 0 && args.size() != arity)
    lexer_.fail(start, "T0206", fmt::format("{} takes {} arguments, got {}", name, arity, args.size()));
  const int depth = deepest(args) + 1;
  std::vector<Expr> list = exprs_of(std::move(args));
  Expr result = build(start, [&] {
    if (name == "select") return select(list[0], list[1], list[2]);
    if (name == "min") return min(list[0], list[1]);
    if (name == "max") return max(list[0], list[1]);
    if (name == "ramp") return ramp(list[0], list[1], lanes);
    if (name == "broadcast") return broadcast(list[0], lanes);
    if (list.empty()) throw Error("T0115", std::string(name), "an argument is missing");
    return call(*op, std::move(list));
  });
  return made(std::move(result), depth, start);
}

/// `[indices where mask]`
void Parser::indices(std::vector<Expr>* out, Expr* mask, int* depth) {
  expect("[");
  while (!at("]") && !at("where")) {
    if (!out->empty() && !accept(",")) lexer_.expected("`,`, `where` or `]`");
    Parsed index = binary(1);
    *depth = std::max(*depth, index.depth);
    out->push_back(std::move(index.expr));
  }
  if (accept("where")) {
    const size_t start = peek().begin;
    Parsed m = binary(1);
    *depth = std::max(*depth, m.depth);
    if (!m.expr.dtype().is_bool())
      lexer_.fail(start, "T0206", fmt::format("the mask has type {}, expected bool", m.expr.dtype().str()));
    *mask = std::move(m.expr);
  }
  expect("]");
}

Parsed Parser::load_of(const Buffer& buffer, size_t start) {
  std::vector<Expr> list;
  Expr mask;
  int depth = 0;
  indices(&list, &mask, &depth);
  return made(build(start, [&] { return load(buffer, std::move(list), std::move(mask)); }), depth + 1, start);
}

Range Parser::range() {
  return range_or_point(false);
}

/// `min..end`, `min +: extent`, or (in regions) a point.
Range Parser::range_or_point(bool point_allowed) {
  const size_t start = peek().begin;
  Expr low = expr();
  const auto check = [&](const Expr& e) {
    if (!e.dtype().is_integer() || e.dtype().is_vector())
      lexer_.fail(start, "T0206", fmt::format("a bound has type {}, expected an integer", e.dtype().str()));
  };
  check(low);
  if (accept("+:")) {
    Expr extent = expr();
    check(extent);
    return {std::move(low), std::move(extent)};
  }
  if (!accept("..")) {
    if (!point_allowed) lexer_.expected("`..` or `+:`");
    const DataType t = low.dtype();
    return {std::move(low), make_int(t, 1)};
  }
  Expr end = expr();
  check(end);
  int64_t a = 0, b = 0, extent = 0;
  if (is_const_int(low, &a) && is_const_int(end, &b)) {
    if (__builtin_sub_overflow(b, a, &extent)) lexer_.fail(start, "T0204", "the range is too long");
    return {std::move(low), make_int(end.dtype(), extent)};
  }
  // min..min + extent
  const auto* add = as<BinaryNode>(end);
  if (add && end.kind() == ExprKind::kAdd && structural_equal(add->a, low)) return {std::move(low), add->b};
  if (is_const_int(low, int64_t{0})) return {std::move(low), std::move(end)};
  Expr difference = build(start, [&] { return end - low; });
  return {std::move(low), std::move(difference)};
}

}  // namespace tilewright::tir::text
