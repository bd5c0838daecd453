#include "verify/check_expr.h"

#include <fmt/format.h>

#include <algorithm>

#include "tilewright/tir/buffer.h"
#include "tilewright/tir/printer.h"

namespace tilewright::verify {
namespace {

using namespace tir;  // NOLINT

ExprFault type_fault(std::string message) {
  return {"V0604", std::move(message)};
}
ExprFault stage_fault(std::string message) {
  return {"V0605", std::move(message)};
}

/// Types without arithmetic after lowering.
bool is_half(DataType t) {
  return t.is_floating() && t.bits == 16;
}

ExprFault check_binary(const BinaryNode& n, Stage stage) {
  const DataType a = n.a.dtype(), b = n.b.dtype();
  const auto text = [&] { return fmt::format("`{}`", to_string(Expr(&n))); };
  if (a != b) return type_fault(fmt::format("the operands of {} have types {} and {}", text(), a.str(), b.str()));
  const bool logic = n.kind == ExprKind::kAnd || n.kind == ExprKind::kOr, comparison = is_comparison(n.kind);
  const DataType expected = comparison ? kBool.with_lanes(a.lanes) : a;
  if (n.dtype != expected)
    return type_fault(fmt::format("{} has type {}, expected {}", text(), n.dtype.str(), expected.str()));
  const bool equality = n.kind == ExprKind::kEq || n.kind == ExprKind::kNe;
  const bool fits = logic                      ? a.is_bool()
                    : n.kind == ExprKind::kDiv ? a.is_floating()
                    : n.kind == ExprKind::kFloorDiv || n.kind == ExprKind::kFloorMod
                        ? a.is_integer()
                        : a.is_integer() || a.is_floating() || (equality && a.is_bool());
  if (!fits)
    return type_fault(
        fmt::format("the operands of {} have type {}, which the operator does not take", text(), a.str()));
  if (stage == Stage::kLowered && is_half(a))
    return stage_fault(
        fmt::format("{} computes in {}; after lowering arithmetic on 16-bit floats is done in f32", text(), a.str()));
  return {};
}

ExprFault check_call(const CallNode& n, Stage stage) {
  const auto text = [&] { return fmt::format("`{}`", to_string(Expr(&n))); };
  if (n.op == Intrinsic::kExtern)
    return n.name.empty() ? type_fault(fmt::format("the extern call {} has no symbol", text())) : ExprFault();
  if (n.args.empty()) return type_fault(fmt::format("{} has no arguments", text()));
  if (n.op == Intrinsic::kAddressOf || n.op == Intrinsic::kPrefetch)
    return as<LoadNode>(n.args[0]) ? ExprFault() : type_fault(fmt::format("{} needs an element of a buffer", text()));
  const DataType t = n.args[0].dtype();
  for (const Expr& a : n.args) {
    if (a.dtype() != t)
      return type_fault(fmt::format("the arguments of {} have types {} and {}", text(), t.str(), a.dtype().str()));
  }
  if (n.op == Intrinsic::kReinterpret)
    return n.dtype.bits == t.bits && n.dtype.lanes == t.lanes ? ExprFault()
                                                              : type_fault(fmt::format("{} changes the width", text()));
  const DataType expected = n.op == Intrinsic::kIsNan ? kBool.with_lanes(t.lanes) : t;
  if (n.dtype != expected)
    return type_fault(fmt::format("{} has type {}, expected {}", text(), n.dtype.str(), expected.str()));
  if (stage != Stage::kLowered) return {};
  switch (n.op) {
    case Intrinsic::kExp:
    case Intrinsic::kLog:
    case Intrinsic::kTanh:
    case Intrinsic::kErf:
    case Intrinsic::kSigmoid:
    case Intrinsic::kRsqrt:
    case Intrinsic::kSin:
    case Intrinsic::kCos:
    case Intrinsic::kPow:
      return stage_fault(fmt::format("{} is left; lowering expands {}", text(), intrinsic_name(n.op)));
    default:
      break;
  }
  if (is_half(t))
    return stage_fault(
        fmt::format("{} computes in {}; after lowering arithmetic on 16-bit floats is done in f32", text(), t.str()));
  return {};
}

}  // namespace

ExprFault check_access(const Buffer& buffer, const std::vector<Expr>& indices, const Expr& mask, DataType value,
                       Stage stage) {
  if (indices.size() != buffer.shape().size())
    return {"V0606", fmt::format("`{}` has {} dimensions, the access has {} indices", buffer.name(),
                                 buffer.shape().size(), indices.size())};
  int lanes = 1;
  for (const Expr& i : indices) {
    if (!i.defined()) return {"V0601", fmt::format("an index of `{}` is missing", buffer.name())};
    if (!i.dtype().is_integer())
      return type_fault(
          fmt::format("an index of `{}` has type {}, expected an integer", buffer.name(), i.dtype().str()));
    lanes = std::max<int>(lanes, i.dtype().lanes);
  }
  if (stage == Stage::kScheduled) {
    if (mask.defined())
      return stage_fault(fmt::format("the access of `{}` has a mask, which only lowering makes", buffer.name()));
    if (lanes > 1)
      return stage_fault(fmt::format("an index of `{}` is a vector, which only lowering makes", buffer.name()));
  } else {
    if (indices.size() != 1)
      return stage_fault(fmt::format("`{}` is accessed with {} indices; after lowering buffers are one-dimensional",
                                     buffer.name(), indices.size()));
    if (buffer.scope() == Scope::kRegister && !is_const_int(indices[0], int64_t{0}))
      return stage_fault(
          fmt::format("the register `{}` is accessed at `{}`, expected 0", buffer.name(), to_string(indices[0])));
  }
  const DataType expected = buffer.dtype().lanes > 1 ? buffer.dtype() : buffer.dtype().with_lanes(lanes);
  if (value != expected)
    return type_fault(fmt::format("the access of `{}` has a value of type {}, expected {}", buffer.name(), value.str(),
                                  expected.str()));
  if (mask.defined() && mask.dtype() != kBool.with_lanes(expected.lanes))
    return type_fault(fmt::format("the mask of `{}` has type {}, expected {}", buffer.name(), mask.dtype().str(),
                                  kBool.with_lanes(expected.lanes).str()));
  return {};
}

ExprFault check_node(const Expr& e, Stage stage) {
  const auto text = [&] { return fmt::format("`{}`", to_string(e)); };
  if (stage == Stage::kScheduled && e.dtype().is_vector())
    return stage_fault(fmt::format("{} is a vector of type {}, which only lowering makes", text(), e.dtype().str()));
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return e.dtype().is_floating() ? type_fault(fmt::format("an integer constant has type {}", e.dtype().str()))
                                     : ExprFault();
    case ExprKind::kFloatImm:
      return e.dtype().is_floating() ? ExprFault()
                                     : type_fault(fmt::format("a float constant has type {}", e.dtype().str()));
    case ExprKind::kVar:
      return {};
    case ExprKind::kCast: {
      const DataType from = as<CastNode>(e)->value.dtype();
      if (from.lanes != e.dtype().lanes)
        return type_fault(fmt::format("the cast {} changes the lanes of {}", text(), from.str()));
      return {};
    }
    case ExprKind::kNot:
      return e.dtype().is_bool() && as<NotNode>(e)->value.dtype() == e.dtype()
                 ? ExprFault()
                 : type_fault(fmt::format("{} negates no bool", text()));
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      if (n->true_value.dtype() != e.dtype() || n->false_value.dtype() != e.dtype())
        return type_fault(fmt::format("the choices of {} have types {} and {}", text(), n->true_value.dtype().str(),
                                      n->false_value.dtype().str()));
      if (n->condition.dtype() != kBool.with_lanes(e.dtype().lanes))
        return type_fault(fmt::format("the condition of {} has type {}, expected {}", text(),
                                      n->condition.dtype().str(), kBool.with_lanes(e.dtype().lanes).str()));
      return {};
    }
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      return check_access(n->buffer, n->indices, n->mask, e.dtype(), stage);
    }
    case ExprKind::kCall:
      return check_call(*as<CallNode>(e), stage);
    case ExprKind::kRamp: {
      const auto* n = as<RampNode>(e);
      const DataType t = n->base.dtype();
      return t.is_integer() && !t.is_vector() && n->stride.dtype() == t
                 ? ExprFault()
                 : type_fault(fmt::format("{} needs two integers of one type", text()));
    }
    case ExprKind::kBroadcast:
      return as<BroadcastNode>(e)->value.dtype() == e.dtype().element()
                 ? ExprFault()
                 : type_fault(fmt::format("{} needs a scalar", text()));
    case ExprKind::kLet: {
      const auto* n = as<LetNode>(e);
      return n->var.dtype() == n->value.dtype() && n->body.dtype() == e.dtype()
                 ? ExprFault()
                 : type_fault(fmt::format("the types of {} do not agree", text()));
    }
    case ExprKind::kReduce:
      return stage_fault(fmt::format("{} belongs to tensor expressions, not to loops", text()));
    default:
      return check_binary(*as<BinaryNode>(e), stage);
  }
}

}  // namespace tilewright::verify
