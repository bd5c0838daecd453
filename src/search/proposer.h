// Proposers decide which points are tried next: one interface for every tuner.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tilewright/search/cost_model.h"
#include "tilewright/search/space.h"

namespace tilewright::search {

/// A point that replays legally.
struct Candidate {
  Point point;
  std::string trace;  // compact JSON
  CandidateFeatures features;
};

struct Measured {
  Point point;
  double seconds;  // infinity: failed
};

/// What proposers see: the space, what was measured, and how to evaluate points without measuring.
class SearchContext {
 public:
  SearchContext(PrimFunc func, const Target& target, std::vector<Sketch> sketches, uint64_t seed, int threads);

  const std::vector<Sketch>& sketches() const { return sketches_; }
  uint64_t seed() const { return seed_; }
  int population = 256;
  double eps_greedy = 0.05;
  CostModel* model = nullptr;

  /// Replays and summarises; null where the schedule is refused. In the order of the points, whatever the threads.
  std::vector<std::shared_ptr<const Candidate>> evaluate(const std::vector<Point>& points);
  /// Model scores; higher is better.
  std::vector<double> score(const std::vector<std::shared_ptr<const Candidate>>& candidates);

  void add_measured(const Point& point, double seconds);
  bool is_measured(const Point& point) const { return measured_set_.count(point.hash()) != 0; }
  const std::vector<Measured>& measured() const { return measured_; }
  /// Valid measured points, fastest first.
  std::vector<const Measured*> best(size_t count) const;
  /// Points of all sketches together.
  double space_size() const;

 private:
  std::shared_ptr<const Candidate> evaluate_one(const Point& point) const;

  PrimFunc func_;
  const Target& target_;
  std::vector<Sketch> sketches_;
  uint64_t seed_;
  int threads_;
  std::unordered_map<uint64_t, std::shared_ptr<const Candidate>> cache_;
  std::vector<Measured> measured_;
  std::unordered_set<uint64_t> measured_set_;
};

class Proposer {
 public:
  virtual ~Proposer() = default;
  /// Up to `count` legal, unmeasured, distinct candidates; none when the space is exhausted as far as it can tell.
  virtual std::vector<std::shared_ptr<const Candidate>> propose(SearchContext& context, int count, int64_t round) = 0;
};

/// The choice without any measurement: the best of a sample by the roofline model; the same whatever the search's seed.
/// Null when nothing is legal.
std::shared_ptr<const Candidate> first_candidate(const PrimFunc& func, const Target& target,
                                                 const std::vector<Sketch>& sketches, int threads);

/// "evolutionary", "annealing", "genetic", "grid", "random"; null for other names.
std::unique_ptr<Proposer> make_proposer(const std::string& name);

}  // namespace tilewright::search
