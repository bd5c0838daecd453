// Processor knowledge of a compiler without LLVM: the compiler's cpuid built-ins and the x86-64 levels.
#ifndef TILEWRIGHT_HAVE_LLVM
#include <algorithm>
#include <set>

#include "codegen/cpu_info.h"

namespace tilewright::codegen {
namespace {

struct Level {
  const char* cpu;
  const char* parent;
  std::vector<const char*> adds;
};

const std::vector<Level>& levels() {
  static const std::vector<Level> table = {
      {"x86-64", nullptr, {}},
      {"x86-64-v2", "x86-64", {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"}},
      {"x86-64-v3", "x86-64-v2", {"avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt"}},
      {"core-avx2", "x86-64-v3", {}},
      {"haswell", "x86-64-v3", {}},
      {"skylake", "x86-64-v3", {}},
      {"znver1", "x86-64-v3", {}},
      {"znver2", "x86-64-v3", {}},
      {"znver3", "x86-64-v3", {}},
      {"x86-64-v4", "x86-64-v3", {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}},
      {"skylake-avx512", "x86-64-v4", {}},
      {"cascadelake", "skylake-avx512", {"avx512vnni"}},
      {"icelake-server",
       "cascadelake",
       {"avx512ifma", "avx512vbmi", "avx512vbmi2", "avx512bitalg", "avx512vpopcntdq", "gfni"}},
      {"sapphirerapids", "icelake-server", {"avx512bf16", "avx512fp16", "avxvnni"}},
      {"znver4", "icelake-server", {"avx512bf16"}},
      {"znver5", "znver4", {"avxvnni"}},
      {"generic", nullptr, {}},
  };
  return table;
}

#if defined(__x86_64__)
// The built-in takes literals only, so one line a feature.
std::set<std::string> host_features() {
  std::set<std::string> out;
  __builtin_cpu_init();
#define TW_HOST_FEATURE(name, gcc_name) \
  if (__builtin_cpu_supports(gcc_name)) out.insert(name)
  TW_HOST_FEATURE("sse3", "sse3");
  TW_HOST_FEATURE("ssse3", "ssse3");
  TW_HOST_FEATURE("sse4.1", "sse4.1");
  TW_HOST_FEATURE("sse4.2", "sse4.2");
  TW_HOST_FEATURE("popcnt", "popcnt");
  TW_HOST_FEATURE("bmi", "bmi");
  TW_HOST_FEATURE("bmi2", "bmi2");
  TW_HOST_FEATURE("avx", "avx");
  TW_HOST_FEATURE("fma", "fma");
  TW_HOST_FEATURE("avx2", "avx2");
  TW_HOST_FEATURE("avx512f", "avx512f");
  TW_HOST_FEATURE("avx512cd", "avx512cd");
  TW_HOST_FEATURE("avx512bw", "avx512bw");
  TW_HOST_FEATURE("avx512dq", "avx512dq");
  TW_HOST_FEATURE("avx512vl", "avx512vl");
  TW_HOST_FEATURE("avx512ifma", "avx512ifma");
  TW_HOST_FEATURE("avx512vbmi", "avx512vbmi");
  TW_HOST_FEATURE("avx512vbmi2", "avx512vbmi2");
  TW_HOST_FEATURE("avx512vnni", "avx512vnni");
  TW_HOST_FEATURE("avx512bitalg", "avx512bitalg");
  TW_HOST_FEATURE("avx512vpopcntdq", "avx512vpopcntdq");
  TW_HOST_FEATURE("gfni", "gfni");
#undef TW_HOST_FEATURE
  // Every CPU with avx2 has these two as well; older compilers' built-in does not know them.
  if (out.count("avx2")) out.insert({"f16c", "lzcnt"});
  return out;
}
#else
std::set<std::string> host_features() {
  return {"neon"};
}
#endif

void collect(const std::string& cpu, std::set<std::string>& out) {
  for (const Level& level : levels()) {
    if (cpu != level.cpu) continue;
    if (level.parent) collect(level.parent, out);
    out.insert(level.adds.begin(), level.adds.end());
  }
}

}  // namespace

const HostCpu& host_cpu() {
  static const HostCpu host = [] {
    HostCpu h;
#if defined(__x86_64__)
    h.triple = "x86_64-pc-linux-gnu";
#else
    h.triple = "aarch64-unknown-linux-gnu";
#endif
    std::set<std::string> have = host_features();
    h.cpu = triple_arch(h.triple) != "x86_64" ? "generic"
            : have.count("avx512vl")          ? "x86-64-v4"
            : have.count("avx2")              ? "x86-64-v3"
                                              : "x86-64";
    for (std::string_view f : tracked_features(triple_arch(h.triple))) {
      h.features.push_back((have.count(std::string(f)) ? "+" : "-") + std::string(f));
    }
    return h;
  }();
  return host;
}

std::vector<std::string> known_cpus(const std::string& triple) {
  if (triple_arch(triple) == "aarch64") return {"generic"};
  std::vector<std::string> out;
  for (const Level& level : levels()) {
    if (std::string_view(level.cpu) != "generic") out.emplace_back(level.cpu);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> known_features(const std::string& triple) {
  const auto& tracked = tracked_features(triple_arch(triple));
  std::vector<std::string> out(tracked.begin(), tracked.end());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> enabled_features(const std::string& triple, const std::string& cpu,
                                          const std::vector<std::string>& changes) {
  std::set<std::string> have;
  collect(cpu, have);
  if (triple_arch(triple) == "aarch64") have.insert("neon");
  for (const std::string& change : changes) {
    if (change[0] == '+') have.insert(change.substr(1));
    if (change[0] == '-') have.erase(change.substr(1));
  }
  // Without their base the wider sets mean nothing.
  if (!have.count("avx")) have.erase("avx2");
  if (!have.count("avx2")) have.erase("avx512f");
  if (!have.count("avx512f")) std::erase_if(have, [](const std::string& f) { return f.starts_with("avx512"); });
  std::vector<std::string> out;
  for (std::string_view f : tracked_features(triple_arch(triple))) {
    if (have.count(std::string(f))) out.emplace_back(f);
  }
  return out;
}

std::string backend_version() {
  return "none";
}

}  // namespace tilewright::codegen
#endif
