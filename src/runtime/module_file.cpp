#include "tilewright/runtime/module_file.h"

#include <algorithm>
#include <cstring>

#include "runtime/elf_reader.h"
#include "runtime/sha256.h"

namespace tilewright::runtime {

namespace {

// Where the metadata lies in the file, and its header.
struct Located {
  std::uint64_t offset = 0;
  TwMetaHeader header;

  std::uint64_t checksum_offset() const { return offset + offsetof(TwMetaHeader, sha256); }
};

Located locate_metadata(const ElfReader& elf) {
  const ElfReader::Section* section = elf.find_section(TW_META_SECTION);
  if (section == nullptr) {
    throw Error(ErrorCode::kNotAModule, "not a module of Tilewright: no section " TW_META_SECTION);
  }
  Located located;
  located.offset = section->offset;
  const std::string_view contents = elf.contents(*section);
  if (contents.size() < sizeof(TwMetaHeader)) throw Error(ErrorCode::kMalformedFile, "malformed metadata: too short");
  std::memcpy(&located.header, contents.data(), sizeof(TwMetaHeader));
  const std::string_view magic(located.header.magic, sizeof(located.header.magic));
  if (magic != TW_META_MAGIC)
    throw Error(ErrorCode::kNotAModule, "not a module of Tilewright: unknown metadata format");
  if (located.header.abi_major != TW_ABI_MAJOR) {
    throw Error(ErrorCode::kUnknownAbi, "expected ABI version " + std::to_string(TW_ABI_MAJOR) + ", got version " +
                                            std::to_string(located.header.abi_major) + "." +
                                            std::to_string(located.header.abi_minor));
  }
  if (located.header.json_bytes > contents.size() - sizeof(TwMetaHeader)) {
    throw Error(ErrorCode::kMalformedFile, "malformed metadata: " + std::to_string(located.header.json_bytes) +
                                               " bytes of text in a section of " + std::to_string(contents.size()));
  }
  return located;
}

std::array<std::uint8_t, 32> hash_unsealed(std::string_view bytes, const Located& located) {
  static constexpr char kZero[32] = {};
  Sha256 hash;
  hash.update(bytes.substr(0, located.checksum_offset()));
  hash.update({kZero, sizeof(kZero)});
  hash.update(bytes.substr(located.checksum_offset() + sizeof(kZero)));
  return hash.finish();
}

void seal_bytes(char* data, std::size_t size) {
  const std::string_view bytes(data, size);
  const Located located = locate_metadata(ElfReader(bytes));
  const auto digest = hash_unsealed(bytes, located);
  std::memcpy(data + located.checksum_offset(), digest.data(), digest.size());
}

}  // namespace

ModuleFileInfo inspect_file(std::string_view bytes) {
  const ElfReader elf(bytes);
  const Located located = locate_metadata(elf);
  ModuleFileInfo info;
  info.abi_major = located.header.abi_major;
  info.abi_minor = located.header.abi_minor;
  std::copy_n(located.header.sha256, info.sha256.size(), info.sha256.begin());
  info.sealed = std::any_of(info.sha256.begin(), info.sha256.end(), [](std::uint8_t byte) { return byte != 0; });
  info.metadata = bytes.substr(located.offset + sizeof(TwMetaHeader), located.header.json_bytes);
  info.architecture = machine_name(elf.machine());
  for (std::string_view symbol : elf.exported_symbols()) {
    const std::string_view prefix = TW_FUNCTION_PREFIX;
    if (symbol.size() > prefix.size() && symbol.starts_with(prefix))
      info.functions.emplace_back(symbol.substr(prefix.size()));
  }
  std::sort(info.functions.begin(), info.functions.end());
  return info;
}

std::string inspect_metadata(std::string_view bytes) {
  const Located located = locate_metadata(ElfReader(bytes));
  return std::string(bytes.substr(located.offset + sizeof(TwMetaHeader), located.header.json_bytes));
}

bool checksum_matches(std::string_view bytes) {
  const Located located = locate_metadata(ElfReader(bytes));
  const auto digest = hash_unsealed(bytes, located);
  return std::memcmp(digest.data(), located.header.sha256, digest.size()) == 0;
}

void seal(std::vector<std::uint8_t>& bytes) {
  seal_bytes(reinterpret_cast<char*>(bytes.data()), bytes.size());
}

void seal(std::string& bytes) {
  seal_bytes(bytes.data(), bytes.size());
}

}  // namespace tilewright::runtime
