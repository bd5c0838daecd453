#include "search/measure/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

extern char** environ;

namespace tilewright::search {
namespace {

constexpr int kWorkerSocket = 3;

Diagnostic worker_error(std::string message, std::string remedy = {}) {
  Diagnostic d;
  d.code = "M1201";
  d.operation = "measure";
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  return d;
}

}  // namespace

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::exchange(other.socket_, -1)) {}
Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(socket_, other.socket_);
  return *this;
}
Subprocess::~Subprocess() {
  kill();
}

void Subprocess::kill() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
}

Expected<Subprocess> Subprocess::start(const std::string& program, const std::vector<std::string>& arguments) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return worker_error(fmt::format("cannot make a socket pair: {}", std::strerror(errno)));
  // dup2 onto the same number would keep close-on-exec, so move the worker's end away from it first.
  int worker_end = pair[1];
  if (worker_end == kWorkerSocket) {
    worker_end = ::fcntl(pair[1], F_DUPFD_CLOEXEC, kWorkerSocket + 1);
    ::close(pair[1]);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, worker_end, kWorkerSocket);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Ctrl-C goes to the program, which ends its workers itself.
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);

  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  Subprocess process;
  const int code = ::posix_spawn(&process.pid_, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(worker_end);
  process.socket_ = pair[0];
  if (code != 0) {
    process.pid_ = -1;
    return worker_error(fmt::format("cannot start `{}`: {}", program, std::strerror(code)));
  }
  return process;
}

Expected<std::string> find_worker(const std::string& name) {
  namespace fs = std::filesystem;
  std::vector<fs::path> places;
  if (const char* folder = std::getenv("TILEWRIGHT_LIBEXEC")) places.emplace_back(folder);
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    places.push_back(self.parent_path());
    places.push_back(self.parent_path().parent_path() / "libexec" / "tilewright");
  }
#ifdef TILEWRIGHT_LIBEXEC_DIR
  places.emplace_back(TILEWRIGHT_LIBEXEC_DIR);
#endif
#ifdef TILEWRIGHT_BUILD_BIN_DIR
  places.emplace_back(TILEWRIGHT_BUILD_BIN_DIR);
#endif
  for (const fs::path& place : places) {
    const fs::path candidate = place / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return worker_error(fmt::format("cannot find the worker program `{}`", name),
                      "set TILEWRIGHT_LIBEXEC to the folder that holds it");
}

}  // namespace tilewright::search
