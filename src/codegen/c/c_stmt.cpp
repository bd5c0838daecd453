// Statements.
#include <fmt/format.h>

#include <algorithm>

#include "codegen/c/c_emitter.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {

using tir::as;
using tir::DataType;
using tir::Expr;
using tir::Stmt;
using tir::StmtKind;

namespace {

/// What one function takes of its thread's stack for arrays.
constexpr int64_t kStackBytes = 16 << 10;
constexpr int kArrayAlignment = 64;

bool reads(const Expr& e, const tir::BufferNode* buffer, const std::string& name) {
  bool found = false;
  tir::post_order(e, [&](const Expr& x) {
    const auto* l = as<tir::LoadNode>(x);
    if (l && l->buffer.scope() != tir::Scope::kRegister && (l->buffer.get() == buffer || l->buffer.name() == name))
      found = true;
  });
  return found;
}

}  // namespace

void c_error(const char* code, std::string message, std::string remedy) {
  Diagnostic d;
  d.code = code;
  d.operation = "C back end";
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  throw Error(std::move(d));
}

// ---- Text

void CFunction::line(const std::string& text) {
  out_.append(static_cast<size_t>(depth_) * 2, ' ');
  out_ += text;
  out_ += '\n';
}
void CFunction::open(const std::string& text) {
  line(text.empty() ? "{" : text + " {");
  ++depth_;
  scopes_.emplace_back();
}
void CFunction::close() {
  for (const std::string& name : scopes_.back()) names_.release(name);
  scopes_.pop_back();
  --depth_;
  line("}");
}

std::string CFunction::failure(const char* kind, const std::string& message) const {
  std::string text;
  for (size_t i = heap_.size(); i-- > 0;)
    text += fmt::format("{}({}); ", m_.options.ffi_entry ? "__tilewright_workspace_free" : "free", heap_[i]);
  if (m_.options.ffi_entry)
    return fmt::format("{}return __tilewright_fail(\"{}\", {});", text, kind, c_string_literal(message));
  return text + "return -1;";
}

// ---- Names

void CFunction::define_parameter(const tir::Buffer& b, const std::string& name, const std::string& pointer) {
  CBuffer entry{name, {}, pointer};
  parameters_[b.name()] = entry;
  buffers_[b.get()] = std::move(entry);
}
void CFunction::define_scalar(const tir::Var& var, const std::string& name, ValueBounds bounds) {
  vars_[var.get()] = {name, var.dtype(), VectorForm::kNone, 0, bounds};
}

const CBuffer& CFunction::buffer(const tir::Buffer& b) {
  const auto found = buffers_.find(b.get());
  if (found != buffers_.end()) return found->second;
  const auto named = parameters_.find(b.name());
  if (named == parameters_.end() || b.scope() != tir::Scope::kGlobal)
    c_error("G0862", fmt::format("buffer `{}` is neither a parameter nor allocated here", b.name()));
  return named->second;
}

std::string CFunction::element(const tir::Buffer& b, const Expr& index) {
  const CBuffer& entry = buffer(b);
  if (b.rank() != 1) c_error("G0861", fmt::format("buffer `{}` is not flat", b.name()), "lower the function first");
  return fmt::format("{}[{}]", entry.name, value(index).text);
}

CVariable CFunction::new_variable(std::string_view hint, DataType t) {
  CVariable v{fresh(hint), t, VectorForm::kNone, 0, t.lanes == 1 ? type_bounds(t) : ValueBounds{}};
  if (t.lanes > 1) v.form = use_gnu(t) && !t.is_bool() ? VectorForm::kGnu : VectorForm::kArray;
  return v;
}

// ---- Statements

void CFunction::emit(const Stmt& s) {
  if (!s.defined()) return;
  switch (s.kind()) {
    case StmtKind::kStore:
      return emit_store(as<tir::StoreNode>(s));
    case StmtKind::kFor:
      return emit_for(as<tir::ForNode>(s));
    case StmtKind::kSeq:
      for (const Stmt& item : as<tir::SeqNode>(s)->items) emit(item);
      return;
    case StmtKind::kIf: {
      const auto* n = as<tir::IfNode>(s);
      if (tir::is_true(n->condition)) return emit(n->then_body);
      if (tir::is_false(n->condition)) return emit(n->else_body);
      open(fmt::format("if ({})", value(n->condition).text));
      emit(n->then_body);
      close();
      if (n->else_body.defined()) {
        open("else");
        emit(n->else_body);
        close();
      }
      return;
    }
    case StmtKind::kLet: {
      const auto* n = as<tir::LetStmtNode>(s);
      emit_let(n->var, n->value);
      return emit(n->body);
    }
    case StmtKind::kAssert: {
      const auto* n = as<tir::AssertNode>(s);
      if (tir::is_true(n->condition)) return;
      line(fmt::format("if (!({})) {{ {} }}", value(n->condition).text, failure("ValueError", n->message)));
      return;
    }
    case StmtKind::kEvaluate: {
      const Expr& e = as<tir::EvaluateNode>(s)->value;
      const auto* c = as<tir::CallNode>(e);
      if (!c || (c->op != tir::Intrinsic::kExtern && c->op != tir::Intrinsic::kPrefetch)) return;
      const std::string text = value(e).in(kUnary);
      if (text != "0") line(fmt::format("(void){};", text));
      return;
    }
    case StmtKind::kAlloc:
      return emit_alloc(as<tir::AllocNode>(s));
    case StmtKind::kBlock:
      break;
  }
  c_error("G0860", fmt::format("block `{}` cannot stand in lowered code", as<tir::BlockNode>(s)->name),
          "lower the function first");
}

void CFunction::emit_let(const tir::Var& var, const Expr& e) {
  const DataType t = var.dtype();
  const bool in_lane = !lane_.empty();
  CVariable v;
  if (t.lanes == 1 || in_lane) {
    const CText x = value(e);
    v = {fresh(var.name()), t, t.lanes == 1 ? VectorForm::kNone : VectorForm::kLane, 0,
         x.bounds.known ? x.bounds : type_bounds(t.element())};
    line(fmt::format("const {} {} = {};", c_type(t.element()), v.name, x.text));
  } else {
    const size_t mark = out_.size();
    const auto x = vector(e);
    if (x) {
      DataType held = t;
      if (t.is_bool()) held = DataType{tir::TypeCode::kInt, static_cast<uint8_t>(x->mask_bytes * 8), t.lanes};
      v = {fresh(var.name()), t, VectorForm::kGnu, t.is_bool() ? x->mask_bytes : 0, {}};
      line(fmt::format("const {} {} = {};", m_.helpers.vector_type(held), v.name, x->text));
    } else {
      out_.resize(mark);
      v = new_variable(var.name(), t);
      if (v.form == VectorForm::kGnu)
        line(fmt::format("{} {};", m_.helpers.vector_type(t), v.name));
      else
        line(fmt::format("{} {}[{}];", c_type(t.element()), v.name, t.lanes));
      lane_loop(t.lanes);
      const CText lane = value(e);
      line(fmt::format("{}[{}] = {};", v.name, lane_, lane.text));
      close();
      lane_.clear();
    }
  }
  if (m_.var_uses[var.get()] == 0) line(fmt::format("(void){};", v.name));
  vars_[var.get()] = std::move(v);
}

std::string CFunction::lane_loop(int lanes) {
  lane_ = "l";
  open(fmt::format("for (int l = 0; l < {}; ++l)", lanes));
  return lane_;
}

// ---- Stores

void CFunction::emit_store(const tir::StoreNode* s) {
  const DataType t = s->value.dtype();
  if (t.lanes > 1) {
    const size_t mark = out_.size();
    if (!use_gnu(t) || !emit_store_vector(s)) {
      out_.resize(mark);
      emit_store_lanes(s);
    }
    return;
  }
  if (s->buffer.dtype().lanes > 1)
    c_error("G0862", fmt::format("register `{}` is stored one lane at a time", s->buffer.name()));
  const bool guarded = !tir::is_true(s->mask);
  if (guarded) open(fmt::format("if ({})", value(s->mask).text));
  const bool is_register = s->buffer.scope() == tir::Scope::kRegister;
  const std::string target = is_register ? buffer(s->buffer).value.name : element(s->buffer, s->indices.at(0));
  line(fmt::format("{} = {};", target, value(s->value).text));
  if (guarded) close();
}

bool CFunction::emit_store_vector(const tir::StoreNode* s) {
  const DataType t = s->value.dtype();
  const int lanes = t.lanes;
  const CBuffer& b = buffer(s->buffer);
  const bool masked = !tir::is_true(s->mask);
  if (t.is_bool()) return false;
  const std::string type = m_.helpers.vector_type(t), suffix = c_suffix(t);
  std::string mask, mask_type;
  if (masked) {
    const auto m = s->mask.dtype().lanes == lanes ? vector(s->mask) : std::nullopt;
    if (!m) return false;
    mask = mask_as(*m, lanes, t.element_bytes());
    mask_type =
        m_.helpers.vector_type(DataType{tir::TypeCode::kInt, static_cast<uint8_t>(t.element_bytes() * 8), t.lanes});
  }
  const auto x = vector(s->value);
  if (!x) return false;
  if (s->buffer.scope() == tir::Scope::kRegister) {
    if (b.value.form != VectorForm::kGnu || masked) return false;
    line(fmt::format("{} = {};", b.value.name, x->text));
    return true;
  }
  m_.helpers.needs_string = true;
  const Expr& index = s->indices.at(0);
  const std::string element_type = c_memory_type(t);
  if (const auto* r = as<tir::RampNode>(index); r && tir::is_const_int(r->stride, 1)) {
    const std::string address = "&" + element(s->buffer, r->base);
    if (masked) {
      const std::string name = "tw_masked_store_" + suffix;
      m_.helpers.define(name,
                        fmt::format("TW_INLINE void {1}({2}* p, {0} v, {3} m) {{\n  for (int l = 0; l < {4}; ++l) {{\n"
                                    "    if (m[l]) p[l] = v[l];\n  }}\n}}\n",
                                    type, name, element_type, mask_type, lanes));
      line(fmt::format("{}({}, {}, {});", name, address, x->text, mask));
    } else {
      const std::string name = "tw_store_" + suffix;
      m_.helpers.define(name, fmt::format("TW_INLINE void {1}({2}* p, {0} v) {{\n  memcpy(p, &v, sizeof v);\n}}\n",
                                          type, name, element_type));
      line(fmt::format("{}({}, {});", name, address, x->text));
    }
    return true;
  }
  if (index.dtype().lanes != lanes) return false;
  const auto i = vector(index);
  if (!i) return false;
  const std::string index_type = m_.helpers.vector_type(index.dtype());
  const std::string name = fmt::format("tw_{}scatter_{}", masked ? "masked_" : "", suffix);
  m_.helpers.define(
      name, fmt::format("TW_INLINE void {1}({2}* p, {3} i, {0} v{4}) {{\n  for (int l = 0; l < {5}; ++l) {{\n"
                        "    {6}p[i[l]] = v[l];\n  }}\n}}\n",
                        type, name, element_type, index_type, masked ? fmt::format(", {} m", mask_type) : "", lanes,
                        masked ? "if (m[l]) " : ""));
  line(fmt::format("{}({}, {}, {}{});", name, b.name, i->text, x->text, masked ? ", " + mask : ""));
  return true;
}

void CFunction::emit_store_lanes(const tir::StoreNode* s) {
  const DataType t = s->value.dtype();
  const bool is_register = s->buffer.scope() == tir::Scope::kRegister;
  const bool masked = !tir::is_true(s->mask);
  const CBuffer& b = buffer(s->buffer);
  auto target = [&] {
    if (!is_register) return element(s->buffer, s->indices.at(0));
    if (s->buffer.dtype().lanes != t.lanes)
      c_error("G0862", fmt::format("register `{}` is stored with {} lanes", s->buffer.name(), t.lanes));
    return lane_of(b.value);
  };
  // All lanes are read before one is written.
  bool buffered = false;
  if (!is_register) {
    buffered = reads(s->value, s->buffer.get(), s->buffer.name()) ||
               reads(s->indices.at(0), s->buffer.get(), s->buffer.name()) ||
               (masked && reads(s->mask, s->buffer.get(), s->buffer.name()));
  }
  std::string lanes_name, mask_name;
  if (buffered) {
    open("");
    lanes_name = fresh("lanes");
    line(fmt::format("{} {}[{}];", c_type(t.element()), lanes_name, t.lanes));
    if (masked) {
      mask_name = fresh("mask");
      line(fmt::format("bool {}[{}];", mask_name, t.lanes));
    }
    lane_loop(t.lanes);
    std::string condition;
    if (masked) {
      line(fmt::format("{}[l] = {};", mask_name, value(s->mask).text));
      open(fmt::format("if ({}[l])", mask_name));
    }
    line(fmt::format("{}[l] = {};", lanes_name, value(s->value).text));
    if (masked) close();
    close();
    lane_.clear();
  }
  lane_loop(t.lanes);
  if (masked) open(fmt::format("if ({})", buffered ? mask_name + "[l]" : value(s->mask).text));
  const std::string place = target();
  const std::string x = buffered ? lanes_name + "[l]" : value(s->value).text;
  line(fmt::format("{} = {};", place, x));
  if (masked) close();
  close();
  lane_.clear();
  if (buffered) close();
}

// ---- Loops and memory

void CFunction::emit_for(const tir::ForNode* s) {
  int64_t extent = 0;
  const bool constant = tir::is_const_int(s->extent, &extent);
  if (constant && extent < 1) return;
  if (s->loop_kind != tir::ForKind::kSerial && s->loop_kind != tir::ForKind::kParallel)
    c_error(
        "G0860",
        fmt::format("the {} loop `{}` cannot stand in lowered code", tir::for_kind_name(s->loop_kind), s->var.name()),
        "lower the function first");
  if (s->loop_kind == tir::ForKind::kParallel && !inside_parallel_ &&
      m_.options.parallel != COptions::Parallel::kSerial && !(constant && extent == 1))
    return emit_parallel(s);
  const CText begin = value(s->min);
  const CText count = value(s->extent);
  ValueBounds bounds;
  if (begin.bounds.known && count.bounds.known && count.bounds.high >= 1)
    bounds = {begin.bounds.low, begin.bounds.high + (count.bounds.high - 1), true};
  CText end = tir::is_const_int(s->min, 0) ? count : integer_arith(tir::ExprKind::kAdd, tir::kI64, begin, count);
  if (constant && begin.literal) end = value(s->min + s->extent);
  if (!end.literal && end.precedence != kPostfix) {
    const std::string name = fresh(s->var.name() + "_end");
    line(fmt::format("const int64_t {} = {};", name, end.text));
    end = {name, kPostfix, {}, false};
  }
  emit_loop(s, begin.text, end.text, bounds);
}

void CFunction::emit_loop(const tir::ForNode* s, const std::string& begin, const std::string& end, ValueBounds bounds) {
  scopes_.emplace_back();
  const std::string name = fresh(s->var.name());
  const std::string type = c_type(s->var.dtype());
  open(fmt::format("for ({0} {1} = {2}; {1} < {3}; ++{1})", type, name, begin, end));
  vars_[s->var.get()] = {name, s->var.dtype(), VectorForm::kNone, 0, bounds};
  emit(s->body);
  close();
  for (const std::string& n : scopes_.back()) names_.release(n);
  scopes_.pop_back();
}

void CFunction::emit_alloc(const tir::AllocNode* s) {
  const tir::Buffer& b = s->buffer;
  const DataType t = b.dtype();
  const bool unread = m_.buffer_reads[b.get()] == 0;
  if (b.scope() == tir::Scope::kRegister) {
    CVariable v = new_variable(b.name(), t);
    // A first value keeps compilers from warning where they cannot see that every path stores one.
    if (v.form == VectorForm::kGnu)
      line(fmt::format("{} {} = {{0}};", m_.helpers.vector_type(t), v.name));
    else if (v.form == VectorForm::kArray)
      line(fmt::format("{} {}[{}] = {{0}};", c_type(t.element()), v.name, t.lanes));
    else
      line(fmt::format("{} {} = 0;", c_type(t), v.name));
    if (unread) line(fmt::format("(void){};", v.name));
    buffers_[b.get()] = {v.name, std::move(v), {}};
    return emit(s->body);
  }
  if (b.rank() != 1 || t.lanes > 1)
    c_error("G0861", fmt::format("buffer `{}` is not flat", b.name()), "lower the function first");
  const std::string type = c_memory_type(t);
  int64_t count = 0, bytes = 0;
  const bool constant = tir::is_const_int(b.shape()[0], &count);
  if (constant &&
      (count < 0 || __builtin_mul_overflow(count, int64_t{t.element_bytes()}, &bytes) || bytes > (int64_t{1} << 46)))
    c_error("G0864", fmt::format("buffer `{}` of {} elements is too large", b.name(), count));
  if (constant && stack_bytes_ + bytes <= kStackBytes) {
    stack_bytes_ += bytes;
    const std::string name = fresh(b.name());
    line(fmt::format("_Alignas({}) {} {}[{}];", std::max(kArrayAlignment, b.get()->alignment), type, name,
                     std::max<int64_t>(count, 1)));
    if (unread) line(fmt::format("(void){};", name));
    buffers_[b.get()] = {name, {}, type + "*"};
    return emit(s->body);
  }
  const std::string size = constant ? fmt::format("{}", std::max<int64_t>(bytes, 1))
                                    : fmt::format("(uint64_t)({}) * {}", value(b.shape()[0]).text, t.element_bytes());
  const std::string name = fresh(b.name());
  const int alignment = std::max(kArrayAlignment, b.get()->alignment);
  std::string allocation;
  if (m_.options.ffi_entry) {
    allocation = fmt::format("__tilewright_workspace_alloc({}, {})", size, alignment);
  } else {
    m_.helpers.needs_stdlib = true;
    m_.helpers.define("tw_alloc",
                      "TW_INLINE void* tw_alloc(uint64_t bytes, uint64_t alignment) {\n"
                      "  return aligned_alloc(alignment, (bytes / alignment + 1) * alignment);\n}\n");
    allocation = fmt::format("tw_alloc({}, {})", size, alignment);
  }
  line(fmt::format("{}* restrict {} = ({}*){};", type, name, type, allocation));
  line(fmt::format("if (!{}) {{ {} }}", name,
                   failure("MemoryError", fmt::format("{}: no memory for the intermediate {}", m_.name, b.name()))));
  heap_.push_back(name);
  buffers_[b.get()] = {name, {}, type + "*"};
  emit(s->body);
  heap_.pop_back();
  line(fmt::format("{}({});", m_.options.ffi_entry ? "__tilewright_workspace_free" : "free", name));
}

}  // namespace tilewright::codegen
