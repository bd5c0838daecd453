// The table of atoms, equality and order of expressions.
#include <algorithm>
#include <bit>

#include "arith/engine.h"
#include "tilewright/tir/buffer.h"

namespace tilewright::arith {

using namespace tir;

bool same_expr(const Expr& a, const Expr& b) {
  if (a.same_as(b)) return true;
  if (!a.defined() || !b.defined()) return false;
  if (a->hash != b->hash || a.kind() != b.kind() || a.dtype() != b.dtype()) return false;
  auto same_list = [](const std::vector<Expr>& x, const std::vector<Expr>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same_expr);
  };
  switch (a.kind()) {
    case ExprKind::kIntImm:
      return as<IntImmNode>(a)->value == as<IntImmNode>(b)->value;
    case ExprKind::kFloatImm: {
      const double x = as<FloatImmNode>(a)->value, y = as<FloatImmNode>(b)->value;
      return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
    }
    case ExprKind::kVar:
    case ExprKind::kLet:
    case ExprKind::kReduce:
      return false;
    case ExprKind::kCast:
      return same_expr(as<CastNode>(a)->value, as<CastNode>(b)->value);
    case ExprKind::kNot:
      return same_expr(as<NotNode>(a)->value, as<NotNode>(b)->value);
    case ExprKind::kSelect: {
      const auto *x = as<SelectNode>(a), *y = as<SelectNode>(b);
      return same_expr(x->condition, y->condition) && same_expr(x->true_value, y->true_value) &&
             same_expr(x->false_value, y->false_value);
    }
    case ExprKind::kLoad: {
      const auto *x = as<LoadNode>(a), *y = as<LoadNode>(b);
      return x->buffer.same_as(y->buffer) && same_list(x->indices, y->indices) && same_expr(x->mask, y->mask);
    }
    case ExprKind::kCall: {
      const auto *x = as<CallNode>(a), *y = as<CallNode>(b);
      return x->op == y->op && x->name == y->name && same_list(x->args, y->args);
    }
    case ExprKind::kRamp:
      return same_expr(as<RampNode>(a)->base, as<RampNode>(b)->base) &&
             same_expr(as<RampNode>(a)->stride, as<RampNode>(b)->stride);
    case ExprKind::kBroadcast:
      return same_expr(as<BroadcastNode>(a)->value, as<BroadcastNode>(b)->value);
    default:
      return same_expr(as<BinaryNode>(a)->a, as<BinaryNode>(b)->a) &&
             same_expr(as<BinaryNode>(a)->b, as<BinaryNode>(b)->b);
  }
}

namespace {
template <typename T>
int order_of(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}
int order_lists(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  if (const int c = order_of(a.size(), b.size())) return c;
  for (size_t i = 0; i < a.size(); ++i) {
    if (const int c = order(a[i].get(), b[i].get())) return c;
  }
  return 0;
}
}  // namespace

int order(const ExprNode* a, const ExprNode* b) {
  if (a == b) return 0;
  if (!a || !b) return a ? 1 : -1;
  if (const int c = order_of(a->kind, b->kind)) {
    // Variables first.
    if (a->kind == ExprKind::kVar) return -1;
    return b->kind == ExprKind::kVar ? 1 : c;
  }
  auto both = [&](const Expr& x, const Expr& y) { return order(x.get(), y.get()); };
  switch (a->kind) {
    case ExprKind::kIntImm:
      return order_of(static_cast<const IntImmNode*>(a)->value, static_cast<const IntImmNode*>(b)->value);
    case ExprKind::kFloatImm:
      return order_of(static_cast<const FloatImmNode*>(a)->value, static_cast<const FloatImmNode*>(b)->value);
    case ExprKind::kVar:
      return order_of(static_cast<const VarNode*>(a)->id, static_cast<const VarNode*>(b)->id);
    case ExprKind::kCast:
      return both(static_cast<const CastNode*>(a)->value, static_cast<const CastNode*>(b)->value);
    case ExprKind::kNot:
      return both(static_cast<const NotNode*>(a)->value, static_cast<const NotNode*>(b)->value);
    case ExprKind::kSelect: {
      const auto *x = static_cast<const SelectNode*>(a), *y = static_cast<const SelectNode*>(b);
      if (const int c = both(x->condition, y->condition)) return c;
      if (const int c = both(x->true_value, y->true_value)) return c;
      return both(x->false_value, y->false_value);
    }
    case ExprKind::kLoad: {
      const auto *x = static_cast<const LoadNode*>(a), *y = static_cast<const LoadNode*>(b);
      if (const int c = x->buffer.name().compare(y->buffer.name())) return c;
      return order_lists(x->indices, y->indices);
    }
    case ExprKind::kCall: {
      const auto *x = static_cast<const CallNode*>(a), *y = static_cast<const CallNode*>(b);
      if (const int c = order_of(x->op, y->op)) return c;
      if (const int c = x->name.compare(y->name)) return c;
      return order_lists(x->args, y->args);
    }
    case ExprKind::kRamp:
      return both(static_cast<const RampNode*>(a)->base, static_cast<const RampNode*>(b)->base);
    case ExprKind::kBroadcast:
      return both(static_cast<const BroadcastNode*>(a)->value, static_cast<const BroadcastNode*>(b)->value);
    case ExprKind::kLet:
      return both(static_cast<const LetNode*>(a)->body, static_cast<const LetNode*>(b)->body);
    case ExprKind::kReduce:
      return 0;
    default: {
      const auto *x = static_cast<const BinaryNode*>(a), *y = static_cast<const BinaryNode*>(b);
      if (const int c = both(x->a, y->a)) return c;
      return both(x->b, y->b);
    }
  }
}

bool is_total(const Expr& e) {
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
    case ExprKind::kVar:
      return true;
    case ExprKind::kCast:
      return is_total(as<CastNode>(e)->value);
    case ExprKind::kNot:
      return is_total(as<NotNode>(e)->value);
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      return is_total(n->condition) && is_total(n->true_value) && is_total(n->false_value);
    }
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      int64_t d;
      return is_const_int(as<BinaryNode>(e)->b, &d) && d != 0 && is_total(as<BinaryNode>(e)->a);
    }
    case ExprKind::kLoad:
    case ExprKind::kCall:
    case ExprKind::kRamp:
    case ExprKind::kBroadcast:
    case ExprKind::kLet:
    case ExprKind::kReduce:
      return false;
    default:
      return is_total(as<BinaryNode>(e)->a) && is_total(as<BinaryNode>(e)->b);
  }
}

Atom* Engine::find(const ExprNode* atom) {
  if (slots_.empty()) return nullptr;
  const size_t mask = slots_.size() - 1;
  for (size_t i = atom->hash & mask; slots_[i]; i = (i + 1) & mask) {
    Atom& entry = atoms_[slots_[i] - 1];
    if (entry.expr.get() == atom) return &entry;
  }
  return nullptr;
}

void Engine::rehash(size_t slots) {
  slots_.assign(slots, 0);
  for (size_t k = 0; k < atoms_.size(); ++k) {
    size_t i = atoms_[k].expr->hash & (slots - 1);
    while (slots_[i]) i = (i + 1) & (slots - 1);
    slots_[i] = static_cast<uint32_t>(k + 1);
  }
}

Atom* Engine::intern(const Expr& e, Atom::Kind kind) {
  if (slots_.size() < 2 * (atoms_.size() + 1)) rehash(slots_.empty() ? 16 : slots_.size() * 2);
  const size_t mask = slots_.size() - 1;
  size_t i = e->hash & mask;
  for (; slots_[i]; i = (i + 1) & mask) {
    Atom& entry = atoms_[slots_[i] - 1];
    if (same_expr(entry.expr, e)) return &entry;
  }
  slots_[i] = static_cast<uint32_t>(atoms_.size() + 1);
  Atom& entry = atoms_.emplace_back();
  entry.expr = e;
  entry.kind = kind;
  return &entry;
}

void Engine::trim() {
  // Only between calls: sums in use hold pointers to atoms.
  if (atoms_.size() < 512) return;
  std::deque<Atom> kept;
  for (Atom& a : atoms_) {
    if (a.in_fact) kept.push_back(std::move(a));
  }
  atoms_ = std::move(kept);
  rehash(std::max<size_t>(16, std::bit_ceil(4 * atoms_.size())));
}

void Engine::pin(const Sum& s) {
  for (const Term& t : s.terms) {
    Atom* a = t.atom->kind == ExprKind::kVar ? intern(Expr(t.atom), Atom::kVar) : find(t.atom);
    if (a) a->in_fact = true;
    if (a && a->sum) pin(*a->sum);
  }
}

Engine::Engine(const Engine& other) : facts_(other.facts_), epoch_(other.epoch_) {
  // Terms point to the other engine's nodes; the same nodes are interned here, so the pointers stay right.
  for (const Atom& a : other.atoms_) {
    if (!a.in_fact) continue;
    Atom& copy = atoms_.emplace_back();
    copy.expr = a.expr;
    copy.kind = a.kind;
    copy.in_fact = true;
    copy.bound = a.bound;
    copy.modular = a.modular;
    copy.value = a.value;
    if (a.sum) copy.sum = std::make_unique<Sum>(*a.sum);
  }
  if (!atoms_.empty()) rehash(std::max<size_t>(16, std::bit_ceil(4 * atoms_.size())));
}

Term Engine::term_of_sum(const Sum& s, int64_t lower, int64_t extent) {
  const Expr e = emit(s);
  const bool is_sum = e.kind() != ExprKind::kVar;
  Atom* a = intern(e, is_sum ? Atom::kSum : Atom::kVar);
  if (is_sum && a->kind == Atom::kSum && !a->sum) a->sum = std::make_unique<Sum>(s);
  return {a->expr.get(), lower, extent, 1};
}

const ExprNode* Engine::opaque(const Expr& e) {
  Atom* a = intern(e, e.kind() == ExprKind::kVar ? Atom::kVar : Atom::kOpaque);
  a->canonical_epoch = epoch_;
  return a->expr.get();
}

}  // namespace tilewright::arith
