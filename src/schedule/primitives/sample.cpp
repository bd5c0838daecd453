#include "schedule/primitives/sample.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "schedule/primitives/compute_at.h"
#include "schedule/primitives/compute_inline.h"
#include "schedule/refusal.h"

namespace tilewright::schedule {

namespace {

constexpr int64_t kMaxParts = 16;

std::string spell(const Decision& d) {
  return fmt::format("{{{}}}", fmt::join(d, ", "));
}

/// The loop's extent where it and the other arguments can be sampled.
Expected<int64_t> sampled_extent(const State& state, LoopId id, int64_t n, int64_t max_innermost) {
  Expected<const ForNode*> found = state.loop(id);
  if (!found) return found.error();
  int64_t extent = 0;
  if (!tir::is_const_int((*found)->extent, &extent) || extent < 1) {
    return Refusal(state, codes::kSampleSymbolic,
                   fmt::format("the extent {} of loop `{}` is no positive constant", tir::to_string((*found)->extent),
                               (*found)->var.name()))
        .at(id)
        .remedy("sample the inner factors with sample_categorical, and let split infer the outer one");
  }
  if (n < 1 || n > kMaxParts || max_innermost < 0) {
    return Refusal(state, codes::kBadSampleArgument,
                   fmt::format(
                       "{} parts with an innermost of at most {} are no tiling; parts are 1 to {}, the limit 0 (none) "
                       "or more",
                       n, max_innermost, kMaxParts))
        .at(id);
  }
  return extent;
}

Refusal invalid(const State& state, LoopId id, const Decision& decision, std::string why) {
  return Refusal(state, codes::kInvalidDecision, fmt::format("the decision {} {}", spell(decision), why)).at(id);
}

struct PrimePower {
  int64_t prime;
  int exponent;
};
std::vector<PrimePower> factorise(int64_t n) {
  std::vector<PrimePower> out;
  for (int64_t p = 2; p * p <= n; p += p == 2 ? 1 : 2) {
    int e = 0;
    for (; n % p == 0; n /= p) ++e;
    if (e) out.push_back({p, e});
  }
  if (n > 1) out.push_back({n, 1});
  return out;
}

double binomial(int n, int k) {
  double r = 1;
  for (int i = 1; i <= k; ++i) r = r * (n - k + i) / i;
  return r;
}

/// Number of ways to write the product as `parts` ordered factors.
double ways(const std::vector<PrimePower>& powers, int parts) {
  double r = 1;
  for (const PrimePower& p : powers) r *= parts == 0 ? (p.exponent == 0) : binomial(p.exponent + parts - 1, parts - 1);
  return r;
}

/// All divisors with their exponents.
struct Divisor {
  int64_t value;
  std::vector<int> exponents;
};
std::vector<Divisor> divisors(const std::vector<PrimePower>& powers) {
  std::vector<Divisor> out{{1, std::vector<int>(powers.size(), 0)}};
  for (size_t i = 0; i < powers.size(); ++i) {
    const size_t n = out.size();
    int64_t power = 1;
    for (int e = 1; e <= powers[i].exponent; ++e) {
      power *= powers[i].prime;
      for (size_t k = 0; k < n; ++k) {
        Divisor d = out[k];
        d.value *= power;
        d.exponents[i] = e;
        out.push_back(std::move(d));
      }
    }
  }
  return out;
}

}  // namespace

Expected<std::vector<int64_t>> sample_perfect_tile(const State& state, LoopId id, int64_t n, int64_t max_innermost,
                                                   const Decision* decision, CounterRng rng) {
  const Expected<int64_t> extent = sampled_extent(state, id, n, max_innermost);
  if (!extent) return extent.error();
  if (decision) {
    if (static_cast<int64_t>(decision->size()) != n)
      return invalid(state, id, *decision, fmt::format("has not {} factors", n));
    int64_t rest = *extent;
    for (const int64_t f : *decision) {
      if (f < 1 || rest % f != 0) {
        rest = 0;
        break;
      }
      rest /= f;
    }
    if (rest != 1) return invalid(state, id, *decision, fmt::format("does not multiply to the extent {}", *extent));
    if (max_innermost > 0 && decision->back() > max_innermost)
      return invalid(state, id, *decision, fmt::format("has an innermost factor above {}", max_innermost));
    return *decision;
  }
  // The innermost factor first, weighted by the factorisations of what remains; then every prime by stars and bars. All
  // factorisations are equally likely, and none is drawn twice.
  std::vector<PrimePower> powers = factorise(*extent);
  std::vector<int64_t> factors(n, 1);
  std::vector<double> weights;
  std::vector<Divisor> choices;
  double total = 0;
  for (Divisor& d : divisors(powers)) {
    if (max_innermost > 0 && d.value > max_innermost) continue;
    std::vector<PrimePower> rest = powers;
    for (size_t i = 0; i < rest.size(); ++i) rest[i].exponent -= d.exponents[i];
    const double w = ways(rest, static_cast<int>(n) - 1);
    if (w == 0) continue;
    total += w;
    weights.push_back(total);
    choices.push_back(std::move(d));
  }
  if (choices.empty()) {
    return Refusal(state, codes::kBadSampleArgument,
                   fmt::format("no factorisation of {} into {} parts has an innermost of at most {}", *extent, n,
                               max_innermost))
        .at(id);
  }
  const double at = rng.uniform() * total;
  const size_t pick =
      std::min<size_t>(std::upper_bound(weights.begin(), weights.end(), at) - weights.begin(), choices.size() - 1);
  factors.back() = choices[pick].value;
  for (size_t i = 0; i < powers.size(); ++i) {
    int stars = powers[i].exponent - choices[pick].exponents[i];
    // A uniformly random composition of `stars` into n - 1 parts.
    for (int part = 0; part + 2 < n && stars > 0; ++part) {
      const int parts_after = static_cast<int>(n) - 2 - part;
      double x = rng.uniform() * binomial(stars + parts_after, parts_after);
      int take = 0;
      for (; take < stars; ++take) {
        x -= binomial(stars - take + parts_after - 1, parts_after - 1);
        if (x < 0) break;
      }
      for (int e = 0; e < take; ++e) factors[part] *= powers[i].prime;
      stars -= take;
    }
    for (int e = 0; e < stars; ++e) factors[n - 2] *= powers[i].prime;
  }
  return factors;
}

Expected<std::vector<int64_t>> sample_tile(const State& state, LoopId id, int64_t n, int64_t max_innermost,
                                           const Decision* decision, CounterRng rng) {
  const Expected<int64_t> extent = sampled_extent(state, id, n, max_innermost);
  if (!extent) return extent.error();
  if (decision) {
    if (static_cast<int64_t>(decision->size()) != n)
      return invalid(state, id, *decision, fmt::format("has not {} factors", n));
    int64_t inner = 1;
    for (size_t i = decision->size(); i-- > 1;) {
      const int64_t f = (*decision)[i];
      if (f < 1 || f > *extent || inner > *extent / f)
        return invalid(state, id, *decision,
                       fmt::format("has inner factors that are below 1 or exceed the extent {}", *extent));
      inner *= f;
    }
    if ((*decision)[0] != (*extent - 1) / inner + 1) {
      return invalid(state, id, *decision,
                     fmt::format("does not start with {}, the least number of tiles of {} that reach the extent {}",
                                 (*extent - 1) / inner + 1, inner, *extent));
    }
    if (n > 1 && max_innermost > 0 && decision->back() > max_innermost)
      return invalid(state, id, *decision, fmt::format("has an innermost factor above {}", max_innermost));
    return *decision;
  }
  // Inner factors evenly on a logarithmic scale, from the innermost outwards.
  std::vector<int64_t> factors(n, 1);
  int64_t left = *extent, inner = 1;
  for (size_t i = factors.size(); i-- > 1;) {
    int64_t limit = left;
    if (i + 1 == factors.size() && max_innermost > 0) limit = std::min(limit, max_innermost);
    const double drawn = std::exp2(rng.uniform() * std::log2(static_cast<double>(limit) + 1));
    factors[i] = std::clamp<int64_t>(static_cast<int64_t>(drawn), 1, limit);
    inner *= factors[i];
    left /= factors[i];
  }
  factors[0] = (*extent - 1) / inner + 1;
  return factors;
}

Expected<int64_t> sample_categorical(const State& state, const std::vector<int64_t>& candidates,
                                     const std::vector<double>& probabilities, const Decision* decision,
                                     CounterRng rng) {
  double total = 0;
  bool valid = candidates.size() == probabilities.size();
  for (const double p : probabilities) {
    valid &= std::isfinite(p) && p >= 0;
    total += p;
  }
  if (!valid || !(total > 0) || !std::isfinite(total)) {
    return Refusal(state, codes::kBadProbabilities,
                   fmt::format("{} candidates with the probabilities {{{}}} cannot be drawn from", candidates.size(),
                               fmt::join(probabilities, ", ")))
        .remedy("give one probability a candidate, none negative and not all zero");
  }
  if (decision) {
    if (decision->size() != 1 || (*decision)[0] < 0 || (*decision)[0] >= static_cast<int64_t>(candidates.size())) {
      return Refusal(
          state, codes::kInvalidDecision,
          fmt::format("the decision {} is no index of one of {} candidates", spell(*decision), candidates.size()));
    }
    return (*decision)[0];
  }
  double x = rng.uniform() * total;
  for (size_t i = 0; i < candidates.size(); ++i) {
    x -= probabilities[i];
    if (x < 0) return static_cast<int64_t>(i);
  }
  for (size_t i = candidates.size(); i-- > 0;) {
    if (probabilities[i] > 0) return static_cast<int64_t>(i);
  }
  return int64_t{0};
}

Expected<Location> sample_compute_location(const State& state, BlockId id, const Decision* decision, CounterRng rng) {
  Expected<const BlockNode*> found = state.block(id);
  if (!found) return found.error();
  std::vector<LoopId> loops;
  if (!(id == state.root())) {
    const std::vector<BlockId> consumers = state.consumers(id);
    if (!consumers.empty()) loops = state.loops_of(consumers[0]);
  }
  const auto possible = [&](int64_t d) {
    State trial = state;
    trial.set_listings(false);
    if (d == -1) return true;
    if (d == -2) return compute_inline(trial, id).ok();
    return compute_at(trial, id, loops[d], false).ok();
  };
  const auto location = [&](int64_t d) { return Location{d == -1 ? kStay : d == -2 ? kInline : loops[d], d}; };
  if (decision) {
    const int64_t d = decision->size() == 1 ? (*decision)[0] : -3;
    if (d < -2 || d >= static_cast<int64_t>(loops.size())) {
      return Refusal(state, codes::kInvalidDecision,
                     fmt::format("the decision {} is neither -1 (stay), -2 (inline) nor one of the {} loops of the "
                                 "consumer of `{}`",
                                 spell(*decision), loops.size(), (*found)->name))
          .at(id);
    }
    // Whether the place is legal is for the primitive that uses it to say.
    return location(d);
  }
  std::vector<int64_t> places{-1};
  if (possible(-2)) places.push_back(-2);
  for (size_t i = 0; i < loops.size(); ++i) {
    if (possible(static_cast<int64_t>(i))) places.push_back(static_cast<int64_t>(i));
  }
  return location(places[rng.below(places.size())]);
}

}  // namespace tilewright::schedule
