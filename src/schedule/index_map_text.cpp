#include "schedule/index_map_text.h"

#include <fmt/format.h>

#include <cctype>

#include "schedule/codes.h"
#include "tilewright/tir/printer.h"

namespace tilewright::schedule {

using tir::as;
using tir::BinaryNode;
using tir::Expr;
using tir::ExprKind;
using tir::Var;

namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxLength = 4096;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Expected<IndexMapText> parse() {
    if (text_.size() > kMaxLength) return fail("the text is longer than 4096 characters");
    IndexMapText out;
    if (!expect("(")) return failure();
    if (!accept(")")) {
      do {
        const std::string name = identifier();
        if (name.empty()) return fail("a name is expected");
        if (find(name)) return fail("`" + name + "` is declared twice");
        inputs_.emplace_back(name);
      } while (accept(","));
      if (!expect(")")) return failure();
    }
    if (!expect("->") || !expect("(")) return failure();
    if (!accept(")")) {
      do {
        Expr e = sum(0);
        if (!e.defined()) return failure();
        out.outputs.push_back(std::move(e));
      } while (accept(","));
      if (!expect(")")) return failure();
    }
    skip();
    if (at_ != text_.size()) return fail("nothing is expected any more");
    out.inputs = std::move(inputs_);
    return out;
  }

 private:
  Diagnostic failure() const {
    Diagnostic d;
    d.code = codes::kLayoutSyntax;
    d.message = problem_;
    return d;
  }
  Diagnostic fail(const std::string& what) {
    note(what);
    return failure();
  }
  Expr note(const std::string& what) {
    if (problem_.empty()) problem_ = fmt::format("\"{}\" is no index map: at position {}, {}", text_, at_, what);
    return {};
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(std::string_view token) {
    skip();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  bool expect(std::string_view token) {
    if (accept(token)) return true;
    note(fmt::format("`{}` is expected", token));
    return false;
  }
  std::string identifier() {
    skip();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    if (begin == at_ || std::isdigit(static_cast<unsigned char>(text_[begin]))) {
      at_ = begin;
      return "";
    }
    return std::string(text_.substr(begin, at_ - begin));
  }
  const Var* find(const std::string& name) const {
    for (const Var& v : inputs_) {
      if (v.name() == name) return &v;
    }
    return nullptr;
  }

  Expr sum(int depth) {
    if (depth > kMaxDepth) return note("the expression is nested too deeply");
    Expr left = product(depth);
    while (left.defined()) {
      const bool plus = accept("+");
      if (!plus && (peek("->") || !accept("-"))) break;
      const Expr right = product(depth);
      if (!right.defined()) return right;
      left = plus ? left + right : left - right;
    }
    return left;
  }
  Expr product(int depth) {
    Expr left = atom(depth);
    while (left.defined()) {
      const char op = accept("*") ? '*' : accept("//") ? '/' : accept("%") ? '%' : 0;
      if (!op) break;
      const Expr right = atom(depth);
      if (!right.defined()) return right;
      int64_t divisor = 0;
      if (op != '*' && (!tir::is_const_int(right, &divisor) || divisor < 1))
        return note("a divisor must be a positive constant");
      left = op == '*' ? left * right : op == '/' ? tir::floordiv(left, right) : tir::floormod(left, right);
    }
    return left;
  }
  Expr atom(int depth) {
    if (accept("(")) {
      Expr e = sum(depth + 1);
      return e.defined() && !expect(")") ? Expr() : e;
    }
    skip();
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      int64_t value = 0;
      for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
        if (value > (int64_t{1} << 40)) return note("a number is too large");
        value = value * 10 + (text_[at_] - '0');
      }
      return value;
    }
    const std::string name = identifier();
    if (name.empty()) return note("a number, a name or `(` is expected");
    if (const Var* v = find(name)) return *v;
    return note("`" + name + "` is no input of the map");
  }
  bool peek(std::string_view token) {
    skip();
    return text_.substr(at_, token.size()) == token;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Var> inputs_;
  std::string problem_;
};

void spell(const Expr& e, int level, std::string* out) {
  const auto* b = as<BinaryNode>(e);
  int64_t value = 0;
  if (tir::is_const_int(e, &value)) {
    *out += value < 0 ? fmt::format("(0 - {})", -value) : fmt::format("{}", value);
    return;
  }
  const char* op = nullptr;
  int own = 0;
  switch (e.kind()) {
    case ExprKind::kAdd:
      op = " + ";
      break;
    case ExprKind::kSub:
      op = " - ";
      break;
    case ExprKind::kMul:
      op = " * ", own = 1;
      break;
    case ExprKind::kFloorDiv:
      op = " // ", own = 1;
      break;
    case ExprKind::kFloorMod:
      op = " % ", own = 1;
      break;
    default:
      break;
  }
  if (!op) {
    *out += e.kind() == ExprKind::kVar ? static_cast<const tir::VarNode*>(e.get())->name : tir::to_string(e);
    return;
  }
  if (own < level) *out += "(";
  spell(b->a, own, out);
  *out += op;
  spell(b->b, own + 1, out);
  if (own < level) *out += ")";
}

}  // namespace

Expected<IndexMapText> parse_index_map(std::string_view text) {
  return Parser(text).parse();
}

std::string index_map_text(const std::vector<Var>& inputs, const std::vector<Expr>& outputs) {
  std::string out = "(";
  for (size_t i = 0; i < inputs.size(); ++i) out += (i ? ", " : "") + inputs[i].name();
  out += ") -> (";
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (i) out += ", ";
    spell(outputs[i], 0, &out);
  }
  return out + ")";
}

}  // namespace tilewright::schedule
