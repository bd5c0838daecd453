#include "search/measure/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "search/measure/channel.h"
#include "search/measure/guarded_array.h"
#include "search/measure/protocol.h"
#include "tilewright/runtime/runtime.h"
#include "tilewright/search/inputs.h"

namespace tilewright::search {
namespace {

using Clock = std::chrono::steady_clock;
// Statuses as in record.h; the runner does not include what links the compiler.
enum Outcome : uint8_t { kOk = 0, kRunError = 4, kCrashed = 5, kTimeout = 6, kWrong = 7 };

constexpr size_t kFlushBytes = size_t{64} << 20;
constexpr size_t kMessageBytes = 400;
constexpr int kMaxTimes = 64;

struct Argument {
  tir::DataType type;
  ArgRole role = ArgRole::kInput;
  std::vector<int64_t> shape;
  int64_t count = 1;
  GuardedArray array, reference;
  size_t bytes() const { return static_cast<size_t>(count * type.element_bytes()); }
};

/// What a child reports, in memory shared with the zygote.
struct Report {
  volatile uint8_t finished;
  uint8_t outcome;
  uint8_t checked;
  int32_t count;
  double max_error;
  double times[kMaxTimes];
  char message[kMessageBytes];
};

struct RunRequest {
  std::string module;
  double best_seconds = std::numeric_limits<double>::infinity();
  int32_t number = 0, repeat = 3;
  double min_repeat_seconds = 0.004;
  bool cold = false, verify = false, keep = false;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Runner {
 public:
  explicit Runner(int socket) : socket_(socket) {}

  int serve() {
    std::string message;
    while (receive_message(socket_, &message, -1) == ChannelStatus::kOk) {
      MessageReader reader(message);
      MessageWriter reply;
      switch (static_cast<RunnerCommand>(reader.get<uint8_t>())) {
        case RunnerCommand::kTask:
          set_task(&reader, &reply);
          break;
        case RunnerCommand::kReferenceData:
          set_reference(&reader, &reply);
          break;
        case RunnerCommand::kReferenceModule:
          run_reference(&reader, &reply);
          break;
        case RunnerCommand::kRun:
          run(&reader, &reply);
          break;
        case RunnerCommand::kReferenceKernel:
          reply.put<double>(reference_kernel());
          break;
        default:
          return 2;
      }
      if (!reader.ok() || !send_message(socket_, reply.bytes())) return 1;
    }
    return 0;
  }

 private:
  void set_task(MessageReader* in, MessageWriter* out) {
    function_ = in->get_string();
    const auto seed = in->get<uint64_t>();
    threads_ = in->get<int32_t>();
    tolerance_ = in->get<double>();
    timeout_ = in->get<double>();
    memory_limit_ = in->get<uint64_t>();
    arguments_.clear();
    const auto count = in->get<uint32_t>();
    bool fits = true;
    for (uint32_t i = 0; i < count && in->ok(); ++i) {
      Argument a;
      a.type.code = static_cast<tir::TypeCode>(in->get<uint8_t>());
      a.type.bits = in->get<uint8_t>();
      a.role = static_cast<ArgRole>(in->get<uint8_t>());
      const auto rank = in->get<uint32_t>();
      for (uint32_t d = 0; d < rank && in->ok(); ++d) a.shape.push_back(in->get<int64_t>());
      for (const int64_t extent : a.shape) a.count *= extent;
      a.array = GuardedArray(a.bytes(), false);
      if (a.role != ArgRole::kInput) a.reference = GuardedArray(a.bytes(), true);
      fits = fits && a.array.valid() && (a.role == ArgRole::kInput || a.reference.valid());
      if (fits && a.role != ArgRole::kOutput) fill_input(a.type, seed, static_cast<int>(i), a.array.data(), a.count);
      arguments_.push_back(std::move(a));
    }
    out->put<uint8_t>(fits ? 1 : 0);
  }

  void set_reference(MessageReader* in, MessageWriter* out) {
    bool ok = true;
    for (Argument& a : arguments_) {
      if (a.role == ArgRole::kInput) continue;
      const std::string bytes = in->get_string();
      ok = ok && bytes.size() == a.bytes();
      if (ok) std::memcpy(a.reference.data(), bytes.data(), bytes.size());
    }
    out->put<uint8_t>(ok ? 1 : 0);
  }

  void run_reference(MessageReader* in, MessageWriter* out) {
    RunRequest request;
    const auto timeout = in->get<double>();
    request.module = in->get_string();
    Report* report = run_child(timeout, [&](Report* r) { compute_reference(request, r); });
    write_report(report, out);
  }

  void run(MessageReader* in, MessageWriter* out) {
    RunRequest request;
    request.best_seconds = in->get<double>();
    request.number = in->get<int32_t>();
    request.repeat = in->get<int32_t>();
    request.min_repeat_seconds = in->get<double>();
    request.cold = in->get<uint8_t>() != 0;
    request.verify = in->get<uint8_t>() != 0;
    request.keep = in->get<uint8_t>() != 0;
    request.module = in->get_string();
    Report* report = run_child(timeout_, [&](Report* r) { measure(request, r); });
    write_report(report, out);
  }

  static void write_report(const Report* r, MessageWriter* out) {
    out->put<uint8_t>(r->outcome)
        .put<uint8_t>(r->checked)
        .put<double>(r->max_error)
        .put<uint32_t>(static_cast<uint32_t>(r->count));
    for (int i = 0; i < r->count; ++i) out->put<double>(r->times[i]);
    out->put_string(std::string_view(r->message, ::strnlen(r->message, kMessageBytes)));
  }

  static GuardedArray& shared_report() {
    static GuardedArray memory(sizeof(Report), true);
    return memory;
  }

  template <typename F>
  Report* run_child(double timeout, F body) {
    auto* report = new (shared_report().data()) Report{};
    report->max_error = -1;
    int pipe_ends[2];
    if (::pipe2(pipe_ends, O_CLOEXEC) != 0) {
      fail(report, kRunError, "cannot make a pipe");
      return report;
    }
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe_ends[0]);
      isolate(timeout);
      for (Argument& a : arguments_) {
        if (a.role == ArgRole::kInput) a.array.make_read_only();
      }
      body(report);
      report->finished = 1;
      ::_exit(0);
    }
    ::close(pipe_ends[1]);
    if (child < 0) {
      ::close(pipe_ends[0]);
      fail(report, kRunError, "cannot fork");
      return report;
    }
    // The pipe closes when the child is gone, however it went.
    pollfd p{pipe_ends[0], POLLIN, 0};
    const auto start = Clock::now();
    bool timed_out = false;
    for (;;) {
      const double left = timeout - seconds_since(start);
      const int ready = left <= 0 ? 0 : ::poll(&p, 1, static_cast<int>(left * 1000) + 1);
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0 && left > 0) continue;
      timed_out = ready == 0;
      break;
    }
    ::kill(-child, SIGKILL);
    ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    ::close(pipe_ends[0]);
    if (report->finished) return report;
    char text[kMessageBytes];
    if (timed_out || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
      std::snprintf(text, sizeof text, "did not finish within %g s", timeout);
      fail(report, kTimeout, text);
    } else if (WIFSIGNALED(status)) {
      std::snprintf(text, sizeof text, "crashed by signal %d (%s)", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
      fail(report, kCrashed, text);
    } else {
      std::snprintf(text, sizeof text, "ended with exit code %d", WEXITSTATUS(status));
      fail(report, kCrashed, text);
    }
    report->count = 0;
    return report;
  }

  static void fail(Report* r, Outcome outcome, const char* message) {
    r->outcome = outcome;
    std::snprintf(r->message, kMessageBytes, "%s", message);
  }

  void isolate(double timeout) const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::close(socket_);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const auto cpu = static_cast<rlim_t>(std::ceil(timeout * std::max(1, threads_)) + 1);
    const rlimit cpu_limit{cpu, cpu + 1};
    ::setrlimit(RLIMIT_CPU, &cpu_limit);
#if !defined(__SANITIZE_ADDRESS__)
    if (memory_limit_ > 0) {
      const rlimit memory{memory_limit_, memory_limit_};
      ::setrlimit(RLIMIT_AS, &memory);
    }
#endif
  }

  // ---- In the child.

  std::vector<TwAny> call_arguments(std::vector<TwDLTensor>* tensors) {
    tensors->resize(arguments_.size());
    std::vector<TwAny> values(arguments_.size());
    for (size_t i = 0; i < arguments_.size(); ++i) {
      Argument& a = arguments_[i];
      TwDLTensor& t = (*tensors)[i];
      t = {};
      t.data = a.array.data();
      t.device = {TW_DEVICE_CPU, 0};
      t.ndim = static_cast<int32_t>(a.shape.size());
      t.dtype = {type_code(a.type), a.type.bits, 1};
      t.shape = a.shape.data();
      values[i] = {};
      values[i].type_index = TW_TYPE_DLTENSOR;
      values[i].v_ptr = &t;
    }
    return values;
  }

  static uint8_t type_code(tir::DataType t) {
    switch (t.code) {
      case tir::TypeCode::kInt:
        return TW_DTYPE_INT;
      case tir::TypeCode::kUint:
        return TW_DTYPE_UINT;
      case tir::TypeCode::kFloat:
        return TW_DTYPE_FLOAT;
      case tir::TypeCode::kBfloat:
        return TW_DTYPE_BFLOAT;
      default:
        return TW_DTYPE_BOOL;
    }
  }

  void poison_outputs() {
    for (Argument& a : arguments_) {
      if (a.role == ArgRole::kOutput) fill_poison(a.type, a.array.data(), a.count);
    }
  }

  void compute_reference(const RunRequest& request, Report* report) {
    try {
      runtime::set_num_threads(threads_);
      const runtime::Module module = runtime::load_from_memory(request.module);
      const runtime::Function function = module[function_];
      std::vector<TwDLTensor> tensors;
      const std::vector<TwAny> values = call_arguments(&tensors);
      for (size_t i = 0; i < arguments_.size(); ++i) {
        Argument& a = arguments_[i];
        if (a.role == ArgRole::kInput) continue;
        if (a.role == ArgRole::kInOut) std::memcpy(a.reference.data(), a.array.data(), a.bytes());
        tensors[i].data = a.reference.data();
      }
      function.call(values.data(), static_cast<int32_t>(values.size()));
    } catch (const std::exception& e) {
      fail(report, kRunError, e.what());
    }
  }

  void measure(const RunRequest& request, Report* report) {
    try {
      runtime::set_num_threads(threads_);
      const runtime::Module module = runtime::load_from_memory(request.module);
      const runtime::Function function = module[function_];
      std::vector<TwDLTensor> tensors;
      const std::vector<TwAny> values = call_arguments(&tensors);
      const auto n = static_cast<int32_t>(values.size());
      // Inputs that the kernel also writes are as given for the checked call: check first where there are any.
      bool in_place = false;
      for (const Argument& a : arguments_) in_place |= a.role == ArgRole::kInOut;
      poison_outputs();
      function.call(values.data(), n);
      if (in_place && !compare(report)) return;
      double best = time_calls(function, values, request, report);
      const bool may_win = best < request.best_seconds * 1.02;
      if (!in_place && (request.verify || may_win)) {
        poison_outputs();
        function.call(values.data(), n);
        if (!compare(report)) return;
      }
    } catch (const std::exception& e) {
      fail(report, kRunError, e.what());
    }
  }

  double time_calls(const runtime::Function& function, const std::vector<TwAny>& values, const RunRequest& request,
                    Report* report) {
    const auto n = static_cast<int32_t>(values.size());
    auto batch = [&](int number) {
      if (request.cold) flush();
      const auto start = Clock::now();
      for (int i = 0; i < number; ++i) function.call(values.data(), n);
      return seconds_since(start) / number;
    };
    double single = std::max(1e-9, batch(1));
    double best = single;
    // A clear loser is not worth more of anybody's time; a second call guards against a hiccup.
    if (!request.keep && std::isfinite(request.best_seconds) && single > 2 * request.best_seconds) {
      single = std::min(single, std::max(1e-9, batch(1)));
      if (single > 2 * request.best_seconds) {
        report->times[report->count++] = single;
        return single;
      }
    }
    int number = request.number;
    if (number <= 0)
      number = request.cold ? 1 : static_cast<int>(std::min(1e6, std::ceil(request.min_repeat_seconds / single)));
    best = std::numeric_limits<double>::infinity();
    const int repeats = std::clamp(request.repeat, 1, kMaxTimes);
    for (int r = 0; r < repeats; ++r) {
      // With a cold cache every single call must be preceded by a flush.
      double t = 0;
      if (request.cold) {
        for (int i = 0; i < number; ++i) t += batch(1);
        t /= number;
      } else {
        t = batch(number);
      }
      t = std::max(1e-9, t);
      report->times[report->count++] = t;
      best = std::min(best, t);
      if (!request.keep && best > 1.3 * request.best_seconds) break;
    }
    return best;
  }

  static void flush() {
    static std::vector<unsigned char> memory(kFlushBytes);
    for (size_t i = 0; i < memory.size(); i += 64) ++memory[i];
  }

  bool compare(Report* report) {
    double worst = 0;
    for (size_t i = 0; i < arguments_.size(); ++i) {
      Argument& a = arguments_[i];
      char text[kMessageBytes];
      if (!a.array.slack_intact()) {
        std::snprintf(text, sizeof text, "argument %zu: wrote past its end", i);
        fail(report, kWrong, text);
        report->max_error = std::numeric_limits<double>::infinity();
        return false;
      }
      if (a.role == ArgRole::kInput) continue;
      const double error = max_error(a.type, a.array.data(), a.reference.data(), a.count);
      worst = std::max(worst, error);
      if (!(error <= tolerance_)) {
        std::snprintf(text, sizeof text, "argument %zu: max_error %.3g is above the limit %.3g", i, error, tolerance_);
        fail(report, kWrong, text);
        report->max_error = error;
        return false;
      }
    }
    report->checked = 1;
    report->max_error = worst;
    return true;
  }

  /// A fixed amount of dependent arithmetic, so that its time tells about the machine alone.
  static double reference_kernel() {
    double best = std::numeric_limits<double>::infinity();
    for (int r = 0; r < 5; ++r) {
      const auto start = Clock::now();
      double x = 1.0;
      for (int i = 0; i < 100000; ++i) x = x * 0.999999 + 1e-7;
      volatile double sink = x;
      (void)sink;
      best = std::min(best, seconds_since(start));
    }
    return best;
  }

  int socket_;
  std::string function_;
  int32_t threads_ = 1;
  double tolerance_ = 0, timeout_ = 10;
  uint64_t memory_limit_ = 0;
  std::vector<Argument> arguments_;
};

}  // namespace

int serve_runner(int socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return Runner(socket).serve();
}

}  // namespace tilewright::search
