// Runs the target's C compiler.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codegen/c/c_emitter.h"
#include "codegen/c/codegen_c.h"

extern char** environ;

namespace tilewright::codegen {
namespace {

constexpr size_t kMaxMessages = 4000;

/// A folder that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    const auto base = std::filesystem::temp_directory_path(error);
    std::string pattern = (error ? std::filesystem::path("/tmp") : base) / "tilewright-XXXXXX";
    if (!mkdtemp(pattern.data()))
      c_error("G0872", fmt::format("cannot make a temporary folder {}: {}", pattern, std::strerror(errno)),
              "set TMPDIR");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) c_error("G0872", fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

bool read_file(const std::string& path, std::string* bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return false;
  std::ostringstream text;
  text << in.rdbuf();
  *bytes = std::move(text).str();
  return static_cast<bool>(in);
}

/// Runs a program with its messages in a file; its wait status, or -1 with errno when it cannot start.
int run(const std::vector<std::string>& command, const std::string& messages) {
  std::vector<char*> argv;
  for (const std::string& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, messages.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    errno = error;
    return -1;
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

}  // namespace

std::string compile_c_shared(std::string_view source, const CCompileOptions& options) {
  if (options.compiler.empty() || options.compiler[0] == '-')
    c_error("G0870", fmt::format("\"{}\" is no C compiler", options.compiler),
            "choose one with -cc=, for example -cc=gcc");
  const TemporaryFolder folder;
  const std::string input = folder.file("kernel.c"), output = folder.file("kernel.so"),
                    messages = folder.file("messages.txt");
  write_file(input, source);
  std::vector<std::string> command = {options.compiler, "-fPIC", "-shared", "-fvisibility=hidden"};
  command.insert(command.end(), options.flags.begin(), options.flags.end());
  command.push_back("-o");
  command.push_back(output);
  command.push_back(input);
  for (size_t i = 0; i < options.objects.size(); ++i) {
    command.push_back(folder.file(fmt::format("part{}.o", i)));
    write_file(command.back(), options.objects[i]);
  }
  for (const char* library : {"-lm", "-lpthread", "-ldl"}) command.push_back(library);
  const int status = run(command, messages);
  if (status == -1)
    c_error("G0870", fmt::format("the C compiler `{}` cannot be started: {}", options.compiler, std::strerror(errno)),
            "install it, or choose another one with -cc=");
  std::string text, library;
  read_file(messages, &text);
  // Where posix_spawn cannot tell, the child ends with 127.
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && text.empty())
    c_error("G0870", fmt::format("the C compiler `{}` cannot be started", options.compiler),
            "install it, or choose another one with -cc=");
  const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!good || !read_file(output, &library) || library.empty()) {
    if (text.size() > kMaxMessages) text = text.substr(0, kMaxMessages) + "\n...";
    const std::string how = WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status)) : "failed";
    c_error("G0871",
            fmt::format("the C compiler `{}` {}: {}", options.compiler, how, text.empty() ? "it said nothing" : text));
  }
  return library;
}

}  // namespace tilewright::codegen
