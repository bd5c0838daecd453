// Lowered functions built by hand, and the way from there to a callable module.
#pragma once

#include <string>
#include <vector>

#include "codegen/llvm/llvm_codegen.h"
#include "codegen/metadata.h"
#include "codegen/signature.h"
#include "tilewright/runtime/runtime.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::codegen::test {

using namespace tir;  // NOLINT: tests read like the IR

inline PrimFunc function(std::string name, std::vector<Buffer> buffers, Stmt body) {
  PrimFuncNode node;
  node.name = std::move(name);
  for (Buffer& b : buffers) node.params.push_back({std::move(b), Var()});
  node.body = std::move(body);
  return PrimFunc(std::move(node));
}

inline LlvmOptions checked_options() {
  LlvmOptions options;
  options.verify_module = true;
  return options;
}

inline std::string library_of(const PrimFunc& lowered, const Target& target = Target(),
                              LlvmOptions options = checked_options()) {
  Signature signature = make_signature(lowered);
  options.metadata_section = metadata_section(metadata_json(signature, target, {}));
  std::string object = llvm_emit(lowered, signature, target, EmitKind::kObject, options);
  std::string library = link_shared({object}, target.triple);
  runtime::seal(library);
  return library;
}

inline runtime::Module load_lowered(const PrimFunc& lowered, const Target& target = Target(),
                                    LlvmOptions options = checked_options()) {
  return runtime::load_from_memory(library_of(lowered, target, std::move(options)));
}

inline std::string text_of(const PrimFunc& lowered, EmitKind kind = EmitKind::kLlvm, const Target& target = Target(),
                           LlvmOptions options = checked_options()) {
  return llvm_emit(lowered, make_signature(lowered), target, kind, options);
}

/// A flat buffer of constant size.
inline Buffer flat(std::string name, DataType dtype, int64_t size, Scope scope = Scope::kGlobal) {
  return Buffer(std::move(name), dtype, {Expr(size)}, scope);
}

/// C[m, n] = A[m, k] B[k, n] as lowering makes it: tiles of rows x (vectors * lanes) in registers.
inline PrimFunc tiled_matmul(int64_t m, int64_t n, int64_t k, int rows, int vectors, int lanes, ForKind outer) {
  Buffer a("A", kF32, {m, k}), b("B", kF32, {k, n}), c("C", kF32, {m, n});
  Buffer fa = flat("A", kF32, m * k), fb = flat("B", kF32, k * n), fc = flat("C", kF32, m * n);
  Var i("i"), j("j"), p("p");
  DataType vec = kF32.with_lanes(lanes);
  std::vector<Buffer> acc;
  std::vector<Stmt> init, update, write;
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < vectors; ++v) {
      Buffer x("acc", vec, {Expr(1)}, Scope::kRegister);
      acc.push_back(x);
      init.push_back(store(x, {0}, broadcast(make_const(kF32, 0), lanes)));
      Expr left = broadcast(load(fa, {(i * rows + r) * k + p}), lanes);
      Expr right = load(fb, {ramp(p * n + (j * (vectors * lanes) + v * lanes), 1, lanes)});
      update.push_back(store(x, {0}, fma(left, right, load(x, {0}))));
      write.push_back(
          store(fc, {ramp((i * rows + r) * n + j * (vectors * lanes) + v * lanes, 1, lanes)}, load(x, {0})));
    }
  }
  std::vector<Stmt> items = init;
  items.push_back(make_for(p, 0, Expr(k), seq(update)));
  items.insert(items.end(), write.begin(), write.end());
  Stmt body = seq(items);
  for (const Buffer& x : acc) body = alloc(x, body);
  body = make_for(j, 0, Expr(n / (vectors * lanes)), body);
  body = make_for(i, 0, Expr(m / rows), body, outer);
  return function("matmul", {a, b, c}, body);
}

}  // namespace tilewright::codegen::test
