// tilewright workloads: the table of named operators.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli.h"
#include "tilewright/te/workload.h"

namespace tilewright::cli {

void add_workloads(CLI::App& app, Action* action) {
  CLI::App* sub = app.add_subcommand("workloads", "List the named workloads");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "Print one JSON object");
  sub->callback([=] {
    *action = [=] {
      if (*json) {
        print_json({{"workloads", Json::parse(te::workloads_json())}});
        return kDone;
      }
      for (const te::WorkloadInfo& w : te::list_workloads()) {
        fmt::print("{}:{}\n    {}\n    {}\n    types {}; for example {}\n", w.name, fmt::join(w.parameters, ","),
                   w.description, w.signature, fmt::join(w.types, ", "), w.example);
      }
      return kDone;
    };
  });
}

}  // namespace tilewright::cli
