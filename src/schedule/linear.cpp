#include "schedule/linear.h"

#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::as;
using tir::BinaryNode;
using tir::Expr;
using tir::ExprKind;

namespace {

bool add(const Expr& e, int64_t factor, LinearForm* out) {
  int64_t value = 0, product = 0;
  if (tir::is_const_int(e, &value))
    return !__builtin_mul_overflow(value, factor, &product) && !__builtin_add_overflow(out->base, product, &out->base);
  if (const auto* b = as<BinaryNode>(e)) {
    if (e.kind() == ExprKind::kAdd) return add(b->a, factor, out) && add(b->b, factor, out);
    if (e.kind() == ExprKind::kSub && factor != INT64_MIN) return add(b->a, factor, out) && add(b->b, -factor, out);
    if (e.kind() == ExprKind::kMul) {
      if (tir::is_const_int(b->b, &value))
        return !__builtin_mul_overflow(value, factor, &product) && add(b->a, product, out);
      if (tir::is_const_int(b->a, &value))
        return !__builtin_mul_overflow(value, factor, &product) && add(b->b, product, out);
    }
  }
  for (auto& term : out->terms) {
    if (term.atom.same_as(e) || (term.atom->hash == e->hash && structural_equal(term.atom, e)))
      return !__builtin_add_overflow(term.coeff, factor, &term.coeff);
  }
  out->terms.push_back({e, factor});
  return true;
}

}  // namespace

bool linear_form(const Expr& e, LinearForm* out) {
  out->terms.clear();
  out->base = 0;
  if (!add(e, 1, out)) return false;
  std::erase_if(out->terms, [](const auto& t) { return t.coeff == 0; });
  return true;
}

}  // namespace tilewright::schedule
