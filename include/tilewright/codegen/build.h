// From a scheduled function to code: source text, object, shared library, or a callable module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tilewright/codegen/target.h"
#include "tilewright/lower/lower.h"
#include "tilewright/runtime/runtime.h"
#include "tilewright/tir/stmt.h"

namespace tilewright {

/// What the metadata of a .so tells about a function beside its arguments.
struct Provenance {
  std::string workload;       // "gmm:1,512,512,512"
  std::string workload_hash;  // tir::content_hash of the unscheduled function
  std::string trace;          // JSON
  std::string tir;            // text of the scheduled function
  double measured_ms = 0;     // 0: never measured
};

struct BuildOptions {
  Provenance provenance;
  /// Generated code checks its arguments (leave on unless the caller guarantees them).
  bool check_arguments = true;
};

enum class EmitKind { kLowered, kC, kCHeader, kLlvm, kBitcode, kAssembly, kObject, kSharedLibrary };

/// Code in the form asked for; binary forms as bytes. Errors: G08xx.
std::string emit(const tir::PrimFunc& func, const Target& target, EmitKind kind, const BuildOptions& options = {});

/// A compiled function, loaded and callable; also keeps what it was made from.
class Module {
 public:
  /// m["matmul"](a, b, c)
  runtime::Function operator[](std::string_view name) const { return module_[name]; }
  /// Writes the .so (sealed, self-contained). Atomic: a file that existed is replaced only by a whole one.
  void export_library(const std::string& path) const;
  /// Source in the target's own language: LLVM IR, or C.
  std::string get_source() const;
  std::string get_source(EmitKind kind) const;
  const runtime::Module& module() const { return module_; }

 private:
  friend Module build(const tir::PrimFunc&, const Target&, const BuildOptions&);
  Module(tir::PrimFunc func, Target target, BuildOptions options, std::string library, runtime::Module module)
      : func_(std::move(func)),
        target_(std::move(target)),
        options_(std::move(options)),
        library_(std::move(library)),
        module_(std::move(module)) {}

  tir::PrimFunc func_;
  Target target_;
  BuildOptions options_;
  std::string library_;  // bytes of the .so
  runtime::Module module_;
};

/// Lowers, generates, links and loads.
Module build(const tir::PrimFunc& func, const Target& target = Target(), const BuildOptions& options = {});

}  // namespace tilewright
