#include "codegen/c/c_entry.h"

#include <fmt/format.h>

#include "codegen/c/c_text.h"
#include "tilewright/runtime/abi.h"

namespace tilewright::codegen {
namespace {

const char* dtype_code(tir::DataType t) {
  switch (t.code) {
    case tir::TypeCode::kInt:
      return "TW_DTYPE_INT";
    case tir::TypeCode::kUint:
      return "TW_DTYPE_UINT";
    case tir::TypeCode::kBfloat:
      return "TW_DTYPE_BFLOAT";
    case tir::TypeCode::kBool:
      return "TW_DTYPE_BOOL";
    default:
      return "TW_DTYPE_FLOAT";
  }
}

std::string descriptors(const Signature& s, const std::string& prefix) {
  std::string text, rows;
  for (size_t i = 0; i < s.arguments.size(); ++i) {
    const Argument& a = s.arguments[i];
    std::string dims;
    for (const Dimension& d : a.shape)
      dims += fmt::format("{}{{{}, {}}}", dims.empty() ? "" : ", ", d.extent, d.symbol);
    const std::string shape = fmt::format("{}_shape{}", prefix, i);
    if (!dims.empty()) text += fmt::format("static const TwDimDesc {}[] = {{{}}};\n", shape, dims);
    const char* kind = a.is_tensor ? "TW_ARG_TENSOR" : a.dtype.is_floating() ? "TW_ARG_FLOAT" : "TW_ARG_INT";
    rows += fmt::format("    {{{}, {}, {}, {{{}, {}, 1}}, {}, {}, NULL, {}, TW_DEVICE_CPU}},\n",
                        c_string_literal(a.name), kind, a.is_output ? "TW_ARG_OUTPUT" : "0", dtype_code(a.dtype),
                        a.dtype.bits, a.shape.size(), dims.empty() ? "NULL" : shape, a.alignment);
  }
  if (!rows.empty()) text += fmt::format("static const TwArgDesc {}_arguments[] = {{\n{}}};\n", prefix, rows);
  text += fmt::format("static const TwFunctionDesc {}_description = {{{}, {}, {}, {}}};\n", prefix,
                      c_string_literal(s.name), s.arguments.size(), s.num_symbols(),
                      rows.empty() ? "NULL" : prefix + "_arguments");
  return text;
}

/// Takes arguments at their word.
std::string unchecked(const Signature& s) {
  std::string text;
  std::vector<bool> bound(s.symbols.size(), false);
  for (size_t i = 0; i < s.arguments.size(); ++i) {
    const Argument& a = s.arguments[i];
    if (!a.is_tensor) {
      text += fmt::format("  memcpy(&data[{0}], &args[{0}].v_int64, 8);\n", i);
      continue;
    }
    text += fmt::format(
        "  {{\n    const TwDLTensor* t = (const TwDLTensor*)(const void*)((const char*)args[{0}].v_ptr +\n"
        "        (args[{0}].type_index >= TW_TYPE_OBJECT_BEGIN ? TW_OBJECT_HEADER_BYTES : 0));\n"
        "    data[{0}] = (char*)t->data + t->byte_offset;\n",
        i);
    for (size_t d = 0; d < a.shape.size(); ++d) {
      const int symbol = a.shape[d].symbol;
      if (symbol < 0 || bound[static_cast<size_t>(symbol)]) continue;
      bound[static_cast<size_t>(symbol)] = true;
      text += fmt::format("    symbols[{}] = t->shape[{}];\n", symbol, d);
    }
    text += "  }\n";
  }
  return text;
}

}  // namespace

std::string c_entry(const Signature& s, const std::string& kernel, bool check_arguments,
                    const std::string& size_checks) {
  std::string text = check_arguments ? descriptors(s, kernel) + "\n" : "";
  text += fmt::format(
      "__attribute__((visibility(\"default\"))) int {0}{1}(void* self, const TwAny* args, int32_t num_args, TwAny* "
      "result);\n"
      "int {0}{1}(void* self, const TwAny* args, int32_t num_args, TwAny* result) {{\n  (void)self;\n",
      TW_FUNCTION_PREFIX, s.name);
  text += fmt::format("  void* data[{}];\n  int64_t symbols[{}] = {{0}};\n  (void)symbols;\n",
                      std::max<size_t>(1, s.arguments.size()), std::max<size_t>(1, s.symbols.size()));
  if (check_arguments)
    text += fmt::format(
        "  if (__tilewright_unpack_args(&{}_description, args, num_args, data, symbols) != 0) return -1;\n", kernel);
  else
    text += "  (void)num_args;\n  (void)args;\n" + unchecked(s);
  std::string list;
  for (size_t i = 0; i < s.arguments.size(); ++i) {
    const Argument& a = s.arguments[i];
    const std::string type = c_memory_type(a.dtype);
    std::string x;
    if (a.is_tensor) {
      x = fmt::format("({}{}*)data[{}]", a.is_output ? "" : "const ", type, i);
    } else {
      const bool is_float = a.dtype.is_floating();
      text +=
          fmt::format("  {0} scalar{1};\n  memcpy(&scalar{1}, &data[{1}], 8);\n", is_float ? "double" : "int64_t", i);
      const bool small = is_float && a.dtype.bits == 16;
      x = small               ? fmt::format("tw_{}(tw_round_to_odd(scalar{}))",
                              a.dtype.code == tir::TypeCode::kBfloat ? "float_to_bfloat" : "float_to_half", i)
          : a.dtype.is_bool() ? fmt::format("scalar{} != 0", i)
                              : fmt::format("({})scalar{}", c_type(a.dtype), i);
    }
    list += (list.empty() ? "" : ", ") + x;
  }
  for (size_t i = 0; i < s.symbols.size(); ++i) {
    if (s.symbols[i].defined()) list += fmt::format("{}symbols[{}]", list.empty() ? "" : ", ", i);
  }
  text += size_checks;
  text += fmt::format("  if ({}({}) != 0) return -1;\n", kernel, list);
  return text +
         "  result->type_index = TW_TYPE_NONE;\n  result->padding = 0;\n  result->v_int64 = 0;\n  return 0;\n}\n";
}

std::string c_metadata(const std::string& bytes) {
  std::string rows;
  for (size_t i = 0; i < bytes.size(); ++i)
    rows +=
        fmt::format("{}{},", i % 24 == 0 ? "\n    " : "", static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
  return fmt::format(
      "\n__attribute__((section(\"{}\"), used, aligned(8))) static const unsigned char __tilewright_meta[{}] = "
      "{{{}\n}};\n",
      TW_META_SECTION, bytes.size(), rows);
}

}  // namespace tilewright::codegen
