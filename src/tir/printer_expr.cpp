#include <fmt/format.h>

#include <cmath>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tir/printer_impl.h"
#include "tir/words.h"

namespace tilewright::tir::text {
namespace {

enum Precedence { kLoosest = 0, kOrLevel, kAndLevel, kCompareLevel, kAddLevel, kMulLevel, kUnaryLevel, kPrimary };

struct Operator {
  const char* symbol;
  Precedence precedence;
};

Operator operator_of(ExprKind kind) {
  switch (kind) {
    case ExprKind::kAdd:
      return {" + ", kAddLevel};
    case ExprKind::kSub:
      return {" - ", kAddLevel};
    case ExprKind::kMul:
      return {" * ", kMulLevel};
    case ExprKind::kDiv:
      return {" / ", kMulLevel};
    case ExprKind::kFloorDiv:
      return {" // ", kMulLevel};
    case ExprKind::kFloorMod:
      return {" % ", kMulLevel};
    case ExprKind::kEq:
      return {" == ", kCompareLevel};
    case ExprKind::kNe:
      return {" != ", kCompareLevel};
    case ExprKind::kLt:
      return {" < ", kCompareLevel};
    case ExprKind::kLe:
      return {" <= ", kCompareLevel};
    case ExprKind::kGt:
      return {" > ", kCompareLevel};
    case ExprKind::kGe:
      return {" >= ", kCompareLevel};
    case ExprKind::kAnd:
      return {" && ", kAndLevel};
    case ExprKind::kOr:
      return {" || ", kOrLevel};
    default:
      return {"?", kPrimary};
  }
}

std::string int_text(DataType t, int64_t value) {
  if (t.is_bool()) return value != 0 ? "true" : "false";
  std::string text = t.is_uint() ? fmt::format("{}", static_cast<uint64_t>(value)) : fmt::format("{}", value);
  return t == kI64 ? text : text + t.str();
}

std::string float_constant(DataType t, double value) {
  const std::string text = float_text(value);
  if (t == kF32) return text;
  // Words take no suffix.
  return std::isfinite(value) ? text + t.str() : fmt::format("{}({})", t.str(), text);
}

void print_symbol(std::string& out, std::string_view symbol) {
  out += is_name(symbol) ? std::string(symbol) : quote(symbol);
}

}  // namespace

// ---- Names

std::string NameTable::unique(std::string_view hint) const {
  std::string base;
  for (const char c : hint) base += is_identifier_char(c) ? c : '_';
  if (base.empty() || !is_identifier_start(base[0])) base.insert(0, "v");
  if (!used_.contains(base) && !is_reserved(base)) return base;
  for (int i = 1;; ++i) {
    std::string name = fmt::format("{}_{}", base, i);
    if (!used_.contains(name)) return name;
  }
}

const std::string& NameTable::define(const void* node, std::string_view hint) {
  const auto found = names_.find(node);
  undo_.push_back({node, found == names_.end() ? std::string() : found->second, found != names_.end()});
  std::string& name = names_[node];
  name = unique(hint);
  used_.insert(name);
  return name;
}

const std::string& NameTable::find(const void* node, std::string_view hint) {
  const auto found = names_.find(node);
  if (found != names_.end()) return found->second;
  std::string& name = names_[node];
  name = unique(hint);
  used_.insert(name);
  return name;
}

void NameTable::end_scope(size_t mark) {
  while (undo_.size() > mark) {
    Undo& last = undo_.back();
    const auto found = names_.find(last.node);
    used_.erase(found->second);
    if (last.had_previous)
      found->second = std::move(last.previous);
    else
      names_.erase(found);
    undo_.pop_back();
  }
}

// ---- Expressions

void ExprPrinter::print_list(std::string& out, const std::vector<Expr>& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (i != 0) out += ", ";
    print(out, list[i]);
  }
}

void ExprPrinter::print(std::string& out, const Expr& e, int precedence) {
  if (!e.defined()) {
    out += "<null>";
    return;
  }
  switch (e.kind()) {
    case ExprKind::kIntImm:
      out += int_text(e.dtype(), as<IntImmNode>(e)->value);
      return;
    case ExprKind::kFloatImm:
      out += float_constant(e.dtype(), as<FloatImmNode>(e)->value);
      return;
    case ExprKind::kVar:
      out += names_.find(e.get(), static_cast<const VarNode*>(e.get())->name);
      return;
    case ExprKind::kCast:
      out += e.dtype().str() + "(";
      print(out, as<CastNode>(e)->value);
      out += ")";
      return;
    case ExprKind::kNot:
      out += "!";
      print(out, as<NotNode>(e)->value, kUnaryLevel);
      return;
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      out += "select(";
      print_list(out, {n->condition, n->true_value, n->false_value});
      out += ")";
      return;
    }
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      out += names_.find(n->buffer);
      print_indices(out, n->indices, n->mask);
      return;
    }
    case ExprKind::kCall: {
      const auto* n = as<CallNode>(e);
      if (n->op == Intrinsic::kExtern) {
        out += fmt::format("extern {} ", e.dtype().str());
        print_symbol(out, n->name);
        out += "(";
      } else {
        out += intrinsic_name(n->op);
        out += n->op == Intrinsic::kReinterpret ? fmt::format("({}, ", e.dtype().str()) : "(";
      }
      print_list(out, n->args);
      out += ")";
      return;
    }
    case ExprKind::kRamp: {
      const auto* n = as<RampNode>(e);
      out += "ramp(";
      print_list(out, {n->base, n->stride});
      out += fmt::format(", {})", e.dtype().lanes);
      return;
    }
    case ExprKind::kBroadcast:
      out += "broadcast(";
      print(out, as<BroadcastNode>(e)->value);
      out += fmt::format(", {})", e.dtype().lanes);
      return;
    case ExprKind::kLet: {
      // A chain of lets needs one pair of parentheses.
      const size_t mark = names_.mark();
      const Expr* body = &e;
      out += "(";
      while (const auto* n = as<LetNode>(*body)) {
        std::string value;
        print(value, n->value);
        out += fmt::format("let {}: {} = {} in ", names_.define(n->var), type_text(n->var), value);
        body = &n->body;
      }
      print(out, *body);
      out += ")";
      names_.end_scope(mark);
      return;
    }
    case ExprKind::kReduce: {
      // Tensor expressions only: for reading, not for parsing.
      const auto* n = as<ReduceNode>(e);
      const size_t mark = names_.mark();
      out += fmt::format("reduce {}[", n->reducer->name);
      for (size_t i = 0; i < n->axes.size(); ++i) {
        if (i != 0) out += ", ";
        out += names_.define(n->axes[i].var) + " in ";
        print_range(out, n->axes[i].domain);
      }
      out += "](";
      print_list(out, n->sources);
      if (n->condition.defined()) {
        out += " where ";
        print(out, n->condition);
      }
      out += n->sources.size() > 1 ? fmt::format(").{}", n->index) : ")";
      names_.end_scope(mark);
      return;
    }
    case ExprKind::kMin:
    case ExprKind::kMax: {
      const auto* n = as<BinaryNode>(e);
      out += e.kind() == ExprKind::kMin ? "min(" : "max(";
      print_list(out, {n->a, n->b});
      out += ")";
      return;
    }
    default: {
      const auto* n = as<BinaryNode>(e);
      const Operator op = operator_of(e.kind());
      const bool parentheses = op.precedence < precedence;
      if (parentheses) out += "(";
      // Left associative; comparisons do not chain.
      print(out, n->a, op.precedence == kCompareLevel ? op.precedence + 1 : op.precedence);
      out += op.symbol;
      print(out, n->b, op.precedence + 1);
      if (parentheses) out += ")";
    }
  }
}

void ExprPrinter::print_range(std::string& out, const Range& range) {
  int64_t min = 0, extent = 0, end = 0;
  const bool i64 =
      range.min.defined() && range.extent.defined() && range.min.dtype() == kI64 && range.extent.dtype() == kI64;
  if (i64 && is_const_int(range.min, &min) && is_const_int(range.extent, &extent) &&
      !__builtin_add_overflow(min, extent, &end)) {
    out += fmt::format("{}..{}", min, end);
    return;
  }
  if (i64 && is_const_int(range.min, int64_t{0})) {
    out += "0..";
    print(out, range.extent, kAddLevel);
    return;
  }
  if (i64) {
    // As `min..n` reads: the extent is n - min.
    const auto* difference = range.extent.kind() == ExprKind::kSub ? as<BinaryNode>(range.extent) : nullptr;
    if (difference && structural_equal(difference->b, range.min)) {
      const auto* end = difference->a.kind() == ExprKind::kAdd ? as<BinaryNode>(difference->a) : nullptr;
      if (!end || !structural_equal(end->a, range.min)) {
        print(out, range.min, kAddLevel);
        out += "..";
        print(out, difference->a, kAddLevel);
        return;
      }
    }
    const Expr sum = range.min + range.extent;
    const auto* add = as<BinaryNode>(sum);
    if (add && sum.kind() == ExprKind::kAdd && add->a.same_as(range.min) && add->b.same_as(range.extent)) {
      print(out, range.min, kAddLevel);
      out += "..";
      print(out, sum, kAddLevel);
      return;
    }
  }
  print(out, range.min, kAddLevel);
  out += " +: ";
  print(out, range.extent, kAddLevel);
}

void ExprPrinter::print_region(std::string& out, const BufferRegion& region) {
  out += names_.find(region.buffer) + "[";
  for (size_t i = 0; i < region.ranges.size(); ++i) {
    if (i != 0) out += ", ";
    const Range& r = region.ranges[i];
    if (r.extent.defined() && r.extent.dtype() == kI64 && is_const_int(r.extent, int64_t{1}))
      print(out, r.min, kAddLevel);
    else
      print_range(out, r);
  }
  out += "]";
}

void ExprPrinter::print_indices(std::string& out, const std::vector<Expr>& indices, const Expr& mask) {
  out += "[";
  print_list(out, indices);
  if (mask.defined()) {
    out += indices.empty() ? "where " : " where ";
    print(out, mask);
  }
  out += "]";
}

void ExprPrinter::print_layout(std::string& out, const IndexMap& map) {
  const size_t mark = names_.mark();
  out += " layout (";
  for (size_t i = 0; i < map->inputs.size(); ++i) {
    if (i != 0) out += ", ";
    out += names_.define(map->inputs[i]);
    if (map->inputs[i].dtype() != kI64) out += ": " + map->inputs[i].dtype().str();
  }
  out += ") -> (";
  print_list(out, map->outputs);
  out += ") in [";
  print_list(out, map->output_shape);
  out += "]";
  names_.end_scope(mark);
}

void ExprPrinter::print_declaration(std::string& out, const Buffer& buffer) {
  const std::string name = names_.define(buffer);
  out += name;
  if (!buffer.defined()) return;
  out += fmt::format(": {}[", buffer.dtype().str());
  print_list(out, buffer.shape());
  out += "]";
  if (buffer.scope() != Scope::kGlobal) out += fmt::format(" {}", scope_name(buffer.scope()));
  if (buffer->alignment != 0) out += fmt::format(" align {}", buffer->alignment);
  if (name != buffer.name()) out += " named " + quote(buffer.name());
  if (buffer->layout.defined()) print_layout(out, buffer->layout);
}

std::string type_text(const Var& v) {
  return v.defined() ? v.dtype().str() : "<null>";
}

std::string annotation_text(const AnnotationValue& value) {
  if (const auto* n = std::get_if<int64_t>(&value)) return fmt::format("{}", *n);
  if (const auto* f = std::get_if<double>(&value)) return float_text(*f);
  if (const auto* s = std::get_if<std::string>(&value)) return quote(*s);
  std::string out = "[";
  for (const int64_t n : std::get<std::vector<int64_t>>(value))
    out += fmt::format("{}{}", out.size() > 1 ? ", " : "", n);
  return out + "]";
}

}  // namespace tilewright::tir::text
