// Stage style: schedules written as in classic tensor-expression systems, one stage for each operation, axes named by
// the expression's iterators. A thin layer: every call is one or several primitives of Schedule, in whose trace it
// appears.
//
//     StageSchedule s({C});
//     auto [xo, yo, xi, yi] = s[C].tile(C.axis(0), C.axis(1), 32, 32);
//     auto [ko, ki] = s[C].split(k, 4);
//     s[C].reorder({xo, yo, ko, xi, ki, yi});
//     s[C].vectorize(yi);
//     Module m = build(s.func(), Target("llvm"));
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/schedule/schedule.h"
#include "tilewright/te/te.h"

namespace tilewright::schedule {

/// A loop of a stage: an axis of the tensor expression, or a loop that an earlier call returned.
class Axis {
 public:
  Axis(const te::IterVar& iter) : var_(iter.var) {}  // NOLINT
  Axis(Loop loop) : loop_(loop) {}                   // NOLINT
  const Var& var() const { return var_; }
  Loop loop() const { return loop_; }

 private:
  Var var_;
  Loop loop_;
};

class StageSchedule;

/// One operation under a StageSchedule; a small handle, valid as long as the StageSchedule.
///
/// Errors beside those of the primitives: S0145: the tensor belongs to no stage of this schedule; S0146: the axis
/// belongs to another stage; S0147: reduce axes asked of a stage that only writes out a cache (it says which stage has
/// them), or of one that has none; S0148: axis number out of range.
class Stage {
 public:
  const std::string& name() const;
  Block block() const;
  /// Number `i` of the stage's own spatial or reduce axes, as a loop; for stages made by cache_read and cache_write
  /// too.
  Loop axis(int i) const;
  Loop reduce_axis(int i) const;
  /// All loops as they are now, outermost first.
  std::vector<Loop> loops() const;

  /// Outer and inner loop; the inner one has `factor` iterations.
  std::array<Loop, 2> split(Axis axis, Factor factor);
  /// Outer and inner loop; the outer one has `parts` iterations.
  std::array<Loop, 2> split_parts(Axis axis, Factor parts);
  std::array<Loop, 4> tile(Axis x, Axis y, Factor x_factor, Factor y_factor);
  Loop fuse(const std::vector<Axis>& axes);
  Stage& reorder(const std::vector<Axis>& axes);
  Stage& parallel(Axis axis);
  Stage& vectorize(Axis axis);
  Stage& unroll(Axis axis);
  Stage& bind(Axis axis, std::string_view thread);
  Stage& annotate(Axis axis, const std::string& key, tir::AnnotationValue value);
  /// Computes this stage where `consumer` runs `axis` (compute_at, or reverse_compute_at where `consumer` produces what
  /// this stage reads).
  Stage& compute_at(const Stage& consumer, Axis axis);
  Stage& compute_inline();
  /// Takes the reduction apart along `axis`; the new stage computes the partial results.
  Stage rfactor(Axis axis, int factor_axis = 0);
  /// Moves the stage's result to another memory.
  Stage& set_scope(std::string_view scope);

 private:
  friend class StageSchedule;
  Stage(StageSchedule* schedule, size_t index) : schedule_(schedule), index_(index) {}
  StageSchedule* schedule_;
  size_t index_;
};

class StageSchedule {
 public:
  /// The program that computes `outputs`; its parameters are the placeholders in order of first use, then the outputs.
  explicit StageSchedule(const std::vector<te::Tensor>& outputs, std::string name = "main");
  /// The same with the order of all parameters given.
  StageSchedule(const std::vector<te::Tensor>& inputs, const std::vector<te::Tensor>& outputs, std::string name);
  ~StageSchedule();
  StageSchedule(StageSchedule&&) noexcept;
  StageSchedule& operator=(StageSchedule&&) noexcept;

  /// The stage that computes the tensor (after cache_write: that writes it out).
  Stage operator[](const te::Tensor& tensor);
  /// A stage that copies the tensor (computed or placeholder) into `scope`, for these readers.
  Stage cache_read(const te::Tensor& tensor, std::string_view scope, const std::vector<te::Tensor>& readers);
  /// The tensor is computed in `scope` by the stage returned; s[tensor] writes it out.
  Stage cache_write(const te::Tensor& tensor, std::string_view scope);

  const PrimFunc& func() const;
  Schedule& schedule();
  const Trace& trace() const;

 private:
  friend class Stage;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tilewright::schedule

namespace tilewright {
using schedule::StageSchedule;
}
