#include "lower/math_builder.h"
#include "lower/passes.h"
#include "tilewright/tir/visit.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

class MathExpander : public Mutator {
 public:
  explicit MathExpander(bool has_fma) : has_fma_(has_fma) {}
  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    Expr result = mutate_children(e);
    const auto* n = as<CallNode>(result);
    if (!n || !n->dtype.is_floating() || n->dtype.bits < 32) return result;
    MathBuilder m(n->dtype, has_fma_);
    switch (n->op) {
      case Intrinsic::kExp:
        return m.finish(m.exp(n->args[0]));
      case Intrinsic::kLog:
        return m.finish(m.log(n->args[0]));
      case Intrinsic::kTanh:
        return m.finish(m.tanh(n->args[0]));
      case Intrinsic::kErf:
        return m.finish(m.erf(n->args[0]));
      case Intrinsic::kSigmoid:
        return m.finish(m.sigmoid(n->args[0]));
      case Intrinsic::kRsqrt:
        return m.finish(m.rsqrt(n->args[0]));
      case Intrinsic::kSin:
        return m.finish(m.sine(n->args[0], false));
      case Intrinsic::kCos:
        return m.finish(m.sine(n->args[0], true));
      case Intrinsic::kPow:
        return m.finish(m.pow(n->args[0], n->args[1]));
      default:
        return result;
    }
  }

 private:
  bool has_fma_;
};

}  // namespace

PrimFunc expand_math(const PrimFunc& func, const LowerOptions& options) {
  return func.with_body(MathExpander(options.has_fma).mutate(func->body));
}

}  // namespace tilewright::lower
