#include "runtime/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace tilewright::runtime {

#if defined(__x86_64__)

namespace {

enum Register { kEax, kEbx, kEcx, kEdx };

// State that the operating system must save for the instructions to be usable: bits of XCR0.
constexpr std::uint64_t kNoState = 0, kYmm = 0x6, kZmm = 0xe6, kTiles = 0x60000;

struct Feature {
  std::string_view name;
  std::uint32_t leaf;
  std::uint32_t subleaf;
  Register where;
  int bit;
  std::uint64_t state;
};

// From the processors' manuals (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E).
constexpr Feature kFeatures[] = {
    {"x87", 1, 0, kEdx, 0, kNoState},
    {"cx8", 1, 0, kEdx, 8, kNoState},
    {"cmov", 1, 0, kEdx, 15, kNoState},
    {"mmx", 1, 0, kEdx, 23, kNoState},
    {"fxsr", 1, 0, kEdx, 24, kNoState},
    {"sse", 1, 0, kEdx, 25, kNoState},
    {"sse2", 1, 0, kEdx, 26, kNoState},
    {"sse3", 1, 0, kEcx, 0, kNoState},
    {"pclmul", 1, 0, kEcx, 1, kNoState},
    {"ssse3", 1, 0, kEcx, 9, kNoState},
    {"fma", 1, 0, kEcx, 12, kYmm},
    {"cx16", 1, 0, kEcx, 13, kNoState},
    {"sse4.1", 1, 0, kEcx, 19, kNoState},
    {"sse4.2", 1, 0, kEcx, 20, kNoState},
    {"crc32", 1, 0, kEcx, 20, kNoState},
    {"movbe", 1, 0, kEcx, 22, kNoState},
    {"popcnt", 1, 0, kEcx, 23, kNoState},
    {"aes", 1, 0, kEcx, 25, kNoState},
    {"xsave", 1, 0, kEcx, 27, kNoState},
    {"avx", 1, 0, kEcx, 28, kYmm},
    {"f16c", 1, 0, kEcx, 29, kYmm},
    {"rdrnd", 1, 0, kEcx, 30, kNoState},
    {"fsgsbase", 7, 0, kEbx, 0, kNoState},
    {"sgx", 7, 0, kEbx, 2, kNoState},
    {"bmi", 7, 0, kEbx, 3, kNoState},
    {"avx2", 7, 0, kEbx, 5, kYmm},
    {"bmi2", 7, 0, kEbx, 8, kNoState},
    {"invpcid", 7, 0, kEbx, 10, kNoState},
    {"rtm", 7, 0, kEbx, 11, kNoState},
    {"avx512f", 7, 0, kEbx, 16, kZmm},
    {"avx512dq", 7, 0, kEbx, 17, kZmm},
    {"rdseed", 7, 0, kEbx, 18, kNoState},
    {"adx", 7, 0, kEbx, 19, kNoState},
    {"avx512ifma", 7, 0, kEbx, 21, kZmm},
    {"clflushopt", 7, 0, kEbx, 23, kNoState},
    {"clwb", 7, 0, kEbx, 24, kNoState},
    {"avx512cd", 7, 0, kEbx, 28, kZmm},
    {"sha", 7, 0, kEbx, 29, kNoState},
    {"avx512bw", 7, 0, kEbx, 30, kZmm},
    {"avx512vl", 7, 0, kEbx, 31, kZmm},
    {"avx512vbmi", 7, 0, kEcx, 1, kZmm},
    {"pku", 7, 0, kEcx, 4, kNoState},
    {"waitpkg", 7, 0, kEcx, 5, kNoState},
    {"avx512vbmi2", 7, 0, kEcx, 6, kZmm},
    {"shstk", 7, 0, kEcx, 7, kNoState},
    {"gfni", 7, 0, kEcx, 8, kNoState},
    {"vaes", 7, 0, kEcx, 9, kYmm},
    {"vpclmulqdq", 7, 0, kEcx, 10, kYmm},
    {"avx512vnni", 7, 0, kEcx, 11, kZmm},
    {"avx512bitalg", 7, 0, kEcx, 12, kZmm},
    {"avx512vpopcntdq", 7, 0, kEcx, 14, kZmm},
    {"rdpid", 7, 0, kEcx, 22, kNoState},
    {"cldemote", 7, 0, kEcx, 25, kNoState},
    {"movdiri", 7, 0, kEcx, 27, kNoState},
    {"movdir64b", 7, 0, kEcx, 28, kNoState},
    {"enqcmd", 7, 0, kEcx, 29, kNoState},
    {"uintr", 7, 0, kEdx, 5, kNoState},
    {"avx512vp2intersect", 7, 0, kEdx, 8, kZmm},
    {"serialize", 7, 0, kEdx, 14, kNoState},
    {"tsxldtrk", 7, 0, kEdx, 16, kNoState},
    {"pconfig", 7, 0, kEdx, 18, kNoState},
    {"amx-bf16", 7, 0, kEdx, 22, kTiles},
    {"avx512fp16", 7, 0, kEdx, 23, kZmm},
    {"amx-tile", 7, 0, kEdx, 24, kTiles},
    {"amx-int8", 7, 0, kEdx, 25, kTiles},
    {"sha512", 7, 1, kEax, 0, kYmm},
    {"sm3", 7, 1, kEax, 1, kYmm},
    {"sm4", 7, 1, kEax, 2, kYmm},
    {"avxvnni", 7, 1, kEax, 4, kYmm},
    {"avx512bf16", 7, 1, kEax, 5, kZmm},
    {"cmpccxadd", 7, 1, kEax, 7, kNoState},
    {"amx-fp16", 7, 1, kEax, 21, kTiles},
    {"hreset", 7, 1, kEax, 22, kNoState},
    {"avxifma", 7, 1, kEax, 23, kYmm},
    {"avxvnniint8", 7, 1, kEdx, 4, kYmm},
    {"avxneconvert", 7, 1, kEdx, 5, kYmm},
    {"amx-complex", 7, 1, kEdx, 8, kTiles},
    {"avxvnniint16", 7, 1, kEdx, 10, kYmm},
    {"prefetchi", 7, 1, kEdx, 14, kNoState},
    {"xsaveopt", 0xd, 1, kEax, 0, kNoState},
    {"xsavec", 0xd, 1, kEax, 1, kNoState},
    {"xsaves", 0xd, 1, kEax, 3, kNoState},
    {"ptwrite", 0x14, 0, kEbx, 4, kNoState},
    {"sahf", 0x80000001, 0, kEcx, 0, kNoState},
    {"lzcnt", 0x80000001, 0, kEcx, 5, kNoState},
    {"sse4a", 0x80000001, 0, kEcx, 6, kNoState},
    {"prfchw", 0x80000001, 0, kEcx, 8, kNoState},
    {"xop", 0x80000001, 0, kEcx, 11, kYmm},
    {"lwp", 0x80000001, 0, kEcx, 15, kNoState},
    {"fma4", 0x80000001, 0, kEcx, 16, kYmm},
    {"tbm", 0x80000001, 0, kEcx, 21, kNoState},
    {"mwaitx", 0x80000001, 0, kEcx, 29, kNoState},
    {"64bit", 0x80000001, 0, kEdx, 29, kNoState},
    {"clzero", 0x80000008, 0, kEbx, 0, kNoState},
    {"rdpru", 0x80000008, 0, kEbx, 4, kNoState},
    {"wbnoinvd", 0x80000008, 0, kEbx, 9, kNoState},
};

// What the operating system saves; zero where it does not say.
std::uint64_t saved_state() {
  std::uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 27 & 1)) return 0;
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

}  // namespace

bool cpu_has(std::string_view feature) {
  for (const Feature& entry : kFeatures) {
    if (entry.name != feature) continue;
    std::uint32_t registers[4];
    if (!__get_cpuid_count(entry.leaf, entry.subleaf, &registers[kEax], &registers[kEbx], &registers[kEcx],
                           &registers[kEdx])) {
      return false;
    }
    return (registers[entry.where] >> entry.bit & 1) &&
           (entry.state == 0 || (saved_state() & entry.state) == entry.state);
  }
  return false;
}

#elif defined(__aarch64__)

bool cpu_has(std::string_view feature) {
  struct Feature {
    std::string_view name;
    int type;
    int bit;
  };
  // Linux's uapi asm/hwcap.h for arm64.
  static constexpr Feature kFeatures[] = {
      {"fp-armv8", AT_HWCAP, 0}, {"neon", AT_HWCAP, 1},     {"aes", AT_HWCAP, 3},       {"sha2", AT_HWCAP, 6},
      {"crc", AT_HWCAP, 7},      {"lse", AT_HWCAP, 8},      {"fullfp16", AT_HWCAP, 10}, {"rdm", AT_HWCAP, 12},
      {"sha3", AT_HWCAP, 17},    {"dotprod", AT_HWCAP, 20}, {"sve", AT_HWCAP, 22},      {"fp16fml", AT_HWCAP, 23},
      {"sve2", AT_HWCAP2, 1},    {"i8mm", AT_HWCAP2, 13},   {"bf16", AT_HWCAP2, 14},
  };
  for (const Feature& entry : kFeatures) {
    if (entry.name == feature) return getauxval(entry.type) >> entry.bit & 1;
  }
  return false;
}

#endif

}  // namespace tilewright::runtime
