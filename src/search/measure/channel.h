// Framed binary messages over a stream socket, with deadlines. Used by both ends; needs libc only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright::search {

class MessageWriter {
 public:
  template <typename T>
  MessageWriter& put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  MessageWriter& put_string(std::string_view text) {
    put<uint64_t>(text.size());
    bytes_.append(text);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reading past the end gives zeros and clears ok().
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  T get() {
    T value{};
    if (bytes_.size() < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string get_string() {
    const auto size = get<uint64_t>();
    if (size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  bool ok() const { return ok_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

enum class ChannelStatus { kOk, kTimeout, kClosed };

/// Writes one frame (8-byte length, then the bytes). False when the other end is gone.
bool send_message(int fd, std::string_view bytes);
/// Reads one frame; `timeout_seconds` < 0 waits for ever. A frame above 2 GiB counts as closed.
ChannelStatus receive_message(int fd, std::string* bytes, double timeout_seconds);

}  // namespace tilewright::search
