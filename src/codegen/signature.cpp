#include "codegen/signature.h"

#include <fmt/format.h>

#include <cctype>
#include <functional>
#include <map>
#include <set>

#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {
namespace {

using tir::as;

constexpr int kMaxAlignment = 4096;

/// Names of the buffers that a body reads and writes.
class UseCollector : public tir::Visitor {
 public:
  std::set<std::string> read, written;
  void visit(const tir::Expr& e) override {
    if (const auto* load = as<tir::LoadNode>(e)) read.insert(load->buffer.name());
    if (const auto* call = as<tir::CallNode>(e)) {
      // A callee may write through an address.
      if (call->op == tir::Intrinsic::kAddressOf && !call->args.empty()) {
        if (const auto* load = as<tir::LoadNode>(call->args[0])) written.insert(load->buffer.name());
      }
    }
    Visitor::visit(e);
  }
  void visit(const tir::Stmt& s) override {
    if (const auto* store = as<tir::StoreNode>(s)) written.insert(store->buffer.name());
    Visitor::visit(s);
  }
};

void check_function_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= 200 && std::isalpha(static_cast<unsigned char>(name[0]));
  for (char c : name) good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
  if (good) return;
  Diagnostic d;
  d.code = "G0810";
  d.operation = "build";
  d.message = fmt::format("\"{}\" cannot be the name of an exported function", name.substr(0, 60));
  d.remedy = "use letters, digits and underscores, a letter first, at most 200";
  throw Error(std::move(d));
}

}  // namespace

void check_alignment(const tir::Buffer& buffer) {
  int alignment = buffer->alignment;
  if (alignment == 0 || (alignment > 0 && alignment <= kMaxAlignment && (alignment & (alignment - 1)) == 0)) return;
  throw Error(
      "G0813", "build",
      fmt::format("the alignment {} of {} is no power of two up to {}", alignment, buffer.name(), kMaxAlignment));
}

Signature make_signature(const tir::PrimFunc& func) {
  Signature out;
  out.name = func.name();
  check_function_name(out.name);
  out.assumptions = func->assumptions;
  UseCollector uses;
  if (func->body.defined()) uses.visit(func->body);

  std::set<const tir::VarNode*> scalars;
  std::set<std::string> names;
  for (const tir::Param& param : func->params) {
    if (!param.buffer.defined()) scalars.insert(param.scalar.get());
    const std::string& name = param.buffer.defined() ? param.buffer.name() : param.scalar.name();
    if (!names.insert(name).second) {
      throw Error("G0812", "build", fmt::format("function {} has two parameters named {}", func.name(), name));
    }
  }
  std::map<const tir::VarNode*, int> number;
  for (size_t i = 0; i < func->params.size(); ++i) {
    const tir::Param& param = func->params[i];
    Argument arg;
    arg.param = param;
    if (!param.buffer.defined()) {
      arg.name = param.scalar.name();
      arg.dtype = param.scalar.dtype();
      out.arguments.push_back(std::move(arg));
      continue;
    }
    const tir::Buffer& buffer = param.buffer;
    arg.name = buffer.name();
    arg.is_tensor = true;
    arg.dtype = buffer.dtype();
    arg.alignment = buffer->alignment;
    check_alignment(buffer);
    arg.is_output = uses.written.count(arg.name) > 0;
    arg.is_input = uses.read.count(arg.name) > 0 || !arg.is_output;
    arg.shape_exprs = buffer->layout.defined() ? buffer->layout->output_shape : buffer.shape();
    for (size_t d = 0; d < arg.shape_exprs.size(); ++d) {
      const tir::Expr& extent = arg.shape_exprs[d];
      Dimension dim;
      if (!tir::is_const_int(extent, &dim.extent)) {
        const auto* var = as<tir::VarNode>(extent);
        if (var && !scalars.count(var)) {
          auto [found, fresh] = number.emplace(var, out.num_symbols());
          if (fresh) out.symbols.emplace_back(var);
          dim.symbol = found->second;
        } else {
          dim.symbol = out.num_symbols();
          out.symbols.emplace_back();
          out.derived.push_back({dim.symbol, extent, static_cast<int>(i), static_cast<int>(d)});
        }
      }
      arg.shape.push_back(dim);
    }
    out.arguments.push_back(std::move(arg));
  }
  auto check = [&](const tir::Expr& e, const std::string& where) {
    tir::post_order(e, [&](const tir::Expr& sub) {
      const auto* var = as<tir::VarNode>(sub);
      if (!var || scalars.count(var) || number.count(var)) return;
      throw Error(
          "G0811", "build",
          fmt::format("no argument of {} determines the size {}, which occurs in {}", func.name(), var->name, where));
    });
  };
  for (const DerivedExtent& derived : out.derived) {
    check(derived.value, fmt::format("an extent of {}", out.arguments[derived.argument].name));
  }
  for (const tir::Expr& assumption : out.assumptions) check(assumption, "an assumption");
  return out;
}

}  // namespace tilewright::codegen
