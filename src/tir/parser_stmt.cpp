#include <fmt/format.h>

#include <algorithm>

#include "tilewright/tir/visit.h"
#include "tir/parser_impl.h"
#include "tir/words.h"

namespace tilewright::tir::text {

Stmt Parser::statements() {
  return seq(statement_list());
}

Stmt Parser::braced() {
  expect("{");
  Stmt body = statements();
  expect("}");
  return body;
}

/// Up to the closing brace, behind `items`. A let or an allocation without braces holds to the end.
std::vector<Stmt> Parser::statement_list(std::vector<Stmt> items) {
  const size_t scope = mark();
  if (++stmt_depth_ > kMaxStmtDepth)
    lexer_.fail(peek().begin, "T0205", fmt::format("statements nest deeper than {} levels", kMaxStmtDepth));
  while (!at("}") && peek().kind != TokenKind::kEnd) items.push_back(statement());
  --stmt_depth_;
  end_scope(scope);
  return items;
}

Stmt Parser::statement() {
  const Token& token = peek();
  if (token.kind == TokenKind::kWord) {
    if (const std::optional<ForKind> kind = find_for_keyword(token.text)) return loop(*kind);
    if (at("grid")) return grid();
    if (at("block")) return block();
    if (at("if")) return if_stmt();
    if (at("let")) return let_stmt();
    if (at("alloc")) return alloc_stmt();
    if (accept("evaluate")) return evaluate(expr());
    if (accept("assert")) {
      Expr c = condition();
      expect(",");
      return make_assert(std::move(c), string_literal("the message as a string"));
    }
    for (const char* header : {"where", "reads", "writes", "init", "annotate", "attribute", "assume", "buffer"}) {
      if (at(header))
        lexer_.fail(
            token.begin, "T0201",
            fmt::format(
                "`{}` must stand before the first statement, and `where`, `reads`, `writes` and `init` in a block",
                header));
    }
    if (is_name(token.text)) return store_stmt();
  }
  lexer_.expected("a statement or `}`");
}

Stmt Parser::store_stmt() {
  const Token name = lexer_.next();
  const auto found = symbols_.find(std::string(name.text));
  if (found == symbols_.end()) unknown(name, true);
  const Buffer buffer = found->second.buffer;
  if (!buffer.defined())
    lexer_.fail(name.begin, "T0206", fmt::format("`{}` is a variable, and only buffers are written", name.text));
  std::vector<Expr> list;
  Expr mask;
  int depth = 0;
  indices(&list, &mask, &depth);
  const size_t start = peek().begin;
  expect("=");
  Expr value = expr();
  return build(start, [&] { return store(buffer, std::move(list), std::move(value), std::move(mask)); });
}

Stmt Parser::if_stmt() {
  expect("if");
  Expr c = condition();
  Stmt then_body = braced(), else_body;
  if (accept("else")) {
    if (!at("if")) {
      else_body = braced();
    } else {
      if (++stmt_depth_ > kMaxStmtDepth)
        lexer_.fail(peek().begin, "T0205", fmt::format("statements nest deeper than {} levels", kMaxStmtDepth));
      else_body = if_stmt();
      --stmt_depth_;
    }
  }
  return make_if(std::move(c), std::move(then_body), std::move(else_body));
}

Stmt Parser::let_stmt() {
  expect("let");
  const Name name = new_name("the name of a variable");
  std::optional<DataType> t;
  if (accept(":")) t = type();
  expect("=");
  const size_t start = peek().begin;
  Expr value = expr();
  if (t) value = coerced(std::move(value), *t, start);
  const size_t scope = mark();
  const Var var(name.text, value.dtype());
  define(name, {var, nullptr, 0});
  Stmt body = at("{") ? braced() : statements();
  end_scope(scope);
  return make_let(var, std::move(value), std::move(body));
}

Stmt Parser::alloc_stmt() {
  expect("alloc");
  const size_t scope = mark();
  Buffer buffer = declaration();
  Stmt body = at("{") ? braced() : statements();
  end_scope(scope);
  return alloc(std::move(buffer), std::move(body));
}

// ---- Loops

Stmt Parser::loop(ForKind kind) {
  ForNode n;
  n.id = {next_loop_++};
  n.loop_kind = kind;
  lexer_.next();
  if (accept("(")) {
    const Token word = lexer_.next();
    std::string tag(word.text);
    if (accept(".")) tag += fmt::format(".{}", lexer_.next().text);
    const std::optional<ThreadTag> found = find_thread_tag(tag);
    if (!found)
      lexer_.fail(word.begin, "T0201", "found no thread tag, expected for example threadIdx.x, blockIdx.y or vthread");
    n.thread = *found;
    expect(")");
  }
  const Name name = new_name("the name of a loop variable");
  const DataType t = accept(":") ? type() : kI64;
  expect("in");
  const size_t start = peek().begin;
  const Range r = range();
  n.min = coerced(r.min, t, start);
  n.extent = coerced(r.extent, t, start);
  n.var = Var(name.text, t);
  const size_t scope = mark();
  define(name, {n.var, nullptr, 0});
  loop_ranges_[n.var.get()] = {n.min, n.extent};
  expect("{");
  while (accept("annotate")) annotation(&n.annotations);
  n.body = statements();
  expect("}");
  end_scope(scope);
  loop_ranges_.erase(n.var.get());
  return make_stmt(std::move(n));
}

/// grid i, j in (0..4, 0..8) { ... }
Stmt Parser::grid() {
  const size_t start = lexer_.next().begin;
  std::vector<Name> names;
  do {
    names.push_back(new_name("the name of a loop variable"));
  } while (accept(","));
  expect("in");
  expect("(");
  std::vector<Range> ranges;
  do {
    const size_t at = peek().begin;
    const Range r = range();
    ranges.push_back({coerced(r.min, kI64, at), coerced(r.extent, kI64, at)});
  } while (accept(","));
  expect(")");
  if (names.size() != ranges.size())
    lexer_.fail(start, "T0206", fmt::format("the grid has {} variables but {} ranges", names.size(), ranges.size()));
  const size_t scope = mark();
  stmt_depth_ += static_cast<int>(names.size());
  std::vector<ForNode> loops;
  for (size_t i = 0; i < names.size(); ++i) {
    ForNode n;
    n.id = {next_loop_++};
    n.var = Var(names[i].text);
    n.min = ranges[i].min;
    n.extent = ranges[i].extent;
    define(names[i], {n.var, nullptr, 0});
    loop_ranges_[n.var.get()] = ranges[i];
    loops.push_back(std::move(n));
  }
  Stmt body = braced();
  for (size_t i = names.size(); i-- > 0;) {
    loop_ranges_.erase(loops[i].var.get());
    loops[i].body = std::move(body);
    body = make_stmt(std::move(loops[i]));
  }
  stmt_depth_ -= static_cast<int>(names.size());
  end_scope(scope);
  return body;
}

// ---- Blocks

Stmt Parser::block() {
  BlockNode n;
  n.id = {next_block_++};
  expect("block");
  if (peek().kind == TokenKind::kString)
    n.name = lexer_.next().string;
  else
    n.name = new_name("the name of a block").text;
  const size_t scope = mark();
  expect("(");
  if (accept("remap"))
    remapped_iters(&n);
  else
    block_iters(&n);
  expect("{");
  block_contents(&n, false);
  expect("}");
  end_scope(scope);
  return make_stmt(std::move(n));
}

/// vi: spatial 0..4 = i, vk: reduce 0..8 = k)
void Parser::block_iters(BlockNode* n) {
  std::vector<Name> names;
  while (!accept(")")) {
    if (!names.empty() && !accept(",")) lexer_.expected("`,` or `)`");
    names.push_back(new_name("the name of a block iterator"));
    expect(":");
    const DataType t = accept_type().value_or(kI64);
    const std::optional<IterKind> kind =
        peek().kind == TokenKind::kWord ? find_iter_keyword(peek().text) : std::nullopt;
    if (!kind) lexer_.expected("`spatial`, `reduce` or `opaque`");
    lexer_.next();
    size_t start = peek().begin;
    const Range r = range();
    n->iters.push_back({Var(names.back().text, t), {coerced(r.min, t, start), coerced(r.extent, t, start)}, *kind});
    expect("=");
    start = peek().begin;
    n->bindings.push_back(coerced(expr(), t, start));
  }
  // Bindings belong to the outside, so the iterators get their names behind them.
  for (size_t i = 0; i < names.size(); ++i) define(names[i], {n->iters[i].var, nullptr, 0});
}

/// Behind `remap`: "SSR": i, j, k)
void Parser::remapped_iters(BlockNode* n) {
  const size_t start = peek().begin;
  const std::string kinds = string_literal("the kinds of the iterators, for example \"SSR\"");
  expect(":");
  std::vector<Name> names;
  while (!accept(")")) {
    if (!names.empty() && !accept(",")) lexer_.expected("`,` or `)`");
    const Name name = new_name("the name of a loop");
    const auto found = symbols_.find(name.text);
    const auto bounds = found == symbols_.end() ? loop_ranges_.end() : loop_ranges_.find(found->second.var.get());
    if (bounds == loop_ranges_.end())
      lexer_.fail(name.at, "T0202", fmt::format("`{}` is no loop around this block", name.text));
    if (names.size() >= kinds.size())
      lexer_.fail(name.at, "T0206", fmt::format("more loops than the {} kinds in \"{}\"", kinds.size(), kinds));
    const char letter = kinds[names.size()];
    const std::string_view letters = "SRO";
    const size_t kind = letters.find(letter);
    if (kind == std::string_view::npos)
      lexer_.fail(start, "T0201",
                  fmt::format("unknown kind `{}`, expected S (spatial), R (reduce) or O (opaque)", letter));
    names.push_back({"v" + name.text, name.at});
    const Var var(names.back().text, found->second.var.dtype());
    n->iters.push_back({var, bounds->second, static_cast<IterKind>(kind)});
    n->bindings.push_back(found->second.var);
  }
  if (names.size() != kinds.size())
    lexer_.fail(start, "T0206", fmt::format("\"{}\" names {} kinds for {} loops", kinds, kinds.size(), names.size()));
  for (size_t i = 0; i < names.size(); ++i) define(names[i], {n->iters[i].var, nullptr, 0});
}

std::vector<BufferRegion> Parser::regions() {
  std::vector<BufferRegion> list;
  do {
    if (peek().kind != TokenKind::kWord) lexer_.expected("the name of a buffer");
    const Token name = lexer_.next();
    const auto found = symbols_.find(std::string(name.text));
    if (found == symbols_.end() || !found->second.buffer.defined()) {
      if (name.text == "none" && list.empty() && !at("[")) return list;
      unknown(name, true);
    }
    BufferRegion region{found->second.buffer, {}};
    expect("[");
    while (!accept("]")) {
      if (!region.ranges.empty() && !accept(",")) lexer_.expected("`,` or `]`");
      const size_t start = peek().begin;
      const Range r = range_or_point(true);
      region.ranges.push_back({coerced(r.min, kI64, start), coerced(r.extent, kI64, start)});
    }
    if (region.ranges.size() != region.buffer.shape().size())
      lexer_.fail(name.begin, "T0206",
                  fmt::format("`{}` has {} dimensions, the region has {}", name.text, region.buffer.shape().size(),
                              region.ranges.size()));
    list.push_back(std::move(region));
  } while (accept(","));
  return list;
}

Parser::BlockHeader Parser::block_header(BlockNode* n, bool is_root) {
  BlockHeader header;
  bool reads = false, writes = false;
  const auto once = [&](bool given) {
    if (given) lexer_.fail(peek().begin, "T0203", fmt::format("`{}` is given twice", peek().text));
    if (is_root) lexer_.fail(peek().begin, "T0201", fmt::format("`{}` belongs to a block", peek().text));
    lexer_.next();
  };
  for (;;) {
    if (at("where")) {
      once(n->predicate.defined());
      const size_t start = peek().begin;
      n->predicate = condition();
      for (const IterVar& i : n->iters) {
        if (uses_var(n->predicate, i.var.get()))
          lexer_.fail(
              start, "T0202",
              fmt::format("the predicate uses the iterator `{}`, but it belongs to the outside, as the bindings do",
                          i.var.name()));
      }
    } else if (at("reads")) {
      once(reads);
      reads = true;
      n->reads = regions();
    } else if (at("writes")) {
      once(writes);
      writes = true;
      n->writes = regions();
    } else if (accept("annotate")) {
      annotation(&n->annotations);
    } else if (at("init")) {
      once(n->init.defined());
      n->init = braced();
    } else if (accept("alloc")) {
      const size_t scope = mark();
      Buffer buffer = declaration();
      if (at("{")) {
        // The statement, not a line of the header.
        Stmt body = braced();
        end_scope(scope);
        header.first.push_back(alloc(std::move(buffer), std::move(body)));
        break;
      }
      n->alloc_buffers.push_back(std::move(buffer));
    } else {
      break;
    }
  }
  header.has_regions = reads || writes;
  return header;
}

void Parser::block_contents(BlockNode* n, bool is_root) {
  const size_t scope = mark();
  BlockHeader header = block_header(n, is_root);
  n->body = seq(statement_list(std::move(header.first)));
  end_scope(scope);
  if (!header.has_regions && !is_root) derive_regions(n);
}

}  // namespace tilewright::tir::text
