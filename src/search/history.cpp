// Schedules without a search: the prior's choice, and the best of a log.
#include <fmt/format.h>

#include "search/proposer.h"
#include "tilewright/search/tuner.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {

std::shared_ptr<const Candidate> first_candidate(const PrimFunc& func, const Target& target,
                                                 const std::vector<Sketch>& sketches, int threads) {
  SearchContext context(func, target, sketches, /*seed=*/0, threads);
  const auto roofline = make_cost_model("roofline", 0).value();
  context.model = roofline.get();
  context.eps_greedy = 0;
  const auto found = make_proposer("evolutionary")->propose(context, 1, 0);
  return found.empty() ? nullptr : found[0];
}

Expected<Schedule> first_schedule(const PrimFunc& func, const Target& target) {
  try {
    const auto first = first_candidate(func, target, generate_sketches(func, target, default_rules(target)), 1);
    Schedule schedule(func);
    if (first) {
      if (Status s = Trace::from_json(first->trace).value().apply(schedule); !s) return s.error();
    }
    return schedule;
  } catch (const Error& e) {
    return e.diagnostic();
  }
}

Expected<Schedule> apply_history_best(const te::Workload& workload, const Target& target, const std::string& log_path,
                                      std::vector<std::string>* warnings, Record* record) {
  auto contents = read_log(log_path);
  if (!contents) return contents.error();
  if (warnings) *warnings = contents->warnings;
  const std::string hash = tir::content_hash(workload.func), text = target.str();
  const Record* best = best_record(contents->records, hash, text);
  if (!best) {
    size_t same_workload = 0, failed = 0;
    for (const Record& r : contents->records) {
      if (r.workload_hash != hash) continue;
      ++same_workload;
      failed += r.target == text;
    }
    Diagnostic d;
    d.code = "M1310";
    d.operation = "log";
    d.message =
        fmt::format("`{}` has no usable record for workload `{}` and target `{}`", log_path, workload.name, text);
    d.remedy = failed > 0 ? fmt::format("its {} records for them all failed or were not checked; tune again", failed)
               : same_workload > 0 ? "its records of this workload are for other targets"
                                   : fmt::format("run `tilewright tune {} --log {}`", workload.name, log_path);
    return d;
  }
  if (record) *record = *best;
  auto trace = Trace::from_json(best->trace);
  if (!trace) return trace.error();
  try {
    Schedule schedule(workload.func);
    if (Status s = trace->apply(schedule); !s) return s.error();
    return schedule;
  } catch (const Error& e) {
    return e.diagnostic();
  }
}

}  // namespace tilewright::search
