#include "tilewright/te/reduce.h"

#include <fmt/format.h>

#include <limits>

#include "te/check.h"

namespace tilewright::te {
namespace {

using Exprs = std::vector<Expr>;

std::vector<Expr> reduce(const std::string& name, const CommReducer::Combine& combine,
                         const CommReducer::Identity& identity, Exprs sources, const std::vector<IterVar>& axes,
                         Expr condition, Exprs init) {
  const std::string operation = "te::" + name;
  if (sources.empty()) fail("E0414", operation, "there is nothing to reduce");
  if (axes.empty()) fail("E0411", operation, "there must be at least one reduce axis");
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!axes[i].var.defined()) fail("E0411", operation, fmt::format("reduce axis {} is undefined", i));
    if (axes[i].kind != tir::IterKind::kReduce) {
      fail("E0411", operation, fmt::format("`{}` is no reduce axis", axes[i].var.name()),
           "te::reduce_axis(begin, end, name)");
    }
    for (size_t j = 0; j < i; ++j) {
      if (axes[i].var.same_as(axes[j].var))
        fail("E0411", operation, fmt::format("`{}` is named twice", axes[i].var.name()));
    }
  }
  auto* reducer = new tir::ReducerNode;
  tir::Reducer handle(reducer);
  reducer->name = name;
  std::vector<DataType> types;
  Exprs lhs, rhs;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (!sources[i].defined()) fail("E0414", operation, "a source is missing (a null expression)");
    types.push_back(sources[i].dtype());
    const std::string suffix = sources.size() == 1 ? "" : std::to_string(i);
    reducer->lhs.emplace_back("x" + suffix, types.back());
    reducer->rhs.emplace_back("y" + suffix, types.back());
    lhs.push_back(reducer->lhs.back());
    rhs.push_back(reducer->rhs.back());
  }
  auto matched = [&](Exprs values, const char* what) {
    if (values.size() != sources.size()) {
      fail("E0410", operation,
           fmt::format("{} sources are reduced, but there are {} {}", sources.size(), values.size(), what));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = coerce(values[i], types[i], operation, fmt::format("number {} of the {}", i, what));
    }
    return values;
  };
  reducer->results = matched(combine(lhs, rhs), "combined values");
  reducer->identity = matched(identity(types), "identities");
  if (!init.empty()) init = matched(std::move(init), "initial values");
  if (condition.defined() && (!condition.dtype().is_bool() || condition.dtype().is_vector())) {
    fail("E0410", operation, fmt::format("the condition has type {}, expected bool", condition.dtype().str()));
  }
  Exprs values;
  for (size_t i = 0; i < sources.size(); ++i) {
    values.push_back(Expr(new tir::ReduceNode(handle, sources, init, axes, condition, static_cast<int>(i))));
  }
  return values;
}

Expr simple(const char* name, Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init,
            Expr (*combine)(Expr, Expr), Expr (*identity)(DataType)) {
  Exprs inits;
  if (init.defined()) inits.push_back(std::move(init));
  return reduce(
      name, [combine](const Exprs& a, const Exprs& b) { return Exprs{combine(a[0], b[0])}; },
      [identity](const std::vector<DataType>& t) { return Exprs{identity(t[0])}; }, {std::move(source)}, axes,
      std::move(condition), std::move(inits))[0];
}

void check_number(const Expr& source, const char* name) {
  if (source.defined() && source.dtype().is_bool()) {
    fail("E0410", std::string("te::") + name, "the source has type bool", "te::cast to a number, or te::any, te::all");
  }
}
void check_bool(const Expr& source, const char* name) {
  if (source.defined() && !source.dtype().is_bool()) {
    fail("E0410", std::string("te::") + name,
         fmt::format("the source has type {}, expected bool", source.dtype().str()));
  }
}

}  // namespace

IterVar reduce_axis(Expr begin, Expr end, std::string name) {
  const std::string operation = fmt::format("te::reduce_axis `{}`", name);
  check_name(name, "te::reduce_axis", "the axis");
  for (Expr* e : {&begin, &end}) {
    if (!e->defined() || !e->dtype().is_integer() || e->dtype().is_vector())
      fail("E0405", operation, "its bounds must be integers");
    *e = tir::cast(i64, *e);
  }
  int64_t b = 0, e = 0;
  if (tir::is_const_int(begin, &b) && tir::is_const_int(end, &e) && e <= b) {
    fail("E0405", operation, fmt::format("the range {} .. {} is empty", b, e));
  }
  Expr extent = end - begin;
  return {Var(std::move(name)), {std::move(begin), std::move(extent)}, tir::IterKind::kReduce};
}

CommReducer::CommReducer(std::string name, Combine combine, Identity identity)
    : name_(std::move(name)), combine_(std::move(combine)), identity_(std::move(identity)) {
  check_name(name_, "te::make_reducer", "the reducer");
}

Expr CommReducer::operator()(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) const {
  Exprs inits;
  if (init.defined()) inits.push_back(std::move(init));
  return reduce(name_, combine_, identity_, {std::move(source)}, axes, std::move(condition), std::move(inits))[0];
}

std::vector<Expr> CommReducer::operator()(const Exprs& sources, const std::vector<IterVar>& axes, Expr condition,
                                          const Exprs& init) const {
  return reduce(name_, combine_, identity_, sources, axes, std::move(condition), init);
}

Expr min_value(DataType t) {
  if (t.is_floating()) return tir::make_const(t, -std::numeric_limits<double>::infinity());
  if (t.is_int()) return tir::make_int(t, static_cast<int64_t>(~uint64_t{0} << (t.bits - 1)));
  return tir::make_int(t, 0);
}

Expr max_value(DataType t) {
  if (t.is_floating()) return tir::make_const(t, std::numeric_limits<double>::infinity());
  if (t.is_int()) return tir::make_int(t, static_cast<int64_t>((uint64_t{1} << (t.bits - 1)) - 1));
  if (t.is_bool()) return Expr(true);
  return tir::make_int(t, static_cast<int64_t>(t.bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << t.bits) - 1));
}

Expr sum(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) {
  check_number(source, "sum");
  return simple(
      "sum", std::move(source), axes, std::move(condition), std::move(init), [](Expr a, Expr b) { return a + b; },
      [](DataType t) { return tir::make_const(t, 0); });
}
Expr prod(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) {
  check_number(source, "prod");
  return simple(
      "prod", std::move(source), axes, std::move(condition), std::move(init), [](Expr a, Expr b) { return a * b; },
      [](DataType t) { return tir::make_const(t, 1); });
}
Expr max(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) {
  check_number(source, "max");
  return simple(
      "max", std::move(source), axes, std::move(condition), std::move(init),
      [](Expr a, Expr b) { return tir::max(a, b); }, min_value);
}
Expr min(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) {
  check_number(source, "min");
  return simple(
      "min", std::move(source), axes, std::move(condition), std::move(init),
      [](Expr a, Expr b) { return tir::min(a, b); }, max_value);
}
Expr any(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) {
  check_bool(source, "any");
  return simple(
      "any", std::move(source), axes, std::move(condition), std::move(init), [](Expr a, Expr b) { return a || b; },
      [](DataType) { return Expr(false); });
}
Expr all(Expr source, const std::vector<IterVar>& axes, Expr condition, Expr init) {
  check_bool(source, "all");
  return simple(
      "all", std::move(source), axes, std::move(condition), std::move(init), [](Expr a, Expr b) { return a && b; },
      [](DataType) { return Expr(true); });
}

}  // namespace tilewright::te
