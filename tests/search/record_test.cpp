// One line of a log, and which record of a log is the best.
#include <cmath>
#include <limits>

#include "search/search_test_util.h"
#include "tilewright/support/crc32c.h"

namespace tilewright::search {
namespace {

using testing::HasSubstr;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Record full_record() {
  Record r;
  r.workload = "gmm:1,512,512,512";
  r.workload_hash = "0123456789abcdef";
  r.target = "llvm -mcpu=skylake";
  r.trial = 41;
  r.trace = R"({"trace":[["get_block",[],["C"],1]],"v":1})";
  r.status = TrialStatus::kOk;
  r.times = {0.1, 1.0 / 3.0, 1e-9};
  r.max_error = 1.5e-7;
  r.checked = true;
  r.seed = 0xffffffffffffffffULL;
  r.round = 3;
  r.reference_ms = 0.12345678901234567;
  r.host = "CPU \"quoted\" \\ and\ttabs";
  r.version = "tilewright 0.1.0";
  r.timestamp = 1700000000;
  r.constants = "B,W";
  return r;
}

void expect_same(const Record& a, const Record& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.workload, b.workload);
  EXPECT_EQ(a.workload_hash, b.workload_hash);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.trial, b.trial);
  EXPECT_EQ(a.trace, b.trace);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.message, b.message);
  EXPECT_EQ(a.times, b.times);
  EXPECT_EQ(a.max_error, b.max_error);
  EXPECT_EQ(a.checked, b.checked);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.reference_ms, b.reference_ms);
  EXPECT_EQ(a.host, b.host);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.timestamp, b.timestamp);
  EXPECT_EQ(a.constants, b.constants);
}

/// A line with any content and the right checksum.
std::string signed_line(std::string body) {
  const uint32_t crc = crc32c(body);
  char text[16];
  std::snprintf(text, sizeof text, "%08x", crc);
  return body + ",\"crc32c\":\"" + text + "\"}";
}

TEST(Record, EveryFieldMakesTheRoundTrip) {
  const Record r = full_record();
  const std::string line = to_line(r);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto again = parse_line(line);
  ASSERT_TRUE(again) << again.error().message;
  expect_same(r, *again);
  EXPECT_EQ(to_line(*again), line);
}

TEST(Record, FailuresOfEveryKindMakeTheRoundTrip) {
  for (const TrialStatus status :
       {TrialStatus::kRefused, TrialStatus::kBuildError, TrialStatus::kBuildTimeout, TrialStatus::kRunError,
        TrialStatus::kCrashed, TrialStatus::kTimeout, TrialStatus::kWrong}) {
    Record r = full_record();
    r.kind = "remeasure";
    r.status = status;
    r.times.clear();
    r.checked = false;
    r.message = "line one\nline two \x01";
    r.constants.clear();
    for (const double error : {-1.0, 0.0, kInfinity}) {
      r.max_error = error;
      const auto again = parse_line(to_line(r));
      ASSERT_TRUE(again) << again.error().message;
      expect_same(r, *again);
      EXPECT_EQ(again->seconds(), kInfinity);
    }
    TrialStatus parsed = TrialStatus::kOk;
    EXPECT_TRUE(parse_status(status_name(status), &parsed));
    EXPECT_EQ(parsed, status);
  }
  TrialStatus none;
  EXPECT_FALSE(parse_status("fine", &none));
}

TEST(Record, TextThatIsNoUtf8IsStillALine) {
  Record r = full_record();
  r.message = "broken \xff\xfe bytes";
  ASSERT_TRUE(parse_line(to_line(r)));
}

TEST(Record, NumbersWithoutAMeaningStillMakeALine) {
  Record r = full_record();
  r.reference_ms = kInfinity;
  r.max_error = std::nan("");
  EXPECT_TRUE(parse_line(to_line(r)));
}

TEST(Record, EveryFlippedByteIsNoticed) {
  const std::string line = to_line(full_record());
  for (size_t at = 0; at < line.size(); ++at) {
    for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
      std::string damaged = line;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      EXPECT_FALSE(parse_line(damaged)) << "byte " << at << " mask " << mask;
    }
  }
}

TEST(Record, EveryPrefixAndEveryLongerLineIsNoticed) {
  const std::string line = to_line(full_record());
  for (size_t n = 0; n < line.size(); ++n) EXPECT_FALSE(parse_line(line.substr(0, n))) << n;
  EXPECT_FALSE(parse_line(line + " "));
  EXPECT_FALSE(parse_line(line + line));
}

TEST(Record, AnotherSchemaIsNamed) {
  std::string body = to_line(full_record());
  body.resize(body.rfind(",\"crc32c\""));
  body.replace(body.find("\"schema\":1"), 10, "\"schema\":7");
  const auto parsed = parse_line(signed_line(body));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, "M1001");
  EXPECT_THAT(parsed.error().message, HasSubstr("schema version 7, this program reads 1"));
}

TEST(Record, FieldsAreCheckedBehindTheChecksum) {
  std::string body = to_line(full_record());
  body.resize(body.rfind(",\"crc32c\""));
  ASSERT_TRUE(parse_line(signed_line(body)));
  const std::pair<const char*, const char*> changes[] = {
      {"\"kind\":\"trial\"", "\"kind\":\"guess\""}, {"\"status\":\"ok\"", "\"status\":\"fine\""},
      {"\"times\":[0.1,", "\"times\":[-0.1,"},      {"\"times\":[0.1,", "\"times\":[null,"},
      {"\"times\":[0.1,", "\"times\":[0,"},         {"\"trial\":41", "\"trial\":\"x\""},
      {"\"checked\":true", "\"checked\":[]"},       {"\"workload\"", "\"other\""},
      {"\"schema\":1", "\"schema\":\"1\""},         {"\"max_error\":1.5e-07", "\"max_error\":{}"}};
  for (const auto& [from, to] : changes) {
    std::string changed = body;
    const size_t at = changed.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    changed.replace(at, std::string(from).size(), to);
    EXPECT_FALSE(parse_line(signed_line(changed))) << to;
  }
  EXPECT_FALSE(parse_line(signed_line("{" + std::string(100000, '['))));
  EXPECT_FALSE(parse_line(signed_line("{\"schema\":1")));
}

Record measured(const std::string& trace, std::vector<double> times, const char* kind = "trial") {
  Record r;
  r.kind = kind;
  r.workload_hash = "h";
  r.target = "t";
  r.trace = trace;
  r.times = std::move(times);
  r.checked = true;
  return r;
}

TEST(BestRecord, TheFastestCheckedOneOfTheWorkloadAndTarget) {
  std::vector<Record> records = {measured("slow", {3, 4}),        measured("best", {9, 2}),
                                 measured("other workload", {1}), measured("other target", {1}),
                                 measured("unchecked", {1}),      measured("wrong", {1})};
  records[2].workload_hash = "x";
  records[3].target = "x";
  records[4].checked = false;
  records[5].status = TrialStatus::kWrong;
  const Record* best = best_record(records, "h", "t");
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best->trace, "best");
  EXPECT_EQ(best_record(records, "h", "u"), nullptr);
  EXPECT_EQ(best_record({}, "h", "t"), nullptr);
}

TEST(BestRecord, ThoseMeasuredAgainInTurnsComeFirst) {
  std::vector<Record> records = {measured("lucky", {1}), measured("steady", {2}), measured("never again", {0.5}),
                                 measured("lucky", {5, 5, 1}, "remeasure"), measured("steady", {3, 2, 3}, "remeasure")};
  const Record* best = best_record(records, "h", "t");
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best->trace, "steady");
  EXPECT_EQ(best->kind, "trial");
  // Of another target: as if it were not there.
  records[3].target = records[4].target = "x";
  EXPECT_EQ(best_record(records, "h", "t")->trace, "never again");
}

TEST(BestRecord, ACandidateThatFailedWhenMeasuredAgainIsNotUsed) {
  std::vector<Record> records = {measured("flaky", {1}), measured("good", {2}), measured("flaky", {}, "remeasure"),
                                 measured("good", {2, 2, 2}, "remeasure")};
  records[2].status = TrialStatus::kWrong;
  EXPECT_EQ(best_record(records, "h", "t")->trace, "good");
  records.pop_back();
  EXPECT_EQ(best_record(records, "h", "t")->trace, "good");
  records.erase(records.begin() + 1);
  EXPECT_EQ(best_record(records, "h", "t"), nullptr);
}

}  // namespace
}  // namespace tilewright::search
