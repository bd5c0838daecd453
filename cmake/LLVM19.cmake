# tilewright_use_llvm(TARGET) links LLVM 19 as Debian ships it: the shared libLLVM and lld's static ELF driver.
# A second, static copy of LLVM must never be linked beside it: the two abort on duplicate options.
find_package(LLVM 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/llvm)

# lld compresses debug sections.
find_package(ZLIB REQUIRED)
find_library(TILEWRIGHT_ZSTD zstd REQUIRED)

function(tilewright_use_llvm target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  target_include_directories(${target} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
  target_compile_definitions(${target} PRIVATE ${LLVM_DEFINITIONS} TILEWRIGHT_HAVE_LLVM=1)
  target_link_libraries(${target} PRIVATE
    ${LLVM_LIBRARY_DIR}/liblldELF.a ${LLVM_LIBRARY_DIR}/liblldCommon.a ${LLVM_LIBRARY_DIR}/libLLVM-19.so
    ZLIB::ZLIB ${TILEWRIGHT_ZSTD})
  if(TILEWRIGHT_SANITIZE)
    # LLVM's placement operators, seen through the calls that sanitizers add, look mismatched to gcc.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
  endif()
endfunction()
