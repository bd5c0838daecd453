#include "tilewright/te/printer.h"

#include <fmt/format.h>

#include <ostream>
#include <unordered_set>

#include "tilewright/te/create_prim_func.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

std::string join(const std::vector<Expr>& exprs) {
  std::string text;
  for (const Expr& e : exprs) text += (text.empty() ? "" : ", ") + tir::to_string(e);
  return text;
}

std::string type_of(DataType dtype, const std::vector<Expr>& shape) {
  return fmt::format("{}[{}]", dtype.str(), join(shape));
}

/// Distinct names for the axes of one operation.
tir::VarMap name_axes(const Operation& op) {
  std::unordered_set<std::string> taken;
  tir::VarMap map;
  for (const auto* axes : {&op.axes, &op.reduce_axes}) {
    for (const IterVar& axis : *axes) {
      std::string name = axis.var.name();
      for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", axis.var.name(), i);
      map[axis.var.get()] = name == axis.var.name() ? axis.var : Var(name);
    }
  }
  return map;
}

std::string value_text(const Operation& op, size_t index, const tir::VarMap& names) {
  const Expr value = tir::substitute(op.body[index], names);
  const auto* n = tir::as<tir::ReduceNode>(value);
  if (!n) return tir::to_string(value);
  std::string text = n->sources.size() == 1 ? fmt::format("{}({}", n->reducer->name, tir::to_string(n->sources[0]))
                                            : fmt::format("{}(({})", n->reducer->name, join(n->sources));
  for (const IterVar& axis : n->axes) {
    const Expr var = names.at(axis.var.get());
    const Expr end = axis.domain.min + axis.domain.extent;
    text += fmt::format(", {} in {}..{}", tir::to_string(var), tir::to_string(axis.domain.min), tir::to_string(end));
  }
  if (n->condition.defined()) text += ", where " + tir::to_string(n->condition);
  if (!n->init.empty()) text += fmt::format(", init {}", join(n->init));
  text += ")";
  if (n->sources.size() > 1) text += fmt::format(".{}", index);
  return text;
}

std::string equation(const Operation& op, size_t index) {
  const Operation::Result& r = op.results[index];
  switch (op.kind) {
    case OpKind::kPlaceholder:
      return fmt::format("{}: {}", r.name, type_of(r.dtype, r.shape));
    case OpKind::kExtern: {
      std::string inputs;
      for (const Tensor& t : op.inputs) inputs += (inputs.empty() ? "" : ", ") + t.name();
      return fmt::format("{} = extern {}({})    # {}", r.name, op.name, inputs, type_of(r.dtype, r.shape));
    }
    case OpKind::kCompute:
      break;
  }
  const tir::VarMap names = name_axes(op);
  std::vector<Expr> axes;
  for (const IterVar& axis : op.axes) axes.push_back(names.at(axis.var.get()));
  return fmt::format("{}[{}] = {}    # {}", r.name, join(axes), value_text(op, index, names),
                     type_of(r.dtype, r.shape));
}

}  // namespace

std::string to_string(const std::vector<Tensor>& tensors, const std::string& name) {
  std::string inputs, outputs, body;
  for (const OperationRef& op : topological_order(tensors)) {
    for (size_t i = 0; i < op->results.size(); ++i) {
      if (op->kind == OpKind::kPlaceholder)
        inputs += (inputs.empty() ? "" : ", ") + equation(*op, i);
      else
        body += "  " + equation(*op, i) + "\n";
    }
  }
  for (const Tensor& t : tensors) {
    if (t.op().kind != OpKind::kPlaceholder) outputs += (outputs.empty() ? "" : ", ") + t.name();
  }
  return fmt::format("{}({}) -> {}\n{}", name, inputs, outputs, body);
}

std::string to_string(const Tensor& tensor) {
  return tensor.defined() ? equation(tensor.op(), static_cast<size_t>(tensor.value_index())) : "<undefined tensor>";
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  return out << to_string(tensor);
}

}  // namespace tilewright::te
