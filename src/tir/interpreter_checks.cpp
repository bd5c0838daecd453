// The slow side of the interpreter: memory that comes to life, checks beyond extents, and what failures say.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <limits>
#include <new>

#include "tir/interpreter_run.h"

namespace tilewright::tir::interp {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 36;
constexpr uint32_t kMaxIterations = 1u << 31;

/// Product of extents; false when it is negative or too large for memory.
bool count_elements(const std::vector<int64_t>& extents, int bytes, int64_t* count) {
  *count = 1;
  for (const int64_t e : extents) {
    if (e < 0 || (e > 0 && *count > kMaxBytes / bytes / e)) return false;
    *count *= e;
  }
  return true;
}

void row_major(const std::vector<int64_t>& extents, std::vector<int64_t>* strides) {
  strides->assign(extents.size(), 1);
  for (size_t d = extents.size(); d-- > 1;) (*strides)[d - 1] = (*strides)[d] * extents[d];
}

}  // namespace

Machine::Machine(Program& program, int64_t max_instances)
    : program_(program),
      accesses_(program.accesses.begin(), program.accesses.end()),
      slots_(program.slots.data()),
      max_instances_(max_instances),
      fuel_(max_instances > 0 ? max_instances : std::numeric_limits<int64_t>::max()) {}

// ---- Memory

void Machine::enter(Memory& m) {
  auto values = [&](const std::vector<int32_t>& slots) {
    std::vector<int64_t> out;
    for (const int32_t s : slots) out.push_back(slots_[s].i);
    return out;
  };
  const bool mapped = !m.physical_slots.empty();
  m.extent = values(mapped ? m.physical_slots : m.extent_slots);
  if (mapped) {
    m.logical_extent = values(m.extent_slots);
    int64_t logical = 0;
    if (!count_elements(m.logical_extent, m.element_bytes, &logical))
      fail("T0512",
           fmt::format("buffer `{}` has the impossible shape [{}]", m.buffer->name, fmt::join(m.logical_extent, ", ")),
           nullptr);
    row_major(m.logical_extent, &m.logical_stride);
  }
  const int bytes = m.element_bytes * m.lanes;
  if (!count_elements(m.extent, bytes, &m.elements))
    fail("T0512", fmt::format("buffer `{}` has the impossible shape [{}]", m.buffer->name, fmt::join(m.extent, ", ")),
         nullptr);
  row_major(m.extent, &m.stride);
  const auto count = static_cast<size_t>(m.elements * m.lanes);
  try {
    if (m.argument) {
      const HostArray& a = *m.argument;
      if (m.elements * m.lanes > a.elements())
        fail("T0501",
             fmt::format("`{}` is used as {} elements, its argument has {}", m.buffer->name, m.elements, a.elements()),
             nullptr);
      if (m.kind == MemoryKind::kF64 && a.dtype.bits != 64) {
        m.storage.resize(count * 8);
        for (size_t i = 0; i < count; ++i) {
          const double value = a.get(static_cast<int64_t>(i));
          std::memcpy(m.storage.data() + i * 8, &value, 8);
        }
        m.data = m.storage.data();
      } else {
        m.data = m.argument->bytes.data();
      }
    } else {
      // All bits set is a NaN in every float type, so that a wrong program shows where nothing is checked.
      if (m.initialised)
        m.storage.assign(count * static_cast<size_t>(m.element_bytes), 0xff);
      else
        m.storage.resize(count * static_cast<size_t>(m.element_bytes));
      m.data = m.storage.data();
    }
    if (!m.initialised) m.shadow.assign(count, 0);
    if (mapped) m.owner.assign(count, 0);
    for (Tracker& t : m.trackers) {
      if (t.stamps.size() < count) t.stamps.resize(count);
    }
  } catch (const std::bad_alloc&) {
    fail("T0512", fmt::format("there is no memory for buffer `{}` of {} elements", m.buffer->name, m.elements),
         nullptr);
  }
}

void Machine::check_argument(const ParamInfo& p) {
  const HostArray& a = *p.argument;
  bool same = a.shape.size() == p.shape_slots.size();
  std::vector<int64_t> expected;
  for (size_t d = 0; d < p.shape_slots.size(); ++d) {
    expected.push_back(slots_[p.shape_slots[d]].i);
    same = same && expected[d] == a.shape[d];
  }
  if (!same)
    fail("T0501",
         fmt::format("argument `{}` has shape [{}], expected [{}]", p.name, fmt::join(a.shape, ", "),
                     fmt::join(expected, ", ")),
         nullptr);
}

// ---- Checks of accesses

void Machine::begin_execution(int32_t index) {
  ConcurrentLoop& loop = program_.loops[static_cast<size_t>(index)];
  if (loop.current >= kMaxIterations) {
    for (Memory& m : program_.memories) {
      for (Tracker& t : m.trackers) {
        if (t.loop == &loop) t.stamps.assign(t.stamps.size(), Stamp{});
      }
    }
    loop.current = 0;
  }
  loop.first = loop.current + 1;
}

void Machine::check_layout(const Access& x, int64_t at) {
  Memory& m = *x.memory;
  int64_t position = 1;
  for (size_t d = 0; d < x.logical.size(); ++d) {
    const int64_t i = slots_[x.logical[d]].i;
    if (static_cast<uint64_t>(i) >= static_cast<uint64_t>(m.logical_extent[d])) fail_bounds(x, 0);
    position += i * m.logical_stride[d];
  }
  int64_t& owner = m.owner[static_cast<size_t>(at)];
  if (owner == 0) owner = position;
  if (owner == position) return;
  std::vector<int64_t> other;
  for (size_t d = 0; d < x.logical.size(); ++d)
    other.push_back((owner - 1) / m.logical_stride[d] % std::max<int64_t>(1, m.logical_extent[d]));
  fail("T0510",
       fmt::format("the layout of `{}` puts {} and `{}[{}]` at the same address {}", m.buffer->name, element_text(x, 0),
                   m.buffer->name, fmt::join(other, ", "), at),
       x.block);
}

void Machine::check_read(const Access& x, int lane, int64_t at) {
  Memory& m = *x.memory;
  const auto i = static_cast<size_t>(at);
  if (!x.logical.empty()) check_layout(x, at);
  if (!m.initialised && !m.shadow[i])
    fail("T0503", fmt::format("{} is read, but nothing has written it", element_text(x, lane)), x.block);
  for (Tracker* t : x.trackers) {
    const ConcurrentLoop& loop = *t->loop;
    Stamp& s = t->stamps[i];
    if (s.writer >= loop.first && s.writer != loop.current)
      fail_race(x, lane, loop, "one iteration writes it, another reads it");
    if (s.reader != loop.current) {
      s.other_reader = s.reader;
      s.reader = loop.current;
    }
  }
}

void Machine::check_write(const Access& x, int lane, int64_t at) {
  Memory& m = *x.memory;
  const auto i = static_cast<size_t>(at);
  if (!x.logical.empty()) check_layout(x, at);
  if (!m.initialised) m.shadow[i] = 1;
  for (Tracker* t : x.trackers) {
    const ConcurrentLoop& loop = *t->loop;
    Stamp& s = t->stamps[i];
    if (s.writer >= loop.first && s.writer != loop.current) fail_race(x, lane, loop, "two iterations write it");
    if ((s.reader >= loop.first && s.reader != loop.current) ||
        (s.other_reader >= loop.first && s.other_reader != loop.current))
      fail_race(x, lane, loop, "one iteration reads it, another writes it");
    s.writer = loop.current;
  }
}

// ---- Failures

void Machine::fail(const char* code, std::string message, const std::string* block, std::string remedy) const {
  Diagnostic d;
  d.code = code;
  d.operation = "interpret";
  d.message = std::move(message);
  d.place = block ? fmt::format("{}, block `{}`", program_.name, *block) : program_.name;
  d.remedy = std::move(remedy);
  throw Error(std::move(d));
}

std::string Machine::element_text(const Access& x, int lane) const {
  std::vector<int64_t> index;
  const bool mapped = !x.logical.empty();
  const auto& slots = mapped ? x.logical : x.index;
  for (size_t d = 0; d < slots.size(); ++d)
    index.push_back(slots_[slots[d] + (!mapped && x.lane_step[d] ? lane : 0)].i);
  return fmt::format("`{}[{}]`", x.memory->buffer->name, fmt::join(index, ", "));
}

void Machine::fail_bounds(const Access& x, int lane) const {
  const Memory& m = *x.memory;
  const bool mapped = !x.logical.empty();
  const char* what = x.is_store ? "write to" : "read of";
  const auto& slots = mapped ? x.logical : x.index;
  const auto& extents = mapped ? m.logical_extent : m.extent;
  for (size_t d = 0; d < slots.size(); ++d) {
    const int64_t i = slots_[slots[d] + (!mapped && x.lane_step[d] ? lane : 0)].i;
    if (i < 0 || i >= extents[d])
      fail("T0502",
           fmt::format("{} {} is out of bounds: index {} is {}, the extent is {}", what, element_text(x, lane), d, i,
                       extents[d]),
           x.block);
  }
  std::vector<int64_t> physical;
  for (const int32_t s : x.index) physical.push_back(slots_[s].i);
  fail("T0510",
       fmt::format("the layout of `{}` maps {} to [{}], outside its shape [{}]", m.buffer->name, element_text(x, lane),
                   fmt::join(physical, ", "), fmt::join(m.extent, ", ")),
       x.block);
}

void Machine::fail_division(const Site& site) const {
  fail("T0504", fmt::format("{} by zero", site.operation), site.block, "guard the division with select or a predicate");
}
void Machine::fail_assertion(const std::string& message, bool assumption) const {
  fail(assumption ? "T0507" : "T0506", assumption ? message : fmt::format("assertion failed: {}", message), nullptr);
}
void Machine::fail_fuel() const {
  fail("T0509", fmt::format("more than {} statement instances", max_instances_), nullptr);
}
void Machine::fail_race(const Access& x, int lane, const ConcurrentLoop& loop, const char* what) const {
  fail("T0505",
       fmt::format("race on {} between iterations of the {} loop `{}`: {}", element_text(x, lane),
                   for_kind_name(loop.kind), loop.name, what),
       x.block);
}

}  // namespace tilewright::tir::interp
