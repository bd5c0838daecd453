#include "search/measure/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace tilewright::search {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kMaxFrame = uint64_t{1} << 31;

bool send_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

ChannelStatus receive_all(int fd, char* data, size_t size, bool forever, Clock::time_point deadline) {
  while (size > 0) {
    int wait = -1;
    if (!forever) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return ChannelStatus::kTimeout;
      wait = static_cast<int>(std::min<long long>(left + 1, 1 << 30));
    }
    pollfd p{fd, POLLIN, 0};
    const int ready = ::poll(&p, 1, wait);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return ChannelStatus::kClosed;
    if (ready == 0) continue;
    const ssize_t n = ::read(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ChannelStatus::kClosed;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return ChannelStatus::kOk;
}

}  // namespace

bool send_message(int fd, std::string_view bytes) {
  const uint64_t size = bytes.size();
  return send_all(fd, reinterpret_cast<const char*>(&size), sizeof size) && send_all(fd, bytes.data(), bytes.size());
}

ChannelStatus receive_message(int fd, std::string* bytes, double timeout_seconds) {
  const bool forever = timeout_seconds < 0;
  const auto deadline =
      Clock::now() + std::chrono::microseconds(forever ? 0 : static_cast<int64_t>(timeout_seconds * 1e6));
  uint64_t size = 0;
  ChannelStatus status = receive_all(fd, reinterpret_cast<char*>(&size), sizeof size, forever, deadline);
  if (status != ChannelStatus::kOk) return status;
  if (size > kMaxFrame) return ChannelStatus::kClosed;
  bytes->resize(size);
  return receive_all(fd, bytes->data(), size, forever, deadline);
}

}  // namespace tilewright::search
