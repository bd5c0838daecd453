#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright::runtime {

// A view of a 64-bit little-endian shared library. Accepts any bytes: every offset is checked before it is followed,
// and nothing is executed. Throws Error: kNotElf, kTruncatedFile, kWrongArchitecture (32 bits or big endian),
// kMalformedFile.
class ElfReader {
 public:
  explicit ElfReader(std::string_view bytes);

  std::uint16_t machine() const { return machine_; }

  struct Section {
    std::string_view name;
    std::uint32_t type = 0;
    std::uint32_t link = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  // The first section of that name, or null.
  const Section* find_section(std::string_view name) const;
  std::string_view contents(const Section& section) const { return bytes_.substr(section.offset, section.size); }

  // Names of the symbols that the library defines for others, in file order.
  std::vector<std::string_view> exported_symbols() const;

 private:
  void check_segments(std::uint64_t offset, std::uint64_t count) const;

  std::string_view bytes_;
  std::uint16_t machine_ = 0;
  std::vector<Section> sections_;
};

// The machine number that this library was compiled for.
std::uint16_t host_machine();
// "x86-64", "aarch64", or "machine 243".
std::string machine_name(std::uint16_t machine);

}  // namespace tilewright::runtime
