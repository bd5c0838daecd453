#include <algorithm>

#include "lower/passes.h"
#include "tilewright/tir/visit.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

class FmaMaker : public Mutator {
 public:
  using Mutator::mutate;
  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<BlockNode>(s)) {
      const bool outer = in_reduction_;
      in_reduction_ =
          std::any_of(n->iters.begin(), n->iters.end(), [](const IterVar& i) { return i.kind == IterKind::kReduce; });
      Stmt result = mutate_children(s);
      in_reduction_ = outer;
      return result;
    }
    if (const auto* n = as<StoreNode>(s); n && in_reduction_) {
      Expr value = update(*n);
      if (value.defined()) return store(n->buffer, n->indices, std::move(value), n->mask);
    }
    return mutate_children(s);
  }
  Expr mutate(const Expr& e) override { return e; }

 private:
  /// The fma for `buffer[i] = buffer[i] + a * b` in either order, else null.
  static Expr update(const StoreNode& s) {
    const DataType t = s.buffer.dtype();
    if (t != kF32 && t != kF64) return nullptr;
    if (s.value.kind() != ExprKind::kAdd) return nullptr;
    const auto* sum = as<BinaryNode>(s.value);
    for (const bool swapped : {false, true}) {
      const Expr& c = swapped ? sum->b : sum->a;
      const Expr& product = swapped ? sum->a : sum->b;
      if (product.kind() != ExprKind::kMul || !same_element(c, s)) continue;
      const auto* m = as<BinaryNode>(product);
      return fma(m->a, m->b, c);
    }
    return nullptr;
  }
  static bool same_element(const Expr& e, const StoreNode& s) {
    const auto* l = as<LoadNode>(e);
    if (!l || !l->buffer.same_as(s.buffer)) return false;
    for (size_t i = 0; i < s.indices.size(); ++i) {
      if (!structural_equal(l->indices[i], s.indices[i])) return false;
    }
    return true;
  }

  bool in_reduction_ = false;
};

}  // namespace

PrimFunc make_fma(const PrimFunc& func, const LowerOptions& options) {
  if (!options.has_fma) return func;
  return func.with_body(FmaMaker().mutate(func->body));
}

}  // namespace tilewright::lower
