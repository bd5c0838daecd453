// The exported entry of a C file that is to become a module.
#pragma once

#include <string>

#include "codegen/signature.h"

namespace tilewright::codegen {

/// Descriptors and `__tvm_ffi_<name>`, which calls the plain function.
std::string c_entry(const Signature& signature, const std::string& kernel, bool check_arguments,
                    const std::string& size_checks);

/// A constant array of bytes in the metadata section.
std::string c_metadata(const std::string& bytes);

}  // namespace tilewright::codegen
