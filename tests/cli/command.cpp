#include "cli/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tilewright::cli::test {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string Outcome::first_error() const {
  // Warnings and notes may come first.
  for (const std::string& line : lines_of(err)) {
    if (line.rfind("error: ", 0) == 0) return line;
  }
  return "";
}

nlohmann::json Outcome::last_json() const {
  const std::vector<std::string> lines = lines_of(out);
  return nlohmann::json::parse(lines.empty() ? "" : lines.back(), nullptr, false);
}

Outcome run_program(const std::string& program, const Invocation& invocation) {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::vector<std::string> words = {program};
  words.insert(words.end(), invocation.arguments.begin(), invocation.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!invocation.folder.empty() && ::chdir(invocation.folder.c_str()) != 0) ::_exit(125);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    for (const std::string& variable : invocation.environment) ::putenv(const_cast<char*>(variable.c_str()));
    if (invocation.file_limit > 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{invocation.file_limit, invocation.file_limit};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ::execv(program.c_str(), argv.data());
    ::_exit(126);
  }
  ::close(out[1]);
  ::close(err[1]);
  Outcome outcome;
  bool interrupted = invocation.interrupt_after.empty();
  pollfd polled[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  std::string* texts[2] = {&outcome.out, &outcome.err};
  for (int open = 2; open > 0;) {
    if (::poll(polled, 2, -1) < 0 && errno != EINTR) break;
    for (int i = 0; i < 2; ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t n = ::read(polled[i].fd, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        ::close(polled[i].fd);
        polled[i].fd = -1;
        --open;
        continue;
      }
      texts[i]->append(buffer, static_cast<size_t>(n));
    }
    if (!interrupted && outcome.err.find(invocation.interrupt_after) != std::string::npos) {
      interrupted = true;
      ::kill(child, SIGINT);
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

Outcome tilewright(const std::vector<std::string>& arguments, const std::string& folder) {
  return run_program(TILEWRIGHT_PROGRAM, {arguments, folder, {}, "", 0});
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "tilewright-cli-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}
Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name);
}
std::string Folder::read(const std::string& name) const {
  std::ifstream in(path(name), std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace tilewright::cli::test
