#include "runtime/kernel_support_blob.h"

// Written by cmake/EmbedKernelSupport.cmake.
extern const unsigned char tilewright_kernel_support_source[];
extern const unsigned char tilewright_kernel_support_header[];
extern const unsigned char tilewright_kernel_support_object[];
extern const unsigned long tilewright_kernel_support_source_bytes;
extern const unsigned long tilewright_kernel_support_header_bytes;
extern const unsigned long tilewright_kernel_support_object_bytes;

namespace tilewright::runtime {

namespace {

std::string_view as_text(const unsigned char* bytes, unsigned long count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace

std::string_view kernel_support_source() {
  return as_text(tilewright_kernel_support_source, tilewright_kernel_support_source_bytes);
}

std::string_view kernel_support_header() {
  return as_text(tilewright_kernel_support_header, tilewright_kernel_support_header_bytes);
}

std::string_view kernel_support_object() {
  return as_text(tilewright_kernel_support_object, tilewright_kernel_support_object_bytes);
}

}  // namespace tilewright::runtime
