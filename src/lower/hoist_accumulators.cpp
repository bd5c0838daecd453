#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lower/passes.h"
#include "lower/rewrite.h"
#include "lower/slots.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

/// One place that a loop updates, and how.
struct Place {
  bool loaded_first = true;    // its value before the loop matters
  bool always_stored = false;  // every execution of the loop writes it
  Expr index;
};

/// What a loop body does to one buffer.
struct Updates {
  Buffer buffer;
  bool refused = false, loads = false, stores = false;
  Expr base;
  SlotMap slots;
  std::unordered_map<int64_t, Place> places;
};

using BufferSet = std::unordered_set<const BufferNode*>;

class UpdateCollector : public Visitor {
 public:
  UpdateCollector(const Var& loop_var, const BufferSet& updated) : updated_(updated) { inner_.insert(loop_var.get()); }

  std::vector<Updates> buffers;  // in order of appearance
  bool parallel = false;

  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (const auto* n = as<ForNode>(s)) {
      visit(n->min);
      visit(n->extent);
      inner_.insert(n->var.get());
      parallel |= n->loop_kind == ForKind::kParallel;
      int64_t extent = 0;
      const bool runs = is_const_int(n->extent, &extent) && extent > 0;
      conditional_ += !runs;
      visit(n->body);
      conditional_ -= !runs;
      return;
    }
    if (const auto* n = as<IfNode>(s)) {
      visit(n->condition);
      ++conditional_;
      visit(n->then_body);
      if (n->else_body.defined()) visit(n->else_body);
      --conditional_;
      return;
    }
    if (const auto* n = as<LetStmtNode>(s)) {
      visit(n->value);
      inner_.insert(n->var.get());
      return visit(n->body);
    }
    if (const auto* n = as<AllocNode>(s)) {
      of(n->buffer).refused = true;
      return visit(n->body);
    }
    if (const auto* n = as<StoreNode>(s)) {
      visit(n->indices[0]);
      visit(n->value);
      if (n->mask.defined()) visit(n->mask);
      return access(n->buffer, n->indices[0], n->mask, true);
    }
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (const auto* n = as<LetNode>(e)) inner_.insert(n->var.get());
    const auto* c = as<CallNode>(e);
    if (c && (c->op == Intrinsic::kAddressOf || c->op == Intrinsic::kPrefetch)) {
      of(as<LoadNode>(c->args[0])->buffer).refused = true;
      return;
    }
    visit_children(e);
    if (const auto* n = as<LoadNode>(e)) access(n->buffer, n->indices[0], n->mask, false);
  }

 private:
  Updates& of(const Buffer& b) {
    auto [it, fresh] = number_.try_emplace(b.get(), buffers.size());
    if (fresh) {
      buffers.emplace_back();
      buffers.back().buffer = b;
    }
    return buffers[it->second];
  }
  bool invariant(const Expr& e) const {
    bool ok = true;
    post_order(e, [&](const Expr& x) {
      ok = ok && x.kind() != ExprKind::kLoad &&
           !(x.kind() == ExprKind::kVar && inner_.count(static_cast<const VarNode*>(x.get())));
    });
    return ok;
  }
  void access(const Buffer& b, const Expr& index, const Expr& mask, bool store) {
    if (!updated_.count(b.get())) return;
    Updates& u = of(b);
    (store ? u.stores : u.loads) = true;
    if (u.refused) return;
    SlotAddress at;
    if (!split_address(index, &at) || !invariant(index) || (mask.defined() && !invariant(mask))) {
      u.refused = true;
      return;
    }
    if (u.slots.empty()) u.base = at.base;
    const bool same_base = u.base.defined() == at.base.defined() &&
                           (!at.base.defined() || u.base.same_as(at.base) || structural_equal(u.base, at.base));
    Slot& slot = u.slots[at.offset];
    const bool first = slot.lanes == 0;
    u.refused |= !same_base || !slot.add(at.lanes, mask) || !slot.masks_agree;
    Place& place = u.places[at.offset];
    if (first) {
      place.index = index;
      // A guarded first write may be an initialisation: before it there is nothing to read.
      u.refused |= store && conditional_ != 0;
      place.loaded_first = !store;
    }
    place.always_stored |= store && conditional_ == 0;
  }

  const BufferSet& updated_;
  std::unordered_map<const BufferNode*, size_t> number_;
  std::unordered_set<const VarNode*> inner_;
  int conditional_ = 0;
};

/// Replaces the accesses to one buffer by registers.
class UseRegisters : public Mutator {
 public:
  UseRegisters(const Buffer& from, const std::unordered_map<int64_t, Buffer>& to) : from_(from), to_(to) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* n = as<LoadNode>(e);
    if (n && n->buffer.same_as(from_)) return load(find(n->indices[0]), {make_int(kI64, 0)});
    return mutate_children(e);
  }
  Stmt mutate(const Stmt& s) override {
    const auto* n = as<StoreNode>(s);
    if (n && n->buffer.same_as(from_)) return store(find(n->indices[0]), {make_int(kI64, 0)}, mutate(n->value));
    return mutate_children(s);
  }

 private:
  const Buffer& find(const Expr& index) const {
    SlotAddress at;
    split_address(index, &at);
    return to_.at(at.offset);
  }
  const Buffer& from_;
  const std::unordered_map<int64_t, Buffer>& to_;
};

/// Buffers in memory that are both read and written somewhere.
class UpdatedBuffers : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Stmt& s) override {
    if (const auto* n = as<StoreNode>(s); n && n->buffer.scope() != Scope::kRegister) written_.insert(n->buffer.get());
    visit_children(s);
  }
  void visit(const Expr& e) override {
    if (!e.defined()) return;
    if (const auto* n = as<LoadNode>(e); n && n->buffer.scope() != Scope::kRegister) read_.insert(n->buffer.get());
    visit_children(e);
  }
  BufferSet both() const {
    BufferSet out;
    for (const BufferNode* b : written_) {
      if (read_.count(b)) out.insert(b);
    }
    return out;
  }

 private:
  BufferSet read_, written_;
};

class Hoister : public Mutator {
 public:
  Hoister(int registers, BufferSet updated) : registers_(registers), updated_(std::move(updated)) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override { return e; }
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<ForNode>(s)) {
      std::vector<Stmt> none;
      return loop(*n, s, &none);
    }
    if (const auto* n = as<SeqNode>(s)) {
      std::vector<Stmt> items;
      for (const Stmt& item : n->items) {
        const auto* f = as<ForNode>(item);
        items.push_back(f ? loop(*f, item, &items) : mutate(item));
      }
      return seq(std::move(items));
    }
    return mutate_children(s);
  }

 private:
  /// `before`: statements just before the loop; stores of initial values are taken from there.
  Stmt loop(const ForNode& n, const Stmt& s, std::vector<Stmt>* before) {
    int64_t extent = 0;
    const bool constant = is_const_int(n.extent, &extent);
    if (n.loop_kind != ForKind::kSerial || (constant && extent <= 1)) return mutate_children(s);
    UpdateCollector found(n.var, updated_);
    found.visit(n.body);
    if (found.parallel) return mutate_children(s);
    std::vector<Buffer> allocations;
    std::vector<Stmt> first, last;
    Stmt body = n.body;
    int used = 0;
    for (const Updates& u : found.buffers) {
      if (u.refused || !u.loads || !u.stores || !are_disjoint(u.slots)) continue;
      if (used + static_cast<int>(u.slots.size()) > registers_) continue;
      if (std::any_of(u.places.begin(), u.places.end(), [](const auto& p) { return !p.second.always_stored; }))
        continue;
      used += static_cast<int>(u.slots.size());
      std::unordered_map<int64_t, Buffer> registers;
      for (const auto& [offset, slot] : u.slots) {
        Buffer reg(u.buffer.name() + "_a" + std::to_string(counter_++), u.buffer.dtype().with_lanes(slot.lanes),
                   {make_int(kI64, 1)}, Scope::kRegister);
        registers[offset] = reg;
        allocations.push_back(reg);
        const Place& place = u.places.at(offset);
        Stmt initial = constant ? take_store(before, u.buffer, place.index, slot.mask, reg) : Stmt();
        if (initial.defined())
          first.push_back(initial);
        else if (place.loaded_first)
          first.push_back(store(reg, {make_int(kI64, 0)}, load(u.buffer, {place.index}, slot.mask)));
        last.push_back(store(u.buffer, {place.index}, load(reg, {make_int(kI64, 0)}), slot.mask));
      }
      body = UseRegisters(u.buffer, registers).mutate(body);
    }
    if (allocations.empty()) return mutate_children(s);
    ForNode copy = n;
    copy.body = mutate(body);
    std::vector<Stmt> items = std::move(first);
    items.push_back(make_stmt(std::move(copy)));
    items.insert(items.end(), last.begin(), last.end());
    Stmt result = seq(std::move(items));
    for (size_t i = allocations.size(); i-- > 0;) result = alloc(allocations[i], std::move(result));
    return constant ? result : make_if(n.extent > make_int(n.extent.dtype(), 0), std::move(result));
  }

  /// The store of exactly this place among the stores that end `before`, made a store to the register; null when there
  /// is none, or something between reads the buffer.
  static Stmt take_store(std::vector<Stmt>* before, const Buffer& b, const Expr& index, const Expr& mask,
                         const Buffer& reg) {
    for (size_t i = before->size(); i-- > 0;) {
      const auto* n = as<StoreNode>((*before)[i]);
      if (!n) return nullptr;
      bool reads = false;
      post_order(n->value, [&](const Expr& e) {
        const auto* l = as<LoadNode>(e);
        reads |= l && l->buffer.same_as(b);
      });
      if (reads) return nullptr;
      if (!n->buffer.same_as(b) || !structural_equal(n->indices[0], index)) continue;
      if (n->mask.defined() != mask.defined() || (mask.defined() && !structural_equal(n->mask, mask))) return nullptr;
      Stmt moved = store(reg, {make_int(kI64, 0)}, n->value);
      before->erase(before->begin() + static_cast<std::ptrdiff_t>(i));
      return moved;
    }
    return nullptr;
  }

  int registers_;
  BufferSet updated_;
  int counter_ = 0;
};

}  // namespace

PrimFunc hoist_accumulators(const PrimFunc& func, const LowerOptions& options) {
  UpdatedBuffers updated;
  updated.visit(func->body);
  BufferSet both = updated.both();
  if (both.empty()) return func;
  return func.with_body(Hoister(options.vector_registers, std::move(both)).mutate(func->body));
}

}  // namespace tilewright::lower
