// Reductions: axes to reduce over, the common reducers, and the user's own.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tilewright/te/tensor.h"

namespace tilewright::te {

/// An axis over begin, begin + 1, ..., end - 1. Error E0405 when constant and empty.
IterVar reduce_axis(Expr begin, Expr end, std::string name = "k");

/// A commutative and associative combiner of single values or tuples; calling it builds the reduction. Schedules may
/// combine in any order, for floats too. Types come from the sources.
class CommReducer {
 public:
  using Combine = std::function<std::vector<Expr>(const std::vector<Expr>& lhs, const std::vector<Expr>& rhs)>;
  using Identity = std::function<std::vector<Expr>(const std::vector<DataType>& types)>;
  CommReducer(std::string name, Combine combine, Identity identity);

  /// The reduction of `source` over `axes`, where `condition` holds (null: everywhere). `init` replaces the identity as
  /// the value to start from; it may depend on the spatial axes and read tensors.
  /// Errors: E0410 (types of results, identity, init), E0411 (no axes, an axis twice, an axis that is none).
  Expr operator()(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr) const;
  Expr operator()(Expr source, const IterVar& axis, Expr condition = nullptr, Expr init = nullptr) const {
    return (*this)(std::move(source), std::vector<IterVar>{axis}, std::move(condition), std::move(init));
  }
  /// A tuple: the values in order, to be returned from the function of `te::compute`.
  std::vector<Expr> operator()(const std::vector<Expr>& sources, const std::vector<IterVar>& axes,
                               Expr condition = nullptr, const std::vector<Expr>& init = {}) const;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  Combine combine_;
  Identity identity_;
};

/// A reducer of single values: combine(Expr a, Expr b) -> Expr; `identity` is a constant (cast to the source's type),
/// or a function DataType -> Expr. A reducer of tuples: combine(lhs, rhs) -> std::vector<Expr>, each a
/// std::vector<Expr>; `identity` is a std::vector<Expr>, or a function from std::vector<DataType>.
///
///     auto argmax = te::make_reducer("argmax", [](std::vector<Expr> a, std::vector<Expr> b) {
///       Expr first = a[1] > b[1] || (a[1] == b[1] && a[0] <= b[0]);
///       return std::vector<Expr>{te::select(first, a[0], b[0]), te::select(first, a[1], b[1])};
///     }, std::vector<Expr>{te::make_int(i32, -1), te::min_value(f32)});
///     auto best = te::compute({n}, [&](Expr i) { return argmax({te::cast(i32, k), A(i, k)}, {k}); }, "argmax");
template <typename Combine, typename Identity>
CommReducer make_reducer(std::string name, Combine combine, Identity identity) {
  constexpr bool single = std::is_invocable_v<Combine&, Expr, Expr>;
  CommReducer::Combine c;
  if constexpr (single) {
    c = [combine](const std::vector<Expr>& a, const std::vector<Expr>& b) mutable {
      return std::vector<Expr>{combine(a[0], b[0])};
    };
  } else {
    c = combine;
  }
  CommReducer::Identity id;
  if constexpr (std::is_convertible_v<Identity, Expr>) {
    id = [value = Expr(identity)](const std::vector<DataType>& t) { return std::vector<Expr>{cast(t[0], value)}; };
  } else if constexpr (std::is_convertible_v<Identity, std::vector<Expr>>) {
    id = [value = std::vector<Expr>(identity)](const std::vector<DataType>&) { return value; };
  } else if constexpr (std::is_invocable_v<Identity&, DataType>) {
    id = [identity](const std::vector<DataType>& t) mutable { return std::vector<Expr>{identity(t[0])}; };
  } else {
    id = identity;
  }
  return CommReducer(std::move(name), std::move(c), std::move(id));
}

/// Smallest and largest value of a type; infinities for floats.
Expr min_value(DataType dtype);
Expr max_value(DataType dtype);

/// Sums have the type of their source: cast narrow integers and floats first to accumulate in a wider type.
Expr sum(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr);
Expr prod(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr);
Expr max(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr);
Expr min(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr);
/// Of bool sources.
Expr any(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr);
Expr all(Expr source, const std::vector<IterVar>& axes, Expr condition = nullptr, Expr init = nullptr);

// One axis, without braces.
inline Expr sum(Expr source, const IterVar& axis) {
  return sum(std::move(source), std::vector<IterVar>{axis});
}
inline Expr prod(Expr source, const IterVar& axis) {
  return prod(std::move(source), std::vector<IterVar>{axis});
}
inline Expr max(Expr source, const IterVar& axis) {
  return max(std::move(source), std::vector<IterVar>{axis});
}
inline Expr min(Expr source, const IterVar& axis) {
  return min(std::move(source), std::vector<IterVar>{axis});
}
inline Expr any(Expr source, const IterVar& axis) {
  return any(std::move(source), std::vector<IterVar>{axis});
}
inline Expr all(Expr source, const IterVar& axis) {
  return all(std::move(source), std::vector<IterVar>{axis});
}

}  // namespace tilewright::te
