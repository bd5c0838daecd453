#include <unordered_map>
#include <unordered_set>

#include "lower/passes.h"
#include "lower/rewrite.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

class Flattener : public ScopedMutator {
 public:
  explicit Flattener(const PrimFunc& func) {
    bind_function(func, &analyzer_);
    for (const Param& p : func->params) {
      if (!p.buffer.defined()) continue;
      names_.insert(p.buffer.name());
      flat_[p.buffer.get()] = flat(p.buffer, p.buffer.name());
    }
  }
  using ScopedMutator::mutate;

  Expr mutate(const Expr& e) override {
    const auto* n = as<LoadNode>(e);
    if (!n) {
      // Index arithmetic stands inside addresses, loop bounds and conditions; values keep their shape.
      return mutate_children(e);
    }
    std::vector<Expr> indices;
    for (const Expr& i : n->indices) indices.push_back(mutate(i));
    return load(mutate_buffer(n->buffer), {address(n->buffer, indices)}, n->mask.defined() ? mutate(n->mask) : n->mask);
  }

  Stmt mutate(const Stmt& s) override {
    if (const auto* n = as<StoreNode>(s)) {
      std::vector<Expr> indices;
      for (const Expr& i : n->indices) indices.push_back(mutate(i));
      Expr value = mutate(n->value);
      return store(mutate_buffer(n->buffer), {address(n->buffer, indices)}, std::move(value),
                   n->mask.defined() ? mutate(n->mask) : n->mask);
    }
    if (const auto* n = as<AllocNode>(s)) {
      std::string name = n->buffer.name();
      for (int i = 1; !names_.insert(name).second; ++i) name = n->buffer.name() + "_" + std::to_string(i);
      Buffer b = flat(n->buffer, std::move(name));
      flat_[n->buffer.get()] = b;
      return alloc(b, mutate(n->body));
    }
    if (const auto* n = as<ForNode>(s)) {
      ForNode copy = *n;
      copy.min = analyzer_.simplify(mutate(n->min));
      copy.extent = analyzer_.simplify(mutate(n->extent));
      const LoopScope scope(analyzer_, n->var, Range{copy.min, copy.extent});
      copy.body = mutate(n->body);
      return make_stmt(std::move(copy));
    }
    if (const auto* n = as<AssertNode>(s); n && analyzer_.can_prove(n->condition)) return seq({});
    return mutate_scope(s);
  }

  Buffer mutate_buffer(const Buffer& b) override {
    const auto it = flat_.find(b.get());
    // Of wrong programs only: a buffer that is neither parameter nor allocated.
    return it == flat_.end() ? flat_.emplace(b.get(), flat(b, b.name())).first->second : it->second;
  }

 private:
  static const std::vector<Expr>& physical_shape(const Buffer& b) {
    return b->layout.defined() ? b->layout->output_shape : b.shape();
  }
  Buffer flat(const Buffer& b, std::string name) {
    Expr size = make_int(kI64, 1);
    for (const Expr& extent : physical_shape(b)) size = size * cast(kI64, extent);
    return Buffer(std::move(name), b.dtype(), {analyzer_.simplify(size)}, b.scope(), nullptr, b->alignment);
  }
  Expr address(const Buffer& b, const std::vector<Expr>& indices) {
    std::vector<Expr> physical = indices;
    if (b->layout.defined()) {
      VarMap map;
      for (size_t i = 0; i < indices.size(); ++i) map[b->layout->inputs[i].get()] = indices[i];
      physical.clear();
      for (const Expr& out : b->layout->outputs) physical.push_back(substitute(out, map));
    }
    const std::vector<Expr>& shape = physical_shape(b);
    Expr sum = make_int(kI64, 0);
    for (size_t i = 0; i < physical.size(); ++i) sum = sum * cast(kI64, shape[i]) + physical[i];
    return analyzer_.simplify(sum);
  }

  std::unordered_map<const BufferNode*, Buffer> flat_;
  std::unordered_set<std::string> names_;
};

}  // namespace

PrimFunc flatten(const PrimFunc& func, const LowerOptions&) {
  return func.with_body(Flattener(func).mutate(func->body));
}

}  // namespace tilewright::lower
