#include "te/check.h"

#include <fmt/format.h>

#include <cctype>
#include <unordered_set>

#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::te {

void fail(const char* code, std::string operation, std::string message, std::string remedy) {
  Diagnostic d;
  d.code = code;
  d.operation = std::move(operation);
  d.message = std::move(message);
  d.remedy = std::move(remedy);
  throw Error(std::move(d));
}

bool is_identifier(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (char c : name) {
    if (c != '_' && !(static_cast<unsigned char>(c) < 128 && std::isalnum(static_cast<unsigned char>(c)))) return false;
  }
  return true;
}

void check_name(const std::string& name, const char* operation, const char* what) {
  if (is_identifier(name)) return;
  fail("E0413", operation,
       fmt::format("the name \"{}\" of {} is no identifier (letters, digits and _, no digit first)", name, what));
}

std::vector<Expr> check_shape(std::vector<Expr> shape, const std::string& operation) {
  for (size_t i = 0; i < shape.size(); ++i) {
    Expr& extent = shape[i];
    if (!extent.defined()) fail("E0405", operation, fmt::format("extent {} is missing (a null expression)", i));
    const DataType t = extent.dtype();
    if (!t.is_integer() || t.is_vector()) {
      fail("E0405", operation, fmt::format("extent {} has type {}, expected an integer", i, t.str()));
    }
    extent = tir::cast(i64, extent);
    int64_t value = 0;
    if (tir::is_const_int(extent, &value) && value < 1) {
      fail("E0405", operation, fmt::format("extent {} is {}, expected at least 1", i, value));
    }
  }
  return shape;
}

Expr coerce(const Expr& e, DataType dtype, const std::string& operation, const std::string& what) {
  if (!e.defined()) fail("E0414", operation, fmt::format("{} is missing (a null expression)", what));
  if (e.dtype() == dtype) return e;
  if ((tir::as<tir::IntImmNode>(e) && !e.dtype().is_bool() && !dtype.is_bool()) ||
      (tir::as<tir::FloatImmNode>(e) && dtype.is_floating())) {
    return tir::cast(dtype, e);
  }
  fail("E0410", operation, fmt::format("{} has type {}, expected {}", what, e.dtype().str(), dtype.str()),
       fmt::format("te::cast({}, ...)", dtype.str()));
}

std::vector<Tensor> tensors_read(const std::vector<Expr>& exprs, const std::string& operation) {
  std::vector<Tensor> tensors;
  std::unordered_set<const tir::BufferNode*> seen;
  for (const Expr& e : exprs) {
    if (!e.defined()) continue;
    tir::post_order(e, [&](const Expr& part) {
      const auto* load = tir::as<tir::LoadNode>(part);
      if (!load || !seen.insert(load->buffer.get()).second) return;
      Tensor t = Tensor::of(load->buffer);
      if (!t.defined()) {
        fail("E0401", operation, fmt::format("buffer `{}` is read but is no tensor", load->buffer.name()),
             "te::placeholder declares an input");
      }
      tensors.push_back(std::move(t));
    });
  }
  return tensors;
}

}  // namespace tilewright::te
