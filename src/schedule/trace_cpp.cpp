// Traces as C++.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ostream>

#include "schedule/instruction_table.h"

namespace tilewright::schedule {

namespace {

std::string quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (c == '\n')
      out += "\\n";
    else if (u < 32 || u == 127)
      out += fmt::format("\\{:03o}", u);
    else
      out += c;
  }
  return out + "\"";
}

std::string number(double x) {
  std::string text = fmt::format("{}", x);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string spell(const Attribute& a) {
  if (const auto* v = std::get_if<int64_t>(&a)) return std::to_string(*v);
  if (const auto* v = std::get_if<double>(&a)) return number(*v);
  if (const auto* v = std::get_if<std::string>(&a)) return quote(*v);
  std::vector<std::string> items;
  if (const auto* v = std::get_if<std::vector<int64_t>>(&a)) {
    for (const int64_t x : *v) items.push_back(std::to_string(x));
    return fmt::format("{{{}}}", fmt::join(items, ", "));
  }
  for (const double x : std::get<std::vector<double>>(a)) items.push_back(number(x));
  return fmt::format("{{{}}}", fmt::join(items, ", "));
}

/// An annotation's value has a variant type, so its alternative must be plain.
std::string spell_annotation(const Attribute& a) {
  if (const auto* v = std::get_if<std::vector<int64_t>>(&a)) return "std::vector<int64_t>" + spell(*v);
  if (std::holds_alternative<std::string>(a)) return fmt::format("std::string({})", spell(a));
  if (std::holds_alternative<int64_t>(a)) return fmt::format("int64_t{{{}}}", spell(a));
  return spell(a);
}

std::string spell(const Operand& o) {
  switch (o.kind) {
    case Operand::Kind::kNone:
      return "nullopt";
    case Operand::Kind::kInt:
      return std::to_string(o.value);
    case Operand::Kind::kBlock:
      return fmt::format("b{}", o.value);
    case Operand::Kind::kLoop:
      return fmt::format("l{}", o.value);
    case Operand::Kind::kValue:
      return fmt::format("v{}", o.value);
  }
  return "";
}

std::string call(const Row& row, const Instruction& i) {
  std::string out;
  for (const char* p = row.cpp; *p; ++p) {
    if (*p != '$') {
      out += *p;
      continue;
    }
    ++p;
    if (*p == 'n') {
      out += std::to_string(i.output_count);
    } else if (*p == 'd') {
      out += i.decision ? spell(Attribute(*i.decision)) : "{}";
    } else if (*p == 'a') {
      const size_t n = *++p - '0';
      out += row.attributes[n] == 'A' ? spell_annotation(i.attributes[n]) : spell(i.attributes[n]);
    } else if (*p == 'b') {
      out += std::get<int64_t>(i.attributes[*++p - '0']) ? "true" : "false";
    } else if (*p == 'x') {
      out += std::get<int64_t>(i.attributes[*++p - '0']) ? "Access::kWrite" : "Access::kRead";
    } else {
      size_t n = *p - '0';
      out += spell(i.inputs[n]);
      if (p[1] != '*') continue;
      for (++n, ++p; n < i.inputs.size(); ++n) out += ", " + spell(i.inputs[n]);
    }
  }
  return out;
}

}  // namespace

std::string Trace::as_cpp(std::string_view name) const {
  std::string out;
  uint32_t next[4] = {};
  int lists = 0;
  for (const auto& shared : instructions_) {
    const Instruction& i = *shared;
    const Row& row = row_of(i.kind);
    if (std::string problem = check_shape(row, i); !problem.empty()) {
      out += fmt::format("// {}: {}\n", row.name, problem);
      continue;
    }
    const char letter = row.output == OutputType::kBlock ? 'b' : row.output == OutputType::kLoop ? 'l' : 'v';
    uint32_t& first = next[static_cast<int>(row.output)];
    std::vector<std::string> names;
    for (uint32_t k = 0; k < i.output_count; ++k) names.push_back(fmt::format("{}{}", letter, first + k));
    first += i.output_count;
    const std::string spelled = fmt::format("{}.{}", name, call(row, i));
    const bool array = std::string_view(row.cpp).find("$n") != std::string_view::npos || i.output_count > 1;
    if (row.flags & kList) {
      if (names.empty()) {
        out += spelled + ";\n";
        continue;
      }
      out += fmt::format("const auto r{} = {};\n", lists, spelled);
      for (size_t k = 0; k < names.size(); ++k) out += fmt::format("const auto {} = r{}.at({});\n", names[k], lists, k);
      ++lists;
    } else if (names.empty()) {
      out += spelled + ";\n";
    } else if (array) {
      out += fmt::format("auto [{}] = {};\n", fmt::join(names, ", "), spelled);
    } else {
      out += fmt::format("auto {} = {};\n", names[0], spelled);
    }
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Trace& trace) {
  return out << trace.as_cpp();
}

}  // namespace tilewright::schedule
