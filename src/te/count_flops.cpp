#include "tilewright/te/workload.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

using tir::as;

struct Counts {
  double floats = 0, integers = 0;
};

/// Arithmetic of one evaluation; indices of loads are free.
void count(const Expr& e, double times, Counts* out) {
  if (!e.defined()) return;
  double* counter = e.dtype().is_floating() ? &out->floats : &out->integers;
  if (const auto* b = as<tir::BinaryNode>(e)) {
    if (!tir::is_comparison(b->kind) && !e.dtype().is_bool()) *counter += times;
    count(b->a, times, out);
    count(b->b, times, out);
  } else if (const auto* call = as<tir::CallNode>(e)) {
    *counter += call->op == tir::Intrinsic::kFma ? 2 * times : times;
    for (const Expr& a : call->args) count(a, times, out);
  } else if (const auto* s = as<tir::SelectNode>(e)) {
    count(s->true_value, times, out);
    count(s->false_value, times, out);
  } else if (const auto* c = as<tir::CastNode>(e)) {
    count(c->value, times, out);
  } else if (const auto* let = as<tir::LetNode>(e)) {
    count(let->value, times, out);
    count(let->body, times, out);
  }
}

void count(const tir::Stmt& s, double times, Counts* out) {
  if (!s.defined()) return;
  if (const auto* loop = as<tir::ForNode>(s)) {
    int64_t extent = 1;
    tir::is_const_int(loop->extent, &extent);
    count(loop->body, times * static_cast<double>(extent), out);
  } else if (const auto* block = as<tir::BlockNode>(s)) {
    count(block->body, times, out);
  } else if (const auto* seq = as<tir::SeqNode>(s)) {
    for (const tir::Stmt& item : seq->items) count(item, times, out);
  } else if (const auto* branch = as<tir::IfNode>(s)) {
    count(branch->then_body, times, out);
    count(branch->else_body, times, out);
  } else if (const auto* let = as<tir::LetStmtNode>(s)) {
    count(let->value, times, out);
    count(let->body, times, out);
  } else if (const auto* alloc = as<tir::AllocNode>(s)) {
    count(alloc->body, times, out);
  } else if (const auto* store = as<tir::StoreNode>(s)) {
    count(store->value, times, out);
  }
}

}  // namespace

double count_flops(const PrimFunc& func) {
  Counts counts;
  if (func.defined()) count(func->body, 1, &counts);
  return counts.floats > 0 ? counts.floats : counts.integers;
}

}  // namespace tilewright::te
