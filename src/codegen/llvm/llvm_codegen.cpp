// From IR to code: promotion of registers, a light clean-up, instruction selection.
#include "codegen/llvm/llvm_codegen.h"

#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Utils/PromoteMemToReg.h>

#include "codegen/llvm/emitter.h"
#include "codegen/llvm/target_machine.h"

namespace tilewright::codegen {
namespace {

/// The accumulator tile becomes SSA values here, whatever LLVM's passes think of it.
void promote_registers(ModuleEmitter& emitter) {
  std::map<llvm::Function*, std::vector<llvm::AllocaInst*>> by_function;
  std::vector<llvm::Function*> order;
  for (llvm::AllocaInst* a : emitter.registers) {
    TILEWRIGHT_CHECK(llvm::isAllocaPromotable(a));
    auto& list = by_function[a->getFunction()];
    if (list.empty()) order.push_back(a->getFunction());
    list.push_back(a);
  }
  for (llvm::Function* f : order) {
    llvm::DominatorTree dominators(*f);
    llvm::PromoteMemToReg(by_function[f], dominators);
  }
}

void run_o2(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

std::string emit_machine_code(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  bool refused = machine.addPassesToEmitFile(passes, out, nullptr, type, /*DisableVerify=*/true);
  TILEWRIGHT_CHECK(!refused);
  passes.run(module);
  return std::string(bytes);
}

}  // namespace

std::string llvm_emit(const tir::PrimFunc& lowered, const Signature& signature, const Target& target, EmitKind kind,
                      const LlvmOptions& options) {
  llvm::LLVMContext context;
  // Names cost time and nobody reads them in machine code.
  context.setDiscardValueNames(kind != EmitKind::kLlvm);
  ModuleEmitter emitter(context, target, options);
  emitter.emit(lowered, signature);
  llvm::Module& module = *emitter.module;
  promote_registers(emitter);
  if (options.verify_module) {
    std::string text;
    llvm::raw_string_ostream out(text);
    if (llvm::verifyModule(module, &out)) {
      throw Error("G0839", "codegen", "the generated LLVM module is not valid: " + out.str());
    }
  }
  TargetMachineLease machine(target);
  if (options.full_pipeline) run_o2(module, *machine);
  switch (kind) {
    case EmitKind::kLlvm: {
      std::string text;
      llvm::raw_string_ostream out(text);
      module.print(out, nullptr);
      return text;
    }
    case EmitKind::kBitcode: {
      llvm::SmallString<0> bytes;
      llvm::raw_svector_ostream out(bytes);
      llvm::WriteBitcodeToFile(module, out);
      return std::string(bytes);
    }
    case EmitKind::kAssembly:
      return emit_machine_code(module, *machine, llvm::CodeGenFileType::AssemblyFile);
    case EmitKind::kObject:
      return emit_machine_code(module, *machine, llvm::CodeGenFileType::ObjectFile);
    default:
      throw Error("G0840", "emit", "the LLVM back end does not make this form");
  }
}

}  // namespace tilewright::codegen
