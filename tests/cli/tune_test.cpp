// tune, bench and log: records, resuming, interrupts, replay, damaged and foreign logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.h"

namespace tilewright::cli::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSmall = "gmm:1,32,32,32";

/// A log of 8 trials, made once.
struct Tuned {
  Folder folder;
  Outcome outcome;
  std::string log, so;
  Tuned() : log(folder.path("gmm.log")), so(folder.path("gmm.so")) {
    outcome = tilewright({"tune", kSmall, "--trials", "8", "--log", log, "--out", so, "--json"});
  }
};
const Tuned& tuned() {
  static const Tuned t;
  return t;
}

int records_in(const std::string& log) {
  return static_cast<int>(tilewright({"log", "show", log, "--json"}).last_json()["records"].size());
}

void expect_bad(const Outcome& o, const std::vector<std::string>& named) {
  EXPECT_EQ(o.exit_code, 2) << o.err;
  EXPECT_EQ(o.out, "");
  for (const std::string& text : named) EXPECT_THAT(o.first_error(), HasSubstr(text)) << o.err;
}

TEST(Tune, WritesRecordsLibraryAndSummary) {
  const Tuned& t = tuned();
  ASSERT_EQ(t.outcome.exit_code, 0) << t.outcome.err;
  const nlohmann::json json = t.outcome.last_json();
  ASSERT_TRUE(json.is_object()) << t.outcome.out;
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(keys, testing::UnorderedElementsAre("workload", "target", "trials", "failed", "wrong", "seconds",
                                                  "trials_per_second", "first_gflops", "best_gflops", "best_ms",
                                                  "exhausted", "interrupted", "log", "out", "seed"));
  EXPECT_EQ(json["workload"], kSmall);
  EXPECT_EQ(json["trials"], 8);
  EXPECT_EQ(json["seed"], 0);
  EXPECT_EQ(json["log"], t.log);
  EXPECT_EQ(json["out"], t.so);
  EXPECT_GT(json["best_gflops"].get<double>(), 0);
  EXPECT_NEAR(json["trials_per_second"].get<double>(), 8 / json["seconds"].get<double>(), 1e-6);
  EXPECT_THAT(t.outcome.err, HasSubstr("8/8"));
  EXPECT_THAT(t.outcome.err, HasSubstr("ETA"));
  EXPECT_EQ(tilewright({"run", t.so, "--check", kSmall}).exit_code, 0);
  const nlohmann::json inspected = tilewright({"inspect", t.so, "--json"}).last_json();
  EXPECT_GT(inspected["measured_ms"].get<double>(), 0);
}

TEST(Tune, AddsToALogAndRepeatsNothing) {
  Folder folder;
  folder.write("x.log", tuned().folder.read("gmm.log"));
  const Outcome o = tilewright({"tune", kSmall, "--trials", "4", "--log", folder.path("x.log"), "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.last_json()["trials"], 4);
  EXPECT_TRUE(o.last_json()["out"].is_null());
  const nlohmann::json records = tilewright({"log", "query", folder.path("x.log"), "--json"}).last_json()["records"];
  std::vector<std::string> traces;
  for (const auto& r : records) {
    if (r["kind"] == "trial") traces.push_back(r["trace"]);
  }
  std::sort(traces.begin(), traces.end());
  EXPECT_EQ(traces.size(), 12u);
  EXPECT_EQ(std::unique(traces.begin(), traces.end()), traces.end());
  // Another workload's records stay beside them.
  ASSERT_EQ(tilewright({"tune", "vadd:4096", "--trials", "2", "--log", folder.path("x.log")}).exit_code, 0);
  EXPECT_EQ(tilewright({"log", "best", folder.path("x.log"), "--json"}).last_json()["best"].size(), 2u);
}

TEST(Tune, TheCTarget) {
  Folder folder;
  const Outcome o = tilewright({"tune", "vadd:4096", "--target", "c", "--trials", "2", "--log", folder.path("c.log"),
                                "--out", folder.path("c.so"), "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.last_json()["target"].get<std::string>(), testing::StartsWith("c -cc=gcc"));
  EXPECT_EQ(tilewright({"run", folder.path("c.so"), "--check", "vadd:4096"}).exit_code, 0);
  EXPECT_EQ(tilewright({"bench", "vadd:4096", "--target", "c", "--log", folder.path("c.log")}).exit_code, 0);
  // Records of another target are not taken.
  expect_bad(tilewright({"compile", "vadd:4096", "--log", folder.path("c.log"), "--emit", "tir"}),
             {"no usable record"});
}

TEST(Tune, EveryOptionIsAccepted) {
  Folder folder;
  const Outcome o = tilewright({"tune",         kSmall,      "--target",        "llvm -mcpu=native -num-cores=1",
                                "--trials",     "2",         "--time-limit",    "60",
                                "--seed",       "7",         "--threads",       "1",
                                "--tuner",      "random",    "--model",         "roofline",
                                "--population", "16",        "--eps-greedy",    "0.2",
                                "--warm-start", tuned().log, "--number",        "2",
                                "--repeat",     "2",         "--min-repeat-ms", "1",
                                "--timeout",    "5",         "--cold",          "--verify-all",
                                "--accuracy",   "1e-4",      "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.last_json()["seed"], 7);
  EXPECT_TRUE(o.last_json()["log"].is_null());
}

TEST(Tune, ReplayWritesTheSameRecords) {
  Folder folder;
  const Outcome o = tilewright(
      {"tune", kSmall, "--trials", "8", "--replay-log", tuned().log, "--log", folder.path("again.log"), "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(folder.read("again.log"), tuned().folder.read("gmm.log"));
  // More trials than the file has: the first candidate that is missing is named.
  const Outcome more = tilewright({"tune", kSmall, "--trials", "9", "--replay-log", tuned().log});
  EXPECT_EQ(more.exit_code, 1);
  EXPECT_THAT(more.first_error(), HasSubstr("candidate"));
  expect_bad(tilewright({"tune", kSmall, "--replay-log", folder.path("none.log")}), {"none.log"});
}

TEST(Tune, InterruptKeepsWhatWasMeasured) {
  Folder folder;
  const Outcome o = run_program(TILEWRIGHT_PROGRAM, {{"tune", "gmm:1,128,128,128", "--trials", "100000", "--log",
                                                      folder.path("x.log"), "--out", folder.path("x.so"), "--json"},
                                                     "",
                                                     {},
                                                     "best",
                                                     0});
  EXPECT_EQ(o.exit_code, 130) << o.err;
  const nlohmann::json json = o.last_json();
  ASSERT_TRUE(json.is_object()) << o.out;
  EXPECT_EQ(json["interrupted"], true);
  EXPECT_GT(json["trials"].get<int>(), 0);
  EXPECT_GT(json["best_gflops"].get<double>(), 0);
  EXPECT_THAT(o.out, HasSubstr("best: "));
  EXPECT_GE(records_in(folder.path("x.log")), json["trials"].get<int>());
  EXPECT_EQ(tilewright({"run", folder.path("x.so"), "--check", "gmm:1,128,128,128"}).exit_code, 0);
}

TEST(Tune, LogsThatCannotBeUsed) {
  Folder folder;
  folder.write("foreign.txt", "my notes\n");
  folder.write("binary", std::string("\x00\x01\xff\xfe garbage", 13));
  for (const std::string name : {"foreign.txt", "binary"}) {
    const std::string before = folder.read(name);
    expect_bad(tilewright({"tune", kSmall, "--trials", "1", "--log", folder.path(name)}), {name, "no record of ours"});
    EXPECT_EQ(folder.read(name), before);
  }
  expect_bad(tilewright({"tune", kSmall, "--trials", "1", "--log", folder.path("none/x.log")}), {"none/x.log"});
  expect_bad(tilewright({"tune", kSmall, "--trials", "1", "--log", folder.path()}), {"folder"});
  expect_bad(tilewright({"tune", kSmall, "--trials", "1", "--log", "/dev/full"}), {"/dev/full"});
  expect_bad(tilewright({"tune", kSmall, "--trials", "1", "--out", folder.path("none/x.so")}), {"--out", "none/x.so"});
  expect_bad(tilewright({"tune", kSmall, "--trials", "1", "--warm-start", folder.path("none.log")}), {"none.log"});
}

TEST(Tune, AnEmptyLogIsFine) {
  Folder folder;
  folder.write("empty.log", "");
  EXPECT_EQ(tilewright({"tune", kSmall, "--trials", "1", "--log", folder.path("empty.log")}).exit_code, 0);
  expect_bad(tilewright({"bench", "vadd:64", "--log", folder.path("empty.log")}), {"no usable record", "vadd:64"});
}

TEST(Bench, TimesChecksAndCompares) {
  const Outcome o = tilewright({"bench", kSmall, "--log", tuned().log, "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const nlohmann::json json = o.last_json();
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(
      keys, testing::UnorderedElementsAre("workload", "ms", "ms_median", "gflops", "naive_ms", "checked", "max_error"));
  EXPECT_EQ(json["checked"], true);
  EXPECT_LE(json["ms"].get<double>(), json["ms_median"].get<double>());
  EXPECT_GT(json["naive_ms"].get<double>(), 0);
}

TEST(Log, WithoutAUsableRecordNothingIsGuessed) {
  Folder folder;
  const std::string good = tuned().folder.read("gmm.log");
  const std::string other_schema = [&] {
    std::string text = good;
    for (size_t at = 0; (at = text.find("\"schema\":1", at)) != std::string::npos; at += 10) text[at + 9] = '9';
    return text;
  }();
  folder.write("schema.log", other_schema);
  folder.write("garbage.log", std::string(4000, '\xee'));
  folder.write("empty.log", "");
  folder.write("good.log", good);
  for (const std::string name : {"schema.log", "garbage.log", "empty.log", "missing.log"}) {
    expect_bad(tilewright({"compile", kSmall, "--log", folder.path(name), "--emit", "tir"}), {name});
    expect_bad(tilewright({"bench", kSmall, "--log", folder.path(name)}), {name});
    expect_bad(tilewright({"log", "show", folder.path(name)}), {name});
    expect_bad(tilewright({"log", "best", folder.path(name)}), {name});
  }
  EXPECT_EQ(folder.read("schema.log"), other_schema);
  // For another workload, and for another target.
  expect_bad(tilewright({"bench", "gmm:1,32,32,33", "--log", folder.path("good.log")}), {"good.log", "gmm:1,32,32,33"});
  expect_bad(tilewright({"compile", kSmall, "--target", "llvm -mcpu=x86-64-v2", "--log", folder.path("good.log"),
                         "--emit", "asm"}),
             {"good.log", "x86-64-v2"});
}

TEST(Log, TornAndDamagedLinesAreWarnings) {
  Folder folder;
  std::string text = tuned().folder.read("gmm.log");
  const std::vector<std::string> lines = lines_of(text);
  const int all = records_in(tuned().log);
  std::string damaged = lines[0];
  damaged[damaged.size() / 2] ^= 1;
  text += damaged + "\nnot a record\n" + lines[0].substr(0, 40);
  folder.write("torn.log", text);
  const Outcome show = tilewright({"log", "show", folder.path("torn.log"), "--json"});
  EXPECT_EQ(show.exit_code, 0);
  EXPECT_EQ(static_cast<int>(show.last_json()["records"].size()), all);
  EXPECT_EQ(lines_of(show.err).size(), 3u) << show.err;
  EXPECT_THAT(show.err, HasSubstr("warning: "));
  EXPECT_EQ(tilewright({"compile", kSmall, "--log", folder.path("torn.log"), "--emit", "tir"}).exit_code, 0);
  EXPECT_EQ(folder.read("torn.log"), text);
  // The next appender moves the torn tail aside.
  ASSERT_EQ(tilewright({"tune", kSmall, "--trials", "1", "--log", folder.path("torn.log")}).exit_code, 0);
  EXPECT_THAT(folder.read("torn.log.torn"), HasSubstr(lines[0].substr(0, 40)));
  EXPECT_GT(records_in(folder.path("torn.log")), all);
}

TEST(Log, MergePruneQueryExport) {
  Folder folder;
  const std::string a = tuned().log, b = folder.path("b.log");
  ASSERT_EQ(tilewright({"tune", "vadd:4096", "--trials", "3", "--log", b}).exit_code, 0);
  const std::string merged = folder.path("merged.log"), pruned = folder.path("pruned.log");
  ASSERT_EQ(tilewright({"log", "merge", a, b, a, "-o", merged}).exit_code, 0);
  EXPECT_EQ(records_in(merged), records_in(a) + records_in(b));
  expect_bad(tilewright({"log", "merge", a, b, "-o", merged}), {"merged.log", "exists"});
  ASSERT_EQ(tilewright({"log", "prune", merged, "-o", pruned}).exit_code, 0);
  EXPECT_LT(records_in(pruned), records_in(merged));
  // Pruning keeps the winners.
  const auto winners = [](const std::string& log) {
    std::vector<std::string> traces;
    const nlohmann::json object = tilewright({"log", "best", log, "--json"}).last_json();
    for (const auto& best : object["best"]) traces.push_back(best["trace"]);
    return traces;
  };
  EXPECT_EQ(winners(pruned), winners(merged));
  EXPECT_EQ(winners(merged).size(), 2u);
  const Outcome query = tilewright({"log", "query", merged, "--workload", "vadd:4096", "--limit", "2"});
  EXPECT_EQ(lines_of(query.out).size(), 2u);
  EXPECT_THAT(query.out, Not(HasSubstr("gmm")));
  folder.write("again.log", query.out);
  EXPECT_EQ(records_in(folder.path("again.log")), 2);
  const Outcome table = tilewright({"log", "export", merged});
  EXPECT_EQ(static_cast<int>(lines_of(table.out).size()), records_in(merged) + 1);
  EXPECT_THAT(lines_of(table.out)[0], HasSubstr("kind,workload,target"));
  EXPECT_EQ(tilewright({"log", "export", merged, "--format", "json", "-o", folder.path("t.json")}).exit_code, 0);
  EXPECT_TRUE(nlohmann::json::parse(folder.read("t.json"), nullptr, false).is_array());
  expect_bad(tilewright({"log", "show", merged, "--status", "fine"}), {"\"fine\"", "ok", "wrong"});
  expect_bad(tilewright({"log", "show", merged, "--workload", "vad:1"}), {"\"vad\""});
}

}  // namespace
}  // namespace tilewright::cli::test
