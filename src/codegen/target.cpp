#include "tilewright/codegen/target.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>

#include "codegen/cpu_info.h"
#include "tilewright/support/diagnostic.h"

namespace tilewright {
namespace {

constexpr size_t kMaxTargetText = 8192;
constexpr int kMaxCores = 4096;

[[noreturn]] void refuse(std::string code, std::string message, std::string legal_kind = "",
                         std::vector<std::string> legal = {}, std::string remedy = "") {
  Diagnostic d;
  d.code = std::move(code);
  d.operation = "target";
  d.message = std::move(message);
  d.legal_kind = std::move(legal_kind);
  d.legal = std::move(legal);
  d.remedy = std::move(remedy);
  throw Error(std::move(d));
}

/// Levenshtein's distance, for "did you mean".
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      int substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

std::vector<std::string> nearest(std::string_view word, std::vector<std::string> words, size_t count = 8) {
  if (words.size() <= 2 * count) return words;
  std::vector<std::pair<int, std::string>> ranked;
  for (std::string& candidate : words) ranked.emplace_back(edit_distance(word, candidate), std::move(candidate));
  std::sort(ranked.begin(), ranked.end());
  words.clear();
  for (size_t i = 0; i < count; ++i) words.push_back(std::move(ranked[i].second));
  return words;
}

/// Shortened for a message.
std::string quoted(std::string_view text) {
  return fmt::format("\"{}{}\"", text.substr(0, 60), text.size() > 60 ? "..." : "");
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(separator, begin), text.size());
    out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

int parse_number(std::string_view option, std::string_view text, int low, int high) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    refuse("G0806", fmt::format("{} takes a number from {} to {}, got {}", option, low, high, quoted(text)));
  }
  return value;
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

struct Caches {
  int l1 = 32 << 10, l2 = 1 << 20, l3 = 32 << 20, line = 64;
};

/// What the kernel reports for the first CPU; the defaults stand for levels it does not report.
Caches host_caches() {
  Caches out;
  for (int index = 0; index < 8; ++index) {
    auto read = [&](const char* file) {
      std::string text;
      std::ifstream(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/{}", index, file)) >> text;
      return text;
    };
    std::string type = read("type"), size = read("size"), line = read("coherency_line_size");
    if (type.empty()) break;
    if (type == "Instruction" || size.empty()) continue;
    int64_t bytes = std::atoll(size.c_str());
    if (size.back() == 'K') bytes <<= 10;
    if (size.back() == 'M') bytes <<= 20;
    if (bytes <= 0 || bytes > (1 << 30)) continue;
    switch (std::atoi(read("level").c_str())) {
      case 1:
        out.l1 = static_cast<int>(bytes);
        break;
      case 2:
        out.l2 = static_cast<int>(bytes);
        break;
      case 3:
        out.l3 = static_cast<int>(bytes);
        break;
      default:
        break;
    }
    if (int value = std::atoi(line.c_str()); value >= 16 && value <= 1024) out.line = value;
  }
  return out;
}

struct Options {
  std::string kind;
  std::map<std::string, std::string> values;
  std::optional<std::string> get(const std::string& key) const {
    auto found = values.find(key);
    return found == values.end() ? std::nullopt : std::optional<std::string>(found->second);
  }
};

Options parse_options(std::string_view text) {
  if (text.size() > kMaxTargetText) refuse("G0801", fmt::format("the text has {} characters", text.size()));
  std::vector<std::string> words;
  for (std::string& word : split(text, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  if (words.empty()) refuse("G0801", "the text is empty", "kinds", {"llvm", "c"});
  Options out;
  out.kind = words[0];
  std::vector<std::string> legal;
  if (out.kind == "llvm") {
    legal = {"-mcpu", "-mattr", "-mtriple", "-num-cores", "-cache", "-debug"};
  } else if (out.kind == "c") {
    legal = {"-cc", "-mcpu", "-mattr", "-mtriple", "-num-cores", "-cache", "-debug"};
  } else {
    refuse("G0801", fmt::format("unknown kind {}", quoted(out.kind)), "kinds", {"llvm", "c"});
  }
  for (size_t i = 1; i < words.size(); ++i) {
    size_t equals = words[i].find('=');
    std::string key = words[i].substr(0, equals);
    if (std::find(legal.begin(), legal.end(), key) == legal.end()) {
      refuse("G0802", fmt::format("unknown option {} of kind \"{}\"", quoted(key), out.kind), "options", legal);
    }
    if (equals == std::string::npos || equals + 1 == words[i].size()) {
      refuse("G0802", fmt::format("option {} needs a value", key), "", {}, fmt::format("write {}=VALUE", key));
    }
    if (!out.values.emplace(key, words[i].substr(equals + 1)).second) {
      refuse("G0802", fmt::format("option {} is given twice", key));
    }
  }
  return out;
}

bool has(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

void resolve_cpu(const Options& options, Target& out) {
  const codegen::HostCpu& host = codegen::host_cpu();
  out.triple = options.get("-mtriple").value_or(host.triple);
  std::string arch = codegen::triple_arch(out.triple);
  if (arch.empty()) {
    refuse("G0805", fmt::format("no code can be generated for the triple {}", quoted(out.triple)), "architectures",
           {"x86_64", "aarch64"});
  }
  bool host_arch = arch == codegen::triple_arch(host.triple);
  std::vector<std::string> changes;
  out.cpu = options.get("-mcpu").value_or(host_arch ? "native" : "generic");
  if (out.cpu == "native") {
    if (!host_arch) {
      refuse("G0803", fmt::format("-mcpu=native: this machine is no {}", arch), "", {}, "name the CPU");
    }
    out.cpu = host.cpu;
    changes = host.features;
  } else if (arch == "x86_64" && out.cpu == "generic") {
    out.cpu = "x86-64";
  }
  std::vector<std::string> cpus = codegen::known_cpus(out.triple);
  if (!has(cpus, out.cpu)) {
    refuse("G0803", fmt::format("unknown CPU {} for {}", quoted(out.cpu), arch), "CPUs (nearest names)",
           nearest(out.cpu, cpus));
  }
  if (auto text = options.get("-mattr")) {
    std::vector<std::string> features = codegen::known_features(out.triple);
    for (const std::string& word : split(*text, ',')) {
      if (word.size() < 2 || (word[0] != '+' && word[0] != '-')) {
        refuse("G0804", fmt::format("-mattr takes a list such as +avx2,-avx512f, got {}", quoted(word)));
      }
      if (!has(features, word.substr(1))) {
        refuse("G0804", fmt::format("unknown feature {} for {}", quoted(word.substr(1)), arch),
               "features (nearest names)", nearest(word.substr(1), features));
      }
      changes.push_back(word);
    }
  }
  // A feature is named when it is on, or when it is off although the CPU has it. Others that the user changed stay.
  std::vector<std::string> enabled = codegen::enabled_features(out.triple, out.cpu, changes);
  std::vector<std::string> usual = codegen::enabled_features(out.triple, out.cpu, {});
  const auto& tracked = codegen::tracked_features(arch);
  for (std::string_view f : tracked) {
    if (has(enabled, f)) {
      out.features.push_back("+" + std::string(f));
    } else if (has(usual, f)) {
      out.features.push_back("-" + std::string(f));
    }
  }
  std::map<std::string, std::string> others;
  for (const std::string& change : changes) {
    if (std::find(tracked.begin(), tracked.end(), change.substr(1)) == tracked.end()) {
      others[change.substr(1)] = change;
    }
  }
  for (auto& [name, change] : others) out.features.push_back(change);
  std::sort(out.features.begin(), out.features.end());

  if (arch == "x86_64") {
    bool avx512 = has(enabled, "avx512f") && has(enabled, "avx512bw") && has(enabled, "avx512vl");
    out.vector_bytes = avx512 ? 64 : has(enabled, "avx") ? 32 : 16;
    out.vector_registers = avx512 ? 32 : 16;
    out.has_fma = has(enabled, "fma") || avx512;
    out.has_masked_memory = has(enabled, "avx2");
  } else {
    out.vector_bytes = 16;
    out.vector_registers = 32;
    out.has_fma = true;
    out.has_masked_memory = false;
  }
}

void resolve_caches(const Options& options, Target& out) {
  Caches caches;
  if (auto text = options.get("-cache")) {
    std::vector<std::string> parts = split(*text, ':');
    if (parts.size() != 4) {
      refuse("G0806", fmt::format("-cache takes L1:L2:L3:LINE in bytes, got {}", quoted(*text)));
    }
    caches.l1 = parse_number("-cache (L1)", parts[0], 1024, 1 << 30);
    caches.l2 = parse_number("-cache (L2)", parts[1], 1024, 1 << 30);
    caches.l3 = parse_number("-cache (L3)", parts[2], 1024, 1 << 30);
    caches.line = parse_number("-cache (line)", parts[3], 16, 1024);
  } else if (out.cpu == codegen::host_cpu().cpu) {
    caches = host_caches();
  }
  out.l1_bytes = caches.l1;
  out.l2_bytes = caches.l2;
  out.l3_bytes = caches.l3;
  out.cache_line_bytes = caches.line;
}

}  // namespace

Target::Target(std::string_view text) {
  // Resolving asks LLVM and the kernel, so equal texts are resolved once a process.
  static std::mutex mutex;
  static auto* resolved = new std::map<std::string, Target, std::less<>>;
  {
    std::lock_guard lock(mutex);
    if (auto found = resolved->find(text); found != resolved->end()) {
      *this = found->second;
      return;
    }
  }
  Options options = parse_options(text);
  if (options.kind == "c") {
    kind = Kind::kC;
    c_compiler = options.get("-cc").value_or("gcc");
    std::string_view base = std::string_view(c_compiler).substr(0, c_compiler.find('-'));
    std::string_view version = std::string_view(c_compiler).substr(base.size());
    bool digits =
        version.empty() || (version.size() > 1 && version.find_first_not_of("0123456789", 1) == std::string_view::npos);
    if ((base != "gcc" && base != "clang") || !digits) {
      refuse("G0806", fmt::format("unknown C compiler {}", quoted(c_compiler)), "compilers", {"gcc", "clang"});
    }
  }
  resolve_cpu(options, *this);
  resolve_caches(options, *this);
  auto cores = options.get("-num-cores");
  num_cores = cores ? parse_number("-num-cores", *cores, 1, kMaxCores) : std::min(available_cores(), kMaxCores);
  if (auto debug = options.get("-debug")) {
    if (*debug != "bounds") {
      refuse("G0806", fmt::format("unknown value {} of -debug", quoted(*debug)), "values", {"bounds"});
    }
    debug_bounds = true;
  }
  std::lock_guard lock(mutex);
  if (resolved->size() < 256) resolved->emplace(text, *this);
}

std::string Target::str() const {
  std::string out = kind == Kind::kLlvm ? "llvm" : "c -cc=" + c_compiler;
  out += fmt::format(" -mtriple={} -mcpu={}", triple, cpu);
  if (!features.empty()) out += fmt::format(" -mattr={}", fmt::join(features, ","));
  out += fmt::format(" -num-cores={} -cache={}:{}:{}:{}", num_cores, l1_bytes, l2_bytes, l3_bytes, cache_line_bytes);
  if (debug_bounds) out += " -debug=bounds";
  return out;
}

std::string Target::fingerprint() const {
  std::string text = str();
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

}  // namespace tilewright
