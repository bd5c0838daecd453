#include "tilewright/tir/buffer.h"

#include <fmt/format.h>

#include <iterator>

#include "tilewright/support/diagnostic.h"

namespace tilewright::tir {
namespace {
constexpr const char* kScopeNames[] = {"global", "shared", "local", "warp", "fragment", "register"};
}

const char* scope_name(Scope scope) {
  return kScopeNames[static_cast<size_t>(scope)];
}

bool parse_scope(std::string_view text, Scope* scope) {
  for (size_t i = 0; i < std::size(kScopeNames); ++i) {
    if (text == kScopeNames[i]) {
      *scope = static_cast<Scope>(i);
      return true;
    }
  }
  return false;
}

void destroy(const IndexMapNode* node) {
  delete node;
}
void destroy(const BufferNode* node) {
  delete node;
}

IndexMap make_index_map(std::vector<Var> inputs, std::vector<Expr> outputs, std::vector<Expr> output_shape) {
  if (outputs.size() != output_shape.size())
    throw Error("T0120", "index map", fmt::format("{} outputs but {} extents", outputs.size(), output_shape.size()));
  auto* node = new IndexMapNode;
  node->inputs = std::move(inputs);
  node->outputs = std::move(outputs);
  node->output_shape = std::move(output_shape);
  return IndexMap(node);
}

Buffer::Buffer(std::string name, DataType dtype, std::vector<Expr> shape, Scope scope, IndexMap layout, int alignment) {
  auto* node = new BufferNode;
  node->name = std::move(name);
  node->dtype = dtype;
  node->shape = std::move(shape);
  node->layout = std::move(layout);
  node->scope = scope;
  node->alignment = alignment;
  static_cast<Ref<BufferNode>&>(*this) = Ref<BufferNode>(node);
}

}  // namespace tilewright::tir
