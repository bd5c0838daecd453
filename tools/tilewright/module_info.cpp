#include "module_info.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdint>

namespace tilewright::cli {
namespace {

constexpr int64_t kMaxExtent = INT32_MAX;

std::string name_of(const Json& object) {
  const auto it = object.find("name");
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

ModuleInfo read_module_info(const std::string& path, const std::string& bytes) {
  ModuleInfo info;
  try {
    info.file = runtime::inspect_file(bytes);
    if (info.file.sealed && !runtime::checksum_matches(bytes))
      refuse(fmt::format("{}: the checksum does not match: the file was changed since it was written", path));
  } catch (const runtime::Error& e) {
    const std::string text = e.what();
    refuse(text.find(path) == std::string::npos ? path + ": " + text : text);
  }
  info.metadata = Json::parse(info.file.metadata, nullptr, false);
  if (!info.metadata.is_object()) refuse(fmt::format("{}: the metadata is no JSON object", path));
  return info;
}

Json function_entry(const ModuleInfo& info, const std::string& function) {
  const auto functions = info.metadata.find("functions");
  if (functions == info.metadata.end() || !functions->is_array()) return Json::object();
  for (const Json& entry : *functions) {
    if (entry.is_object() && name_of(entry) == function) return entry;
  }
  return Json::object();
}

std::vector<ArgumentSpec> arguments_of(const ModuleInfo& info, const std::string& function) {
  const Json entry = function_entry(info, function);
  const auto arguments = entry.find("arguments");
  if (arguments == entry.end() || !arguments->is_array())
    refuse(fmt::format("the metadata does not tell the arguments of `{}`", function));
  std::vector<ArgumentSpec> specs;
  for (const Json& argument : *arguments) {
    const auto malformed = [&](const char* what) {
      refuse(fmt::format("argument {} of `{}` in the metadata: {}", specs.size(), function, what));
    };
    if (!argument.is_object()) malformed("no object");
    const auto text = [&](const char* key) {
      const auto it = argument.find(key);
      return it != argument.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    if (text("kind") != "tensor") malformed("a number, expected a tensor");
    const auto type = tir::parse_type(text("dtype"));
    if (!type) malformed("its type is unknown");
    ArgumentSpec spec{text("name"), *type, {}, false, false};
    const auto shape = argument.find("shape");
    if (shape == argument.end() || !shape->is_array()) malformed("it has no shape");
    for (const Json& extent : *shape) {
      if (extent.is_string()) malformed("its shape is symbolic, expected numbers; give --check WORKLOAD");
      if (!extent.is_number_integer()) malformed("its shape is not made of numbers");
      spec.shape.push_back(extent.get<int64_t>());
      if (spec.shape.back() < 1 || spec.shape.back() > kMaxExtent) malformed("an extent is out of range");
    }
    spec.output = text("role") == "output";
    const auto read = argument.find("read");
    spec.input = !spec.output || (read != argument.end() && read->is_boolean() && read->get<bool>());
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace tilewright::cli
