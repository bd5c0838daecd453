// Parallel loops: the body becomes a function over a range of iterations; what it uses from outside travels in a
// struct.
#include <fmt/format.h>

#include "codegen/c/c_emitter.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {

using tir::as;
using tir::Expr;
using tir::Stmt;

namespace {

/// Variables and buffers that a loop uses, in order of first appearance, and those defined inside.
class Captures : public tir::Visitor {
 public:
  std::vector<const tir::VarNode*> vars;
  std::vector<tir::Buffer> buffers;
  std::set<const void*> inner;

  using tir::Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* v = as<tir::VarNode>(e)) {
      if (seen_.insert(v).second) vars.push_back(v);
    }
    if (const auto* l = as<tir::LoadNode>(e)) use(l->buffer);
    if (const auto* n = as<tir::LetNode>(e)) inner.insert(n->var.get());
    Visitor::visit(e);
  }
  void visit(const Stmt& s) override {
    if (const auto* st = as<tir::StoreNode>(s)) use(st->buffer);
    if (const auto* f = as<tir::ForNode>(s)) inner.insert(f->var.get());
    if (const auto* n = as<tir::LetStmtNode>(s)) inner.insert(n->var.get());
    if (const auto* a = as<tir::AllocNode>(s)) inner.insert(a->buffer.get());
    Visitor::visit(s);
  }

 private:
  void use(const tir::Buffer& b) {
    if (seen_.insert(b.get()).second) buffers.push_back(b);
  }
  std::set<const void*> seen_;
};

}  // namespace

void CFunction::emit_parallel(const tir::ForNode* s) {
  Captures captures;
  captures.inner.insert(s->var.get());
  captures.visit(s->min);
  captures.visit(s->body);

  struct Field {
    std::string declaration, unpack, name;
  };
  std::vector<Field> fields;
  CFunction inner(m_, true);
  const int number = m_.next_parallel++;
  const std::string base = fmt::format("{}_loop{}", m_.name, number), type = base + "_closure";
  inner.fresh(base);
  std::map<std::string, std::string> passed;  // outer name to inner name
  for (const tir::Buffer& b : captures.buffers) {
    if (captures.inner.count(b.get())) continue;
    if (b.scope() == tir::Scope::kRegister)
      c_error("G0862", fmt::format("register `{}` is used across the parallel loop `{}`", b.name(), s->var.name()));
    const CBuffer& entry = buffer(b);
    auto [found, fresh_name] = passed.emplace(entry.name, "");
    if (fresh_name) {
      found->second = inner.fresh(entry.name);
      fields.push_back({fmt::format("{} {};", entry.pointer, found->second),
                        fmt::format("{0} restrict {1} = c->{1};", entry.pointer, found->second), entry.name});
    }
    // Flat views of one parameter share its pointer.
    inner.buffers_[b.get()] = {found->second, {}, entry.pointer};
  }
  for (const tir::VarNode* v : captures.vars) {
    if (captures.inner.count(v)) continue;
    const auto found = vars_.find(v);
    if (found == vars_.end()) c_error("G0862", fmt::format("variable `{}` has no value here", v->name));
    const CVariable& outer = found->second;
    if (outer.form != VectorForm::kNone)
      c_error("G0862",
              fmt::format("vector variable `{}` is used across the parallel loop `{}`", v->name, s->var.name()));
    const std::string name = inner.fresh(outer.name), t = c_type(outer.dtype);
    fields.push_back({fmt::format("{} {};", t, name), fmt::format("const {0} {1} = c->{1};", t, name), outer.name});
    inner.define_scalar(tir::Var(v), name, outer.bounds);
  }

  for (const Field& f : fields) inner.line(f.unpack);
  ValueBounds bounds;
  const CText min = inner.value(s->min);
  const CText outer_min = value(s->min), extent = value(s->extent);
  if (outer_min.bounds.known && extent.bounds.known && extent.bounds.high >= 1)
    bounds = {outer_min.bounds.low, outer_min.bounds.high + (extent.bounds.high - 1), true};
  if (tir::is_const_int(s->min, 0)) {
    inner.emit_loop(s, "begin", "end", bounds);
  } else {
    const std::string shift = inner.fresh(s->var.name() + "_min");
    inner.line(fmt::format("const int64_t {} = {};", shift, min.text));
    inner.emit_loop(s, shift + " + begin", shift + " + end", bounds);
  }
  inner.line("return 0;");
  std::string closure = fmt::format("struct {} {{\n", type);
  for (const Field& f : fields) closure += "  " + f.declaration + "\n";
  if (fields.empty()) closure += "  int unused;\n";
  m_.functions += fmt::format("{}}};\n\nstatic int {}(int64_t begin, int64_t end, void* closure) {{\n", closure, base);
  m_.functions += fields.empty() ? "  (void)closure;\n"
                                 : fmt::format("  const struct {0}* c = (const struct {0}*)closure;\n", type);
  m_.functions += inner.out_ + "}\n\n";

  std::string values;
  for (const Field& f : fields) values += (values.empty() ? "" : ", ") + f.name;
  if (fields.empty()) values = "0";
  const int64_t grain = std::max<int64_t>(0, s->annotations.get_int("grain", 0));
  const int threads = m_.options.num_threads;
  open("");
  line(fmt::format("struct {} shared = {{{}}};", type, values));
  const std::string pass = fmt::format("{}, {}, {}, {}, &shared", extent.text, grain, threads, base);
  std::string cleanup;
  for (size_t i = heap_.size(); i-- > 0;)
    cleanup += fmt::format("{}({}); ", m_.options.ffi_entry ? "__tilewright_workspace_free" : "free", heap_[i]);
  switch (m_.options.parallel) {
    case COptions::Parallel::kRuntime:
      line(fmt::format("if (__tilewright_parallel_for({}) != 0) {{ {}return -1; }}", pass, cleanup));
      break;
    case COptions::Parallel::kHook:
      line(fmt::format("const int failed = {0}_parallel_for ? {0}_parallel_for({1}) : {2}(0, {3}, &shared);", m_.name,
                       pass, base, extent.text));
      line(fmt::format("if (failed != 0) {{ {}return -1; }}", cleanup));
      break;
    default: {
      line(fmt::format("const int64_t count = {};", extent.text));
      line("int failed = 0;");
      out_ += "#ifdef _OPENMP\n";
      const std::string chunk = grain > 0 ? fmt::format("dynamic, {}", grain) : "static";
      const std::string limit = threads > 0 ? fmt::format(" num_threads({})", threads) : "";
      out_ += fmt::format("#pragma omp parallel for schedule({}){} reduction(| : failed)\n#endif\n", chunk, limit);
      line(fmt::format("for (int64_t n = 0; n < count; ++n) failed |= {}(n, n + 1, &shared);", base));
      line(fmt::format("if (failed != 0) {{ {}return -1; }}", cleanup));
    }
  }
  close();
}

}  // namespace tilewright::codegen
