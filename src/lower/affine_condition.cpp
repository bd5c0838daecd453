#include "lower/affine_condition.h"

#include "tilewright/tir/visit.h"

namespace tilewright::lower {

using namespace tir;  // NOLINT

Expr nonnegative_form(const Expr& condition) {
  if (!is_comparison(condition.kind())) return nullptr;
  const auto* n = as<BinaryNode>(condition);
  if (n->a.dtype() != kI64) return nullptr;
  switch (condition.kind()) {
    case ExprKind::kLt:
      return n->b - n->a - make_int(kI64, 1);
    case ExprKind::kLe:
      return n->b - n->a;
    case ExprKind::kGt:
      return n->a - n->b - make_int(kI64, 1);
    case ExprKind::kGe:
      return n->a - n->b;
    default:
      return nullptr;
  }
}

bool linear_in(const Expr& form, const VarNode* var, LinearIn* out) {
  if (!uses_var(form, var)) {
    *out = {0, form};
    return true;
  }
  if (form.kind() == ExprKind::kVar) {
    *out = {1, make_int(kI64, 0)};
    return true;
  }
  int64_t c = 0;
  if (form.kind() == ExprKind::kAdd || form.kind() == ExprKind::kSub) {
    const auto* n = as<BinaryNode>(form);
    LinearIn a, b;
    if (!linear_in(n->a, var, &a) || !linear_in(n->b, var, &b)) return false;
    const bool add = form.kind() == ExprKind::kAdd;
    *out = {add ? a.coeff + b.coeff : a.coeff - b.coeff, add ? a.rest + b.rest : a.rest - b.rest};
    return true;
  }
  if (form.kind() == ExprKind::kMul) {
    const auto* n = as<BinaryNode>(form);
    const bool right = is_const_int(n->b, &c);
    if (!right && !is_const_int(n->a, &c)) return false;
    LinearIn inner;
    if (!linear_in(right ? n->a : n->b, var, &inner)) return false;
    if (c > (int64_t{1} << 40) || c < -(int64_t{1} << 40) || inner.coeff > (1 << 20) || inner.coeff < -(1 << 20))
      return false;
    *out = {inner.coeff * c, inner.rest * make_int(kI64, c)};
    return true;
  }
  return false;
}

}  // namespace tilewright::lower
