#include "codegen/llvm/target_machine.h"

#include <fmt/format.h>
#include <llvm/Support/TargetSelect.h>

#include <map>
#include <mutex>
#include <vector>

#include "tilewright/support/diagnostic.h"

// Only these two: initialising all of LLVM's back ends costs a process several milliseconds.
extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
void LLVMInitializeAArch64TargetInfo();
void LLVMInitializeAArch64Target();
void LLVMInitializeAArch64TargetMC();
void LLVMInitializeAArch64AsmPrinter();
}

namespace tilewright::codegen {
namespace {

struct Pool {
  std::mutex mutex;
  std::map<std::string, std::vector<std::unique_ptr<llvm::TargetMachine>>> idle;
};
// Never destroyed: leases may end while the process exits.
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}

std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target) {
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.UnsafeFPMath = false;
  const llvm::Target* llvm_target = find_llvm_target(target.triple);
  std::unique_ptr<llvm::TargetMachine> machine(
      llvm_target->createTargetMachine(target.triple, target.cpu, feature_string(target), options, llvm::Reloc::PIC_,
                                       llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
  TILEWRIGHT_CHECK(machine);
  return machine;
}

}  // namespace

const llvm::Target* find_llvm_target(const std::string& triple) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target) {
    throw Error("G0805", "target", fmt::format("no code can be generated for the triple \"{}\"", triple));
  }
  return target;
}

std::string feature_string(const Target& target) {
  std::string out;
  for (const std::string& feature : target.features) out += (out.empty() ? "" : ",") + feature;
  return out;
}

TargetMachineLease::TargetMachineLease(const Target& target)
    : key_(target.triple + "|" + target.cpu + "|" + feature_string(target)) {
  {
    std::lock_guard lock(pool().mutex);
    auto& idle = pool().idle[key_];
    if (!idle.empty()) {
      machine_ = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!machine_) machine_ = make_machine(target);
}

TargetMachineLease::~TargetMachineLease() {
  std::lock_guard lock(pool().mutex);
  pool().idle[key_].push_back(std::move(machine_));
}

}  // namespace tilewright::codegen
