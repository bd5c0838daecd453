/* The argument checks that every exported module carries, driven by descriptors (abi.h, layer 3) so that generated code
 * stays small. Part of the support object, see kernel_support.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tilewright/runtime/abi.h"

#define TW_TEXT_BYTES 1024

typedef struct TwText {
  size_t length;
  char bytes[TW_TEXT_BYTES];
} TwText;

__attribute__((format(printf, 2, 3))) static __attribute__((cold, noinline)) void tw_print(TwText* text,
                                                                                           const char* format, ...) {
  va_list list;
  size_t left = sizeof(text->bytes) - text->length;
  va_start(list, format);
  int written = vsnprintf(text->bytes + text->length, left, format, list);
  va_end(list);
  if (written > 0) text->length += (size_t)written < left ? (size_t)written : left - 1;
}

static __attribute__((cold, noinline)) void tw_print_type(TwText* text, TwDataType type) {
  const char* name = type.code == TW_DTYPE_INT      ? "int"
                     : type.code == TW_DTYPE_UINT   ? "uint"
                     : type.code == TW_DTYPE_FLOAT  ? "float"
                     : type.code == TW_DTYPE_BFLOAT ? "bfloat"
                     : type.code == TW_DTYPE_BOOL   ? "bool"
                                                    : NULL;
  if (!name) {
    tw_print(text, "type code %d with %d bits", type.code, type.bits);
  } else if (type.code == TW_DTYPE_BOOL && type.bits == 8) {
    tw_print(text, "bool");
  } else {
    tw_print(text, "%s%d", name, type.bits);
  }
  if (type.lanes != 1) tw_print(text, "x%d", type.lanes);
}

static __attribute__((cold, noinline)) void tw_print_extents(TwText* text, const int64_t* values, int32_t count) {
  tw_print(text, "(");
  for (int32_t d = 0; d < count; ++d) tw_print(text, d ? ", %lld" : "%lld", (long long)values[d]);
  tw_print(text, count == 1 ? ",)" : ")");
}

/* The shape that is asked for: symbols by value where they are bound, by this tensor or an earlier one, else `any`. */
static __attribute__((cold, noinline)) void tw_print_expected(TwText* text, const TwArgDesc* arg,
                                                              const int64_t* symbols) {
  tw_print(text, "(");
  for (int32_t d = 0; d < arg->ndim; ++d) {
    TwDimDesc dim = arg->shape[d];
    int64_t extent = dim.symbol < 0 ? dim.extent : symbols[dim.symbol];
    if (d) tw_print(text, ", ");
    if (extent < 0) {
      tw_print(text, "any");
    } else {
      tw_print(text, "%lld", (long long)extent);
    }
  }
  tw_print(text, arg->ndim == 1 ? ",)" : ")");
}

static __attribute__((cold, noinline)) void tw_print_argument(TwText* text, const TwFunctionDesc* desc, int32_t i) {
  text->length = 0;
  tw_print(text, "%s: argument %d (%s): ", desc->name, i, desc->args[i].name);
}

static __attribute__((cold, noinline)) int tw_fail_kind(const TwFunctionDesc* desc, int32_t i, const TwAny* given) {
  static const char* const kExpected[] = {"a tensor", "an int", "a float"};
  TwText text;
  tw_print_argument(&text, desc, i);
  tw_print(&text, "expected %s, got ", kExpected[desc->args[i].kind]);
  switch (given->type_index) {
    case TW_TYPE_NONE:
      tw_print(&text, "None");
      break;
    case TW_TYPE_INT:
      tw_print(&text, "int %lld", (long long)given->v_int64);
      break;
    case TW_TYPE_BOOL:
      tw_print(&text, "bool");
      break;
    case TW_TYPE_FLOAT:
      tw_print(&text, "float %g", given->v_float64);
      break;
    case TW_TYPE_POINTER:
      tw_print(&text, "a bare pointer");
      break;
    case TW_TYPE_DLTENSOR:
    case TW_TYPE_TENSOR_OBJECT:
      tw_print(&text, given->v_ptr ? "a tensor" : "a null tensor");
      break;
    case TW_TYPE_RAW_STRING:
      tw_print(&text, "a string");
      break;
    default:
      tw_print(&text, "a value of type index %d", given->type_index);
  }
  return __tilewright_fail("TypeError", text.bytes);
}

/* What can be wrong with a tensor of the right kind; `value` is the offending number where there is one. */
typedef enum TwFault {
  kTwRank,
  kTwType,
  kTwDevice,
  kTwShape,
  kTwNoShape,
  kTwSize,
  kTwStrides,
  kTwNullData,
  kTwOffset,
  kTwAlignment,
} TwFault;

static __attribute__((cold, noinline)) int tw_fail_tensor(const TwFunctionDesc* desc, int32_t i,
                                                          const TwDLTensor* tensor, const int64_t* symbols,
                                                          TwFault fault, int64_t value) {
  const TwArgDesc* arg = &desc->args[i];
  TwText text;
  tw_print_argument(&text, desc, i);
  switch (fault) {
    case kTwRank:
      tw_print(&text, "expected %d dimensions, got %d", arg->ndim, tensor->ndim);
      break;
    case kTwType:
      tw_print(&text, "expected type ");
      tw_print_type(&text, arg->dtype);
      tw_print(&text, ", got ");
      tw_print_type(&text, tensor->dtype);
      return __tilewright_fail("TypeError", text.bytes);
    case kTwDevice:
      tw_print(&text, "expected a tensor on device type %d%s, got device type %d", arg->device_type,
               arg->device_type == TW_DEVICE_CPU ? " (cpu)" : "", tensor->device.type);
      break;
    case kTwShape:
      tw_print(&text, "expected shape ");
      tw_print_expected(&text, arg, symbols);
      tw_print(&text, ", got ");
      tw_print_extents(&text, tensor->shape, tensor->ndim);
      break;
    case kTwNoShape:
      tw_print(&text, "expected %d extents, got a null shape", arg->ndim);
      break;
    case kTwSize:
      tw_print(&text, "expected a size that fits into memory, got shape ");
      tw_print_extents(&text, tensor->shape, tensor->ndim);
      break;
    case kTwStrides:
      tw_print(&text, "expected stride %lld%s, got ", (long long)value, arg->strides ? "" : " (compact row-major)");
      if (tensor->strides) {
        tw_print(&text, "strides ");
        tw_print_extents(&text, tensor->strides, tensor->ndim);
      } else {
        tw_print(&text, "compact row-major strides");
      }
      tw_print(&text, " for shape ");
      tw_print_extents(&text, tensor->shape, tensor->ndim);
      break;
    case kTwNullData:
      tw_print(&text, "expected data, got a null pointer");
      break;
    case kTwOffset:
      tw_print(&text, "expected a byte offset inside the address space, got %llu",
               (unsigned long long)tensor->byte_offset);
      break;
    case kTwAlignment:
      tw_print(&text, "expected data aligned to %lld bytes, got address %p with byte offset %llu", (long long)value,
               tensor->data, (unsigned long long)tensor->byte_offset);
      break;
  }
  return __tilewright_fail("ValueError", text.bytes);
}

static int64_t tw_element_bytes(TwDataType type) {
  return ((int64_t)type.bits * type.lanes + 7) / 8;
}

static const TwDLTensor* tw_tensor_of(const TwAny* any) {
  if (any->type_index == TW_TYPE_DLTENSOR) return (const TwDLTensor*)any->v_ptr;
  if (any->type_index == TW_TYPE_TENSOR_OBJECT && any->v_ptr) {
    return (const TwDLTensor*)((const char*)any->v_ptr + TW_OBJECT_HEADER_BYTES);
  }
  return NULL;
}

static int tw_unpack_tensor(const TwFunctionDesc* desc, int32_t i, const TwDLTensor* tensor, void** data_out,
                            int64_t* symbols) {
  const TwArgDesc* arg = &desc->args[i];
  if (tensor->ndim != arg->ndim) return tw_fail_tensor(desc, i, tensor, symbols, kTwRank, 0);
  if (memcmp(&tensor->dtype, &arg->dtype, sizeof(TwDataType)) != 0) {
    return tw_fail_tensor(desc, i, tensor, symbols, kTwType, 0);
  }
  if (tensor->device.type != arg->device_type) return tw_fail_tensor(desc, i, tensor, symbols, kTwDevice, 0);
  if (arg->ndim > 0 && !tensor->shape) return tw_fail_tensor(desc, i, tensor, symbols, kTwNoShape, 0);

  int empty = 0;
  for (int32_t d = 0; d < arg->ndim; ++d) {
    int64_t extent = tensor->shape[d];
    TwDimDesc dim = arg->shape[d];
    int64_t expected = dim.symbol < 0 ? dim.extent : symbols[dim.symbol];
    if (extent < 0 || (expected >= 0 && extent != expected))
      return tw_fail_tensor(desc, i, tensor, symbols, kTwShape, 0);
    if (dim.symbol >= 0) symbols[dim.symbol] = extent;
    empty |= extent == 0;
  }

  const int64_t element = tw_element_bytes(arg->dtype);
  if (empty) {
    data_out[i] = tensor->data;
    return 0;
  }
  int64_t compact = 1;
  for (int32_t d = arg->ndim - 1; d >= 0; --d) {
    int64_t extent = tensor->shape[d];
    int64_t given = tensor->strides ? tensor->strides[d] : compact;
    int64_t expected = arg->strides ? arg->strides[d] : compact;
    if (given != expected && extent != 1) return tw_fail_tensor(desc, i, tensor, symbols, kTwStrides, expected);
    if (__builtin_mul_overflow(compact, extent, &compact)) return tw_fail_tensor(desc, i, tensor, symbols, kTwSize, 0);
  }
  if (__builtin_mul_overflow(compact, element, &compact)) return tw_fail_tensor(desc, i, tensor, symbols, kTwSize, 0);

  if (!tensor->data) return tw_fail_tensor(desc, i, tensor, symbols, kTwNullData, 0);
  uintptr_t address;
  if (__builtin_add_overflow((uintptr_t)tensor->data, (uintptr_t)tensor->byte_offset, &address)) {
    return tw_fail_tensor(desc, i, tensor, symbols, kTwOffset, 0);
  }
  uint32_t alignment = arg->alignment;
  if (!alignment) {
    alignment = (uint32_t)(arg->dtype.bits + 7) / 8;
    alignment &= (uint32_t)-(int32_t)alignment; /* odd sizes: the largest power of two that divides them */
  }
  if (alignment && (address & (alignment - 1))) {
    return tw_fail_tensor(desc, i, tensor, symbols, kTwAlignment, alignment);
  }
  data_out[i] = (void*)address;
  return 0;
}

/* The bytes that a checked tensor touches: [*low, *high). */
static void tw_span(const TwArgDesc* arg, const TwDLTensor* tensor, const void* data, uintptr_t* low, uintptr_t* high) {
  int64_t element = tw_element_bytes(arg->dtype), before = 0, after = 0, compact = 1;
  *low = *high = (uintptr_t)data;
  for (int32_t d = arg->ndim - 1; d >= 0; --d) {
    int64_t extent = tensor->shape[d];
    if (extent == 0) return;
    int64_t reach = (extent - 1) * (arg->strides ? arg->strides[d] : compact);
    if (reach < 0) before += reach;
    if (reach > 0) after += reach;
    compact *= extent;
  }
  *low += (uintptr_t)(before * element);
  *high += (uintptr_t)((after + 1) * element);
}

static __attribute__((cold, noinline)) int tw_fail_overlap(const TwFunctionDesc* desc, int32_t i, int32_t j) {
  TwText text;
  tw_print_argument(&text, desc, i);
  tw_print(&text, "expected an output apart from all other arguments, got memory that overlaps argument %d (%s)", j,
           desc->args[j].name);
  return __tilewright_fail("ValueError", text.bytes);
}

static int tw_check_overlap(const TwFunctionDesc* desc, const TwAny* args, void** data) {
  for (int32_t i = 0; i < desc->num_args; ++i) {
    const TwArgDesc* out = &desc->args[i];
    uintptr_t low, high;
    if (out->kind != TW_ARG_TENSOR || (out->flags & (TW_ARG_OUTPUT | TW_ARG_MAY_OVERLAP)) != TW_ARG_OUTPUT) continue;
    tw_span(out, tw_tensor_of(&args[i]), data[i], &low, &high);
    for (int32_t j = 0; j < desc->num_args; ++j) {
      const TwArgDesc* other = &desc->args[j];
      uintptr_t other_low, other_high;
      if (j == i || other->kind != TW_ARG_TENSOR || (other->flags & TW_ARG_MAY_OVERLAP)) continue;
      tw_span(other, tw_tensor_of(&args[j]), data[j], &other_low, &other_high);
      if (low < other_high && other_low < high) return tw_fail_overlap(desc, i, j);
    }
  }
  return 0;
}

static int tw_unpack_scalar(const TwFunctionDesc* desc, int32_t i, const TwAny* given, void** data_out) {
  const TwArgDesc* arg = &desc->args[i];
  const int is_integer = given->type_index == TW_TYPE_INT || given->type_index == TW_TYPE_BOOL;
  if (arg->kind == TW_ARG_FLOAT) {
    double value = is_integer ? (double)given->v_int64 : given->v_float64;
    if (!is_integer && given->type_index != TW_TYPE_FLOAT) return tw_fail_kind(desc, i, given);
    memcpy(&data_out[i], &value, sizeof(value));
    return 0;
  }
  if (!is_integer) return tw_fail_kind(desc, i, given);
  const int64_t value = given->v_int64;
  const int bits = arg->dtype.code == TW_DTYPE_BOOL ? 1 : arg->dtype.bits;
  int fits;
  if (arg->dtype.code == TW_DTYPE_INT) {
    fits = bits >= 64 || (value >= -((int64_t)1 << (bits - 1)) && value < ((int64_t)1 << (bits - 1)));
  } else {
    fits = value >= 0 && (bits >= 63 || value < ((int64_t)1 << bits));
  }
  if (!fits) {
    TwText text;
    tw_print_argument(&text, desc, i);
    tw_print(&text, "expected a value of type ");
    tw_print_type(&text, arg->dtype);
    tw_print(&text, ", got %lld", (long long)value);
    return __tilewright_fail("ValueError", text.bytes);
  }
  memcpy(&data_out[i], &value, sizeof(value));
  return 0;
}

__attribute__((visibility("hidden"))) int __tilewright_unpack_args(const TwFunctionDesc* desc, const TwAny* args,
                                                                   int32_t num_args, void** data_out,
                                                                   int64_t* symbols_out) {
  if (num_args != desc->num_args || (!args && num_args > 0)) {
    TwText text;
    text.length = 0;
    tw_print(&text, "%s: expected %d arguments, got %d%s", desc->name, desc->num_args, num_args,
             args || num_args <= 0 ? "" : " in a null array");
    return __tilewright_fail("TypeError", text.bytes);
  }
  for (int32_t s = 0; s < desc->num_symbols; ++s) symbols_out[s] = -1;
  int has_output = 0;
  for (int32_t i = 0; i < num_args; ++i) {
    if (desc->args[i].kind != TW_ARG_TENSOR) {
      if (tw_unpack_scalar(desc, i, &args[i], data_out)) return -1;
      continue;
    }
    const TwDLTensor* tensor = tw_tensor_of(&args[i]);
    if (!tensor) return tw_fail_kind(desc, i, &args[i]);
    if (tw_unpack_tensor(desc, i, tensor, data_out, symbols_out)) return -1;
    has_output |= desc->args[i].flags & TW_ARG_OUTPUT;
  }
  return has_output ? tw_check_overlap(desc, args, data_out) : 0;
}
