// Points as numbers: sampling, mutation, crossing, enumeration.
#include <algorithm>
#include <set>

#include "search/search_test_util.h"

namespace tilewright::search {
namespace {

using schedule::Decision;

/// What sample_tile asks of a decision: positive factors that cover the extent, the outermost no larger than needed.
bool valid_tile(const Slot& slot, const Decision& d) {
  if (d.size() != static_cast<size_t>(slot.parts)) return false;
  int64_t inner = 1;
  for (size_t i = 0; i < d.size(); ++i) {
    if (d[i] < 1) return false;
    if (i > 0) inner *= d[i];
  }
  return inner <= slot.extent && d[0] == (slot.extent + inner - 1) / inner;
}

std::vector<Sketch> one_slot(TileRole role, int64_t extent, int parts, int lanes) {
  Slot slot;
  slot.role = role;
  slot.extent = extent;
  slot.parts = parts;
  slot.lanes = lanes;
  Sketch sketch;
  sketch.slots = {slot};
  return {sketch};
}

const TileRole kRoles[] = {TileRole::kVector, TileRole::kUnroll, TileRole::kReduce, TileRole::kPlain};

TEST(Points, SampledAndMutatedTilesAreValid) {
  for (const TileRole role : kRoles) {
    for (const int64_t extent : {1, 2, 3, 7, 8, 17, 31, 64, 100, 513, 1009, 4096}) {
      for (int parts = 1; parts <= 4; ++parts) {
        for (const int lanes : {1, 8, 16}) {
          const auto sketches = one_slot(role, extent, parts, lanes);
          CounterRng rng(1, static_cast<uint64_t>(extent), static_cast<uint64_t>(parts), static_cast<uint64_t>(lanes));
          Point p = sample_point(sketches, 0, rng);
          for (int i = 0; i < 40; ++i) {
            ASSERT_TRUE(valid_tile(sketches[0].slots[0], p.decisions[0]))
                << testing::PrintToString(p.decisions[0]) << " of " << extent;
            p = i % 8 == 7 ? sample_point(sketches, 0, rng) : mutate_point(sketches, p, rng);
          }
        }
      }
    }
  }
}

TEST(Points, EnumerationListsEachValidTileOnce) {
  for (const TileRole role : kRoles) {
    for (const int64_t extent : {1, 2, 7, 24, 100, 127}) {
      for (int parts = 1; parts <= 3; ++parts) {
        const auto sketches = one_slot(role, extent, parts, 8);
        const Slot& slot = sketches[0].slots[0];
        const std::vector<Decision> all = enumerate_slot(slot);
        const std::set<Decision> distinct(all.begin(), all.end());
        EXPECT_EQ(distinct.size(), all.size());
        EXPECT_EQ(sketches[0].size(), static_cast<double>(all.size())) << extent << " in " << parts;
        for (const Decision& d : all) EXPECT_TRUE(valid_tile(slot, d)) << testing::PrintToString(d);
        CounterRng rng(2, static_cast<uint64_t>(extent));
        for (int i = 0; i < 50; ++i)
          EXPECT_TRUE(distinct.count(sample_point(sketches, 0, rng).decisions[0])) << "sampled but not listed";
      }
    }
  }
}

TEST(Points, OtherChoicesAreListed) {
  Slot slot;
  slot.kind = schedule::InstructionKind::kSampleCategorical;
  slot.choices = 3;
  EXPECT_EQ(enumerate_slot(slot), (std::vector<Decision>{{0}, {1}, {2}}));
  Slot place = slot;
  place.kind = schedule::InstructionKind::kSampleComputeLocation;
  EXPECT_EQ(enumerate_slot(place), (std::vector<Decision>{{-1}, {0}, {1}, {2}}));
  Sketch sketch;
  sketch.slots = {slot, place};
  EXPECT_EQ(sketch.size(), 12);
  EXPECT_EQ(Sketch().size(), 1);
  std::set<Decision> first, second;
  for (uint64_t i = 0; i < 200; ++i) {
    CounterRng rng(4, i);
    const Point p = sample_point({sketch}, 0, rng);
    first.insert(p.decisions[0]);
    second.insert(p.decisions[1]);
  }
  EXPECT_EQ(first.size(), 3u);
  EXPECT_EQ(second.size(), 4u);
}

TEST(Points, ChildrenTakeEverySlotFromAParent) {
  const std::vector<Sketch> sketches = sketches_of("gmm:1,16,24,32");
  CounterRng rng(9, 0);
  const Point a = sample_point(sketches, 0, rng), b = sample_point(sketches, 0, rng);
  for (int i = 0; i < 50; ++i) {
    const Point child = cross_points(a, b, rng);
    ASSERT_EQ(child.decisions.size(), a.decisions.size());
    for (size_t k = 0; k < child.decisions.size(); ++k)
      EXPECT_TRUE(child.decisions[k] == a.decisions[k] || child.decisions[k] == b.decisions[k]);
  }
  Point stranger = b;
  stranger.sketch = a.sketch + 1;
  EXPECT_EQ(cross_points(a, stranger, rng), a);
}

TEST(Points, TheSameStreamGivesTheSamePoint) {
  const std::vector<Sketch> sketches = sketches_of("c2d:1,6,7,2,3,3,1,1");
  for (uint64_t i = 0; i < 20; ++i) {
    CounterRng a(1, i), b(1, i);
    const Point p = sample_point(sketches, 0, a), q = sample_point(sketches, 0, b);
    EXPECT_EQ(p, q);
    EXPECT_EQ(mutate_point(sketches, p, a), mutate_point(sketches, q, b));
  }
}

TEST(Points, ASketchWithoutSlotsHasOnePoint) {
  const std::vector<Sketch> sketches(1);
  CounterRng rng(1, 1);
  const Point p = sample_point(sketches, 0, rng);
  EXPECT_EQ(mutate_point(sketches, p, rng), p);
  EXPECT_TRUE(point_trace(sketches, p).empty());
}

}  // namespace
}  // namespace tilewright::search
