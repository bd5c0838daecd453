// Index arithmetic: sums of products, each emitted in the outermost scope that has its variables.
#include <llvm/IR/Constants.h>

#include <algorithm>
#include <limits>

#include "codegen/llvm/emitter.h"
#include "codegen/llvm/expr_info.h"
#include "tilewright/tir/visit.h"

namespace tilewright::codegen {
namespace {

constexpr size_t kMaxTerms = 12;

int64_t wrapping_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t wrapping_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

bool is_index(const Expr& e) {
  return e.dtype() == tir::kI64;
}

}  // namespace

void Polynomial::add(const std::vector<int>& atoms, int64_t coeff) {
  if (coeff == 0) return;
  auto [found, fresh] = terms.emplace(atoms, coeff);
  if (fresh) return;
  found->second = wrapping_add(found->second, coeff);
  if (found->second == 0) terms.erase(found);
}

int FunctionEmitter::level_of(const Expr& e) {
  switch (e.kind()) {
    case tir::ExprKind::kIntImm:
    case tir::ExprKind::kFloatImm:
      return 0;
    case tir::ExprKind::kVar: {
      auto found = vars_.find(as<tir::VarNode>(e));
      return found == vars_.end() ? kNotHoistable : found->second.level;
    }
    case tir::ExprKind::kLoad:
    case tir::ExprKind::kLet:
      return kNotHoistable;
    case tir::ExprKind::kCall: {
      auto op = as<tir::CallNode>(e)->op;
      if (op == tir::Intrinsic::kExtern || op == tir::Intrinsic::kAddressOf || op == tir::Intrinsic::kPrefetch) {
        return kNotHoistable;
      }
      break;
    }
    // What needs branches stays where it is.
    case tir::ExprKind::kSelect:
      if (!is_cheap(as<tir::SelectNode>(e)->true_value) || !is_cheap(as<tir::SelectNode>(e)->false_value)) {
        return kNotHoistable;
      }
      break;
    case tir::ExprKind::kAnd:
    case tir::ExprKind::kOr:
      if (!is_cheap(as<tir::BinaryNode>(e)->b)) return kNotHoistable;
      break;
    default:
      break;
  }
  int level = 0;
  for_each_child(e, [&](const Expr& child) { level = std::max(level, level_of(child)); });
  return level;
}

/// Runs `make` with the insertion point at the end of what scope `level` has so far.
template <typename F>
llvm::Value* FunctionEmitter::at_level(int level, F make) {
  if (level >= this->level()) return make();
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  int hidden = hidden_;
  hidden_ = static_cast<int>(scopes_.size()) - 1 - level;
  b_.SetInsertPoint(scopes_[level + 1].entry);
  llvm::Value* v = make();
  hidden_ = hidden;
  return v;
}

int FunctionEmitter::atom_number(const Expr& e) {
  std::vector<int>& bucket = atom_index_[e->hash];
  for (int number : bucket) {
    if (tir::structural_equal(atoms_[number], e)) return number;
  }
  atoms_.push_back(e);
  bucket.push_back(static_cast<int>(atoms_.size()) - 1);
  return bucket.back();
}

/// Adds scale * e to `out`. False when that would take more than `budget` terms; `out` is then unspecified.
bool FunctionEmitter::to_polynomial(const Expr& e, Polynomial* out, int64_t scale, int budget) {
  int64_t value;
  if (tir::is_const_int(e, &value)) {
    out->add({}, wrapping_mul(scale, value));
    return true;
  }
  if (e.kind() == tir::ExprKind::kAdd || e.kind() == tir::ExprKind::kSub) {
    const auto* op = as<tir::BinaryNode>(e);
    int64_t right = e.kind() == tir::ExprKind::kSub ? wrapping_mul(scale, -1) : scale;
    return to_polynomial(op->a, out, scale, budget) && to_polynomial(op->b, out, right, budget) &&
           out->terms.size() <= kMaxTerms;
  }
  if (e.kind() == tir::ExprKind::kMul) {
    const auto* op = as<tir::BinaryNode>(e);
    if (tir::is_const_int(op->b, &value)) return to_polynomial(op->a, out, wrapping_mul(scale, value), budget);
    if (tir::is_const_int(op->a, &value)) return to_polynomial(op->b, out, wrapping_mul(scale, value), budget);
    Polynomial left, right;
    if (budget > 0 && to_polynomial(op->a, &left, 1, budget - 1) && to_polynomial(op->b, &right, 1, budget - 1) &&
        left.terms.size() * right.terms.size() <= kMaxTerms) {
      for (auto& [la, lc] : left.terms) {
        for (auto& [ra, rc] : right.terms) {
          std::vector<int> atoms = la;
          atoms.insert(atoms.end(), ra.begin(), ra.end());
          std::sort(atoms.begin(), atoms.end());
          if (atoms.size() > 4) return false;
          out->add(atoms, wrapping_mul(scale, wrapping_mul(lc, rc)));
        }
      }
      return out->terms.size() <= kMaxTerms;
    }
  }
  out->add({atom_number(e)}, scale);
  return true;
}

int FunctionEmitter::product_level(const std::vector<int>& atoms) {
  int level = 0;
  for (int atom : atoms) level = std::max(level, level_of(atoms_[atom]));
  return level;
}

std::map<int, Polynomial> FunctionEmitter::split_levels(const Polynomial& p) {
  std::map<int, Polynomial> parts;
  for (auto& [atoms, coeff] : p.terms) {
    if (!atoms.empty()) parts[product_level(atoms)].add(atoms, coeff);
  }
  return parts;
}

llvm::Value* FunctionEmitter::emit_atom(int number) {
  Expr e = atoms_[number];
  return e.kind() == tir::ExprKind::kVar ? emit_node(e) : emit_pure(e);
}

/// A pure expression, once in its scope; one with loads, here and now.
llvm::Value* FunctionEmitter::emit_pure(const Expr& e) {
  int level = level_of(e);
  if (level >= kNotHoistable) return emit_node(e);
  for (auto& [known, value] : scopes_[level].values[e->hash]) {
    if (tir::structural_equal(known, e)) return value;
  }
  llvm::Value* value = at_level(level, [&] { return emit_node(e); });
  scopes_[level].values[e->hash].emplace_back(e, value);
  return value;
}

llvm::Value* FunctionEmitter::emit_product(const std::vector<int>& atoms) {
  int level = product_level(atoms);
  bool cached = level < kNotHoistable;
  if (cached) {
    auto found = scopes_[level].products.find(atoms);
    if (found != scopes_[level].products.end()) return found->second;
  }
  auto make = [&] {
    llvm::Value* product = nullptr;
    for (int atom : atoms) {
      llvm::Value* v = emit_atom(atom);
      product = product ? b_.CreateMul(product, v) : v;
    }
    return product;
  };
  if (!cached) return make();
  llvm::Value* value = at_level(level, make);
  scopes_[level].products.emplace(atoms, value);
  return value;
}

/// loop variable of scope `level` times step, kept by an addition per iteration.
llvm::Value* FunctionEmitter::stride_value(int level, llvm::Value* step) {
  auto found = scopes_[level].strides.find(step);
  if (found != scopes_[level].strides.end()) return found->second;
  llvm::Value* start = at_level(level - 1, [&] { return b_.CreateMul(scopes_[level].loop_min, step); });
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  b_.SetInsertPoint(scopes_[level].header, scopes_[level].header->getFirstNonPHIIt());
  llvm::PHINode* phi = b_.CreatePHI(m_.i64(), 2);
  phi->addIncoming(start, scopes_[level].preheader);
  scopes_[level].strides.emplace(step, phi);
  scopes_[level].stride_list.emplace_back(phi, step);
  return phi;
}

/// The sum of terms that all belong to scope `level`.
llvm::Value* FunctionEmitter::emit_level_part(const Polynomial& part, int level) {
  bool cached = level < kNotHoistable;
  if (cached) {
    auto found = scopes_[level].sums.find(part);
    if (found != scopes_[level].sums.end()) return found->second;
  }
  auto make = [&]() -> llvm::Value* {
    llvm::Value* sum = nullptr;
    auto add = [&](llvm::Value* v) { sum = sum ? b_.CreateAdd(sum, v) : v; };
    Polynomial rest;  // what multiplies the loop variable
    const tir::VarNode* loop_var = cached ? scopes_[level].loop_var : nullptr;
    int loop_atom = loop_var ? atom_number(Expr(loop_var)) : -1;
    for (auto& [atoms, coeff] : part.terms) {
      if (std::count(atoms.begin(), atoms.end(), loop_atom) == 1) {
        std::vector<int> others;
        for (int atom : atoms) {
          if (atom != loop_atom) others.push_back(atom);
        }
        if (product_level(others) < level) {
          rest.add(others, coeff);
          continue;
        }
      }
      llvm::Value* v = emit_product(atoms);
      add(coeff == 1 ? v : b_.CreateMul(v, b_.getInt64(coeff)));
    }
    if (!rest.terms.empty()) {
      int64_t c = rest.constant();
      bool constant_step = rest.terms.size() == 1 && c != 0;
      // Factors that an address can hold need no variable of their own.
      if (constant_step && (c == 1 || c == 2 || c == 4 || c == 8)) {
        llvm::Value* v = scopes_[level].loop_value;
        add(c == 1 ? v : b_.CreateMul(v, b_.getInt64(c)));
      } else {
        add(stride_value(level, emit_polynomial(rest)));
      }
    }
    return sum;
  };
  if (!cached) return make();
  llvm::Value* value = at_level(level, make);
  scopes_[level].sums.emplace(part, value);
  return value;
}

llvm::Value* FunctionEmitter::emit_polynomial(const Polynomial& p) {
  llvm::Value* sum = nullptr;
  for (auto& [level, part] : split_levels(p)) {
    llvm::Value* v = emit_level_part(part, level);
    if (!sum) {
      sum = v;
    } else if (level >= kNotHoistable) {
      sum = b_.CreateAdd(sum, v);
    } else {
      auto key = std::make_pair(sum, v);
      auto found = scopes_[level].pointers.find(key);
      if (found != scopes_[level].pointers.end()) {
        sum = found->second;
      } else {
        llvm::Value* left = sum;
        sum = at_level(level, [&] { return b_.CreateAdd(left, v); });
        scopes_[level].pointers.emplace(key, sum);
      }
    }
  }
  int64_t c = p.constant();
  if (!sum) return b_.getInt64(c);
  return c == 0 ? sum : b_.CreateAdd(sum, b_.getInt64(c));
}

llvm::Value* FunctionEmitter::emit_index(const Expr& e) {
  Polynomial p;
  if (!is_index(e) || !to_polynomial(e, &p, 1, 3)) return emit_node(e);
  return emit_polynomial(p);
}

llvm::Value* FunctionEmitter::buffer_pointer(const tir::Buffer& buffer, int* level) {
  auto found = buffers_.find(buffer.get());
  if (found != buffers_.end()) {
    *level = found->second.second;
    return found->second.first;
  }
  auto parameter = parameters_.find(buffer.name());
  if (parameter == parameters_.end()) {
    throw Error("G0830", "codegen", "buffer " + buffer.name() + " is neither a parameter nor allocated here");
  }
  *level = 0;
  return parameter->second;
}

/// Address of element `index` + element_offset.
llvm::Value* FunctionEmitter::address(const tir::Buffer& buffer, const Expr& index, int64_t element_offset) {
  int pointer_level;
  llvm::Value* p = buffer_pointer(buffer, &pointer_level);
  int64_t bytes = buffer.dtype().element_bytes();
  Polynomial poly;
  if (!is_index(index) || !to_polynomial(index, &poly, bytes, 3)) {
    llvm::Value* v = emit(index);
    v = b_.CreateIntCast(v, m_.i64(), !index.dtype().is_uint());
    p = b_.CreateGEP(m_.element_memory_type(buffer.dtype()), p, v);
    poly = {};
  }
  for (auto& [level, part] : split_levels(poly)) {
    llvm::Value* offset = emit_level_part(part, level);
    if (level >= kNotHoistable) {
      p = b_.CreatePtrAdd(p, offset);
      continue;
    }
    int at = std::max(level, pointer_level);
    auto key = std::make_pair(p, offset);
    auto found = scopes_[at].pointers.find(key);
    if (found == scopes_[at].pointers.end()) {
      llvm::Value* sum = at_level(at, [&] { return b_.CreatePtrAdd(p, offset); });
      found = scopes_[at].pointers.emplace(key, sum).first;
    }
    p = found->second;
  }
  int64_t c = wrapping_add(poly.constant(), wrapping_mul(element_offset, bytes));
  return c == 0 ? p : b_.CreatePtrAdd(p, b_.getInt64(c));
}

/// Closed interval of an integer expression; false when nothing is known or it might wrap.
bool FunctionEmitter::bounds_of(const Expr& e, Bounds* out) {
  int64_t value;
  if (tir::is_const_int(e, &value)) {
    *out = {value, value};
    return !e.dtype().is_uint() || value >= 0;
  }
  if (const auto* var = as<tir::VarNode>(e)) {
    auto found = var_bounds_.find(var);
    if (found == var_bounds_.end()) return false;
    *out = found->second;
    return true;
  }
  const auto* op = tir::is_binary(e.kind()) ? as<tir::BinaryNode>(e) : nullptr;
  Bounds a, b;
  if (!op || e.dtype().lanes != 1 || e.dtype().bits != 64 || !bounds_of(op->a, &a) || !bounds_of(op->b, &b)) {
    return false;
  }
  switch (e.kind()) {
    case tir::ExprKind::kAdd:
      return !__builtin_add_overflow(a.min, b.min, &out->min) && !__builtin_add_overflow(a.max, b.max, &out->max);
    case tir::ExprKind::kSub:
      return !__builtin_sub_overflow(a.min, b.max, &out->min) && !__builtin_sub_overflow(a.max, b.min, &out->max);
    case tir::ExprKind::kMul: {
      int64_t products[4];
      if (__builtin_mul_overflow(a.min, b.min, &products[0]) || __builtin_mul_overflow(a.min, b.max, &products[1]) ||
          __builtin_mul_overflow(a.max, b.min, &products[2]) || __builtin_mul_overflow(a.max, b.max, &products[3])) {
        return false;
      }
      *out = {*std::min_element(products, products + 4), *std::max_element(products, products + 4)};
      return true;
    }
    case tir::ExprKind::kFloorDiv:
      if (a.min < 0 || b.min < 1) return false;
      *out = {a.min / b.max, a.max / b.min};
      return true;
    case tir::ExprKind::kFloorMod:
      if (b.min < 1) return false;
      *out = {0, a.min >= 0 ? std::min(a.max, b.max - 1) : b.max - 1};
      return true;
    case tir::ExprKind::kMin:
      *out = {std::min(a.min, b.min), std::min(a.max, b.max)};
      return true;
    case tir::ExprKind::kMax:
      *out = {std::max(a.min, b.min), std::max(a.max, b.max)};
      return true;
    default:
      return false;
  }
}

bool FunctionEmitter::is_nonnegative(const Expr& e) {
  if (e.dtype().is_uint()) return true;
  Bounds bounds;
  return bounds_of(e, &bounds) && bounds.min >= 0;
}

}  // namespace tilewright::codegen
