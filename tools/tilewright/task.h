// What a command works on: a workload, a target, and a schedule for them.
#pragma once

#include <string>
#include <vector>

#include "cli.h"
#include "tilewright/codegen/build.h"
#include "tilewright/codegen/target.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/te/workload.h"

namespace tilewright::cli {

struct Task {
  te::Workload workload;
  Target target;
  std::string workload_hash;
};

inline constexpr const char* kDefaultTarget = "llvm -mcpu=native";

/// Parses both; exit 2 when either is bad. A target whose back end this build lacks is bad too.
Task read_task(const std::string& workload, const std::string& target);

/// `--constant`: the names are checked against the workload's operands.
void check_constants(const te::Workload& workload, const std::vector<std::string>& names);
CLI::Option* add_constants(CLI::App* app, std::vector<std::string>* names);

struct ChosenSchedule {
  Schedule schedule;
  /// Of the record; 0 for a schedule that was not measured.
  double measured_ms = 0;
};

/// The best record's schedule of a log, with the log's warnings printed. Exit 2 when there is none.
ChosenSchedule schedule_from_log(const Task& task, const std::string& log);

BuildOptions build_options(const Task& task, const ChosenSchedule& chosen);

}  // namespace tilewright::cli
