#include "codegen/c/codegen_c.h"

#include <fmt/format.h>

#include "codegen/c/c_emitter.h"
#include "codegen/c/c_entry.h"
#include "codegen/signature.h"
#include "runtime/kernel_support_blob.h"
#include "tilewright/runtime/abi.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {

using tir::as;
using tir::Expr;

namespace {

/// Sizes are extents of tensors, hence in this range.
constexpr ValueBounds kSizeBounds{0, (int64_t{1} << 31) - 1, true};

class Counter : public tir::Visitor {
 public:
  explicit Counter(CModule& m) : m_(m) {}
  using tir::Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* v = as<tir::VarNode>(e)) ++m_.var_uses[v];
    if (const auto* l = as<tir::LoadNode>(e))
      ++m_.buffer_reads[l->buffer.get()], m_.used_names.insert(l->buffer.name());
    Visitor::visit(e);
  }
  void visit(const tir::Stmt& s) override {
    if (const auto* st = as<tir::StoreNode>(s)) m_.used_names.insert(st->buffer.name());
    Visitor::visit(s);
  }

 private:
  CModule& m_;
};

std::string preamble(const CModule& m) {
  std::string text;
  for (const char* header : {"<stdbool.h>", "<stdint.h>"}) text += fmt::format("#include {}\n", header);
  if (m.helpers.needs_math) text += "#include <math.h>\n";
  if (m.helpers.needs_stdlib) text += "#include <stdlib.h>\n";
  if (m.helpers.needs_string || m.options.ffi_entry) text += "#include <string.h>\n";
  text += R"(
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
/* Vectors are passed between inline functions only; a condition may be constant for the given sizes; gcc takes
 * (uint8_t)~x for a mistake. */
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wtautological-compare"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wsign-compare"
#define TW_INLINE static inline __attribute__((always_inline))

)";
  return text;
}

}  // namespace

CSource generate_c(const tir::PrimFunc& lowered, const COptions& options) {
  if (options.parallel == COptions::Parallel::kRuntime && !options.ffi_entry)
    c_error("G0865", "parallel loops through the runtime need the module's entry", "set ffi_entry");
  const Signature signature = make_signature(lowered);
  CModule m(options, signature.name);
  Counter(m).visit(lowered->body);

  // Names of the kernel: the plain function is exported only where it is the product.
  const std::string kernel = options.ffi_entry ? "kernel_" + signature.name : signature.name;
  CFunction f(m, false);
  f.fresh(kernel);
  f.fresh(signature.name + "_parallel_for");
  std::string declaration, definition;
  auto add = [&](const std::string& text, const std::string& declared) {
    definition += (definition.empty() ? "" : ", ") + text;
    declaration += (declaration.empty() ? "" : ", ") + declared;
  };
  for (const Argument& a : signature.arguments) {
    const std::string name = f.fresh(a.name);
    if (a.is_tensor) {
      const std::string pointer = fmt::format("{}{}*", a.is_output ? "" : "const ", c_memory_type(a.dtype));
      f.define_parameter(a.param.buffer, name, pointer);
      add(fmt::format("{} restrict {}", pointer, name), fmt::format("{} {}", pointer, name));
    } else {
      f.define_scalar(a.param.scalar, name, a.dtype == tir::kI64 ? ValueBounds{} : type_bounds(a.dtype));
      add(fmt::format("{} {}", c_type(a.dtype), name), fmt::format("{} {}", c_type(a.dtype), name));
      if (options.ffi_entry && a.dtype.is_floating() && a.dtype.bits == 16) {
        m.helpers.scalar("round_to_odd", a.dtype);
        m.helpers.scalar(a.dtype.code == tir::TypeCode::kBfloat ? "float_to_bfloat" : "float_to_half", a.dtype);
      }
    }
    const bool used = a.is_tensor ? m.used_names.count(a.name) != 0 : m.var_uses[a.param.scalar.get()] != 0;
    if (!used) f.line(fmt::format("(void){};", name));
  }
  for (const tir::Var& symbol : signature.symbols) {
    if (!symbol.defined()) continue;
    const std::string name = f.fresh(symbol.name());
    f.define_scalar(symbol, name, kSizeBounds);
    add("int64_t " + name, "int64_t " + name);
    if (m.var_uses[symbol.get()] == 0) f.line(fmt::format("(void){};", name));
  }
  for (const Expr& fact : options.check_arguments ? signature.assumptions : std::vector<Expr>{})
    f.line(fmt::format(
        "if (!({})) {{ {} }}", f.value(fact).text,
        f.failure("ValueError", fmt::format("{}: the sizes must satisfy {}", signature.name, to_string(fact)))));
  f.emit(lowered->body);
  f.line("return 0;");

  // Extents that are expressions are compared by the entry, which alone sees the shapes.
  std::string size_checks;
  if (options.ffi_entry && options.check_arguments) {
    CFunction check(m, false);
    for (size_t i = 0; i < signature.symbols.size(); ++i) {
      if (signature.symbols[i].defined())
        check.define_scalar(signature.symbols[i], fmt::format("symbols[{}]", i), kSizeBounds);
    }
    for (size_t i = 0; i < signature.arguments.size(); ++i) {
      const Argument& a = signature.arguments[i];
      if (!a.is_tensor) check.define_scalar(a.param.scalar, fmt::format("scalar{}", i), {});
    }
    for (const DerivedExtent& d : signature.derived) {
      const std::string message =
          fmt::format("{}: argument {} ({}): dimension {} must be {}", signature.name, d.argument,
                      signature.arguments[static_cast<size_t>(d.argument)].name, d.dimension, to_string(d.value));
      check.line(fmt::format("if (symbols[{}] != {}) {{ {} }}", d.symbol, check.value(d.value).in(kSum),
                             check.failure("ValueError", message)));
    }
    size_checks = check.body();
  }

  const std::string parameters = definition.empty() ? "void" : definition;
  std::string code = m.functions;
  if (!options.ffi_entry) code += fmt::format("int {}({});\n\n", kernel, parameters);
  code += fmt::format("{}int {}({}) {{\n{}}}\n", options.ffi_entry ? "static " : "", kernel, parameters, f.body());
  if (options.ffi_entry) code += "\n" + c_entry(signature, kernel, options.check_arguments, size_checks);

  CSource out;
  std::string& s = out.source;
  s = fmt::format(
      "/* {}, generated by Tilewright. Needs no other file.\n * Compile with -ffp-contract=off, and never with "
      "-ffast-math: then results do not depend on the compiler.\n * gcc's notes on vectors wider than the target's are "
      "of no "
      "account: -Wno-psabi. */\n",
      signature.name);
  if (options.ffi_entry) s += std::string(runtime::kernel_support_header()) + "\n";
  s += preamble(m) + m.helpers.text_for(code + size_checks) + m.prototypes + "\n";
  const std::string hook = fmt::format(
      "int (*{}_parallel_for)(int64_t extent, int64_t grain, int32_t max_threads,\n"
      "    int (*body)(int64_t begin, int64_t end, void* closure), void* closure)",
      signature.name);
  const bool hooked = options.parallel == COptions::Parallel::kHook;
  if (hooked)
    s += fmt::format(
        "/* Runs body over [0, extent) in parts, maybe on several threads. Null: one thread. */\n{} = 0;\n\n", hook);
  s += code;
  if (!options.metadata_section.empty()) s += c_metadata(options.metadata_section);

  const std::string guard = fmt::format("{}_H_", signature.name);
  out.header = fmt::format(
      "/* {0}, generated by Tilewright. */\n#ifndef {1}\n#define {1}\n\n#include <stdbool.h>\n#include <stdint.h>\n\n"
      "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n",
      signature.name, guard);
  if (options.ffi_entry) {
    out.header += fmt::format(
        "/* The calling convention is TVM-FFI's: args are 16-byte values. */\n"
        "int {}{}(void* self, const void* args, int32_t num_args, void* result);\n",
        TW_FUNCTION_PREFIX, signature.name);
  } else {
    if (hooked)
      out.header += fmt::format("/* Set it to run parallel loops on several threads. */\nextern {};\n\n", hook);
    out.header += fmt::format(
        "/* Returns 0, or -1 when an assertion fails or memory is short. Arrays are dense and row-major; those that "
        "are\n"
        " * written must not overlap others. */\nint {}({});\n",
        signature.name, declaration.empty() ? "void" : declaration);
  }
  out.header += fmt::format("\n#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {} */\n", guard);
  return out;
}

}  // namespace tilewright::codegen
