#include <dlfcn.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "runtime/fixture.h"

// The support code that modules carry, on its own: no host fills the slot here.
namespace tilewright::runtime {
namespace {

using ::testing::HasSubstr;

// Stands in for libtvm_ffi, and remembers the latest error.
constexpr const char* kErrorService = R"(
#include <stdio.h>
static _Thread_local char text[2000];
__attribute__((visibility("default"))) void TVMFFIErrorSetRaisedFromCStr(const char* kind, const char* message) {
  snprintf(text, sizeof(text), "%s: %s", kind, message);
}
__attribute__((visibility("default"))) const char* latest_error(void) { return text; }
)";

constexpr const char* kModule = R"(
#define EXPORT __attribute__((visibility("default")))
EXPORT int loop(int64_t extent, int64_t grain, int32_t threads, TwParallelBody body, void* closure) {
  return __tilewright_parallel_for(extent, grain, threads, body, closure);
}
EXPORT void* scratch(uint64_t bytes, uint64_t align) { return __tilewright_workspace_alloc(bytes, align); }
EXPORT void give_back(void* memory) { __tilewright_workspace_free(memory); }
EXPORT int fail(const char* kind, const char* message) { return __tilewright_fail(kind, message); }
)";

class Loaded {
 public:
  Loaded() {
    static const std::string path = testing::write_module("support.so", testing::build_module(kModule)).string();
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
    find(loop, "loop");
    find(scratch, "scratch");
    find(give_back, "give_back");
    find(fail, "fail");
  }
  ~Loaded() { dlclose(handle_); }

  int (*loop)(std::int64_t, std::int64_t, std::int32_t, TwParallelBody, void*);
  void* (*scratch)(std::uint64_t, std::uint64_t);
  void (*give_back)(void*);
  int (*fail)(const char*, const char*);

  bool covers(std::int64_t extent, std::int64_t grain, std::int32_t threads) const {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(extent));
    const int status = loop(
        extent, grain, threads,
        [](std::int64_t begin, std::int64_t end, void* closure) {
          auto& counts = *static_cast<std::vector<std::atomic<int>>*>(closure);
          for (std::int64_t i = begin; i < end; ++i) ++counts[static_cast<std::size_t>(i)];
          return 0;
        },
        &visits);
    for (const auto& count : visits) {
      if (count != 1) return false;
    }
    return status == 0;
  }

 private:
  template <typename Function>
  void find(Function*& target, const char* name) {
    target = reinterpret_cast<Function*>(dlsym(handle_, name));
  }
  void* handle_;
};

class KernelSupportTest : public ::testing::Test {
 protected:
  // Before the pool of the module starts. Four threads, whatever the machine has.
  static void SetUpTestSuite() {
    setenv("TILEWRIGHT_NUM_THREADS", "4", 1);
    const auto source = testing::scratch_folder() / "errors.c", library = testing::scratch_folder() / "errors.so";
    testing::write_text(source, kErrorService);
    testing::run_command("cc -shared -fPIC -o " + library.string() + " " + source.string());
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
    latest_error = reinterpret_cast<const char* (*)()>(dlsym(handle, "latest_error"));
  }
  static void TearDownTestSuite() { unsetenv("TILEWRIGHT_NUM_THREADS"); }

  static inline const char* (*latest_error)() = nullptr;
  Loaded module;
};

TEST_F(KernelSupportTest, EveryIterationRunsOnce) {
  for (std::int64_t extent : {0, 1, 2, 5, 64, 1001}) {
    for (std::int64_t grain : {0, 1, 3, 5000}) {
      for (std::int32_t threads : {0, 1, 2, 3, 100}) EXPECT_TRUE(module.covers(extent, grain, threads)) << extent;
    }
  }
}

TEST_F(KernelSupportTest, AllThreadsTakePart) {
  std::atomic<int> arrived{0};
  module.loop(
      4, 0, 0,
      [](std::int64_t, std::int64_t, void* closure) {
        auto& count = *static_cast<std::atomic<int>*>(closure);
        ++count;
        while (count < 4) std::this_thread::yield();
        return 0;
      },
      &arrived);
  EXPECT_EQ(arrived, 4);
}

TEST_F(KernelSupportTest, NestedAndConcurrentLoops) {
  const auto nested = [](std::int64_t begin, std::int64_t end, void* closure) {
    bool right = true;
    for (std::int64_t i = begin; i < end; ++i) right &= static_cast<Loaded*>(closure)->covers(20, 1, 0);
    return right ? 0 : -1;
  };
  EXPECT_EQ(module.loop(16, 1, 0, nested, &module), 0);
  std::vector<std::thread> callers;
  for (int t = 0; t < 6; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) ASSERT_TRUE(module.covers(37, i % 4, 0));
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(KernelSupportTest, WorkersThatSleepAreWoken) {
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(module.covers(64, i % 3, 0));
  }
}

TEST_F(KernelSupportTest, SurvivesDlcloseAndReload) {
  for (int i = 0; i < 30; ++i) {
    const Loaded again;
    EXPECT_TRUE(again.covers(100, 0, 0));
    again.give_back(again.scratch(1000, 64));
  }
}

TEST_F(KernelSupportTest, AChildOfForkHasThreadsOfItsOwn) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not support new threads in a child of fork";
#endif
  EXPECT_TRUE(module.covers(100, 0, 0));
  const auto child = [&] { return module.covers(100, 0, 0) && module.covers(100, 1, 0) ? 0 : 1; };
  EXPECT_EQ(testing::in_child(child), 0);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) module.covers(64, 1, 0);
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(testing::in_child(child), 0);
  stop = true;
  busy.join();
  // A child that ends normally runs the module's destructor.
  EXPECT_EQ(testing::in_child([&] {
              module.covers(100, 0, 0);
              module.~Loaded();
              return 0;
            }),
            0);
}

TEST_F(KernelSupportTest, ErrorsReachTheCaller) {
  EXPECT_EQ(module.fail("ValueError", "too long"), -1);
  EXPECT_STREQ(latest_error(), "ValueError: too long");
  const auto fails = [](std::int64_t begin, std::int64_t, void* closure) {
    return begin == 3 ? static_cast<Loaded*>(closure)->fail("TypeError", "chunk 3") : 0;
  };
  EXPECT_EQ(module.loop(50, 1, 0, fails, &module), -1);
  EXPECT_STREQ(latest_error(), "TypeError: chunk 3");
  EXPECT_EQ(module.loop(50, 1, 0, [](std::int64_t, std::int64_t, void*) { return 5; }, nullptr), 5);
  EXPECT_STREQ(latest_error(), "RuntimeError: a parallel loop's body failed without saying why");
  EXPECT_EQ(module.fail(nullptr, nullptr), -1);
  EXPECT_STREQ(latest_error(), "RuntimeError: unknown error");
}

TEST_F(KernelSupportTest, ScratchMemoryIsAlignedAndReused) {
  for (std::uint64_t align : {1, 64, 256, 4096}) {
    void* memory = module.scratch(10000, align);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % std::max<std::uint64_t>(align, 64), 0u);
    std::memset(memory, 1, 10000);
    module.give_back(memory);
    EXPECT_EQ(module.scratch(9000, align), memory);
    module.give_back(memory);
  }
  EXPECT_EQ(module.scratch(100, 48), nullptr);
  EXPECT_EQ(module.scratch(~std::uint64_t{0}, 64), nullptr);
  EXPECT_EQ(module.scratch(std::uint64_t{1} << 60, 64), nullptr);
  module.give_back(nullptr);
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        auto* memory = static_cast<unsigned char*>(module.scratch(500 + 300 * (i % 5), 64));
        memory[0] = memory[499] = static_cast<unsigned char>(t);
        ASSERT_EQ(memory[0], t);
        module.give_back(memory);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(KernelSupportBlobTest, ObjectIsSmallAndHidesItsSymbols) {
  const std::string_view object = kernel_support_object();
  ASSERT_GT(object.size(), sizeof(Elf64_Ehdr));
  EXPECT_EQ(object.substr(0, 4),
            "\x7f"
            "ELF");
  const auto path = testing::write_module("support.o", std::string(object));
  std::istringstream sizes(testing::run_command("size " + path.string() + " | tail -1"));
  int text = 0, data = 0;
  sizes >> text >> data;
  EXPECT_GT(text, 1000);
  EXPECT_LE(text + data, 12 * 1024);
  const std::string symbols =
      testing::run_command("readelf -sW " + path.string() + " | grep -E 'GLOBAL +DEFAULT +[0-9]'");
  EXPECT_THAT(symbols, HasSubstr("__tilewright_host_v1"));
  EXPECT_EQ(std::count(symbols.begin(), symbols.end(), '\n'), 1) << symbols;
}

TEST(KernelSupportBlobTest, SourceCompilesAloneWithBothCompilers) {
  const auto path = testing::write_module("support_alone.c", std::string(kernel_support_source()));
  for (const char* compiler : {"gcc", "clang-19"}) {
    if (std::system((std::string("command -v ") + compiler + " > /dev/null").c_str()) != 0) continue;
    testing::run_command(std::string(compiler) + " -std=c11 -O1 -fsyntax-only -Wall -Wextra -Wpedantic -Werror " +
                         path.string());
  }
  EXPECT_EQ(kernel_support_header(),
            testing::read_text(std::filesystem::path(TILEWRIGHT_SOURCE_DIR) / "include/tilewright/runtime/abi.h"));
}

}  // namespace
}  // namespace tilewright::runtime
