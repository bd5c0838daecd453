#include "tilewright/search/tuner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>

#include "search/proposer.h"
#include "search/replay.h"
#include "tilewright/search/features.h"
#include "tilewright/tir/visit.h"

namespace tilewright::search {
namespace {

using Clock = std::chrono::steady_clock;
using CandidatePtr = std::shared_ptr<const Candidate>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr const char* kVersion = "tilewright 0.1.0";
constexpr int kRemeasureRounds = 5;
constexpr size_t kWarmRecords = 4000;

Diagnostic tune_error(const char* code, std::string message, std::string remedy = {}) {
  Diagnostic d;
  d.code = code;
  d.operation = "tune";
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  return d;
}

double median(std::vector<double> v) {
  if (v.empty()) return kInfinity;
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

/// Seconds that the arithmetic takes at the peak of all cores: the scale of the model's labels.
double bound_seconds(double flops, const Target& target) {
  const double peak = target.num_cores * (target.vector_bytes / 4.0) * 4 * 3.5e9;
  return std::max(1e-7, flops / peak);
}

/// One run of the search; a plain sequence of steps over shared state.
class Tuner {
 public:
  Tuner(const te::Workload& workload, const Target& target, const TuneOptions& options,
        const std::function<void(const TuneProgress&)>& progress)
      : workload_(workload), target_(target), options_(options), progress_(progress), start_(Clock::now()) {}

  Expected<TuneResult> run() {
    for (const auto step :
         {&Tuner::check_options, &Tuner::open_log, &Tuner::make_space, &Tuner::warm_start, &Tuner::start_measuring}) {
      if (Status s = (this->*step)(); !s) return s.error();
    }
    while (result_.trials < options_.trials && !out_of_time() && !stopped()) {
      Expected<bool> more = round();
      if (!more) return more.error();
      if (!*more) {
        result_.exhausted = !stopped();
        break;
      }
    }
    if (Status s = settle_best(); !s) return s.error();
    time_first();
    result_.interrupted = interrupted();
    result_.seconds = elapsed();
    report();
    return std::move(result_);
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool out_of_time() const { return options_.time_limit > 0 && elapsed() >= options_.time_limit; }
  static bool stopped() { return interrupted(); }

  Status check_options() {
    proposer_ = make_proposer(options_.tuner);
    if (!proposer_)
      return tune_error("M1304", fmt::format("unknown tuner `{}`, expected one of: {}", options_.tuner,
                                             fmt::join(tuner_names(), ", ")));
    auto model = make_cost_model(options_.model, options_.seed);
    if (!model) return model.error();
    model_ = *std::move(model);
    if (options_.trials < 0) return tune_error("M1305", fmt::format("{} trials, expected 0 or more", options_.trials));
    if (options_.population < 2)
      return tune_error("M1305", fmt::format("population {}, expected 2 or more", options_.population));
    if (options_.batch < 1) return tune_error("M1305", fmt::format("batch {}, expected 1 or more", options_.batch));
    if (!(options_.eps_greedy >= 0 && options_.eps_greedy <= 1))
      return tune_error("M1305", fmt::format("eps_greedy {}, expected 0 to 1", options_.eps_greedy));
    hash_ = tir::content_hash(workload_.func);
    target_text_ = target_.str();
    return {};
  }

  Status open_log() {
    if (options_.log.empty()) return {};
    auto writer = RecordWriter::open(options_.log);
    if (!writer) return writer.error();
    writer_ = *std::move(writer);
    result_.warnings = writer_->warnings();
    auto contents = read_log(options_.log);
    if (!contents) return contents.error();
    for (Record& r : contents->records) {
      if (r.workload_hash == hash_ && r.target == target_text_) known_.push_back(std::move(r));
    }
    return {};
  }

  Status make_space() {
    const auto rules = options_.rules.empty() ? default_rules(target_) : options_.rules;
    const int threads = options_.measure.build_threads > 0 ? options_.measure.build_threads : ::get_nprocs();
    context_ = std::make_unique<SearchContext>(
        workload_.func, target_, generate_sketches(workload_.func, target_, rules), options_.seed, threads);
    context_->population = options_.population;
    context_->eps_greedy = options_.eps_greedy;
    context_->model = model_.get();
    result_.space_size = context_->space_size();
    // The prior's choice, made before any measurement is looked at.
    first_ = first_candidate(workload_.func, target_, context_->sketches(), threads);
    std::vector<Point> points;
    std::vector<double> seconds;
    for (const Record& r : known_) {
      if (r.kind != "trial") continue;
      next_trial_ = std::max(next_trial_, r.trial + 1);
      auto trace = Trace::from_json(r.trace);
      Point point;
      if (!trace || !find_point(context_->sketches(), *trace, &point)) continue;
      context_->add_measured(point, r.seconds());
      points.push_back(point);
      seconds.push_back(r.seconds());
      if (r.status == TrialStatus::kOk && r.checked && r.seconds() < best_seconds_) note_best(r);
    }
    learn(context_->evaluate(points), seconds);
    return {};
  }

  Status warm_start() {
    if (options_.warm_start.empty()) return {};
    auto contents = read_log(options_.warm_start);
    if (!contents) return contents.error();
    result_.warnings.insert(result_.warnings.end(), contents->warnings.begin(), contents->warnings.end());
    std::map<std::string, std::vector<const Record*>> by_workload;
    size_t count = 0;
    for (const Record& r : contents->records) {
      if (r.kind == "trial" && r.workload_hash != hash_ && r.target == target_text_ && count++ < kWarmRecords)
        by_workload[r.workload].push_back(&r);
    }
    for (const auto& [name, records] : by_workload) {
      auto other = te::parse_workload(name);
      if (!other || tir::content_hash(other->func) != records[0]->workload_hash) continue;
      std::vector<CandidateFeatures> features;
      std::vector<double> seconds;
      for (const Record* r : records) {
        auto trace = Trace::from_json(r->trace);
        Schedule schedule(other->func);
        if (!trace || !trace->apply(schedule)) continue;
        const ProgramSummary summary = summarize(schedule.func(), target_);
        features.push_back({feature_row(summary, target_), summary.seconds});
        seconds.push_back(r->seconds());
      }
      model_->update(features, seconds, bound_seconds(other->flops, target_));
    }
    return {};
  }

  Status start_measuring() {
    if (!options_.replay_log.empty()) {
      auto replay = ReplaySource::open(options_.replay_log, hash_, target_text_);
      if (!replay) return replay.error();
      replay_ = *std::move(replay);
      return {};
    }
    MeasureTask task;
    task.func = workload_.func;
    task.workload = workload_.name;
    task.workload_hash = hash_;
    task.target = target_;
    task.tolerance = options_.accuracy;
    if (!(options_.accuracy > 0)) {
      task.tolerance = 0;
      const std::vector<tir::ParamUse> uses = tir::param_uses(workload_.func);
      for (size_t i = 0; i < uses.size(); ++i) {
        const Buffer& b = workload_.func->params[i].buffer;
        if (uses[i].written && b.defined()) task.tolerance = std::max(task.tolerance, default_tolerance(b.dtype()));
      }
    }
    auto measurer = start_measurer(std::move(task), options_.measure);
    if (!measurer) return measurer.error();
    measurer_ = *std::move(measurer);
    return {};
  }

  /// Propose, score, build, run, record. False when nothing is left to try.
  Expected<bool> round() {
    const auto wanted = static_cast<int>(std::min<int64_t>(options_.batch, options_.trials - result_.trials));
    const std::vector<CandidatePtr> batch = proposer_->propose(*context_, wanted, round_);
    if (batch.empty()) return false;
    std::vector<Record> records;
    if (replay_) {
      for (const CandidatePtr& c : batch) {
        auto record = replay_->trial(c->trace, next_trial_ + static_cast<int64_t>(records.size()));
        if (!record) return record.error();
        records.push_back(*std::move(record));
      }
    } else {
      records = measure(batch);
    }
    std::vector<CandidatePtr> done(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(records.size()));
    std::vector<double> seconds;
    for (size_t i = 0; i < records.size(); ++i) {
      const Record& r = records[i];
      seconds.push_back(r.seconds());
      context_->add_measured(batch[i]->point, r.seconds());
      if (r.status != TrialStatus::kOk) ++result_.failed;
      if (r.status == TrialStatus::kWrong) ++result_.wrong;
      if (r.status == TrialStatus::kOk && r.checked && r.seconds() < best_seconds_) note_best(r);
    }
    result_.trials += static_cast<int64_t>(records.size());
    next_trial_ += static_cast<int64_t>(records.size());
    ++round_;
    if (Status s = append(records); !s) return s.error();
    learn(done, seconds);
    report();
    return true;
  }

  std::vector<Record> measure(const std::vector<CandidatePtr>& batch) {
    std::vector<std::string> traces;
    for (const CandidatePtr& c : batch) traces.push_back(c->trace);
    const double reference = measurer_->reference_kernel_ms();
    const std::vector<MeasureResult> results = measurer_->measure(traces, best_seconds_);
    std::vector<Record> records;
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].message == "interrupted") break;
      Record r = make_record("trial", traces[i], results[i]);
      r.trial = next_trial_ + static_cast<int64_t>(i);
      r.reference_ms = reference;
      records.push_back(std::move(r));
    }
    return records;
  }

  Record make_record(const char* kind, const std::string& trace, const MeasureResult& m) const {
    Record r;
    r.kind = kind;
    r.workload = workload_.name;
    r.workload_hash = hash_;
    r.target = target_text_;
    r.trace = trace;
    r.status = m.status;
    r.message = m.message;
    r.times = m.times;
    r.max_error = m.max_error;
    r.checked = m.checked;
    r.seed = options_.seed;
    r.round = round_;
    r.host = host_;
    r.version = kVersion;
    r.timestamp = static_cast<int64_t>(std::time(nullptr));
    return r;
  }

  Status append(const std::vector<Record>& records) {
    for (const Record& r : records) known_.push_back(r);
    return writer_ ? writer_->append(records) : Status{};
  }

  void learn(const std::vector<CandidatePtr>& candidates, const std::vector<double>& seconds) {
    if (!model_->learns()) return;
    std::vector<CandidateFeatures> features;
    std::vector<double> labels;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!candidates[i]) continue;
      features.push_back(candidates[i]->features);
      labels.push_back(seconds[i]);
    }
    if (!features.empty()) model_->update(features, labels, bound_seconds(workload_.flops, target_));
  }

  void note_best(const Record& r) {
    best_seconds_ = r.seconds();
    result_.best = r;
    result_.best_ms = best_seconds_ * 1e3;
    result_.best_gflops = workload_.flops / best_seconds_ / 1e9;
  }

  /// The fastest few run again in turns, under the same conditions: a lucky measurement does not win.
  Status settle_best() {
    std::vector<const Record*> candidates;
    for (const Record& r : known_) {
      if (r.kind == "trial" && r.status == TrialStatus::kOk && r.checked) candidates.push_back(&r);
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Record* a, const Record* b) { return a->seconds() < b->seconds(); });
    const auto count = static_cast<size_t>(std::max(0, options_.remeasure));
    if (candidates.size() > count) candidates.resize(count);
    // Those far behind cannot win.
    std::erase_if(candidates, [&](const Record* r) { return r->seconds() > 1.15 * candidates[0]->seconds(); });
    if (candidates.size() < 2 || stopped() || result_.trials == 0) return {};
    std::vector<std::string> traces;
    for (const Record* r : candidates) traces.push_back(r->trace);
    std::vector<Record> records;
    if (replay_) {
      for (const std::string& trace : traces) {
        if (auto r = replay_->remeasured(trace)) records.push_back(*r);
      }
    } else {
      const std::vector<MeasureResult> results = measurer_->remeasure(traces, kRemeasureRounds);
      for (size_t i = 0; i < results.size(); ++i) {
        // Interrupted before its first turn: nothing was learned about it.
        if (results[i].message == "interrupted" || (results[i].status == TrialStatus::kOk && results[i].times.empty()))
          continue;
        Record r = make_record("remeasure", traces[i], results[i]);
        r.trial = candidates[i]->trial;
        records.push_back(std::move(r));
      }
    }
    const Record* winner = nullptr;
    for (const Record& r : records) {
      if (r.status == TrialStatus::kOk && (!winner || median(r.times) < median(winner->times))) winner = &r;
    }
    if (winner) {
      for (const Record* r : candidates) {
        if (r->trace != winner->trace) continue;
        result_.best = *r;
        best_seconds_ = median(winner->times);
        result_.best_ms = best_seconds_ * 1e3;
        result_.best_gflops = workload_.flops / best_seconds_ / 1e9;
      }
    }
    return append(records);
  }

  void time_first() {
    if (!first_ || !measurer_ || stopped()) return;
    const std::vector<MeasureResult> results = measurer_->remeasure({first_->trace}, 3);
    if (results[0].status != TrialStatus::kOk || results[0].times.empty()) return;
    result_.first_gflops = workload_.flops / *std::min_element(results[0].times.begin(), results[0].times.end()) / 1e9;
  }

  void report() {
    if (!progress_) return;
    TuneProgress p;
    p.trials = result_.trials;
    p.wanted = options_.trials;
    p.failed = result_.failed;
    p.wrong = result_.wrong;
    p.seconds = elapsed();
    p.best_gflops = result_.best_gflops;
    p.best_ms = result_.best_ms;
    p.trials_per_second = p.seconds > 0 ? static_cast<double>(p.trials) / p.seconds : 0;
    p.eta_seconds =
        p.trials > 0 ? p.seconds / static_cast<double>(p.trials) * static_cast<double>(p.wanted - p.trials) : 0;
    if (options_.time_limit > 0)
      p.eta_seconds = std::min(p.eta_seconds, std::max(0.0, options_.time_limit - p.seconds));
    p.space_size = result_.space_size;
    progress_(p);
  }

  const te::Workload& workload_;
  const Target& target_;
  const TuneOptions& options_;
  const std::function<void(const TuneProgress&)>& progress_;
  Clock::time_point start_;

  std::string hash_, target_text_, host_ = host_fingerprint();
  std::unique_ptr<Proposer> proposer_;
  std::unique_ptr<CostModel> model_;
  std::unique_ptr<SearchContext> context_;
  std::unique_ptr<Measurer> measurer_;
  std::optional<ReplaySource> replay_;
  std::optional<RecordWriter> writer_;
  std::vector<Record> known_;
  CandidatePtr first_;
  double best_seconds_ = kInfinity;
  int64_t next_trial_ = 0, round_ = 0;
  TuneResult result_;
};

}  // namespace

Expected<TuneResult> tune(const te::Workload& workload, const Target& target, const TuneOptions& options,
                          const std::function<void(const TuneProgress&)>& progress) {
  try {
    return Tuner(workload, target, options, progress).run();
  } catch (const Error& e) {
    return e.diagnostic();
  }
}

}  // namespace tilewright::search
