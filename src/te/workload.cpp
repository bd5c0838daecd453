#include "tilewright/te/workload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "te/check.h"
#include "te/workload_table.h"
#include "tilewright/te/create_prim_func.h"
#include "tilewright/te/reduce.h"
#include "tilewright/tir/parser.h"

namespace tilewright::te {
namespace {

constexpr int64_t kMaxExtent = std::numeric_limits<int32_t>::max();
constexpr size_t kMaxFileBytes = size_t{64} << 20;

/// What a user registered; the entry's functions come from it.
struct Registry {
  std::mutex mutex;
  std::vector<UserWorkload> items;
};
Registry& registry() {
  static Registry r;
  return r;
}

Diagnostic problem(const char* code, std::string message) {
  Diagnostic d;
  d.code = code;
  d.operation = "workload";
  d.message = std::move(message);
  return d;
}

/// Input for a message: one line, printable, not too long.
std::string quote_input(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size() && i < 80; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 32 || c == 127)
      out += fmt::format("\\x{:02x}", c);
    else
      out += text[i];
  }
  return out + (text.size() > 80 ? "...\"" : "\"");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool may_be_zero(const std::string& parameter) {
  return parameter == "p" || parameter == "padding" || parameter == "pad";
}

/// One number of the text, within its range.
Expected<int64_t> parse_number(std::string_view text, const std::string& op, const std::string& parameter) {
  const int64_t low = may_be_zero(parameter) ? 0 : 1;
  const size_t first_digit = !text.empty() && text[0] == '-' ? 1 : 0;
  bool number = text.size() > first_digit;
  for (char c : text.substr(first_digit)) number = number && c >= '0' && c <= '9';
  if (!number)
    return problem("E0422",
                   fmt::format("{} of `{}` is {}, expected a decimal number", parameter, op, quote_input(text)));
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > kMaxExtent) {
    return problem("E0423", fmt::format("{} of `{}` is {}, expected {} .. {}", parameter, op,
                                        quote_input(text).substr(1, quote_input(text).size() - 2), low, kMaxExtent));
  }
  return value;
}

std::optional<OperandTypes> operand_types(const std::string& type) {
  if (type == "i8") return OperandTypes{i8, i8, i32};
  if (type == "u8i8") return OperandTypes{u8, i8, i32};
  const auto t = tir::parse_type(type);
  if (!t) return std::nullopt;
  return OperandTypes{*t, *t, *t};
}

/// An entry's view of a user's workload.
WorkloadEntry entry_of(const UserWorkload& user) {
  WorkloadEntry e;
  e.info.name = user.name;
  e.info.parameters = user.parameters;
  e.info.signature = "registered by the program";
  e.info.description = user.description;
  e.info.types = user.types;
  e.constant_candidates = user.constant_candidates;
  e.derived = [](const std::vector<int64_t>&) { return std::vector<std::pair<std::string, int64_t>>(); };
  e.flops = user.flops;
  return e;
}

double bytes_of(const std::vector<Expr>& shape, DataType dtype) {
  double bytes = dtype.bytes();
  for (const Expr& extent : shape) {
    int64_t n = 1;
    tir::is_const_int(extent, &n);
    bytes *= static_cast<double>(n);
  }
  return bytes;
}

/// Arguments and intermediate tensors together must fit: the unscheduled program that defines the right result runs
/// too.
Status check_memory(const std::string& name, const std::vector<Tensor>& tensors) {
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  double total = 0, largest = 0;
  std::string largest_name;
  for (const OperationRef& op : topological_order(tensors)) {
    for (const Operation::Result& r : op->results) {
      const double bytes = bytes_of(r.shape, r.dtype);
      total += bytes;
      if (bytes > largest) largest = bytes, largest_name = r.name;
    }
  }
  if (total <= memory) return {};
  return problem(
      "E0425",
      fmt::format("the tensors of `{}` take {:.3g} GiB (`{}` alone {:.3g} GiB), this machine has {:.3g} GiB of memory",
                  name, total / 0x1p30, largest_name, largest / 0x1p30, memory / 0x1p30));
}

Expected<Workload> load_file(std::string_view path) {
  std::ifstream in{std::string(path), std::ios::binary};
  std::string text;
  char chunk[1 << 16];
  do {
    in.read(chunk, sizeof chunk);
    text.append(chunk, static_cast<size_t>(in.gcount()));
  } while (in && text.size() <= kMaxFileBytes);
  if (text.empty()) return problem("E0428", fmt::format("the file {} cannot be read, or is empty", quote_input(path)));
  if (text.size() > kMaxFileBytes) {
    return problem("E0428", fmt::format("the file {} is larger than {} MiB", quote_input(path), kMaxFileBytes >> 20));
  }
  Expected<PrimFunc> func = tir::parse_func(text, path);
  if (!func) return func.error();
  Workload w;
  w.name = std::string(path);
  w.func = *func;
  w.op = w.func.name();
  w.flops = count_flops(w.func);
  const std::vector<tir::ParamUse> uses = tir::param_uses(w.func);
  for (size_t i = 0; i < uses.size(); ++i) {
    const Buffer& b = w.func->params[i].buffer;
    if (b.defined() && !uses[i].written) w.constant_candidates.push_back(b.name());
  }
  return w;
}

}  // namespace

std::vector<WorkloadInfo> list_workloads() {
  std::vector<WorkloadInfo> all;
  for (const WorkloadEntry& e : builtin_workloads()) all.push_back(e.info);
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  for (const UserWorkload& u : r.items) all.push_back(entry_of(u).info);
  return all;
}

std::string workloads_json() {
  nlohmann::ordered_json table = nlohmann::ordered_json::array();
  for (const WorkloadInfo& w : list_workloads()) {
    nlohmann::ordered_json row;
    row["name"] = w.name;
    row["parameters"] = w.parameters;
    row["signature"] = w.signature;
    row["description"] = w.description;
    row["types"] = w.types;
    row["example"] = w.example;
    table.push_back(std::move(row));
  }
  return table.dump();
}

Expected<Workload> parse_workload(std::string_view text) {
  if (text.size() > 4 && text.substr(text.size() - 4) == ".tir") return load_file(text);
  std::string_view body = text;
  const size_t at = body.find('@'), colon = body.find(':');
  std::string type = "f32";
  if (at != std::string_view::npos) {
    type = std::string(body.substr(at + 1));
    body = body.substr(0, at);
  }
  const std::string op(body.substr(0, colon));

  WorkloadEntry entry;
  std::optional<UserWorkload> user;
  for (const WorkloadEntry& e : builtin_workloads()) {
    if (e.info.name == op) entry = e;
  }
  if (entry.info.name.empty()) {
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    for (const UserWorkload& u : r.items) {
      if (u.name == op) user = u, entry = entry_of(u);
    }
  }
  // A file may have any name; one that ends in ".tir" is a file even when it is missing.
  std::error_code no_file;
  if (entry.info.name.empty() && std::filesystem::is_regular_file(text, no_file)) return load_file(text);
  if (entry.info.name.empty()) {
    std::vector<std::string> names;
    for (const WorkloadInfo& w : list_workloads()) names.push_back(w.name);
    Diagnostic d = problem("E0420", fmt::format("there is no workload {} (known: {}; or the path of a .tir file)",
                                                quote_input(op), fmt::join(names, ", ")));
    return d;
  }

  const std::vector<std::string>& parameters = entry.info.parameters;
  std::vector<std::string_view> parts;
  if (colon != std::string_view::npos && colon < body.size()) parts = split(body.substr(colon + 1), ',');
  if (parts.size() == 1 && parts[0].empty()) parts.clear();
  if (parts.size() != parameters.size()) {
    return problem("E0421", fmt::format("`{}` takes {} numbers, {}:{}, but {} were given in {}", op, parameters.size(),
                                        op, fmt::join(parameters, ","), parts.size(), quote_input(text)));
  }
  Workload w;
  w.op = op;
  for (size_t i = 0; i < parts.size(); ++i) {
    Expected<int64_t> n = parse_number(parts[i], op, parameters[i]);
    if (!n) return n.error();
    w.numbers.push_back(*n);
  }
  bool known_type = false;
  for (const std::string& t : entry.info.types) known_type = known_type || t == type;
  if (!known_type) {
    return problem("E0426", fmt::format("`{}` has no type {} (known: {})", op, quote_input(type),
                                        fmt::join(entry.info.types, ", ")));
  }
  w.type = type;
  w.name = fmt::format("{}:{}{}", op, fmt::join(w.numbers, ","), type == "f32" ? "" : "@" + type);
  for (const auto& [what, extent] : entry.derived(w.numbers)) {
    if (extent >= 1 && extent <= kMaxExtent) continue;
    return problem("E0424", fmt::format("{} of `{}` is {}, expected 1 .. {}", what, w.name,
                                        extent < 1 ? std::string("less than 1") : std::to_string(extent), kMaxExtent));
  }
  if (op == "grp" && (w.numbers[3] % w.numbers[8] != 0 || w.numbers[4] % w.numbers[8] != 0)) {
    return problem("E0423", fmt::format("groups of `{}` is {}, expected a divisor of CI = {} and of CO = {}", op,
                                        w.numbers[8], w.numbers[3], w.numbers[4]));
  }
  try {
    w.tensors = user ? user->build(w.numbers, type) : entry.build(w.numbers, *operand_types(type));
    if (Status fits = check_memory(w.name, w.tensors); !fits) return fits.error();
    w.func = create_prim_func(w.tensors, op);
  } catch (const Error& e) {
    return e.diagnostic();
  }
  w.flops = entry.flops ? entry.flops(w.numbers) : count_flops(w.func);
  w.constant_candidates = entry.constant_candidates;
  return w;
}

void register_workload(UserWorkload workload) {
  const char* operation = "te::register_workload";
  if (!is_identifier(workload.name) || workload.name[0] == '_') {
    fail(
        "E0427", operation,
        fmt::format("{} is no name for a workload: letters, digits and _, a letter first", quote_input(workload.name)));
  }
  if (!workload.build) fail("E0427", operation, fmt::format("`{}` has no function", workload.name));
  if (workload.parameters.empty()) fail("E0427", operation, fmt::format("`{}` has no parameters", workload.name));
  if (workload.types.empty()) workload.types = {"f32"};
  for (const WorkloadInfo& w : list_workloads()) {
    if (w.name == workload.name) fail("E0427", operation, fmt::format("there is a workload `{}` already", w.name));
  }
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  r.items.push_back(std::move(workload));
}

void register_workload(std::string name, std::vector<std::string> parameters,
                       std::function<std::vector<Tensor>(const std::vector<int64_t>& numbers)> build) {
  UserWorkload w;
  w.name = std::move(name);
  w.parameters = std::move(parameters);
  if (build) w.build = [build](const std::vector<int64_t>& n, const std::string&) { return build(n); };
  register_workload(std::move(w));
}

}  // namespace tilewright::te
