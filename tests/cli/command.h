// Runs the real program and looks at what it leaves: exit code, standard output, standard error.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tilewright::cli::test {

struct Outcome {
  int exit_code = -1;  // 128 + the signal where one ended the program
  std::string out, err;

  /// The first line of standard error.
  std::string first_error() const;
  /// The last line of standard output, as JSON; discarded when it is none.
  nlohmann::json last_json() const;
};

/// In `folder`, with the environment's variables changed as given ("NAME=value").
struct Invocation {
  std::vector<std::string> arguments;
  std::string folder;
  std::vector<std::string> environment;
  /// Sends SIGINT once standard error has this text; empty: never.
  std::string interrupt_after;
  /// Limit of a file's size in bytes, as a stand-in for a full disk; 0: none.
  uint64_t file_limit = 0;
};
Outcome run_program(const std::string& program, const Invocation& invocation);
/// The command line under test.
Outcome tilewright(const std::vector<std::string>& arguments, const std::string& folder = "");

/// A folder of its own for a test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;
  bool has(const std::string& name) const { return std::filesystem::exists(path(name)); }

 private:
  std::string path_;
};

std::vector<std::string> lines_of(const std::string& text);

}  // namespace tilewright::cli::test
