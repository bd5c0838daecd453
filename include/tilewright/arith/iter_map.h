// Iterator maps: which index expressions are a (quasi-affine) re-arrangement of a set of loop iterators, and back.
// The algebra follows TensorIR (Feng et al., ASPLOS 2023): every index is a sum of splits (source / lower_factor % extent) * scale.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tilewright/arith/analyzer.h"

namespace tilewright::arith {

/// A loop: the variable runs over the range.
struct IterDomain {
  Var var;
  Range range;
};

enum class IterMapLevel {
  kBijective,   // loops <-> index values one to one
  kSurjective,  // independent indices, each covering its whole range (several loop points may map to one)
  kNoCheck,     // only independence: the indices do not share iterators
};

struct IterSplit;
/// What a split takes from: a loop variable, or a fused sum of splits.
struct IterMark {
  Var var;                        // set for a loop variable
  std::vector<IterSplit> fused;   // else: terms from outermost to innermost
  Expr extent;
};
/// (source / lower_factor % extent) * scale
struct IterSplit {
  std::shared_ptr<const IterMark> source;
  Expr lower_factor, extent, scale;
};
/// base + sum of splits
struct IterSum {
  std::vector<IterSplit> terms;
  Expr base;
};

struct IterMapResult {
  std::vector<IterSum> indices;  // one for each binding
};

/// Finds the map, or nothing. `predicate` (may be null) restricts the loops, as imperfect splits do: conditions of the
/// form `fused < bound` shrink the fused iterator; others make detection fail.
std::optional<IterMapResult> detect_iter_map(const std::vector<Expr>& bindings, const std::vector<IterDomain>& loops,
                                             const Expr& predicate, IterMapLevel level, Analyzer& analyzer);

/// For each loop variable, its value in terms of `values`, the values of the indices of a bijective map.
std::optional<std::unordered_map<const VarNode*, Expr>> inverse_iter_map(const IterMapResult& map,
                                                                         const std::vector<Expr>& values);

/// Splits a map at a set of inner loops: bindings[i] = outer[i] * inner_extent[i] + inner[i], where `inner` uses only the
/// inner loops and runs over [0, inner_extent[i]). The last entry holds the two halves of the predicate. For blockize.
struct SubspaceDivision {
  std::vector<Expr> outer, inner, outer_extent, inner_extent;
  Expr outer_predicate, inner_predicate;
};
std::optional<SubspaceDivision> subspace_divide(const std::vector<Expr>& bindings, const std::vector<IterDomain>& outer_loops,
                                                const std::vector<IterDomain>& inner_loops, const Expr& predicate,
                                                Analyzer& analyzer);

}  // namespace tilewright::arith
