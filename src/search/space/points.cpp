// Points of sketches as numbers: sampling, mutation, crossing, enumeration.
#include <algorithm>
#include <cmath>

#include "tilewright/search/space.h"

namespace tilewright::search {
namespace {

using schedule::Decision;
using schedule::InstructionKind;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

std::vector<int64_t> divisors(int64_t n) {
  std::vector<int64_t> low, high;
  for (int64_t d = 1; d * d <= n; ++d) {
    if (n % d != 0) continue;
    low.push_back(d);
    if (d != n / d) high.push_back(n / d);
  }
  low.insert(low.end(), high.rbegin(), high.rend());
  return low;
}

/// Innermost factors worth trying for the slot's role, ascending.
std::vector<int64_t> inner_factors(const Slot& slot) {
  std::vector<int64_t> out;
  auto add = [&](int64_t f) {
    if (f >= 1 && f <= slot.extent) out.push_back(f);
  };
  switch (slot.role) {
    case TileRole::kVector:
      for (int64_t registers = 1; registers <= 6; ++registers) add(registers * slot.lanes);
      // Narrow data: whole, or in halves of a register.
      for (int64_t f = slot.lanes / 2; f >= 1; f /= 2) {
        if (slot.extent < slot.lanes || slot.extent % slot.lanes != 0) add(f);
      }
      if (slot.extent <= 4 * slot.lanes) add(slot.extent);
      break;
    case TileRole::kUnroll:
      for (int64_t f = 1; f <= 16; ++f) {
        if (f <= 8 || slot.extent % f == 0) add(f);
      }
      break;
    case TileRole::kReduce:
      // Unrolled: enough to hide the loop, not so much that the code leaves the instruction cache.
      for (const int64_t f : {1, 2, 3, 4, 5, 7, 8, 16}) {
        if (f <= 2 || slot.extent % f == 0 || f == 4) add(f);
      }
      break;
    case TileRole::kPlain:
      for (const int64_t d : divisors(slot.extent)) add(d);
      for (int64_t f = 1; f <= slot.extent && f <= 256; f *= 2) add(f);
      break;
  }
  if (out.empty()) out.push_back(1);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Factors of the levels between the innermost and the outermost: exact divisors of what is left, and powers of two.
std::vector<int64_t> middle_factors(int64_t left) {
  std::vector<int64_t> out = divisors(left);
  for (int64_t f = 2; f <= left && f <= 64; f *= 2) out.push_back(f);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Completes a tile from its inner factors (innermost last): the outermost is the smallest that covers the extent.
Decision complete(int64_t extent, std::vector<int64_t> inner) {
  int64_t product = 1;
  for (const int64_t f : inner) product *= f;
  inner.insert(inner.begin(), ceil_div(extent, product));
  return inner;
}

template <typename T>
const T& pick(const std::vector<T>& list, CounterRng& rng) {
  return list[rng.below(list.size())];
}

/// Random middle levels for a given innermost factor.
Decision tile_with_inner(const Slot& slot, int64_t innermost, CounterRng& rng) {
  if (slot.parts == 1) return {slot.extent};
  std::vector<int64_t> inner(static_cast<size_t>(slot.parts - 1), 1);
  inner.back() = innermost;
  int64_t product = innermost;
  for (size_t level = inner.size() - 1; level-- > 0;) {
    inner[level] = pick(middle_factors(std::max<int64_t>(1, slot.extent / product)), rng);
    product *= inner[level];
  }
  return complete(slot.extent, std::move(inner));
}

Decision sample_slot(const Slot& slot, CounterRng& rng) {
  switch (slot.kind) {
    case InstructionKind::kSampleTile:
    case InstructionKind::kSamplePerfectTile:
      return tile_with_inner(slot, pick(inner_factors(slot), rng), rng);
    case InstructionKind::kSampleComputeLocation:
      return {rng.in_range(-1, slot.choices - 1)};
    default:
      return {static_cast<int64_t>(rng.below(static_cast<uint64_t>(slot.choices)))};
  }
}

/// A neighbour: one step along one level.
Decision mutate_slot(const Slot& slot, const Decision& old, CounterRng& rng) {
  if (slot.kind != InstructionKind::kSampleTile || slot.parts < 2 || rng.below(4) == 0) return sample_slot(slot, rng);
  std::vector<int64_t> inner(old.begin() + 1, old.end());
  const size_t level = rng.below(inner.size());
  int64_t others = 1;
  for (size_t i = 0; i < inner.size(); ++i) others *= i == level ? 1 : inner[i];
  const bool innermost = level + 1 == inner.size();
  std::vector<int64_t> choices =
      innermost ? inner_factors(slot) : middle_factors(std::max<int64_t>(1, slot.extent / others));
  const auto at = std::lower_bound(choices.begin(), choices.end(), inner[level]);
  auto index = at - choices.begin();
  index += rng.below(2) == 0 ? -1 : 1;
  index = std::clamp<std::ptrdiff_t>(index, 0, static_cast<std::ptrdiff_t>(choices.size()) - 1);
  inner[level] = choices[static_cast<size_t>(index)];
  int64_t product = others * inner[level];
  // Keep the product of the inner factors within the extent.
  for (size_t i = 0; product > slot.extent && i < inner.size(); ++i) {
    if (i == level) continue;
    product /= inner[i];
    inner[i] = std::max<int64_t>(1, std::min(inner[i], slot.extent / std::max<int64_t>(1, product)));
    product *= inner[i];
  }
  return complete(slot.extent, std::move(inner));
}

}  // namespace

double Sketch::size() const {
  double n = 1;
  for (const Slot& slot : slots) {
    if (slot.kind != InstructionKind::kSampleTile) {
      n *= static_cast<double>(slot.choices + (slot.kind == InstructionKind::kSampleComputeLocation ? 1 : 0));
      continue;
    }
    // Counted as sampled: innermost choices times the middle choices of what each leaves.
    double points = 0;
    for (const int64_t f : inner_factors(slot)) {
      double below = 1;
      for (int level = 0; level < slot.parts - 2; ++level)
        below *= static_cast<double>(middle_factors(std::max<int64_t>(1, slot.extent / f)).size());
      points += below;
    }
    n *= slot.parts < 2 ? 1 : points;
  }
  return n;
}

uint64_t Point::hash() const {
  uint64_t h = mix64(static_cast<uint64_t>(sketch));
  for (const Decision& d : decisions) {
    h = hash_combine(h, d.size());
    for (const int64_t v : d) h = hash_combine(h, static_cast<uint64_t>(v));
  }
  return h;
}

Point sample_point(const std::vector<Sketch>& sketches, int sketch, CounterRng& rng) {
  Point point{sketch, {}};
  for (const Slot& slot : sketches[static_cast<size_t>(sketch)].slots)
    point.decisions.push_back(sample_slot(slot, rng));
  return point;
}

Point mutate_point(const std::vector<Sketch>& sketches, const Point& point, CounterRng& rng) {
  Point next = point;
  const auto& slots = sketches[static_cast<size_t>(point.sketch)].slots;
  if (slots.empty()) return next;
  const size_t changes = 1 + rng.below(2);
  for (size_t i = 0; i < changes; ++i) {
    const size_t slot = rng.below(slots.size());
    next.decisions[slot] = mutate_slot(slots[slot], next.decisions[slot], rng);
  }
  return next;
}

Point cross_points(const Point& a, const Point& b, CounterRng& rng) {
  Point child = a;
  if (a.sketch != b.sketch) return child;
  for (size_t i = 0; i < child.decisions.size(); ++i) {
    if (rng.below(2) == 0) child.decisions[i] = b.decisions[i];
  }
  return child;
}

Trace point_trace(const std::vector<Sketch>& sketches, const Point& point) {
  const Sketch& sketch = sketches[static_cast<size_t>(point.sketch)];
  Trace trace = sketch.trace;
  for (size_t i = 0; i < sketch.slots.size(); ++i)
    trace = trace.with_decision(sketch.slots[i].instruction, point.decisions[i]).value();
  return trace;
}

bool find_point(const std::vector<Sketch>& sketches, const Trace& trace, Point* point) {
  for (size_t s = 0; s < sketches.size(); ++s) {
    const Trace& other = sketches[s].trace;
    if (other.size() != trace.size()) continue;
    bool same = true;
    for (size_t i = 0; same && i < trace.size(); ++i) {
      schedule::Instruction a = trace[i], b = other[i];
      a.decision.reset();
      b.decision.reset();
      same = a == b;
    }
    if (!same) continue;
    Point found{static_cast<int>(s), {}};
    for (const Slot& slot : sketches[s].slots) {
      if (!trace[slot.instruction].decision) return false;
      found.decisions.push_back(*trace[slot.instruction].decision);
    }
    *point = std::move(found);
    return true;
  }
  return false;
}

std::vector<Decision> enumerate_slot(const Slot& slot) {
  std::vector<Decision> out;
  if (slot.kind == InstructionKind::kSampleComputeLocation) {
    for (int64_t i = -1; i < slot.choices; ++i) out.push_back({i});
  } else if (slot.kind != InstructionKind::kSampleTile) {
    for (int64_t i = 0; i < slot.choices; ++i) out.push_back({i});
  } else {
    // Depth first from the innermost level.
    std::vector<std::vector<int64_t>> partial;
    if (slot.parts == 1) return {{slot.extent}};
    for (const int64_t f : inner_factors(slot)) partial.push_back({f});
    for (int level = 0; level < slot.parts - 2; ++level) {
      std::vector<std::vector<int64_t>> next;
      for (const auto& inner : partial) {
        int64_t product = 1;
        for (const int64_t f : inner) product *= f;
        for (const int64_t f : middle_factors(std::max<int64_t>(1, slot.extent / product))) {
          std::vector<int64_t> longer{f};
          longer.insert(longer.end(), inner.begin(), inner.end());
          next.push_back(std::move(longer));
        }
      }
      partial = std::move(next);
    }
    for (auto& inner : partial) out.push_back(complete(slot.extent, std::move(inner)));
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }
  return out;
}

}  // namespace tilewright::search
