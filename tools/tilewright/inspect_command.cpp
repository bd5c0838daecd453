// tilewright inspect: what a module says about itself, read without running any of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli.h"
#include "files.h"
#include "module_info.h"

namespace tilewright::cli {
namespace {

std::string hex(const std::array<uint8_t, 32>& bytes) {
  std::string out;
  for (const uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

std::string text_of(const Json& metadata, const char* key) {
  if (!metadata.is_object()) return "";
  const auto it = metadata.find(key);
  if (it == metadata.end()) return "";
  return it->is_string() ? it->get<std::string>() : it->dump();
}

/// The array at a key; empty when there is none: metadata may hold anything.
Json list_of(const Json& object, const char* key) {
  if (!object.is_object()) return Json::array();
  const auto it = object.find(key);
  return it != object.end() && it->is_array() ? *it : Json::array();
}

std::string argument_text(const Json& argument) {
  std::string shape;
  for (const Json& extent : list_of(argument, "shape"))
    shape += (shape.empty() ? "" : ", ") + (extent.is_string() ? extent.get<std::string>() : extent.dump());
  return fmt::format("{} {}: {}[{}]", text_of(argument, "role"), text_of(argument, "name"), text_of(argument, "dtype"),
                     shape);
}

void print_text(const std::string& path, size_t bytes, const ModuleInfo& info) {
  const Json& m = info.metadata;
  fmt::print("{}: {} bytes, {}, ABI {}.{}\n", path, bytes, info.file.architecture, info.file.abi_major,
             info.file.abi_minor);
  for (const std::string& name : info.file.functions) {
    fmt::print("function {}\n", name);
    for (const Json& argument : list_of(function_entry(info, name), "arguments"))
      fmt::print("  {}\n", argument_text(argument));
  }
  for (const char* key : {"workload", "workload_hash", "target"}) fmt::print("{}: {}\n", key, text_of(m, key));
  std::string features;
  for (const Json& feature : list_of(m, "features"))
    features += (features.empty() ? "" : " ") + (feature.is_string() ? feature.get<std::string>() : feature.dump());
  fmt::print("needs: {}\n", features);
  const auto measured = m.find("measured_ms");
  const double ms = measured != m.end() && measured->is_number() ? measured->get<double>() : 0;
  fmt::print("measured: {}\n", ms > 0 ? fmt::format("{:.4g} ms", ms) : std::string("never"));
  fmt::print("compiler: {}\n", text_of(m, "compiler"));
  fmt::print("sha256: {} ({})\n", hex(info.file.sha256), info.file.sealed ? "right" : "not sealed");
  if (const std::string trace = text_of(m, "trace"); !trace.empty()) fmt::print("trace: {}\n", trace);
  if (const std::string tir = text_of(m, "tir"); !tir.empty()) fmt::print("loop IR:\n{}\n", tir);
}

int inspect(const std::string& path, bool json) {
  const std::string bytes = read_whole_file(path);
  const ModuleInfo info = read_module_info(path, bytes);
  if (!json) {
    print_text(path, bytes.size(), info);
    return kDone;
  }
  Json out = {{"file", path},
              {"bytes", bytes.size()},
              {"architecture", info.file.architecture},
              {"abi", fmt::format("{}.{}", info.file.abi_major, info.file.abi_minor)},
              {"sealed", info.file.sealed},
              {"sha256", hex(info.file.sha256)},
              {"exported", info.file.functions}};
  for (const auto& [key, value] : info.metadata.items()) {
    if (!out.contains(key)) out[key] = value;
  }
  print_json(out);
  return kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Action* action) {
  CLI::App* sub = app.add_subcommand("inspect", "Show what a compiled .so says about itself");
  struct Args {
    std::string path;
    bool json = false;
  };
  auto args = std::make_shared<Args>();
  sub->add_option("file", args->path, "The .so")->required()->type_name("X.so");
  sub->add_flag("--json", args->json, "Print one JSON object");
  sub->callback([=] { *action = [=] { return inspect(args->path, args->json); }; });
}

}  // namespace tilewright::cli
