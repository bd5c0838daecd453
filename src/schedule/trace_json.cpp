// Traces as JSON.
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "schedule/instruction_table.h"

namespace tilewright::schedule {

using nlohmann::json;

namespace {

constexpr int kVersion = 1;
constexpr size_t kMaxText = 16 << 20, kMaxInstructions = 100000, kMaxOutputs = 10000;

json encode(const Operand& o) {
  switch (o.kind) {
    case Operand::Kind::kInt:
      return o.value;
    case Operand::Kind::kBlock:
      return fmt::format("b{}", o.value);
    case Operand::Kind::kLoop:
      return fmt::format("l{}", o.value);
    case Operand::Kind::kValue:
      return fmt::format("v{}", o.value);
    default:
      return nullptr;
  }
}

bool decode(const json& j, Operand* out) {
  if (j.is_null()) return *out = {}, true;
  if (j.is_number_integer()) {
    if (j.is_number_unsigned() && j.get<uint64_t>() > INT64_MAX) return false;
    return *out = {Operand::Kind::kInt, j.get<int64_t>()}, true;
  }
  if (!j.is_string()) return false;
  const auto& text = j.get_ref<const std::string&>();
  if (text.size() < 2) return false;
  out->kind = text[0] == 'b'   ? Operand::Kind::kBlock
              : text[0] == 'l' ? Operand::Kind::kLoop
              : text[0] == 'v' ? Operand::Kind::kValue
                               : Operand::Kind::kNone;
  if (out->kind == Operand::Kind::kNone || (text[1] == '0' && text.size() > 2) || text[1] == '-') return false;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), out->value);
  return error == std::errc() && end == text.data() + text.size() && out->value <= INT32_MAX;
}

bool integers(const json& j, std::vector<int64_t>* out) {
  if (!j.is_array()) return false;
  for (const json& x : j) {
    if (!x.is_number_integer() || (x.is_number_unsigned() && x.get<uint64_t>() > INT64_MAX)) return false;
    out->push_back(x.get<int64_t>());
  }
  return true;
}

bool decode(const json& j, char letter, Attribute* out) {
  if (j.is_string()) return *out = j.get<std::string>(), true;
  if (j.is_number_float()) return *out = j.get<double>(), true;
  if (j.is_number_integer()) {
    if (j.is_number_unsigned() && j.get<uint64_t>() > INT64_MAX) return false;
    return *out = j.get<int64_t>(), true;
  }
  if (letter == 'D') {
    std::vector<double> numbers;
    if (!j.is_array()) return false;
    for (const json& x : j) {
      if (!x.is_number_float()) return false;
      numbers.push_back(x.get<double>());
    }
    return *out = std::move(numbers), true;
  }
  std::vector<int64_t> list;
  if (!integers(j, &list)) return false;
  return *out = std::move(list), true;
}

Diagnostic bad(std::string message, std::string where = "trace") {
  Diagnostic d;
  d.code = codes::kBadTraceText;
  d.operation = std::move(where);
  d.message = std::move(message);
  return d;
}

/// The instruction, or what is wrong with it.
std::string decode(const json& j, Instruction* out) {
  if (!j.is_array() || j.size() < 4 || j.size() > 5)
    return "it is no list of name, inputs, attributes and output count";
  if (!j[0].is_string()) return "its name is no string";
  const Row* row = find_row(j[0].get_ref<const std::string&>());
  if (!row) return fmt::format("there is no instruction {}", j[0].dump(-1, ' ', false, json::error_handler_t::replace));
  out->kind = row->kind;
  if (!j[1].is_array()) return "its inputs are no list";
  for (const json& x : j[1]) {
    Operand o;
    if (!decode(x, &o)) return fmt::format("input {} is no handle, integer or null", out->inputs.size());
    out->inputs.push_back(o);
  }
  if (!j[2].is_array()) return "its attributes are no list";
  for (const json& x : j[2]) {
    const size_t n = out->attributes.size();
    Attribute a;
    if (!decode(x, n < std::strlen(row->attributes) ? row->attributes[n] : 'A', &a))
      return fmt::format("attribute {} has a type that no attribute has", n);
    out->attributes.push_back(std::move(a));
  }
  if (!j[3].is_number_integer() || j[3].get<int64_t>() < 0 || j[3].get<int64_t>() > static_cast<int64_t>(kMaxOutputs))
    return "its output count is no small number";
  out->output_count = static_cast<uint32_t>(j[3].get<int64_t>());
  if (row->output == OutputType::kNone && out->output_count) return "it has no outputs";
  if (j.size() == 5) {
    Decision d;
    if (!integers(j[4], &d)) return "its decision is no list of integers";
    out->decision = std::move(d);
  }
  return check_shape(*row, *out);
}

}  // namespace

std::string Trace::to_json() const {
  json list = json::array();
  for (const auto& shared : instructions_) {
    const Instruction& i = *shared;
    json inputs = json::array(), attributes = json::array();
    for (const Operand& o : i.inputs) inputs.push_back(encode(o));
    for (const Attribute& a : i.attributes) {
      std::visit([&](const auto& x) { attributes.push_back(x); }, a);
    }
    json item = json::array({row_of(i.kind).name, std::move(inputs), std::move(attributes), i.output_count});
    if (i.decision) item.push_back(*i.decision);
    list.push_back(std::move(item));
  }
  json out;
  out["trace"] = std::move(list);
  out["v"] = kVersion;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Expected<Trace> Trace::from_json(std::string_view text) {
  if (text.size() > kMaxText) return bad("the text is longer than 16 MiB");
  // A trace nests three lists; deeper text is refused before it is read, so that it cannot exhaust the stack.
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > 6) return bad("the text nests more deeply than a trace");
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  const json j = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (j.is_discarded()) return bad("the text is no JSON");
  if (!j.is_object() || !j.contains("v") || !j.contains("trace") || j.size() != 2)
    return bad("the text is no object with the keys \"v\" and \"trace\"");
  if (!j["v"].is_number_integer() || j["v"] != kVersion)
    return bad(fmt::format("the version is {}, expected is {}",
                           j["v"].dump(-1, ' ', false, json::error_handler_t::replace), kVersion));
  if (!j["trace"].is_array() || j["trace"].size() > kMaxInstructions)
    return bad("the value of \"trace\" is no list of at most 100000 instructions");
  Trace out;
  int64_t known[3] = {};
  for (const json& item : j["trace"]) {
    Instruction i;
    const std::string where = fmt::format("instruction {}", out.size());
    if (std::string problem = decode(item, &i); !problem.empty()) return bad(std::move(problem), where);
    for (const Operand& o : i.inputs) {
      const int type = o.kind == Operand::Kind::kBlock   ? 0
                       : o.kind == Operand::Kind::kLoop  ? 1
                       : o.kind == Operand::Kind::kValue ? 2
                                                         : -1;
      if (type >= 0 && o.value >= known[type])
        return bad("an input refers to an output that no earlier instruction has", where);
    }
    const Row& row = row_of(i.kind);
    if (row.output != OutputType::kNone) known[static_cast<int>(row.output) - 1] += i.output_count;
    out.instructions_.push_back(std::make_shared<const Instruction>(std::move(i)));
  }
  return out;
}

}  // namespace tilewright::schedule
