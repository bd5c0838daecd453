#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "search/proposer.h"
#include "tilewright/search/features.h"

namespace tilewright::search {
namespace {

/// A memo of replays; dropped as a whole when it has grown past this.
constexpr size_t kCacheLimit = 1 << 16;

/// Candidates that would spill most of their accumulators or fill the instruction cache many times over: building them
/// costs more than any of the others, and they never win.
bool hopeless(const ProgramSummary& summary, const Target& target) {
  return std::any_of(summary.stages.begin(), summary.stages.end(), [&](const StageSummary& s) {
    return s.tile_registers > 1.5 * target.vector_registers || s.code_statements > 2048;
  });
}

}  // namespace

SearchContext::SearchContext(PrimFunc func, const Target& target, std::vector<Sketch> sketches, uint64_t seed,
                             int threads)
    : func_(std::move(func)),
      target_(target),
      sketches_(std::move(sketches)),
      seed_(seed),
      threads_(std::max(1, threads)) {}

std::shared_ptr<const Candidate> SearchContext::evaluate_one(const Point& point) const {
  const Trace trace = point_trace(sketches_, point);
  Schedule schedule(func_);
  if (!trace.apply(schedule)) return nullptr;
  const ProgramSummary summary = summarize(schedule.func(), target_);
  if (hopeless(summary, target_)) return nullptr;
  auto candidate = std::make_shared<Candidate>();
  candidate->point = point;
  candidate->trace = trace.to_json();
  candidate->features.row = feature_row(summary, target_);
  candidate->features.roofline_seconds = summary.seconds;
  return candidate;
}

std::vector<std::shared_ptr<const Candidate>> SearchContext::evaluate(const std::vector<Point>& points) {
  std::vector<std::shared_ptr<const Candidate>> out(points.size());
  std::vector<size_t> missing;
  std::unordered_map<uint64_t, size_t> first;
  if (cache_.size() > kCacheLimit) cache_.clear();
  for (size_t i = 0; i < points.size(); ++i) {
    const uint64_t key = points[i].hash();
    if (const auto it = cache_.find(key); it != cache_.end())
      out[i] = it->second;
    else if (first.emplace(key, i).second)
      missing.push_back(i);
  }
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t k = next++; k < missing.size(); k = next++) out[missing[k]] = evaluate_one(points[missing[k]]);
  };
  const size_t workers = std::min<size_t>(static_cast<size_t>(threads_), missing.size());
  std::vector<std::thread> threads;
  for (size_t t = 1; t < workers; ++t) threads.emplace_back(work);
  work();
  for (std::thread& t : threads) t.join();
  for (const size_t i : missing) cache_[points[i].hash()] = out[i];
  for (size_t i = 0; i < points.size(); ++i) {
    if (!out[i]) out[i] = cache_[points[i].hash()];
  }
  return out;
}

std::vector<double> SearchContext::score(const std::vector<std::shared_ptr<const Candidate>>& candidates) {
  std::vector<CandidateFeatures> features;
  features.reserve(candidates.size());
  for (const auto& c : candidates) features.push_back(c->features);
  return model->score(features);
}

void SearchContext::add_measured(const Point& point, double seconds) {
  if (!measured_set_.insert(point.hash()).second) return;
  measured_.push_back({point, seconds});
}

std::vector<const Measured*> SearchContext::best(size_t count) const {
  std::vector<const Measured*> out;
  for (const Measured& m : measured_) {
    if (std::isfinite(m.seconds)) out.push_back(&m);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Measured* a, const Measured* b) { return a->seconds < b->seconds; });
  if (out.size() > count) out.resize(count);
  return out;
}

double SearchContext::space_size() const {
  double n = 0;
  for (const Sketch& s : sketches_) n += s.size();
  return n;
}

}  // namespace tilewright::search
