// Tuning records: one JSON object a line, self-contained, checksummed, append-only.
//
// A line is {"schema":1,"kind":"trial",...,"crc32c":"xxxxxxxx"}; the checksum covers every byte before `,"crc32c"`.
// Readers never write. An appender holds the file lock for one write of whole lines; it moves a torn tail (a last line
// without newline) to FILE.torn first. Other damaged lines stay where they are and are reported.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tilewright/support/expected.h"

namespace tilewright::search {

inline constexpr int kRecordSchema = 1;

/// What became of a candidate. Everything but kOk is a failure; kWrong also counts as one.
enum class TrialStatus { kOk, kRefused, kBuildError, kBuildTimeout, kRunError, kCrashed, kTimeout, kWrong };
const char* status_name(TrialStatus status);
bool parse_status(const std::string& text, TrialStatus* status);

struct Record {
  std::string kind = "trial";  // or "remeasure": no trial of its own, times of a candidate measured before
  std::string workload;        // canonical name, "gmm:1,512,512,512"
  std::string workload_hash;   // tir::content_hash of the unscheduled function
  std::string target;          // canonical text, Target::str()
  int64_t trial = 0;           // index within this workload and target, from 0
  std::string trace;           // compact JSON, schedule::Trace
  TrialStatus status = TrialStatus::kOk;
  std::string message;        // of a failure
  std::vector<double> times;  // seconds of one call, one entry a repeat
  double max_error = -1;      // -1: not compared
  bool checked = false;
  uint64_t seed = 0;
  int64_t round = 0;
  double reference_ms = 0;  // the round's reference kernel: tells a drifting machine
  std::string host;         // fingerprint of CPU, cores and system
  std::string version;      // of the compiler and LLVM
  int64_t timestamp = 0;    // seconds since 1970
  std::string constants;    // operands packed before timing, comma-separated

  /// Seconds: the minimum of `times`; infinity for failures.
  double seconds() const;
};

/// The line without its newline.
std::string to_line(const Record& record);
/// Checks the checksum, the schema version and every field.
Expected<Record> parse_line(const std::string& line);

struct LogContents {
  std::vector<Record> records;
  /// One for each damaged line or torn tail: names the file, the line and what is wrong.
  std::vector<std::string> warnings;
  int64_t bytes = 0;
};
/// Reads a whole log. An error (M10xx) only when the file is missing or unreadable.
Expected<LogContents> read_log(const std::string& path);

/// The best usable record of this workload hash and target: kOk and checked; null when none. Candidates measured again
/// in turns ("remeasure") are preferred and judged by the median of those times.
const Record* best_record(const std::vector<Record>& records, const std::string& workload_hash,
                          const std::string& target);

/// Appends to a log under its lock. Opening checks everything that could fail later: the folder is writable, the file
/// (if not empty) holds at least one record of ours.
class RecordWriter {
 public:
  RecordWriter() = default;
  static Expected<RecordWriter> open(const std::string& path);
  RecordWriter(RecordWriter&& other) noexcept;
  RecordWriter& operator=(RecordWriter&& other) noexcept;
  ~RecordWriter();

  /// One write of all lines, then fdatasync when `sync`. A full disk is a diagnostic; nothing written before is lost.
  Status append(const std::vector<Record>& records, bool sync = false);
  const std::string& path() const { return path_; }
  /// What opening found and mended or reported.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  /// Appends under the lock; on failure the file is cut back to `size`.
  Status write_lines(const std::string& lines, int64_t size, bool sync);

  std::string path_;
  int file_ = -1;
  std::vector<std::string> warnings_;
};

}  // namespace tilewright::search
