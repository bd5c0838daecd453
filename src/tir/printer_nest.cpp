// The loop nest of a program as diagnostics show it: loops and block headers, the way to the marks, nothing else.
#include <fmt/format.h>

#include <algorithm>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"
#include "tir/printer_impl.h"
#include "tir/words.h"

namespace tilewright::tir::text {
namespace {

struct Line {
  std::string text;
  int depth = 0;
  bool marked = false;
  bool on_path = false;
};

std::string hint(const Var& v) {
  return v.defined() ? v.name() : "<null>";
}

class NestPrinter {
 public:
  explicit NestPrinter(const PrintOptions& options) : options_(options), exprs_(names_) {}

  std::string print(const Stmt& s) {
    const auto* root = as<BlockNode>(s);
    // The root block says nothing unless it is what is meant.
    const bool hidden = root && root->name == "root" && root->iters.empty() && !marked(*root);
    walk(hidden ? root->body : s, 0);
    return render();
  }

 private:
  bool marked(const ForNode& n) const {
    return std::find(options_.mark_loops.begin(), options_.mark_loops.end(), n.id) != options_.mark_loops.end();
  }
  bool marked(const BlockNode& n) const {
    return std::find(options_.mark_blocks.begin(), options_.mark_blocks.end(), n.id) != options_.mark_blocks.end();
  }

  /// Appends the lines of `s`; true when one of them is marked.
  bool walk(const Stmt& s, int depth) {
    if (!s.defined()) return false;
    switch (s.kind()) {
      case StmtKind::kFor:
        return loops(*as<ForNode>(s), depth);
      case StmtKind::kBlock:
        return block(*as<BlockNode>(s), depth);
      case StmtKind::kSeq: {
        bool found = false;
        for (const Stmt& item : as<SeqNode>(s)->items) found |= walk(item, depth);
        return found;
      }
      case StmtKind::kIf: {
        const auto* n = as<IfNode>(s);
        const bool first = walk(n->then_body, depth);
        return walk(n->else_body, depth) || first;
      }
      case StmtKind::kLet:
        return walk(as<LetStmtNode>(s)->body, depth);
      case StmtKind::kAlloc:
        return walk(as<AllocNode>(s)->body, depth);
      default:
        return false;
    }
  }

  /// One line for a perfect chain of unmarked loops of one kind.
  bool loops(const ForNode& first, int depth) {
    const size_t at = lines_.size(), mark = names_.mark();
    std::string range;
    exprs_.print_range(range, {first.min, first.extent});
    std::string text = fmt::format("{} {}", for_keyword(first.loop_kind), names_.define(first.var));
    if (first.loop_kind == ForKind::kThreadBinding)
      text = fmt::format("thread({}) {}", thread_tag_name(first.thread), names_.find(first.var));
    const ForNode* last = &first;
    const bool is_marked = marked(first);
    while (!is_marked && first.loop_kind != ForKind::kThreadBinding) {
      const auto* next = as<ForNode>(last->body);
      if (!next || marked(*next) || next->loop_kind != first.loop_kind) break;
      text += ", " + names_.define(next->var);
      last = next;
    }
    if (last == &first) text += " in " + range;
    lines_.push_back({std::move(text), depth, is_marked, false});
    const bool found = walk(last->body, depth + 1) || is_marked;
    lines_[at].on_path = found;
    names_.end_scope(mark);
    return found;
  }

  bool block(const BlockNode& n, int depth) {
    const size_t at = lines_.size(), mark = names_.mark();
    std::string text = fmt::format("block {}(", n.name);
    for (size_t i = 0; i < n.iters.size(); ++i) {
      std::string binding;
      if (i < n.bindings.size()) exprs_.print(binding, n.bindings[i]);
      text +=
          fmt::format("{}{} {} = {}", i != 0 ? ", " : "", iter_keyword(n.iters[i].kind), hint(n.iters[i].var), binding);
    }
    const bool is_marked = marked(n);
    lines_.push_back({text + ")", depth, is_marked, false});
    for (const IterVar& i : n.iters) names_.define(i.var);
    bool found = walk(n.init, depth + 1);
    found |= walk(n.body, depth + 1);
    lines_[at].on_path = found || is_marked;
    names_.end_scope(mark);
    return found || is_marked;
  }

  std::string render() const {
    std::vector<bool> keep(lines_.size(), true);
    const auto is_marked = [](const Line& l) { return l.marked; };
    if (std::any_of(lines_.begin(), lines_.end(), is_marked)) {
      for (size_t i = 0; i < lines_.size(); ++i) keep[i] = lines_[i].on_path;
      const auto context = static_cast<size_t>(std::max(0, options_.context_lines));
      for (size_t i = 0; i < lines_.size(); ++i) {
        if (!lines_[i].marked) continue;
        const size_t begin = i > context ? i - context : 0, end = std::min(lines_.size(), i + context + 1);
        std::fill(keep.begin() + static_cast<std::ptrdiff_t>(begin), keep.begin() + static_cast<std::ptrdiff_t>(end),
                  true);
      }
    }
    std::string out;
    bool gap = false;
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (!keep[i]) {
        if (!gap) out += std::string(static_cast<size_t>(2 * lines_[i].depth), ' ') + "...\n";
        gap = true;
        continue;
      }
      gap = false;
      out += std::string(static_cast<size_t>(2 * lines_[i].depth), ' ') + lines_[i].text;
      out += lines_[i].marked ? "        <-- here\n" : "\n";
    }
    if (!out.empty()) out.pop_back();
    return out;
  }

  const PrintOptions& options_;
  NameTable names_;
  ExprPrinter exprs_;
  std::vector<Line> lines_;
};

}  // namespace

std::string loop_nest(const Stmt& s, const PrintOptions& options) {
  return NestPrinter(options).print(s);
}

}  // namespace tilewright::tir::text
