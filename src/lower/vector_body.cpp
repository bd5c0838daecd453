#include "lower/vector_body.h"

#include <algorithm>

#include "lower/rewrite.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright::lower {

using namespace tir;  // NOLINT

namespace {

bool contains(const Expr& e, const std::function<bool(const Expr&)>& test) {
  bool found = false;
  post_order(e, [&](const Expr& x) { found = found || test(x); });
  return found;
}
bool has_load(const Expr& e) {
  return contains(e, [](const Expr& x) { return x.kind() == ExprKind::kLoad; });
}
bool has_extern(const Expr& e) {
  return contains(e, [](const Expr& x) {
    const auto* c = as<CallNode>(x);
    return c && (c->op == Intrinsic::kExtern || c->op == Intrinsic::kAddressOf || c->op == Intrinsic::kPrefetch);
  });
}

class PrivateBuffers : public Mutator {
 public:
  PrivateBuffers(Var lane, int64_t width) : lane_(std::move(lane)), width_(width) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* n = as<LoadNode>(e);
    if (n && buffers_.count(n->buffer.get())) return load(buffers_.at(n->buffer.get()), {index(mutate(n->indices[0]))});
    return mutate_children(e);
  }
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<AllocNode>(s)) {
      const BufferNode& b = *n->buffer;
      Buffer wide(b.name, b.dtype, {b.shape[0] * make_int(kI64, width_)}, b.scope, nullptr, b.alignment);
      buffers_[n->buffer.get()] = wide;
      return alloc(wide, mutate(n->body));
    }
    const auto* n = as<StoreNode>(s);
    if (n && buffers_.count(n->buffer.get()))
      return store(buffers_.at(n->buffer.get()), {index(mutate(n->indices[0]))}, mutate(n->value));
    return mutate_children(s);
  }

 private:
  Expr index(const Expr& i) const { return i * make_int(kI64, width_) + lane_; }
  Var lane_;
  int64_t width_;
  BufferMap buffers_;
};

/// The first select in `e` whose condition passes the test, outermost first.
const SelectNode* find_select(const Expr& e, const std::function<bool(const SelectNode&)>& test) {
  const SelectNode* found = nullptr;
  post_order(e, [&](const Expr& x) {
    const auto* n = as<SelectNode>(x);
    if (n && test(*n)) found = n;
  });
  return found;
}

class ReplaceNode : public Mutator {
 public:
  ReplaceNode(const ExprNode* from, Expr to) : from_(from), to_(std::move(to)) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e.get() == from_ ? to_ : mutate_children(e); }

 private:
  const ExprNode* from_;
  Expr to_;
};

}  // namespace

Stmt expand_private_buffers(const Stmt& body, const Var& lane, int64_t width) {
  return PrivateBuffers(lane, width).mutate(body);
}

VectorBody::VectorBody(Var lane, std::vector<Chunk> chunks, arith::Analyzer& analyzer, const LowerOptions& options)
    : lane_(std::move(lane)), chunks_(std::move(chunks)), analyzer_(analyzer), options_(options) {}

Stmt VectorBody::run(const Stmt& body, const Expr& count) {
  if (count.defined()) {
    conditions_.push_back(lane_ < count);
    first_condition_nonempty_ = true;
  }
  return statement(body);
}

bool VectorBody::varies(const Expr& e) const {
  return uses_any_var(e, [&](const VarNode* v) { return v == lane_.get() || lets_.count(v) != 0; });
}

Stmt VectorBody::statement(const Stmt& s) {
  switch (s.kind()) {
    case StmtKind::kStore: {
      const auto& n = *as<StoreNode>(s);
      if (has_extern(n.value) || n.mask.defined()) return one_by_one(s);
      if (!options_.has_masked_memory) {
        // A branch around the statement instead of a mask, where all lanes agree.
        const SelectNode* split = find_select(n.value, [&](const SelectNode& x) {
          return !varies(x.condition) && !has_load(x.condition) &&
                 ((varies(x.true_value) && has_load(x.true_value)) ||
                  (varies(x.false_value) && has_load(x.false_value)));
        });
        const auto with = [&](const Expr& value) {
          return statement(store(n.buffer, n.indices, ReplaceNode(split, value).mutate(n.value)));
        };
        if (split) return make_if(split->condition, with(split->true_value), with(split->false_value));
      }
      std::vector<Stmt> items;
      for (chunk_number_ = 0; chunk_number_ < chunks_.size(); ++chunk_number_) {
        chunk_ = chunks_[chunk_number_];
        bool refused = false;
        Stmt item = store_chunk(n, chunk_, &refused);
        if (refused) return one_by_one(s);
        items.push_back(std::move(item));
      }
      return seq(std::move(items));
    }
    case StmtKind::kSeq: {
      std::vector<Stmt> items;
      for (const Stmt& item : as<SeqNode>(s)->items) items.push_back(statement(item));
      return seq(std::move(items));
    }
    case StmtKind::kFor: {
      const auto* n = as<ForNode>(s);
      if (varies(n->min) || varies(n->extent)) return one_by_one(s);
      ForNode copy = *n;
      if (copy.loop_kind == ForKind::kParallel) copy.loop_kind = ForKind::kSerial;
      const LoopScope scope(analyzer_, n->var, Range{n->min, n->extent});
      copy.body = statement(n->body);
      return make_stmt(std::move(copy));
    }
    case StmtKind::kIf:
      return branch(*as<IfNode>(s));
    case StmtKind::kLet:
      return let(*as<LetStmtNode>(s), s);
    case StmtKind::kAlloc: {
      const auto* n = as<AllocNode>(s);
      return alloc(n->buffer, statement(n->body));
    }
    case StmtKind::kEvaluate: {
      const auto* n = as<EvaluateNode>(s);
      const auto* c = as<CallNode>(n->value);
      // A hint: one for each chunk.
      if (c && c->op == Intrinsic::kPrefetch && conditions_.empty()) {
        std::vector<Stmt> items;
        for (const Chunk& chunk : chunks_)
          items.push_back(evaluate(substitute(n->value, {{lane_.get(), make_int(kI64, chunk.offset)}})));
        return seq(std::move(items));
      }
      return one_by_one(s);
    }
    default:
      return one_by_one(s);
  }
}

Stmt VectorBody::branch(const IfNode& n) {
  const Stmt s(&n);
  if (!varies(n.condition)) {
    // Evaluated once for all lanes, as conditions of outer lanes cannot fault where this one is reached by none.
    if (!conditions_.empty() && has_load(n.condition)) return one_by_one(s);
    Stmt then_body = statement(n.then_body);
    return make_if(n.condition, std::move(then_body), n.else_body.defined() ? statement(n.else_body) : Stmt());
  }
  if (!options_.has_masked_memory) return one_by_one(s);
  if (has_load(n.condition)) {
    // The mask is computed again for each statement, so nothing it reads may change.
    bool changed = false;
    for (const Stmt& side : {n.then_body, n.else_body}) {
      if (!side.defined()) continue;
      pre_order(side, [&](const Stmt& x) {
        const auto* w = as<StoreNode>(x);
        changed = changed || (w && contains(n.condition, [&](const Expr& e) {
                                const auto* l = as<LoadNode>(e);
                                return l && l->buffer.same_as(w->buffer);
                              }));
        return true;
      });
    }
    if (changed) return one_by_one(s);
  }
  std::vector<Stmt> items;
  conditions_.push_back(n.condition);
  items.push_back(statement(n.then_body));
  conditions_.pop_back();
  if (n.else_body.defined()) {
    conditions_.push_back(!n.condition);
    items.push_back(statement(n.else_body));
    conditions_.pop_back();
  }
  return seq(std::move(items));
}

Stmt VectorBody::let(const LetStmtNode& n, const Stmt& s) {
  if (!varies(n.value)) {
    if (!conditions_.empty() && has_load(n.value)) return one_by_one(s);
    return make_let(n.var, n.value, statement(n.body));
  }
  bool simple = options_.has_masked_memory && !has_extern(n.value);
  pre_order(n.body, [&](const Stmt& x) {
    simple = simple && x.kind() != StmtKind::kAssert && x.kind() != StmtKind::kEvaluate;
    if (const auto* f = as<ForNode>(x)) {
      simple = simple && !varies(f->min) && !varies(f->extent) && !uses_var(f->min, n.var.get()) &&
               !uses_var(f->extent, n.var.get());
    }
    if (const auto* w = as<StoreNode>(x)) simple = simple && !has_extern(w->value) && !w->mask.defined();
    return simple;
  });
  if (!simple) return one_by_one(s);
  std::vector<Var> vars;
  std::vector<Expr> values;
  for (chunk_number_ = 0; chunk_number_ < chunks_.size(); ++chunk_number_) {
    chunk_ = chunks_[chunk_number_];
    Expr value = broadcast(vector(n.value, chunk_mask()), chunk_.lanes);
    vars.emplace_back(n.var.name(), value.dtype());
    values.push_back(std::move(value));
  }
  lets_[n.var.get()] = std::vector<Expr>(vars.begin(), vars.end());
  Stmt body = statement(n.body);
  for (size_t i = vars.size(); i-- > 0;) body = make_let(vars[i], values[i], std::move(body));
  return body;
}

Stmt VectorBody::one_by_one(const Stmt& s) {
  // Chunks follow each other without gaps, so one loop runs over all.
  const int64_t first = chunks_.front().offset, end = chunks_.back().offset + chunks_.back().active;
  Var each(lane_.name());
  const VarMap map{{lane_.get(), each}};
  std::vector<Expr> conditions;
  for (const Expr& c : conditions_) conditions.push_back(substitute(c, map));
  Stmt body = guarded(conjunction(conditions), instantiate(s, map));
  return make_for(each, make_int(kI64, first), make_int(kI64, end - first), std::move(body));
}

Stmt VectorBody::store_chunk(const StoreNode& s, const Chunk& chunk, bool* refused) {
  masked_ = false;
  local_lets_.clear();
  Mask mask = chunk_mask();
  Expr index = address(s.indices[0], mask);
  if (chunk.lanes > 1 && index.dtype().lanes == 1) {
    // All lanes write one place; only the loop's order says which value stays.
    *refused = true;
    return nullptr;
  }
  Expr value = broadcast(vector(s.value, mask), chunk.lanes);
  if (!options_.has_masked_memory && chunk.lanes > 1 && (masked_ || mask.lanes.defined())) {
    *refused = true;
    return nullptr;
  }
  if (chunk.lanes == 1) {
    return guarded(mask.lanes, store(s.buffer, {index}, value));
  }
  return store(s.buffer, {index}, value, mask.lanes);
}

VectorBody::Mask VectorBody::restrict(const Mask& mask, const Expr& condition) const {
  if (!condition.defined() || is_true(condition)) return mask;
  Mask out;
  const Expr c = broadcast(condition, chunk_.lanes);
  out.lanes = mask.lanes.defined() ? mask.lanes && c : c;
  out.some_lane = false;
  return out;
}

VectorBody::Mask VectorBody::chunk_mask() {
  Mask mask;
  if (chunk_.active < chunk_.lanes) {
    mask.lanes = ramp(make_int(kI64, 0), make_int(kI64, 1), chunk_.lanes) <
                 broadcast(make_int(kI64, chunk_.active), chunk_.lanes);
  }
  for (size_t i = 0; i < conditions_.size(); ++i) {
    const bool nonempty = i == 0 && first_condition_nonempty_ && chunk_number_ == 0 && mask.some_lane;
    mask = restrict(mask, vector(conditions_[i], mask));
    mask.some_lane = nonempty || !mask.lanes.defined();
  }
  return mask;
}

Expr VectorBody::vector(const Expr& e, const Mask& mask) {
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
      return e;
    case ExprKind::kVar: {
      const auto* v = static_cast<const VarNode*>(e.get());
      if (v == lane_.get()) return ramp(make_int(kI64, chunk_.offset), make_int(kI64, 1), chunk_.lanes);
      const auto local = local_lets_.find(v);
      if (local != local_lets_.end()) return local->second;
      const auto found = lets_.find(v);
      return found == lets_.end() ? e : found->second[chunk_number_];
    }
    case ExprKind::kCast: {
      Expr value = vector(as<CastNode>(e)->value, mask);
      return value.same_as(as<CastNode>(e)->value) ? e : cast(e.dtype(), std::move(value));
    }
    case ExprKind::kNot:
      return !vector(as<NotNode>(e)->value, mask);
    case ExprKind::kSelect:
      return vector_select(*as<SelectNode>(e), e, mask);
    case ExprKind::kLoad:
      return vector_load(*as<LoadNode>(e), mask);
    case ExprKind::kCall: {
      const auto* n = as<CallNode>(e);
      std::vector<Expr> args;
      bool changed = false;
      for (const Expr& a : n->args) {
        args.push_back(vector(a, mask));
        changed |= !args.back().same_as(a);
      }
      if (!changed) return e;
      if (n->op == Intrinsic::kReinterpret) return reinterpret(n->dtype, args[0]);
      return call(n->op, std::move(args));
    }
    case ExprKind::kLet: {
      const auto* n = as<LetNode>(e);
      Expr value = vector(n->value, mask);
      Var fresh(n->var.name(), value.dtype());
      local_lets_[n->var.get()] = fresh;
      return make_let(fresh, std::move(value), vector(n->body, mask));
    }
    default:
      break;
  }
  TILEWRIGHT_CHECK(is_binary(e.kind()));
  const auto* n = as<BinaryNode>(e);
  Expr a = vector(n->a, mask);
  Mask right = mask;
  if (chunk_.lanes > 1 && (e.kind() == ExprKind::kAnd || e.kind() == ExprKind::kOr) && has_load(n->b))
    right = restrict(mask, e.kind() == ExprKind::kAnd ? a : !a);
  Expr b = vector(n->b, right);
  if (a.same_as(n->a) && b.same_as(n->b)) return e;
  if ((e.kind() == ExprKind::kFloorDiv || e.kind() == ExprKind::kFloorMod) && b.dtype().is_vector() &&
      !b.same_as(n->b)) {
    // Lanes that do not run may hold a zero, which must not trap.
    const Expr one = make_int(b.dtype(), 1);
    b = select(b == make_int(b.dtype(), 0), one, b);
  }
  return make_binary(e.kind(), std::move(a), std::move(b));
}

Expr VectorBody::vector_select(const SelectNode& n, const Expr& e, const Mask& mask) {
  Expr c = vector(n.condition, mask);
  if (chunk_.lanes == 1 || (!varies(n.true_value) && !varies(n.false_value) && c.dtype().lanes == 1)) {
    // One decision for all lanes, still lazy.
    Expr t = vector(n.true_value, mask), f = vector(n.false_value, mask);
    if (t.dtype().lanes == 1 && f.dtype().lanes == 1)
      return c.same_as(n.condition) && t.same_as(n.true_value) && f.same_as(n.false_value) ? e : select(c, t, f);
  }
  Expr t = vector(n.true_value, has_load(n.true_value) ? restrict(mask, c) : mask);
  Expr f = vector(n.false_value, has_load(n.false_value) ? restrict(mask, !c) : mask);
  return select(std::move(c), std::move(t), std::move(f));
}

const VectorBody::Linear& VectorBody::linear(const Expr& index) {
  auto [entry, fresh] = linear_.try_emplace(index.get());
  if (fresh) {
    entry->second.first = index;  // keeps the node, so that its address stays a key
    Linear& result = entry->second.second;
    arith::AffineForm form;
    if (!uses_var(index, lane_.get())) {
      result = {true, 0, index};
    } else if (arith::detect_affine(index, {lane_}, analyzer_, &form) && is_const_int(form.coeffs[0], &result.stride)) {
      result.known = true;
      result.at_zero = form.base;
    }
  }
  return entry->second.second;
}

Expr VectorBody::address(const Expr& index, const Mask& mask) {
  const bool data_dependent =
      uses_any_var(index, [&](const VarNode* v) { return lets_.count(v) != 0 || local_lets_.count(v) != 0; }) ||
      has_load(index);
  if (!data_dependent) {
    const Linear& form = linear(index);
    if (form.known) {
      Expr base = form.at_zero + make_int(kI64, form.stride * chunk_.offset);
      return form.stride == 0 ? base : ramp(base, make_int(kI64, form.stride), chunk_.lanes);
    }
    // Quotients and remainders may vanish within one chunk.
    arith::Analyzer inside = analyzer_;
    Var in_chunk("lane");
    inside.bind(in_chunk, Range{make_int(kI64, 0), make_int(kI64, chunk_.lanes)});
    const Expr shifted = inside.simplify(substitute(index, {{lane_.get(), in_chunk + make_int(kI64, chunk_.offset)}}));
    if (!uses_var(shifted, in_chunk.get())) return shifted;
    arith::AffineForm affine;
    int64_t stride = 0;
    if (arith::detect_affine(shifted, {in_chunk}, inside, &affine) && is_const_int(affine.coeffs[0], &stride))
      return ramp(affine.base, make_int(kI64, stride), chunk_.lanes);
  }
  return vector(index, mask);
}

bool VectorBody::inside(const Buffer& buffer, const Expr& index) {
  return analyzer_.can_prove_ge(index, make_int(kI64, 0)) && analyzer_.can_prove_lt(index, buffer.shape()[0]);
}

Expr VectorBody::vector_load(const LoadNode& n, const Mask& mask) {
  Expr index = address(n.indices[0], mask);
  if (chunk_.lanes == 1) return index.same_as(n.indices[0]) ? Expr(&n) : load(n.buffer, {index});
  const bool all_lanes = !mask.lanes.defined();
  if (index.dtype().lanes == 1) {
    if (all_lanes || mask.some_lane || inside(n.buffer, index)) return load(n.buffer, {index});
    index = ramp(index, make_int(kI64, 0), chunk_.lanes);
  }
  masked_ |= !all_lanes;
  return load(n.buffer, {index}, mask.lanes);
}

}  // namespace tilewright::lower
