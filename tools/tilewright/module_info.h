// A module's metadata as JSON, checked as far as the commands rely on it.
#pragma once

#include <string>
#include <vector>

#include "arguments.h"
#include "cli.h"
#include "tilewright/runtime/module_file.h"

namespace tilewright::cli {

struct ModuleInfo {
  runtime::ModuleFileInfo file;
  Json metadata;  // an object
};

/// Exit 2 when the bytes are no whole module of ours: damaged, truncated, of another ABI, with metadata that is no JSON
/// object. `path` is for messages.
ModuleInfo read_module_info(const std::string& path, const std::string& bytes);

/// What the metadata says about an exported function; an empty object when nothing.
Json function_entry(const ModuleInfo& info, const std::string& function);

/// Arguments of a function as the metadata gives them; exit 2 for numbers, symbolic shapes and anything malformed.
std::vector<ArgumentSpec> arguments_of(const ModuleInfo& info, const std::string& function);

}  // namespace tilewright::cli
