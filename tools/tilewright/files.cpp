#include "files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli.h"

namespace tilewright::cli {
namespace {

constexpr off_t kMaxBytes = off_t{1} << 30;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// The file that a chain of links ends at, so that renaming replaces the file and not the link.
std::string final_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, error);
  return error ? path : resolved.string();
}

}  // namespace

void check_writable(const std::string& option, const std::string& path) {
  if (path.empty()) refuse(fmt::format("{} is empty, expected the path of a file", option));
  const std::string target = final_path(path);
  struct stat info{};
  if (::stat(target.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) refuse(fmt::format("{} is {}, a folder, expected a file", option, in_quotes(path)));
    if (::access(target.c_str(), W_OK) != 0)
      refuse(fmt::format("{}: cannot write {}: {}", option, in_quotes(path), std::strerror(errno)));
    if (!S_ISREG(info.st_mode)) return;
  }
  std::string folder = std::filesystem::path(target).parent_path().string();
  if (folder.empty()) folder = ".";
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    refuse(fmt::format("{}: cannot write {}: {}", option, in_quotes(path), std::strerror(errno)));
}

void write_file(const std::string& path, std::string_view bytes) {
  const std::string target = final_path(path);
  const auto cannot = [&] { fail(fmt::format("cannot write {}: {}", in_quotes(path), std::strerror(errno))); };
  struct stat info{};
  if (::stat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    File file(::open(target.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || !write_all(file.get(), bytes)) cannot();
    return;
  }
  const std::string temporary = fmt::format("{}.{}.tmp", target, ::getpid());
  File file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0) cannot();
  if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0 || !file.close() ||
      ::rename(temporary.c_str(), target.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    errno = error;
    cannot();
  }
}

std::string read_whole_file(const std::string& path) {
  const auto cannot = [&] { refuse(fmt::format("cannot read {}: {}", in_quotes(path), std::strerror(errno))); };
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) cannot();
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) cannot();
  if (!S_ISREG(info.st_mode)) refuse(fmt::format("cannot read {}: it is not a regular file", in_quotes(path)));
  if (info.st_size > kMaxBytes)
    refuse(fmt::format("{} has {} bytes, expected less than 1 GiB", in_quotes(path), info.st_size));
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot();
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace tilewright::cli
