// Processor knowledge from LLVM's own tables.
#include <llvm/ADT/StringMap.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "codegen/cpu_info.h"
#include "codegen/llvm/target_machine.h"

namespace tilewright::codegen {
namespace {

std::unique_ptr<llvm::MCSubtargetInfo> subtarget(const std::string& triple, const std::string& cpu,
                                                 const std::vector<std::string>& changes) {
  std::string features;
  for (const std::string& change : changes) features += (features.empty() ? "" : ",") + change;
  const llvm::Target* target = find_llvm_target(triple);
  return std::unique_ptr<llvm::MCSubtargetInfo>(target->createMCSubtargetInfo(triple, cpu, features));
}

}  // namespace

const HostCpu& host_cpu() {
  static const HostCpu host = [] {
    HostCpu h;
    h.triple = llvm::sys::getDefaultTargetTriple();
    h.cpu = llvm::sys::getHostCPUName().str();
    std::vector<std::string> known = known_cpus(h.triple);
    if (!std::binary_search(known.begin(), known.end(), h.cpu) || h.cpu == "generic") {
      h.cpu = triple_arch(h.triple) == "x86_64" ? "x86-64" : "generic";
    }
    const auto features = llvm::sys::getHostCPUFeatures();
    for (std::string_view f : tracked_features(triple_arch(h.triple))) {
      auto found = features.find(llvm::StringRef(f));
      if (found != features.end()) h.features.push_back((found->second ? "+" : "-") + std::string(f));
    }
    return h;
  }();
  return host;
}

std::vector<std::string> known_cpus(const std::string& triple) {
  // Asking for each CPU takes milliseconds in all, and every target that is parsed asks.
  static std::mutex mutex;
  static auto* lists = new std::map<std::string, std::vector<std::string>>;
  std::lock_guard lock(mutex);
  std::vector<std::string>& out = (*lists)[triple_arch(triple)];
  if (!out.empty()) return out;
  for (const llvm::SubtargetSubTypeKV& cpu : subtarget(triple, "", {})->getAllProcessorDescriptions()) {
    std::string name = cpu.Key;
    // 32-bit processors cannot run what is generated here.
    if (triple_arch(triple) == "x86_64" && !subtarget(triple, name, {})->checkFeatures("+64bit")) continue;
    out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> known_features(const std::string& triple) {
  std::set<std::string> out;
  for (const llvm::SubtargetFeatureKV& feature : subtarget(triple, "", {})->getAllProcessorFeatures()) {
    out.insert(feature.Key);
  }
  return {out.begin(), out.end()};
}

std::vector<std::string> enabled_features(const std::string& triple, const std::string& cpu,
                                          const std::vector<std::string>& changes) {
  auto info = subtarget(triple, cpu, changes);
  std::vector<std::string> out;
  for (std::string_view f : tracked_features(triple_arch(triple))) {
    if (info->checkFeatures("+" + std::string(f))) out.emplace_back(f);
  }
  return out;
}

std::string backend_version() {
  return "llvm " LLVM_VERSION_STRING;
}

}  // namespace tilewright::codegen
