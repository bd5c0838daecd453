// How large a piece of the program becomes once its unrolled loops are copies.
#pragma once

#include <algorithm>
#include <unordered_map>

#include "tilewright/tir/stmt.h"

namespace tilewright::lower {

/// Counts statements after expansion of what is marked unrolled, saturating; remembers loops it has seen.
class StatementCounter {
 public:
  int64_t count(const tir::Stmt& s) {
    using namespace tir;  // NOLINT
    if (!s.defined()) return 0;
    switch (s.kind()) {
      case StmtKind::kSeq: {
        int64_t sum = 0;
        for (const Stmt& x : as<SeqNode>(s)->items) sum = cap(sum + count(x));
        return sum;
      }
      case StmtKind::kFor: {
        const auto* n = as<ForNode>(s);
        const auto found = loops_.find(n);
        if (found != loops_.end()) return found->second.second;
        int64_t body = count(n->body), extent = 0;
        if (n->loop_kind == ForKind::kUnrolled && is_const_int(n->extent, &extent))
          body = cap(body * std::clamp<int64_t>(extent, 0, kCap));
        loops_[n] = {s, body};
        return body;
      }
      case StmtKind::kIf:
        return cap(1 + count(as<IfNode>(s)->then_body) + count(as<IfNode>(s)->else_body));
      case StmtKind::kLet:
        return cap(1 + count(as<LetStmtNode>(s)->body));
      case StmtKind::kAlloc:
        return count(as<AllocNode>(s)->body);
      default:
        return 1;
    }
  }

 private:
  static constexpr int64_t kCap = 1 << 24;
  static int64_t cap(int64_t x) { return std::min(x, kCap); }
  std::unordered_map<const tir::ForNode*, std::pair<tir::Stmt, int64_t>> loops_;
};

}  // namespace tilewright::lower
