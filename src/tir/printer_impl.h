// The printer's parts: names, expressions, and statements as lines.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::tir::text {

/// Gives every variable and buffer a name that is unique among those in scope: its own, else with _1, _2, ...
class NameTable {
 public:
  /// Names the node until the scope ends; the reference stays valid until then.
  const std::string& define(const void* node, std::string_view hint);
  /// The node's name; a free node gets one on its first use, for good.
  const std::string& find(const void* node, std::string_view hint);
  std::string define(const Var& v) { return v.defined() ? define(v.get(), v.name()) : "<null>"; }
  std::string define(const Buffer& b) { return b.defined() ? define(b.get(), b.name()) : "<null>"; }
  std::string find(const Var& v) { return v.defined() ? find(v.get(), v.name()) : "<null>"; }
  std::string find(const Buffer& b) { return b.defined() ? find(b.get(), b.name()) : "<null>"; }
  size_t mark() const { return undo_.size(); }
  void end_scope(size_t mark);

 private:
  struct Undo {
    const void* node;
    std::string previous;
    bool had_previous;
  };
  std::string unique(std::string_view hint) const;
  std::unordered_map<const void*, std::string> names_;
  std::unordered_set<std::string> used_;
  std::vector<Undo> undo_;
};

class ExprPrinter {
 public:
  explicit ExprPrinter(NameTable& names) : names_(names) {}
  /// Appends `e`, in parentheses where it binds weaker than `precedence`.
  void print(std::string& out, const Expr& e, int precedence = 0);
  void print_list(std::string& out, const std::vector<Expr>& list);
  /// `min..end`, or `min +: extent` where the former would not read back to the same range.
  void print_range(std::string& out, const Range& range);
  void print_region(std::string& out, const BufferRegion& region);
  /// `[indices where mask]`
  void print_indices(std::string& out, const std::vector<Expr>& indices, const Expr& mask);
  /// `name: type[shape] scope align layout`; names the buffer.
  void print_declaration(std::string& out, const Buffer& buffer);

 private:
  void print_layout(std::string& out, const IndexMap& map);
  NameTable& names_;
};

std::string type_text(const Var& v);
std::string annotation_text(const AnnotationValue& value);
/// `loop_nest_only`.
std::string loop_nest(const Stmt& s, const PrintOptions& options);

}  // namespace tilewright::tir::text
