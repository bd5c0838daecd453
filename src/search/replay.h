// Outcomes of measurements from a log instead of from the machine.
#pragma once

#include <string>
#include <unordered_map>

#include "tilewright/search/record.h"

namespace tilewright::search {

class ReplaySource {
 public:
  static Expected<ReplaySource> open(const std::string& path, const std::string& workload_hash,
                                     const std::string& target);
  /// The record of the trial `index` with this trace, as written then. M1306 names the index when the log lacks it.
  Expected<Record> trial(const std::string& trace, int64_t index) const;
  /// Null when this candidate was not measured again.
  const Record* remeasured(const std::string& trace) const;

 private:
  std::string path_;
  std::unordered_map<std::string, Record> trials_, remeasured_;
};

}  // namespace tilewright::search
