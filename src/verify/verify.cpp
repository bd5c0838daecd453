#include "tilewright/verify/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "verify/verifier.h"

namespace tilewright::verify {

using namespace tir;  // NOLINT

namespace {

const char* kind_name(StmtKind kind) {
  switch (kind) {
    case StmtKind::kStore:
      return "store";
    case StmtKind::kFor:
      return "loop";
    case StmtKind::kBlock:
      return "block";
    case StmtKind::kSeq:
      return "sequence";
    case StmtKind::kIf:
      return "if";
    case StmtKind::kLet:
      return "let";
    case StmtKind::kAssert:
      return "assert";
    case StmtKind::kEvaluate:
      return "evaluate";
    case StmtKind::kAlloc:
      return "allocation";
  }
  return "statement";
}

/// Gives one loop or block an id that no other has: ids may be missing or repeated in a wrong program.
class Marker : public Mutator {
 public:
  static constexpr uint32_t kId = 0xffffffff;
  explicit Marker(const StmtNode* here) : here_(here) {}
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    if (s.get() != here_ || !s.defined()) return mutate_children(s);
    if (const auto* loop = as<ForNode>(s)) {
      ForNode copy = *loop;
      copy.id = {kId};
      return make_stmt(std::move(copy));
    }
    BlockNode copy = *as<BlockNode>(s);
    copy.id = {kId};
    return make_stmt(std::move(copy));
  }

 private:
  const StmtNode* here_;
};

}  // namespace

/// The block that messages name: the root says nothing where a loop is known.
const BlockNode* Verifier::named_block() const {
  return block_ && !(block_->iters.empty() && block_->name == "root") ? block_ : nullptr;
}

std::string Verifier::where() const {
  if (const BlockNode* b = named_block()) return fmt::format("block `{}`", b->name);
  if (loop_) return fmt::format("loop `{}`", loop_->var.name());
  return "the function";
}

bool Verifier::fail(std::string code, std::string message, std::string remedy) {
  error_.code = std::move(code);
  error_.operation = "verify";
  error_.message = fmt::format("{}: {}", where(), message);
  error_.remedy = std::move(remedy);
  if (!func_.defined()) return false;
  error_.place = func_.name();
  const BlockNode* block = named_block();
  PrintOptions options;
  options.loop_nest_only = true;
  options.mark_loops = {{Marker::kId}};
  options.mark_blocks = {{Marker::kId}};
  const StmtNode* here = block ? static_cast<const StmtNode*>(block) : loop_;
  error_.listing = to_string(here ? func_.with_body(Marker(here).mutate(func_->body)) : func_, options);
  return false;
}

// ---- Names

bool Verifier::define(const Var& v, VarInfo::Kind kind) {
  if (!v.defined()) return fail("V0601", "a variable is missing");
  if (v.dtype().is_vector() && kind != VarInfo::Kind::kLet)
    return fail("V0604", fmt::format("the variable `{}` has the vector type {}", v.name(), v.dtype().str()));
  const auto [found, added] = vars_.try_emplace(v.get(), VarInfo{kind, block_level_, true});
  if (added) return true;
  // Lowering copies bodies, so there one variable may be defined in several places that do not nest.
  if (found->second.alive || stage_ == Stage::kScheduled)
    return fail("V0602", fmt::format("the variable `{}` is defined twice", v.name()));
  found->second = {kind, block_level_, true};
  return true;
}

void Verifier::end_scope(const Var& v) {
  vars_[v.get()].alive = false;
  ++epoch_;
}

bool Verifier::use(const VarNode* v) {
  const auto found = vars_.find(v);
  if (found == vars_.end() || !found->second.alive)
    return fail("V0602", fmt::format("the variable `{}` is used where it is not defined", v->name));
  const VarInfo& info = found->second;
  if (info.kind == VarInfo::Kind::kSize || info.kind == VarInfo::Kind::kIter || info.block_level == block_level_)
    return true;
  return fail("V0603",
              fmt::format("its body uses the {} `{}` from outside; a block sees the outside only through its iterators",
                          info.kind == VarInfo::Kind::kLoop ? "loop variable" : "variable", v->name),
              "bind an iterator to it");
}

bool Verifier::use(const Buffer& b) {
  if (!b.defined()) return fail("V0601", "a buffer is missing");
  if (alive_.contains(b.get())) return true;
  if (stage_ == Stage::kLowered && b.scope() == Scope::kGlobal && b.rank() == 1 && !allocated_.contains(b.get())) {
    // The flat view of a parameter.
    for (const Buffer& p : params_) {
      if (p.name() == b.name() && p.dtype() == b.dtype()) {
        alive_.insert(b.get());
        return true;
      }
    }
  }
  return fail("V0607", fmt::format("the buffer `{}` is used outside its life: no parameter, and no allocation around",
                                   b.name()));
}

bool Verifier::allocate(const Buffer& b) {
  if (!b.defined()) return fail("V0601", "a buffer is missing");
  if (!declaration(b)) return false;
  const bool first = allocated_.insert(b.get()).second;
  if (!alive_.insert(b.get()).second || (!first && stage_ == Stage::kScheduled))
    return fail("V0607", fmt::format("the buffer `{}` is allocated twice", b.name()));
  return true;
}

bool Verifier::layout(const Buffer& b) {
  const IndexMapNode& map = *b->layout;
  if (map.inputs.size() != b.shape().size() || map.outputs.size() != map.output_shape.size())
    return fail("V0606",
                fmt::format("the layout of `{}` maps {} indices to {} in {} dimensions; the buffer has {}", b.name(),
                            map.inputs.size(), map.outputs.size(), map.output_shape.size(), b.shape().size()));
  for (const Expr& e : map.output_shape) {
    if (!integer(e, DataType{}, "the layout's shape")) return false;
  }
  // A layout may be shared by buffers, so its inputs are no definitions of the program.
  for (const Expr& e : map.outputs) {
    if (!e.defined()) return fail("V0601", fmt::format("an output of the layout of `{}` is missing", b.name()));
    const bool stray = uses_any_var(e, [&](const VarNode* v) {
      const auto is_input = [&](const Var& i) { return i.get() == v; };
      const auto known = vars_.find(v);
      return std::none_of(map.inputs.begin(), map.inputs.end(), is_input) &&
             (known == vars_.end() || !known->second.alive);
    });
    if (stray || !e.dtype().is_integer())
      return fail("V0606", fmt::format("the layout of `{}` has the output `{}`, expected an integer over its inputs",
                                       b.name(), to_string(e)));
  }
  return true;
}

bool Verifier::declaration(const Buffer& b) {
  for (const Expr& e : b.shape()) {
    if (!integer(e, DataType{}, "a buffer's shape")) return false;
  }
  if (b.dtype().is_handle()) return fail("V0604", fmt::format("the buffer `{}` holds handles", b.name()));
  if (b.scope() == Scope::kRegister) {
    if (stage_ != Stage::kLowered)
      return fail("V0605", fmt::format("`{}` is a register, which only lowering makes", b.name()));
    if (b.rank() != 1 || !is_const_int(b.shape()[0], int64_t{1}))
      return fail("V0606", fmt::format("the register `{}` must have the shape [1]", b.name()));
  } else if (b.dtype().is_vector()) {
    return fail("V0604", fmt::format("the buffer `{}` has the vector type {}, which only registers have", b.name(),
                                     b.dtype().str()));
  }
  if (b->alignment < 0 || (b->alignment & (b->alignment - 1)) != 0)
    return fail("V0606", fmt::format("the alignment of `{}` is {}, expected a power of two", b.name(), b->alignment));
  return !b->layout.defined() || layout(b);
}

bool Verifier::declare_sizes(const Expr& e) {
  bool ok = true;
  post_order(e, [&](const Expr& sub) {
    if (!ok || sub.kind() != ExprKind::kVar) return;
    const Var v(as<VarNode>(sub));
    if (vars_.try_emplace(v.get(), VarInfo{}).second) sizes_.push_back(v);
    if (!v.dtype().is_integer())
      ok = fail("V0604", fmt::format("the size `{}` has type {}, expected an integer", v.name(), v.dtype().str()));
  });
  return ok;
}

bool Verifier::signature() {
  for (const Param& p : func_->params) {
    if (p.buffer.defined() == p.scalar.defined())
      return fail("V0601", "a parameter must be either a buffer or a scalar");
    if (!p.scalar.defined()) continue;
    if (!define(p.scalar, VarInfo::Kind::kSize)) return false;
    if (p.scalar.dtype().is_integer()) sizes_.push_back(p.scalar);
  }
  for (const Param& p : func_->params) {
    if (!p.buffer.defined()) continue;
    for (const Expr& e : p.buffer.shape()) {
      if (e.defined() && !declare_sizes(e)) return false;
    }
    if (p.buffer->layout.defined()) {
      for (const Expr& e : p.buffer->layout->output_shape) {
        if (e.defined() && !declare_sizes(e)) return false;
      }
    }
    if (!alive_.insert(p.buffer.get()).second)
      return fail("V0602", fmt::format("the parameter `{}` is given twice", p.buffer.name()));
    allocated_.insert(p.buffer.get());
    params_.push_back(p.buffer);
    if (!declaration(p.buffer)) return false;
  }
  for (const Expr& e : func_->assumptions) {
    if (!boolean(e, "an assumption")) return false;
    push({Step::Kind::kGuard, {}, {}, e});
  }
  return true;
}

Status Verifier::run() {
  bool ok = true;
  if (!func_.defined()) {
    ok = fail("V0601", "the function is missing");
  } else if (!func_->body.defined()) {
    error_.code = "V0601";
    error_.operation = "verify";
    error_.message = "the function has no body";
    error_.place = func_.name();
    return error_;
  } else {
    ok = signature();
    const auto* root = as<BlockNode>(func_->body);
    if (ok && stage_ == Stage::kScheduled &&
        (!root || !root->iters.empty() || root->predicate.defined() || root->init.defined()))
      ok = fail("V0605", "the body must be a root block without iterators, predicate and init");
    ok = ok && stmt(func_->body);
  }
  return ok ? Status() : Status(std::move(error_));
}

// ---- Statements

bool Verifier::list(const SeqNode& n) {
  for (const Stmt& item : n.items) {
    if (item.defined() && item.kind() == StmtKind::kSeq) return fail("V0601", "a sequence stands directly in another");
    if (!stmt(item)) return false;
  }
  return true;
}

bool Verifier::loop(const ForNode& n) {
  const ForNode* outer = loop_;
  loop_ = &n;
  // A loop of this block's body: messages of the loop itself name the loop.
  const BlockNode* block = block_;
  block_ = nullptr;
  if (!n.var.defined()) return fail("V0601", "a loop has no variable");
  if (n.id && !loop_ids_.insert(n.id.value).second)
    return fail("V0608", fmt::format("two loops have the id {}", n.id.value));
  if (!n.var.dtype().is_integer())
    return fail("V0604", fmt::format("the loop variable has type {}, expected an integer", n.var.dtype().str()));
  const bool thread = n.loop_kind == ForKind::kThreadBinding;
  if (thread != (n.thread != ThreadTag::kNone))
    return fail("V0605",
                fmt::format("a {} loop has the thread tag {}", for_kind_name(n.loop_kind), thread_tag_name(n.thread)));
  if (stage_ == Stage::kLowered && n.loop_kind != ForKind::kSerial && n.loop_kind != ForKind::kParallel)
    return fail("V0605",
                fmt::format("the loop is {}; after lowering loops are serial or parallel", for_kind_name(n.loop_kind)));
  if (!range({n.min, n.extent}, n.var.dtype(), "the loop's range") || !define(n.var, VarInfo::Kind::kLoop))
    return false;
  block_ = block;
  push({Step::Kind::kLoop, n.var, {n.min, n.extent}, {}});
  if (!stmt(n.body)) return false;
  pop();
  end_scope(n.var);
  loop_ = outer;
  return true;
}

bool Verifier::let(const LetStmtNode& n) {
  if (!expr(n.value, "a let")) return false;
  if (n.var.defined() && n.var.dtype() != n.value.dtype())
    return fail("V0604", fmt::format("`{}` has type {}, its value {}", n.var.name(), n.var.dtype().str(),
                                     n.value.dtype().str()));
  if (!define(n.var, VarInfo::Kind::kLet)) return false;
  push({Step::Kind::kValue, n.var, {}, n.value});
  if (!stmt(n.body)) return false;
  pop();
  end_scope(n.var);
  return true;
}

bool Verifier::branch(const IfNode& n) {
  if (!boolean(n.condition, "an if")) return false;
  push({Step::Kind::kGuard, {}, {}, n.condition});
  if (!stmt(n.then_body)) return false;
  if (n.else_body.defined()) {
    pop();
    push({Step::Kind::kGuard, {}, {}, !n.condition});
    if (!stmt(n.else_body)) return false;
  }
  pop();
  return true;
}

bool Verifier::store(const StoreNode& n) {
  if (!use(n.buffer)) return false;
  for (const Expr& i : n.indices) {
    if (!expr(i, "an index")) return false;
  }
  if (!expr(n.value, "a store") || (n.mask.defined() && !expr(n.mask, "a mask"))) return false;
  if (!fault(check_access(n.buffer, n.indices, n.mask, n.value.dtype(), stage_))) return false;
  if (block_level_ < 2) return true;
  std::vector<Range> points;
  for (const Expr& i : n.indices) points.push_back({i, 1});
  return covered(n.buffer, points, Access::kWrite);
}

bool Verifier::stmt(const Stmt& s) {
  if (!s.defined()) return fail("V0601", "a statement is missing");
  switch (s.kind()) {
    case StmtKind::kStore:
      return store(*as<StoreNode>(s));
    case StmtKind::kFor:
      return loop(*as<ForNode>(s));
    case StmtKind::kBlock:
      return block(*as<BlockNode>(s));
    case StmtKind::kSeq:
      return list(*as<SeqNode>(s));
    case StmtKind::kIf:
      return branch(*as<IfNode>(s));
    case StmtKind::kLet:
      return let(*as<LetStmtNode>(s));
    case StmtKind::kAssert:
      return boolean(as<AssertNode>(s)->condition, "an assert");
    case StmtKind::kEvaluate:
      return expr(as<EvaluateNode>(s)->value, "an evaluate");
    case StmtKind::kAlloc: {
      const auto* n = as<AllocNode>(s);
      if (stage_ == Stage::kScheduled)
        return fail("V0605", fmt::format("an {} statement stands in a program with blocks", kind_name(s.kind())),
                    "list the buffer in the block's alloc_buffers");
      if (!allocate(n->buffer) || !stmt(n->body)) return false;
      release(n->buffer);
      return true;
    }
  }
  return true;
}

Status verify(const PrimFunc& func, Stage stage) {
  return Verifier(func, stage).run();
}

}  // namespace tilewright::verify
