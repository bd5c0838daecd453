// matmul_add 1024^3: the classic search with its options by name, records to JSON, best record applied.
#include <unistd.h>

#include "examples/example.h"
#include "tilewright/search/record.h"
#include "tilewright/search/tuner.h"

namespace tilewright::examples {
namespace {

TEST(MatmulAdd, SixteenTrialsRecordedAndApplied) {
  const te::Workload workload = te::parse_workload("matmul_add:1024,1024,1024").value();
  const ScratchFile log(".json");
  search::TuneOptions options;
  options.trials = 16;
  options.eps_greedy = 0.05;
  options.population = 2048;
  options.model = "xgb";
  options.measure.repeat = 3;
  options.measure.cold = true;
  options.log = log.path();
  const search::TuneResult result = search::tune(workload, Target(), options).value();
  EXPECT_EQ(result.trials, 16);
  EXPECT_EQ(result.wrong, 0);
  ASSERT_TRUE(result.best);

  const search::LogContents records = search::read_log(log.path()).value();
  EXPECT_TRUE(records.warnings.empty());
  int trials = 0;
  for (const search::Record& record : records.records) trials += record.kind == "trial";
  EXPECT_EQ(trials, 16);

  const Schedule best = search::apply_history_best(workload, Target(), log.path()).value();
  EXPECT_LT(Judge(workload.func).error(best.func()), 1e-5);
}

TEST(MatmulAdd, ALogThatWasNeverWrittenIsNamed) {
  const te::Workload workload = te::parse_workload("matmul_add:64,64,64").value();
  const auto applied = search::apply_history_best(workload, Target(), "/nowhere/never_written.json");
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().render(), testing::HasSubstr("/nowhere/never_written.json"));
}

}  // namespace
}  // namespace tilewright::examples
