// Files that commands read and write.
#pragma once

#include <string>
#include <string_view>

namespace tilewright::cli {

/// Refuses, before any work is done, a path that cannot be written: a folder, or a file in a missing or read-only
/// folder. `option` is named in the message.
void check_writable(const std::string& option, const std::string& path);

/// Writes a whole file: what existed is replaced only once everything is written. Devices and pipes are written to
/// directly.
void write_file(const std::string& path, std::string_view bytes);

/// The bytes of a regular file; exit 2 when it is missing, unreadable, no regular file, or larger than 1 GiB.
std::string read_whole_file(const std::string& path);

}  // namespace tilewright::cli
