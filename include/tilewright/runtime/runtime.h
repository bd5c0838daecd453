#pragma once

// The runtime for C++ programs: everything that runs a compiled module, and no compiler.
//
//   namespace rt = tilewright::runtime;
//   rt::Module m = rt::load("./matmul.so");
//   rt::Tensor a = rt::Tensor::zeros({512, 512}), b = rt::Tensor::zeros({512, 512}), c = rt::Tensor::empty({512, 512});
//   m["matmul"](a, b, c);
#include "tilewright/runtime/error.h"
#include "tilewright/runtime/memory_pool.h"
#include "tilewright/runtime/module.h"
#include "tilewright/runtime/module_file.h"
#include "tilewright/runtime/tensor.h"
#include "tilewright/runtime/thread_pool.h"
#include "tilewright/runtime/timing.h"
