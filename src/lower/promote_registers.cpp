#include <map>
#include <unordered_map>
#include <unordered_set>

#include "lower/passes.h"
#include "lower/rewrite.h"
#include "lower/slots.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

constexpr size_t kMaxSlots = 512;

struct Candidate {
  Buffer buffer;
  SlotMap slots;
  std::unordered_set<const VarNode*> bound_inside;
  int parallel_depth = 0;
  bool refused = false;
};

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
    SlotAddress at;
    if (parallel_depth_ != c.parallel_depth || !split_address(index, &at) || at.base.defined()) {
      c.refused = true;
      return;
    }
    Slot& slot = c.slots[at.offset];
    const bool first = slot.lanes == 0;
    c.refused |= !slot.add(at.lanes, mask);
    if (first && mask.defined()) slot.masks_agree = stable(mask, c);
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
    SlotAddress at;
    split_address(index, &at);
    return registers.slots.at(at.offset);
  }
  std::unordered_map<const BufferNode*, Registers> map_;
};

}  // namespace

PrimFunc promote_registers(const PrimFunc& func, const LowerOptions&) {
  SlotCollector collector;
  collector.visit(func->body);
  std::unordered_map<const BufferNode*, Registers> map;
  for (const auto& [node, c] : collector.candidates) {
    if (c.refused || c.slots.empty() || !are_disjoint(c.slots)) continue;
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
