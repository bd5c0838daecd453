// Facts about expressions that decide how they are emitted.
#pragma once

#include "tilewright/tir/buffer.h"
#include "tilewright/tir/expr.h"

namespace tilewright::codegen {

/// Whether evaluating costs little and can do no harm, so that a select instruction may evaluate it unasked.
bool is_cheap(const tir::Expr& e);

/// Calls f on the direct operands.
template <typename F>
void for_each_child(const tir::Expr& e, F f) {
  using tir::as;
  if (tir::is_binary(e.kind())) {
    const auto* n = as<tir::BinaryNode>(e);
    f(n->a);
    f(n->b);
    return;
  }
  switch (e.kind()) {
    case tir::ExprKind::kCast:
      f(as<tir::CastNode>(e)->value);
      return;
    case tir::ExprKind::kNot:
      f(as<tir::NotNode>(e)->value);
      return;
    case tir::ExprKind::kSelect: {
      const auto* n = as<tir::SelectNode>(e);
      f(n->condition);
      f(n->true_value);
      f(n->false_value);
      return;
    }
    case tir::ExprKind::kLoad: {
      const auto* n = as<tir::LoadNode>(e);
      for (const tir::Expr& index : n->indices) f(index);
      if (n->mask.defined()) f(n->mask);
      return;
    }
    case tir::ExprKind::kCall:
      for (const tir::Expr& arg : as<tir::CallNode>(e)->args) f(arg);
      return;
    case tir::ExprKind::kRamp:
      f(as<tir::RampNode>(e)->base);
      f(as<tir::RampNode>(e)->stride);
      return;
    case tir::ExprKind::kBroadcast:
      f(as<tir::BroadcastNode>(e)->value);
      return;
    case tir::ExprKind::kLet:
      f(as<tir::LetNode>(e)->value);
      f(as<tir::LetNode>(e)->body);
      return;
    default:
      return;
  }
}

}  // namespace tilewright::codegen
