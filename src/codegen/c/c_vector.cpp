// Whole vectors as GNU vector types. Every function here may give up; the statement then loops over lanes.
#include <fmt/format.h>

#include <bit>

#include "codegen/c/c_emitter.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {

using tir::as;
using tir::DataType;
using tir::Expr;
using tir::ExprKind;
using tir::Intrinsic;

namespace {

constexpr int kMaxVectorBytes = 512;

DataType int_of(int bytes, int lanes) {
  return DataType{tir::TypeCode::kInt, static_cast<uint8_t>(bytes * 8), static_cast<uint16_t>(lanes)};
}
bool is_small_float(DataType t) {
  return t.is_floating() && t.bits == 16;
}

}  // namespace

bool CFunction::use_gnu(DataType t) const {
  return m_.options.gnu_vectors && std::has_single_bit(static_cast<unsigned>(t.lanes)) && t.bytes() <= kMaxVectorBytes;
}

/// False where evaluating a lane that nobody asked for could go wrong.
bool CFunction::can_be_eager(const Expr& e) {
  bool good = true;
  tir::post_order(e, [&](const Expr& x) {
    if (x.kind() == ExprKind::kLoad && as<tir::LoadNode>(x)->buffer.scope() != tir::Scope::kRegister) good = false;
    if (x.kind() == ExprKind::kFloorDiv || x.kind() == ExprKind::kFloorMod) good = false;
    if (const auto* c = as<tir::CallNode>(x); c && c->op == Intrinsic::kExtern) good = false;
  });
  return good;
}

std::string CFunction::mask_as(const VectorText& mask, int lanes, int bytes) {
  if (mask.mask_bytes == bytes) return mask.text;
  return fmt::format("__builtin_convertvector({}, {})", mask.text, m_.helpers.vector_type(int_of(bytes, lanes)));
}

std::string CFunction::splat_helper(DataType t) {
  const std::string type = m_.helpers.vector_type(t), name = "tw_splat_" + c_suffix(t);
  std::string list;
  for (int l = 0; l < t.lanes; ++l) list += l ? ", x" : "x";
  m_.helpers.define(name, fmt::format("TW_INLINE {0} {1}({2} x) {{\n  return ({0}){{{3}}};\n}}\n", type, name,
                                      c_type(t.element()), list));
  return name;
}

std::string CFunction::select_helper(DataType t) {
  const std::string type = m_.helpers.vector_type(t), mask = m_.helpers.vector_type(int_of(t.element_bytes(), t.lanes));
  const std::string name = "tw_select_" + c_suffix(t);
  m_.helpers.define(
      name,
      fmt::format("TW_INLINE {0} {1}({2} m, {0} a, {0} b) {{\n  return ({0})((m & ({2})a) | (~m & ({2})b));\n}}\n",
                  type, name, mask));
  return name;
}

std::string CFunction::extremum_helper(ExprKind kind, DataType t) {
  const std::string type = m_.helpers.vector_type(t), select = select_helper(t);
  const std::string name = fmt::format("tw_{}_{}", kind == ExprKind::kMin ? "min" : "max", c_suffix(t));
  const char* symbol = kind == ExprKind::kMin ? "<" : ">";
  // The other operand where one is a NaN.
  const std::string condition = fmt::format("(a {} b){}", symbol, t.is_floating() ? " | (b != b)" : "");
  m_.helpers.define(name, fmt::format("TW_INLINE {0} {1}({0} a, {0} b) {{\n  return {2}({3}, a, b);\n}}\n", type, name,
                                      select, condition));
  return name;
}

std::string CFunction::shift_helper(Intrinsic op, DataType t) {
  DataType u = t;
  u.code = tir::TypeCode::kUint;
  const std::string type = m_.helpers.vector_type(t), splat = splat_helper(t);
  const bool left = op == Intrinsic::kShiftLeft;
  const std::string name = fmt::format("tw_{}_{}", left ? "shl" : "shr", c_suffix(t));
  const std::string amount = fmt::format("(b & {}({}))", splat, t.bits - 1);
  const std::string shifted =
      left ? fmt::format("({0})(({1})a << ({1}){2})", type, m_.helpers.vector_type(u), amount) : "a >> " + amount;
  m_.helpers.define(name, fmt::format("TW_INLINE {0} {1}({0} a, {0} b) {{\n  return {2};\n}}\n", type, name, shifted));
  return name;
}

std::optional<CFunction::VectorText> CFunction::vector(const Expr& e) {
  const DataType t = e.dtype();
  if (!use_gnu(t)) return {};
  switch (e.kind()) {
    case ExprKind::kVar: {
      const auto found = vars_.find(static_cast<const tir::VarNode*>(e.get()));
      if (found == vars_.end() || found->second.form != VectorForm::kGnu) return {};
      return VectorText{found->second.name, kPostfix, found->second.mask_bytes};
    }
    case ExprKind::kBroadcast: {
      const auto* n = as<tir::BroadcastNode>(e);
      const CText x = value(n->value);
      if (t.is_bool()) {
        const std::string type = m_.helpers.vector_type(int_of(1, t.lanes));
        const std::string name = "tw_splat_mask_" + type;
        m_.helpers.define(
            name,
            fmt::format("TW_INLINE {0} {1}(bool x) {{\n  {0} r;\n  for (int l = 0; l < {2}; ++l) r[l] = x ? -1 : 0;\n"
                        "  return r;\n}}\n",
                        type, name, t.lanes));
        return VectorText{fmt::format("{}({})", name, x.text), kPostfix, 1};
      }
      const std::string name = splat_helper(t);
      return VectorText{fmt::format("{}({})", name, x.text)};
    }
    case ExprKind::kRamp: {
      const auto* n = as<tir::RampNode>(e);
      const CText base = value(n->base), stride = value(n->stride);
      const std::string type = m_.helpers.vector_type(t), name = "tw_ramp_" + c_suffix(t), s = c_type(t.element());
      m_.helpers.define(
          name,
          fmt::format(
              "TW_INLINE {0} {1}({2} base, {2} stride) {{\n  {0} r;\n"
              "  for (int l = 0; l < {3}; ++l) r[l] = ({2})((uint{4}_t)base + (uint{4}_t)l * (uint{4}_t)stride);\n"
              "  return r;\n}}\n",
              type, name, s, t.lanes, t.bits < 32 ? 32 : t.bits));
      return VectorText{fmt::format("{}({}, {})", name, base.text, stride.text)};
    }
    case ExprKind::kCast:
      return vector_cast(as<tir::CastNode>(e));
    case ExprKind::kNot: {
      auto x = vector(as<tir::NotNode>(e)->value);
      if (!x) return {};
      return VectorText{"~" + x->in(kUnary), kUnary, x->mask_bytes};
    }
    case ExprKind::kSelect: {
      const auto* n = as<tir::SelectNode>(e);
      if (t.is_bool() || !can_be_eager(n->true_value) || !can_be_eager(n->false_value)) return {};
      auto c = vector(n->condition), a = vector(n->true_value), b = vector(n->false_value);
      if (!c || !a || !b) return {};
      const int bytes = t.element_bytes();
      const std::string name = select_helper(t);
      return VectorText{fmt::format("{}({}, {}, {})", name, mask_as(*c, t.lanes, bytes), a->text, b->text)};
    }
    case ExprKind::kLoad:
      return vector_load(as<tir::LoadNode>(e));
    case ExprKind::kCall:
      return vector_call(as<tir::CallNode>(e));
    case ExprKind::kLet: {
      const auto* n = as<tir::LetNode>(e);
      emit_let(n->var, n->value);
      return vector(n->body);
    }
    default: {
      const auto* n = as<tir::BinaryNode>(e);
      return n ? vector_binary(n) : std::nullopt;
    }
  }
}

std::optional<CFunction::VectorText> CFunction::vector_binary(const tir::BinaryNode* n) {
  const DataType t = n->a.dtype();
  const ExprKind kind = n->kind;
  const bool logic = kind == ExprKind::kAnd || kind == ExprKind::kOr;
  if (logic && !can_be_eager(n->b)) return {};
  if (t.is_bool() && !logic) return {};
  if (is_small_float(t) || !use_gnu(t)) return {};
  auto a = vector(n->a), b = vector(n->b);
  if (!a || !b) return {};
  if (logic) {
    const char* symbol = kind == ExprKind::kAnd ? "&" : "|";
    const Precedence p = kind == ExprKind::kAnd ? kBitAnd : kBitOr;
    const std::string right = b->mask_bytes == a->mask_bytes ? b->in(kUnary) : mask_as(*b, t.lanes, a->mask_bytes);
    return VectorText{fmt::format("{} {} {}", a->in(kUnary), symbol, right), p, a->mask_bytes};
  }
  auto infix = [&](const char* symbol, Precedence p, int mask = 0) {
    const auto next = static_cast<Precedence>(p + 1);
    return VectorText{fmt::format("{} {} {}", a->in(mask ? kShift : p), symbol, b->in(mask ? kShift : next)), p, mask};
  };
  auto helper = [&](const char* name, const std::string& expression) {
    return VectorText{fmt::format("{}({}, {})", m_.helpers.lanes(name, t, {t, t}, expression), a->text, b->text)};
  };
  switch (kind) {
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul: {
      const char* symbol = kind == ExprKind::kAdd ? "+" : kind == ExprKind::kSub ? "-" : "*";
      if (!t.is_int()) return infix(symbol, kind == ExprKind::kMul ? kProduct : kSum);
      // Lanes wrap around; in unsigned types C says so, too.
      DataType u = t;
      u.code = tir::TypeCode::kUint;
      const char* word = kind == ExprKind::kAdd ? "add" : kind == ExprKind::kSub ? "sub" : "mul";
      const std::string type = m_.helpers.vector_type(t), as_unsigned = m_.helpers.vector_type(u);
      const std::string name = fmt::format("tw_{}_{}", word, c_suffix(t));
      m_.helpers.define(
          name, fmt::format("TW_INLINE {0} {1}({0} a, {0} b) {{\n  return ({0})(({2})a {3} ({2})b);\n}}\n", type, name,
                            as_unsigned, symbol));
      return VectorText{fmt::format("{}({}, {})", name, a->text, b->text)};
    }
    case ExprKind::kDiv:
      return infix("/", kProduct);
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      const char* name = kind == ExprKind::kFloorDiv ? "floordiv" : "floormod";
      return helper(name, m_.helpers.scalar(name, t.element()) + "(a[l], b[l])");
    }
    case ExprKind::kMin:
    case ExprKind::kMax:
      return VectorText{fmt::format("{}({}, {})", extremum_helper(kind, t), a->text, b->text)};
    case ExprKind::kEq:
      return infix("==", kEquality, t.element_bytes());
    case ExprKind::kNe:
      return infix("!=", kEquality, t.element_bytes());
    case ExprKind::kLt:
      return infix("<", kRelation, t.element_bytes());
    case ExprKind::kLe:
      return infix("<=", kRelation, t.element_bytes());
    case ExprKind::kGt:
      return infix(">", kRelation, t.element_bytes());
    case ExprKind::kGe:
      return infix(">=", kRelation, t.element_bytes());
    default:
      return {};
  }
}

std::optional<CFunction::VectorText> CFunction::vector_cast(const tir::CastNode* n) {
  DataType to = n->dtype, from = n->value.dtype();
  if (!use_gnu(from)) return {};
  auto x = vector(n->value);
  if (!x) return {};
  auto convert = [&](DataType t) {
    x = VectorText{fmt::format("__builtin_convertvector({}, {})", x->text, m_.helpers.vector_type(t))};
  };
  auto map = [&](DataType t, const std::string& name, const std::string& expression) {
    x = VectorText{fmt::format("{}({})", m_.helpers.lanes(name, t, {from}, expression), x->text)};
    from = t;
  };
  if (from.is_bool()) {
    if (is_small_float(to)) return {};
    // A mask of -1 and 0.
    const DataType i = int_of(x->mask_bytes, to.lanes);
    x = VectorText{fmt::format("-{}", x->in(kUnary)), kUnary};
    if (i != to) convert(to);
    return x;
  }
  if (is_small_float(from)) {
    const char* name = from.code == tir::TypeCode::kBfloat ? "bfloat_to_float" : "half_to_float";
    map(tir::kF32.with_lanes(to.lanes), name, m_.helpers.scalar(name, from) + "(a[l])");
  }
  if (to.is_bool())
    return VectorText{fmt::format("{} != ({}){{0}}", x->in(kShift), m_.helpers.vector_type(from)), kEquality,
                      from.element_bytes()};
  if (is_small_float(to)) {
    if (!from.is_floating()) {
      from = tir::kF64.with_lanes(to.lanes);
      if (!use_gnu(from)) return {};
      convert(from);
    }
    const char* name = to.code == tir::TypeCode::kBfloat ? "float_to_bfloat" : "float_to_half";
    std::string lane = from.bits == 64 ? m_.helpers.scalar("round_to_odd", from) + "(a[l])" : "a[l]";
    map(to, name, fmt::format("{}({})", m_.helpers.scalar(name, to), lane));
    return x;
  }
  if (to == from) return x;
  if (from.is_floating() && to.is_integer()) {
    const std::string f = m_.helpers.float_to_int(from, to);
    map(to, "to", f + "(a[l])");
    return x;
  }
  convert(to);
  return x;
}

std::optional<CFunction::VectorText> CFunction::vector_load(const tir::LoadNode* n) {
  const DataType t = n->dtype;
  const CBuffer& b = buffer(n->buffer);
  const bool masked = !tir::is_true(n->mask);
  if (n->buffer.scope() == tir::Scope::kRegister) {
    if (masked || b.value.form != VectorForm::kGnu || t.is_bool()) return {};
    return VectorText{b.value.name};
  }
  if (t.is_bool() && masked) return {};
  const int bytes = t.element_bytes(), lanes = t.lanes;
  const DataType held = t.is_bool() ? tir::kU8.with_lanes(lanes) : t;
  const std::string type = m_.helpers.vector_type(held), element_type = c_memory_type(t), suffix = c_suffix(held);
  std::string mask;
  if (masked) {
    auto m = n->mask.dtype().lanes == lanes ? vector(n->mask) : std::nullopt;
    if (!m) return {};
    mask = mask_as(*m, lanes, bytes);
  }
  const std::string mask_type = masked ? m_.helpers.vector_type(int_of(bytes, lanes)) : "";
  m_.helpers.needs_string = true;
  const Expr& index = n->indices.at(0);
  std::string text;
  if (const auto* r = as<tir::RampNode>(index); r && tir::is_const_int(r->stride, 1)) {
    const std::string address = "&" + element(n->buffer, r->base);
    if (masked) {
      const std::string name = "tw_masked_load_" + suffix;
      m_.helpers.define(name, fmt::format("TW_INLINE {0} {1}(const {2}* p, {3} m) {{\n  {0} r;\n"
                                          "  for (int l = 0; l < {4}; ++l) r[l] = m[l] ? p[l] : 0;\n  return r;\n}}\n",
                                          type, name, element_type, mask_type, lanes));
      text = fmt::format("{}({}, {})", name, address, mask);
    } else {
      const std::string name = "tw_load_" + suffix;
      m_.helpers.define(
          name,
          fmt::format("TW_INLINE {0} {1}(const {2}* p) {{\n  {0} r;\n  memcpy(&r, p, sizeof r);\n  return r;\n}}\n",
                      type, name, element_type));
      text = fmt::format("{}({})", name, address);
    }
  } else {
    if (index.dtype().lanes != lanes) return {};
    auto i = vector(index);
    if (!i) return {};
    const std::string index_type = m_.helpers.vector_type(index.dtype());
    const std::string name = fmt::format("tw_{}gather_{}", masked ? "masked_" : "", suffix);
    m_.helpers.define(
        name, fmt::format("TW_INLINE {0} {1}(const {2}* p, {3} i{4}) {{\n  {0} r;\n"
                          "  for (int l = 0; l < {5}; ++l) r[l] = {6};\n  return r;\n}}\n",
                          type, name, element_type, index_type, masked ? fmt::format(", {} m", mask_type) : "", lanes,
                          masked ? "m[l] ? p[i[l]] : 0" : "p[i[l]]"));
    text = fmt::format("{}({}, {}{})", name, b.name, i->text, masked ? ", " + mask : "");
  }
  if (t.is_bool()) return VectorText{fmt::format("{} != ({}){{0}}", text, type), kEquality, 1};
  return VectorText{text};
}

std::optional<CFunction::VectorText> CFunction::vector_call(const tir::CallNode* n) {
  const DataType t = n->dtype, from = n->args[0].dtype();
  if (n->op == Intrinsic::kExtern || n->op == Intrinsic::kAddressOf || n->op == Intrinsic::kPrefetch) return {};
  if (t.is_bool() || is_small_float(t) || is_small_float(from) || from.is_bool()) return {};
  // Counted once; gcc 12 also folds the count of a constant vector wrongly.
  if (const auto* splat = as<tir::BroadcastNode>(n->args[0]); splat && n->op == Intrinsic::kPopcount)
    return vector(tir::broadcast(tir::call(n->op, {splat->value}), t.lanes));
  std::vector<VectorText> args;
  std::vector<DataType> types;
  std::string list;
  for (const Expr& a : n->args) {
    auto x = vector(a);
    if (!x) return {};
    list += (list.empty() ? "" : ", ") + x->text;
    types.push_back(a.dtype());
    args.push_back(std::move(*x));
  }
  if (n->op == Intrinsic::kReinterpret)
    return VectorText{fmt::format("({}){}", m_.helpers.vector_type(t), args[0].in(kUnary)), kUnary};
  switch (n->op) {
    case Intrinsic::kShiftLeft:
    case Intrinsic::kShiftRight:
      return VectorText{fmt::format("{}({})", shift_helper(n->op, t), list)};
    case Intrinsic::kBitAnd:
      return VectorText{fmt::format("{} & {}", args[0].in(kUnary), args[1].in(kUnary)), kBitAnd};
    case Intrinsic::kBitOr:
      return VectorText{fmt::format("{} | {}", args[0].in(kUnary), args[1].in(kUnary)), kBitOr};
    case Intrinsic::kBitXor:
      return VectorText{fmt::format("{} ^ {}", args[0].in(kUnary), args[1].in(kUnary)), kBitXor};
    case Intrinsic::kBitNot:
      return VectorText{"~" + args[0].in(kUnary), kUnary};
    default:
      break;
  }
  // One lane's text, from the scalar rules, over the helper's parameters.
  std::vector<Expr> lane_args;
  std::vector<tir::Var> names;
  for (size_t i = 0; i < types.size(); ++i) {
    names.emplace_back(fmt::format("{}[l]", static_cast<char>('a' + i)), types[i].element());
    vars_[names.back().get()] = {names.back().name(), types[i].element(), VectorForm::kNone, 0,
                                 type_bounds(types[i].element())};
    lane_args.push_back(names.back());
  }
  const CText lane = value(tir::call(n->op, lane_args));
  for (const tir::Var& v : names) vars_.erase(v.get());
  return VectorText{fmt::format("{}({})", m_.helpers.lanes(intrinsic_name(n->op), t, types, lane.text), list)};
}

}  // namespace tilewright::codegen
