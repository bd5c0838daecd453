// Tensor expressions: tensors described by what each element is, without saying how or in which order to compute them.
//
// A program is a graph of operations. Tensors are small handles; a tensor keeps alive everything it is computed from.
// Errors thrown by this room have codes E04xx.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tilewright/tir/buffer.h"
#include "tilewright/tir/expr.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::te {

using tir::Annotations;
using tir::Expr;
using tir::IterVar;
using tir::Var;

struct Operation;
using OperationRef = std::shared_ptr<const Operation>;

/// One result of an operation.
class Tensor {
 public:
  Tensor() = default;
  bool defined() const { return buffer_.defined(); }
  bool same_as(const Tensor& other) const { return buffer_.same_as(other.buffer_); }
  // Of a defined tensor (error E0414).
  const std::string& name() const { return node().name; }
  DataType dtype() const { return node().dtype; }
  const std::vector<Expr>& shape() const { return node().shape; }
  int rank() const { return static_cast<int>(node().shape.size()); }

  /// The element at these indices. Integers of other types than i64 are cast. Errors: E0403 (number of indices), E0404
  /// (type of an index).
  template <typename... Index>
  Expr operator()(Index&&... indices) const {
    return at({Expr(std::forward<Index>(indices))...});
  }
  Expr at(std::vector<Expr> indices) const;
  template <typename E>
  Expr at(const std::vector<E>& indices) const {
    return at(std::vector<Expr>(indices.begin(), indices.end()));
  }

  const Operation& op() const;
  OperationRef op_ref() const;
  /// Which of the operation's results this is.
  int value_index() const;
  /// Number `i` of the axes of the operation, outermost first. Error: E0415.
  const IterVar& axis(int i) const;
  /// Number `i` of the axes that the operation reduces over. Error: E0415, which says which stage has reduce axes where
  /// this one lost them to a split (see `compute`).
  const IterVar& reduce_axis(int i) const;

  /// What loads of this tensor refer to. Loop IR made from the tensor has buffers of its own.
  const Buffer& buffer() const { return buffer_; }
  /// The tensor whose elements loads of `buffer` read; undefined for a buffer that belongs to no tensor.
  static Tensor of(const Buffer& buffer);

 private:
  friend struct Operation;
  explicit Tensor(Buffer buffer) : buffer_(std::move(buffer)) {}
  const tir::BufferNode& node() const;
  Buffer buffer_;
};

enum class OpKind { kPlaceholder, kCompute, kExtern };

/// A node of the graph. Immutable; made by the functions below.
struct Operation {
  OpKind kind = OpKind::kPlaceholder;
  std::string name;
  /// One iterator a dimension of the results; min 0.
  std::vector<IterVar> axes;
  /// Not empty exactly when the results are reductions.
  std::vector<IterVar> reduce_axes;
  std::vector<Expr> shape;
  struct Result {
    std::string name;
    DataType dtype;
    std::vector<Expr> shape;
  };
  std::vector<Result> results;
  /// Of a compute: one for each result. Either none holds a reduction, or all are `ReduceNode`s: the values of one
  /// tuple reduction in order.
  std::vector<Expr> body;
  /// Tensors read, in order of first use, each once.
  std::vector<Tensor> inputs;
  /// Of an extern operation: builds the statement from the buffers of the inputs and results.
  using ExternBody = std::function<tir::Stmt(const std::vector<Buffer>& inputs, const std::vector<Buffer>& outputs)>;
  ExternBody extern_body;
  Annotations annotations;

  bool is_reduction() const { return !reduce_axes.empty(); }
  /// Finishes a node: its results as tensors.
  static std::vector<Tensor> make(Operation op);
};

/// An input. Extents are positive constants or expressions of variables (symbolic sizes). Errors: E0405, E0413.
Tensor placeholder(std::vector<Expr> shape, DataType dtype = f32, std::string name = "placeholder");

namespace detail {
using Body = std::function<std::vector<Expr>(const std::vector<Var>&)>;
/// `arity` is the number of parameters of the user's function, -1 where it takes a vector.
std::vector<Tensor> compute(std::vector<Expr> shape, int arity, const Body& body, std::string name,
                            std::vector<std::string> axis_names, std::vector<std::string> result_names, bool tuple);

template <size_t>
using AxisVar = Var;
template <typename F, size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return std::is_invocable_v<F&, AxisVar<I>...>;
}
inline constexpr int kMaxArity = 12;
template <typename F, int N = 1>
constexpr int arity_of() {
  if constexpr (N > kMaxArity) {
    if constexpr (std::is_invocable_v<F&, const std::vector<Var>&>)
      return -1;
    else if constexpr (std::is_invocable_v<F&>)
      return 0;
    else
      return -2;
  } else if constexpr (takes<F>(std::make_index_sequence<N>())) {
    return N;
  } else {
    return arity_of<F, N + 1>();
  }
}
template <typename F, size_t... I>
auto call_with(F& f, const std::vector<Var>& axes, std::index_sequence<I...>) {
  return f(axes[I]...);
}
template <typename F, int N>
auto call(F& f, const std::vector<Var>& axes) {
  if constexpr (N < 0)
    return f(axes);
  else
    return call_with(f, axes, std::make_index_sequence<N>());
}
}  // namespace detail

/// A tensor whose element at (i, j, ...) is `f(i, j, ...)`. `f` takes one Expr (or Var) a dimension, or one
/// `const std::vector<Var>&` for any rank, and returns an expression: the result is a Tensor. Or it returns a
/// `std::vector<Expr>`, of equal shapes: the result is a `std::vector<Tensor>` computed together (a tuple reduction
/// returns the vector that the reducer made).
///
/// A reduction that stands inside a larger expression (`te::sum(...) + bias(j)`) becomes a stage of its own, named
/// NAME_reduce, over those axes only that it uses.
///
/// `axis_names` name the iterators in the loop IR (default: i, j; i0, i1, ... above rank 2).
/// Errors: E0402 (number of parameters), E0405 (shape), E0406 (an index that leaves its tensor), E0410 (types), E0411
/// (misuse of a reduce axis), E0413 (names).
template <typename F>
auto compute(std::vector<Expr> shape, F f, std::string name = "compute", std::vector<std::string> axis_names = {},
             std::vector<std::string> result_names = {}) {
  constexpr int arity = detail::arity_of<F>();
  static_assert(arity != -2, "te::compute: the function takes one Expr a dimension, or const std::vector<Var>&");
  using Value = std::decay_t<decltype(detail::call<F, arity>(f, std::declval<const std::vector<Var>&>()))>;
  if constexpr (std::is_convertible_v<Value, Expr>) {
    auto body = [&](const std::vector<Var>& axes) { return std::vector<Expr>{detail::call<F, arity>(f, axes)}; };
    return detail::compute(std::move(shape), arity, body, std::move(name), std::move(axis_names), {}, false)[0];
  } else {
    auto body = [&](const std::vector<Var>& axes) {
      auto values = detail::call<F, arity>(f, axes);
      return std::vector<Expr>(std::begin(values), std::end(values));
    };
    return detail::compute(std::move(shape), arity, body, std::move(name), std::move(axis_names),
                           std::move(result_names), true);
  }
}

/// Results computed by a statement of the caller's own (usually the call of a C function, `tir::call_extern`). The
/// statement reads all of `inputs` and writes all of the results; schedules treat it as one opaque block.
/// Errors: E0405, E0413, E0414.
std::vector<Tensor> extern_op(std::vector<std::vector<Expr>> shapes, std::vector<DataType> dtypes,
                              std::vector<Tensor> inputs, Operation::ExternBody body, std::string name = "extern");

// ---- Scalar expressions, usable beside the reducers of the same names (te/reduce.h).
using tir::abs;
using tir::cast;
using tir::ceildiv;
using tir::erf;
using tir::exp;
using tir::floordiv;
using tir::floormod;
using tir::fma;
using tir::if_then_else;
using tir::log;
using tir::make_const;
using tir::make_int;
using tir::max;
using tir::min;
using tir::pow;
using tir::reinterpret;
using tir::rsqrt;
using tir::select;
using tir::sigmoid;
using tir::sqrt;
using tir::tanh;
/// The value of a C function of scalars.
inline Expr extern_call(DataType dtype, std::string symbol, std::vector<Expr> args) {
  return tir::call_extern(dtype, std::move(symbol), std::move(args));
}

}  // namespace tilewright::te
