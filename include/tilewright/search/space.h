// The search space: sketches (traces whose decisions are open), made by rules, and the points inside them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tilewright/codegen/target.h"
#include "tilewright/schedule/schedule.h"
#include "tilewright/support/random.h"

namespace tilewright::search {

/// What the factors of a tile are for: decides which sizes are worth trying.
enum class TileRole : uint8_t {
  kVector,  // innermost factor is vectorized: multiples of the register
  kUnroll,  // innermost factor is unrolled into a register tile: small
  kReduce,  // innermost factor is an inner reduction loop
  kPlain,
};

/// One open decision of a sketch.
struct Slot {
  size_t instruction = 0;
  schedule::InstructionKind kind = schedule::InstructionKind::kSampleTile;
  TileRole role = TileRole::kPlain;
  int64_t extent = 1;   // of the tiled loop
  int parts = 1;        // factors of a tile
  int64_t choices = 1;  // of a categorical, places of a compute location
  int lanes = 1;        // elements in a vector register
};

struct Sketch {
  std::string name;  // the rules that made it, "inline+tile+epilogue"
  Trace trace;
  std::vector<Slot> slots;
  /// Number of points, as a double because it overflows integers.
  double size() const;
};

/// A point: a sketch and one decision a slot.
struct Point {
  int sketch = 0;
  std::vector<schedule::Decision> decisions;
  bool operator==(const Point&) const = default;
  uint64_t hash() const;
};

/// A schedule under construction, with the slots opened so far. Rules use it as a Schedule and open decisions through
/// it, so that their roles are known.
class SketchBuilder {
 public:
  SketchBuilder(PrimFunc func, const Target& target);
  Schedule schedule;
  std::string name;
  std::vector<Slot> slots;

  /// Opens a tile of `parts` factors over the loop (its extent must be constant).
  std::vector<schedule::Value> tile(schedule::Loop loop, int parts, TileRole role, int lanes = 1);
  /// Opens a choice among values.
  schedule::Value choose(const std::vector<int64_t>& candidates);
  const Target& target() const { return *target_; }
  Sketch finish() const;

 private:
  const Target* target_;
};

/// A rule looks at one block and answers with zero or more continuations. An empty answer means "does not apply"; to
/// keep the schedule as it was beside the new ones, include a copy of it.
class SpaceRule {
 public:
  virtual ~SpaceRule() = default;
  virtual std::string name() const = 0;
  virtual std::vector<SketchBuilder> apply(const SketchBuilder& state, const std::string& block) const = 0;
};

/// The rules for CPUs, in order.
std::vector<std::shared_ptr<const SpaceRule>> default_rules(const Target& target);

/// Applies the rules to every block, consumers first; refused continuations are dropped. Never empty: the unscheduled
/// program is the last resort.
std::vector<Sketch> generate_sketches(const PrimFunc& func, const Target& target,
                                      const std::vector<std::shared_ptr<const SpaceRule>>& rules);

/// Random point, one slot changed, slots taken from either parent (of one sketch). Only numbers; legality shows on
/// replay.
Point sample_point(const std::vector<Sketch>& sketches, int sketch, CounterRng& rng);
Point mutate_point(const std::vector<Sketch>& sketches, const Point& point, CounterRng& rng);
Point cross_points(const Point& a, const Point& b, CounterRng& rng);
/// The sketch's trace with the point's decisions.
Trace point_trace(const std::vector<Sketch>& sketches, const Point& point);
/// The point whose trace this is, when a sketch has the same instructions.
bool find_point(const std::vector<Sketch>& sketches, const Trace& trace, Point* point);
/// All values that a slot can be enumerated over (the grid tuner's axis), in order.
std::vector<schedule::Decision> enumerate_slot(const Slot& slot);

}  // namespace tilewright::search
