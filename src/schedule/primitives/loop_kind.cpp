#include "schedule/primitives/loop_kind.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "schedule/dependence.h"
#include "schedule/refusal.h"

namespace tilewright::schedule {

using tir::ForKind;
using tir::ThreadTag;

namespace {

void set_kind(State& state, const ForNode& loop, ForKind kind, ThreadTag tag = ThreadTag::kNone) {
  ForNode copy = loop;
  copy.loop_kind = kind;
  copy.thread = tag;
  state.replace_loop(loop.id, tir::make_stmt(std::move(copy)), /*keep_facts=*/true);
}

bool legal(State& state, const ForNode& loop, ForKind kind) {
  if (loop.loop_kind != ForKind::kSerial) return false;
  if (kind == ForKind::kVectorized && !tir::is_const_int(loop.extent)) return false;
  DependenceQuery query;
  query.loop = loop.id;
  query.private_buffers = kind != ForKind::kVectorized;
  return !find_conflict(state, query);
}

/// Loops around or below this one that could take the kind.
std::vector<std::string> legal_loops(State& state, LoopId id, ForKind kind) {
  std::vector<std::string> out;
  const BlockId scope = state.scope_of(id);
  const auto entries = state.index().entries;
  for (const auto& e : entries) {
    if (e.node->kind != tir::StmtKind::kFor) continue;
    const auto* f = static_cast<const ForNode*>(e.node);
    if (f->id == id || !(state.scope_of(f->id) == scope)) continue;
    if (!state.is_below(f->id, id) && !state.is_below(id, f->id)) continue;
    if (legal(state, *f, kind)) out.push_back(f->var.name());
  }
  return out;
}

Status refuse(State& state, const ForNode& loop, const Conflict& c, ForKind kind) {
  const std::string& name = loop.var.name();
  const BlockNode* block = c.block ? state.find_block(c.block) : nullptr;
  const std::string buffer = c.buffer ? c.buffer->name : "";
  const char* verb = state.operation();
  std::vector<std::string> others = state.listings() ? legal_loops(state, loop.id, kind) : std::vector<std::string>();
  switch (c.kind) {
    case ConflictKind::kReduction: {
      std::string remedy = fmt::format("rfactor({})", name);
      if (block->init.defined() && !others.empty())
        remedy += fmt::format(", or decompose_reduction({}, {}) and {} {}", block->name, name, verb, others.back());
      return Refusal(state, codes::kCarriesReduction,
                     fmt::format("loop `{}` carries the reduction of block `{}`", name, block->name))
          .at(loop.id)
          .legal("loops", std::move(others))
          .remedy(std::move(remedy));
    }
    case ConflictKind::kReadWrite:
      return Refusal(
                 state, codes::kCarriesDependence,
                 fmt::format("an iteration of loop `{}` reads elements of `{}` that another one writes in block `{}`",
                             name, buffer, block->name))
          .at(loop.id)
          .legal("loops", std::move(others))
          .remedy(fmt::format("compute what `{}` needs inside the loop (compute_at), or choose another loop", name));
    case ConflictKind::kWrites:
      return Refusal(state, codes::kCarriesDependence,
                     fmt::format("iterations of loop `{}` write the same elements of `{}` in block `{}`", name, buffer,
                                 block->name))
          .at(loop.id)
          .legal("loops", std::move(others))
          .remedy(kind == ForKind::kVectorized
                      ? "choose a loop that indexes everything written below it"
                      : "choose a loop that indexes what is written, or compute the block elsewhere");
    default:
      break;
  }
  return Refusal(state, codes::kOpaqueIterator,
                 block ? fmt::format("loop `{}` binds the opaque iterator `{}` of block `{}`", name, c.iterator,
                                     block->name)
                       : fmt::format("loop `{}` contains statements outside of blocks, whose dependences are not known",
                                     name))
      .at(loop.id)
      .legal("loops", std::move(others))
      .remedy(block ? "declare the iterator spatial if its instances are independent"
                    : "put the statements into a block");
}

Status require_serial(const State& state, const ForNode& loop, ForKind kind) {
  if (loop.loop_kind == ForKind::kSerial || loop.loop_kind == kind) return {};
  return Refusal(state, codes::kLoopNotSerial,
                 fmt::format("loop `{}` is {} already", loop.var.name(), tir::for_kind_name(loop.loop_kind)))
      .at(loop.id)
      .remedy("split the loop first, and give each part one kind");
}

Status require_constant(const State& state, const ForNode& loop) {
  if (tir::is_const_int(loop.extent)) return {};
  return Refusal(state, codes::kNotConstant,
                 fmt::format("the extent {} of loop `{}` is no constant", tir::to_string(loop.extent), loop.var.name()))
      .at(loop.id)
      .remedy(fmt::format("split({}, {{nullopt, 16}}) and use the inner loop", loop.var.name()));
}

Status make_concurrent(State& state, LoopId id, ForKind kind, ThreadTag tag) {
  Expected<const ForNode*> found = state.loop(id);
  if (!found) return found.error();
  const ForNode& loop = **found;
  if (Status s = require_serial(state, loop, kind); !s) return s;
  if (kind == ForKind::kVectorized) {
    if (Status s = require_constant(state, loop); !s) return s;
  }
  DependenceQuery query;
  query.loop = id;
  query.private_buffers = kind != ForKind::kVectorized;
  if (const Conflict c = find_conflict(state, query)) return refuse(state, loop, c, kind);
  set_kind(state, loop, kind, tag);
  return {};
}

constexpr ThreadTag kThreadTags[] = {ThreadTag::kBlockX,  ThreadTag::kBlockY,  ThreadTag::kBlockZ, ThreadTag::kThreadX,
                                     ThreadTag::kThreadY, ThreadTag::kThreadZ, ThreadTag::kVirtual};

}  // namespace

Status parallel(State& state, LoopId loop) {
  return make_concurrent(state, loop, ForKind::kParallel, ThreadTag::kNone);
}
Status vectorize(State& state, LoopId loop) {
  return make_concurrent(state, loop, ForKind::kVectorized, ThreadTag::kNone);
}

Status unroll(State& state, LoopId id) {
  Expected<const ForNode*> found = state.loop(id);
  if (!found) return found.error();
  if (Status s = require_serial(state, **found, ForKind::kUnrolled); !s) return s;
  if (Status s = require_constant(state, **found); !s) return s;
  set_kind(state, **found, ForKind::kUnrolled);
  return {};
}

Status bind(State& state, LoopId loop, const std::string& thread) {
  std::vector<std::string> names;
  for (const ThreadTag tag : kThreadTags) {
    if (thread == tir::thread_tag_name(tag)) return make_concurrent(state, loop, ForKind::kThreadBinding, tag);
    names.emplace_back(tir::thread_tag_name(tag));
  }
  return Refusal(state, codes::kUnknownThread, fmt::format("\"{}\" is no thread index", thread))
      .at(state.find_loop(loop) ? loop : LoopId{})
      .legal("thread indices", std::move(names));
}

}  // namespace tilewright::schedule
