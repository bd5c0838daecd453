// The schedule: a program of the loop IR and the primitives that rewrite it without changing what it computes.
//
// A primitive checks first and rewrites after: when it is refused (Error, codes S01xx) program and trace are as before.
// Every accepted call is one instruction of the trace. Copying a schedule shares the program; both copies can then be
// edited.
//
// Words used below. The *scope* of a block is the block around it. A *complete* block has only spatial iterators, is
// the only writer of what it writes in its scope, reads nothing it writes, and writes each element from one iterator
// value. A *reduction* block has `init`, affine bindings, is the only writer, and no reduce iterator indexes what it
// writes; an *update* is a reduction block without its init. Declaring an iterator `reduce` promises that the block's
// update is commutative and associative. A scope is a *stage pipeline* when no child block overwrites what an earlier
// one reads, and each reader is *covered*: what it reads was written before, as far as it is written in the scope at
// all. The conditions follow TensorIR (Feng et al., ASPLOS 2023); the test for loop-carried dependences is our own (see
// `parallel`).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tilewright/schedule/handles.h"
#include "tilewright/schedule/trace.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::schedule {

/// Which list of a block's regions an index counts in.
enum class Access : uint8_t { kRead, kWrite };

/// What a block is to the conditions of the primitives.
enum class BlockClass : uint8_t { kComplete, kReduction, kUpdate, kOther };

class Schedule {
 public:
  /// `func` has a root block. Loops and blocks without unique ids get new ones. Throws S0100 when there is no root
  /// block.
  explicit Schedule(PrimFunc func, uint64_t seed = 0);
  ~Schedule();
  Schedule(const Schedule& other);
  Schedule(Schedule&&) noexcept;
  Schedule& operator=(Schedule other) noexcept;

  const PrimFunc& func() const;
  const Trace& trace() const;
  /// The numbers that samplings without a decision draw depend on this seed and on the instruction's index alone.
  void set_seed(uint64_t seed);

  // ---- What a handle stands for. S0103, S0104: removed by a primitive; S0105: not a handle of this schedule.
  const tir::ForNode& get(Loop loop) const;
  const tir::BlockNode& get(Block block) const;
  int64_t get(Value value) const;
  /// Whether get would succeed.
  bool alive(Loop loop) const;
  bool alive(Block block) const;
  BlockClass classify(Block block) const;

  // ---- Queries. Each is an instruction, for later ones refer to its outputs.
  /// The block of this name. S0101: there is none (lists the names); S0102: there are several.
  Block get_block(const std::string& name);
  /// Loops around the block inside its scope, from outermost to innermost.
  std::vector<Loop> get_loops(Block block);
  /// The same for structured bindings: `auto [i, j, k] = s.get_loops<3>(block);`. S0106: the number is another.
  template <size_t N>
  std::array<Loop, N> get_loops(Block block) {
    return fixed<Loop, N>(get_loops_checked(block, N));
  }
  /// Blocks directly inside a block's body, or below a loop, in program order.
  std::vector<Block> get_child_blocks(Block block);
  std::vector<Block> get_child_blocks(Loop loop);
  /// Blocks of the same scope that write what the block reads, and that read what it writes, in program order.
  std::vector<Block> get_producers(Block block);
  std::vector<Block> get_consumers(Block block);
  /// Blocks that write a parameter of the function, in program order.
  std::vector<Block> get_output_blocks();

  // ---- Sampling. `decision` replaces the draw; S0126 when it is no valid outcome.
  /// n factors whose product is the loop's extent, innermost at most `max_innermost` (0: no limit); uniform over all
  /// factorisations. S0125: the extent is no constant.
  std::vector<Value> sample_perfect_tile(Loop loop, int n, int64_t max_innermost = 0, const Decision& decision = {});
  template <size_t N>
  std::array<Value, N> sample_perfect_tile(Loop loop, int64_t max_innermost = 0, const Decision& decision = {}) {
    return fixed<Value, N>(sample_perfect_tile(loop, static_cast<int>(N), max_innermost, decision));
  }
  /// n factors whose product is at least the extent; the outermost is the smallest that suffices for the others, and
  /// the product of the others at most the extent.
  std::vector<Value> sample_tile(Loop loop, int n, int64_t max_innermost = 0, const Decision& decision = {});
  template <size_t N>
  std::array<Value, N> sample_tile(Loop loop, int64_t max_innermost = 0, const Decision& decision = {}) {
    return fixed<Value, N>(sample_tile(loop, static_cast<int>(N), max_innermost, decision));
  }
  /// One of the candidates. S0127: probabilities do not match, are negative, or sum up to nothing.
  Value sample_categorical(const std::vector<int64_t>& candidates, const std::vector<double>& probabilities,
                           const Decision& decision = {});
  /// A place where `compute_at` may put the block: a loop of its first consumer, "stay" or "inline".
  Loop sample_compute_location(Block block, const Decision& decision = {});

  // ---- Loops.
  /// Splits a loop into as many loops as there are factors, from outermost to innermost; one factor may be nullopt.
  ///     for i in 0..n: C(i)   ->   for i_0 in 0..ceildiv(n, 32): for i_1 in 0..32: C(i_0 * 32 + i_1)
  /// Where the product of the factors is not proven to be n, the blocks below get the predicate i_0 * 32 + i_1 < n.
  /// S0110: loop is not serial; S0111: loop is annotated; S0112: two nullopt; S0113: factor below 1, or product too
  /// large; S0114: product below the extent.
  std::vector<Loop> split(Loop loop, const std::vector<Factor>& factors);
  template <size_t N>
  std::array<Loop, N> split(Loop loop, const std::vector<Factor>& factors) {
    return fixed<Loop, N>(split_checked(loop, factors, N));
  }
  /// Makes one loop of nested ones, given from outermost to innermost.
  ///     for i in 0..n: for j in 0..m: C(i, j)   ->   for i_j_fused in 0..n*m: C(i_j_fused // m, i_j_fused % m)
  /// S0110, S0111; S0116: not nested directly; S0117: an inner range depends on an outer loop.
  Loop fuse(const std::vector<Loop>& loops);
  /// Puts the loops in this order at the places they hold now; other loops between them stay.
  ///     for i: for j: for k: C   -reorder({k, i})->   for k: for j: for i: C
  /// S0118: a loop is given twice; S0119: the loops are not on one chain without side branches; S0120: a range would
  /// depend on a loop inside; S0121: a dependence between blocks, or of a block on itself, would be turned around;
  /// S0122: the bindings of a reduction block are not affine, so its init might no longer come first.
  void reorder(const std::vector<Loop>& loops);
  /// split(i, {nullopt, ti}), split(j, {nullopt, tj}), reorder({i_0, j_0, i_1, j_1}). Returns the four in this order.
  std::array<Loop, 4> tile(Loop i, Loop j, Factor ti, Factor tj);
  /// Adds a loop of extent 1 directly around the block or loop.
  Loop add_unit_loop(Block block);
  Loop add_unit_loop(Loop loop);

  // ---- Loop kinds.
  /// Iterations may run at the same time. Legal when no iteration touches what another one writes: every element that
  /// is written below lies, for every access, in a part of the buffer that the loop variable determines; or the buffer
  /// is allocated in the function, used only below, and each iteration writes what it reads. S0107: the loop carries a
  /// reduction; S0108: iterations write, or write and read, the same element; S0109: the loop binds an opaque iterator;
  /// S0110: the loop is already bound to another kind.
  void parallel(Loop loop);
  /// Iterations run in lock step. As parallel, but every buffer written below must be divided by the loop. S0123: the
  /// extent is no constant.
  void vectorize(Loop loop);
  /// The loop is to be unrolled; always legal for a serial loop of constant extent (S0123 otherwise).
  void unroll(Loop loop);
  /// Binds the loop to a thread index, given as "blockIdx.x" ... "threadIdx.z", "vthread". Conditions as parallel.
  /// S0124: unknown tag.
  void bind(Loop loop, std::string_view thread);

  // ---- Annotations. S0128: empty key, or a value that is not finite; S0129: nothing to remove at the key.
  void annotate(Loop loop, const std::string& key, tir::AnnotationValue value);
  void annotate(Block block, const std::string& key, tir::AnnotationValue value);
  void unannotate(Loop loop, const std::string& key);
  void unannotate(Block block, const std::string& key);

  // ---- Compute location.
  /// Moves a producer to the loop, so that one iteration computes what its consumers below read in it.
  ///     for i: P(i)   for i: for j: C(i, j)       -compute_at(P, i)->       for i: { P(i); for j: C(i, j) }
  /// The block's loops are made anew for the region needed; existing loops of the block are removed.
  /// S0150: the block is complete or a reduction; S0151: scope is not a stage pipeline; S0152: the loop is in another
  /// scope, or around the block; S0153: the block writes an output of the scope; S0154: a consumer is not below the
  /// loop; S0155: the block has no consumer; S0156: a producer of the block would come after it; S0157: the loop or one
  /// around it is parallel, vectorized or bound, and its iterations would write the same elements.
  /// "stay" leaves the block where it is; "inline" is compute_inline.
  void compute_at(Block block, Loop loop, bool keep_unit_loops = false);
  /// Moves a consumer to the loop, below which all its producers are.
  ///     for i: for j: P(i, j)   for i: for j: C(i, j)   -reverse_compute_at(C, i)->   for i: { for j: P(i, j)  for j:
  ///     C(i, j) }
  /// S0150, S0151, S0152, S0157; S0158: a producer is not below the loop; S0159: a block that must run before is after
  /// the loop.
  void reverse_compute_at(Block block, Loop loop, bool keep_unit_loops = false);
  /// Replaces reads of what the block writes by the expression it writes, and removes block and buffer.
  ///     P: B[i] = A[i] + 1   C: C[i] = B[i] * 2     ->     C: C[i] = (A[i] + 1) * 2
  /// S0160: the block is not complete; S0161: body is not one store; S0162: its indices are not distinct iterators;
  /// S0163: the block writes a parameter or an output of the scope; S0164: the buffer has other uses than loads.
  void compute_inline(Block block);
  /// Puts the expression of an elementwise consumer into the block that produces what it reads.
  ///     P: B[i] = A[i] + 1   C: C[i] = B[i] * 2     ->     P: C[i] = (A[i] + 1) * 2
  /// S0160, S0161, S0164; S0165: not one producer; S0166: the producer is not complete, or has other consumers; S0167:
  /// the load's indices cannot be inverted; S0168: consumer does not cover what the producer writes, or the other way
  /// round.
  void reverse_compute_inline(Block block);

  // ---- Caches.
  /// Copies the region read through `read_index` into a new buffer in `scope`; the consumers (none given: all of the
  /// scope) read the copy.
  ///     C reads A     ->     A_shared: A_shared[i] = A[i];  C reads A_shared
  /// S0170: no such region; S0171: the buffer has several writers; S0172: the scope is no stage pipeline; S0173: a
  /// consumer does not read the buffer; S0174: unknown scope, or one that cannot be allocated.
  Block cache_read(Block block, int read_index, std::string_view scope, const std::vector<Block>& consumers = {});
  /// The block writes a new buffer in `scope`, which a new block copies to the old one. Returns the new block.
  ///     C writes C    ->     C writes C_local;  C_1: C[i] = C_local[i]
  /// S0170, S0171, S0172, S0174.
  Block cache_write(Block block, int write_index, std::string_view scope);

  // ---- Reductions.
  /// Makes the loop of a reduction spatial: a new block reduces for each value of it into B_rf, whose new dimension is
  /// at `factor_axis` (negative counts from the end), and the block reduces B_rf. Returns the new block.
  ///     for i: for ko: for ki: B[i] += A[i, ko*4 + ki]
  ///     -rfactor(ki, 0)->   for i: for ki: for ko: B_rf[ki, i] += A[i, ko*4 + ki]     for i: for ki: B[i] += B_rf[ki,
  ///     i]
  /// S0180: no reduction block, or not the only one below the loop; S0181: the loop does not bind reduce iterators
  /// alone; S0182: the scope is no stage pipeline; S0183: no reducer known for the update; S0184: axis out of range;
  /// S0110, S0111.
  Block rfactor(Loop loop, int factor_axis);
  /// Takes the init out of a reduction into a block of its own, before the loop. Returns the new block; `block` becomes
  /// an update.
  ///     for i: for k: { init B[i] = 0; B[i] += A[i, k] }  -decompose_reduction(B, k)->  for i: { B[i] = 0;  for k:
  ///     B[i] += A[i, k] }
  /// S0185: not a reduction block; S0186: the loop is not around the block; S0187: a loop at or outside of `loop` other
  /// than it binds a reduce iterator.
  Block decompose_reduction(Block block, Loop loop);

  // ---- Layout and storage.
  /// Stores a buffer by another layout; what programs read and write stays the same. The map is text such as
  /// "(i, j) -> (i // 16, j, i % 16)", from logical to physical indices; integers, + - * // % and parentheses.
  /// S0190: no such region; S0191: map does not parse; S0192: not as many inputs as dimensions; S0193: not injective on
  /// the buffer; S0194: the buffer has a layout already.
  void transform_layout(Block block, Access access, int index, const std::string& map);
  /// The same, with the map as a function.
  void transform_layout(Block block, Access access, int index,
                        const std::function<std::vector<Expr>(const std::vector<Var>&)>& map);
  /// Moves an allocated buffer that the block writes to another scope ("global", "shared", "local", "warp").
  /// S0170; S0174; S0195: the buffer is a parameter.
  void set_scope(Block block, int write_index, std::string_view scope);

 private:
  friend class Trace;
  struct Impl;
  template <typename H, size_t N>
  static std::array<H, N> fixed(const std::vector<H>& handles) {
    std::array<H, N> out;
    for (size_t i = 0; i < N; ++i) out[i] = handles[i];
    return out;
  }
  std::vector<Loop> get_loops_checked(Block block, size_t count);
  std::vector<Loop> split_checked(Loop loop, const std::vector<Factor>& factors, size_t count);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tilewright::schedule

namespace tilewright {
using schedule::Schedule;
}
