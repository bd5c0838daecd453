#include "tilewright/tir/expr.h"

#include <fmt/format.h>

#include <atomic>
#include <bit>

#include "tilewright/support/diagnostic.h"
#include "tilewright/support/random.h"
#include "tilewright/tir/buffer.h"

namespace tilewright::tir {
namespace {

uint64_t type_hash(DataType t) {
  return (static_cast<uint64_t>(t.code) << 32) | (static_cast<uint64_t>(t.bits) << 16) | t.lanes;
}
uint64_t base_hash(ExprKind kind, DataType t) {
  return mix64((static_cast<uint64_t>(kind) << 40) ^ type_hash(t));
}
uint64_t hash_of(const Expr& e) {
  return e.defined() ? e->hash : 0x51ed270b;
}
uint64_t hash_all(uint64_t h, const std::vector<Expr>& list) {
  for (const Expr& e : list) h = hash_combine(h, hash_of(e));
  return h;
}
template <typename T>
uint64_t pointer_hash(const T* p) {
  return mix64(reinterpret_cast<uintptr_t>(p));
}

}  // namespace

IntImmNode::IntImmNode(DataType t, int64_t v)
    : ExprNode(ExprKind::kIntImm, t, hash_combine(base_hash(ExprKind::kIntImm, t), static_cast<uint64_t>(v))),
      value(v) {}
FloatImmNode::FloatImmNode(DataType t, double v)
    : ExprNode(ExprKind::kFloatImm, t, hash_combine(base_hash(ExprKind::kFloatImm, t), std::bit_cast<uint64_t>(v))),
      value(v) {}
VarNode::VarNode(DataType t, std::string n) : ExprNode(ExprKind::kVar, t, pointer_hash(this)), name(std::move(n)) {
  static std::atomic<uint64_t> next{1};
  id = next.fetch_add(1, std::memory_order_relaxed);
}
CastNode::CastNode(DataType t, Expr v)
    : ExprNode(ExprKind::kCast, t, hash_combine(base_hash(ExprKind::kCast, t), hash_of(v))), value(std::move(v)) {}
BinaryNode::BinaryNode(ExprKind k, DataType t, Expr x, Expr y)
    : ExprNode(k, t, hash_combine(hash_combine(base_hash(k, t), hash_of(x)), hash_of(y))),
      a(std::move(x)),
      b(std::move(y)) {}
NotNode::NotNode(Expr v)
    : ExprNode(ExprKind::kNot, v.dtype(), hash_combine(base_hash(ExprKind::kNot, v.dtype()), hash_of(v))),
      value(std::move(v)) {}
SelectNode::SelectNode(Expr c, Expr t, Expr f)
    : ExprNode(ExprKind::kSelect, t.dtype(),
               hash_combine(hash_combine(hash_combine(base_hash(ExprKind::kSelect, t.dtype()), hash_of(c)), hash_of(t)),
                            hash_of(f))),
      condition(std::move(c)),
      true_value(std::move(t)),
      false_value(std::move(f)) {}
LoadNode::LoadNode(DataType t, Buffer b, std::vector<Expr> i, Expr m)
    : ExprNode(
          ExprKind::kLoad, t,
          hash_all(hash_combine(hash_combine(base_hash(ExprKind::kLoad, t), pointer_hash(b.get())), hash_of(m)), i)),
      buffer(std::move(b)),
      indices(std::move(i)),
      mask(std::move(m)) {}
CallNode::CallNode(DataType t, Intrinsic o, std::string n, std::vector<Expr> a)
    : ExprNode(ExprKind::kCall, t,
               hash_all(hash_combine(hash_combine(base_hash(ExprKind::kCall, t), static_cast<uint64_t>(o)),
                                     std::hash<std::string>{}(n)),
                        a)),
      op(o),
      name(std::move(n)),
      args(std::move(a)) {}
RampNode::RampNode(Expr b, Expr s, int lanes)
    : ExprNode(
          ExprKind::kRamp, b.dtype().with_lanes(lanes),
          hash_combine(hash_combine(base_hash(ExprKind::kRamp, b.dtype().with_lanes(lanes)), hash_of(b)), hash_of(s))),
      base(std::move(b)),
      stride(std::move(s)) {}
BroadcastNode::BroadcastNode(Expr v, int lanes)
    : ExprNode(ExprKind::kBroadcast, v.dtype().with_lanes(lanes),
               hash_combine(base_hash(ExprKind::kBroadcast, v.dtype().with_lanes(lanes)), hash_of(v))),
      value(std::move(v)) {}
LetNode::LetNode(Var v, Expr x, Expr b)
    : ExprNode(ExprKind::kLet, b.dtype(),
               hash_combine(hash_combine(hash_combine(base_hash(ExprKind::kLet, b.dtype()), hash_of(v)), hash_of(x)),
                            hash_of(b))),
      var(std::move(v)),
      value(std::move(x)),
      body(std::move(b)) {}
ReduceNode::ReduceNode(Reducer r, std::vector<Expr> s, std::vector<Expr> i, std::vector<IterVar> a, Expr c, int n)
    : ExprNode(
          ExprKind::kReduce, s[static_cast<size_t>(n)].dtype(),
          hash_combine(hash_all(hash_all(hash_combine(base_hash(ExprKind::kReduce, s[static_cast<size_t>(n)].dtype()),
                                                      pointer_hash(r.get())),
                                         s),
                                i),
                       hash_combine(hash_of(c), static_cast<uint64_t>(n)))),
      reducer(std::move(r)),
      sources(std::move(s)),
      init(std::move(i)),
      axes(std::move(a)),
      condition(std::move(c)),
      index(n) {
  for (const IterVar& axis : axes) hash = hash_combine(hash, hash_of(axis.var));
}

void destroy(const ExprNode* node) {
  switch (node->kind) {
    case ExprKind::kIntImm:
      delete static_cast<const IntImmNode*>(node);
      return;
    case ExprKind::kFloatImm:
      delete static_cast<const FloatImmNode*>(node);
      return;
    case ExprKind::kVar:
      delete static_cast<const VarNode*>(node);
      return;
    case ExprKind::kCast:
      delete static_cast<const CastNode*>(node);
      return;
    case ExprKind::kNot:
      delete static_cast<const NotNode*>(node);
      return;
    case ExprKind::kSelect:
      delete static_cast<const SelectNode*>(node);
      return;
    case ExprKind::kLoad:
      delete static_cast<const LoadNode*>(node);
      return;
    case ExprKind::kCall:
      delete static_cast<const CallNode*>(node);
      return;
    case ExprKind::kRamp:
      delete static_cast<const RampNode*>(node);
      return;
    case ExprKind::kBroadcast:
      delete static_cast<const BroadcastNode*>(node);
      return;
    case ExprKind::kLet:
      delete static_cast<const LetNode*>(node);
      return;
    case ExprKind::kReduce:
      delete static_cast<const ReduceNode*>(node);
      return;
    default:
      delete static_cast<const BinaryNode*>(node);
      return;
  }
}
void destroy(const ReducerNode* node) {
  delete node;
}

template <typename T>
static const T* checked(const Expr& e, bool matches) {
  return e.defined() && matches ? static_cast<const T*>(e.get()) : nullptr;
}
#define TILEWRIGHT_AS(Node, test)                   \
  template <>                                       \
  const Node* as<Node>(const Expr& e) {             \
    return checked<Node>(e, e.defined() && (test)); \
  }
TILEWRIGHT_AS(IntImmNode, e.kind() == ExprKind::kIntImm)
TILEWRIGHT_AS(FloatImmNode, e.kind() == ExprKind::kFloatImm)
TILEWRIGHT_AS(VarNode, e.kind() == ExprKind::kVar)
TILEWRIGHT_AS(CastNode, e.kind() == ExprKind::kCast)
TILEWRIGHT_AS(BinaryNode, is_binary(e.kind()))
TILEWRIGHT_AS(NotNode, e.kind() == ExprKind::kNot)
TILEWRIGHT_AS(SelectNode, e.kind() == ExprKind::kSelect)
TILEWRIGHT_AS(LoadNode, e.kind() == ExprKind::kLoad)
TILEWRIGHT_AS(CallNode, e.kind() == ExprKind::kCall)
TILEWRIGHT_AS(RampNode, e.kind() == ExprKind::kRamp)
TILEWRIGHT_AS(BroadcastNode, e.kind() == ExprKind::kBroadcast)
TILEWRIGHT_AS(LetNode, e.kind() == ExprKind::kLet)
TILEWRIGHT_AS(ReduceNode, e.kind() == ExprKind::kReduce)
#undef TILEWRIGHT_AS

Expr::Expr(long value) : Ref<ExprNode>(new IntImmNode(kI64, value)) {}
Expr::Expr(bool value) : Ref<ExprNode>(new IntImmNode(kBool, value ? 1 : 0)) {}
Expr::Expr(float value) : Ref<ExprNode>(new FloatImmNode(kF32, static_cast<double>(value))) {}
Expr::Expr(double value) : Ref<ExprNode>(new FloatImmNode(kF32, value)) {}
Var::Var(std::string name, DataType dtype) : Expr(new VarNode(dtype, std::move(name))) {}

bool is_const_int(const Expr& e, int64_t* value) {
  if (!e.defined() || e.kind() != ExprKind::kIntImm) return false;
  if (value) *value = static_cast<const IntImmNode*>(e.get())->value;
  return true;
}
bool is_const_int(const Expr& e, int64_t value) {
  int64_t found;
  return is_const_int(e, &found) && found == value;
}
static const IntImmNode* bool_constant(const Expr& e) {
  if (const auto* b = as<BroadcastNode>(e)) return bool_constant(b->value);
  return e.dtype().is_bool() ? as<IntImmNode>(e) : nullptr;
}
bool is_true(const Expr& e) {
  if (!e.defined()) return true;
  const IntImmNode* c = bool_constant(e);
  return c && c->value != 0;
}
bool is_false(const Expr& e) {
  if (!e.defined()) return false;
  const IntImmNode* c = bool_constant(e);
  return c && c->value == 0;
}

const char* intrinsic_name(Intrinsic op) {
  switch (op) {
    case Intrinsic::kExp:
      return "exp";
    case Intrinsic::kLog:
      return "log";
    case Intrinsic::kTanh:
      return "tanh";
    case Intrinsic::kErf:
      return "erf";
    case Intrinsic::kSigmoid:
      return "sigmoid";
    case Intrinsic::kSqrt:
      return "sqrt";
    case Intrinsic::kRsqrt:
      return "rsqrt";
    case Intrinsic::kSin:
      return "sin";
    case Intrinsic::kCos:
      return "cos";
    case Intrinsic::kPow:
      return "pow";
    case Intrinsic::kAbs:
      return "abs";
    case Intrinsic::kFloor:
      return "floor";
    case Intrinsic::kCeil:
      return "ceil";
    case Intrinsic::kRound:
      return "round";
    case Intrinsic::kTrunc:
      return "trunc";
    case Intrinsic::kFma:
      return "fma";
    case Intrinsic::kIsNan:
      return "isnan";
    case Intrinsic::kShiftLeft:
      return "shift_left";
    case Intrinsic::kShiftRight:
      return "shift_right";
    case Intrinsic::kBitAnd:
      return "bit_and";
    case Intrinsic::kBitOr:
      return "bit_or";
    case Intrinsic::kBitXor:
      return "bit_xor";
    case Intrinsic::kBitNot:
      return "bit_not";
    case Intrinsic::kPopcount:
      return "popcount";
    case Intrinsic::kReinterpret:
      return "reinterpret";
    case Intrinsic::kExtern:
      return "extern";
    case Intrinsic::kAddressOf:
      return "address_of";
    case Intrinsic::kPrefetch:
      return "prefetch";
  }
  return "?";
}

}  // namespace tilewright::tir
