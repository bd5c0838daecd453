// The content hash: XXH3 (128 bits) over a canonical serialisation in which variables and buffers are numbers.
#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <bit>
#include <cstring>
#include <vector>

#include "tilewright/support/random.h"
#include "tilewright/tir/visit.h"

namespace tilewright::tir {
namespace {

/// Raised whenever the serialisation changes: hashes of different versions must never meet.
constexpr uint8_t kVersion = 1;

/// Numbers for nodes. Open addressing: a function has few nodes that are numbered, and hashing must stay cheap.
class Numbers {
 public:
  Numbers() : slots_(256) {}
  /// The number of the node, or -1.
  int64_t find(const void* node) const {
    for (size_t i = start(node);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].node == node) return slots_[i].number;
      if (slots_[i].node == nullptr) return -1;
    }
  }
  /// Gives the node the next number, also when it had one: a new binding is a new variable.
  uint32_t bind(const void* node) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    Slot& slot = place(node);
    if (slot.node == nullptr) ++count_;
    slot = {node, next_};
    return next_++;
  }

 private:
  struct Slot {
    const void* node = nullptr;
    uint32_t number = 0;
  };
  size_t start(const void* node) const { return mix64(reinterpret_cast<uintptr_t>(node)) & (slots_.size() - 1); }
  Slot& place(const void* node) {
    size_t i = start(node);
    while (slots_[i].node != nullptr && slots_[i].node != node) i = (i + 1) & (slots_.size() - 1);
    return slots_[i];
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& s : old) {
      if (s.node != nullptr) place(s.node) = s;
    }
  }
  std::vector<Slot> slots_;
  size_t count_ = 0;
  uint32_t next_ = 0;
};

/// Every item starts with a tag or a length, so that no two programs share a serialisation.
class Serializer {
 public:
  Serializer() { bytes_.reserve(4096); }
  void function(const PrimFuncNode& f);
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  void byte(uint8_t b) { bytes_.push_back(b); }
  void number(uint64_t n) {
    for (; n >= 0x80; n >>= 7) byte(static_cast<uint8_t>(n | 0x80));
    byte(static_cast<uint8_t>(n));
  }
  /// Small for small magnitudes of either sign.
  void signed_number(int64_t n) { number((static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63)); }
  void fixed(uint64_t n) {
    for (int i = 0; i < 8; ++i) byte(static_cast<uint8_t>(n >> (8 * i)));
  }
  void text(const std::string& s) {
    number(s.size());
    bytes_.insert(bytes_.end(), s.begin(), s.end());
  }
  void type(DataType t) {
    byte(static_cast<uint8_t>(t.code));
    byte(t.bits);
    number(t.lanes);
  }
  template <typename T, typename F>
  void list(const std::vector<T>& items, F f) {
    number(items.size());
    for (const T& item : items) f(item);
  }
  void exprs(const std::vector<Expr>& items) {
    list(items, [&](const Expr& e) { expr(e); });
  }
  void range(const Range& r) {
    expr(r.min);
    expr(r.extent);
  }
  void bind(const Var& v) {
    if (!v.defined()) return byte(0xff);
    numbers_.bind(v.get());
    type(v.dtype());
  }
  void declare(const Buffer& b);
  void use(const Buffer& b) {
    if (!b.defined()) return number(0);
    const int64_t n = numbers_.find(b.get());
    if (n >= 0) return number(static_cast<uint64_t>(n) + 2);
    number(1);
    declare(b);
  }
  void annotations(const Annotations& a);
  void iters(const std::vector<IterVar>& items) {
    list(items, [&](const IterVar& i) {
      byte(static_cast<uint8_t>(i.kind));
      range(i.domain);
    });
    for (const IterVar& i : items) bind(i.var);
  }
  void regions(const std::vector<BufferRegion>& items) {
    list(items, [&](const BufferRegion& r) {
      use(r.buffer);
      list(r.ranges, [&](const Range& x) { range(x); });
    });
  }
  void expr(const Expr& e);
  void reduce(const ReduceNode& n);
  void stmt(const Stmt& s);
  void block(const BlockNode& n);

  std::vector<uint8_t> bytes_;
  Numbers numbers_;
};

void Serializer::declare(const Buffer& b) {
  numbers_.bind(b.get());
  text(b.name());
  type(b.dtype());
  byte(static_cast<uint8_t>(b.scope()));
  number(static_cast<uint64_t>(b->alignment));
  exprs(b.shape());
  if (!b->layout.defined()) return byte(0);
  byte(1);
  list(b->layout->inputs, [&](const Var& v) { bind(v); });
  exprs(b->layout->outputs);
  exprs(b->layout->output_shape);
}

void Serializer::annotations(const Annotations& a) {
  list(a.items(), [&](const auto& item) {
    text(item.first);
    byte(static_cast<uint8_t>(item.second.index()));
    if (const auto* n = std::get_if<int64_t>(&item.second))
      signed_number(*n);
    else if (const auto* f = std::get_if<double>(&item.second))
      fixed(std::bit_cast<uint64_t>(*f));
    else if (const auto* s = std::get_if<std::string>(&item.second))
      text(*s);
    else
      list(std::get<std::vector<int64_t>>(item.second), [&](int64_t n) { signed_number(n); });
  });
}

void Serializer::function(const PrimFuncNode& f) {
  byte(kVersion);
  list(f.params, [&](const Param& p) {
    byte(p.buffer.defined() ? 1 : 0);
    bind(p.scalar);
  });
  for (const Param& p : f.params) {
    if (p.buffer.defined()) declare(p.buffer);
  }
  exprs(f.assumptions);
  annotations(f.attributes);
  stmt(f.body);
}

void Serializer::reduce(const ReduceNode& n) {
  text(n.reducer->name);
  list(n.reducer->lhs, [&](const Var& v) { bind(v); });
  list(n.reducer->rhs, [&](const Var& v) { bind(v); });
  exprs(n.reducer->results);
  exprs(n.reducer->identity);
  iters(n.axes);
  exprs(n.sources);
  exprs(n.init);
  expr(n.condition);
  number(static_cast<uint64_t>(n.index));
}

void Serializer::expr(const Expr& e) {
  if (!e.defined()) return byte(0xff);
  byte(static_cast<uint8_t>(e.kind()));
  switch (e.kind()) {
    case ExprKind::kIntImm:
      type(e.dtype());
      return signed_number(as<IntImmNode>(e)->value);
    case ExprKind::kFloatImm:
      type(e.dtype());
      return fixed(std::bit_cast<uint64_t>(as<FloatImmNode>(e)->value));
    case ExprKind::kVar: {
      const int64_t n = numbers_.find(e.get());
      if (n >= 0) return number(static_cast<uint64_t>(n) + 1);
      // The first use of a size that the arguments' shapes bind.
      number(0);
      numbers_.bind(e.get());
      return type(e.dtype());
    }
    case ExprKind::kCast:
      type(e.dtype());
      return expr(as<CastNode>(e)->value);
    case ExprKind::kNot:
      return expr(as<NotNode>(e)->value);
    case ExprKind::kSelect: {
      const auto* n = as<SelectNode>(e);
      expr(n->condition);
      expr(n->true_value);
      return expr(n->false_value);
    }
    case ExprKind::kLoad: {
      const auto* n = as<LoadNode>(e);
      use(n->buffer);
      exprs(n->indices);
      return expr(n->mask);
    }
    case ExprKind::kCall: {
      const auto* n = as<CallNode>(e);
      type(e.dtype());
      byte(static_cast<uint8_t>(n->op));
      text(n->name);
      return exprs(n->args);
    }
    case ExprKind::kRamp:
      type(e.dtype());
      expr(as<RampNode>(e)->base);
      return expr(as<RampNode>(e)->stride);
    case ExprKind::kBroadcast:
      type(e.dtype());
      return expr(as<BroadcastNode>(e)->value);
    case ExprKind::kLet: {
      const auto* n = as<LetNode>(e);
      expr(n->value);
      bind(n->var);
      return expr(n->body);
    }
    case ExprKind::kReduce:
      return reduce(*as<ReduceNode>(e));
    default: {
      const auto* n = static_cast<const BinaryNode*>(e.get());
      expr(n->a);
      return expr(n->b);
    }
  }
}

void Serializer::block(const BlockNode& n) {
  text(n.name);
  exprs(n.bindings);
  expr(n.predicate);
  iters(n.iters);
  regions(n.reads);
  regions(n.writes);
  list(n.alloc_buffers, [&](const Buffer& b) { declare(b); });
  annotations(n.annotations);
  stmt(n.init);
  stmt(n.body);
}

void Serializer::stmt(const Stmt& s) {
  if (!s.defined()) return byte(0xff);
  byte(static_cast<uint8_t>(s.kind()));
  switch (s.kind()) {
    case StmtKind::kStore: {
      const auto* n = as<StoreNode>(s);
      use(n->buffer);
      exprs(n->indices);
      expr(n->value);
      return expr(n->mask);
    }
    case StmtKind::kFor: {
      const auto* n = as<ForNode>(s);
      byte(static_cast<uint8_t>(n->loop_kind));
      byte(static_cast<uint8_t>(n->thread));
      annotations(n->annotations);
      expr(n->min);
      expr(n->extent);
      bind(n->var);
      return stmt(n->body);
    }
    case StmtKind::kBlock:
      return block(*as<BlockNode>(s));
    case StmtKind::kSeq:
      return list(as<SeqNode>(s)->items, [&](const Stmt& x) { stmt(x); });
    case StmtKind::kIf: {
      const auto* n = as<IfNode>(s);
      expr(n->condition);
      stmt(n->then_body);
      return stmt(n->else_body);
    }
    case StmtKind::kLet: {
      const auto* n = as<LetStmtNode>(s);
      expr(n->value);
      bind(n->var);
      return stmt(n->body);
    }
    case StmtKind::kAssert:
      expr(as<AssertNode>(s)->condition);
      return text(as<AssertNode>(s)->message);
    case StmtKind::kEvaluate:
      return expr(as<EvaluateNode>(s)->value);
    case StmtKind::kAlloc:
      declare(as<AllocNode>(s)->buffer);
      return stmt(as<AllocNode>(s)->body);
  }
}

}  // namespace

std::string content_hash(const PrimFunc& func) {
  Serializer serializer;
  if (func.defined()) serializer.function(*func.get());
  const XXH128_hash_t hash = XXH3_128bits(serializer.bytes().data(), serializer.bytes().size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace tilewright::tir
