// Measuring and tuning end to end, with the worker programs.
#include "tilewright/search/tuner.h"

#include <cmath>
#include <limits>

#include "search/search_test_util.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

using testing::HasSubstr;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

#ifdef TILEWRIGHT_LLVM
const Target& native() {
  static const Target target("llvm -mcpu=native -num-cores=2");
  return target;
}
#else
const Target& native() {
  static const Target target("c -num-cores=2");
  return target;
}
#endif

MeasureOptions quick() {
  MeasureOptions o;
  o.build_threads = 1;
  o.repeat = 2;
  o.min_repeat_ms = 0.1;
  return o;
}

MeasureTask task_of(const te::Workload& w) {
  MeasureTask t;
  t.func = w.func;
  t.workload = w.name;
  t.workload_hash = tir::content_hash(w.func);
  t.target = native();
  return t;
}

std::string unscheduled() {
  return Trace().to_json();
}

class Measure : public testing::Test {
 protected:
  void TearDown() override { clear_interrupt(); }
};

TEST_F(Measure, ACandidateThatRunsIsCheckedAndOneThatIsRefusedIsAResult) {
  const te::Workload w = workload("gmm:1,16,24,8");
  auto measurer = start_measurer(task_of(w), quick());
  ASSERT_TRUE(measurer) << measurer.error().message;
  const std::string no_block = R"({"trace":[["get_block",[],["nowhere"],1]],"v":1})";
  const auto results = (*measurer)->measure({unscheduled(), no_block, "no trace", unscheduled()}, kInfinity);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].status, TrialStatus::kOk) << results[0].message;
  EXPECT_TRUE(results[0].checked);
  EXPECT_GE(results[0].max_error, 0);
  EXPECT_LE(results[0].max_error, 1e-5);
  ASSERT_FALSE(results[0].times.empty());
  for (const double t : results[0].times) EXPECT_GT(t, 0);
  EXPECT_EQ(results[1].status, TrialStatus::kRefused);
  EXPECT_THAT(results[1].message, HasSubstr("nowhere"));
  EXPECT_EQ(results[2].status, TrialStatus::kRefused);
  EXPECT_EQ(results[3].status, TrialStatus::kOk);
  EXPECT_GT((*measurer)->reference_kernel_ms(), 0);

  const auto again = (*measurer)->remeasure({unscheduled(), no_block}, 3);
  EXPECT_EQ(again[0].times.size(), 3u);
  EXPECT_TRUE(again[0].checked);
  EXPECT_EQ(again[1].status, TrialStatus::kRefused);

  // A clear loser has one time, and is not compared unless that is asked for.
  const auto loser = (*measurer)->measure({unscheduled()}, 1e-12);
  EXPECT_EQ(loser[0].status, TrialStatus::kOk);
  EXPECT_EQ(loser[0].times.size(), 1u);
  EXPECT_FALSE(loser[0].checked);
}

TEST_F(Measure, AnErrorAboveTheLimitIsWrong) {
  MeasureTask task = task_of(workload("gmm:1,16,24,8"));
  task.tolerance = -1;  // nothing is exact enough
  MeasureOptions options = quick();
  options.verify_all = true;
  auto measurer = start_measurer(task, options);
  ASSERT_TRUE(measurer);
  const auto results = (*measurer)->measure({unscheduled()}, kInfinity);
  EXPECT_EQ(results[0].status, TrialStatus::kWrong);
  EXPECT_FALSE(results[0].checked);
  EXPECT_THAT(results[0].message, HasSubstr("above the limit"));
  EXPECT_EQ((*measurer)->measure({unscheduled()}, 1e-12)[0].status, TrialStatus::kWrong);
}

TEST_F(Measure, ACandidateThatTakesTooLongIsStopped) {
  MeasureOptions options = quick();
  options.timeout = 0.05;
  options.number = 1000000000;
  auto measurer = start_measurer(task_of(workload("gmm:1,16,24,8")), options);
  ASSERT_TRUE(measurer);
  const auto results = (*measurer)->measure({unscheduled()}, kInfinity);
  EXPECT_EQ(results[0].status, TrialStatus::kTimeout);
  EXPECT_TRUE(results[0].times.empty());
  EXPECT_THAT(results[0].message, HasSubstr("0.05 s"));
}

TEST_F(Measure, ABuildThatTakesTooLongIsStopped) {
  MeasureOptions options = quick();
  options.build_timeout = 1e-6;
  auto measurer = start_measurer(task_of(workload("gmm:1,64,64,64")), options);
  ASSERT_TRUE(measurer);
  for (const MeasureResult& r : (*measurer)->measure({unscheduled(), unscheduled()}, kInfinity)) {
    // A build that is done before anybody looks counts.
    EXPECT_TRUE(r.status == TrialStatus::kBuildTimeout || r.status == TrialStatus::kOk) << r.message;
  }
}

TEST_F(Measure, AnInterruptEndsItSoon) {
  auto measurer = start_measurer(task_of(workload("gmm:1,16,24,8")), quick());
  ASSERT_TRUE(measurer);
  request_interrupt();
  EXPECT_TRUE(interrupted());
  for (const MeasureResult& r : (*measurer)->measure({unscheduled(), unscheduled()}, kInfinity))
    EXPECT_EQ(r.message, "interrupted");
  clear_interrupt();
  EXPECT_EQ((*measurer)->measure({unscheduled()}, kInfinity)[0].status, TrialStatus::kOk);
}

class Tune : public testing::Test {
 protected:
  void TearDown() override { clear_interrupt(); }
  static TuneOptions options(int64_t trials) {
    TuneOptions o;
    o.trials = trials;
    o.population = 16;
    o.batch = 3;
    o.seed = 4;
    o.measure = quick();
    return o;
  }
};

TEST_F(Tune, AReplayWritesTheSameLog) {
  const ScratchFolder folder;
  const te::Workload w = workload("gmm:1,16,24,8");
  TuneOptions o = options(6);
  o.log = folder.file("log");
  const auto first = tune(w, native(), o);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->trials, 6);
  EXPECT_EQ(first->wrong, 0);
  ASSERT_TRUE(first->best);
  EXPECT_TRUE(first->best->checked);
  const auto log = read_log(o.log);
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->warnings.empty());
  int64_t trial = 0;
  for (const Record& r : log->records) {
    if (r.kind != "trial") continue;
    EXPECT_EQ(r.trial, trial++);
  }
  EXPECT_EQ(trial, 6);

  TuneOptions again = o;
  again.log = folder.file("replayed");
  again.replay_log = o.log;
  again.measure.build_threads = 2;
  const auto second = tune(w, native(), again);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(read_text(again.log), read_text(o.log));
  ASSERT_TRUE(second->best);
  EXPECT_EQ(second->best->trace, first->best->trace);
  EXPECT_EQ(second->best_ms, first->best_ms);

  // The best of the log is a schedule.
  Record best;
  std::vector<std::string> warnings;
  const auto schedule = apply_history_best(w, native(), o.log, &warnings, &best);
  ASSERT_TRUE(schedule) << schedule.error().message;
  EXPECT_EQ(best.trace, first->best->trace);
  EXPECT_EQ(apply_history_best(workload("gmm:1,8,8,8"), native(), o.log).error().code, "M1310");

  // A second run goes on where the log ends.
  const auto more = tune(w, native(), o);
  ASSERT_TRUE(more) << more.error().message;
  std::vector<std::string> traces;
  const auto longer = read_log(o.log);
  ASSERT_TRUE(longer);
  for (const Record& r : longer->records) {
    if (r.kind != "trial") continue;
    EXPECT_EQ(r.trial, static_cast<int64_t>(traces.size()));
    EXPECT_THAT(traces, testing::Not(testing::Contains(r.trace)));
    traces.push_back(r.trace);
  }
  EXPECT_EQ(traces.size(), 12u);

  // Without its fourth line the log cannot be replayed.
  const std::string text = read_text(again.log);
  std::string cut;
  size_t begin = 0;
  for (int line = 0; begin < text.size(); ++line) {
    const size_t end = text.find('\n', begin) + 1;
    if (line != 3) cut += text.substr(begin, end - begin);
    begin = end;
  }
  write_text(folder.file("cut"), cut);
  again.replay_log = folder.file("cut");
  again.log = folder.file("never");
  const auto missing = tune(w, native(), again);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "M1306");
  EXPECT_THAT(missing.error().message, HasSubstr("candidate 3 is not in"));
}

TEST_F(Tune, EveryTunerWithAModel) {
  const te::Workload w = workload("gmm:1,8,16,8");
  const std::vector<std::string> models = cost_model_names();
  size_t i = 0;
  for (const std::string& tuner : tuner_names()) {
    TuneOptions o = options(6);
    o.tuner = tuner;
    o.model = models[i++ % models.size()];
    o.batch = 6;
    o.remeasure = 0;
    int64_t reported = -1;
    const auto result = tune(w, native(), o, [&](const TuneProgress& p) { reported = p.trials; });
    ASSERT_TRUE(result) << tuner << ": " << result.error().message;
    EXPECT_EQ(result->trials, 6) << tuner;
    EXPECT_EQ(result->failed, 0) << tuner;
    EXPECT_TRUE(result->best) << tuner;
    EXPECT_EQ(reported, 6) << tuner;
  }
}

TEST_F(Tune, AnExhaustedSpaceEnds) {
  TuneOptions o = options(1000);
  o.tuner = "grid";
  o.model = "none";
  o.batch = 64;
  const auto result = tune(workload("vadd:4"), native(), o);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->exhausted);
  EXPECT_GT(result->trials, 0);
  EXPECT_LE(static_cast<double>(result->trials), result->space_size);
}

TEST_F(Tune, AnInterruptEndsIt) {
  request_interrupt();
  const auto result = tune(workload("vadd:4"), native(), options(5));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->interrupted);
  EXPECT_EQ(result->trials, 0);
  EXPECT_FALSE(result->exhausted);
}

TEST_F(Tune, BadOptionsAreErrors) {
  const te::Workload w = workload("vadd:4");
  const auto code = [&](auto change) {
    TuneOptions o = options(1);
    change(o);
    const auto result = tune(w, native(), o);
    return result ? std::string("accepted") : result.error().code;
  };
  EXPECT_EQ(code([](TuneOptions& o) { o.tuner = "luck"; }), "M1304");
  EXPECT_EQ(code([](TuneOptions& o) { o.model = "oracle"; }), "M1101");
  EXPECT_EQ(code([](TuneOptions& o) { o.trials = -1; }), "M1305");
  EXPECT_EQ(code([](TuneOptions& o) { o.population = 1; }), "M1305");
  EXPECT_EQ(code([](TuneOptions& o) { o.batch = 0; }), "M1305");
  EXPECT_EQ(code([](TuneOptions& o) { o.eps_greedy = std::nan(""); }), "M1305");
  EXPECT_EQ(code([](TuneOptions& o) { o.log = "/no/such/folder/log"; }), "M1003");
  EXPECT_EQ(code([](TuneOptions& o) { o.replay_log = "/no/such/log"; }), "M1002");
  EXPECT_EQ(code([](TuneOptions& o) { o.warm_start = "/no/such/log"; }), "M1002");
}

TEST_F(Tune, TheFirstScheduleIsTheSameEachTime) {
  const PrimFunc func = workload("gmm:1,16,24,32").func;
  const auto a = first_schedule(func, space_target()), b = first_schedule(func, space_target());
  ASSERT_TRUE(a);
  ASSERT_TRUE(b);
  EXPECT_EQ(a->trace().to_json(), b->trace().to_json());
  EXPECT_FALSE(a->trace().empty());
}

}  // namespace
}  // namespace tilewright::search
