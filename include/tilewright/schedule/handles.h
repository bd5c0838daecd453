// Handles of a schedule: small numbers that name what an instruction of its trace produced. They stay valid through
// every rewrite of the program, and in copies of the schedule made afterwards; a handle whose loop or block was removed
// says which primitive removed it and what replaced it.
#pragma once

#include <cstdint>
#include <optional>

namespace tilewright::schedule {

/// A block of the program. Printed in traces as b0, b1, ...
struct Block {
  uint32_t index = UINT32_MAX;
  bool operator==(const Block&) const = default;
};

/// A loop, or a place found by `sample_compute_location` (the root, or "inline"). Printed as l0, l1, ...
struct Loop {
  uint32_t index = UINT32_MAX;
  bool operator==(const Loop&) const = default;
};

/// A sampled integer. Printed as v0, v1, ...
struct Value {
  uint32_t index = UINT32_MAX;
  bool operator==(const Value&) const = default;
};

/// An argument of type integer that may also be sampled, or left to be inferred (split).
class Factor {
 public:
  enum class Kind : uint8_t { kInferred, kConstant, kSampled };
  Factor(std::nullopt_t) {}                                                                     // NOLINT
  Factor(int value) : kind_(Kind::kConstant), constant_(value) {}                               // NOLINT
  Factor(long value) : kind_(Kind::kConstant), constant_(value) {}                              // NOLINT
  Factor(long long value) : kind_(Kind::kConstant), constant_(value) {}                         // NOLINT
  Factor(Value value) : kind_(Kind::kSampled), constant_(static_cast<int64_t>(value.index)) {}  // NOLINT

  Kind kind() const { return kind_; }
  int64_t constant() const { return constant_; }
  Value sampled() const { return {static_cast<uint32_t>(constant_)}; }

 private:
  Kind kind_ = Kind::kInferred;
  int64_t constant_ = 0;
};

}  // namespace tilewright::schedule
