// The rules of the house: arrows between rooms, and what public headers may reach.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TILEWRIGHT_SOURCE_DIR;

/// Who may include whom, beside itself.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"support", {}},
    {"runtime", {}},
    {"tir", {"support"}},
    {"arith", {"support", "tir"}},
    {"verify", {"support", "tir", "arith"}},
    {"te", {"support", "tir", "arith"}},
    {"schedule", {"support", "tir", "arith", "verify", "te"}},
    {"lower", {"support", "tir", "arith", "verify"}},
    {"codegen", {"support", "tir", "arith", "verify", "lower", "runtime"}},
    {"search", {"support", "tir", "arith", "verify", "te", "schedule", "lower", "codegen", "runtime"}},
};

struct Include {
  std::string file;
  int line;
  std::string path;
};

std::vector<Include> includes_of(const fs::path& file) {
  static const std::regex pattern(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<Include> out;
  std::ifstream in(file);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, pattern)) out.push_back({fs::relative(file, kRoot).string(), number, match[1]});
  }
  return out;
}

std::vector<fs::path> sources_below(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".h" || extension == ".cpp" || extension == ".c") out.push_back(entry.path());
  }
  return out;
}

/// The room that an include names: "tilewright/tir/expr.h" and "tir/expr.h" are of tir.
std::string room_of(std::string path) {
  if (path.rfind("tilewright/", 0) == 0) path = path.substr(11);
  const size_t slash = path.find('/');
  const std::string room = slash == std::string::npos ? "" : path.substr(0, slash);
  return kAllowed.count(room) ? room : "";
}

TEST(House, ArrowsPointOneWay) {
  int checked = 0;
  for (const auto& [room, allowed] : kAllowed) {
    for (const char* base : {"src", "include/tilewright"}) {
      const fs::path folder = kRoot / base / room;
      if (!fs::exists(folder)) continue;
      for (const fs::path& file : sources_below(folder)) {
        for (const Include& i : includes_of(file)) {
          const std::string other = room_of(i.path);
          if (other.empty() || other == room) continue;
          ++checked;
          EXPECT_TRUE(allowed.count(other))
              << i.file << ":" << i.line << ": room " << room << " includes room " << other;
        }
      }
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(House, PublicHeadersReachNoBackEnd) {
  const std::regex foreign(R"(^(llvm|lld|clang|xgboost|cuda|nvrtc|nlohmann|fmt|CL)\b|cuda|xgboost|llvm)");
  int checked = 0;
  for (const fs::path& file : sources_below(kRoot / "include")) {
    for (const Include& i : includes_of(file)) {
      ++checked;
      EXPECT_FALSE(std::regex_search(i.path, foreign))
          << i.file << ":" << i.line << ": public header includes " << i.path;
      // Private headers lie in src, where installed programs cannot find them.
      if (i.path.find('/') != std::string::npos && i.path.rfind("tilewright/", 0) != 0) {
        EXPECT_FALSE(fs::exists(kRoot / "src" / i.path))
            << i.file << ":" << i.line << ": public header includes private " << i.path;
      }
    }
  }
  EXPECT_GT(checked, 50);
}

TEST(House, PublicHeadersArePartOfTheUmbrella) {
  std::set<std::string> included;
  for (const Include& i : includes_of(kRoot / "include/tilewright/tilewright.h")) included.insert(i.path);
  for (const auto& [room, allowed] : kAllowed) {
    const fs::path folder = kRoot / "include/tilewright" / room;
    if (room == "runtime" || !fs::exists(folder)) continue;
    for (const fs::path& file : sources_below(folder)) {
      const std::string path = fs::relative(file, kRoot / "include").string();
      EXPECT_TRUE(included.count(path)) << path << " is missing in tilewright.h";
    }
  }
}

}  // namespace
