// Counter-based random numbers: a value depends on its key and index alone, so results do not depend on threads or
// order.
#pragma once

#include <cstdint>

namespace tilewright {

/// Mixes 64 bits (finaliser of SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
constexpr uint64_t hash_combine(uint64_t a, uint64_t b) {
  return mix64(a ^ (b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2)));
}

/// A stream of numbers keyed by up to four values, for example (seed, task, generation, individual).
class CounterRng {
 public:
  explicit constexpr CounterRng(uint64_t seed, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0)
      : key_(hash_combine(hash_combine(hash_combine(mix64(seed), a), b), c)) {}
  constexpr uint64_t next() { return mix64(key_ ^ mix64(counter_++)); }
  /// Uniform in [0, n), n >= 1, without modulo bias (Lemire, multiply-shift with rejection).
  uint64_t below(uint64_t n);
  /// Uniform in [low, high], both included.
  int64_t in_range(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  /// Uniform in [0, 1) with 53 random bits.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

}  // namespace tilewright
