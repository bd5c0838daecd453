#include "tilewright/tir/stmt.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/visit.h"

namespace tilewright::tir {

void Annotations::set(std::string key, AnnotationValue value) {
  const auto at = std::lower_bound(items_.begin(), items_.end(), key,
                                   [](const auto& item, const std::string& k) { return item.first < k; });
  if (at != items_.end() && at->first == key)
    at->second = std::move(value);
  else
    items_.emplace(at, std::move(key), std::move(value));
}
void Annotations::erase(std::string_view key) {
  std::erase_if(items_, [&](const auto& item) { return item.first == key; });
}
const AnnotationValue* Annotations::find(std::string_view key) const {
  for (const auto& item : items_) {
    if (item.first == key) return &item.second;
  }
  return nullptr;
}
int64_t Annotations::get_int(std::string_view key, int64_t fallback) const {
  const AnnotationValue* value = find(key);
  const auto* number = value ? std::get_if<int64_t>(value) : nullptr;
  return number ? *number : fallback;
}

void destroy(const StmtNode* node) {
  switch (node->kind) {
    case StmtKind::kStore:
      delete static_cast<const StoreNode*>(node);
      return;
    case StmtKind::kFor:
      delete static_cast<const ForNode*>(node);
      return;
    case StmtKind::kBlock:
      delete static_cast<const BlockNode*>(node);
      return;
    case StmtKind::kSeq:
      delete static_cast<const SeqNode*>(node);
      return;
    case StmtKind::kIf:
      delete static_cast<const IfNode*>(node);
      return;
    case StmtKind::kLet:
      delete static_cast<const LetStmtNode*>(node);
      return;
    case StmtKind::kAssert:
      delete static_cast<const AssertNode*>(node);
      return;
    case StmtKind::kEvaluate:
      delete static_cast<const EvaluateNode*>(node);
      return;
    case StmtKind::kAlloc:
      delete static_cast<const AllocNode*>(node);
      return;
  }
}
void destroy(const PrimFuncNode* node) {
  delete node;
}

#define TILEWRIGHT_AS(Node, k)                                                               \
  template <>                                                                                \
  const Node* as<Node>(const Stmt& s) {                                                      \
    return s.get() && s.kind() == StmtKind::k ? static_cast<const Node*>(s.get()) : nullptr; \
  }
TILEWRIGHT_AS(StoreNode, kStore)
TILEWRIGHT_AS(ForNode, kFor)
TILEWRIGHT_AS(BlockNode, kBlock)
TILEWRIGHT_AS(SeqNode, kSeq)
TILEWRIGHT_AS(IfNode, kIf)
TILEWRIGHT_AS(LetStmtNode, kLet)
TILEWRIGHT_AS(AssertNode, kAssert)
TILEWRIGHT_AS(EvaluateNode, kEvaluate)
TILEWRIGHT_AS(AllocNode, kAlloc)
#undef TILEWRIGHT_AS

const char* for_kind_name(ForKind kind) {
  switch (kind) {
    case ForKind::kSerial:
      return "serial";
    case ForKind::kParallel:
      return "parallel";
    case ForKind::kVectorized:
      return "vectorized";
    case ForKind::kUnrolled:
      return "unrolled";
    case ForKind::kThreadBinding:
      return "thread_binding";
  }
  return "?";
}
const char* thread_tag_name(ThreadTag tag) {
  switch (tag) {
    case ThreadTag::kNone:
      return "none";
    case ThreadTag::kBlockX:
      return "blockIdx.x";
    case ThreadTag::kBlockY:
      return "blockIdx.y";
    case ThreadTag::kBlockZ:
      return "blockIdx.z";
    case ThreadTag::kThreadX:
      return "threadIdx.x";
    case ThreadTag::kThreadY:
      return "threadIdx.y";
    case ThreadTag::kThreadZ:
      return "threadIdx.z";
    case ThreadTag::kVirtual:
      return "vthread";
  }
  return "?";
}

Stmt store(Buffer buffer, std::vector<Expr> indices, Expr value, Expr mask) {
  if (!buffer.defined() || !value.defined()) throw Error("T0101", "store", "the buffer or the value is missing");
  if (indices.size() != buffer.shape().size())
    throw Error(
        "T0113", "store",
        fmt::format("`{}` has {} dimensions, got {} indices", buffer.name(), buffer.shape().size(), indices.size()));
  int lanes = value.dtype().lanes;
  for (Expr& index : indices) {
    if (!index.defined() || !index.dtype().is_integer())
      throw Error("T0114", "store", fmt::format("an index of `{}` is no integer expression", buffer.name()));
    if (index.dtype().element() != kI64) index = cast(kI64.with_lanes(index.dtype().lanes), index);
    lanes = std::max<int>(lanes, index.dtype().lanes);
  }
  if (value.dtype().element() != buffer.dtype().element()) {
    if (as<IntImmNode>(value) || as<FloatImmNode>(value))
      value = cast(buffer.dtype().element(), value);
    else
      throw Error("T0121", "store",
                  fmt::format("`{}` holds {}, the value has type {}", buffer.name(), buffer.dtype().str(),
                              value.dtype().str()));
  }
  if (value.dtype().lanes < lanes) value = broadcast(value, lanes);
  auto* node = new StoreNode;
  node->buffer = std::move(buffer);
  node->indices = std::move(indices);
  node->value = std::move(value);
  node->mask = std::move(mask);
  return Stmt(node);
}

Stmt make_for(Var var, Expr min, Expr extent, Stmt body, ForKind kind, LoopId id) {
  ForNode node;
  node.id = id;
  node.var = std::move(var);
  node.min = std::move(min);
  node.extent = std::move(extent);
  node.loop_kind = kind;
  node.body = std::move(body);
  return make_stmt(std::move(node));
}

Stmt seq(std::vector<Stmt> items) {
  bool nested = false;
  for (const Stmt& s : items) nested |= !s.defined() || s.kind() == StmtKind::kSeq;
  if (nested) {
    std::vector<Stmt> flat;
    for (Stmt& s : items) {
      if (const auto* inner = as<SeqNode>(s))
        flat.insert(flat.end(), inner->items.begin(), inner->items.end());
      else if (s.defined())
        flat.push_back(std::move(s));
    }
    items = std::move(flat);
  }
  if (items.size() == 1) return std::move(items[0]);
  auto* node = new SeqNode;
  node->items = std::move(items);
  return Stmt(node);
}

Stmt make_if(Expr condition, Stmt then_body, Stmt else_body) {
  auto* node = new IfNode;
  node->condition = std::move(condition);
  node->then_body = std::move(then_body);
  node->else_body = std::move(else_body);
  return Stmt(node);
}
Stmt make_let(Var var, Expr value, Stmt body) {
  auto* node = new LetStmtNode;
  node->var = std::move(var);
  node->value = std::move(value);
  node->body = std::move(body);
  return Stmt(node);
}
Stmt make_assert(Expr condition, std::string message) {
  auto* node = new AssertNode;
  node->condition = std::move(condition);
  node->message = std::move(message);
  return Stmt(node);
}
Stmt evaluate(Expr value) {
  auto* node = new EvaluateNode;
  node->value = std::move(value);
  return Stmt(node);
}
Stmt alloc(Buffer buffer, Stmt body) {
  auto* node = new AllocNode;
  node->buffer = std::move(buffer);
  node->body = std::move(body);
  return Stmt(node);
}
Stmt make_stmt(ForNode node) {
  return Stmt(new ForNode(std::move(node)));
}
Stmt make_stmt(BlockNode node) {
  return Stmt(new BlockNode(std::move(node)));
}

PrimFunc PrimFunc::with_body(Stmt body) const {
  PrimFuncNode copy = *get();
  copy.body = std::move(body);
  return PrimFunc(std::move(copy));
}

namespace {

/// Finds parameters read before the program surely wrote them. A reduction's own `C = C + x` reads after init.
class UseFinder : public Visitor {
 public:
  explicit UseFinder(const PrimFunc& func) {
    for (size_t i = 0; i < func->params.size(); ++i) {
      if (func->params[i].buffer.defined()) index_[func->params[i].buffer.get()] = i;
      // Lowered programs access flat buffers that share the parameter's name.
      if (func->params[i].buffer.defined()) by_name_.emplace(func->params[i].buffer.name(), i);
    }
    uses.resize(func->params.size());
  }
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* l = as<LoadNode>(e)) {
      if (ParamUse* use = find(l->buffer)) use->read |= !use->written;
    }
    visit_children(e);
  }
  void visit(const Stmt& s) override {
    if (const auto* b = as<BlockNode>(s); b && b->init.defined()) {
      visit(b->init);
      visit(b->body);
      return;
    }
    if (const auto* st = as<StoreNode>(s)) {
      visit(st->value);
      for (const Expr& i : st->indices) visit(i);
      if (st->mask.defined()) visit(st->mask);
      if (ParamUse* use = find(st->buffer)) use->written = true;
      return;
    }
    if (const auto* ev = as<EvaluateNode>(s)) {
      // An extern call may write what it gets the address of.
      post_order(ev->value, [&](const Expr& e) {
        const auto* c = as<CallNode>(e);
        if (!c || c->op != Intrinsic::kAddressOf) return;
        if (ParamUse* use = find(as<LoadNode>(c->args[0])->buffer)) use->read = use->written = true;
      });
      return;
    }
    visit_children(s);
  }
  std::vector<ParamUse> uses;

 private:
  ParamUse* find(const Buffer& b) {
    auto it = index_.find(b.get());
    if (it != index_.end()) return &uses[it->second];
    if (b.scope() != Scope::kGlobal) return nullptr;
    auto named = by_name_.find(b.name());
    return named == by_name_.end() ? nullptr : &uses[named->second];
  }
  std::unordered_map<const BufferNode*, size_t> index_;
  std::unordered_map<std::string, size_t> by_name_;
};

}  // namespace

std::vector<ParamUse> param_uses(const PrimFunc& func) {
  UseFinder finder(func);
  finder.visit(func->body);
  return finder.uses;
}

}  // namespace tilewright::tir
