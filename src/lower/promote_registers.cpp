#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

constexpr size_t kMaxSlots = 512;

/// One register in the making.
struct Slot {
  int lanes = 1;
  int active = 1;  // lanes that any access touches
  bool any_access = false;
  bool masks_agree = true;
  Expr mask;
};

struct Candidate {
  Buffer buffer;
  std::map<int64_t, Slot> slots;  // by offset
  std::unordered_set<const VarNode*> bound_inside;
  int parallel_depth = 0;
  bool refused = false;
};

/// Lanes that may run under a mask made for a ragged tail: `ramp(0, 1, n) < active`.
int active_lanes(const Expr& mask, int lanes) {
  if (!mask.defined()) return lanes;
  if (mask.kind() == ExprKind::kAnd) {
    const auto* n = as<BinaryNode>(mask);
    return std::min(active_lanes(n->a, lanes), active_lanes(n->b, lanes));
  }
  if (mask.kind() != ExprKind::kLt) return lanes;
  const auto* n = as<BinaryNode>(mask);
  const auto* steps = as<RampNode>(n->a);
  const auto* bound = as<BroadcastNode>(n->b);
  int64_t limit = 0;
  if (!steps || !bound || !is_const_int(steps->base, 0) || !is_const_int(steps->stride, 1) ||
      !is_const_int(bound->value, &limit))
    return lanes;
  return static_cast<int>(std::clamp<int64_t>(limit, 0, lanes));
}

bool constant_slot(const Expr& index, int64_t* offset, int* lanes) {
  *lanes = 1;
  if (is_const_int(index, offset)) return true;
  const auto* r = as<RampNode>(index);
  if (!r || !is_const_int(r->stride, 1) || !is_const_int(r->base, offset)) return false;
  *lanes = index.dtype().lanes;
  return true;
}

class SlotCollector : public Visitor {
 public:
  std::unordered_map<const BufferNode*, Candidate> candidates;

  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (const auto* n = as<AllocNode>(s)) {
      if (!is_const_int(n->buffer.shape()[0]) || n->buffer.dtype().is_vector()) return visit(n->body);
      Candidate c;
      c.buffer = n->buffer;
      c.parallel_depth = parallel_depth_;
      candidates[n->buffer.get()] = std::move(c);
      open_.push_back(n->buffer.get());
      visit(n->body);
      open_.pop_back();
      return;
    }
    if (const auto* n = as<ForNode>(s)) {
      visit(n->min);
      visit(n->extent);
      bind(n->var);
      const bool parallel = n->loop_kind == ForKind::kParallel;
      parallel_depth_ += parallel;
      visit(n->body);
      parallel_depth_ -= parallel;
      return;
    }
    if (const auto* n = as<LetStmtNode>(s)) bind(n->var);
    if (const auto* n = as<StoreNode>(s)) access(n->buffer, n->indices[0], n->mask);
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (const auto* n = as<LoadNode>(e)) access(n->buffer, n->indices[0], n->mask);
    if (const auto* n = as<LetNode>(e)) bind(n->var);
    const auto* c = as<CallNode>(e);
    if (c && (c->op == Intrinsic::kAddressOf || c->op == Intrinsic::kPrefetch)) {
      // A register has no address.
      const auto* l = as<LoadNode>(c->args[0]);
      const auto it = candidates.find(l->buffer.get());
      if (it != candidates.end()) it->second.refused = true;
    }
    visit_children(e);
  }

 private:
  void bind(const Var& v) {
    for (const BufferNode* b : open_) candidates[b].bound_inside.insert(v.get());
  }
  void access(const Buffer& buffer, const Expr& index, const Expr& mask) {
    const auto it = candidates.find(buffer.get());
    if (it == candidates.end() || it->second.refused) return;
    Candidate& c = it->second;
    int64_t offset = 0;
    int lanes = 1;
    if (parallel_depth_ != c.parallel_depth || !constant_slot(index, &offset, &lanes)) {
      c.refused = true;
      return;
    }
    Slot& slot = c.slots[offset];
    if (slot.any_access && slot.lanes != lanes) {
      c.refused = true;
      return;
    }
    if (!slot.any_access) {
      slot.any_access = true;
      slot.lanes = lanes;
      slot.mask = mask;
      slot.active = active_lanes(mask, lanes);
      slot.masks_agree = !mask.defined() || stable(mask, c);
    } else {
      slot.active = std::max(slot.active, active_lanes(mask, lanes));
      slot.masks_agree = slot.masks_agree && mask.defined() == slot.mask.defined() &&
                         (!mask.defined() || structural_equal(mask, slot.mask));
    }
    c.refused |= c.slots.size() > kMaxSlots;
  }
  /// The same lanes run at every access in the buffer's life.
  static bool stable(const Expr& mask, const Candidate& c) {
    bool loads = false;
    post_order(mask, [&](const Expr& e) { loads |= e.kind() == ExprKind::kLoad; });
    return !loads && !uses_any_var(mask, [&](const VarNode* v) { return c.bound_inside.count(v) != 0; });
  }

  std::vector<const BufferNode*> open_;
  int parallel_depth_ = 0;
};

struct Registers {
  std::map<int64_t, std::pair<Buffer, Slot>> slots;
};

class RegisterPromoter : public Mutator {
 public:
  explicit RegisterPromoter(std::unordered_map<const BufferNode*, Registers> map) : map_(std::move(map)) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* n = as<LoadNode>(e);
    const auto it = n ? map_.find(n->buffer.get()) : map_.end();
    if (it == map_.end()) return mutate_children(e);
    const auto& [reg, slot] = find(it->second, n->indices[0]);
    Expr value = load(reg, {make_int(kI64, 0)});
    if (slot.masks_agree || !n->mask.defined()) return value;
    return select(mutate(n->mask), value, make_const(value.dtype(), 0));
  }
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<AllocNode>(s)) {
      const auto it = map_.find(n->buffer.get());
      if (it == map_.end()) return mutate_children(s);
      Stmt body = mutate(n->body);
      std::vector<Stmt> items;
      for (const auto& [offset, entry] : it->second.slots) {
        // Lanes that a mask leaves out are carried along and must be something.
        if (!entry.second.masks_agree)
          items.push_back(store(entry.first, {make_int(kI64, 0)}, make_const(entry.first.dtype(), 0)));
      }
      items.push_back(std::move(body));
      body = seq(std::move(items));
      for (auto r = it->second.slots.rbegin(); r != it->second.slots.rend(); ++r)
        body = alloc(r->second.first, std::move(body));
      return body;
    }
    const auto* n = as<StoreNode>(s);
    const auto it = n ? map_.find(n->buffer.get()) : map_.end();
    if (it == map_.end()) return mutate_children(s);
    const auto& [reg, slot] = find(it->second, n->indices[0]);
    Expr value = mutate(n->value);
    if (!slot.masks_agree && n->mask.defined()) value = select(mutate(n->mask), value, load(reg, {make_int(kI64, 0)}));
    return store(reg, {make_int(kI64, 0)}, std::move(value));
  }

 private:
  static const std::pair<Buffer, Slot>& find(const Registers& registers, const Expr& index) {
    int64_t offset = 0;
    int lanes = 1;
    constant_slot(index, &offset, &lanes);
    return registers.slots.at(offset);
  }
  std::unordered_map<const BufferNode*, Registers> map_;
};

bool disjoint(const std::map<int64_t, Slot>& slots) {
  int64_t end = std::numeric_limits<int64_t>::min();
  for (const auto& [offset, slot] : slots) {
    if (offset < end) return false;
    end = offset + slot.active;
  }
  return true;
}

}  // namespace

PrimFunc promote_registers(const PrimFunc& func, const LowerOptions&) {
  SlotCollector collector;
  collector.visit(func->body);
  std::unordered_map<const BufferNode*, Registers> map;
  for (const auto& [node, c] : collector.candidates) {
    if (c.refused || c.slots.empty() || !disjoint(c.slots)) continue;
    Registers registers;
    for (const auto& [offset, slot] : c.slots) {
      Buffer reg(node->name + "_r" + std::to_string(offset), node->dtype.with_lanes(slot.lanes), {make_int(kI64, 1)},
                 Scope::kRegister);
      registers.slots[offset] = {reg, slot};
    }
    map[node] = std::move(registers);
  }
  return map.empty() ? func : func.with_body(RegisterPromoter(std::move(map)).mutate(func->body));
}

}  // namespace tilewright::lower
