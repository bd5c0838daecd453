// Reading and appending of log files: locks, torn tails, damaged lines.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tilewright/search/record.h"

namespace tilewright::search {
namespace {

Diagnostic file_error(const char* code, std::string message, std::string remedy = {}) {
  Diagnostic d;
  d.code = code;
  d.operation = "log";
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  return d;
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool read_all(int fd, std::string* text) {
  char buffer[1 << 16];
  off_t offset = 0;
  for (;;) {
    const ssize_t n = ::pread(fd, buffer, sizeof buffer, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    text->append(buffer, static_cast<size_t>(n));
    offset += n;
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

LogContents parse(const std::string& path, const std::string& text) {
  LogContents contents;
  contents.bytes = static_cast<int64_t>(text.size());
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    ++number;
    const size_t end = text.find('\n', begin);
    const bool torn = end == std::string::npos;
    const std::string line = text.substr(begin, torn ? std::string::npos : end - begin);
    begin = torn ? text.size() : end + 1;
    if (line.empty()) continue;
    Expected<Record> record = parse_line(line);
    if (record)
      contents.records.push_back(*std::move(record));
    else
      contents.warnings.push_back(
          torn ? fmt::format("{}:{}: the last line is torn; it is left out", path, number)
               : fmt::format("{}:{}: {}; the line is left out", path, number, record.error().message));
  }
  return contents;
}

}  // namespace

Expected<LogContents> read_log(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error("M1002", fmt::format("cannot read `{}`: {}", path, std::strerror(errno)));
  struct stat info{};
  if (::fstat(file.get(), &info) == 0 && !S_ISREG(info.st_mode))
    return file_error("M1002", fmt::format("cannot read `{}`: it is not a regular file", path));
  std::string text;
  if (!read_all(file.get(), &text))
    return file_error("M1002", fmt::format("cannot read `{}`: {}", path, std::strerror(errno)));
  return parse(path, text);
}

RecordWriter::RecordWriter(RecordWriter&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)), warnings_(std::move(other.warnings_)) {}
RecordWriter& RecordWriter::operator=(RecordWriter&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(warnings_, other.warnings_);
  return *this;
}
RecordWriter::~RecordWriter() {
  if (file_ >= 0) ::close(file_);
}

Expected<RecordWriter> RecordWriter::open(const std::string& path) {
  RecordWriter writer;
  writer.path_ = path;
  writer.file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (writer.file_ < 0) return file_error("M1003", fmt::format("cannot write `{}`: {}", path, std::strerror(errno)));
  struct stat info{};
  if (::fstat(writer.file_, &info) != 0 || !S_ISREG(info.st_mode))
    return file_error("M1003", fmt::format("cannot write `{}`: it is not a regular file", path));
  if (::flock(writer.file_, LOCK_EX) != 0)
    return file_error("M1003", fmt::format("cannot lock `{}`: {}", path, std::strerror(errno)));
  std::string text;
  if (!read_all(writer.file_, &text))
    return file_error("M1002", fmt::format("cannot read `{}`: {}", path, std::strerror(errno)));
  const LogContents contents = parse(path, text);
  writer.warnings_ = contents.warnings;
  // The first line of a log of ours, torn while it was written, is no foreign file.
  const bool torn_start = text.rfind("{\"schema\":", 0) == 0 && text.find('\n') == std::string::npos;
  if (!text.empty() && contents.records.empty() && !torn_start) {
    ::flock(writer.file_, LOCK_UN);
    return file_error("M1004", fmt::format("`{}` is not empty and holds no record of ours", path),
                      "name another file; this one stays as it is");
  }
  // A full disk shows only when blocks are needed: reserve some now, beyond the end, without changing the size.
  if (::fallocate(writer.file_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(text.size()), 1 << 16) != 0 &&
      (errno == ENOSPC || errno == EDQUOT)) {
    const int error = errno;
    ::flock(writer.file_, LOCK_UN);
    return file_error("M1003", fmt::format("cannot write `{}`: {}", path, std::strerror(error)));
  }
  ::flock(writer.file_, LOCK_UN);
  return writer;
}

Status RecordWriter::append(const std::vector<Record>& records, bool sync) {
  if (records.empty()) return {};
  std::string lines;
  for (const Record& r : records) lines += to_line(r) + "\n";
  if (::flock(file_, LOCK_EX) != 0)
    return file_error("M1003", fmt::format("cannot lock `{}`: {}", path_, std::strerror(errno)));
  struct Unlock {
    int fd;
    ~Unlock() { ::flock(fd, LOCK_UN); }
  } unlock{file_};

  // Another writer may have died in the middle of a line since we last looked.
  struct stat info{};
  if (::fstat(file_, &info) != 0)
    return file_error("M1003", fmt::format("cannot write `{}`: {}", path_, std::strerror(errno)));
  char last = '\n';
  if (info.st_size > 0 && ::pread(file_, &last, 1, info.st_size - 1) == 1 && last != '\n') {
    std::string text;
    if (!read_all(file_, &text))
      return file_error("M1002", fmt::format("cannot read `{}`: {}", path_, std::strerror(errno)));
    const size_t keep = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    // Only the newline is missing: readers count this record, so it stays.
    if (parse_line(text.substr(keep))) {
      lines.insert(0, 1, '\n');
      return write_lines(lines, info.st_size, sync);
    }
    const std::string torn = path_ + ".torn";
    const File aside(::open(torn.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (aside.get() < 0 || !write_all(aside.get(), text.substr(keep) + "\n") || ::fsync(aside.get()) != 0)
      return file_error("M1005", fmt::format("cannot move the torn last line of `{}` to `{}`: {}", path_, torn,
                                             std::strerror(errno)));
    if (::ftruncate(file_, static_cast<off_t>(keep)) != 0)
      return file_error("M1005", fmt::format("cannot cut the torn last line of `{}`: {}", path_, std::strerror(errno)));
    info.st_size = static_cast<off_t>(keep);
  }
  return write_lines(lines, info.st_size, sync);
}

Status RecordWriter::write_lines(const std::string& lines, int64_t size, bool sync) {
  if (!write_all(file_, lines)) {
    const int error = errno;
    // Leave whole lines only.
    if (::ftruncate(file_, size) != 0) { /* the next appender moves the torn tail aside */
    }
    return file_error("M1006", fmt::format("cannot append to `{}`: {}", path_, std::strerror(error)),
                      "free some space; every record written before is kept");
  }
  if (sync && ::fdatasync(file_) != 0)
    return file_error("M1006", fmt::format("cannot append to `{}`: {}", path_, std::strerror(errno)));
  return {};
}

}  // namespace tilewright::search
