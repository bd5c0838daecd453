#include "codegen/metadata.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "codegen/cpu_info.h"
#include "tilewright/runtime/abi.h"
#include "tilewright/tir/printer.h"

namespace tilewright::codegen {

// Keys in a fixed order of our own.
using Json = nlohmann::ordered_json;

std::vector<std::string> required_features(const Target& target) {
  // Only tracked ones: LLVM's tuning flags, which a user may give too, are no instructions.
  const auto& tracked = tracked_features(triple_arch(target.triple));
  std::vector<std::string> out;
  for (const std::string& feature : target.features) {
    std::string name = feature.substr(1);
    if (feature[0] == '+' && std::find(tracked.begin(), tracked.end(), name) != tracked.end()) out.push_back(name);
  }
  return out;
}

std::string metadata_json(const Signature& signature, const Target& target, const Provenance& provenance) {
  Json arguments = Json::array();
  for (const Argument& arg : signature.arguments) {
    Json shape = Json::array();
    for (size_t d = 0; d < arg.shape.size(); ++d) {
      if (arg.shape[d].symbol < 0) {
        shape.push_back(arg.shape[d].extent);
      } else {
        shape.push_back(tir::to_string(arg.shape_exprs[d]));
      }
    }
    Json entry = {{"name", arg.name}, {"dtype", arg.dtype.str()}};
    entry["kind"] = arg.is_tensor ? "tensor" : "scalar";
    entry["shape"] = std::move(shape);
    entry["role"] = arg.is_output ? "output" : "input";
    // A program that also reads what it writes wants its old contents.
    if (arg.is_output && arg.is_input) entry["read"] = true;
    arguments.push_back(std::move(entry));
  }
  Json root;
  root["version"] = 1;
  root["functions"] = Json::array({Json{{"name", signature.name}, {"arguments", std::move(arguments)}}});
  root["target"] = target.str();
  root["features"] = required_features(target);
  root["workload"] = provenance.workload;
  root["workload_hash"] = provenance.workload_hash;
  root["trace"] = provenance.trace;
  root["tir"] = provenance.tir;
  root["measured_ms"] = provenance.measured_ms;
  root["compiler"] = "tilewright 0.1.0, " + (target.kind == Target::Kind::kC ? "c" : backend_version());
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string metadata_section(const std::string& json) {
  TwMetaHeader header = {};
  std::memcpy(header.magic, TW_META_MAGIC, sizeof header.magic);
  header.abi_major = TW_ABI_MAJOR;
  header.abi_minor = TW_ABI_MINOR;
  header.json_bytes = json.size();
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  return out + json;
}

}  // namespace tilewright::codegen
