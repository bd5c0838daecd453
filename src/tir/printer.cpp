#include "tilewright/tir/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "tilewright/tir/visit.h"
#include "tir/printer_impl.h"
#include "tir/words.h"

namespace tilewright::tir {
namespace {

using text::annotation_text;
using text::NameTable;
using text::quote;

/// The root block in the form every unlowered function has: it prints as the function's body.
const BlockNode* plain_root(const Stmt& body) {
  const auto* b = as<BlockNode>(body);
  const bool plain = b && b->name == "root" && b->iters.empty() && b->bindings.empty() && !b->predicate.defined() &&
                     b->reads.empty() && b->writes.empty() && !b->init.defined();
  return plain ? b : nullptr;
}

/// Buffers a function uses without declaring them, in order of first use: the flat views of a lowered program.
class FreeBuffers : public Visitor {
 public:
  explicit FreeBuffers(const PrimFunc& func) {
    for (const Param& p : func->params) {
      if (p.buffer.defined()) known_.insert(p.buffer.get());
    }
    visit(func->body);
  }
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* l = as<LoadNode>(e)) use(l->buffer);
    visit_children(e);
  }
  void visit(const Stmt& s) override {
    if (const auto* st = as<StoreNode>(s)) use(st->buffer);
    if (const auto* a = as<AllocNode>(s)) known_.insert(a->buffer.get());
    if (const auto* b = as<BlockNode>(s)) {
      for (const Buffer& x : b->alloc_buffers) known_.insert(x.get());
      for (const auto* regions : {&b->reads, &b->writes}) {
        for (const BufferRegion& r : *regions) use(r.buffer);
      }
    }
    visit_children(s);
  }
  std::vector<Buffer> found;

 private:
  void use(const Buffer& b) {
    if (b.defined() && known_.insert(b.get()).second) found.push_back(b);
  }
  std::unordered_set<const BufferNode*> known_;
};

/// Symbolic sizes of other types than i64, which the reader could not guess.
std::vector<Var> typed_sizes(const PrimFunc& func) {
  std::vector<Var> found;
  for (const Param& p : func->params) {
    if (!p.buffer.defined()) continue;
    for (const Expr& extent : p.buffer.shape()) {
      post_order(extent, [&](const Expr& e) {
        const auto same = [&](const auto& x) { return x.get() == e.get(); };
        if (!e.defined() || e.kind() != ExprKind::kVar || e.dtype() == kI64) return;
        const bool scalar =
            std::any_of(func->params.begin(), func->params.end(), [&](const Param& q) { return same(q.scalar); });
        if (!scalar && std::none_of(found.begin(), found.end(), same))
          found.emplace_back(static_cast<const VarNode*>(e.get()));
      });
    }
  }
  return found;
}

class StmtPrinter {
 public:
  explicit StmtPrinter(const PrintOptions& options) : options_(options), exprs_(names_) {}

  std::string print(const PrimFunc& func);
  std::string print(const Stmt& s) {
    statement(s);
    return finish();
  }

 private:
  /// Ends the line begun in `line_`.
  void end_line(bool marked = false) {
    out_.append(static_cast<size_t>(2 * depth_), ' ');
    out_ += line_;
    if (marked) out_ += "        <-- here";
    out_ += '\n';
    line_.clear();
  }
  void line(std::string_view text, bool marked = false) {
    line_ += text;
    end_line(marked);
  }
  std::string finish() {
    if (!out_.empty()) out_.pop_back();
    return std::move(out_);
  }
  void expr(const Expr& e) { exprs_.print(line_, e); }

  void declare(const PrimFunc& func);
  void signature(const PrimFunc& func, bool lowered);
  void annotations(const char* keyword, const Annotations& list);
  void statement(const Stmt& s);
  /// The statements of a braced list; only there may a let or an allocation go on to the closing brace.
  void statements(const Stmt& s);
  void braced(const Stmt& s) {
    ++depth_;
    statements(s);
    --depth_;
    line("}");
  }
  /// A let or an allocation that holds to the end of the list.
  void open_scope(const Stmt& s, bool flat);
  void print_for(const ForNode& n);
  void print_if(const IfNode& n);
  void print_block(const BlockNode& n);
  void block_contents(const BlockNode& n);

  const PrintOptions& options_;
  NameTable names_;
  text::ExprPrinter exprs_;
  std::string out_, line_;
  int depth_ = 0;
  int blocks_ = 0;
};

/// Sizes bound by the buffers' shapes get their names first, so that they keep them.
void StmtPrinter::declare(const PrimFunc& func) {
  for (const Param& p : func->params) {
    if (!p.buffer.defined() && p.scalar.defined()) names_.define(p.scalar);
  }
}

void StmtPrinter::signature(const PrimFunc& func, bool lowered) {
  declare(func);
  line_ += lowered ? "lowered func " : "func ";
  line_ += (text::is_name(func.name()) ? func.name() : quote(func.name())) + "(";
  const size_t start = line_.size();
  for (const Var& size : typed_sizes(func))
    line_ += fmt::format("{}size {}: {}", line_.size() > start ? ", " : "", names_.find(size), size.dtype().str());
  for (size_t i = 0; i < func->params.size(); ++i) {
    if (line_.size() > start) line_ += ", ";
    const Param& p = func->params[i];
    if (p.buffer.defined())
      exprs_.print_declaration(line_, p.buffer);
    else if (p.scalar.defined())
      line_ += fmt::format("{}: {}", names_.find(p.scalar), p.scalar.dtype().str());
    else
      line_ += "<null>";
  }
  line_ += ") {";
  end_line();
}

std::string StmtPrinter::print(const PrimFunc& func) {
  if (!func.defined()) return "<null>";
  const BlockNode* root = plain_root(func->body);
  signature(func, root == nullptr);
  ++depth_;
  annotations("attribute", func->attributes);
  for (const Expr& e : func->assumptions) {
    line_ += "assume ";
    expr(e);
    end_line();
  }
  for (const Buffer& b : FreeBuffers(func).found) {
    line_ += "buffer ";
    exprs_.print_declaration(line_, b);
    end_line();
  }
  if (root)
    block_contents(*root);
  else
    statements(func->body);
  --depth_;
  line("}");
  return finish();
}

void StmtPrinter::annotations(const char* keyword, const Annotations& list) {
  for (const auto& [key, value] : list.items())
    line(fmt::format("{} {} = {}", keyword, quote(key), annotation_text(value)));
}

void StmtPrinter::statements(const Stmt& s) {
  const size_t mark = names_.mark();
  const auto* list = as<SeqNode>(s);
  const size_t count = list ? list->items.size() : 1;
  for (size_t i = 0; i < count; ++i) {
    const Stmt& item = list ? list->items[i] : s;
    const bool scope =
        item.defined() && (item.kind() == StmtKind::kLet || (item.kind() == StmtKind::kAlloc && blocks_ == 0));
    if (scope && i + 1 == count)
      open_scope(item, true);
    else
      statement(item);
  }
  names_.end_scope(mark);
}

void StmtPrinter::open_scope(const Stmt& s, bool flat) {
  const size_t mark = names_.mark();
  const Stmt* body;
  if (const auto* let = as<LetStmtNode>(s)) {
    std::string value;
    exprs_.print(value, let->value);
    line_ += fmt::format("let {}: {} = {}", names_.define(let->var), text::type_text(let->var), value);
    body = &let->body;
  } else {
    const auto* a = as<AllocNode>(s);
    line_ += "alloc ";
    exprs_.print_declaration(line_, a->buffer);
    body = &a->body;
  }
  if (!flat) line_ += " {";
  end_line();
  if (flat)
    statements(*body);
  else
    braced(*body);
  names_.end_scope(mark);
}

void StmtPrinter::print_for(const ForNode& n) {
  line_ += text::for_keyword(n.loop_kind);
  if (n.thread != ThreadTag::kNone || n.loop_kind == ForKind::kThreadBinding)
    line_ += fmt::format("({})", thread_tag_name(n.thread));
  std::string range;
  exprs_.print_range(range, {n.min, n.extent});
  const size_t mark = names_.mark();
  line_ += " " + names_.define(n.var);
  if (n.var.defined() && n.var.dtype() != kI64) line_ += ": " + n.var.dtype().str();
  line_ += " in " + range + " {";
  end_line(std::find(options_.mark_loops.begin(), options_.mark_loops.end(), n.id) != options_.mark_loops.end());
  ++depth_;
  annotations("annotate", n.annotations);
  --depth_;
  braced(n.body);
  names_.end_scope(mark);
}

void StmtPrinter::print_if(const IfNode& n) {
  line_ += "if ";
  expr(n.condition);
  line_ += " {";
  end_line();
  ++depth_;
  statements(n.then_body);
  --depth_;
  if (!n.else_body.defined()) return line("}");
  line_ += "} else ";
  if (const auto* chain = as<IfNode>(n.else_body)) return print_if(*chain);
  line_ += "{";
  end_line();
  braced(n.else_body);
}

void StmtPrinter::print_block(const BlockNode& n) {
  const size_t mark = names_.mark();
  line_ += fmt::format("block {}(", text::is_name(n.name) ? n.name : quote(n.name));
  // Domains and bindings belong to the outside: they are printed before the iterators have names.
  std::vector<std::string> domains(n.iters.size()), bindings(n.iters.size());
  for (size_t i = 0; i < n.iters.size(); ++i) {
    exprs_.print_range(domains[i], n.iters[i].domain);
    exprs_.print(bindings[i], i < n.bindings.size() ? n.bindings[i] : Expr());
  }
  for (size_t i = 0; i < n.iters.size(); ++i) {
    const IterVar& iter = n.iters[i];
    if (i != 0) line_ += ", ";
    line_ += names_.define(iter.var) + ": ";
    if (iter.var.defined() && iter.var.dtype() != kI64) line_ += iter.var.dtype().str() + " ";
    line_ += fmt::format("{} {} = {}", text::iter_keyword(iter.kind), domains[i], bindings[i]);
  }
  line_ += ") {";
  end_line(std::find(options_.mark_blocks.begin(), options_.mark_blocks.end(), n.id) != options_.mark_blocks.end());
  ++depth_;
  if (n.predicate.defined()) {
    line_ += "where ";
    expr(n.predicate);
    end_line();
  }
  const auto regions = [&](const char* keyword, const std::vector<BufferRegion>& list) {
    line_ += keyword;
    for (size_t i = 0; i < list.size(); ++i) {
      line_ += i != 0 ? ", " : " ";
      exprs_.print_region(line_, list[i]);
    }
    end_line();
  };
  if (!n.reads.empty()) regions("reads", n.reads);
  if (!n.writes.empty()) regions("writes", n.writes);
  // Without either, a reader would derive both.
  if (n.reads.empty() && n.writes.empty()) line("reads none");
  block_contents(n);
  --depth_;
  line("}");
  names_.end_scope(mark);
}

void StmtPrinter::block_contents(const BlockNode& n) {
  const size_t mark = names_.mark();
  ++blocks_;
  annotations("annotate", n.annotations);
  for (const Buffer& b : n.alloc_buffers) {
    line_ += "alloc ";
    exprs_.print_declaration(line_, b);
    end_line();
  }
  if (n.init.defined()) {
    line("init {");
    braced(n.init);
  }
  statements(n.body);
  --blocks_;
  names_.end_scope(mark);
}

void StmtPrinter::statement(const Stmt& s) {
  if (!s.defined()) return line("<null>");
  switch (s.kind()) {
    case StmtKind::kStore: {
      const auto* n = as<StoreNode>(s);
      line_ += names_.find(n->buffer);
      exprs_.print_indices(line_, n->indices, n->mask);
      line_ += " = ";
      expr(n->value);
      return end_line();
    }
    case StmtKind::kFor:
      return print_for(*as<ForNode>(s));
    case StmtKind::kBlock:
      return print_block(*as<BlockNode>(s));
    case StmtKind::kSeq:
      for (const Stmt& item : as<SeqNode>(s)->items) statement(item);
      return;
    case StmtKind::kIf:
      return print_if(*as<IfNode>(s));
    case StmtKind::kLet:
    case StmtKind::kAlloc:
      return open_scope(s, false);
    case StmtKind::kAssert:
      line_ += "assert ";
      expr(as<AssertNode>(s)->condition);
      return line(", " + quote(as<AssertNode>(s)->message));
    case StmtKind::kEvaluate:
      line_ += "evaluate ";
      expr(as<EvaluateNode>(s)->value);
      return end_line();
  }
}

}  // namespace

std::string to_string(const PrimFunc& func, const PrintOptions& options) {
  if (options.loop_nest_only) return func.defined() ? text::loop_nest(func->body, options) : "<null>";
  return StmtPrinter(options).print(func);
}
std::string to_string(const Stmt& stmt, const PrintOptions& options) {
  return options.loop_nest_only ? text::loop_nest(stmt, options) : StmtPrinter(options).print(stmt);
}
std::string to_string(const Expr& expr) {
  NameTable names;
  std::string out;
  text::ExprPrinter(names).print(out, expr);
  return out;
}
std::ostream& operator<<(std::ostream& out, const PrimFunc& func) {
  return out << to_string(func);
}
std::ostream& operator<<(std::ostream& out, const Expr& expr) {
  return out << to_string(expr);
}

}  // namespace tilewright::tir
