// Buffers, index maps (layouts) and regions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/tir/expr.h"

namespace tilewright::tir {

enum class Scope : uint8_t { kGlobal, kShared, kLocal, kWarp, kFragment, kRegister };
const char* scope_name(Scope scope);
bool parse_scope(std::string_view text, Scope* scope);

/// A map from `inputs` (logical indices) to `outputs` (physical indices) inside `output_shape`; injective on the buffer's
/// domain. The physical array is row major and compact.
struct IndexMapNode : RefCounted {
  std::vector<Var> inputs;
  std::vector<Expr> outputs;
  std::vector<Expr> output_shape;
};
void destroy(const IndexMapNode* node);
using IndexMap = Ref<IndexMapNode>;
IndexMap make_index_map(std::vector<Var> inputs, std::vector<Expr> outputs, std::vector<Expr> output_shape);

/// A buffer has one layout: null means row major and compact over `shape`. Accesses always use logical indices.
/// Identity is the node. Scope kRegister (made by lowering): shape {1}, dtype maybe a vector, lives in a register.
struct BufferNode : RefCounted {
  std::string name;
  DataType dtype;
  std::vector<Expr> shape;
  IndexMap layout;
  Scope scope = Scope::kGlobal;
  /// Bytes; 0 means the element's natural alignment.
  int alignment = 0;
  /// Who made the buffer: the tensor expression behind a tensor's buffer. Null in loop IR, no part of equality.
  std::shared_ptr<const void> origin;
};
void destroy(const BufferNode* node);

class Buffer : public Ref<BufferNode> {
 public:
  using Ref<BufferNode>::Ref;
  Buffer() = default;
  Buffer(std::string name, DataType dtype, std::vector<Expr> shape, Scope scope = Scope::kGlobal, IndexMap layout = nullptr,
         int alignment = 0);
  const std::string& name() const { return get()->name; }
  DataType dtype() const { return get()->dtype; }
  const std::vector<Expr>& shape() const { return get()->shape; }
  int rank() const { return static_cast<int>(get()->shape.size()); }
  Scope scope() const { return get()->scope; }
  template <typename... Index>
  Expr operator()(Index... indices) const {
    return load(*this, {Expr(indices)...});
  }
};

struct LoadNode : ExprNode {
  Buffer buffer;
  std::vector<Expr> indices;
  Expr mask;
  LoadNode(DataType t, Buffer b, std::vector<Expr> i, Expr m);
};

/// A box inside a buffer; ranges may depend on the variables in scope.
struct BufferRegion {
  Buffer buffer;
  std::vector<Range> ranges;
};

}  // namespace tilewright::tir

namespace tilewright {
using tir::Buffer;
}
