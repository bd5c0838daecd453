#include "tilewright/search/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "tilewright/support/crc32c.h"

namespace tilewright::search {
namespace {

using json = nlohmann::ordered_json;
constexpr const char* kStatusNames[] = {"ok",        "refused", "build_error", "build_timeout",
                                        "run_error", "crashed", "timeout",     "wrong"};
constexpr std::string_view kChecksumKey = ",\"crc32c\":\"";

Diagnostic damaged(std::string message) {
  Diagnostic d;
  d.code = "M1001";
  d.operation = "log";
  d.message = std::move(message);
  return d;
}

/// Refuses nesting that could exhaust the stack before the parser sees it.
bool too_deep(const std::string& text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > 32) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

template <typename T>
void read(const json& object, const char* key, T* value) {
  const auto it = object.find(key);
  if (it != object.end()) it->get_to(*value);
}

}  // namespace

const char* status_name(TrialStatus status) {
  return kStatusNames[static_cast<size_t>(status)];
}

bool parse_status(const std::string& text, TrialStatus* status) {
  const auto* found = std::find(std::begin(kStatusNames), std::end(kStatusNames), text);
  if (found == std::end(kStatusNames)) return false;
  *status = static_cast<TrialStatus>(found - std::begin(kStatusNames));
  return true;
}

double Record::seconds() const {
  if (status != TrialStatus::kOk || times.empty()) return std::numeric_limits<double>::infinity();
  return *std::min_element(times.begin(), times.end());
}

std::string to_line(const Record& r) {
  json j;
  j["schema"] = kRecordSchema;
  j["kind"] = r.kind;
  j["workload"] = r.workload;
  j["workload_hash"] = r.workload_hash;
  j["target"] = r.target;
  j["trial"] = r.trial;
  j["trace"] = r.trace;
  j["status"] = status_name(r.status);
  if (!r.message.empty()) j["message"] = r.message;
  j["times"] = r.times;
  j["checked"] = r.checked;
  // JSON has no infinity: an infinite error (a NaN in the result) is written as null.
  if (r.max_error >= 0) j["max_error"] = std::isfinite(r.max_error) ? json(r.max_error) : json(nullptr);
  j["seed"] = r.seed;
  j["round"] = r.round;
  j["reference_ms"] = std::isfinite(r.reference_ms) ? r.reference_ms : 0.0;
  j["host"] = r.host;
  j["version"] = r.version;
  j["timestamp"] = r.timestamp;
  if (!r.constants.empty()) j["constants"] = r.constants;
  std::string line = j.dump(-1, ' ', false, json::error_handler_t::replace);
  line.pop_back();
  return fmt::format("{}{}{:08x}\"}}", line, kChecksumKey, crc32c(line));
}

Expected<Record> parse_line(const std::string& line) {
  const size_t at = line.rfind(kChecksumKey);
  if (line.empty() || line[0] != '{' || at == std::string::npos || line.size() != at + kChecksumKey.size() + 10)
    return damaged("not a record of ours");
  const std::string_view body(line.data(), at);
  if (line.compare(at + kChecksumKey.size(), std::string::npos, fmt::format("{:08x}\"}}", crc32c(body))) != 0)
    return damaged("the checksum does not match: the line is damaged");
  if (too_deep(line)) return damaged("nested too deeply");
  try {
    const json j = json::parse(line);
    const int schema = j.value("schema", 0);
    if (schema != kRecordSchema)
      return damaged(fmt::format("schema version {}, this program reads {}", schema, kRecordSchema));
    Record r;
    j.at("kind").get_to(r.kind);
    if (r.kind != "trial" && r.kind != "remeasure")
      return damaged(fmt::format("kind `{}`, expected trial or remeasure", r.kind));
    j.at("workload").get_to(r.workload);
    j.at("workload_hash").get_to(r.workload_hash);
    j.at("target").get_to(r.target);
    j.at("trial").get_to(r.trial);
    j.at("trace").get_to(r.trace);
    if (!parse_status(j.at("status").get<std::string>(), &r.status))
      return damaged(fmt::format("status `{}` is unknown", j.at("status").get<std::string>()));
    j.at("times").get_to(r.times);
    for (const double t : r.times) {
      if (!(t > 0) || !std::isfinite(t)) return damaged("a time is not a positive number");
    }
    if (r.status == TrialStatus::kOk && r.times.empty()) return damaged("status ok without times");
    read(j, "message", &r.message);
    read(j, "checked", &r.checked);
    if (const auto it = j.find("max_error"); it != j.end())
      r.max_error = it->is_null() ? std::numeric_limits<double>::infinity() : it->get<double>();
    read(j, "seed", &r.seed);
    read(j, "round", &r.round);
    read(j, "reference_ms", &r.reference_ms);
    read(j, "host", &r.host);
    read(j, "version", &r.version);
    read(j, "timestamp", &r.timestamp);
    read(j, "constants", &r.constants);
    return r;
  } catch (const nlohmann::json::exception& e) {
    return damaged(fmt::format("not a record of ours: {}", e.what()));
  }
}

const Record* best_record(const std::vector<Record>& records, const std::string& workload_hash,
                          const std::string& target) {
  // A candidate that was measured again is judged by all its times, so that one lucky repeat does not decide.
  // One that failed then is not to be trusted.
  std::map<std::string, std::vector<double>> again;
  std::set<std::string> failed;
  for (const Record& r : records) {
    if (r.kind != "remeasure" || r.workload_hash != workload_hash || r.target != target) continue;
    if (r.status != TrialStatus::kOk) failed.insert(r.trace);
    auto& times = again[r.trace];
    times.insert(times.end(), r.times.begin(), r.times.end());
  }
  const Record* best = nullptr;
  std::pair<int, double> best_key{2, 0};
  for (const Record& r : records) {
    if (r.kind != "trial" || r.status != TrialStatus::kOk || !r.checked || r.workload_hash != workload_hash ||
        r.target != target || failed.count(r.trace) != 0)
      continue;
    const auto it = again.find(r.trace);
    double seconds = r.seconds();
    if (it != again.end() && !it->second.empty()) {
      std::nth_element(it->second.begin(), it->second.begin() + static_cast<std::ptrdiff_t>(it->second.size() / 2),
                       it->second.end());
      seconds = it->second[it->second.size() / 2];
    }
    // Those that were measured again in turns come first: their times compare.
    const std::pair<int, double> key{it != again.end() ? 0 : 1, seconds};
    if (!best || key < best_key) {
      best = &r;
      best_key = key;
    }
  }
  return best;
}

}  // namespace tilewright::search
