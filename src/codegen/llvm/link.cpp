// Linking by lld inside this process.
//
// Inputs are memory files; the output lies for a moment in a memory file system, because lld insists on creating files
// beside it. In place of the C library stands a stub of ours with the same name and symbol
// versions: a module then asks for libc.so.6 properly, is the same on every machine, and needs no development files.
#include <fmt/format.h>
#include <lld/Common/Driver.h>
#include <llvm/Support/raw_ostream.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>

#include "codegen/cpu_info.h"
#include "codegen/llvm/llvm_codegen.h"
#include "runtime/kernel_support_blob.h"
#include "tilewright/support/diagnostic.h"

LLD_HAS_DRIVER(elf)

namespace tilewright::codegen {
namespace {

/// A file without a name on any disk, closed at the end of its life.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view contents = {}) : fd_(memfd_create("tilewright", MFD_CLOEXEC)) {
    if (fd_ < 0) throw Error("G0820", "link", fmt::format("cannot make a memory file: {}", std::strerror(errno)));
    while (!contents.empty()) {
      ssize_t n = write(fd_, contents.data(), contents.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        close(fd_);
        throw Error("G0820", "link", fmt::format("cannot write a memory file: {}", std::strerror(errno)));
      }
      contents.remove_prefix(static_cast<size_t>(n));
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
};

/// A path for the linker's output; what lies there is removed at the end.
class OutputFile {
 public:
  OutputFile() {
    const char* given = std::getenv("TMPDIR");
    for (const char* base : {"/dev/shm", given ? given : "/tmp", "/tmp"}) {
      folder_ = fmt::format("{}/tilewright-link-XXXXXX", base);
      if (mkdtemp(folder_.data())) return;
    }
    throw Error("G0820", "link", fmt::format("cannot make a temporary folder: {}", std::strerror(errno)));
  }
  ~OutputFile() {
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  std::string path() const { return folder_ + "/output"; }
  std::string contents() const {
    std::ifstream in(path(), std::ios::binary);
    std::string out((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in.good() && !in.eof()) throw Error("G0820", "link", "cannot read the linker's output back");
    return out;
  }

 private:
  std::string folder_;
};

struct Version {
  const char* name;
  std::vector<const char*> symbols;
};

/// Functions of the C library that the support object and LLVM's instruction selection may call, under the versions in
/// which glibc has them since 2.17.
const std::vector<Version>& libc_versions() {
  static const std::vector<Version> versions = {
      {"GLIBC_2.2.5",
       {"abort",
        "calloc",
        "dlsym",
        "fprintf",
        "free",
        "getenv",
        "getpid",
        "malloc",
        "memcmp",
        "memmove",
        "memset",
        "pthread_create",
        "pthread_join",
        "pthread_mutex_init",
        "pthread_mutex_lock",
        "pthread_mutex_unlock",
        "pthread_sigmask",
        "sched_yield",
        "sigfillset",
        "snprintf",
        "stderr",
        "strcmp",
        "strlen",
        "strtol",
        "sysconf",
        "syscall",
        "vsnprintf"}},
      {"GLIBC_2.3.2",
       {"pthread_cond_broadcast", "pthread_cond_destroy", "pthread_cond_init", "pthread_cond_signal",
        "pthread_cond_wait"}},
      {"GLIBC_2.3.4", {"sched_getaffinity"}},
      {"GLIBC_2.6", {"__sched_cpucount"}},
      {"GLIBC_2.14", {"memcpy"}},
      {"GLIBC_2.17", {"clock_gettime"}},
  };
  return versions;
}
const std::vector<Version>& libm_versions() {
  static const std::vector<Version> versions = {
      {"GLIBC_2.2.5", {"ceil", "ceilf", "floor", "floorf", "fma",  "fmaf",  "fmax", "fmaxf", "fmin", "fminf",
                       "sqrt", "sqrtf", "trunc", "truncf", "exp",  "expf",  "log",  "logf",  "pow",  "powf",
                       "sin",  "sinf",  "cos",   "cosf",   "tanh", "tanhf", "erf",  "erff"}},
      {"GLIBC_2.25", {"roundeven", "roundevenf"}},
  };
  return versions;
}

std::mutex& lld_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// lld keeps global state; after a crash inside it the process can link no more.
void run_lld(const std::vector<std::string>& args) {
  static bool usable = true;
  if (!usable) throw Error("G0820", "link", "the linker failed earlier in this process and cannot run again");
  std::vector<const char*> argv;
  for (const std::string& arg : args) argv.push_back(arg.c_str());
  std::string text;
  llvm::raw_string_ostream out(text);
  lld::Result result = lld::lldMain(argv, out, out, {{lld::Gnu, &lld::elf::link}});
  usable = result.canRunAgain;
  if (result.retCode != 0) throw Error("G0820", "link", "the linker refused: " + out.str().substr(0, 2000));
}

std::string make_stub(const char* name, const std::vector<Version>& versions) {
  MemoryFile data("-");
  OutputFile output;
  std::string script;
  std::vector<std::string> args = {
      "ld.lld", "-m", "elf_x86_64", "-shared", "--threads=1", "--no-mmap-output-file", "--build-id=none"};
  const char* parent = "";
  for (const Version& version : versions) {
    script += fmt::format("{} {{ global: ", version.name);
    for (const char* symbol : version.symbols) {
      script += fmt::format("{}; ", symbol);
      args.push_back(fmt::format("--defsym={}=0", symbol));
    }
    script += fmt::format("local: *; }} {};\n", parent);
    parent = version.name;
  }
  MemoryFile script_file(script);
  for (std::string arg : {std::string("-soname=") + name, "--version-script=" + script_file.path(), std::string("-o"),
                          output.path(), std::string("--format=binary"), data.path()}) {
    args.push_back(std::move(arg));
  }
  run_lld(args);
  return output.contents();
}

/// Inputs of every link, made once and open as long as the process lives.
struct CommonInputs {
  MemoryFile support{runtime::kernel_support_object()};
  MemoryFile libc{make_stub("libc.so.6", libc_versions())};
  MemoryFile libm{make_stub("libm.so.6", libm_versions())};
};

}  // namespace

std::string link_shared(const std::vector<std::string_view>& objects, const std::string& triple) {
  if (triple_arch(triple) != triple_arch(host_cpu().triple)) {
    throw Error("G0821", "link",
                fmt::format("a shared library for {} cannot be linked here: emit an object and link it there", triple));
  }
  std::lock_guard lock(lld_mutex());
  static CommonInputs* common = new CommonInputs;
  OutputFile output;
  std::vector<std::unique_ptr<MemoryFile>> files;
  std::vector<std::string> args = {"ld.lld",
                                   "-shared",
                                   "--threads=1",
                                   "--no-mmap-output-file",
                                   "--build-id=none",
                                   "--hash-style=gnu",
                                   "--gc-sections",
                                   "--as-needed",
                                   "--strip-debug",
                                   "-z",
                                   "now",
                                   "-z",
                                   "noexecstack",
                                   "--unresolved-symbols=ignore-all",
                                   std::string("--undefined=") + kMetadataSymbol,
                                   "-o",
                                   output.path()};
  for (std::string_view object : objects) {
    files.push_back(std::make_unique<MemoryFile>(object));
    args.push_back(files.back()->path());
  }
  args.push_back(common->support.path());
  args.push_back(common->libc.path());
  args.push_back(common->libm.path());
  run_lld(args);
  return output.contents();
}

}  // namespace tilewright::codegen
