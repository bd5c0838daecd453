#include "schedule/primitives/annotate.h"

#include <fmt/format.h>

#include <cmath>

#include "schedule/refusal.h"

namespace tilewright::schedule {

namespace {

Expected<const ForNode*> find(const State& state, LoopId id) {
  return state.loop(id);
}
Expected<const BlockNode*> find(const State& state, BlockId id) {
  return state.block(id);
}
const std::string& name_of(const ForNode& n) {
  return n.var.name();
}
const std::string& name_of(const BlockNode& n) {
  return n.name;
}
void replace(State& state, LoopId id, ForNode n) {
  state.replace_loop(id, tir::make_stmt(std::move(n)), true);
}
void replace(State& state, BlockId id, BlockNode n) {
  state.replace_block(id, tir::make_stmt(std::move(n)), true);
}

template <typename Id>
Status set(State& state, Id id, const std::string& key, tir::AnnotationValue value) {
  auto found = find(state, id);
  if (!found) return found.error();
  if (key.empty()) return Refusal(state, codes::kBadAnnotation, "the key is empty").at(id);
  if (const auto* number = std::get_if<double>(&value); number && !std::isfinite(*number))
    return Refusal(state, codes::kBadAnnotation, fmt::format("the value of \"{}\" is not finite", key)).at(id);
  auto copy = **found;
  copy.annotations.set(key, std::move(value));
  replace(state, id, std::move(copy));
  return {};
}

template <typename Id>
Status remove(State& state, Id id, const std::string& key) {
  auto found = find(state, id);
  if (!found) return found.error();
  auto copy = **found;
  if (!copy.annotations.find(key)) {
    std::vector<std::string> keys;
    for (const auto& item : copy.annotations.items()) keys.push_back("\"" + item.first + "\"");
    return Refusal(state, codes::kNoAnnotation, fmt::format("`{}` has no annotation \"{}\"", name_of(copy), key))
        .at(id)
        .legal("keys", std::move(keys));
  }
  copy.annotations.erase(key);
  replace(state, id, std::move(copy));
  return {};
}

}  // namespace

Status annotate(State& state, LoopId loop, const std::string& key, tir::AnnotationValue value) {
  return set(state, loop, key, std::move(value));
}
Status annotate(State& state, BlockId block, const std::string& key, tir::AnnotationValue value) {
  return set(state, block, key, std::move(value));
}
Status unannotate(State& state, LoopId loop, const std::string& key) {
  return remove(state, loop, key);
}
Status unannotate(State& state, BlockId block, const std::string& key) {
  return remove(state, block, key);
}

}  // namespace tilewright::schedule
