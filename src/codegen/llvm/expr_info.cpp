#include "codegen/llvm/expr_info.h"

namespace tilewright::codegen {

using tir::as;
using tir::Expr;
using tir::ExprKind;
using tir::Intrinsic;

namespace {

bool is_register_load(const Expr& e) {
  const auto* load = as<tir::LoadNode>(e);
  return load && load->buffer.scope() == tir::Scope::kRegister;
}

/// Whether evaluating costs little and can do no harm, so that a select instruction may evaluate both sides.
bool is_cheap(const Expr& e, int* budget) {
  if (--*budget < 0) return false;
  switch (e.kind()) {
    case ExprKind::kLoad:
      return is_register_load(e);
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      if (!tir::is_const_int(as<tir::BinaryNode>(e)->b)) return false;
      break;
    case ExprKind::kLet:
      return false;
    default:
      break;
  }
  if (const auto* call = as<tir::CallNode>(e)) {
    if (call->op == Intrinsic::kExtern || call->op == Intrinsic::kAddressOf || call->op == Intrinsic::kPrefetch) {
      return false;
    }
  }
  bool cheap = true;
  for_each_child(e, [&](const Expr& child) { cheap = cheap && is_cheap(child, budget); });
  return cheap;
}
}  // namespace

bool is_cheap(const Expr& e) {
  int budget = 12;
  return is_cheap(e, &budget);
}

}  // namespace tilewright::codegen
