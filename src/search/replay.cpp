#include "search/replay.h"

#include <fmt/format.h>

namespace tilewright::search {

Expected<ReplaySource> ReplaySource::open(const std::string& path, const std::string& workload_hash,
                                          const std::string& target) {
  auto contents = read_log(path);
  if (!contents) return contents.error();
  ReplaySource source;
  source.path_ = path;
  for (Record& r : contents->records) {
    if (r.workload_hash != workload_hash || r.target != target) continue;
    auto& list = r.kind == "trial" ? source.trials_ : source.remeasured_;
    list.emplace(r.trace, std::move(r));
  }
  return source;
}

Expected<Record> ReplaySource::trial(const std::string& trace, int64_t index) const {
  const auto it = trials_.find(trace);
  if (it != trials_.end()) {
    Record r = it->second;
    r.trial = index;
    return r;
  }
  Diagnostic d;
  d.code = "M1306";
  d.operation = "replay";
  d.message = fmt::format("candidate {} is not in `{}`", index, path_);
  d.remedy = "replay with the options, the target and the version that wrote the log";
  return d;
}

const Record* ReplaySource::remeasured(const std::string& trace) const {
  const auto it = remeasured_.find(trace);
  return it == remeasured_.end() ? nullptr : &it->second;
}

}  // namespace tilewright::search
