// CRC-32C (Castagnoli), the checksum of log lines.
#pragma once

#include <cstdint>
#include <string_view>

namespace tilewright {

/// Polynomial 0x1EDC6F41, reflected, initial value and final xor all ones: crc32c("123456789") == 0xe3069283.
uint32_t crc32c(std::string_view bytes);

}  // namespace tilewright
