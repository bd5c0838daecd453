/* The binary interface between a compiled module (.so) and whoever loads it. C11 and C++; needs no other header of
 * Tilewright.
 *
 * Three layers:
 *  1. Layouts published by others, written down here under our own names: DLPack tensors, and the values and the
 * calling convention of TVM-FFI. A module's functions can therefore be called by our runtime, by any host that speaks
 *     TVM-FFI, and by plain C.
 *  2. What our loader knows about a module: the slot for host services and the metadata section.
 *  3. What generated code uses inside a module: the support functions and the argument descriptors that drive them.
 *
 * Include guards instead of `#pragma once`: the text is also pasted into generated C files. */
#ifndef TILEWRIGHT_RUNTIME_ABI_H_
#define TILEWRIGHT_RUNTIME_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TW_STATIC_ASSERT(condition, text) static_assert(condition, text)
extern "C" {
#else
#define TW_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* A loader refuses a module of another major version; minor versions only add. */
#define TW_ABI_MAJOR 1
#define TW_ABI_MINOR 0

/* ---- 1. DLPack ----------------------------------------------------------------------------------------------------
 */

enum { TW_DEVICE_CPU = 1, TW_DEVICE_CUDA = 2, TW_DEVICE_OPENCL = 4 };

enum { TW_DTYPE_INT = 0, TW_DTYPE_UINT = 1, TW_DTYPE_FLOAT = 2, TW_DTYPE_BFLOAT = 4, TW_DTYPE_BOOL = 6 };

typedef struct TwDevice {
  int32_t type; /* TW_DEVICE_* */
  int32_t id;
} TwDevice;

typedef struct TwDataType {
  uint8_t code; /* TW_DTYPE_* */
  uint8_t bits;
  uint16_t lanes;
} TwDataType;

/* A view of memory: element (i, j, ..) lies at data + byte_offset + (i * strides[0] + j * strides[1] + ..) * element
 * size. Strides count elements; null strides mean compact row-major. */
typedef struct TwDLTensor {
  void* data;
  TwDevice device;
  int32_t ndim;
  TwDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} TwDLTensor;

/* A tensor whose memory somebody owns: `deleter(self)` gives it back. */
typedef struct TwDLManagedTensor {
  TwDLTensor tensor;
  void* manager;
  void (*deleter)(struct TwDLManagedTensor* self);
} TwDLManagedTensor;

TW_STATIC_ASSERT(sizeof(void*) == 8, "the interface is defined for 64-bit targets");
TW_STATIC_ASSERT(sizeof(TwDevice) == 8, "DLDevice");
TW_STATIC_ASSERT(sizeof(TwDataType) == 4, "DLDataType");
TW_STATIC_ASSERT(sizeof(TwDLTensor) == 48, "DLTensor");
TW_STATIC_ASSERT(offsetof(TwDLTensor, device) == 8, "DLTensor.device");
TW_STATIC_ASSERT(offsetof(TwDLTensor, ndim) == 16, "DLTensor.ndim");
TW_STATIC_ASSERT(offsetof(TwDLTensor, dtype) == 20, "DLTensor.dtype");
TW_STATIC_ASSERT(offsetof(TwDLTensor, shape) == 24, "DLTensor.shape");
TW_STATIC_ASSERT(offsetof(TwDLTensor, strides) == 32, "DLTensor.strides");
TW_STATIC_ASSERT(offsetof(TwDLTensor, byte_offset) == 40, "DLTensor.byte_offset");
TW_STATIC_ASSERT(sizeof(TwDLManagedTensor) == 64, "DLManagedTensor");

/* ---- 1. TVM-FFI values and functions -------------------------------------------------------------------------------
 */

enum {
  TW_TYPE_NONE = 0,
  TW_TYPE_INT = 1,
  TW_TYPE_BOOL = 2,
  TW_TYPE_FLOAT = 3,
  TW_TYPE_POINTER = 4,
  TW_TYPE_DLTENSOR = 7, /* v_ptr is a TwDLTensor*, borrowed for the call */
  TW_TYPE_RAW_STRING = 8,
  TW_TYPE_OBJECT_BEGIN = 64, /* from here on v_ptr points to a counted object with a header of 24 bytes */
  TW_TYPE_TENSOR_OBJECT = 70 /* .. which a TwDLTensor follows */
};

#define TW_OBJECT_HEADER_BYTES 24

/* One argument or result: 16 bytes. */
typedef struct TwAny {
  int32_t type_index; /* TW_TYPE_* */
  uint32_t padding;   /* zero */
  union {
    int64_t v_int64; /* INT and BOOL */
    double v_float64;
    void* v_ptr;
    const char* v_c_str;
  };
} TwAny;

TW_STATIC_ASSERT(sizeof(TwAny) == 16, "TVMFFIAny");
TW_STATIC_ASSERT(offsetof(TwAny, v_int64) == 8, "TVMFFIAny.v_int64");

/* Every exported function. Returns 0 and sets result->type_index to TW_TYPE_NONE, or raises an error (through the host
 * table, or TVM-FFI's) and *then* returns -1: a caller in Python crashes on a -1 without an error. */
typedef int (*TwPackedFunction)(void* self, const TwAny* args, int32_t num_args, TwAny* result);

/* The symbol of the exported function `f` is TW_FUNCTION_PREFIX "f". */
#define TW_FUNCTION_PREFIX "__tvm_ffi_"
/* Every other symbol of a module starts with this; user names that start with an underscore are refused. */
#define TW_INTERNAL_PREFIX "__tilewright_"

/* ---- 2. Host services -----------------------------------------------------------------------------------------------
 */

/* Iterations [begin, end) of a parallel loop. Non-zero, after raising an error, stops the loop early. */
typedef int (*TwParallelBody)(int64_t begin, int64_t end, void* closure);

#define TW_HOST_TABLE_VERSION 1

/* Services a host lends to a module. `size` is sizeof the host's table: a later version only appends. */
typedef struct TwHostTable {
  uint32_t version;
  uint32_t size;
  /* Runs body over [0, extent) in chunks of `grain` iterations on at most max_threads threads (0: as many as there
   * are); grain 0 gives each thread one contiguous chunk. Returns 0, or the first non-zero result of body, whose error
   * then stands raised in the calling thread. A nested call runs serially. */
  int (*parallel_for)(int64_t extent, int64_t grain, int32_t max_threads, TwParallelBody body, void* closure);
  /* Scratch memory, alignment a power of two. Null when there is none. */
  void* (*workspace_alloc)(uint64_t bytes, uint64_t align);
  void (*workspace_free)(void* memory);
  /* Raises an error in the calling thread. Kinds as in Python: ValueError, TypeError, RuntimeError, MemoryError. */
  void (*set_error)(const char* kind, const char* message);
} TwHostTable;

TW_STATIC_ASSERT(sizeof(TwHostTable) == 40, "host table, version 1");

/* Every module exports a pointer of this name, null until our loader fills it. While it is null, a module uses the
 * small services of its own that it carries. */
#define TW_HOST_SLOT_SYMBOL "__tilewright_host_v1"

/* ---- 2. Metadata
 * ------------------------------------------------------------------------------------------------------ */

#define TW_META_SECTION ".tilewright.meta"
#define TW_META_MAGIC "TWMETA01"

/* The section's contents; `json_bytes` bytes of UTF-8 JSON follow, without a terminator. sha256 is the hash of the
 * whole file with these 32 bytes taken as zero; all zero means the file is not sealed yet. The JSON object's "features"
 * is an array of the instruction sets that the code needs, such as "avx512f". */
typedef struct TwMetaHeader {
  char magic[8];
  uint32_t abi_major;
  uint32_t abi_minor;
  uint8_t sha256[32];
  uint64_t json_bytes;
} TwMetaHeader;

TW_STATIC_ASSERT(sizeof(TwMetaHeader) == 56, "metadata header");

/* ---- 3. Argument descriptors
 * -------------------------------------------------------------------------------------------- */

enum { TW_ARG_TENSOR = 0, TW_ARG_INT = 1, TW_ARG_FLOAT = 2 };

enum {
  TW_ARG_OUTPUT = 1,     /* written: refused if its memory overlaps another tensor's */
  TW_ARG_MAY_OVERLAP = 2 /* .. unless either of the two is marked so */
};

/* An extent: `extent` where symbol < 0; else symbol number `symbol`, which its first use binds and later uses must
 * equal. */
typedef struct TwDimDesc {
  int64_t extent;
  int64_t symbol;
} TwDimDesc;

typedef struct TwArgDesc {
  const char* name;
  int32_t kind;     /* TW_ARG_* */
  uint32_t flags;   /* of TW_ARG_OUTPUT, TW_ARG_MAY_OVERLAP */
  TwDataType dtype; /* scalars: an integer must fit into it; bool takes 0 and 1 */
  int32_t ndim;     /* this and the following: tensors only */
  const TwDimDesc* shape;
  const int64_t* strides; /* in elements; null: compact row-major. The stride of an extent of 1 is not compared. */
  uint32_t alignment;     /* in bytes, a power of two; 0: the element's natural alignment */
  int32_t device_type;    /* TW_DEVICE_* */
} TwArgDesc;

typedef struct TwFunctionDesc {
  const char* name;
  int32_t num_args;
  int32_t num_symbols;
  const TwArgDesc* args;
} TwFunctionDesc;

TW_STATIC_ASSERT(sizeof(TwDimDesc) == 16, "dimension descriptor");
TW_STATIC_ASSERT(sizeof(TwArgDesc) == 48, "argument descriptor");
TW_STATIC_ASSERT(offsetof(TwArgDesc, dtype) == 16, "argument descriptor");
TW_STATIC_ASSERT(offsetof(TwArgDesc, shape) == 24, "argument descriptor");
TW_STATIC_ASSERT(offsetof(TwArgDesc, alignment) == 40, "argument descriptor");
TW_STATIC_ASSERT(sizeof(TwFunctionDesc) == 24, "function descriptor");

/* ---- 3. Support functions, linked into every module (hidden)
 * ------------------------------------------------------------- */

/* Checks the arguments of a call. On success returns 0; data_out[i] is then the address of tensor i's first element
 * (byte_offset included), or holds the bits of scalar i (an int64_t or a double: copy them out); symbols_out[s] is the
 * value of symbol s. Else raises an error that names function, argument, expected and given, and returns -1. */
int __tilewright_unpack_args(const TwFunctionDesc* desc, const TwAny* args, int32_t num_args, void** data_out,
                             int64_t* symbols_out);

/* As in TwHostTable: the host's service where there is one, else the module's own. */
int __tilewright_parallel_for(int64_t extent, int64_t grain, int32_t max_threads, TwParallelBody body, void* closure);
void* __tilewright_workspace_alloc(uint64_t bytes, uint64_t align);
void __tilewright_workspace_free(void* memory);

/* Raises an error and returns -1. Inside a parallel body the error moves to the thread that called parallel_for. */
int __tilewright_fail(const char* kind, const char* message);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TILEWRIGHT_RUNTIME_ABI_H_ */
