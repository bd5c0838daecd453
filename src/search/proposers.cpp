#include <algorithm>
#include <cmath>

#include "search/proposer.h"
#include "tilewright/search/tuner.h"

namespace tilewright::search {
namespace {

using CandidatePtr = std::shared_ptr<const Candidate>;

// Purposes of random streams, so that no two uses share one.
enum Stream : uint64_t { kSample = 1, kMutate, kGreedy, kAnneal, kGenetic };

CounterRng stream(const SearchContext& context, Stream purpose, int64_t round, uint64_t individual) {
  return CounterRng(context.seed(), purpose, static_cast<uint64_t>(round), individual);
}

Point random_point(const SearchContext& context, CounterRng& rng) {
  const int sketch = static_cast<int>(rng.below(context.sketches().size()));
  return sample_point(context.sketches(), sketch, rng);
}

/// Appends legal, unmeasured, unseen candidates.
class Collector {
 public:
  explicit Collector(const SearchContext& context) : context_(context) {}
  bool add(const CandidatePtr& c) {
    if (!c || context_.is_measured(c->point) || !seen_.insert(c->point.hash()).second) return false;
    list.push_back(c);
    return true;
  }
  std::vector<CandidatePtr> list;

 private:
  const SearchContext& context_;
  std::unordered_set<uint64_t> seen_;
};

/// Uniform points.
class RandomProposer : public Proposer {
 public:
  std::vector<CandidatePtr> propose(SearchContext& context, int count, int64_t round) override {
    Collector found(context);
    // In a small or nearly exhausted space most draws repeat; the number of attempts grows before giving up.
    constexpr uint64_t kAttempts = 64;
    for (uint64_t attempt = 0; attempt < kAttempts && found.list.size() < static_cast<size_t>(count); ++attempt) {
      std::vector<Point> points;
      for (int i = 0; i < 4 * count; ++i) {
        CounterRng rng = stream(context, kSample, round, attempt * 1000003 + static_cast<uint64_t>(i));
        points.push_back(random_point(context, rng));
      }
      for (const CandidatePtr& c : context.evaluate(points)) {
        if (found.list.size() < static_cast<size_t>(count)) found.add(c);
      }
    }
    return found.list;
  }
};

/// Every point in order, sketch by sketch.
class GridProposer : public Proposer {
 public:
  std::vector<CandidatePtr> propose(SearchContext& context, int count, int64_t) override {
    Collector found(context);
    while (found.list.size() < static_cast<size_t>(count) && sketch_ < context.sketches().size()) {
      const Sketch& sketch = context.sketches()[sketch_];
      if (axes_.empty() && !sketch.slots.empty()) {
        for (const Slot& slot : sketch.slots) axes_.push_back(enumerate_slot(slot));
        at_.assign(axes_.size(), 0);
      }
      Point point{static_cast<int>(sketch_), {}};
      for (size_t i = 0; i < axes_.size(); ++i) point.decisions.push_back(axes_[i][at_[i]]);
      found.add(context.evaluate({point})[0]);
      advance();
    }
    return found.list;
  }

 private:
  void advance() {
    for (size_t i = axes_.size(); i-- > 0;) {
      if (++at_[i] < axes_[i].size()) return;
      at_[i] = 0;
    }
    ++sketch_;
    axes_.clear();
    at_.clear();
  }
  size_t sketch_ = 0;
  std::vector<std::vector<schedule::Decision>> axes_;
  std::vector<size_t> at_;
};

/// Measured points are the population; fitness is speed; children come from crossing and mutation. No model.
class GeneticProposer : public Proposer {
 public:
  std::vector<CandidatePtr> propose(SearchContext& context, int count, int64_t round) override {
    const std::vector<const Measured*> elite = context.best(static_cast<size_t>(std::max(4, context.population / 4)));
    if (elite.size() < 4) return random_.propose(context, count, round);
    double total = 0;
    for (const Measured* m : elite) total += 1 / m->seconds;
    auto pick = [&](CounterRng& rng) {
      double at = rng.uniform() * total;
      for (const Measured* m : elite) {
        at -= 1 / m->seconds;
        if (at <= 0) return m;
      }
      return elite.back();
    };
    Collector found(context);
    for (uint64_t attempt = 0; attempt < 32 && found.list.size() < static_cast<size_t>(count); ++attempt) {
      std::vector<Point> points;
      for (int i = 0; i < 2 * count; ++i) {
        CounterRng rng = stream(context, kGenetic, round, attempt * 1000003 + static_cast<uint64_t>(i));
        Point child = cross_points(pick(rng)->point, pick(rng)->point, rng);
        if (rng.uniform() < 0.6) child = mutate_point(context.sketches(), child, rng);
        points.push_back(std::move(child));
      }
      for (const CandidatePtr& c : context.evaluate(points)) {
        if (found.list.size() < static_cast<size_t>(count)) found.add(c);
      }
    }
    if (found.list.empty()) return random_.propose(context, count, round);
    return found.list;
  }

 private:
  RandomProposer random_;
};

/// Parallel chains that walk by the model's scores, cooling down; the best points met are proposed.
class AnnealingProposer : public Proposer {
 public:
  std::vector<CandidatePtr> propose(SearchContext& context, int count, int64_t round) override {
    std::vector<Point> start;
    for (const Measured* m : context.best(static_cast<size_t>(count))) start.push_back(m->point);
    for (uint64_t i = 0; start.size() < static_cast<size_t>(2 * count); ++i) {
      CounterRng rng = stream(context, kSample, round, i);
      start.push_back(random_point(context, rng));
      if (i > static_cast<uint64_t>(100 * count)) break;
    }
    std::vector<CandidatePtr> chains;
    for (const CandidatePtr& c : context.evaluate(start)) {
      if (c) chains.push_back(c);
    }
    if (chains.empty()) return random_.propose(context, count, round);
    std::vector<double> scores = context.score(chains);
    std::vector<std::pair<double, CandidatePtr>> met;
    for (size_t i = 0; i < chains.size(); ++i) met.emplace_back(scores[i], chains[i]);
    constexpr int kSteps = 24;
    for (int step = 0; step < kSteps; ++step) {
      const double temperature = 1.0 - static_cast<double>(step) / kSteps;
      std::vector<Point> moved;
      for (size_t i = 0; i < chains.size(); ++i) {
        CounterRng rng = stream(context, kAnneal, round, static_cast<uint64_t>(step) * 100003 + i);
        moved.push_back(mutate_point(context.sketches(), chains[i]->point, rng));
      }
      const std::vector<CandidatePtr> next = context.evaluate(moved);
      std::vector<CandidatePtr> valid;
      for (const CandidatePtr& c : next) valid.push_back(c ? c : chains[0]);
      const std::vector<double> next_scores = context.score(valid);
      for (size_t i = 0; i < chains.size(); ++i) {
        if (!next[i]) continue;
        met.emplace_back(next_scores[i], next[i]);
        CounterRng rng = stream(context, kGreedy, round, static_cast<uint64_t>(step) * 100003 + i);
        if (next_scores[i] >= scores[i] ||
            rng.uniform() < std::exp((next_scores[i] - scores[i]) / std::max(1e-3, temperature))) {
          chains[i] = next[i];
          scores[i] = next_scores[i];
        }
      }
    }
    std::stable_sort(met.begin(), met.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    Collector found(context);
    for (const auto& [score, c] : met) {
      if (found.list.size() < static_cast<size_t>(count)) found.add(c);
    }
    if (found.list.empty()) return random_.propose(context, count, round);
    return found.list;
  }

 private:
  RandomProposer random_;
};

/// Evolution guided by the model: random and measured parents, generations of mutation and crossing, the best scored
/// are proposed, a share eps at random.
class EvolutionaryProposer : public Proposer {
 public:
  std::vector<CandidatePtr> propose(SearchContext& context, int count, int64_t round) override {
    const auto size = static_cast<size_t>(std::max(context.population, 2 * count));
    std::vector<Point> points;
    for (const Measured* m : context.best(size / 8)) points.push_back(m->point);
    for (uint64_t i = 0; points.size() < size; ++i) {
      CounterRng rng = stream(context, kSample, round, i);
      points.push_back(random_point(context, rng));
    }
    Pool pool(context);
    pool.add(context.evaluate(points));
    if (pool.items.empty()) return random_.propose(context, count, round);
    constexpr int kGenerations = 4;
    for (int generation = 0; generation < kGenerations; ++generation) {
      pool.keep(size);
      std::vector<Point> children;
      for (size_t i = 0; i < size; ++i) {
        CounterRng rng = stream(context, kMutate, round, static_cast<uint64_t>(generation) * 1000003 + i);
        const Point& a = pool.tournament(rng);
        Point child = a;
        if (rng.uniform() < 0.2) child = cross_points(a, pool.tournament(rng), rng);
        children.push_back(mutate_point(context.sketches(), child, rng));
      }
      pool.add(context.evaluate(children));
    }
    pool.keep(pool.items.size());
    Collector found(context);
    const auto random_share = static_cast<size_t>(std::lround(context.eps_greedy * count));
    const size_t greedy = static_cast<size_t>(count) - std::min<size_t>(random_share, static_cast<size_t>(count) - 1);
    for (const auto& item : pool.items) {
      if (found.list.size() < greedy) found.add(item.candidate);
    }
    if (found.list.size() < static_cast<size_t>(count)) {
      for (const CandidatePtr& c : random_.propose(context, count - static_cast<int>(found.list.size()), round))
        found.add(c);
    }
    return found.list;
  }

 private:
  struct Item {
    double score;
    CandidatePtr candidate;
  };
  /// Distinct candidates, kept best first.
  struct Pool {
    explicit Pool(SearchContext& c) : context(c) {}
    void add(const std::vector<CandidatePtr>& candidates) {
      std::vector<CandidatePtr> fresh;
      for (const CandidatePtr& c : candidates) {
        if (c && seen.insert(c->point.hash()).second) fresh.push_back(c);
      }
      const std::vector<double> scores = context.score(fresh);
      for (size_t i = 0; i < fresh.size(); ++i) items.push_back({scores[i], fresh[i]});
    }
    void keep(size_t count) {
      std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.score > b.score; });
      if (items.size() > count) items.resize(count);
    }
    const Point& tournament(CounterRng& rng) const {
      const size_t a = rng.below(items.size()), b = rng.below(items.size()), c = rng.below(items.size());
      return items[std::min({a, b, c})].candidate->point;
    }
    SearchContext& context;
    std::vector<Item> items;
    std::unordered_set<uint64_t> seen;
  };
  RandomProposer random_;
};

}  // namespace

std::vector<std::string> tuner_names() {
  return {"evolutionary", "annealing", "genetic", "grid", "random"};
}

std::unique_ptr<Proposer> make_proposer(const std::string& name) {
  if (name == "evolutionary") return std::make_unique<EvolutionaryProposer>();
  if (name == "annealing") return std::make_unique<AnnealingProposer>();
  if (name == "genetic") return std::make_unique<GeneticProposer>();
  if (name == "grid") return std::make_unique<GridProposer>();
  if (name == "random") return std::make_unique<RandomProposer>();
  return nullptr;
}

}  // namespace tilewright::search
