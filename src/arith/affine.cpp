#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::arith {
namespace {

using tir::as;
using tir::ExprKind;

/// False where e is not affine in the variables.
bool collect(const Expr& e, const std::vector<Var>& vars, AffineForm* out) {
  for (size_t i = 0; i < vars.size(); ++i) {
    if (!e.same_as(vars[i])) continue;
    out->coeffs[i] = Expr(1);
    return true;
  }
  const bool depends = tir::uses_any_var(e, [&](const VarNode* v) {
    for (const Var& var : vars) {
      if (var.get() == v) return true;
    }
    return false;
  });
  if (!depends) {
    out->base = e;
    return true;
  }
  const auto* node = as<tir::BinaryNode>(e);
  if (!node) return false;
  const auto empty = [&] { return AffineForm{std::vector<Expr>(vars.size(), Expr(0)), Expr(0)}; };
  AffineForm a = empty(), b = empty();
  if (!collect(node->a, vars, &a) || !collect(node->b, vars, &b)) return false;
  const auto constant = [](const AffineForm& f) {
    for (const Expr& c : f.coeffs) {
      if (!tir::is_const_int(c, 0)) return false;
    }
    return true;
  };
  switch (e.kind()) {
    case ExprKind::kAdd:
    case ExprKind::kSub: {
      const bool add = e.kind() == ExprKind::kAdd;
      for (size_t i = 0; i < vars.size(); ++i)
        out->coeffs[i] = add ? a.coeffs[i] + b.coeffs[i] : a.coeffs[i] - b.coeffs[i];
      out->base = add ? a.base + b.base : a.base - b.base;
      return true;
    }
    case ExprKind::kMul: {
      if (!constant(a) && !constant(b)) return false;
      const AffineForm& form = constant(a) ? b : a;
      const Expr& factor = constant(a) ? a.base : b.base;
      for (size_t i = 0; i < vars.size(); ++i) out->coeffs[i] = form.coeffs[i] * factor;
      out->base = form.base * factor;
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

bool detect_affine(const Expr& e, const std::vector<Var>& vars, Analyzer& analyzer, AffineForm* out) {
  out->coeffs.assign(vars.size(), Expr(0));
  out->base = Expr(0);
  if (!e.dtype().is_int() || e.dtype().lanes != 1) return false;
  if (!collect(analyzer.simplify(e), vars, out) && !collect(e, vars, out)) return false;
  for (Expr& c : out->coeffs) c = analyzer.simplify(c);
  out->base = analyzer.simplify(out->base);
  return true;
}

}  // namespace tilewright::arith
