#include "lower/passes.h"
#include "tilewright/tir/visit.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

bool is_half(DataType t) {
  return t.is_floating() && t.bits == 16;
}

class HalfLegalizer : public Mutator {
 public:
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    if (!e.defined()) return e;
    if (is_binary(e.kind())) {
      const auto* n = as<BinaryNode>(e);
      if (!is_half(n->a.dtype())) return mutate_children(e);
      Expr wide = make_binary(e.kind(), widened(n->a), widened(n->b));
      return is_comparison(e.kind()) ? wide : cast(e.dtype(), std::move(wide));
    }
    const auto* c = as<CallNode>(e);
    if (c && c->op != Intrinsic::kExtern && c->op != Intrinsic::kReinterpret && !c->args.empty() &&
        is_half(c->args[0].dtype())) {
      std::vector<Expr> args;
      for (const Expr& a : c->args) args.push_back(widened(a));
      Expr wide = call(c->op, std::move(args));
      return c->dtype.is_bool() ? wide : cast(e.dtype(), std::move(wide));
    }
    return mutate_children(e);
  }

 private:
  /// A value of half type in f32. A value that was just rounded keeps its rounding.
  Expr widened(const Expr& e) { return cast(kF32.with_lanes(e.dtype().lanes), mutate(e)); }
};

}  // namespace

PrimFunc legalize_half(const PrimFunc& func, const LowerOptions&) {
  return func.with_body(HalfLegalizer().mutate(func->body));
}

}  // namespace tilewright::lower
