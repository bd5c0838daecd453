// The reference program: f64 inside, the C library's functions, one rounding at the end.
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>

#include "tilewright/search/measure.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

using namespace tir;  // NOLINT: this file rewrites the IR

DataType widened(DataType t) {
  return t.is_floating() ? kF64.with_lanes(t.lanes) : t;
}

/// Name in the C library of an intrinsic on doubles; null where our own lowering is exact or there is none.
const char* libm_name(Intrinsic op) {
  switch (op) {
    case Intrinsic::kExp:
      return "exp";
    case Intrinsic::kLog:
      return "log";
    case Intrinsic::kTanh:
      return "tanh";
    case Intrinsic::kErf:
      return "erf";
    case Intrinsic::kSin:
      return "sin";
    case Intrinsic::kCos:
      return "cos";
    case Intrinsic::kPow:
      return "pow";
    default:
      return nullptr;
  }
}

class Widener : public Mutator {
 public:
  explicit Widener(const PrimFunc& func) {
    const std::vector<ParamUse> uses = param_uses(func);
    for (size_t i = 0; i < func->params.size(); ++i) {
      const Buffer& b = func->params[i].buffer;
      if (!b.defined()) continue;
      if (!b.dtype().is_floating() || b.dtype() == kF64) continue;
      if (uses[i].written) {
        wide_[b.get()] = Buffer(b.name() + "_f64", kF64, b.shape());
        outputs_.push_back({b, uses[i].read});
      } else {
        inputs_.insert({b.get(), b});
      }
    }
  }

  struct Output {
    Buffer narrow;
    bool read;
  };
  const std::vector<Output>& outputs() const { return outputs_; }
  Buffer wide(const Buffer& narrow) { return mutate_buffer(narrow); }

  Buffer mutate_buffer(const Buffer& b) override {
    if (!b.dtype().is_floating() || b.dtype() == kF64 || inputs_.count(b.get())) return b;
    Buffer& wide = wide_[b.get()];
    if (!wide.defined()) wide = Buffer(b.name(), kF64, b.shape(), b.scope(), b->layout, b->alignment);
    return wide;
  }

  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    if (!e.defined()) return e;
    if (const auto* imm = as<FloatImmNode>(e)) {
      // The literal means its value in its own type.
      if (e.dtype() == kF64) return e;
      return make_const(kF64, e.dtype() == kF32 ? static_cast<double>(static_cast<float>(imm->value)) : imm->value);
    }
    if (const auto* v = as<VarNode>(e)) {
      if (!e.dtype().is_floating() || e.dtype() == kF64) return e;
      Var& wide = vars_[v];
      if (!wide.defined()) wide = Var(v->name, kF64);
      return wide;
    }
    if (const auto* c = as<CastNode>(e)) {
      Expr value = mutate(c->value);
      return cast(widened(e.dtype()), value);
    }
    if (as<LoadNode>(e)) {
      Expr l = mutate_children(e);
      return l.dtype().is_floating() ? cast(kF64, l) : l;
    }
    if (const auto* c = as<CallNode>(e)) {
      std::vector<Expr> args;
      for (const Expr& a : c->args) args.push_back(mutate(a));
      if (e.dtype().is_floating() || c->op == Intrinsic::kIsNan) {
        if (const char* name = libm_name(c->op)) return call_extern(kF64, name, std::move(args));
        if (c->op == Intrinsic::kSigmoid)
          return make_const(kF64, 1) / (make_const(kF64, 1) + call_extern(kF64, "exp", {-args[0]}));
        if (c->op == Intrinsic::kRsqrt) return make_const(kF64, 1) / sqrt(args[0]);
        if (c->op == Intrinsic::kExtern) return call_extern(kF64, c->name, std::move(args));
      }
      return mutate_children(e);
    }
    if (const auto* l = as<LetNode>(e)) {
      Expr value = mutate(l->value);
      return make_let(renamed(l->var), value, mutate(l->body));
    }
    return mutate_children(e);
  }
  Stmt mutate(const Stmt& s) override {
    if (const auto* l = as<LetStmtNode>(s)) {
      Expr value = mutate(l->value);
      return make_let(renamed(l->var), value, mutate(l->body));
    }
    return mutate_children(s);
  }

 private:
  Var renamed(const Var& v) {
    const Expr e = mutate(Expr(v));
    return Var(static_cast<const VarNode*>(e.get()));
  }

  std::unordered_map<const BufferNode*, Buffer> wide_, inputs_;
  std::unordered_map<const VarNode*, Var> vars_;
  std::vector<Output> outputs_;
};

/// to[i, ...] = cast(from[i, ...]) as a complete block under its loops.
Stmt copy_block(const std::string& name, const Buffer& from, const Buffer& to) {
  BlockNode block;
  block.name = name;
  std::vector<Expr> indices;
  std::vector<Var> loops;
  BufferRegion read{from, {}}, write{to, {}};
  for (size_t d = 0; d < to.shape().size(); ++d) {
    const std::string suffix = std::to_string(d);
    Var v("v" + suffix), i("i" + suffix);
    block.iters.push_back({v, {Expr(0), to.shape()[d]}, IterKind::kSpatial});
    block.bindings.push_back(i);
    read.ranges.push_back({v, Expr(1)});
    write.ranges.push_back({v, Expr(1)});
    indices.push_back(v);
    loops.push_back(i);
  }
  block.reads = {read};
  block.writes = {write};
  block.body = store(to, indices, cast(to.dtype(), load(from, indices)));
  Stmt s = make_stmt(std::move(block));
  for (size_t d = loops.size(); d-- > 0;) s = make_for(loops[d], Expr(0), to.shape()[d], s);
  return s;
}

double count_instances(const Stmt& s, double repeat) {
  switch (s.kind()) {
    case StmtKind::kFor: {
      int64_t extent;
      const auto* f = as<ForNode>(s);
      return count_instances(f->body,
                             repeat * (is_const_int(f->extent, &extent) ? static_cast<double>(extent) : 128.0));
    }
    case StmtKind::kBlock:
      return count_instances(as<BlockNode>(s)->body, repeat);
    case StmtKind::kSeq: {
      double total = 0;
      for (const Stmt& x : as<SeqNode>(s)->items) total += count_instances(x, repeat);
      return total;
    }
    case StmtKind::kIf: {
      const auto* i = as<IfNode>(s);
      return count_instances(i->then_body, repeat) +
             (i->else_body.defined() ? count_instances(i->else_body, repeat) : 0);
    }
    case StmtKind::kLet:
      return count_instances(as<LetStmtNode>(s)->body, repeat);
    case StmtKind::kAlloc:
      return count_instances(as<AllocNode>(s)->body, repeat);
    default:
      return repeat;
  }
}

}  // namespace

PrimFunc reference_program(const PrimFunc& func) {
  Widener widener(func);
  const Stmt body = widener.mutate(func->body);
  const auto* root = as<BlockNode>(body);
  if (!root) return func.with_body(body);
  BlockNode copy = *root;
  std::vector<Stmt> items;
  for (const auto& output : widener.outputs()) {
    const Buffer wide = widener.wide(output.narrow);
    copy.alloc_buffers.push_back(wide);
    if (output.read) items.push_back(copy_block("widen_" + output.narrow.name(), output.narrow, wide));
  }
  items.push_back(copy.body);
  for (const auto& output : widener.outputs())
    items.push_back(copy_block("round_" + output.narrow.name(), widener.wide(output.narrow), output.narrow));
  copy.body = seq(std::move(items));
  return func.with_body(make_stmt(std::move(copy)));
}

double statement_instances(const PrimFunc& func) {
  return count_instances(func->body, 1);
}

double default_tolerance(DataType output) {
  if (output == kF64) return 1e-12;
  if (output == kF32) return 1e-5;
  if (output == kF16) return 1e-2;
  if (output == kBF16) return 2e-2;
  return 0;
}

}  // namespace tilewright::search
