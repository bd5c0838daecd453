// Iterator maps: which index expressions are a (quasi-affine) re-arrangement of a set of loop iterators, and back.
// The algebra follows TensorIR (Feng et al., ASPLOS 2023): every index is a sum of splits (source / lower_factor %
// extent) * scale.
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

/// What a map promises. In every level the indices are independent: the values they take together are all combinations
/// of the values they take alone.
enum class IterMapLevel {
  kBijective,   // loops <-> index values one to one, each index covering a whole range
  kSurjective,  // each index covers a whole range (several loop points may map to one)
  kNoCheck,     // an index may leave gaps
};

struct IterSplit;
/// What a split takes from: a loop variable, or a fused sum of splits.
/// It counts from 0: the variable (or the sum of `fused`) is `min` more.
struct IterMark {
  Var var;  // set for a loop variable
  std::vector<IterSplit>
      fused;  // else: terms from outermost to innermost, each scale the product of the extents after it
  Expr min, extent;
};
/// (source / lower_factor % extent) * scale
struct IterSplit {
  std::shared_ptr<const IterMark> source;
  Expr lower_factor, extent, scale;
};
/// base + sum of splits. The terms are one fused split where the map is bijective, or surjective without overlaps.
struct IterSum {
  std::vector<IterSplit> terms;
  Expr base;
  /// The values are exactly base .. base + extent where the map is bijective or surjective; else null.
  Expr extent;
};

struct IterMapResult {
  std::vector<IterSum> indices;                        // one for each binding
  std::vector<std::shared_ptr<const IterMark>> fixed;  // marks of extent 1: no index needs them
};

/// Finds the map, or nothing. `predicate` (may be null) restricts the loops, as imperfect splits do: conditions of the
/// form `fused < bound` (or >=) shrink the fused iterator, nested ones too; others make detection fail. The analyzer
/// needs to know about free variables only: the loops take exactly the values that ranges and predicate leave. A loop
/// whose extent may be 0 (symbolic, without facts) counts as running; then all claims hold of nothing.
std::optional<IterMapResult> detect_iter_map(const std::vector<Expr>& bindings, const std::vector<IterDomain>& loops,
                                             const Expr& predicate, IterMapLevel level, Analyzer& analyzer);

/// For each loop variable, its value in terms of `values`, the values of the indices of a bijective map.
std::optional<std::unordered_map<const VarNode*, Expr>> inverse_iter_map(const IterMapResult& map,
                                                                         const std::vector<Expr>& values);

/// Splits a surjective map at a set of inner loops: bindings[i] = outer[i] * inner_extent[i] + inner[i], where `inner`
/// uses only the inner loops and runs over [0, inner_extent[i]). Both are expressions of the loop variables. The
/// conditions of the predicate on outer loops alone form `outer_predicate`; `inner_predicate` holds the rest, so it may
/// also mention outer loops (the guard of an imperfect split across both). For blockize.
struct SubspaceDivision {
  std::vector<Expr> outer, inner, outer_extent, inner_extent;
  Expr outer_predicate, inner_predicate;
};
std::optional<SubspaceDivision> subspace_divide(const std::vector<Expr>& bindings,
                                                const std::vector<IterDomain>& outer_loops,
                                                const std::vector<IterDomain>& inner_loops, const Expr& predicate,
                                                Analyzer& analyzer);

}  // namespace tilewright::arith
