// Logs as files: locks, torn tails, damaged lines, foreign files, several writers.
#include <sys/wait.h>

#include <set>

#include "search/search_test_util.h"

namespace tilewright::search {
namespace {

using testing::HasSubstr;

Record record(int64_t trial, std::string host = "h") {
  Record r;
  r.workload = "vadd:8";
  r.workload_hash = "hash";
  r.target = "c";
  r.trial = trial;
  r.trace = "trace " + std::to_string(trial);
  r.times = {1e-3};
  r.checked = true;
  r.host = std::move(host);
  return r;
}

void append(const std::string& path, const std::vector<Record>& records) {
  auto writer = RecordWriter::open(path);
  ASSERT_TRUE(writer) << writer.error().message;
  const Status s = writer->append(records, true);
  ASSERT_TRUE(s) << s.error().message;
}

TEST(RecordFile, WhatIsAppendedIsRead) {
  const ScratchFolder folder;
  const std::string path = folder.file("log");
  append(path, {record(0), record(1)});
  append(path, {record(2)});
  const auto log = read_log(path);
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->warnings.empty());
  EXPECT_EQ(log->bytes, static_cast<int64_t>(std::filesystem::file_size(path)));
  ASSERT_EQ(log->records.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(to_line(log->records[i]), to_line(record(static_cast<int64_t>(i))));
}

TEST(RecordFile, AReaderLeavesATornLastLine) {
  const ScratchFolder folder;
  const std::string path = folder.file("log");
  append(path, {record(0), record(1)});
  const std::string whole = read_text(path), torn = to_line(record(2)).substr(0, 40);
  write_text(path, whole + torn);
  const auto log = read_log(path);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->records.size(), 2u);
  ASSERT_EQ(log->warnings.size(), 1u);
  EXPECT_THAT(log->warnings[0], HasSubstr(path + ":3: the last line is torn"));
  EXPECT_EQ(read_text(path), whole + torn);

  // The next to append moves it aside.
  append(path, {record(3)});
  EXPECT_EQ(read_text(path), whole + to_line(record(3)) + "\n");
  EXPECT_EQ(read_text(path + ".torn"), torn + "\n");
  EXPECT_TRUE(read_log(path)->warnings.empty());
}

TEST(RecordFile, AWholeLastLineWithoutNewlineIsNotLost) {
  const ScratchFolder folder;
  const std::string path = folder.file("log");
  append(path, {record(0), record(1)});
  std::string whole = read_text(path);
  whole.pop_back();
  write_text(path, whole);
  EXPECT_EQ(read_log(path)->records.size(), 2u);
  append(path, {record(2)});
  const auto log = read_log(path);
  EXPECT_EQ(log->records.size(), 3u);
  EXPECT_TRUE(log->warnings.empty());
}

TEST(RecordFile, ALogWhoseOnlyLineIsTornCanBeContinued) {
  const ScratchFolder folder;
  const std::string path = folder.file("log");
  const std::string torn = to_line(record(0)).substr(0, 60);
  write_text(path, torn);
  append(path, {record(1)});
  EXPECT_EQ(read_text(path), to_line(record(1)) + "\n");
  EXPECT_EQ(read_text(path + ".torn"), torn + "\n");
}

TEST(RecordFile, DamagedLinesAreReportedAndStay) {
  const ScratchFolder folder;
  const std::string path = folder.file("log");
  std::string bad = to_line(record(1));
  bad[30] ^= 1;
  const std::string text =
      to_line(record(0)) + "\n" + bad + "\n" + to_line(record(2)) + "\nhello\n\n" + to_line(record(3)) + "\n";
  write_text(path, text);
  const auto log = read_log(path);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->records.size(), 3u);
  ASSERT_EQ(log->warnings.size(), 2u);
  EXPECT_THAT(log->warnings[0], HasSubstr(path + ":2: the checksum does not match"));
  EXPECT_THAT(log->warnings[1], HasSubstr(path + ":4: not a record of ours"));
  auto writer = RecordWriter::open(path);
  ASSERT_TRUE(writer);
  EXPECT_EQ(writer->warnings(), log->warnings);
  ASSERT_TRUE(writer->append({record(4)}));
  EXPECT_EQ(read_text(path), text + to_line(record(4)) + "\n");
}

TEST(RecordFile, AForeignFileIsRefusedAndStays) {
  const ScratchFolder folder;
  const std::string path = folder.file("thesis.txt");
  for (const std::string text : {"Chapter one\n", "no newline", "\n\n\n", "{\"schema\":1}\n"}) {
    write_text(path, text);
    const auto writer = RecordWriter::open(path);
    ASSERT_FALSE(writer) << text;
    EXPECT_EQ(writer.error().code, "M1004");
    EXPECT_EQ(read_text(path), text);
  }
  write_text(path, "");
  EXPECT_TRUE(RecordWriter::open(path));
}

TEST(RecordFile, PathsThatCannotBeUsed) {
  const ScratchFolder folder;
  EXPECT_EQ(read_log(folder.file("none")).error().code, "M1002");
  EXPECT_EQ(read_log(folder.file("")).error().code, "M1002");
  EXPECT_EQ(RecordWriter::open(folder.file("no/such/log")).error().code, "M1003");
  EXPECT_EQ(RecordWriter::open(folder.file("")).error().code, "M1003");
  EXPECT_EQ(RecordWriter::open("/dev/full").error().code, "M1003");
  EXPECT_FALSE(RecordWriter().append({record(0)}));
}

TEST(RecordFile, AWriterCanBeMoved) {
  const ScratchFolder folder;
  const std::string path = folder.file("log"), other = folder.file("other");
  RecordWriter a = RecordWriter::open(path).value();
  RecordWriter b = std::move(a);
  EXPECT_EQ(b.path(), path);
  b = RecordWriter::open(other).value();
  ASSERT_TRUE(b.append({record(0)}));
  ASSERT_TRUE(b.append({}));
  EXPECT_EQ(read_log(other)->records.size(), 1u);
  EXPECT_EQ(read_text(path), "");
}

TEST(RecordFile, ProcessesThatAppendTogetherLoseNothing) {
  const ScratchFolder folder;
  const std::string path = folder.file("log");
  constexpr int kProcesses = 3, kBatches = 60;
  append(path, {record(-1)});
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      bool ok = true;
      for (int i = 0; ok && i < kBatches; ++i) {
        // Lines of different lengths; every third time through a new writer.
        static Expected<RecordWriter> writer = RecordWriter::open(path);
        if (i % 3 == 0) writer = RecordWriter::open(path);
        const int64_t id = p * 1000 + 2 * i;
        ok = writer && writer->append({record(id, std::string(static_cast<size_t>(id), 'x')), record(id + 1)});
      }
      ::_exit(ok ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto log = read_log(path);
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->warnings.empty());
  std::set<int64_t> seen;
  for (const Record& r : log->records) seen.insert(r.trial);
  EXPECT_EQ(log->records.size(), 1u + 2 * kProcesses * kBatches);
  EXPECT_EQ(seen.size(), log->records.size());
}

}  // namespace
}  // namespace tilewright::search
