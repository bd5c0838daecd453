#include "task.h"

#include <fmt/format.h>

#include <algorithm>

#include "tilewright/search/tuner.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::cli {
namespace {

Target read_target(const std::string& text) {
  try {
    return Target(text);
  } catch (const Error& e) {
    refuse(e.diagnostic());
  }
}

}  // namespace

Task read_task(const std::string& workload, const std::string& target) {
  Task task{or_refuse(te::parse_workload(workload)), read_target(target), {}};
  task.workload_hash = tir::content_hash(task.workload.func);
  return task;
}

CLI::Option* add_constants(CLI::App* app, std::vector<std::string>* names) {
  return app->add_option("--constant", *names, "Operands that never change: they may be packed once")
      ->delimiter(',')
      ->type_name("NAME[,..]");
}

void check_constants(const te::Workload& workload, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const std::vector<std::string>& legal = workload.constant_candidates;
  for (const std::string& name : names) {
    if (std::find(legal.begin(), legal.end(), name) != legal.end()) continue;
    Diagnostic d;
    d.message = legal.empty() ? fmt::format("--constant is {}, but no operand of `{}` may be constant", in_quotes(name),
                                            workload.op)
                              : fmt::format("--constant is {}, which is no operand of `{}` that may be constant",
                                            in_quotes(name), workload.op);
    d.legal_kind = "operands";
    d.legal = legal;
    refuse(d);
  }
  refuse(fmt::format("--constant {}: packing constant operands is not available in this version", names[0]));
}

ChosenSchedule schedule_from_log(const Task& task, const std::string& log) {
  std::vector<std::string> warnings;
  search::Record record;
  Expected<Schedule> schedule = search::apply_history_best(task.workload, task.target, log, &warnings, &record);
  print_warnings(warnings);
  return {or_refuse(std::move(schedule)), record.seconds() * 1e3};
}

BuildOptions build_options(const Task& task, const ChosenSchedule& chosen) {
  BuildOptions options;
  options.provenance.workload = task.workload.name;
  options.provenance.workload_hash = task.workload_hash;
  options.provenance.trace = chosen.schedule.trace().to_json();
  options.provenance.tir = tir::to_string(chosen.schedule.func());
  options.provenance.measured_ms = chosen.measured_ms;
  return options;
}

}  // namespace tilewright::cli
