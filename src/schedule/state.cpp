#include "schedule/state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

#include "schedule/refusal.h"
#include "tilewright/tir/visit.h"

namespace tilewright::schedule {

using tir::as;
using tir::IfNode;
using tir::LetStmtNode;
using tir::SeqNode;
using tir::StmtKind;

namespace {

/// Gives ids where they lack or repeat; everything else is shared.
class IdAssigner {
 public:
  void scan(const Stmt& s) {
    pre_order(s, [&](const Stmt& x) {
      if (const auto* f = as<ForNode>(x)) next_loop = std::max(next_loop, f->id.value + 1);
      if (const auto* b = as<BlockNode>(x)) next_block = std::max(next_block, b->id.value + 1);
      return true;
    });
  }

  Stmt assign(const Stmt& s) {
    if (!s.defined()) return s;
    switch (s.kind()) {
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(s);
        const bool keep = n->id && loops_.insert(n->id.value).second;
        Stmt body = assign(n->body);
        if (keep && body.same_as(n->body)) return s;
        ForNode copy = *n;
        if (!keep) copy.id = {next_loop++};
        copy.body = std::move(body);
        return tir::make_stmt(std::move(copy));
      }
      case StmtKind::kBlock: {
        const auto* n = as<BlockNode>(s);
        const bool keep = n->id && blocks_.insert(n->id.value).second;
        Stmt init = assign(n->init), body = assign(n->body);
        if (keep && body.same_as(n->body) && init.same_as(n->init)) return s;
        BlockNode copy = *n;
        if (!keep) copy.id = {next_block++};
        copy.init = std::move(init);
        copy.body = std::move(body);
        return tir::make_stmt(std::move(copy));
      }
      case StmtKind::kSeq: {
        const auto* n = as<SeqNode>(s);
        std::vector<Stmt> items;
        bool changed = false;
        for (const Stmt& item : n->items) {
          items.push_back(assign(item));
          changed |= !items.back().same_as(item);
        }
        return changed ? tir::seq(std::move(items)) : s;
      }
      case StmtKind::kIf: {
        const auto* n = as<IfNode>(s);
        Stmt a = assign(n->then_body), b = assign(n->else_body);
        return a.same_as(n->then_body) && b.same_as(n->else_body) ? s : tir::make_if(n->condition, a, b);
      }
      case StmtKind::kLet: {
        const auto* n = as<LetStmtNode>(s);
        Stmt body = assign(n->body);
        return body.same_as(n->body) ? s : tir::make_let(n->var, n->value, body);
      }
      default:
        return s;
    }
  }

  uint32_t next_loop = 1, next_block = 1;

 private:
  std::unordered_set<uint32_t> loops_, blocks_;
};

class Indexer {
 public:
  explicit Indexer(TreeIndex* index) : index_(*index) {}

  void visit(const Stmt& s, int32_t parent) {
    if (!s.defined()) return;
    const auto e = static_cast<int32_t>(index_.entries.size());
    index_.entries.push_back({s.get(), parent, 0});
    switch (s.kind()) {
      case StmtKind::kFor:
        set(&index_.loops, as<ForNode>(s)->id.value, e);
        visit(as<ForNode>(s)->body, e);
        break;
      case StmtKind::kBlock:
        set(&index_.blocks, as<BlockNode>(s)->id.value, e);
        visit(as<BlockNode>(s)->body, e);
        break;
      case StmtKind::kSeq:
        for (const Stmt& item : as<SeqNode>(s)->items) visit(item, e);
        break;
      case StmtKind::kIf:
        visit(as<IfNode>(s)->then_body, e);
        visit(as<IfNode>(s)->else_body, e);
        break;
      case StmtKind::kLet:
        visit(as<LetStmtNode>(s)->body, e);
        break;
      default:
        break;
    }
    index_.entries[e].end = static_cast<int32_t>(index_.entries.size());
  }

 private:
  static void set(std::vector<int32_t>* map, uint32_t id, int32_t e) {
    if (map->size() <= id) map->resize(id + 8, -1);
    (*map)[id] = e;
  }
  TreeIndex& index_;
};

}  // namespace

State::State(tir::PrimFunc func) {
  IdAssigner assigner;
  assigner.scan(func->body);
  Stmt body = assigner.assign(func->body);
  func_ = body.same_as(func->body) ? std::move(func) : func.with_body(std::move(body));
  next_loop_ = assigner.next_loop;
  next_block_ = assigner.next_block;
}

const TreeIndex& State::index() const {
  if (!index_) {
    auto built = std::make_shared<TreeIndex>();
    built->entries.reserve(64);
    built->loops.assign(next_loop_, -1);
    built->blocks.assign(next_block_, -1);
    Indexer(built.get()).visit(func_->body, -1);
    index_ = std::move(built);
  }
  return *index_;
}

BlockId State::root() const {
  return as<BlockNode>(func_->body)->id;
}

int32_t State::entry(LoopId id) const {
  const auto& map = index().loops;
  return id.value < map.size() ? map[id.value] : -1;
}
int32_t State::entry(BlockId id) const {
  const auto& map = index().blocks;
  return id.value < map.size() ? map[id.value] : -1;
}
int32_t State::entry(const StmtNode* stmt) const {
  if (stmt->kind == StmtKind::kFor) return entry(static_cast<const ForNode*>(stmt)->id);
  if (stmt->kind == StmtKind::kBlock) return entry(static_cast<const BlockNode*>(stmt)->id);
  const auto& entries = index().entries;
  for (size_t e = 0; e < entries.size(); ++e) {
    if (entries[e].node == stmt) return static_cast<int32_t>(e);
  }
  return -1;
}
int32_t State::scope_entry(int32_t e) const {
  const auto& entries = index().entries;
  do {
    e = entries[e].parent;
  } while (e >= 0 && entries[e].node->kind != StmtKind::kBlock);
  return e;
}

const ForNode* State::find_loop(LoopId id) const {
  const int32_t e = entry(id);
  return e < 0 ? nullptr : static_cast<const ForNode*>(index().entries[e].node);
}
const BlockNode* State::find_block(BlockId id) const {
  const int32_t e = entry(id);
  return e < 0 ? nullptr : static_cast<const BlockNode*>(index().entries[e].node);
}

std::vector<LoopId> State::replacements(const Tombstone& t) const {
  std::vector<LoopId> alive, todo(t.loops.rbegin(), t.loops.rend());
  // Replacements may be gone in turn; a chain is never longer than the list of tombstones.
  while (!todo.empty()) {
    const LoopId id = todo.back();
    todo.pop_back();
    if (find_loop(id)) {
      if (std::find(alive.begin(), alive.end(), id) == alive.end()) alive.push_back(id);
      continue;
    }
    for (const Tombstone* next = tombstones_.get(); next; next = next->next.get()) {
      if (!next->is_loop || next->id != id.value) continue;
      todo.insert(todo.end(), next->loops.rbegin(), next->loops.rend());
      break;
    }
  }
  return alive;
}

Expected<const ForNode*> State::loop(LoopId id) const {
  if (const ForNode* node = find_loop(id)) return node;
  for (const Tombstone* t = tombstones_.get(); t; t = t->next.get()) {
    if (!t->is_loop || t->id != id.value) continue;
    std::vector<std::string> names;
    const std::vector<LoopId> now = replacements(*t);
    for (const LoopId l : now) names.push_back("`" + find_loop(l)->var.name() + "`");
    Refusal refusal(*this, codes::kStaleLoop, fmt::format("loop `{}` was consumed by {}", t->name, t->operation));
    if (names.empty()) return refusal.remedy("call get_loops again");
    for (const LoopId l : now) refusal.at(l);
    refusal.legal("loops in its place", names);
    return refusal.remedy("use one of them");
  }
  return Refusal(*this, codes::kStaleLoop, "the loop is no longer part of the program").remedy("call get_loops again");
}

Expected<const BlockNode*> State::block(BlockId id) const {
  if (const BlockNode* node = find_block(id)) return node;
  for (const Tombstone* t = tombstones_.get(); t; t = t->next.get()) {
    if (t->is_loop || t->id != id.value) continue;
    return Refusal(*this, codes::kStaleBlock, fmt::format("block `{}` was removed by {}", t->name, t->operation))
        .legal("blocks", block_names());
  }
  return Refusal(*this, codes::kStaleBlock, "the block is no longer part of the program")
      .legal("blocks", block_names());
}

std::vector<std::string> State::block_names() const {
  std::vector<std::string> names;
  for (const auto& e : index().entries) {
    if (e.node->kind == StmtKind::kBlock && e.parent >= 0)
      names.push_back("`" + static_cast<const BlockNode*>(e.node)->name + "`");
  }
  return names;
}

std::vector<BlockId> State::all_blocks() const {
  std::vector<BlockId> out;
  for (const auto& e : index().entries) {
    if (e.node->kind == StmtKind::kBlock) out.push_back(static_cast<const BlockNode*>(e.node)->id);
  }
  return out;
}

std::string State::unique_block_name(const std::string& hint) const {
  const auto taken = [&](const std::string& name) {
    return std::any_of(index().entries.begin(), index().entries.end(), [&](const auto& e) {
      return e.node->kind == StmtKind::kBlock && static_cast<const BlockNode*>(e.node)->name == name;
    });
  };
  std::string name = hint;
  for (int i = 1; taken(name); ++i) name = fmt::format("{}_{}", hint, i);
  return name;
}

std::string State::unique_buffer_name(const std::string& hint) const {
  const auto taken = [&](const std::string& name) {
    for (const tir::Param& p : func_->params) {
      if (p.buffer.defined() && p.buffer.name() == name) return true;
    }
    for (const auto& e : index().entries) {
      if (e.node->kind != StmtKind::kBlock) continue;
      for (const auto& b : static_cast<const BlockNode*>(e.node)->alloc_buffers) {
        if (b.name() == name) return true;
      }
    }
    return false;
  };
  std::string name = hint;
  for (int i = 1; taken(name); ++i) name = fmt::format("{}_{}", hint, i);
  return name;
}

// ---- The tree

BlockId State::scope_of(BlockId id) const {
  const int32_t s = scope_entry(entry(id));
  return s < 0 ? BlockId{} : static_cast<const BlockNode*>(index().entries[s].node)->id;
}
BlockId State::scope_of(LoopId id) const {
  const int32_t s = scope_entry(entry(id));
  return s < 0 ? BlockId{} : static_cast<const BlockNode*>(index().entries[s].node)->id;
}

std::vector<LoopId> State::loops_above(int32_t e) const {
  std::vector<LoopId> out;
  const auto& entries = index().entries;
  for (e = entries[e].parent; e >= 0 && entries[e].node->kind != StmtKind::kBlock; e = entries[e].parent) {
    if (entries[e].node->kind == StmtKind::kFor) out.push_back(static_cast<const ForNode*>(entries[e].node)->id);
  }
  std::reverse(out.begin(), out.end());
  return out;
}
std::vector<LoopId> State::loops_of(BlockId id) const {
  return loops_above(entry(id));
}
std::vector<LoopId> State::loops_of(LoopId id) const {
  return loops_above(entry(id));
}

std::vector<const StmtNode*> State::ancestors(const StmtNode* stmt) const {
  std::vector<const StmtNode*> out;
  const auto& entries = index().entries;
  for (int32_t e = entries[entry(stmt)].parent; e >= 0; e = entries[e].parent) out.push_back(entries[e].node);
  return out;
}

std::vector<BlockId> State::blocks_inside(int32_t e) const {
  std::vector<BlockId> out;
  const auto& entries = index().entries;
  for (int32_t i = e + 1; i < entries[e].end;) {
    if (entries[i].node->kind == StmtKind::kBlock) {
      out.push_back(static_cast<const BlockNode*>(entries[i].node)->id);
      i = entries[i].end;
    } else {
      ++i;
    }
  }
  return out;
}
std::vector<BlockId> State::child_blocks(BlockId id) const {
  return blocks_inside(entry(id));
}
std::vector<BlockId> State::child_blocks(LoopId id) const {
  return blocks_inside(entry(id));
}

bool State::inside(int32_t inner, int32_t outer) const {
  return inner > outer && inner < index().entries[outer].end;
}
bool State::is_below(BlockId block, LoopId loop) const {
  return inside(entry(block), entry(loop));
}
bool State::is_below(LoopId inner, LoopId outer) const {
  return inside(entry(inner), entry(outer));
}
bool State::is_below(BlockId inner, BlockId outer) const {
  return inside(entry(inner), entry(outer));
}
bool State::before(BlockId a, BlockId b) const {
  return entry(a) < entry(b);
}

std::vector<LoopId> State::common_loops(BlockId a, BlockId b) const {
  std::vector<LoopId> x = loops_of(a);
  const std::vector<LoopId> y = loops_of(b);
  size_t n = 0;
  while (n < x.size() && n < y.size() && x[n] == y[n]) ++n;
  x.resize(n);
  return x;
}

bool State::has_raw_statements(LoopId loop) const {
  const auto& entries = index().entries;
  const int32_t e = entry(loop);
  for (int32_t i = e + 1; i < entries[e].end;) {
    const StmtKind kind = entries[i].node->kind;
    if (kind != StmtKind::kBlock && kind != StmtKind::kFor && kind != StmtKind::kSeq) return true;
    i = kind == StmtKind::kBlock ? entries[i].end : i + 1;
  }
  return false;
}

Stmt State::stmt(LoopId id) const {
  return Stmt(find_loop(id));
}
Stmt State::stmt(BlockId id) const {
  return Stmt(find_block(id));
}
const StmtNode* State::parent(const StmtNode* stmt) const {
  const int32_t p = index().entries[entry(stmt)].parent;
  return p < 0 ? nullptr : index().entries[p].node;
}

// ---- Editing

void State::replace_entry(int32_t e, Stmt now, bool keep_facts) {
  // Rebuilds the path to the root; nodes beside it are shared.
  const auto& entries = index().entries;
  for (int32_t p = entries[e].parent; p >= 0; e = p, p = entries[p].parent) {
    const StmtNode* old = entries[e].node;
    const StmtNode* parent = entries[p].node;
    switch (parent->kind) {
      case StmtKind::kFor: {
        if (!now.defined()) break;
        ForNode copy = *static_cast<const ForNode*>(parent);
        copy.body = std::move(now);
        now = tir::make_stmt(std::move(copy));
        break;
      }
      case StmtKind::kBlock: {
        BlockNode copy = *static_cast<const BlockNode*>(parent);
        copy.body = now.defined() ? std::move(now) : tir::seq({});
        now = tir::make_stmt(std::move(copy));
        break;
      }
      case StmtKind::kSeq: {
        std::vector<Stmt> items = static_cast<const SeqNode*>(parent)->items;
        const auto at = std::find_if(items.begin(), items.end(), [&](const Stmt& s) { return s.get() == old; });
        if (now.defined())
          *at = std::move(now);
        else
          items.erase(at);
        now = items.empty() ? Stmt() : tir::seq(std::move(items));
        break;
      }
      case StmtKind::kIf: {
        const auto* n = static_cast<const IfNode*>(parent);
        const bool first = n->then_body.get() == old;
        Stmt a = first ? now : n->then_body, b = first ? n->else_body : now;
        if (!a.defined() && b.defined()) a = tir::seq({});
        now = a.defined() ? tir::make_if(n->condition, std::move(a), std::move(b)) : Stmt();
        break;
      }
      case StmtKind::kLet: {
        const auto* n = static_cast<const LetStmtNode*>(parent);
        if (now.defined()) now = tir::make_let(n->var, n->value, std::move(now));
        break;
      }
      default:
        TILEWRIGHT_CHECK(false);
    }
  }
  replace_root(std::move(now), keep_facts);
}

void State::replace_root(Stmt root, bool keep_facts) {
  func_ = func_.with_body(std::move(root));
  index_ = nullptr;
  if (!keep_facts) facts_.clear();
}
void State::replace_func(tir::PrimFunc func) {
  func_ = std::move(func);
  index_ = nullptr;
  facts_.clear();
}
void State::replace_loop(LoopId id, Stmt replacement, bool keep_facts) {
  replace_entry(entry(id), std::move(replacement), keep_facts);
}
void State::replace_block(BlockId id, Stmt replacement, bool keep_facts) {
  replace_entry(entry(id), std::move(replacement), keep_facts);
}
void State::replace_stmt(const StmtNode* old, Stmt replacement, bool keep_facts) {
  replace_entry(entry(old), std::move(replacement), keep_facts);
}

void State::bury(LoopId id, std::vector<LoopId> replacements) {
  auto t = std::make_shared<Tombstone>();
  t->is_loop = true;
  t->id = id.value;
  const ForNode* node = find_loop(id);
  t->name = node ? node->var.name() : "";
  t->operation = operation_;
  t->loops = std::move(replacements);
  t->next = std::move(tombstones_);
  tombstones_ = std::move(t);
}
void State::bury(BlockId id) {
  auto t = std::make_shared<Tombstone>();
  t->is_loop = false;
  t->id = id.value;
  const BlockNode* node = find_block(id);
  t->name = node ? node->name : "";
  t->operation = operation_;
  t->next = std::move(tombstones_);
  tombstones_ = std::move(t);
}

}  // namespace tilewright::schedule
