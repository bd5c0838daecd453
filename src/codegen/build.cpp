#include "tilewright/codegen/build.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "codegen/c/codegen_c.h"
#include "codegen/cpu_info.h"
#include "codegen/metadata.h"
#include "codegen/signature.h"
#ifdef TILEWRIGHT_HAVE_LLVM
#include "codegen/llvm/llvm_codegen.h"
#endif
#include "runtime/kernel_support_blob.h"
#include "tilewright/runtime/module_file.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/printer.h"

namespace tilewright {
namespace {

using codegen::Signature;

lower::LowerOptions lower_options(const Target& target) {
  lower::LowerOptions options;
  options.vector_bytes = target.vector_bytes;
  options.has_masked_memory = target.has_masked_memory;
  options.vector_registers = target.vector_registers;
  options.has_fma = target.has_fma;
  options.debug_bounds = target.debug_bounds;
  return options;
}

/// The signature of the lowered function; what is input and output is told by the program as it was written, where a
/// reduction does not yet read its own partial sums.
Signature signature_of(const PrimFunc& func, const PrimFunc& lowered) {
  Signature signature = codegen::make_signature(lowered);
  std::vector<tir::ParamUse> uses = tir::param_uses(func);
  for (size_t i = 0; i < uses.size() && i < signature.arguments.size(); ++i) {
    if (signature.arguments[i].is_tensor) signature.arguments[i].is_input = uses[i].read || !uses[i].written;
  }
  return signature;
}

[[noreturn]] void refuse_form(const char* form, const char* kind, std::vector<std::string> legal) {
  Diagnostic d;
  d.code = "G0840";
  d.operation = "emit";
  d.message = fmt::format("a target of kind \"{}\" has no {} form", kind, form);
  d.legal_kind = "forms";
  d.legal = std::move(legal);
  throw Error(std::move(d));
}

const char* form_name(EmitKind kind) {
  switch (kind) {
    case EmitKind::kLowered:
      return "lowered";
    case EmitKind::kC:
      return "c";
    case EmitKind::kCHeader:
      return "c header";
    case EmitKind::kLlvm:
      return "llvm";
    case EmitKind::kBitcode:
      return "bc";
    case EmitKind::kAssembly:
      return "asm";
    case EmitKind::kObject:
      return "obj";
    default:
      return "so";
  }
}

#ifdef TILEWRIGHT_HAVE_LLVM
std::string emit_with_llvm(const PrimFunc& func, const PrimFunc& lowered, const Target& target, EmitKind kind,
                           const BuildOptions& options) {
  if (kind == EmitKind::kC || kind == EmitKind::kCHeader) {
    refuse_form(form_name(kind), "llvm", {"lowered", "llvm", "bc", "asm", "obj", "so"});
  }
  Signature signature = signature_of(func, lowered);
  codegen::LlvmOptions llvm;
  llvm.check_arguments = options.check_arguments;
  if (const auto* opt = func->attributes.find("opt")) {
    const auto* text = std::get_if<std::string>(opt);
    if (!text || (*text != "codegen" && *text != "O2")) {
      throw Error("G0841", "build", "the attribute opt takes \"codegen\" or \"O2\"");
    }
    llvm.full_pipeline = *text == "O2";
  }
  if (kind != EmitKind::kSharedLibrary) return codegen::llvm_emit(lowered, signature, target, kind, llvm);
  llvm.metadata_section = codegen::metadata_section(codegen::metadata_json(signature, target, options.provenance));
  std::string object = codegen::llvm_emit(lowered, signature, target, EmitKind::kObject, llvm);
  std::string library = codegen::link_shared({object}, target.triple);
  runtime::seal(library);
  return library;
}
#else
std::string emit_with_llvm(const PrimFunc&, const PrimFunc&, const Target&, EmitKind, const BuildOptions&) {
  Diagnostic d;
  d.code = "G0842";
  d.operation = "emit";
  d.message = "this compiler was built without LLVM";
  d.remedy = "use the target \"c\", or build with -DTILEWRIGHT_LLVM=ON";
  throw Error(std::move(d));
}
#endif

/// gcc and clang name instruction sets as LLVM does.
std::vector<std::string> c_flags(const Target& target) {
  std::vector<std::string> flags = {"-std=c11", "-O3", "-ffp-contract=off", "-fvisibility=hidden"};
  if (codegen::triple_arch(target.triple) == "x86_64") {
    flags.push_back("-march=x86-64");
    for (const std::string& feature : codegen::required_features(target)) flags.push_back("-m" + feature);
    if (target.vector_bytes >= 32) {
      flags.push_back(fmt::format("-mprefer-vector-width={}", target.vector_bytes * 8));
    }
  }
  return flags;
}

std::string emit_with_c(const PrimFunc& func, const PrimFunc& lowered, const Target& target, EmitKind kind,
                        const BuildOptions& options) {
  codegen::COptions c;
  c.num_threads = target.num_cores;
  c.check_arguments = options.check_arguments;
  bool parallel = target.num_cores > 1;
  if (kind == EmitKind::kC || kind == EmitKind::kCHeader) {
    if (parallel) c.parallel = codegen::COptions::Parallel::kHook;
    codegen::CSource code = codegen::generate_c(lowered, c);
    return kind == EmitKind::kC ? code.source : code.header;
  }
  if (kind != EmitKind::kSharedLibrary) refuse_form(form_name(kind), "c", {"lowered", "c", "so"});
  if (codegen::triple_arch(target.triple) != codegen::triple_arch(codegen::host_cpu().triple)) {
    throw Error("G0821", "link",
                fmt::format("a shared library for {} cannot be made here: emit C and compile it there", target.triple));
  }
  Signature signature = signature_of(func, lowered);
  if (parallel) c.parallel = codegen::COptions::Parallel::kRuntime;
  c.ffi_entry = true;
  c.metadata_section = codegen::metadata_section(codegen::metadata_json(signature, target, options.provenance));
  codegen::CCompileOptions compile;
  compile.compiler = target.c_compiler;
  compile.flags = c_flags(target);
  compile.objects = {runtime::kernel_support_object()};
  std::string library = codegen::compile_c_shared(codegen::generate_c(lowered, c).source, compile);
  runtime::seal(library);
  return library;
}

std::string describe_errno(const std::string& what, const std::string& path) {
  return fmt::format("cannot {} {}: {}", what, path, std::strerror(errno));
}

}  // namespace

std::string emit(const PrimFunc& func, const Target& target, EmitKind kind, const BuildOptions& options) {
  PrimFunc lowered = lower::lower(func, lower_options(target));
  if (kind == EmitKind::kLowered) return tir::to_string(lowered);
  return target.kind == Target::Kind::kC ? emit_with_c(func, lowered, target, kind, options)
                                         : emit_with_llvm(func, lowered, target, kind, options);
}

Module build(const PrimFunc& func, const Target& target, const BuildOptions& options) {
  std::string library = emit(func, target, EmitKind::kSharedLibrary, options);
  runtime::Module loaded = runtime::load_from_memory(library);
  return Module(func, target, options, std::move(library), std::move(loaded));
}

std::string Module::get_source() const {
  return get_source(target_.kind == Target::Kind::kC ? EmitKind::kC : EmitKind::kLlvm);
}

std::string Module::get_source(EmitKind kind) const {
  if (kind == EmitKind::kSharedLibrary) return library_;
  return emit(func_, target_, kind, options_);
}

void Module::export_library(const std::string& path) const {
  // Written beside its place under a name of its own, then renamed: whoever opens `path` sees the old file or the new.
  static std::atomic<unsigned> counter{0};
  std::string temporary = fmt::format("{}.{}.{}.tmp", path, getpid(), counter.fetch_add(1));
  int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
  if (fd < 0) throw Error("G0850", "export_library", describe_errno("write", path));
  auto fail = [&](const char* what) {
    std::string message = describe_errno(what, path);
    close(fd);
    unlink(temporary.c_str());
    throw Error("G0850", "export_library", message);
  };
  std::string_view rest = library_;
  while (!rest.empty()) {
    ssize_t n = write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("write");
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS) fail("write");
  if (rename(temporary.c_str(), path.c_str()) != 0) fail("replace");
  close(fd);
}

}  // namespace tilewright
