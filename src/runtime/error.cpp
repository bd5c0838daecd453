#include "tilewright/runtime/error.h"

namespace tilewright::runtime {

// Defined here so that the class's type information lies in this library only.
Error::~Error() = default;

}  // namespace tilewright::runtime
