// Expressions inside the program: names, guards, and the loads that regions must cover.
#include <fmt/format.h>

#include "tilewright/tir/printer.h"
#include "verify/verifier.h"

namespace tilewright::verify {

using namespace tir;  // NOLINT

bool Verifier::integer(const Expr& e, DataType t, const char* what) {
  if (!expr(e, what)) return false;
  if (e.dtype().is_integer() && !e.dtype().is_vector() && (t.is_handle() || e.dtype() == t)) return true;
  return fail("V0604", fmt::format("{} has `{}` of type {}, expected {}", what, to_string(e), e.dtype().str(),
                                   t.is_handle() ? "an integer" : t.str()));
}

bool Verifier::boolean(const Expr& e, const char* what) {
  if (!expr(e, what)) return false;
  return e.dtype() == kBool || fail("V0604", fmt::format("{} has the condition `{}` of type {}, expected bool", what,
                                                         to_string(e), e.dtype().str()));
}

bool Verifier::range(const Range& r, DataType t, const char* what) {
  return integer(r.min, t, what) && integer(r.extent, t, what);
}

bool Verifier::guarded(const Expr& guard, bool holds, const Expr& e, const char* what) {
  // Without a bool there is no guard; the node around is refused for its types.
  if (block_level_ < 2 || guard.dtype() != kBool) return expr(e, what);
  push({Step::Kind::kGuard, {}, {}, holds ? guard : !guard});
  if (!expr(e, what)) return false;
  pop();
  return true;
}

bool Verifier::expr(const Expr& e, const char* what) {
  if (!e.defined()) return fail("V0601", fmt::format("{} is missing or has a missing part", what));
  switch (e.kind()) {
    case ExprKind::kVar:
      return use(as<VarNode>(e));
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
      return fault(check_node(e, stage_));
    default:
      break;
  }
  // Only shared nodes can be met again.
  if (!e->unique()) {
    const auto [found, added] = checked_.try_emplace(e.get(), epoch_);
    if (!added && found->second == epoch_) return true;
    found->second = epoch_;
  }
  return children(e, what) && fault(check_node(e, stage_));
}

bool Verifier::children(const Expr& e, const char* what) {
  switch (e.kind()) {
    case ExprKind::kCast:
      return expr(as<CastNode>(e)->value, what);
    case ExprKind::kNot:
      return expr(as<NotNode>(e)->value, what);
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      return expr(n->condition, what) && guarded(n->condition, true, n->true_value, what) &&
             guarded(n->condition, false, n->false_value, what);
    }
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      if (!use(n->buffer)) return false;
      for (const Expr& i : n->indices) {
        if (!expr(i, "an index")) return false;
      }
      if (n->mask.defined() && !expr(n->mask, "a mask")) return false;
      if (block_level_ < 2 || n->indices.size() != n->buffer.shape().size()) return true;
      std::vector<Range> points;
      for (const Expr& i : n->indices) points.push_back({i, 1});
      return covered(n->buffer, points, Access::kRead);
    }
    case ExprKind::kCall: {
      for (const Expr& a : as<CallNode>(e)->args) {
        if (!expr(a, what)) return false;
      }
      return true;
    }
    case ExprKind::kRamp:
      return expr(as<RampNode>(e)->base, what) && expr(as<RampNode>(e)->stride, what);
    case ExprKind::kBroadcast:
      return expr(as<BroadcastNode>(e)->value, what);
    case ExprKind::kLet: {
      const auto* n = as<LetNode>(e);
      if (!expr(n->value, what) || !n->var.defined())
        return n->var.defined() ? false : fail("V0601", "a variable is missing");
      // An expression may stand in several places, and its variables with it.
      const auto found = vars_.find(n->var.get());
      if (found != vars_.end() && found->second.alive)
        return fail("V0602", fmt::format("the variable `{}` is defined twice", n->var.name()));
      vars_[n->var.get()] = {VarInfo::Kind::kLet, block_level_, true};
      push({Step::Kind::kValue, n->var, {}, n->value});
      if (!expr(n->body, what)) return false;
      pop();
      end_scope(n->var);
      return true;
    }
    case ExprKind::kReduce:
      return true;
    default: {
      const auto* n = as<BinaryNode>(e);
      if (!expr(n->a, what)) return false;
      const bool lazy = e.kind() == ExprKind::kAnd || e.kind() == ExprKind::kOr;
      return lazy ? guarded(n->a, e.kind() == ExprKind::kAnd, n->b, what) : expr(n->b, what);
    }
  }
}

}  // namespace tilewright::verify
