// Minimum and maximum of sums: operands flattened, decided ones dropped, common terms moved outside, fixed order.
#include <algorithm>

#include "arith/engine.h"

namespace tilewright::arith {

using namespace tir;

bool Engine::raw_sum(const Expr& e, int64_t k, Sum* out) {
  const auto* n = as<BinaryNode>(e);
  int64_t c;
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return mul_ok(as<IntImmNode>(e)->value, k, &c) && add_ok(out->base, c, &out->base);
    case ExprKind::kVar:
      return add_term(out, {e.get(), 1, 0, k});
    case ExprKind::kAdd:
      return raw_sum(n->a, k, out) && raw_sum(n->b, k, out);
    case ExprKind::kSub:
      return k != kNegInf && raw_sum(n->a, k, out) && raw_sum(n->b, -k, out);
    case ExprKind::kMul:
      if (is_const_int(n->b, &c)) return mul_ok(c, k, &c) && raw_sum(n->a, c, out);
      break;
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      // (x // lower) % extent as it stands.
      Term t{nullptr, 1, 0, k};
      Expr x = e;
      if (x.kind() == ExprKind::kFloorMod && is_const_int(as<BinaryNode>(x)->b, &c) && c > 1) {
        t.extent = c;
        x = as<BinaryNode>(x)->a;
      }
      if (x.kind() == ExprKind::kFloorDiv && is_const_int(as<BinaryNode>(x)->b, &c) && c > 1) {
        t.lower = c;
        x = as<BinaryNode>(x)->a;
      }
      if (x.same_as(e)) break;
      Sum inner;
      if (!raw_sum(x, 1, &inner)) return false;
      const Term* only = inner.terms.size() == 1 && inner.base == 0 ? &inner.terms[0] : nullptr;
      if (only && only->lower == 1 && only->extent == 0 && only->scale == 1) {
        t.atom = only->atom;
      } else {
        Atom* a = intern(x, Atom::kSum);
        if (a->kind == Atom::kSum && !a->sum) a->sum = std::make_unique<Sum>(inner);
        t.atom = a->expr.get();
      }
      return add_term(out, t);
    }
    default:
      break;
  }
  return add_term(out, {intern(e, Atom::kOpaque)->expr.get(), 1, 0, k});
}

bool Engine::min_max_operands(ExprKind kind, const Expr& e, int64_t offset, bool fresh, std::vector<Sum>* items) {
  Sum s;
  if (fresh)
    s = parse(e);
  else if (!raw_sum(e, 1, &s))
    return false;
  if (!add_ok(s.base, offset, &s.base)) return false;
  const Term* t = s.terms.size() == 1 ? &s.terms[0] : nullptr;
  if (t && t->scale == 1 && t->lower == 1 && t->extent == 0 && t->atom->kind == kind && items->size() < 8) {
    const auto* n = static_cast<const BinaryNode*>(t->atom);
    return min_max_operands(kind, n->a, s.base, false, items) && min_max_operands(kind, n->b, s.base, false, items);
  }
  items->push_back(std::move(s));
  return true;
}

bool Engine::min_max_of(ExprKind kind, std::vector<Sum>* list, Sum* out) {
  std::vector<Sum>& items = *list;
  // Operands that another one decides.
  for (size_t i = 0; i < items.size(); ++i) {
    for (size_t j = 0; j < items.size();) {
      Sum d;
      const Sum &larger = items[kind == ExprKind::kMin ? j : i], &smaller = items[kind == ExprKind::kMin ? i : j];
      if (i == j || !add_scaled(&d, larger, 1) || !add_scaled(&d, smaller, -1) || !prove_ge0(d, recomposing_ ? 0 : 3)) {
        ++j;
        continue;
      }
      items.erase(items.begin() + static_cast<std::ptrdiff_t>(j));
      if (j < i) --i;
    }
  }
  if (items.size() == 1) return add_scaled(out, items[0], 1);
  // What all have in common moves outside.
  Sum common;
  for (size_t k = 0; k < items[0].terms.size();) {
    const Term t = items[0].terms[k];
    auto same = [&](const Term& x) { return x.same_split(t) && x.scale == t.scale; };
    const bool all = std::all_of(items.begin(), items.end(),
                                 [&](const Sum& s) { return std::any_of(s.terms.begin(), s.terms.end(), same); });
    if (!all) {
      ++k;
      continue;
    }
    for (Sum& s : items) {
      s.terms.erase_at(static_cast<size_t>(std::find_if(s.terms.begin(), s.terms.end(), same) - s.terms.begin()));
    }
    common.terms.push_back(t);
  }
  int64_t shift = items[0].base;
  for (const Sum& s : items) {
    if ((s.base > 0) != (shift > 0) || s.base == 0)
      shift = 0;
    else if (s.base > 0 ? s.base < shift : s.base > shift)
      shift = s.base;
  }
  common.base = shift;
  std::vector<Expr> operands;
  for (Sum& s : items) {
    s.base -= shift;
    operands.push_back(emit(s));
  }
  std::stable_sort(operands.begin(), operands.end(), [](const Expr& a, const Expr& b) {
    const bool x = a.kind() == ExprKind::kIntImm, y = b.kind() == ExprKind::kIntImm;
    return x != y ? y : order(a.get(), b.get()) < 0;
  });
  Expr r = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) r = make_binary(kind, r, operands[i]);
  if (!add_scaled(out, common, 1)) return false;
  if (r.kind() != kind) return raw_sum(r, 1, out);
  return add_term(out, {opaque(r), 1, 0, 1});
}

Expr Engine::simplify_min_max(const Expr& e) {
  std::vector<Sum> items;
  Sum result;
  const auto* n = as<BinaryNode>(e);
  if (!min_max_operands(e.kind(), n->a, 0, true, &items) || !min_max_operands(e.kind(), n->b, 0, true, &items) ||
      !min_max_of(e.kind(), &items, &result))
    return rebuild(e);
  const Expr r = emit(result);
  return same_expr(r, e) ? e : r;
}

bool Engine::recompose_mod(Sum* s, size_t i) {
  const Term t = s->terms[i];
  if (t.lower == 1 || t.extent != 0 || t.scale % t.lower != 0) return false;
  const Atom* a = find(t.atom);
  if (!a || !a->sum) return false;
  const int64_t k = -(t.scale / t.lower);
  Sum next = *s;
  next.terms.erase_at(i);
  for (const Term& x : a->sum->terms) {
    int64_t scale;
    size_t j = 0;
    if (!mul_ok(x.scale, k, &scale)) return false;
    while (j < next.terms.size() && !(next.terms[j].same_split(x) && next.terms[j].scale == scale)) ++j;
    if (j == next.terms.size()) return false;
    next.terms.erase_at(j);
  }
  int64_t base;
  if (!mul_ok(a->sum->base, k, &base) || !sub_ok(next.base, base, &next.base)) return false;
  // Beside other terms of the atom the modulo may open again.
  if (!add_term(&next, {t.atom, 1, t.lower, k}) || next.terms.size() >= s->terms.size()) return false;
  *s = std::move(next);
  return true;
}

bool Engine::recompose_min_max(Sum* s, size_t i) {
  const Term t = s->terms[i];
  const ExprKind kind = t.atom->kind;
  if ((kind != ExprKind::kMin && kind != ExprKind::kMax) || t.lower != 1 || t.extent != 0 || s->terms.size() < 2)
    return false;
  std::vector<Sum> items;
  if (!min_max_operands(kind, Expr(t.atom), 0, false, &items) || items.size() < 2) return false;
  for (Sum& item : items) {
    if (item.is_const() || item.terms.size() >= s->terms.size()) continue;
    // All terms of this operand must be taken away by the rest.
    Sum next = *s, moved;
    next.terms.erase_at(i);
    bool found = true;
    for (const Term& x : item.terms) {
      int64_t scale;
      size_t j = 0;
      if (!mul_ok(x.scale, t.scale, &scale) || scale == kNegInf) return false;
      while (j < next.terms.size() && !(next.terms[j].same_split(x) && next.terms[j].scale == -scale)) ++j;
      if (j == next.terms.size()) {
        found = false;
        break;
      }
      next.terms.erase_at(j);
    }
    if (!found) continue;
    moved.terms = item.terms;
    Sum result;
    for (Sum& x : items) {
      if (&x != &item && !add_scaled(&x, moved, -1)) return false;
    }
    item.terms.clear();
    if (!min_max_of(kind, &items, &result) || !add_scaled(&next, result, t.scale)) return false;
    *s = std::move(next);
    return true;
  }
  return false;
}

void Engine::recompose(Sum* s) {
  // Proofs inside ask for bounds, which come here again.
  if (recomposing_) return;
  recomposing_ = true;
  for (int rounds = 0; rounds < 8; ++rounds) {
    bool changed = false;
    for (size_t i = 0; i < s->terms.size() && !changed; ++i) {
      if (s->terms[i].atom->kind != ExprKind::kVar) changed = recompose_mod(s, i) || recompose_min_max(s, i);
    }
    if (!changed) break;
  }
  recomposing_ = false;
}

}  // namespace tilewright::arith
