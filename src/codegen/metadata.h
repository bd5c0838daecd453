// What a module says about itself: JSON in the section `.tilewright.meta`.
#pragma once

#include <string>

#include "codegen/signature.h"
#include "tilewright/codegen/build.h"

namespace tilewright::codegen {

/// The JSON object; equal input gives equal bytes.
std::string metadata_json(const Signature& signature, const Target& target, const Provenance& provenance);

/// The section's contents: header (unsealed) and JSON.
std::string metadata_section(const std::string& json);

/// Names of the instruction sets that the code of `target` needs, without sign.
std::vector<std::string> required_features(const Target& target);

}  // namespace tilewright::codegen
