// Calls of compiled functions with the interpreter's arrays.
#pragma once

#include <vector>

#include "tilewright/runtime/abi.h"
#include "tilewright/runtime/runtime.h"
#include "tilewright/tir/interpreter.h"

namespace tilewright::codegen::test {

inline TwDataType dl_type(tir::DataType t) {
  uint8_t code = t.is_int()                         ? TW_DTYPE_INT
                 : t.is_uint()                      ? TW_DTYPE_UINT
                 : t.is_bool()                      ? TW_DTYPE_BOOL
                 : t.code == tir::TypeCode::kBfloat ? TW_DTYPE_BFLOAT
                                                    : TW_DTYPE_FLOAT;
  return {code, t.bits, 1};
}

/// Calls with host arrays; those of rank 0 are scalars.
inline void call_with(const runtime::Function& f, std::vector<tir::HostArray>& arrays) {
  std::vector<TwDLTensor> tensors(arrays.size());
  std::vector<TwAny> args(arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    tir::HostArray& a = arrays[i];
    args[i] = {};
    if (a.shape.empty()) {
      args[i].type_index = a.dtype.is_floating() ? TW_TYPE_FLOAT : TW_TYPE_INT;
      if (a.dtype.is_floating()) {
        args[i].v_float64 = a.get(0);
      } else {
        args[i].v_int64 = a.get_int(0);
      }
      continue;
    }
    tensors[i] = {a.bytes.data(),
                  {TW_DEVICE_CPU, 0},
                  static_cast<int32_t>(a.shape.size()),
                  dl_type(a.dtype),
                  a.shape.data(),
                  nullptr,
                  0};
    args[i].type_index = TW_TYPE_DLTENSOR;
    args[i].v_ptr = &tensors[i];
  }
  f.call(args.data(), static_cast<int32_t>(args.size()));
}

}  // namespace tilewright::codegen::test
