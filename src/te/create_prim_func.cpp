#include "tilewright/te/create_prim_func.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "te/block_access.h"
#include "te/check.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {
namespace {

using tir::as;
using tir::BufferRegion;
using tir::ReduceNode;
using tir::Stmt;

class UniqueNames {
 public:
  explicit UniqueNames(std::initializer_list<std::string> taken = {}) : taken_(taken) {}
  std::string operator()(const std::string& wanted) {
    std::string name = wanted;
    while (!taken_.insert(name).second) name = fmt::format("{}_{}", wanted, ++last_[wanted]);
    return name;
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int> last_;
};

std::string kind_list(const std::vector<FuncArg>& args) {
  std::string text;
  for (const FuncArg& a : args) {
    if (!text.empty()) text += ", ";
    text += a.tensor.defined() ? a.tensor.name() : a.scalar.name();
  }
  return text;
}

class FuncBuilder {
 public:
  FuncBuilder(const std::vector<FuncArg>& args, const std::string& name) : args_(args), name_(name) {}

  LoweredExpr build() {
    check_args();
    std::vector<Tensor> outputs;
    for (const FuncArg& a : args_) {
      if (a.tensor.defined() && a.tensor.op().kind != OpKind::kPlaceholder) outputs.push_back(a.tensor);
    }
    if (outputs.empty()) {
      fail("E0408", operation(),
           fmt::format("none of the parameters ({}) is a computed tensor: there is no output", kind_list(args_)));
    }
    const std::vector<OperationRef> order = topological_order(outputs);
    make_buffers(order);
    LoweredExpr result;
    std::vector<Stmt> nests;
    UniqueNames block_name({"root"});
    for (const OperationRef& op : order) {
      if (op->kind == OpKind::kPlaceholder) continue;
      std::string name = block_name(op->name);
      nests.push_back(op->kind == OpKind::kExtern ? extern_block(*op, name) : compute_nest(*op, name));
      result.blocks.push_back({op, std::move(name)});
    }
    tir::BlockNode root;
    root.name = "root";
    root.alloc_buffers = allocs_;
    root.body = tir::seq(std::move(nests));
    tir::PrimFuncNode func;
    func.name = name_;
    func.params = std::move(params_);
    func.body = tir::make_stmt(std::move(root));
    check_variables(func);
    result.func = PrimFunc(std::move(func));
    return result;
  }

 private:
  using Key = std::pair<const Operation*, int>;
  std::string operation() const { return fmt::format("te::create_prim_func `{}`", name_); }

  void check_args() {
    check_name(name_, "te::create_prim_func", "the function");
    if (name_[0] == '_') {
      fail("E0413", operation(), "names of functions that start with an underscore are reserved");
    }
    for (size_t i = 0; i < args_.size(); ++i) {
      const FuncArg& a = args_[i];
      if (!a.tensor.defined() && !a.scalar.defined()) {
        fail("E0414", operation(), fmt::format("parameter {} is an undefined Tensor", i));
      }
      for (size_t j = 0; j < i; ++j) {
        const FuncArg& b = args_[j];
        const bool same = a.tensor.defined() ? b.tensor.defined() && a.tensor.same_as(b.tensor)
                                             : b.scalar.defined() && a.scalar.same_as(b.scalar);
        if (!same) continue;
        fail("E0409", operation(),
             fmt::format("`{}` is both parameter {} and parameter {}",
                         a.tensor.defined() ? a.tensor.name() : a.scalar.name(), j, i));
      }
    }
  }

  Buffer add_buffer(const Operation* op, int index) {
    const Operation::Result& r = op->results[static_cast<size_t>(index)];
    Buffer buffer(buffer_name_(r.name), r.dtype, r.shape);
    buffers_.emplace(Key(op, index), buffer);
    return buffer;
  }

  /// Buffers of the function: parameters first, so that they keep their names.
  void make_buffers(const std::vector<OperationRef>& order) {
    std::unordered_set<const Operation*> used;
    for (const OperationRef& op : order) used.insert(op.get());
    for (const FuncArg& a : args_) {
      tir::Param param;
      if (a.tensor.defined()) {
        const Operation& op = a.tensor.op();
        if (!used.count(&op)) {
          fail("E0407", operation(), fmt::format("parameter `{}` is used by no output", a.tensor.name()),
               "leave it out");
        }
        param.buffer = add_buffer(&op, a.tensor.value_index());
      } else {
        param.scalar = a.scalar;
      }
      params_.push_back(std::move(param));
    }
    for (const OperationRef& op : order) {
      for (size_t i = 0; i < op->results.size(); ++i) {
        if (buffers_.count(Key(op.get(), static_cast<int>(i)))) continue;
        if (op->kind == OpKind::kPlaceholder) {
          fail("E0401", operation(),
               fmt::format("`{}` is read, but is no parameter (parameters: {})", op->name, kind_list(args_)),
               fmt::format("add `{}` to the parameters", op->name));
        }
        allocs_.push_back(add_buffer(op.get(), static_cast<int>(i)));
      }
    }
  }

  const Buffer& buffer_of(const Operation& op, size_t index) { return buffers_.at(Key(&op, static_cast<int>(index))); }
  const Buffer& buffer_of(const Tensor& t) { return buffers_.at(Key(&t.op(), t.value_index())); }

  /// Symbolic sizes are bound from extents of parameters that are a plain variable; all others must be parameters.
  void check_variables(const tir::PrimFuncNode& func) {
    std::unordered_set<const tir::VarNode*> known;
    for (const tir::Param& p : func.params) {
      if (!p.buffer.defined()) {
        known.insert(p.scalar.get());
        continue;
      }
      for (const Expr& extent : p.buffer.shape()) {
        if (extent.kind() == tir::ExprKind::kVar) known.insert(static_cast<const tir::VarNode*>(extent.get()));
      }
    }
    std::unordered_set<const tir::VarNode*> used;
    auto check = [&](const Expr& e, const std::string& where) {
      tir::uses_any_var(e, [&](const tir::VarNode* v) {
        used.insert(v);
        if (known.count(v)) return false;
        fail("E0412", operation(),
             fmt::format("variable `{}` in {} is neither an axis there, nor a parameter, nor an extent of a parameter",
                         v->name, where),
             "a reduce axis stands inside a reduction over it; other variables become parameters");
      });
    };
    auto check_shape_of = [&](const Buffer& buffer) {
      for (const Expr& extent : buffer.shape()) check(extent, fmt::format("the shape of `{}`", buffer.name()));
    };
    for (const tir::Param& p : func.params) {
      if (p.buffer.defined()) check_shape_of(p.buffer);
    }
    for (const Buffer& buffer : allocs_) check_shape_of(buffer);
    tir::pre_order(func.body, [&](const Stmt& s) {
      if (const auto* loop = as<tir::ForNode>(s)) {
        check(loop->min, fmt::format("the range of `{}`", loop->var.name()));
        check(loop->extent, fmt::format("the range of `{}`", loop->var.name()));
        known.insert(loop->var.get());
      } else if (const auto* let = as<tir::LetStmtNode>(s)) {
        check(let->value, fmt::format("`{}`", let->var.name()));
        known.insert(let->var.get());
      } else if (const auto* block = as<tir::BlockNode>(s)) {
        for (const IterVar& iter : block->iters) known.insert(iter.var.get());
      } else if (const auto* store = as<tir::StoreNode>(s)) {
        check(store->value, fmt::format("the value of `{}`", store->buffer.name()));
      }
      return true;
    });
    for (const tir::Param& p : func.params) {
      if (p.buffer.defined() || used.count(p.scalar.get())) continue;
      fail("E0407", operation(), fmt::format("parameter `{}` is used by no output", p.scalar.name()), "leave it out");
    }
  }

  /// In terms of the function's buffers and of the block's iterators.
  Stmt into_function(const Operation& op, const Stmt& s) {
    tir::BufferMap map;
    for (const Tensor& t : op.inputs) map[t.buffer().get()] = buffer_of(t);
    return tir::replace_buffers(s, map);
  }

  Stmt compute_nest(const Operation& op, const std::string& block_name) {
    tir::BlockNode block;
    block.name = block_name;
    tir::VarMap to_iters;
    std::vector<Expr> point;
    std::vector<tir::ForNode> loops;
    for (const auto* axes : {&op.axes, &op.reduce_axes}) {
      for (const IterVar& axis : *axes) {
        Var loop_var(axis.var.name()), iter("v" + axis.var.name());
        to_iters[axis.var.get()] = iter;
        if (axes == &op.axes) point.push_back(iter);
        block.iters.push_back({iter, axis.domain, axis.kind});
        block.bindings.push_back(loop_var);
        tir::ForNode loop;
        loop.var = loop_var;
        loop.min = axis.domain.min;
        loop.extent = axis.domain.extent;
        loops.push_back(std::move(loop));
      }
    }
    auto inside = [&](const Expr& e) { return tir::substitute(e, to_iters); };
    if (op.is_reduction()) {
      reduction_body(op, point, inside, &block);
    } else {
      std::vector<Stmt> stores;
      for (size_t i = 0; i < op.body.size(); ++i)
        stores.push_back(tir::store(buffer_of(op, i), point, inside(op.body[i])));
      block.body = into_function(op, tir::seq(std::move(stores)));
    }
    fill_accesses(&block);
    block.annotations = op.annotations;
    Stmt nest = tir::make_stmt(std::move(block));
    for (size_t i = loops.size(); i-- > 0;) {
      loops[i].body = std::move(nest);
      nest = tir::make_stmt(std::move(loops[i]));
    }
    return nest;
  }

  template <typename Inside>
  void reduction_body(const Operation& op, const std::vector<Expr>& point, const Inside& inside,
                      tir::BlockNode* block) {
    const auto* n = as<ReduceNode>(op.body[0]);
    const size_t count = n->sources.size();
    tir::VarMap operands;
    std::vector<Stmt> init;
    for (size_t i = 0; i < count; ++i) {
      const Buffer& out = buffer_of(op, i);
      init.push_back(tir::store(out, point, n->init.empty() ? n->reducer->identity[i] : inside(n->init[i])));
      // Where the condition does not hold, the identity takes part instead.
      Expr source = inside(n->sources[i]);
      if (n->condition.defined()) source = tir::select(inside(n->condition), source, n->reducer->identity[i]);
      operands[n->reducer->lhs[i].get()] = tir::load(out, point);
      operands[n->reducer->rhs[i].get()] = std::move(source);
    }
    std::vector<Expr> values;
    for (size_t i = 0; i < count; ++i) values.push_back(tir::substitute(n->reducer->results[i], operands));
    Stmt body;
    if (count == 1) {
      body = tir::store(buffer_of(op, 0), point, values[0]);
    } else {
      // All results see the old values: compute all of them, then store.
      std::vector<Var> lets;
      std::vector<Stmt> stores;
      for (size_t i = 0; i < count; ++i) {
        lets.emplace_back("new_" + buffer_of(op, i).name(), values[i].dtype());
        stores.push_back(tir::store(buffer_of(op, i), point, lets[i]));
      }
      body = tir::seq(std::move(stores));
      for (size_t i = count; i-- > 0;) body = tir::make_let(lets[i], values[i], std::move(body));
    }
    block->init = into_function(op, tir::seq(std::move(init)));
    block->body = into_function(op, body);
  }

  Stmt extern_block(const Operation& op, const std::string& block_name) {
    auto whole = [](const Buffer& b) {
      BufferRegion region{b, {}};
      for (const Expr& extent : b.shape()) region.ranges.push_back({Expr(0), extent});
      return region;
    };
    std::vector<Buffer> inputs, outputs;
    tir::BlockNode block;
    block.name = block_name;
    std::unordered_set<const tir::BufferNode*> seen;
    for (const Tensor& t : op.inputs) {
      inputs.push_back(buffer_of(t));
      if (seen.insert(inputs.back().get()).second) block.reads.push_back(whole(inputs.back()));
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
      outputs.push_back(buffer_of(op, i));
      block.writes.push_back(whole(outputs.back()));
    }
    block.body = op.extern_body(inputs, outputs);
    if (!block.body.defined())
      fail("E0414", operation(), fmt::format("the body of extern operation `{}` is null", op.name));
    block.annotations = op.annotations;
    return tir::make_stmt(std::move(block));
  }

  const std::vector<FuncArg>& args_;
  const std::string& name_;
  UniqueNames buffer_name_;
  std::map<Key, Buffer> buffers_;
  std::vector<tir::Param> params_;
  std::vector<Buffer> allocs_;
};

}  // namespace

std::vector<OperationRef> topological_order(const std::vector<Tensor>& tensors) {
  struct Frame {
    OperationRef op;
    size_t next = 0;
  };
  std::vector<OperationRef> order;
  std::unordered_set<const Operation*> seen;
  std::vector<Frame> stack;
  auto push = [&](const Tensor& t) {
    OperationRef op = t.op_ref();
    if (seen.insert(op.get()).second) stack.push_back({std::move(op), 0});
  };
  for (const Tensor& t : tensors) {
    push(t);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next < top.op->inputs.size()) {
        const Tensor input = top.op->inputs[top.next++];
        push(input);
      } else {
        order.push_back(std::move(top.op));
        stack.pop_back();
      }
    }
  }
  return order;
}

LoweredExpr lower_to_blocks(const std::vector<FuncArg>& args, std::string name) {
  return FuncBuilder(args, name).build();
}

PrimFunc create_prim_func(const std::vector<FuncArg>& args, std::string name) {
  return lower_to_blocks(args, std::move(name)).func;
}
PrimFunc create_prim_func(std::initializer_list<FuncArg> args, std::string name) {
  return create_prim_func(std::vector<FuncArg>(args), std::move(name));
}
PrimFunc create_prim_func(const std::vector<Tensor>& args, std::string name) {
  return create_prim_func(std::vector<FuncArg>(args.begin(), args.end()), std::move(name));
}

}  // namespace tilewright::te
