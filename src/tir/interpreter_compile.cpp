#include "tir/interpreter_compile.h"

#include <fmt/format.h>

#include <unordered_set>

#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/visit.h"

namespace tilewright::tir::interp {
namespace {
constexpr int kMaxRank = 64;
constexpr size_t kMaxSlots = 1u << 26;
}  // namespace

Compiler::Compiler(const PrimFunc& func, const CompileOptions& options, Program* program)
    : func_(func), options_(options), program_(program) {
  frames_.emplace_back();
}

void Compiler::unsupported(std::string message, std::string remedy) const {
  Diagnostic d;
  d.code = "T0508";
  d.operation = "interpret";
  d.message = std::move(message);
  d.place = block_ ? fmt::format("{}, block `{}`", func_.name(), *block_) : func_.name();
  d.remedy = std::move(remedy);
  throw Error(std::move(d));
}

// ---- Code and slots

int32_t Compiler::emit(Instr instr) {
  code().push_back(instr);
  return static_cast<int32_t>(code().size()) - 1;
}
void Compiler::patch_jump(int32_t at) {
  code()[static_cast<size_t>(at)].c = static_cast<int32_t>(code().size()) - at - 1;
}

int32_t Compiler::new_slots(int n) {
  const size_t at = program_->slots.size();
  if (at + static_cast<size_t>(n) > kMaxSlots) unsupported("the program needs too many intermediate values");
  program_->slots.resize(at + static_cast<size_t>(n), Value{.i = 0});
  return static_cast<int32_t>(at);
}
int32_t Compiler::temporary(int n) {
  std::vector<int32_t>& free = free_slots_[n];
  int32_t slot;
  if (free.empty()) {
    slot = new_slots(n);
  } else {
    slot = free.back();
    free.pop_back();
  }
  temporaries_.emplace_back(slot, n);
  return slot;
}
void Compiler::release_temporaries(size_t mark) {
  while (temporaries_.size() > mark) {
    free_slots_[temporaries_.back().second].push_back(temporaries_.back().first);
    temporaries_.pop_back();
  }
}
void Compiler::forget(size_t mark) {
  while (memo_log_.size() > mark) {
    memo_.erase(memo_log_.back());
    memo_log_.pop_back();
  }
}

// ---- Memory

Memory* Compiler::make_memory(const Buffer& buffer) {
  const int rank = buffer.rank();
  if (rank > kMaxRank) unsupported(fmt::format("buffer `{}` has {} dimensions", buffer.name(), rank));
  if (buffer.dtype().is_handle()) unsupported(fmt::format("buffer `{}` holds handles", buffer.name()));
  Memory& m = program_->memories.emplace_back();
  m.buffer = buffer.get();
  m.lanes = buffer.dtype().lanes;
  const DataType t = buffer.dtype().element();
  m.kind = kind_of(t, options_.float64_reference && t.is_floating());
  m.element_bytes = m.kind == MemoryKind::kF64 ? 8 : t.element_bytes();
  m.initialised = !options_.check_uninitialised;
  for (const Expr& e : buffer.shape()) m.extent_slots.push_back(compile(e).slot);
  if (const IndexMap& layout = buffer.get()->layout; layout.defined()) {
    if (layout->inputs.size() != buffer.shape().size())
      unsupported(fmt::format("the layout of `{}` takes {} indices, the buffer has {} dimensions", buffer.name(),
                              layout->inputs.size(), rank));
    for (const Expr& e : layout->output_shape) m.physical_slots.push_back(compile(e).slot);
  }
  return &m;
}

int32_t Compiler::memory_index(const Memory* memory) const {
  const auto& memories = program_->memories;
  int32_t index = 0;
  while (&memories[static_cast<size_t>(index)] != memory) ++index;
  return index;
}

void Compiler::enter(Memory* memory) {
  emit({.op = Op::kEnter, .a = memory_index(memory)});
}

bool Compiler::is_param_memory(const Memory* memory) const {
  return std::any_of(program_->params.begin(), program_->params.end(),
                     [&](const ParamInfo& p) { return p.memory == memory; });
}

Memory* Compiler::find_memory(const Buffer& buffer) {
  const auto it = memories_.find(buffer.get());
  return it == memories_.end() ? nullptr : it->second;
}

Access* Compiler::make_access(const Buffer& buffer, const std::vector<Expr>& indices, const Expr& mask, int lanes,
                              bool is_store) {
  Memory* m = find_memory(buffer);
  if (!m) {
    Diagnostic d;
    d.code = "T0513";
    d.operation = "interpret";
    d.message = fmt::format("buffer `{}` is neither a parameter nor allocated here", buffer.name());
    d.place = func_.name();
    throw Error(std::move(d));
  }
  const IndexMap& layout = m->buffer->layout;
  const bool mapped = layout.defined() && !m->physical_slots.empty();
  std::vector<Operand> logical;
  Access access;
  access.memory = m;
  access.is_store = is_store;
  access.block = block_;
  for (const Expr& i : indices) {
    if (mapped && i.dtype().lanes > 1)
      unsupported(fmt::format("`{}` has a layout and is accessed with a vector index", buffer.name()));
    logical.push_back(compile(i));
    access.index.push_back(logical.back().slot);
    access.lane_step.push_back(i.dtype().lanes > 1);
  }
  if (mapped) {
    access.logical = std::move(access.index);
    access.index.clear();
    for (size_t i = 0; i < logical.size(); ++i) vars_[layout->inputs[i].get()] = logical[i];
    // The map is the same tree at every access, with other indices.
    const size_t mark = memo_mark();
    std::unordered_map<const ExprNode*, Operand> outer;
    std::swap(outer, memo_);
    for (const Expr& e : layout->outputs) access.index.push_back(compile(e).slot);
    forget(mark);
    std::swap(outer, memo_);
    access.lane_step.assign(access.index.size(), 0);
  }
  if (mask.defined()) {
    access.mask = compile(mask).slot;
    access.mask_step = mask.dtype().lanes > 1;
  }
  if (lanes > 1) access.active = active_;
  for (Concurrent& c : concurrent_) {
    const auto it = c.trackers.find(m);
    if (it != c.trackers.end()) access.trackers.push_back(it->second);
  }
  access.plain = m->initialised && access.trackers.empty() && !mapped;
  return &program_->accesses.emplace_back(std::move(access));
}

// ---- Statements

void Compiler::compile(const Stmt& s) {
  if (!s.defined()) return;
  const size_t temporaries = temporaries_.size(), memo = memo_mark();
  compile_statement(s);
  release_temporaries(temporaries);
  forget(memo);
}

void Compiler::compile_statement(const Stmt& s) {
  switch (s.kind()) {
    case StmtKind::kStore:
      return compile_store(as<StoreNode>(s));
    case StmtKind::kFor:
      return compile_for(as<ForNode>(s));
    case StmtKind::kBlock:
      return compile_block(as<BlockNode>(s));
    case StmtKind::kSeq: {
      const auto& items = as<SeqNode>(s)->items;
      if (items.empty()) emit({.op = Op::kTick});
      for (const Stmt& item : items) compile(item);
      return;
    }
    case StmtKind::kIf: {
      const auto* n = as<IfNode>(s);
      const int32_t skip = emit({.op = Op::kJumpIfFalse, .a = compile(n->condition).slot});
      // What is memorised up to here is known in both branches.
      const size_t memo = memo_mark();
      compile(n->then_body);
      forget(memo);
      const int32_t leave = emit({.op = Op::kJump});
      patch_jump(skip);
      if (n->else_body.defined())
        compile(n->else_body);
      else
        emit({.op = Op::kTick});
      patch_jump(leave);
      return;
    }
    case StmtKind::kLet: {
      const auto* n = as<LetStmtNode>(s);
      vars_[n->var.get()] = compile(n->value);
      return compile(n->body);
    }
    case StmtKind::kAssert: {
      const auto* n = as<AssertNode>(s);
      const int32_t condition = compile(n->condition).slot;
      program_->messages.push_back(n->message);
      emit({.op = Op::kAssert, .a = condition, .b = static_cast<int32_t>(program_->messages.size()) - 1});
      emit({.op = Op::kTick});
      return;
    }
    case StmtKind::kEvaluate:
      compile(as<EvaluateNode>(s)->value);
      emit({.op = Op::kTick});
      return;
    case StmtKind::kAlloc: {
      const auto* n = as<AllocNode>(s);
      Memory* m = make_memory(n->buffer);
      memories_[n->buffer.get()] = m;
      enter(m);
      return compile(n->body);
    }
  }
}

void Compiler::compile_store(const StoreNode* n) {
  const Operand value = compile(n->value);
  const int lanes = n->value.dtype().lanes;
  Access* access = make_access(n->buffer, n->indices, n->mask, lanes, true);
  if (access->memory->lanes > 1 && access->memory->lanes != lanes)
    unsupported(fmt::format("register `{}` has {} lanes, the value stored has {}", n->buffer.name(),
                            access->memory->lanes, lanes));
  const int op = static_cast<int>(Op::kStoreI8) + 4 * static_cast<int>(access->memory->kind) + (lanes > 1);
  emit({.op = static_cast<Op>(op),
        .lanes = static_cast<uint16_t>(lanes),
        .a = static_cast<int32_t>(program_->accesses.size()) - 1,
        .b = value.slot});
}

void Compiler::compile_for(const ForNode* loop) {
  if (loop->loop_kind == ForKind::kThreadBinding)
    unsupported(fmt::format("loop `{}` is bound to {}, which the interpreter does not run", loop->var.name(),
                            thread_tag_name(loop->thread)));
  const Operand min = compile(loop->min), extent = compile(loop->extent);
  const bool concurrent = loop->loop_kind == ForKind::kParallel || loop->loop_kind == ForKind::kVectorized;
  std::vector<Memory*> own;
  if (concurrent) {
    Concurrent c;
    c.index = static_cast<int32_t>(program_->loops.size());
    program_->loops.push_back({loop->var.name(), loop->loop_kind});
    // An allocation that nothing outside of a parallel loop uses is private to each iteration.
    if (loop->loop_kind == ForKind::kParallel) {
      const auto inside = count_uses(loop->body);
      for (const auto& [buffer, uses] : inside) {
        const auto all = uses_.find(buffer);
        if (all == uses_.end() || all->second != uses) continue;
        const auto memory = memories_.find(buffer);
        if (memory == memories_.end() || is_param_memory(memory->second)) continue;
        own.push_back(memory->second);
      }
      std::sort(own.begin(), own.end(),
                [&](const Memory* a, const Memory* b) { return memory_index(a) < memory_index(b); });
    }
    // Only memory that lives longer than an iteration and is written in one can be raced for.
    pre_order(loop->body, [&](const Stmt& s) {
      if (const auto* st = as<StoreNode>(s)) {
        Memory* m = find_memory(st->buffer);
        if (std::find(own.begin(), own.end(), m) != own.end()) return true;
        if (m && !c.trackers.count(m)) c.trackers[m] = &m->trackers.emplace_back(&program_->loops.back());
      }
      return true;
    });
    concurrent_.push_back(std::move(c));
  }
  frames_.emplace_back();
  const int32_t slot = new_slots(2);
  vars_[loop->var.get()] = {slot, current()};
  if (concurrent) emit({.op = Op::kIterBegin, .a = concurrent_.back().index});
  for (Memory* m : own) enter(m);
  // A value memorised outside stays valid, for nothing it depends on changes in here.
  compile(loop->body);
  vars_.erase(loop->var.get());  // an invalid program may use it outside
  Frame inner = std::move(frames_.back());
  frames_.pop_back();
  auto& out = code();
  out.insert(out.end(), inner.before.begin(), inner.before.end());
  if (concurrent) emit({.op = Op::kExecBegin, .a = concurrent_.back().index});
  const auto size = static_cast<int32_t>(inner.code.size());
  emit({.op = Op::kLoopBegin, .dst = slot, .a = min.slot, .b = extent.slot, .c = size + 1});
  out.insert(out.end(), inner.code.begin(), inner.code.end());
  emit({.op = Op::kLoopNext, .dst = slot, .c = -size - 1});
  if (concurrent) concurrent_.pop_back();
}

void Compiler::compile_block(const BlockNode* block) {
  const std::string* outer = block_;
  block_ = &block->name;
  if (block->bindings.size() != block->iters.size())
    unsupported(fmt::format("it has {} iterators and {} bindings", block->iters.size(), block->bindings.size()));
  std::vector<Operand> values;
  for (const Expr& b : block->bindings) values.push_back(compile(b));
  for (size_t i = 0; i < values.size(); ++i) vars_[block->iters[i].var.get()] = values[i];
  int32_t skip = -1;
  if (!is_true(block->predicate)) skip = emit({.op = Op::kJumpIfFalse, .a = compile(block->predicate).slot});
  for (const Buffer& b : block->alloc_buffers) {
    Memory* m = make_memory(b);
    memories_[b.get()] = m;
    enter(m);
  }
  if (block->init.defined()) {
    Operand first;
    for (size_t i = 0; i < values.size(); ++i) {
      if (block->iters[i].kind != IterKind::kReduce) continue;
      const Operand here = lane_op(Op::kEqI, 1, {values[i], compile(block->iters[i].domain.min)});
      first = first.slot < 0 ? here : lane_op(Op::kAndI, 1, {first, here});
    }
    const size_t memo = memo_mark();
    const int32_t later = first.slot < 0 ? -1 : emit({.op = Op::kJumpIfFalse, .a = first.slot});
    compile(block->init);
    forget(memo);
    if (later >= 0) patch_jump(later);
  }
  compile(block->body);
  if (skip >= 0) {
    const int32_t leave = emit({.op = Op::kJump});
    patch_jump(skip);
    emit({.op = Op::kTick});
    patch_jump(leave);
  }
  for (const IterVar& iter : block->iters) vars_.erase(iter.var.get());
  block_ = outer;
}

// ---- Function

namespace {

class BufferCollector : public Visitor {
 public:
  using Visitor::visit;
  void visit(const Expr& e) override {
    if (const auto* l = as<LoadNode>(e)) used.push_back(l->buffer);
    visit_children(e);
  }
  void visit(const Stmt& s) override {
    if (const auto* st = as<StoreNode>(s)) used.push_back(st->buffer);
    if (const auto* a = as<AllocNode>(s)) own.insert(a->buffer.get());
    if (const auto* b = as<BlockNode>(s)) {
      for (const Buffer& x : b->alloc_buffers) own.insert(x.get());
    }
    visit_children(s);
  }
  std::vector<Buffer> used;
  std::unordered_set<const BufferNode*> own;
};

}  // namespace

std::unordered_map<const BufferNode*, int> Compiler::count_uses(const Stmt& s) {
  BufferCollector found;
  found.visit(s);
  std::unordered_map<const BufferNode*, int> out;
  for (const Buffer& b : found.used) ++out[b.get()];
  return out;
}

void Compiler::bind_flat_buffers() {
  BufferCollector found;
  found.visit(func_->body);
  for (const Buffer& b : found.used) {
    if (memories_.count(b.get()) != 0 || found.own.count(b.get()) != 0) continue;
    for (const ParamInfo& p : program_->params) {
      if (!p.memory || p.name != b.name() || p.dtype.element() != b.dtype() || b.rank() != 1) continue;
      // A lowered program sees the parameter as one flat array.
      p.memory->physical_slots.clear();
      p.memory->extent_slots = {compile(b.shape()[0]).slot};
      memories_.erase(p.memory->buffer);
      p.memory->buffer = b.get();
      memories_[b.get()] = p.memory;
      break;
    }
  }
}

void Compiler::bind_params() {
  const std::vector<ParamUse> uses = param_uses(func_);
  auto symbol = [&](const Expr& e) {
    const auto* v = as<VarNode>(e);
    if (!v) return int32_t{-1};
    auto [it, fresh] = vars_.emplace(v, Operand{});
    if (fresh) {
      it->second = {new_slots(1), 0};
      program_->symbols.emplace_back(v->name, it->second.slot);
    }
    for (const auto& s : program_->symbols) {
      if (s.second == it->second.slot) return s.second;
    }
    return int32_t{-1};
  };
  for (const Param& p : func_->params) {
    if (!p.buffer.defined()) vars_[p.scalar.get()] = {new_slots(1), 0};
  }
  // Every variable of a shape first, so that extents may use sizes that a later argument binds.
  auto given_shape = [](const Buffer& b) {
    return b.get()->layout.defined() ? b.get()->layout->output_shape : b.shape();
  };
  for (const Param& p : func_->params) {
    if (!p.buffer.defined()) continue;
    for (const Expr& e : p.buffer.shape()) {
      post_order(e, [&](const Expr& x) { symbol(x); });
    }
    for (const Expr& e : given_shape(p.buffer)) {
      post_order(e, [&](const Expr& x) { symbol(x); });
    }
  }
  for (size_t i = 0; i < func_->params.size(); ++i) {
    const Param& p = func_->params[i];
    ParamInfo info;
    info.written = uses[i].written;
    if (!p.buffer.defined()) {
      info.name = p.scalar.name();
      info.dtype = p.scalar.dtype();
      info.scalar_slot = vars_[p.scalar.get()].slot;
      program_->params.push_back(std::move(info));
      continue;
    }
    info.name = p.buffer.name();
    info.dtype = p.buffer.dtype();
    Memory* m = make_memory(p.buffer);
    m->initialised = !options_.check_uninitialised || uses[i].read || !uses[i].written;
    const DataType t = p.buffer.dtype().element();
    m->kind = kind_of(t, options_.float64_reference && t.is_floating() && uses[i].written);
    m->element_bytes = m->kind == MemoryKind::kF64 ? 8 : t.element_bytes();
    info.memory = m;
    for (const Expr& e : given_shape(p.buffer)) {
      info.shape_slots.push_back(compile(e).slot);
      info.bind_slots.push_back(symbol(e));
    }
    memories_[p.buffer.get()] = m;
    program_->params.push_back(std::move(info));
  }
  bind_flat_buffers();
  for (size_t i = 0; i < program_->params.size(); ++i) {
    if (!program_->params[i].memory) continue;
    emit({.op = Op::kCheckArgument, .a = static_cast<int32_t>(i)});
    enter(program_->params[i].memory);
  }
  for (const Expr& fact : func_->assumptions) {
    const int32_t condition = compile(fact).slot;
    program_->messages.push_back("an assumption of the function does not hold for these arguments");
    emit({.op = Op::kAssert, .a = condition, .b = static_cast<int32_t>(program_->messages.size()) - 1, .c = 1});
  }
}

void Compiler::run() {
  program_->name = func_.name();
  bind_params();
  uses_ = count_uses(func_->body);
  compile(func_->body);
  emit({.op = Op::kHalt});
  program_->code = std::move(code());
}

void compile(const PrimFunc& func, const CompileOptions& options, Program* program) {
  Compiler(func, options, program).run();
}

}  // namespace tilewright::tir::interp
