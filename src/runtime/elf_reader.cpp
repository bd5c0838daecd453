#include "runtime/elf_reader.h"

#include <elf.h>

#include <cstring>

#include "tilewright/runtime/error.h"

namespace tilewright::runtime {

namespace {

[[noreturn]] void fail(ErrorCode code, const std::string& message) {
  throw Error(code, message);
}

// The bytes are not aligned to anything, so structures are copied out.
template <typename T>
T load(std::string_view bytes, std::uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

bool range_fits(std::uint64_t offset, std::uint64_t size, std::uint64_t total) {
  return offset <= total && size <= total - offset;
}

// The terminated string at `offset`, or an empty one where there is none.
std::string_view string_at(std::string_view table, std::uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::size_t end = table.find('\0', offset);
  return end == std::string_view::npos ? std::string_view{} : table.substr(offset, end - offset);
}

}  // namespace

ElfReader::ElfReader(std::string_view bytes) : bytes_(bytes) {
  if (bytes.empty()) fail(ErrorCode::kTruncatedFile, "the file is empty");
  const std::string_view magic(ELFMAG, SELFMAG);
  if (bytes.substr(0, SELFMAG) != magic.substr(0, bytes.size())) fail(ErrorCode::kNotElf, "not an ELF file");
  if (bytes.size() < sizeof(Elf64_Ehdr)) {
    fail(ErrorCode::kTruncatedFile, "truncated: " + std::to_string(bytes.size()) + " bytes, less than an ELF header");
  }
  const auto header = load<Elf64_Ehdr>(bytes, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    fail(ErrorCode::kWrongArchitecture, "expected a 64-bit little-endian ELF file");
  }
  if (header.e_type != ET_DYN) fail(ErrorCode::kNotAModule, "not a shared library");
  machine_ = header.e_machine;
  if (header.e_shoff == 0 || header.e_shnum == 0) fail(ErrorCode::kNotAModule, "no section table");
  if (header.e_shentsize != sizeof(Elf64_Shdr)) fail(ErrorCode::kMalformedFile, "malformed section table");
  const std::uint64_t table_bytes = std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
  if (!range_fits(header.e_shoff, table_bytes, bytes.size())) {
    fail(ErrorCode::kTruncatedFile, "truncated: " + std::to_string(bytes.size()) +
                                        " bytes, but the section table ends at " +
                                        std::to_string(header.e_shoff + table_bytes));
  }
  if (header.e_phnum > 0) {
    if (header.e_phentsize != sizeof(Elf64_Phdr)) fail(ErrorCode::kMalformedFile, "malformed segment table");
    check_segments(header.e_phoff, header.e_phnum);
  }
  std::vector<std::uint32_t> names;
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto entry = load<Elf64_Shdr>(bytes, header.e_shoff + i * sizeof(Elf64_Shdr));
    Section section{{}, entry.sh_type, entry.sh_link, entry.sh_offset, entry.sh_size};
    if (entry.sh_type == SHT_NOBITS || entry.sh_type == SHT_NULL) {
      section.offset = section.size = 0;
    } else if (!range_fits(section.offset, section.size, bytes.size())) {
      fail(ErrorCode::kTruncatedFile,
           "truncated or malformed: section " + std::to_string(i) + " ends outside of the file");
    }
    sections_.push_back(section);
    names.push_back(entry.sh_name);
  }
  if (header.e_shstrndx >= sections_.size()) fail(ErrorCode::kMalformedFile, "malformed section table: no names");
  const std::string_view name_table = contents(sections_[header.e_shstrndx]);
  for (std::size_t i = 0; i < sections_.size(); ++i) sections_[i].name = string_at(name_table, names[i]);
}

void ElfReader::check_segments(std::uint64_t offset, std::uint64_t count) const {
  if (!range_fits(offset, count * sizeof(Elf64_Phdr), bytes_.size())) {
    fail(ErrorCode::kTruncatedFile, "truncated: the segment table ends outside of the file");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = load<Elf64_Phdr>(bytes_, offset + i * sizeof(Elf64_Phdr));
    if (entry.p_type == PT_LOAD && !range_fits(entry.p_offset, entry.p_filesz, bytes_.size())) {
      fail(ErrorCode::kTruncatedFile,
           "truncated or malformed: segment " + std::to_string(i) + " ends outside of the file");
    }
  }
}

const ElfReader::Section* ElfReader::find_section(std::string_view name) const {
  for (const Section& section : sections_) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

std::vector<std::string_view> ElfReader::exported_symbols() const {
  std::vector<std::string_view> symbols;
  for (const Section& section : sections_) {
    if (section.type != SHT_DYNSYM || section.link >= sections_.size()) continue;
    const std::string_view names = contents(sections_[section.link]);
    for (std::uint64_t i = 0; i < section.size / sizeof(Elf64_Sym); ++i) {
      const auto symbol = load<Elf64_Sym>(bytes_, section.offset + i * sizeof(Elf64_Sym));
      const int binding = ELF64_ST_BIND(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF || (binding != STB_GLOBAL && binding != STB_WEAK)) continue;
      symbols.push_back(string_at(names, symbol.st_name));
    }
  }
  return symbols;
}

std::uint16_t host_machine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#else
#error "this processor is not supported yet"
#endif
}

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_RISCV:
      return "risc-v";
    default:
      return "machine " + std::to_string(machine);
  }
}

}  // namespace tilewright::runtime
