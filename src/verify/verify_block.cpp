// Blocks: iterators and bindings, what the body sees, and the declared regions.
#include <fmt/format.h>

#include <algorithm>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "verify/verifier.h"

namespace tilewright::verify {

using namespace tir;  // NOLINT

namespace {

bool equal(const Expr& a, const Expr& b) {
  return a.same_as(b) || (a->hash == b->hash && structural_equal(a, b));
}

/// Holds without looking at values: the same range, or a declared range that is the whole dimension.
bool plainly_inside(const Range& declared, const Range& range, const Expr& extent) {
  if (equal(declared.min, range.min) && equal(declared.extent, range.extent)) return true;
  return is_const_int(declared.min, int64_t{0}) && equal(declared.extent, extent);
}

std::string text_of(const BufferRegion& region) {
  std::string out = region.buffer.name() + "[";
  for (size_t i = 0; i < region.ranges.size(); ++i) {
    const Range& r = region.ranges[i];
    out += i != 0 ? ", " : "";
    out += to_string(r.min);
    if (is_const_int(r.extent, int64_t{1})) continue;
    out += r.min.dtype() == r.extent.dtype() ? ".." + to_string(r.min + r.extent) : " +: " + to_string(r.extent);
  }
  return out + "]";
}

}  // namespace

bool Verifier::block(const BlockNode& n) {
  if (stage_ == Stage::kLowered)
    return fail("V0605", fmt::format("the block `{}` is left; lowering removes blocks", n.name));
  const BlockNode* outer = block_;
  const size_t steps = steps_.size();
  if (!block_outside(n)) return false;
  block_ = &n;
  if (!bindings_in_domain(n)) return false;
  if (n.predicate.defined()) push({Step::Kind::kGuard, {}, {}, n.predicate});
  for (size_t i = 0; i < n.iters.size(); ++i) push({Step::Kind::kValue, n.iters[i].var, {}, n.bindings[i]});
  if (block_level_ >= 2) {
    // What the block declares is part of what the block around it declares.
    block_ = outer;
    const auto is_inner = [&](const BufferRegion& r) {
      return !r.buffer.defined() || r.ranges.size() != r.buffer.shape().size() ||
             std::any_of(n.alloc_buffers.begin(), n.alloc_buffers.end(),
                         [&](const Buffer& b) { return b.same_as(r.buffer); });
    };
    for (const Access access : {Access::kRead, Access::kWrite}) {
      for (const BufferRegion& r : access == Access::kRead ? n.reads : n.writes) {
        if (!is_inner(r) && !covered(r.buffer, r.ranges, access)) return false;
      }
    }
    block_ = &n;
  }
  ++block_level_;
  if (!block_inside(n)) return false;
  --block_level_;
  for (const IterVar& i : n.iters) end_scope(i.var);
  while (steps_.size() > steps) pop();
  block_ = outer;
  return true;
}

/// The parts that belong to the outside: domains, bindings, predicate.
bool Verifier::block_outside(const BlockNode& n) {
  const BlockNode* outer = block_;
  block_ = &n;
  if (n.id && !block_ids_.insert(n.id.value).second)
    return fail("V0608", fmt::format("two blocks have the id {}", n.id.value));
  if (n.bindings.size() != n.iters.size())
    return fail("V0609", fmt::format("it has {} iterators but {} bindings", n.iters.size(), n.bindings.size()));
  bool reduces = false;
  for (size_t i = 0; i < n.iters.size(); ++i) {
    const IterVar& iter = n.iters[i];
    reduces |= iter.kind == IterKind::kReduce;
    if (!iter.var.defined()) return fail("V0601", "an iterator has no variable");
    if (!range(iter.domain, iter.var.dtype(), "an iterator's domain") ||
        !integer(n.bindings[i], iter.var.dtype(), "a binding"))
      return false;
  }
  if (n.predicate.defined() && !boolean(n.predicate, "the predicate")) return false;
  if (n.init.defined() && !reduces)
    return fail("V0610", "it has an init but no reduce iterator, so the init would run at no definite time",
                "write the initial value in a block of its own");
  block_ = outer;
  return true;
}

bool Verifier::block_inside(const BlockNode& n) {
  for (const IterVar& i : n.iters) {
    if (!define(i.var, VarInfo::Kind::kIter)) return false;
  }
  for (const Buffer& b : n.alloc_buffers) {
    if (!allocate(b)) return false;
  }
  if (!regions(n)) return false;
  if (n.init.defined() && !stmt(n.init)) return false;
  if (!stmt(n.body)) return false;
  for (const Buffer& b : n.alloc_buffers) release(b);
  return true;
}

bool Verifier::regions(const BlockNode& n) {
  for (const auto* list : {&n.reads, &n.writes}) {
    for (const BufferRegion& r : *list) {
      if (!use(r.buffer)) return false;
      if (r.ranges.size() != r.buffer.shape().size())
        return fail("V0606", fmt::format("`{}` has {} dimensions, the declared region has {}", r.buffer.name(),
                                         r.buffer.shape().size(), r.ranges.size()));
      for (const Range& x : r.ranges) {
        if (!range(x, DataType{}, "a region")) return false;
      }
    }
  }
  return true;
}

bool Verifier::start_point(int sample, Point* point) const {
  for (size_t i = 0; i < sizes_.size(); ++i) point->set(sizes_[i], Sampler::size_value(sample, i));
  return Sampler::walk(steps_, sample, point);
}

bool Verifier::bindings_in_domain(const BlockNode& n) {
  const auto plain = [&](size_t i) {
    const auto* v = as<VarNode>(n.bindings[i]);
    const auto is_loop = [&](const Step& s) { return s.kind == Step::Kind::kLoop && s.var.get() == v; };
    const auto found = v ? std::find_if(steps_.begin(), steps_.end(), is_loop) : steps_.end();
    return found != steps_.end() && equal(found->range.min, n.iters[i].domain.min) &&
           equal(found->range.extent, n.iters[i].domain.extent);
  };
  std::vector<size_t> open;
  for (size_t i = 0; i < n.iters.size(); ++i) {
    if (!plain(i)) open.push_back(i);
  }
  for (int sample = 0; !open.empty() && sample < Sampler::kPoints; ++sample) {
    Point point;
    if (!start_point(sample, &point)) continue;
    if (n.predicate.defined()) {
      const std::optional<int64_t> holds = point.eval(n.predicate);
      if (!holds || *holds == 0) continue;
    }
    for (const size_t i : open) {
      const IterVar& iter = n.iters[i];
      const std::optional<int64_t> value = point.eval(n.bindings[i]), min = point.eval(iter.domain.min),
                                   extent = point.eval(iter.domain.extent);
      if (!value || !min || !extent) continue;
      if (*value >= *min && (*value < *min || *value - *min < *extent)) continue;
      const std::string at = point.describe({n.bindings[i], iter.domain.min, iter.domain.extent});
      return fail(
          "V0611",
          fmt::format("the iterator `{}` is bound to `{}`, which is {}{}{}, outside its domain {}..{}", iter.var.name(),
                      to_string(n.bindings[i]), *value, at.empty() ? "" : " for ", at, *min, *min + *extent),
          "guard the block with a predicate, or correct the binding");
    }
  }
  return true;
}

bool Verifier::refuted(const BufferRegion& declared, const std::vector<Range>& ranges, Access access) {
  for (int sample = 0; sample < Sampler::kPoints; ++sample) {
    Point point;
    if (!start_point(sample, &point)) continue;
    for (size_t d = 0; d < ranges.size(); ++d) {
      const std::optional<int64_t> min = point.eval(ranges[d].min), extent = point.eval(ranges[d].extent);
      const std::optional<int64_t> low = point.eval(declared.ranges[d].min),
                                   count = point.eval(declared.ranges[d].extent);
      int64_t end = 0, limit = 0;
      if (!min || !extent || !low || !count || *extent < 1 || __builtin_add_overflow(*min, *extent, &end) ||
          __builtin_add_overflow(*low, *count, &limit) || (*min >= *low && end <= limit))
        continue;
      // Indices outside the buffer are no part of a region; whoever reaches them is told by the interpreter.
      const std::optional<int64_t> shape = point.eval(declared.buffer.shape()[d]);
      if (shape && std::max<int64_t>(*min, 0) >= *low && std::min(end, *shape) <= limit) continue;
      const std::string at =
          point.describe({ranges[d].min, ranges[d].extent, declared.ranges[d].min, declared.ranges[d].extent});
      fail("V0612",
           fmt::format("it {} `{}`, outside the declared region `{}`{}{}", access == Access::kRead ? "reads" : "writes",
                       text_of({declared.buffer, ranges}), text_of(declared), at.empty() ? "" : " for ", at),
           "declare a region that covers every access");
      return true;
    }
  }
  return false;
}

bool Verifier::covered(const Buffer& b, const std::vector<Range>& ranges, Access access) {
  const BlockNode& n = *block_;
  const auto is_local = [&](const Buffer& x) { return x.same_as(b); };
  if (std::any_of(n.alloc_buffers.begin(), n.alloc_buffers.end(), is_local)) return true;
  // A reduction reads back what it wrote itself, which is no input.
  const bool reduces = n.init.defined() || std::any_of(n.iters.begin(), n.iters.end(),
                                                       [](const IterVar& i) { return i.kind == IterKind::kReduce; });
  std::vector<const BufferRegion*> candidates;
  const auto collect = [&](const std::vector<BufferRegion>& list) {
    for (const BufferRegion& r : list) {
      if (r.buffer.same_as(b)) candidates.push_back(&r);
    }
  };
  if (access == Access::kRead) collect(n.reads);
  if (access == Access::kWrite || reduces) collect(n.writes);
  if (candidates.empty()) {
    return fail("V0612",
                fmt::format("it {} `{}`, which its {} do not declare", access == Access::kRead ? "reads" : "writes",
                            text_of({b, ranges}), access == Access::kRead ? "reads" : "writes"),
                "declare a region that covers every access");
  }
  for (const BufferRegion* declared : candidates) {
    bool inside = true;
    for (size_t d = 0; inside && d < ranges.size(); ++d)
      inside = plainly_inside(declared->ranges[d], ranges[d], b.shape()[d]);
    if (inside) return true;
  }
  // Several regions may cover together; with one, a point outside is a proof.
  return candidates.size() > 1 || !refuted(*candidates[0], ranges, access);
}

}  // namespace tilewright::verify
