// From tensor expressions to loop IR: one block for each operation.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tilewright/te/tensor.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::te {

/// A parameter of the function: a tensor, or a scalar variable that the expressions use.
struct FuncArg {
  FuncArg(Tensor t) : tensor(std::move(t)) {}  // NOLINT: {A, B, C}
  FuncArg(Var v) : scalar(std::move(v)) {}     // NOLINT
  Tensor tensor;
  Var scalar;
};

/// Which block computes which operation, in the order of the blocks.
struct OpBlock {
  OperationRef op;
  std::string block;
};
struct LoweredExpr {
  PrimFunc func;
  std::vector<OpBlock> blocks;
};

/// The function that computes the outputs among `args` (computed tensors) from the inputs among them (placeholders).
/// Parameters keep the order given: by convention inputs, then outputs. Each operation becomes one block under loops in
/// the order of its axes, then its reduce axes; block iterators are named "v" + the axis' name. Tensors between inputs
/// and outputs are allocated in the root block. Names of buffers and blocks are made unique. Symbolic sizes that occur
/// as an extent of a parameter are bound by the call; other variables must be parameters.
///
/// Errors: E0401 (a placeholder is read but no parameter), E0407 (a parameter that nothing uses), E0408 (no output),
/// E0409 (a parameter twice), E0412 (an unknown variable), E0413 (name of the function), E0414 (an undefined tensor).
PrimFunc create_prim_func(std::initializer_list<FuncArg> args, std::string name = "main");
PrimFunc create_prim_func(const std::vector<Tensor>& args, std::string name = "main");
PrimFunc create_prim_func(const std::vector<FuncArg>& args, std::string name = "main");
/// The same, telling which block came from which operation.
LoweredExpr lower_to_blocks(const std::vector<FuncArg>& args, std::string name = "main");

/// The operations that `tensors` depend on, themselves included, producers first; deterministic.
std::vector<OperationRef> topological_order(const std::vector<Tensor>& tensors);

}  // namespace tilewright::te
