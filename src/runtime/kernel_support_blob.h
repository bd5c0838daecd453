#pragma once

#include <string_view>

// The support code that goes into every exported module, carried inside the compiler as bytes.
namespace tilewright::runtime {

// One self-contained C11 file, the interface header included. In a generated file it comes before any other text,
// because it asks libc for declarations beyond plain C.
std::string_view kernel_support_source();

// The text of tilewright/runtime/abi.h.
std::string_view kernel_support_header();

// The relocatable ELF object of the source: position independent, hidden symbols, baseline instruction set.
std::string_view kernel_support_object();

}  // namespace tilewright::runtime
