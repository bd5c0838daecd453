// The passes of lowering, in the order in which they run. Each takes a whole function and gives the next one.
#pragma once

#include "tilewright/lower/lower.h"

namespace tilewright::lower {

using tir::PrimFunc;

/// Asserts before each block's stores that every index is inside its buffer; messages name block and index.
PrimFunc insert_bounds_checks(const PrimFunc& func, const LowerOptions& options);
/// Reduction updates `c = c + a * b` of f32 and f64 become fma. Needs blocks: they say what is a reduction.
PrimFunc make_fma(const PrimFunc& func, const LowerOptions& options);
/// Each block's alloc_buffers become Alloc statements in the innermost scope that holds all uses and carries no value
/// from one iteration to the next.
PrimFunc plan_allocations(const PrimFunc& func, const LowerOptions& options);
/// Inits become loops of their own before the outermost reduction loop, else a guard on the first iteration.
PrimFunc lower_init(const PrimFunc& func, const LowerOptions& options);
/// Blocks become their bodies: iterators replaced by bindings, predicates by `if`.
PrimFunc remove_blocks(const PrimFunc& func, const LowerOptions& options);
/// Allocated buffers shrink to the region used inside their scope.
PrimFunc compact_buffers(const PrimFunc& func, const LowerOptions& options);
/// Guards move out of the loops that do not change them, become loop bounds, or split a loop into an interior without
/// guard and tails.
PrimFunc peel_tails(const PrimFunc& func, const LowerOptions& options);
/// Every access gets one linear address, in canonical form.
PrimFunc flatten(const PrimFunc& func, const LowerOptions& options);
/// Arithmetic on f16 and bf16 is done in f32 and rounded.
PrimFunc legalize_half(const PrimFunc& func, const LowerOptions& options);
/// Transcendental functions become arithmetic (docs/math.md).
PrimFunc expand_math(const PrimFunc& func, const LowerOptions& options);
/// Vectorized loops become vector statements. Runs on flat addresses, where a stride is one coefficient, while loops,
/// guards and local buffers still stand.
PrimFunc vectorize(const PrimFunc& func, const LowerOptions& options);
/// Unrolled loops become copies of their bodies.
PrimFunc unroll(const PrimFunc& func, const LowerOptions& options);
/// Local buffers whose every access is a constant slot become registers.
PrimFunc promote_registers(const PrimFunc& func, const LowerOptions& options);
/// Places that a loop reads and writes at an address it does not change are kept in registers meanwhile (what a
/// schedule without a write cache leaves in memory). Distinct buffers do not overlap.
PrimFunc hoist_accumulators(const PrimFunc& func, const LowerOptions& options);
/// Allocations too large for the stack leave the serial loops around them.
PrimFunc hoist_allocations(const PrimFunc& func, const LowerOptions& options);
/// Parallel loops inside parallel loops become serial; branches with constant conditions, empty loops, unused
/// allocations and unused values go.
PrimFunc clean_up(const PrimFunc& func, const LowerOptions& options);

}  // namespace tilewright::lower
