// The LLVM back end as the rest of the code generator sees it: no LLVM header needed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codegen/signature.h"
#include "tilewright/codegen/build.h"
#include "tilewright/codegen/target.h"

namespace tilewright::codegen {

/// Hidden symbol of the metadata in an object.
inline constexpr const char* kMetadataSymbol = "__tilewright_meta";

struct LlvmOptions {
  bool check_arguments = true;
  /// Run LLVM's O2 pipeline before instruction selection instead of the light clean-up.
  bool full_pipeline = false;
  /// Have LLVM verify the module (tests).
  bool verify_module = false;
  /// Contents of the section `.tilewright.meta`; empty: no such section.
  std::string metadata_section;
};

/// Code for a lowered function: kLlvm, kBitcode, kAssembly or kObject.
std::string llvm_emit(const tir::PrimFunc& lowered, const Signature& signature, const Target& target, EmitKind kind,
                      const LlvmOptions& options);

/// Links objects with the support object to a shared library, which exports the symbols with default visibility.
/// Error G0820 with the linker's text. One link at a time in a process.
std::string link_shared(const std::vector<std::string_view>& objects, const std::string& triple);

}  // namespace tilewright::codegen
