// What the tests of the search share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tilewright/search/record.h"
#include "tilewright/search/space.h"
#include "tilewright/te/workload.h"

namespace tilewright::search {

/// A fixed machine, so that the spaces of the tests are the same everywhere.
inline const Target& space_target() {
  static const Target target = [] {
    Target t("c -num-cores=4");
    t.vector_bytes = 32;
    t.vector_registers = 16;
    return t;
  }();
  return target;
}

inline te::Workload workload(const std::string& name) {
  return te::parse_workload(name).value();
}

inline std::vector<Sketch> sketches_of(const std::string& name) {
  return generate_sketches(workload(name).func, space_target(), default_rules(space_target()));
}

/// A folder for this test alone, gone when the test ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) / ("tilewright_" + std::string(test->test_suite_name()) + "_" +
                                                         test->name() + "_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace tilewright::search
