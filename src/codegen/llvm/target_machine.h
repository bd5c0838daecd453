// LLVM's target machines, made once and lent to one compilation at a time.
#pragma once

#include <llvm/MC/TargetRegistry.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>

#include "tilewright/codegen/target.h"

namespace tilewright::codegen {

/// Initialises LLVM's back ends once a process. Throws Error G0805 when there is none for the triple.
const llvm::Target* find_llvm_target(const std::string& triple);

/// Comma-separated features as LLVM takes them.
std::string feature_string(const Target& target);

/// A target machine is not safe to share between threads, and costs about a millisecond to make: so each is lent to one
/// user at a time and given back at the end of the lease.
class TargetMachineLease {
 public:
  explicit TargetMachineLease(const Target& target);
  ~TargetMachineLease();
  TargetMachineLease(const TargetMachineLease&) = delete;
  TargetMachineLease& operator=(const TargetMachineLease&) = delete;
  llvm::TargetMachine& operator*() const { return *machine_; }
  llvm::TargetMachine* operator->() const { return machine_.get(); }

 private:
  std::string key_;
  std::unique_ptr<llvm::TargetMachine> machine_;
};

}  // namespace tilewright::codegen
