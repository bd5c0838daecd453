// A worker process with one stream socket (its file descriptor 3) to talk through.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "search/measure/channel.h"
#include "tilewright/support/expected.h"

namespace tilewright::search {

class Subprocess {
 public:
  Subprocess() = default;
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&& other) noexcept;
  /// Kills and reaps.
  ~Subprocess();

  static Expected<Subprocess> start(const std::string& program, const std::vector<std::string>& arguments);
  bool send(std::string_view bytes) { return send_message(socket_, bytes); }
  ChannelStatus receive(std::string* bytes, double timeout_seconds) {
    return receive_message(socket_, bytes, timeout_seconds);
  }
  int socket() const { return socket_; }
  bool running() const { return pid_ > 0; }
  void kill();

 private:
  pid_t pid_ = -1;
  int socket_ = -1;
};

/// The path of a worker program, for example "tilewright-runner".
Expected<std::string> find_worker(const std::string& name);

}  // namespace tilewright::search
