// Pieces of C text: names, types, constants, and the small inline functions a file needs.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tilewright/tir/expr.h"

namespace tilewright::codegen {

/// How tightly the outermost operator of a text binds.
enum Precedence {
  kTernary,
  kLogicalOr,
  kLogicalAnd,
  kBitOr,
  kBitXor,
  kBitAnd,
  kEquality,
  kRelation,
  kShift,
  kSum,
  kProduct,
  kUnary,
  kPostfix,
};

/// Value range of an integer, both ends included.
struct ValueBounds {
  int64_t low = 0, high = 0;
  bool known = false;
};

struct CText {
  std::string text;
  Precedence precedence = kPostfix;
  ValueBounds bounds;
  /// A literal: of type int in C, whatever its type here.
  bool literal = false;
  /// In parentheses if it binds less tightly than `least`.
  std::string in(Precedence least) const { return precedence < least ? "(" + text + ")" : text; }
};

/// "float", "int32_t", "uint16_t" for 16-bit floats, "bool". Scalars only.
std::string c_type(tir::DataType t);
/// The type an element has in memory: as c_type, but uint8_t for bool.
std::string c_memory_type(tir::DataType t);
/// "f32x16": the name of the vector type and the suffix of helpers; scalars "f32".
std::string c_suffix(tir::DataType t);
/// f(32) -> "1.5f"; exact.
std::string c_float_literal(tir::DataType t, double value);
std::string c_int_literal(tir::DataType t, int64_t value);
/// "\"...\"" with everything escaped that C wants escaped.
std::string c_string_literal(std::string_view text);
/// All values of the type.
ValueBounds type_bounds(tir::DataType t);

/// Identifiers that are neither reserved nor taken.
class CNames {
 public:
  CNames();
  std::string fresh(std::string_view hint);
  /// The name's scope has ended.
  void release(const std::string& name) { taken_.erase(name); }

 private:
  std::set<std::string> taken_;
  std::map<std::string, int> next_;
};

/// The inline functions in front of a file, in an order in which each is defined before its use.
class CHelpers {
 public:
  /// Scalar helper by name ("add", "floordiv", "min", "to_int", ...) and type; returns the function's name.
  std::string scalar(const std::string& name, tir::DataType t);
  /// Saturating conversion of a float type to an integer type.
  std::string float_to_int(tir::DataType from, tir::DataType to);
  /// Same bits as another type of the same width.
  std::string reinterpret(tir::DataType from, tir::DataType to);
  /// Name of the vector type, which is declared.
  std::string vector_type(tir::DataType t);
  /// tw_<name>_<suffix of t>: applies `expression` of a, b, c to each lane. Arguments as C types and names.
  std::string lanes(const std::string& name, tir::DataType result, const std::vector<tir::DataType>& args,
                    const std::string& expression);
  /// Any other text under a unique name.
  void define(const std::string& name, const std::string& text);
  bool defined(const std::string& name) const { return names_.count(name) != 0; }

  bool needs_math = false, needs_string = false, needs_stdlib = false;
  /// Those that `code` uses, and what they use themselves.
  std::string text_for(std::string_view code) const;

 private:
  std::set<std::string> names_;
  std::vector<std::pair<std::string, std::string>> definitions_;
};

}  // namespace tilewright::codegen
