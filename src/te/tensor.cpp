#include "tilewright/te/tensor.h"

#include <fmt/format.h>

#include "te/check.h"

namespace tilewright::te {
namespace {

/// What a tensor's buffer remembers.
struct Origin {
  OperationRef op;
  int index;
};

/// Deletes operations one after the other, so that a long chain of them does not use up the stack.
void delete_operation(const Operation* op) {
  thread_local std::vector<const Operation*>* waiting = nullptr;
  if (waiting) {
    waiting->push_back(op);
    return;
  }
  std::vector<const Operation*> queue = {op};
  waiting = &queue;
  while (!queue.empty()) {
    const Operation* next = queue.back();
    queue.pop_back();
    delete next;
  }
  waiting = nullptr;
}

const Origin& origin_of(const tir::BufferNode& buffer) {
  return *static_cast<const Origin*>(buffer.origin.get());
}

const IterVar& pick_axis(const std::vector<IterVar>& axes, int i, const Tensor& t, const char* what,
                         std::string remedy) {
  if (i >= 0 && i < static_cast<int>(axes.size())) return axes[static_cast<size_t>(i)];
  fail("E0415", what, fmt::format("`{}` has {} such axes, number {} was asked for", t.name(), axes.size(), i),
       std::move(remedy));
}

}  // namespace

const tir::BufferNode& Tensor::node() const {
  if (!defined()) fail("E0414", "te", "an undefined Tensor is used");
  return *buffer_.get();
}

Expr Tensor::at(std::vector<Expr> indices) const {
  if (static_cast<int>(indices.size()) != rank()) {
    fail("E0403", "te",
         fmt::format("tensor `{}` has {} dimensions, {} indices were given", name(), rank(), indices.size()));
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i].defined())
      fail("E0414", "te", fmt::format("index {} of `{}` is missing (a null expression)", i, name()));
    const DataType t = indices[i].dtype();
    if (!t.is_integer() || t.is_vector()) {
      fail("E0404", "te", fmt::format("index {} of `{}` has type {}, expected an integer", i, name(), t.str()));
    }
    indices[i] = tir::cast(i64, indices[i]);
  }
  return tir::load(buffer_, std::move(indices));
}

const Operation& Tensor::op() const {
  return *origin_of(node()).op;
}
OperationRef Tensor::op_ref() const {
  return origin_of(node()).op;
}
int Tensor::value_index() const {
  return origin_of(node()).index;
}

const IterVar& Tensor::axis(int i) const {
  return pick_axis(op().axes, i, *this, "axis", {});
}

const IterVar& Tensor::reduce_axis(int i) const {
  const Operation& o = op();
  std::string remedy;
  if (o.reduce_axes.empty()) {
    for (const Tensor& input : o.inputs) {
      if (!input.op().is_reduction()) continue;
      remedy = fmt::format("`{}` is computed in two stages; the reduce axes belong to `{}`", name(), input.name());
      break;
    }
  }
  return pick_axis(o.reduce_axes, i, *this, "reduce_axis", std::move(remedy));
}

Tensor Tensor::of(const Buffer& buffer) {
  return buffer.defined() && buffer->origin ? Tensor(buffer) : Tensor();
}

std::vector<Tensor> Operation::make(Operation op) {
  const OperationRef node(new Operation(std::move(op)), delete_operation);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < node->results.size(); ++i) {
    const Result& result = node->results[i];
    auto* buffer = new tir::BufferNode;
    Buffer handle(buffer);
    buffer->name = result.name;
    buffer->dtype = result.dtype;
    buffer->shape = result.shape;
    buffer->origin = std::make_shared<const Origin>(Origin{node, static_cast<int>(i)});
    tensors.push_back(Tensor(std::move(handle)));
  }
  return tensors;
}

Tensor placeholder(std::vector<Expr> shape, DataType dtype, std::string name) {
  check_name(name, "te::placeholder", "the tensor");
  if (dtype.is_vector() || dtype.is_handle()) {
    fail("E0410", "te::placeholder", fmt::format("`{}` cannot have elements of type {}", name, dtype.str()));
  }
  Operation op;
  op.kind = OpKind::kPlaceholder;
  op.shape = check_shape(std::move(shape), fmt::format("te::placeholder `{}`", name));
  for (size_t i = 0; i < op.shape.size(); ++i) {
    op.axes.push_back({Var(fmt::format("i{}", i)), {Expr(0), op.shape[i]}, tir::IterKind::kSpatial});
  }
  op.results.push_back({name, dtype, op.shape});
  op.name = std::move(name);
  return Operation::make(std::move(op))[0];
}

std::vector<Tensor> extern_op(std::vector<std::vector<Expr>> shapes, std::vector<DataType> dtypes,
                              std::vector<Tensor> inputs, Operation::ExternBody body, std::string name) {
  check_name(name, "te::extern_op", "the operation");
  const std::string operation = fmt::format("te::extern_op `{}`", name);
  if (shapes.empty()) fail("E0405", operation, "there must be at least one result");
  if (shapes.size() != dtypes.size()) {
    fail("E0405", operation, fmt::format("{} shapes and {} types were given", shapes.size(), dtypes.size()));
  }
  if (!body) fail("E0414", operation, "the body is missing (an empty function)");
  for (const Tensor& t : inputs) {
    if (!t.defined()) fail("E0414", operation, "an input is an undefined Tensor");
  }
  Operation op;
  op.kind = OpKind::kExtern;
  for (size_t i = 0; i < shapes.size(); ++i) {
    std::string result = shapes.size() == 1 ? name : fmt::format("{}_{}", name, i);
    if (dtypes[i].is_vector() || dtypes[i].is_handle()) {
      fail("E0410", operation, fmt::format("result {} cannot have elements of type {}", i, dtypes[i].str()));
    }
    op.results.push_back({std::move(result), dtypes[i], check_shape(std::move(shapes[i]), operation)});
  }
  op.shape = op.results[0].shape;
  op.name = std::move(name);
  op.inputs = std::move(inputs);
  op.extern_body = std::move(body);
  return Operation::make(std::move(op));
}

}  // namespace tilewright::te
