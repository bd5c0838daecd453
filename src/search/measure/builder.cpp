#include "search/measure/builder.h"

#include <sys/prctl.h>

#include <csignal>
#include <optional>

#include "search/measure/channel.h"
#include "search/measure/protocol.h"
#include "tilewright/codegen/build.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/search/measure.h"
#include "tilewright/tir/parser.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

struct Task {
  tir::PrimFunc func;
  Target target;
  Provenance provenance;
};

struct Answer {
  TrialStatus status;
  std::string text;  // a message, or the library
};

Answer build_trace(const Task& task, const std::string& trace_json) {
  auto trace = schedule::Trace::from_json(trace_json);
  if (!trace) return {TrialStatus::kRefused, trace.error().summary()};
  schedule::Schedule s(task.func);
  if (const Status applied = trace->apply(s); !applied) return {TrialStatus::kRefused, applied.error().summary()};
  BuildOptions options;
  options.provenance = task.provenance;
  return {TrialStatus::kOk, emit(s.func(), task.target, EmitKind::kSharedLibrary, options)};
}

/// The reference with its outermost loops in parallel: no sum changes its order, and it is ready sooner.
tir::PrimFunc parallel_reference(const tir::PrimFunc& func) {
  schedule::Schedule s(reference_program(func));
  std::vector<std::string> names;
  tir::pre_order(s.func()->body, [&](const tir::Stmt& stmt) {
    const auto* block = tir::as<tir::BlockNode>(stmt);
    if (block && stmt.get() != s.func()->body.get()) names.push_back(block->name);
    return true;
  });
  for (const std::string& name : names) {
    try {
      // The first loop that has something to share out.
      for (const schedule::Loop loop : s.get_loops(s.get_block(name))) {
        int64_t extent;
        if (!tir::is_const_int(s.get(loop).extent, &extent) || extent < 2) continue;
        s.parallel(loop);
        break;
      }
    } catch (const Error&) {
      // A block whose loop carries a reduction, or that has no unique name, stays serial.
    }
  }
  return s.func();
}

}  // namespace

int serve_builder(int socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::optional<Task> task;
  std::string message;
  while (receive_message(socket, &message, -1) == ChannelStatus::kOk) {
    MessageReader reader(message);
    const auto command = static_cast<BuilderCommand>(reader.get<uint8_t>());
    Answer answer{TrialStatus::kBuildError, "no task was given"};
    try {
      if (command == BuilderCommand::kTask) {
        const std::string text = reader.get_string(), target = reader.get_string();
        const std::string workload = reader.get_string(), hash = reader.get_string();
        task.emplace(Task{tir::parse_func(text).value(), Target(target), {}});
        task->provenance.workload = workload;
        task->provenance.workload_hash = hash;
        answer = {TrialStatus::kOk, {}};
      } else if (task && command == BuilderCommand::kBuild) {
        answer = build_trace(*task, reader.get_string());
      } else if (task && command == BuilderCommand::kBuildReference) {
        answer = {TrialStatus::kOk, emit(parallel_reference(task->func), task->target, EmitKind::kSharedLibrary)};
      }
    } catch (const Error& e) {
      answer = {TrialStatus::kBuildError, e.diagnostic().summary()};
    } catch (const std::exception& e) {
      answer = {TrialStatus::kBuildError, e.what()};
    }
    MessageWriter reply;
    reply.put<uint8_t>(static_cast<uint8_t>(answer.status)).put_string(answer.text);
    if (!send_message(socket, reply.bytes())) return 1;
  }
  return 0;
}

}  // namespace tilewright::search
