// tilewright log: show, best, query, merge, prune and export tuning records. Logs that are read stay as they are.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "cli.h"
#include "files.h"
#include "task.h"
#include "tilewright/search/record.h"

namespace tilewright::cli {
namespace {

using search::Record;

struct LogArgs {
  std::vector<std::string> files;
  std::string workload, target, status, output, format = "csv";
  int64_t limit = 0, keep = 1;
  bool json = false;
  std::string workload_name, target_text;  // canonical; empty: any
};

std::vector<Record> read_logs(const std::vector<std::string>& files) {
  std::vector<Record> all;
  for (const std::string& file : files) {
    search::LogContents contents = or_refuse(search::read_log(file));
    print_warnings(contents.warnings);
    if (contents.records.empty())
      refuse(fmt::format("{} holds no usable record of schema version {}", in_quotes(file), search::kRecordSchema));
    std::move(contents.records.begin(), contents.records.end(), std::back_inserter(all));
  }
  return all;
}

void canonical_filters(LogArgs* args) {
  if (!args->workload.empty()) args->workload_name = or_refuse(te::parse_workload(args->workload)).name;
  if (!args->target.empty()) {
    try {
      args->target_text = Target(args->target).str();
    } catch (const Error& e) {
      refuse(e.diagnostic());
    }
  }
  search::TrialStatus status;
  if (!args->status.empty() && !search::parse_status(args->status, &status))
    refuse(fmt::format(
        "--status is {}, expected one of ok, refused, build_error, build_timeout, run_error, crashed, timeout, wrong",
        in_quotes(args->status)));
}

std::vector<Record> matching(LogArgs* args) {
  canonical_filters(args);
  std::vector<Record> records = read_logs(args->files);
  std::erase_if(records, [&](const Record& r) {
    return (!args->workload_name.empty() && r.workload != args->workload_name) ||
           (!args->target_text.empty() && r.target != args->target_text) ||
           (!args->status.empty() && search::status_name(r.status) != args->status);
  });
  if (args->limit > 0 && records.size() > static_cast<size_t>(args->limit))
    records.resize(static_cast<size_t>(args->limit));
  return records;
}

/// Operations of a workload, 0 where the name says nothing to this program.
double flops_of(const std::string& workload) {
  static std::map<std::string, double> known;
  const auto [it, fresh] = known.emplace(workload, 0);
  if (fresh) {
    const auto parsed = te::parse_workload(workload);
    if (parsed) it->second = parsed->flops;
  }
  return it->second;
}

std::optional<double> gflops_of(const Record& r) {
  const double flops = flops_of(r.workload);
  if (flops <= 0 || !std::isfinite(r.seconds())) return std::nullopt;
  return flops / r.seconds() / 1e9;
}

Json summary_of(const Record& r) {
  const auto gflops = gflops_of(r);
  return {{"kind", r.kind},
          {"workload", r.workload},
          {"target", r.target},
          {"trial", r.trial},
          {"status", search::status_name(r.status)},
          {"ms", finite_or_null(r.seconds() * 1e3)},
          {"gflops", gflops ? Json(*gflops) : Json(nullptr)},
          {"checked", r.checked},
          {"max_error", r.max_error >= 0 ? finite_or_null(r.max_error) : Json(nullptr)},
          {"seed", r.seed},
          {"host", r.host},
          {"timestamp", r.timestamp}};
}

std::string kind_of_target(const std::string& target) {
  return target.substr(0, target.find(' '));
}

void print_row(const Record& r) {
  const auto gflops = gflops_of(r);
  const bool timed = std::isfinite(r.seconds());
  fmt::print("{:<10} {:>6}  {:<13} {:>11} {:>10}  {:<5} {}{}\n", r.kind, r.trial, search::status_name(r.status),
             timed ? fmt::format("{:.4g} ms", r.seconds() * 1e3) : "-",
             gflops ? fmt::format("{:.2f}", *gflops) : std::string("-"), kind_of_target(r.target), r.workload,
             r.message.empty() ? "" : "  " + one_line(r.message.substr(0, 120)));
}

int show(LogArgs args) {
  const std::vector<Record> records = matching(&args);
  if (args.json) {
    Json rows = Json::array();
    for (const Record& r : records) rows.push_back(summary_of(r));
    print_json({{"records", std::move(rows)}});
    return kDone;
  }
  fmt::print("{:<10} {:>6}  {:<13} {:>11} {:>10}  {:<5} {}\n", "kind", "trial", "status", "time", "GFLOPS", "on",
             "workload");
  for (const Record& r : records) print_row(r);
  return kDone;
}

/// Workload hash and target: what records compete about.
using Contest = std::pair<std::string, std::string>;

std::vector<Contest> contests_of(const std::vector<Record>& records) {
  std::vector<Contest> order;
  std::set<Contest> seen;
  for (const Record& r : records) {
    if (seen.insert({r.workload_hash, r.target}).second) order.emplace_back(r.workload_hash, r.target);
  }
  return order;
}

int best(LogArgs args) {
  const std::vector<Record> records = matching(&args);
  Json rows = Json::array();
  for (const auto& [hash, target] : contests_of(records)) {
    const Record* record = search::best_record(records, hash, target);
    if (!record) continue;
    Json row = summary_of(*record);
    row["trace"] = record->trace;
    rows.push_back(std::move(row));
    if (args.json) continue;
    const auto gflops = gflops_of(*record);
    fmt::print("{}: {:.4g} ms{}, trial {}\n  target {}\n  trace {}\n", record->workload, record->seconds() * 1e3,
               gflops ? fmt::format(", {:.2f} GFLOPS", *gflops) : std::string(), record->trial, record->target,
               record->trace);
  }
  if (rows.empty()) refuse("no record is ok and checked among those asked for");
  if (args.json) print_json({{"best", std::move(rows)}});
  return kDone;
}

int query(LogArgs args) {
  const std::vector<Record> records = matching(&args);
  if (args.json) {
    Json rows = Json::array();
    for (const Record& r : records) rows.push_back(Json::parse(search::to_line(r)));
    print_json({{"records", std::move(rows)}});
    return kDone;
  }
  for (const Record& r : records) fmt::print("{}\n", search::to_line(r));
  return kDone;
}

/// Writes a new log. What exists is never replaced: it may be somebody's measurements.
void write_log(const LogArgs& args, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  write_file(args.output, text);
  if (args.json)
    print_json({{"out", args.output}, {"records", lines.size()}});
  else
    fmt::print("wrote {} ({} records)\n", args.output, lines.size());
}

void check_new_log(const LogArgs& args) {
  check_writable("-o", args.output);
  std::error_code error;
  if (std::filesystem::is_regular_file(args.output, error) && std::filesystem::file_size(args.output, error) > 0)
    refuse(fmt::format("-o: {} exists and is not empty, expected a new file", in_quotes(args.output)));
}

/// Each line once, in the order of the files.
std::vector<std::string> distinct_lines(const std::vector<Record>& records) {
  std::vector<std::string> lines;
  std::set<std::string> seen;
  for (const Record& r : records) {
    std::string line = search::to_line(r);
    if (seen.insert(line).second) lines.push_back(std::move(line));
  }
  return lines;
}

int merge(LogArgs args) {
  check_new_log(args);
  write_log(args, distinct_lines(matching(&args)));
  return kDone;
}

/// Keeps the best records of each workload and target, with the times measured again of those.
int prune(LogArgs args) {
  check_new_log(args);
  const std::vector<Record> records = matching(&args);
  std::set<std::pair<Contest, std::string>> kept;
  for (const Contest& contest : contests_of(records)) {
    std::vector<Record> left = records;
    for (int64_t i = 0; i < args.keep; ++i) {
      const Record* record = search::best_record(left, contest.first, contest.second);
      if (!record) break;
      const std::string trace = record->trace;
      kept.insert({contest, trace});
      std::erase_if(left, [&](const Record& r) {
        return r.trace == trace && r.workload_hash == contest.first && r.target == contest.second;
      });
    }
  }
  std::vector<Record> best;
  for (const Record& r : records) {
    if (kept.count({{r.workload_hash, r.target}, r.trace}) && r.status == search::TrialStatus::kOk) best.push_back(r);
  }
  if (best.empty()) refuse("no record is ok and checked: nothing would be left");
  write_log(args, distinct_lines(best));
  return kDone;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// A table for other programs: one row a record.
int export_table(LogArgs args) {
  if (!args.output.empty()) check_writable("-o", args.output);
  const std::vector<Record> records = matching(&args);
  std::string text;
  if (args.format == "json") {
    Json rows = Json::array();
    for (const Record& r : records) rows.push_back(summary_of(r));
    text = rows.dump(1) + "\n";
  } else {
    for (size_t i = 0; i < records.size(); ++i) {
      const Json row = summary_of(records[i]);
      std::string head, line;
      for (const auto& [key, value] : row.items()) {
        head += (head.empty() ? "" : ",") + key;
        if (!line.empty()) line += ',';
        line += value.is_null() ? "" : csv_field(value.is_string() ? value.get<std::string>() : value.dump());
      }
      if (i == 0) text += head + "\n";
      text += line + "\n";
    }
  }
  if (args.output.empty()) {
    fmt::print("{}", text);
    return kDone;
  }
  write_file(args.output, text);
  if (args.json)
    print_json({{"out", args.output}, {"records", records.size()}});
  else
    fmt::print("wrote {} ({} records)\n", args.output, records.size());
  return kDone;
}

using Verb = int (*)(LogArgs);

CLI::App* add_verb(CLI::App* log, Action* action, const std::string& name, const std::string& description, Verb verb,
                   const std::shared_ptr<LogArgs>& args) {
  CLI::App* sub = log->add_subcommand(name, description);
  sub->add_option("files", args->files, "Logs")->required()->type_name("FILE...");
  sub->add_option("--workload", args->workload, "Only records of this workload")->type_name("WORKLOAD");
  sub->add_option("--target", args->target, "Only records of this target")->type_name("T");
  sub->add_option("--status", args->status, "Only records of this status")->type_name("STATUS");
  sub->add_flag("--json", args->json, "Print one JSON object");
  sub->callback([=] { *action = [=] { return verb(*args); }; });
  return sub;
}

}  // namespace

void add_log(CLI::App& app, Action* action) {
  CLI::App* log = app.add_subcommand("log", "Show, query and rewrite tuning logs");
  log->require_subcommand(1);
  const auto args = std::make_shared<LogArgs>();
  const auto limit = [&](CLI::App* sub) {
    add_integer(sub, "--limit", &args->limit, 1, 1000000000, "At most so many records");
  };
  limit(add_verb(log, action, "show", "One line a record", show, args));
  add_verb(log, action, "best", "The best record of each workload and target", best, args);
  limit(add_verb(log, action, "query", "The matching records as JSON lines", query, args));
  for (const auto& [name, description, verb] :
       {std::tuple{"merge", "Join logs to a new one, each record once", &merge},
        std::tuple{"prune", "Keep the best records of each workload and target in a new log", &prune}}) {
    CLI::App* sub = add_verb(log, action, name, description, verb, args);
    sub->add_option("-o,--output", args->output, "The new log")->required()->type_name("FILE");
    if (verb == &prune) add_integer(sub, "--keep", &args->keep, 1, 1000000, "Records a workload and target (1)");
  }
  CLI::App* sub = add_verb(log, action, "export", "A table for other programs", export_table, args);
  sub->add_option("-o,--output", args->output, "Write here instead of standard output")->type_name("FILE");
  add_word(sub, "--format", &args->format, {"csv", "json"}, "Of the table (csv)");
}

}  // namespace tilewright::cli
