// Expressions of the loop IR.
//
// General semantics, the same for the interpreter and every back end:
// - Expressions have no side effects. Operands may be evaluated in any order, and not at all where the result is not
//   needed; what `select`, `and`, `or` skip is never evaluated (so it may be out of bounds or divide by zero).
// - Indices and loop variables are i64. Overflow of signed and unsigned integers wraps around (two's complement).
// - floordiv and floormod round towards minus infinity; a zero divisor is an error the interpreter reports, and
//   undefined in compiled code, so programs must guard it. trunc_div does not exist.
// - Float arithmetic is strict IEEE: no reassociation, no contraction. Only the commutative update of a reduction block
//   may be reordered by schedule primitives, and only lowering makes `fma` (for reduction updates).
// - min and max of floats return the other operand when one is NaN (IEEE minNum/maxNum); -0 and +0 may be exchanged.
// - Float to int conversion truncates and saturates; NaN becomes 0. Int to int conversion wraps. Float to float rounds
//   to nearest even; integers become f16 and bf16 by way of f64. Conversion to bool is `x != 0`.
// - Shift amounts count modulo the width; the right shift of a signed integer keeps the sign.
// - A value of type `bool` is true or false; comparison and logic produce it.
// - f16 and bf16 arithmetic is done in f32 and rounded after each operation.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tilewright/support/ref.h"
#include "tilewright/tir/type.h"

namespace tilewright::tir {

enum class ExprKind : uint8_t {
  kIntImm,    // integer or bool constant
  kFloatImm,  // float constant
  kVar,
  kCast,
  kAdd, kSub, kMul,
  kDiv,       // floats only
  kFloorDiv, kFloorMod,  // integers only
  kMin, kMax,
  kEq, kNe, kLt, kLe, kGt, kGe,
  kAnd, kOr, kNot,
  kSelect,    // lazy: only the chosen operand is evaluated (both if_then_else and select)
  kLoad,
  kCall,
  kRamp, kBroadcast,  // vectors, made by lowering
  kLet,
  kReduce,    // tensor expressions only; never part of loop IR
};

struct ExprNode : RefCounted {
  ExprKind kind;
  DataType dtype;
  /// Structural hash; variables and buffers hash by identity. For lookups only, never for order.
  uint64_t hash;

 protected:
  ExprNode(ExprKind k, DataType t, uint64_t h) : kind(k), dtype(t), hash(h) {}
};
void destroy(const ExprNode* node);

/// An immutable expression, one pointer wide. Null is "no expression" (for example no predicate).
class Expr : public Ref<ExprNode> {
 public:
  using Ref<ExprNode>::Ref;
  Expr() = default;
  Expr(int value) : Expr(static_cast<int64_t>(value)) {}  // NOLINT: literals are expressions
  Expr(long value);                                       // NOLINT: an i64 constant
  Expr(long long value) : Expr(static_cast<long>(value)) {}  // NOLINT
  Expr(unsigned value) : Expr(static_cast<long>(value)) {}  // NOLINT
  Expr(unsigned long value) : Expr(static_cast<long>(value)) {}  // NOLINT
  Expr(bool value);                                       // NOLINT: a bool constant
  Expr(float value);                                      // NOLINT: an f32 constant
  Expr(double value);                                     // NOLINT: an f32 constant; write make_const(f64, x) for others
  /// Use defined(): `if (a == b)` and `if (!a)` build expressions, so converting one to bool would be a silent mistake.
  explicit operator bool() const = delete;
  ExprKind kind() const { return get()->kind; }
  DataType dtype() const { return get()->dtype; }
};

struct IntImmNode : ExprNode {
  int64_t value;  // u64 constants keep their bit pattern
  IntImmNode(DataType t, int64_t v);
};
struct FloatImmNode : ExprNode {
  double value;  // rounded to the type when it is read
  FloatImmNode(DataType t, double v);
};

/// A variable. Identity is the node; `name` is a hint that printing makes unique.
struct VarNode : ExprNode {
  std::string name;
  /// Rises with each variable made in the process: a reproducible order of variables, no part of equality.
  uint64_t id;
  VarNode(DataType t, std::string n);
};
class Var : public Expr {
 public:
  Var() = default;
  explicit Var(std::string name, DataType dtype = kI64);
  explicit Var(const VarNode* node) : Expr(node) {}
  const VarNode* get() const { return static_cast<const VarNode*>(Expr::get()); }
  const VarNode* operator->() const { return get(); }
  const std::string& name() const { return get()->name; }
};

struct CastNode : ExprNode {
  Expr value;
  CastNode(DataType t, Expr v);
};
/// Every kind from kAdd to kOr.
struct BinaryNode : ExprNode {
  Expr a, b;
  BinaryNode(ExprKind k, DataType t, Expr x, Expr y);
};
struct NotNode : ExprNode {
  Expr value;
  explicit NotNode(Expr v);
};
struct SelectNode : ExprNode {
  Expr condition, true_value, false_value;
  SelectNode(Expr c, Expr t, Expr f);
};

struct BufferNode;
class Buffer;
/// Reads one element, or `dtype.lanes` elements where an index is a vector. `mask` (bool, same lanes) suppresses
/// lanes, which then read zero; null means all lanes.
struct LoadNode;

enum class Intrinsic : uint8_t {
  kExp, kLog, kTanh, kErf, kSigmoid, kSqrt, kRsqrt, kSin, kCos, kPow, kAbs, kFloor, kCeil,
  kRound,      // to nearest, ties to even
  kTrunc,
  kFma,        // a * b + c rounded once
  kIsNan,
  kShiftLeft, kShiftRight, kBitAnd, kBitOr, kBitXor, kBitNot, kPopcount,
  kReinterpret,  // same bits, other type of the same width
  kExtern,     // call of a C function by name; `name` is its symbol
  kAddressOf,  // address of a Load, argument of extern calls
  kPrefetch,   // hint: argument is a Load; value is 0 of i32
};
const char* intrinsic_name(Intrinsic op);

struct CallNode : ExprNode {
  Intrinsic op;
  std::string name;  // of kExtern
  std::vector<Expr> args;
  CallNode(DataType t, Intrinsic o, std::string n, std::vector<Expr> a);
};
/// base, base + stride, ...: `lanes` integers.
struct RampNode : ExprNode {
  Expr base, stride;
  RampNode(Expr b, Expr s, int lanes);
};
struct BroadcastNode : ExprNode {
  Expr value;
  BroadcastNode(Expr v, int lanes);
};
struct LetNode : ExprNode {
  Var var;
  Expr value, body;
  LetNode(Var v, Expr x, Expr b);
};

enum class IterKind : uint8_t { kSpatial, kReduce, kOpaque };
/// A range [min, min + extent).
struct Range {
  Expr min, extent;
};
/// An iterator: of a block, or an axis of a tensor expression.
struct IterVar {
  Var var;
  Range domain;
  IterKind kind = IterKind::kSpatial;
  /// An axis stands for its variable in expressions.
  operator Expr() const { return var; }  // NOLINT(google-explicit-constructor)
};

/// A commutative, associative combiner of one or several values (a tuple), with its identity.
/// `results[i]` combines `lhs` and `rhs`; all results see the old lhs.
struct ReducerNode : RefCounted {
  std::string name;  // "sum", "max", ... or the user's
  std::vector<Var> lhs, rhs;
  std::vector<Expr> results;
  std::vector<Expr> identity;
};
void destroy(const ReducerNode* node);
using Reducer = Ref<ReducerNode>;

/// Value number `index` of the reduction of `sources` over `axes` where `condition` (null: everywhere) holds.
/// `init` replaces the identity where not empty.
struct ReduceNode : ExprNode {
  Reducer reducer;
  std::vector<Expr> sources;
  std::vector<Expr> init;
  std::vector<IterVar> axes;
  Expr condition;
  int index;
  ReduceNode(Reducer r, std::vector<Expr> s, std::vector<Expr> i, std::vector<IterVar> a, Expr c, int n);
};

/// Downcast by kind: `as<BinaryNode>(e)` is null when `e` is of another class. Null in, null out.
template <typename T>
const T* as(const Expr& e);
template <> const IntImmNode* as(const Expr& e);
template <> const FloatImmNode* as(const Expr& e);
template <> const VarNode* as(const Expr& e);
template <> const CastNode* as(const Expr& e);
template <> const BinaryNode* as(const Expr& e);
template <> const NotNode* as(const Expr& e);
template <> const SelectNode* as(const Expr& e);
template <> const LoadNode* as(const Expr& e);
template <> const CallNode* as(const Expr& e);
template <> const RampNode* as(const Expr& e);
template <> const BroadcastNode* as(const Expr& e);
template <> const LetNode* as(const Expr& e);
template <> const ReduceNode* as(const Expr& e);

// ---- Construction. All check types (Error T0xxx) and fold constants and neutral elements; nothing else is simplified.
// Mixed integer types of one signedness widen; an integer literal takes the other operand's type; everything else needs
// an explicit cast. A scalar operand beside a vector is broadcast.
Expr make_const(DataType dtype, double value);
Expr make_int(DataType dtype, int64_t value);
Expr make_binary(ExprKind kind, Expr a, Expr b);
Expr cast(DataType dtype, Expr value);
Expr floordiv(Expr a, Expr b);
Expr floormod(Expr a, Expr b);
/// ceil(a / b) for positive b.
Expr ceildiv(Expr a, Expr b);
Expr min(Expr a, Expr b);
Expr max(Expr a, Expr b);
/// Lazy: only the chosen operand is evaluated.
Expr select(Expr condition, Expr true_value, Expr false_value);
inline Expr if_then_else(Expr condition, Expr true_value, Expr false_value) {
  return select(std::move(condition), std::move(true_value), std::move(false_value));
}
Expr make_let(Var var, Expr value, Expr body);
Expr load(const Buffer& buffer, std::vector<Expr> indices, Expr mask = nullptr);
Expr ramp(Expr base, Expr stride, int lanes);
Expr broadcast(Expr value, int lanes);
/// Unary and other math: one type in and out (kFloat or kBfloat; kAbs also integers).
Expr call(Intrinsic op, std::vector<Expr> args);
Expr call_extern(DataType dtype, std::string symbol, std::vector<Expr> args);
Expr reinterpret(DataType dtype, Expr value);

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
/// Floats only; integers: Error naming floordiv.
Expr operator/(Expr a, Expr b);
/// floormod.
Expr operator%(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator<(Expr a, Expr b);
Expr operator<=(Expr a, Expr b);
Expr operator>(Expr a, Expr b);
Expr operator>=(Expr a, Expr b);
Expr operator==(Expr a, Expr b);
Expr operator!=(Expr a, Expr b);
Expr operator&&(Expr a, Expr b);
Expr operator||(Expr a, Expr b);
Expr operator!(Expr a);
Expr exp(Expr x);
Expr log(Expr x);
Expr tanh(Expr x);
Expr erf(Expr x);
Expr sigmoid(Expr x);
Expr sqrt(Expr x);
Expr rsqrt(Expr x);
Expr abs(Expr x);
Expr pow(Expr x, Expr y);
Expr fma(Expr a, Expr b, Expr c);

/// The value of an integer constant; false when `e` is none.
bool is_const_int(const Expr& e, int64_t* value = nullptr);
bool is_const_int(const Expr& e, int64_t value);
inline bool is_const_int(const Expr& e, int value) { return is_const_int(e, int64_t{value}); }
/// Bool constant of this value (null counts as true: no predicate).
bool is_true(const Expr& e);
bool is_false(const Expr& e);

inline bool is_binary(ExprKind k) { return k >= ExprKind::kAdd && k <= ExprKind::kOr; }
inline bool is_comparison(ExprKind k) { return k >= ExprKind::kEq && k <= ExprKind::kGe; }

}  // namespace tilewright::tir

namespace tilewright {
using tir::Expr;
using tir::Var;
using tir::IterVar;
}  // namespace tilewright
