// The machinery behind Analyzer. Integer expressions of type i64 are kept as sums of `scale * (atom // lower % extent)`
// with machine integers as constants; everything that is no such sum is an atom. Atoms are interned, so that two equal
// ones are one pointer.
//
// Index arithmetic (i64) is taken not to overflow: an expression and its simplified form agree wherever the values of
// variables are far below 2^63, no intermediate value of the expression leaves 64 bits and no divisor is zero. Narrower
// integers are only folded where bounds prove that nothing wraps.
//
// The terms of one atom are unique: they are first written over the quotients q(l) = atom // l, in which
// (atom // l) % r = q(l) - r * q(l * r), added there, and split again into mod terms by a fixed rule (`regroup`).
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "arith/checked.h"
#include "arith/small_vector.h"
#include "tilewright/arith/analyzer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::arith {

using tir::ExprKind;
using tir::ExprNode;

/// scale * (atom // lower % extent); extent 0 means no modulo.
struct Term {
  const ExprNode* atom;
  int64_t lower, extent, scale;
  bool same_split(const Term& o) const { return atom == o.atom && lower == o.lower && extent == o.extent; }
};

struct Sum {
  SmallVector<Term, 6> terms;
  int64_t base = 0;
  bool is_const() const { return terms.empty(); }
};

/// What is known about an atom.
struct Atom {
  enum Kind : uint8_t { kVar, kSum, kOpaque };
  Expr expr;
  Kind kind = kOpaque;
  bool in_fact = false;          // keeps the entry when the table is cleared
  ConstBound bound;              // from binds and facts
  ModularSet modular;            // from facts
  Expr value;                    // of a variable that is bound to an expression
  std::unique_ptr<Sum> sum;      // of kind kSum
  uint64_t canonical_epoch = 0;  // when the expression was last found to be its own canonical form
  uint64_t cached_epoch = 0;     // of `cached`
  ConstBound cached;
};

/// sum >= 0. `owner` is the variable whose range it comes from, null for an assumption.
struct Fact {
  Sum sum;
  const VarNode* owner = nullptr;
};

class Engine {
 public:
  Engine() = default;
  Engine(const Engine& other);

  void bind(const Var& var, const Range& range);
  void bind(const Var& var, const Expr& value);
  void assume(const Expr& fact);
  /// Forgets everything about these variables.
  void forget(const std::vector<const VarNode*>& vars);
  /// Forgets atoms no fact is about; only between calls, for sums in use hold pointers to atoms.
  void trim();
  /// Adds facts until `restore`.
  class Scope {
   public:
    explicit Scope(Engine& engine);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Engine& engine_;
    size_t facts_, log_;
  };

  Expr simplify(const Expr& e);
  bool prove(const Expr& condition);
  /// True if the condition is proven false.
  bool disprove(const Expr& condition);
  ConstBound bound_of(const Expr& e);
  ModularSet modular_of(const Expr& e);

  // ---- Sums (sum.cpp). Those that return bool fail on overflow and then leave `*s` unspecified.
  /// e must be a scalar of type i64.
  Sum parse(const Expr& e);
  /// Adds k times an expression that is canonical already: nothing is simplified.
  bool raw_sum(const Expr& e, int64_t k, Sum* out);
  bool add_term(Sum* s, const Term& t);
  bool add_scaled(Sum* s, const Sum& x, int64_t k);
  /// Makes the terms of `atom` unique.
  bool regroup(Sum* s, const ExprNode* atom);
  bool mul(const Sum& a, const Sum& b, Sum* out);
  // ---- Division (divmod.cpp); d > 0.
  bool div_const(const Sum& s, int64_t d, Sum* out);
  bool mod_const(const Sum& s, int64_t d, Sum* out);
  bool divmod_symbolic(ExprKind kind, const Sum& a, const Sum& b, Sum* out);
  // ---- Output (emit.cpp)
  /// `hint` is returned when it already is the canonical expression.
  Expr emit(const Sum& s, const Expr& hint = nullptr);
  Expr emit_term(const Term& t);

  // ---- Bounds (bounds.cpp)
  ConstBound bound(const Sum& s);
  ConstBound bound(const Term& t);
  ConstBound bound_atom(const ExprNode* atom);
  /// Also uses facts about several variables.
  ConstBound bound_with_facts(const Sum& s);
  ModularSet modular(const Sum& s);
  ModularSet modular(const Term& t);
  ModularSet modular_atom(const ExprNode* atom);
  /// Brings terms together that only their neighbours show to belong together: x - x // l * l for a sum x is x % l, and
  /// min(x, y) - x is min(0, y - x).
  void recompose(Sum* s);

  // ---- Proofs (prove.cpp)
  bool prove_ge0(const Sum& s) { return prove_ge0(s, 3); }
  bool prove_ge0(const Sum& s, int depth);
  bool prove_gt0(const Sum& s);
  bool has_facts() const { return !facts_.empty(); }

  // ---- Atoms (atoms.cpp)
  Atom* find(const ExprNode* atom);
  Atom* intern(const Expr& e, Atom::Kind kind);
  Term term_of_sum(const Sum& s, int64_t lower, int64_t extent);
  /// Interns a canonical expression that is no sum.
  const ExprNode* opaque(const Expr& e);

  // ---- Conditions (compare.cpp)
  Expr compare(ExprKind kind, const Sum& a, const Sum& b);
  /// The condition s >= 0, simplified.
  Expr condition_ge0(Sum s);
  /// Rewrites a condition s >= 0 on one quotient to one on its numerator.
  void open_quotient(Sum* s);
  Expr condition_eq0(Sum s, bool equal);
  Expr simplify_and(const Expr& e);
  Expr simplify_or(const Expr& e);
  Expr simplify_not(const Expr& value, const Expr& original);
  Expr simplify_select(const Expr& e);
  // ---- Minimum and maximum (min_max.cpp)
  Expr simplify_min_max(const Expr& e);
  /// Appends what a minimum or maximum is taken of, given one operand; `fresh` ones are parsed, others read as they
  /// are.
  bool min_max_operands(ExprKind kind, const Expr& e, int64_t offset, bool fresh, std::vector<Sum>* items);
  /// The minimum or maximum of all items, which are changed.
  bool min_max_of(ExprKind kind, std::vector<Sum>* items, Sum* out);

 private:
  friend class Scope;
  struct Undo {
    Atom* atom;
    ConstBound bound;
    ModularSet modular;
  };
  bool parse_into(Sum* out, const Expr& e, int64_t k);
  Expr rebuild(const Expr& e);
  ConstBound compute_bound(const Atom& atom);
  ConstBound bound_narrow(const Expr& e);
  ConstBound raw_bound(const Expr& e);
  ModularSet raw_modular(const Expr& e);
  bool recompose_mod(Sum* s, size_t i);
  bool recompose_min_max(Sum* s, size_t i);
  bool prove_by_cases(const Sum& s, int depth);
  bool divides(const Term& t, int64_t d, Term* quotient, int64_t* remainder);
  bool drop_small(Sum* s, int64_t d, Sum* small);
  void add_fact(Sum s, const VarNode* owner);
  void assume_eq0(const Sum& s);
  void tighten(const ExprNode* atom, ConstBound b);
  void set_modular(const ExprNode* atom, ModularSet m);
  void pin(const Sum& s);
  void rehash(size_t slots);
  int64_t low_with_facts(const Sum& s, int depth);

  std::deque<Atom> atoms_;
  std::vector<uint32_t> slots_;  // open addressing over atoms_, index + 1
  std::vector<Fact> facts_;
  std::vector<Undo> undo_;
  int scopes_ = 0;
  bool recomposing_ = false;
  uint64_t epoch_ = 1;
};

/// Same structure; variables, buffers, lets and reductions by identity.
bool same_expr(const Expr& a, const Expr& b);
/// Reproducible order of expressions; 0 for some that differ (equal names).
int order(const ExprNode* a, const ExprNode* b);
inline bool is_index(const Expr& e) {
  return e.dtype() == tir::kI64;
}
/// No loads, calls or divisions by what may be zero: evaluating it early does no harm.
bool is_total(const Expr& e);
inline constexpr int64_t kLarge = int64_t{1} << 48;
/// Moving terms across a comparison, or changing all signs, must not overflow where the expression did not. Values of
/// variables are taken to be far below 2^63; where constants are not, nothing is moved.
bool movable(const Sum& s);
/// Divides by the greatest common divisor of the scales, rounding down: keeps s >= 0.
void tighten_ge0(Sum* s);

}  // namespace tilewright::arith
