// te::compute: calls the user's function and brings its result into normal form, where a reduction is always the whole
// body of an operation. Reductions inside larger expressions move to operations of their own.
#include <fmt/format.h>

#include <unordered_set>

#include "te/check.h"
#include "tilewright/te/reduce.h"
#include "tilewright/te/tensor.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

using tir::as;
using tir::ReduceNode;

bool same_exprs(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].same_as(b[i])) return false;
  }
  return true;
}

/// Values of one and the same tuple reduction.
bool same_reduction(const ReduceNode* a, const ReduceNode* b) {
  if (!a->reducer.same_as(b->reducer) || !a->condition.same_as(b->condition)) return false;
  if (!same_exprs(a->sources, b->sources) || !same_exprs(a->init, b->init) || a->axes.size() != b->axes.size())
    return false;
  for (size_t i = 0; i < a->axes.size(); ++i) {
    if (!a->axes[i].var.same_as(b->axes[i].var)) return false;
  }
  return true;
}

Expr with_index(const ReduceNode* n, int index) {
  return Expr(new ReduceNode(n->reducer, n->sources, n->init, n->axes, n->condition, index));
}

bool is_whole_reduction(const std::vector<Expr>& values) {
  const auto* first = as<ReduceNode>(values[0]);
  if (!first || first->sources.size() != values.size()) return false;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto* n = as<ReduceNode>(values[i]);
    if (!n || n->index != static_cast<int>(i) || !same_reduction(first, n)) return false;
  }
  return true;
}

class Normaliser : public tir::Mutator {
 public:
  Normaliser(std::string name, std::vector<IterVar> axes) : name_(std::move(name)), scope_(std::move(axes)) {}

  std::vector<Expr> run(std::vector<Expr> values) {
    if (is_whole_reduction(values)) {
      const Expr inner = mutate_inside(as<ReduceNode>(values[0]));
      for (size_t i = 0; i < values.size(); ++i) values[i] = with_index(as<ReduceNode>(inner), static_cast<int>(i));
    } else {
      for (Expr& v : values) v = mutate(v);
    }
    return values;
  }

  using Mutator::mutate;
  Expr mutate(const Expr& e) override {
    const auto* n = as<ReduceNode>(e);
    if (!n) return mutate_children(e);
    for (const Stage& stage : stages_) {
      if (same_reduction(as<ReduceNode>(stage.original), n)) return stage.values[static_cast<size_t>(n->index)];
    }
    const Expr inner = mutate_inside(n);
    Stage stage{e, make_stage(as<ReduceNode>(inner))};
    Expr value = stage.values[static_cast<size_t>(n->index)];
    stages_.push_back(std::move(stage));
    return value;
  }

 private:
  struct Stage {
    Expr original;
    std::vector<Expr> values;
  };

  /// The reduction with the reductions inside its sources moved out.
  Expr mutate_inside(const ReduceNode* n) {
    check_axes(n);
    const size_t outer = scope_.size();
    scope_.insert(scope_.end(), n->axes.begin(), n->axes.end());
    std::vector<Expr> sources, init;
    for (const Expr& s : n->sources) sources.push_back(mutate(s));
    Expr condition = n->condition.defined() ? mutate(n->condition) : n->condition;
    scope_.resize(outer);
    for (const Expr& s : n->init) init.push_back(mutate(s));
    return Expr(
        new ReduceNode(n->reducer, std::move(sources), std::move(init), n->axes, std::move(condition), n->index));
  }

  void check_axes(const ReduceNode* n) {
    for (const IterVar& axis : n->axes) {
      for (const IterVar& other : scope_) {
        if (other.var.same_as(axis.var)) {
          fail("E0411", fmt::format("te::compute `{}`", name_),
               fmt::format("`{}` is reduced over, but is already an axis here", axis.var.name()));
        }
        for (const Expr& bound : {axis.domain.min, axis.domain.extent}) {
          if (!tir::uses_var(bound, other.var.get())) continue;
          fail("E0411", fmt::format("te::compute `{}`", name_),
               fmt::format("the range of reduce axis `{}` depends on axis `{}`", axis.var.name(), other.var.name()),
               "let the axis run over the whole range and give the reducer a condition");
        }
      }
    }
    for (const Expr& init : n->init) {
      for (const IterVar& axis : n->axes) {
        if (!tir::uses_var(init, axis.var.get())) continue;
        fail("E0411", fmt::format("te::compute `{}`", name_),
             fmt::format("the initial value of the reduction depends on its reduce axis `{}`", axis.var.name()));
      }
    }
  }

  /// An operation for the reduction over those axes in scope that it uses; the loads that stand for its values.
  std::vector<Expr> make_stage(const ReduceNode* n) {
    Operation op;
    op.kind = OpKind::kCompute;
    op.name = count_ == 0 ? name_ + "_reduce" : fmt::format("{}_reduce_{}", name_, count_);
    ++count_;
    tir::VarMap map;
    std::vector<Expr> indices;
    std::vector<Expr> parts = n->sources;
    parts.insert(parts.end(), n->init.begin(), n->init.end());
    if (n->condition.defined()) parts.push_back(n->condition);
    for (const IterVar& axis : scope_) {
      bool used = false;
      for (const Expr& part : parts) used = used || tir::uses_var(part, axis.var.get());
      if (!used) continue;
      Var fresh(axis.var.name());
      op.axes.push_back({fresh, {Expr(0), axis.domain.extent}, tir::IterKind::kSpatial});
      op.shape.push_back(axis.domain.extent);
      map[axis.var.get()] = fresh + axis.domain.min;
      indices.push_back(axis.var - axis.domain.min);
    }
    op.reduce_axes = n->axes;
    for (size_t i = 0; i < n->sources.size(); ++i) {
      op.body.push_back(tir::substitute(with_index(n, static_cast<int>(i)), map));
      std::string result = n->sources.size() == 1 ? op.name : fmt::format("{}_v{}", op.name, i);
      op.results.push_back({std::move(result), n->sources[i].dtype(), op.shape});
    }
    op.inputs = tensors_read(op.body, fmt::format("te::compute `{}`", name_));
    check_bounds(op);
    std::vector<Expr> values;
    for (const Tensor& t : Operation::make(std::move(op))) values.push_back(t.at(indices));
    return values;
  }

  std::string name_;
  std::vector<IterVar> scope_;
  std::vector<Stage> stages_;
  int count_ = 0;
};

}  // namespace

namespace detail {

std::vector<Tensor> compute(std::vector<Expr> shape, int arity, const Body& body, std::string name,
                            std::vector<std::string> axis_names, std::vector<std::string> result_names, bool tuple) {
  check_name(name, "te::compute", "the tensor");
  const std::string operation = fmt::format("te::compute `{}`", name);
  Operation op;
  op.kind = OpKind::kCompute;
  op.shape = check_shape(std::move(shape), operation);
  const size_t rank = op.shape.size();
  if (arity >= 0 && static_cast<size_t>(arity) != rank) {
    fail("E0402", operation, fmt::format("the shape has {} dimensions, the function takes {} indices", rank, arity),
         "one parameter a dimension, or one const std::vector<Var>&");
  }
  if (!axis_names.empty() && axis_names.size() != rank) {
    fail("E0413", operation, fmt::format("{} axis names were given for {} dimensions", axis_names.size(), rank));
  }
  std::vector<Var> vars;
  for (size_t i = 0; i < rank; ++i) {
    std::string axis = !axis_names.empty() ? axis_names[i]
                       : rank <= 2         ? std::string(1, "ij"[i])
                                           : fmt::format("i{}", i);
    check_name(axis, "te::compute", "an axis");
    vars.emplace_back(std::move(axis));
    op.axes.push_back({vars.back(), {Expr(0), op.shape[i]}, tir::IterKind::kSpatial});
  }
  std::vector<Expr> values = body(vars);
  if (values.empty()) fail("E0410", operation, "the function returned no value");
  for (const Expr& v : values) {
    if (!v.defined()) fail("E0414", operation, "the function returned a null expression");
    if (v.dtype().is_vector() || v.dtype().is_handle()) {
      fail("E0410", operation, fmt::format("the value has type {}, expected a scalar number or bool", v.dtype().str()));
    }
  }
  if (!result_names.empty() && result_names.size() != values.size()) {
    fail("E0413", operation,
         fmt::format("{} result names were given for {} results", result_names.size(), values.size()));
  }
  op.body = Normaliser(name, op.axes).run(std::move(values));
  if (const auto* n = as<ReduceNode>(op.body[0])) op.reduce_axes = n->axes;
  for (size_t i = 0; i < op.body.size(); ++i) {
    std::string result = !result_names.empty() ? result_names[i] : tuple ? fmt::format("{}_v{}", name, i) : name;
    check_name(result, "te::compute", "a result");
    op.results.push_back({std::move(result), op.body[i].dtype(), op.shape});
  }
  op.name = std::move(name);
  op.inputs = tensors_read(op.body, operation);
  check_bounds(op);
  return Operation::make(std::move(op));
}

}  // namespace detail
}  // namespace tilewright::te
