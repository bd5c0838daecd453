#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/runtime/error.h"

// What can be learned from a module's file without running any of it, by a bounds-checked ELF reader of our own. All
// functions accept any bytes at all.
namespace tilewright::runtime {

struct ModuleFileInfo {
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;
  // False: the checksum bytes are all zero.
  bool sealed = false;
  std::array<std::uint8_t, 32> sha256{};
  // JSON text, not checked further.
  std::string metadata;
  // Names of the exported functions without their symbol prefix, sorted.
  std::vector<std::string> functions;
  // "x86-64", "aarch64", or "machine 243".
  std::string architecture;
};

// Reads the file's headers and its metadata section. Throws Error: kNotElf, kTruncatedFile, kMalformedFile,
// kNotAModule, kUnknownAbi. The architecture may be any 64-bit little-endian one; the checksum is not compared.
TILEWRIGHT_RUNTIME_API ModuleFileInfo inspect_file(std::string_view bytes);

// The metadata alone; throws as inspect_file.
TILEWRIGHT_RUNTIME_API std::string inspect_metadata(std::string_view bytes);

// Whether the stored checksum is that of the bytes: SHA-256 over the file with the 32 checksum bytes taken as zero.
// Throws as inspect_file; an unsealed file has no right checksum.
TILEWRIGHT_RUNTIME_API bool checksum_matches(std::string_view bytes);

// Writes the checksum into the file's metadata section. Throws as inspect_file and leaves `bytes` as they were.
TILEWRIGHT_RUNTIME_API void seal(std::vector<std::uint8_t>& bytes);
TILEWRIGHT_RUNTIME_API void seal(std::string& bytes);

}  // namespace tilewright::runtime
