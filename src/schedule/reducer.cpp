#include "schedule/reducer.h"

#include <cmath>
#include <limits>

#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::as;
using tir::DataType;
using tir::Expr;
using tir::ExprKind;

namespace {

Expr lowest(DataType t) {
  if (t.is_floating()) return tir::make_const(t, -std::numeric_limits<double>::infinity());
  if (t.is_uint()) return tir::make_int(t, 0);
  return tir::make_int(t, t.bits >= 64 ? std::numeric_limits<int64_t>::min() : -(int64_t{1} << (t.bits - 1)));
}
Expr highest(DataType t) {
  if (t.is_floating()) return tir::make_const(t, std::numeric_limits<double>::infinity());
  if (t.is_uint()) return tir::make_int(t, -1);
  return tir::make_int(t, t.bits >= 64 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << (t.bits - 1)) - 1);
}

bool is_own(const Expr& e, const tir::StoreNode& store) {
  const auto* load = as<tir::LoadNode>(e);
  if (!load || !load->buffer.same_as(store.buffer) || load->mask.defined()) return false;
  for (size_t i = 0; i < store.indices.size(); ++i) {
    if (!structural_equal(load->indices[i], store.indices[i])) return false;
  }
  return true;
}

bool loads_from(const Expr& e, const tir::Buffer& buffer) {
  bool found = false;
  tir::post_order(e, [&](const Expr& x) {
    const auto* load = as<tir::LoadNode>(x);
    found |= load && load->buffer.same_as(buffer);
  });
  return found;
}

}  // namespace

std::optional<Reduction> match_reduction(const tir::BlockNode& block) {
  const auto* store = as<tir::StoreNode>(block.body);
  if (!store || store->mask.defined()) return {};
  const auto* update = as<tir::BinaryNode>(store->value);
  if (!update) return {};
  Expr value;
  if (is_own(update->a, *store))
    value = update->b;
  else if (is_own(update->b, *store))
    value = update->a;
  else
    return {};
  if (loads_from(value, store->buffer)) return {};
  const DataType t = store->buffer.dtype();
  Expr identity;
  switch (store->value.kind()) {
    case ExprKind::kAdd:
      identity = tir::make_const(t, 0);
      break;
    case ExprKind::kMul:
      identity = tir::make_const(t, 1);
      break;
    case ExprKind::kMin:
      identity = highest(t);
      break;
    case ExprKind::kMax:
      identity = lowest(t);
      break;
    case ExprKind::kAnd:
      identity = Expr(true);
      break;
    case ExprKind::kOr:
      identity = Expr(false);
      break;
    default:
      return {};
  }
  return Reduction{store->value.kind(), store, value, identity};
}

}  // namespace tilewright::schedule
