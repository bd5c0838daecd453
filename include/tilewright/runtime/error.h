#pragma once

#include <stdexcept>
#include <string>

#include "tilewright/runtime/c_api.h"

namespace tilewright::runtime {

// What went wrong, for programs; the text is for people. The numbers are those of the C interface.
enum class ErrorCode : int {
  kInvalidArgument = TW_ERROR_INVALID_ARGUMENT,
  kMissingFile = TW_ERROR_MISSING_FILE,
  kTruncatedFile = TW_ERROR_TRUNCATED_FILE,
  kNotElf = TW_ERROR_NOT_ELF,
  kWrongArchitecture = TW_ERROR_WRONG_ARCHITECTURE,
  kNotAModule = TW_ERROR_NOT_A_MODULE,
  kMalformedFile = TW_ERROR_MALFORMED_FILE,
  kUnknownAbi = TW_ERROR_UNKNOWN_ABI,
  kChecksum = TW_ERROR_CHECKSUM,
  kMissingCpuFeature = TW_ERROR_MISSING_CPU_FEATURE,
  kLoadFailed = TW_ERROR_LOAD_FAILED,
  kMissingFunction = TW_ERROR_MISSING_FUNCTION,
  kCallFailed = TW_ERROR_CALL_FAILED,
  kOutOfMemory = TW_ERROR_OUT_OF_MEMORY,
  kInternal = TW_ERROR_INTERNAL,
};

// The one exception that this room throws. It never crosses the C interface.
class TILEWRIGHT_RUNTIME_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ~Error() override;

  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace tilewright::runtime
