#include <fmt/format.h>
#include <poll.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <utility>

#include "search/measure/protocol.h"
#include "search/measure/subprocess.h"
#include "tilewright/search/inputs.h"
#include "tilewright/search/measure.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/printer.h"

namespace tilewright::search {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kInterpreterLimit = 1e7;
constexpr double kStartTimeout = 60;
/// Beside the arguments a candidate may use this much, for scratch memory and threads.
constexpr uint64_t kMemoryBase = uint64_t{8} << 30;

std::atomic<bool> interrupt_flag{false};

Diagnostic measure_error(const char* code, std::string message) {
  Diagnostic d;
  d.code = code;
  d.operation = "measure";
  d.message = std::move(message);
  return d;
}

struct ArgInfo {
  tir::DataType type;
  ArgRole role;
  std::vector<int64_t> shape;
  int64_t count = 1;
};

Expected<std::vector<ArgInfo>> describe_arguments(const tir::PrimFunc& func) {
  std::vector<ArgInfo> args;
  const std::vector<tir::ParamUse> uses = tir::param_uses(func);
  for (size_t i = 0; i < func->params.size(); ++i) {
    const Buffer& b = func->params[i].buffer;
    if (!b.defined())
      return measure_error(
          "M1202", fmt::format("parameter {} of `{}` is a scalar; only tensors can be measured", i, func.name()));
    ArgInfo a{b.dtype(), !uses[i].written ? ArgRole::kInput : uses[i].read ? ArgRole::kInOut : ArgRole::kOutput, {}, 1};
    for (const Expr& extent : b.shape()) {
      int64_t v;
      if (!tir::is_const_int(extent, &v))
        return measure_error(
            "M1203",
            fmt::format("parameter `{}` of `{}` has a symbolic shape; measuring needs numbers", b.name(), func.name()));
      a.shape.push_back(v);
      a.count *= v;
    }
    args.push_back(std::move(a));
  }
  return args;
}

/// One builder and what it is at.
struct Builder {
  Subprocess process;
  int job = -1;
  Clock::time_point deadline;
};

class LocalMeasurer : public Measurer {
 public:
  LocalMeasurer(MeasureTask task, MeasureOptions options, std::vector<ArgInfo> args)
      : task_(std::move(task)), options_(options), args_(std::move(args)) {}

  Status start() {
    auto builder = find_worker("tilewright-builder");
    if (!builder) return builder.error();
    auto runner = find_worker("tilewright-runner");
    if (!runner) return runner.error();
    builder_path_ = *builder;
    runner_path_ = *runner;
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    builders_.resize(static_cast<size_t>(options_.build_threads > 0 ? options_.build_threads : cores));
    for (Builder& b : builders_) {
      if (Status s = start_builder(&b); !s) return s;
    }
    if (Status s = start_runner(); !s) return s;
    return load_reference();
  }

  std::vector<MeasureResult> measure(const std::vector<std::string>& traces, double best_seconds) override {
    std::vector<MeasureResult> results(traces.size());
    const std::vector<std::string> modules = build(traces, &results);
    for (size_t i = 0; i < traces.size(); ++i) {
      if (results[i].status != TrialStatus::kOk) continue;
      if (interrupted()) {
        results[i] = {TrialStatus::kRunError, "interrupted", {}, false, -1};
        continue;
      }
      results[i] = run(modules[i], best_seconds, options_.repeat, false);
      if (results[i].status == TrialStatus::kOk && results[i].checked)
        best_seconds = std::min(best_seconds, *std::min_element(results[i].times.begin(), results[i].times.end()));
    }
    return results;
  }

  std::vector<MeasureResult> remeasure(const std::vector<std::string>& traces, int rounds) override {
    std::vector<MeasureResult> results(traces.size());
    const std::vector<std::string> modules = build(traces, &results);
    for (int round = 0; round < rounds && !interrupted(); ++round) {
      for (size_t i = 0; i < traces.size(); ++i) {
        if (results[i].status != TrialStatus::kOk) continue;
        MeasureResult once = run(modules[i], std::numeric_limits<double>::infinity(), 1, true);
        if (once.status != TrialStatus::kOk) {
          results[i] = std::move(once);
          continue;
        }
        results[i].times.insert(results[i].times.end(), once.times.begin(), once.times.end());
        results[i].checked = once.checked;
        results[i].max_error = std::max(results[i].max_error, once.max_error);
      }
    }
    return results;
  }

  double reference_kernel_ms() override {
    MessageWriter message;
    message.put<uint8_t>(static_cast<uint8_t>(RunnerCommand::kReferenceKernel));
    std::string reply;
    if (!runner_.send(message.bytes()) || runner_.receive(&reply, kStartTimeout) != ChannelStatus::kOk) return 0;
    return MessageReader(reply).get<double>() * 1e3;
  }

 private:
  Status start_builder(Builder* builder) {
    auto process = Subprocess::start(builder_path_, {});
    if (!process) return process.error();
    builder->process = *std::move(process);
    builder->job = -1;
    MessageWriter message;
    message.put<uint8_t>(static_cast<uint8_t>(BuilderCommand::kTask))
        .put_string(tir::to_string(task_.func))
        .put_string(task_.target.str())
        .put_string(task_.workload)
        .put_string(task_.workload_hash);
    std::string reply;
    if (!builder->process.send(message.bytes()) ||
        builder->process.receive(&reply, kStartTimeout) != ChannelStatus::kOk)
      return measure_error("M1204", fmt::format("the builder `{}` ended before it was ready", builder_path_));
    MessageReader reader(reply);
    if (static_cast<TrialStatus>(reader.get<uint8_t>()) != TrialStatus::kOk)
      return measure_error("M1204", fmt::format("the builder refused the task: {}", reader.get_string()));
    return {};
  }

  Status start_runner() {
    auto process = Subprocess::start(runner_path_, {});
    if (!process) return process.error();
    runner_ = *std::move(process);
    uint64_t bytes = 0;
    MessageWriter message;
    message.put<uint8_t>(static_cast<uint8_t>(RunnerCommand::kTask)).put_string(task_.func.name());
    for (const ArgInfo& a : args_)
      bytes += static_cast<uint64_t>(a.count) * static_cast<uint64_t>(a.type.element_bytes());
    message.put<uint64_t>(task_.input_seed)
        .put<int32_t>(task_.target.num_cores)
        .put<double>(task_.tolerance)
        .put<double>(options_.timeout)
        .put<uint64_t>(kMemoryBase + 4 * bytes)
        .put<uint32_t>(static_cast<uint32_t>(args_.size()));
    for (const ArgInfo& a : args_) {
      message.put<uint8_t>(static_cast<uint8_t>(a.type.code))
          .put<uint8_t>(a.type.bits)
          .put<uint8_t>(static_cast<uint8_t>(a.role));
      message.put<uint32_t>(static_cast<uint32_t>(a.shape.size()));
      for (const int64_t extent : a.shape) message.put<int64_t>(extent);
    }
    std::string reply;
    if (!runner_.send(message.bytes()) || runner_.receive(&reply, kStartTimeout) != ChannelStatus::kOk)
      return measure_error("M1205", fmt::format("the runner `{}` ended before it was ready", runner_path_));
    if (MessageReader(reply).get<uint8_t>() == 0)
      return measure_error("M1206", fmt::format("the arguments ({} bytes) do not fit into memory", bytes));
    return {};
  }

  Status load_reference() {
    MessageWriter message;
    std::string reply;
    if (statement_instances(task_.func) < kInterpreterLimit) {
      std::vector<tir::HostArray> arrays;
      std::vector<tir::HostArray*> pointers;
      for (size_t i = 0; i < args_.size(); ++i) {
        arrays.push_back(tir::HostArray::zeros(args_[i].type, args_[i].shape));
        if (args_[i].role != ArgRole::kOutput)
          fill_input(args_[i].type, task_.input_seed, static_cast<int>(i), arrays.back().bytes.data(), args_[i].count);
      }
      for (tir::HostArray& a : arrays) pointers.push_back(&a);
      tir::InterpreterOptions options;
      options.float64_reference = true;
      if (Status s = tir::interpret(task_.func, pointers, options); !s) return s;
      message.put<uint8_t>(static_cast<uint8_t>(RunnerCommand::kReferenceData));
      for (size_t i = 0; i < args_.size(); ++i) {
        if (args_[i].role == ArgRole::kInput) continue;
        message.put_string(
            std::string_view(reinterpret_cast<const char*>(arrays[i].bytes.data()), arrays[i].bytes.size()));
      }
      if (!runner_.send(message.bytes()) || runner_.receive(&reply, kStartTimeout) != ChannelStatus::kOk ||
          MessageReader(reply).get<uint8_t>() == 0)
        return measure_error("M1205", "the runner did not take the reference result");
      return {};
    }
    message.put<uint8_t>(static_cast<uint8_t>(BuilderCommand::kBuildReference));
    Subprocess& builder = builders_[0].process;
    if (!builder.send(message.bytes()) || builder.receive(&reply, kStartTimeout) != ChannelStatus::kOk)
      return measure_error("M1204", "the builder ended while it built the reference program");
    MessageReader built(reply);
    const auto status = static_cast<TrialStatus>(built.get<uint8_t>());
    const std::string module = built.get_string();
    if (status != TrialStatus::kOk)
      return measure_error("M1207", fmt::format("the reference program cannot be built: {}", module));
    // About 10^8 instances a second, with room to spare.
    const double timeout = 60 + statement_instances(task_.func) / 1e7;
    MessageWriter run;
    run.put<uint8_t>(static_cast<uint8_t>(RunnerCommand::kReferenceModule)).put<double>(timeout).put_string(module);
    if (!runner_.send(run.bytes()) || runner_.receive(&reply, timeout + 30) != ChannelStatus::kOk)
      return measure_error("M1205", "the runner ended while it ran the reference program");
    const MeasureResult result = parse_result(reply);
    if (result.status != TrialStatus::kOk)
      return measure_error("M1207", fmt::format("the reference program failed: {}", result.message));
    return {};
  }

  /// Modules of the candidates; those that failed have their result set and an empty module.
  std::vector<std::string> build(const std::vector<std::string>& traces, std::vector<MeasureResult>* results) {
    std::vector<std::string> modules(traces.size());
    std::deque<int> waiting;
    for (size_t i = 0; i < traces.size(); ++i) waiting.push_back(static_cast<int>(i));
    size_t open = traces.size();
    auto failed = [&](int job, TrialStatus status, std::string message) {
      (*results)[static_cast<size_t>(job)] = {status, std::move(message), {}, false, -1};
      --open;
    };
    while (open > 0) {
      if (interrupted()) {
        while (!waiting.empty()) {
          failed(waiting.front(), TrialStatus::kBuildError, "interrupted");
          waiting.pop_front();
        }
        if (open == 0) break;
      }
      for (Builder& b : builders_) {
        if (b.job >= 0 || waiting.empty()) continue;
        MessageWriter message;
        message.put<uint8_t>(static_cast<uint8_t>(BuilderCommand::kBuild))
            .put_string(traces[static_cast<size_t>(waiting.front())]);
        if (!b.process.send(message.bytes())) {
          if (Status s = start_builder(&b); !s) {
            failed(waiting.front(), TrialStatus::kBuildError, s.error().summary());
            waiting.pop_front();
          }
          continue;
        }
        b.job = waiting.front();
        b.deadline = Clock::now() + std::chrono::microseconds(static_cast<int64_t>(options_.build_timeout * 1e6));
        waiting.pop_front();
      }
      std::vector<pollfd> sockets;
      for (const Builder& b : builders_) sockets.push_back({b.job >= 0 ? b.process.socket() : -1, POLLIN, 0});
      ::poll(sockets.data(), sockets.size(), 50);
      for (size_t k = 0; k < builders_.size(); ++k) {
        Builder& b = builders_[k];
        if (b.job < 0) continue;
        if (sockets[k].revents == 0) {
          if (Clock::now() < b.deadline) continue;
          failed(b.job, TrialStatus::kBuildTimeout, fmt::format("did not build within {} s", options_.build_timeout));
          restart(&b);
          continue;
        }
        std::string reply;
        const double left = std::chrono::duration<double>(b.deadline - Clock::now()).count();
        if (b.process.receive(&reply, std::max(0.1, left)) != ChannelStatus::kOk) {
          failed(b.job, TrialStatus::kBuildError, "the builder ended while it built this candidate");
          restart(&b);
          continue;
        }
        MessageReader reader(reply);
        const auto status = static_cast<TrialStatus>(reader.get<uint8_t>());
        std::string text = reader.get_string();
        if (status == TrialStatus::kOk) {
          modules[static_cast<size_t>(b.job)] = std::move(text);
          --open;
        } else {
          failed(b.job, status, std::move(text));
        }
        b.job = -1;
      }
    }
    return modules;
  }

  void restart(Builder* b) {
    b->process.kill();
    // A builder that cannot start again shows at its next job.
    if (Status s = start_builder(b); !s) b->job = -1;
  }

  MeasureResult run(const std::string& module, double best_seconds, int repeat, bool keep) {
    MessageWriter message;
    message.put<uint8_t>(static_cast<uint8_t>(RunnerCommand::kRun))
        .put<double>(best_seconds)
        .put<int32_t>(options_.number)
        .put<int32_t>(repeat)
        .put<double>(options_.min_repeat_ms / 1e3)
        .put<uint8_t>(options_.cold)
        .put<uint8_t>(options_.verify_all)
        .put<uint8_t>(keep)
        .put_string(module);
    std::string reply;
    if (runner_.send(message.bytes()) && runner_.receive(&reply, options_.timeout + 30) == ChannelStatus::kOk)
      return parse_result(reply);
    // The runner itself is gone: this candidate is to blame, the next one gets a new runner.
    Status again = start_runner();
    if (again) again = load_reference();
    return {TrialStatus::kCrashed, again ? "the runner ended" : again.error().summary(), {}, false, -1};
  }

  static MeasureResult parse_result(const std::string& reply) {
    MessageReader reader(reply);
    MeasureResult result;
    result.status = static_cast<TrialStatus>(reader.get<uint8_t>());
    result.checked = reader.get<uint8_t>() != 0;
    result.max_error = reader.get<double>();
    const auto count = reader.get<uint32_t>();
    for (uint32_t i = 0; i < count && reader.ok(); ++i) result.times.push_back(reader.get<double>());
    result.message = reader.get_string();
    return result;
  }

  MeasureTask task_;
  MeasureOptions options_;
  std::vector<ArgInfo> args_;
  std::string builder_path_, runner_path_;
  std::vector<Builder> builders_;
  Subprocess runner_;
};

}  // namespace

Expected<std::unique_ptr<Measurer>> start_measurer(MeasureTask task, MeasureOptions options) {
  auto args = describe_arguments(task.func);
  if (!args) return args.error();
  auto measurer = std::make_unique<LocalMeasurer>(std::move(task), options, *std::move(args));
  if (Status s = measurer->start(); !s) return s.error();
  return std::unique_ptr<Measurer>(std::move(measurer));
}

void request_interrupt() {
  interrupt_flag.store(true, std::memory_order_relaxed);
}
bool interrupted() {
  return interrupt_flag.load(std::memory_order_relaxed);
}
void clear_interrupt() {
  interrupt_flag.store(false, std::memory_order_relaxed);
}

std::string host_fingerprint() {
  std::string model = "unknown CPU";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  utsname name{};
  ::uname(&name);
  return fmt::format("{}, {} cores, {} {} {}", model, ::get_nprocs(), name.sysname, name.release, name.machine);
}

}  // namespace tilewright::search
