/* The runtime for C programs: load a module, make tensors, call, time. Every function that can fail returns TW_OK or
 * one of the codes below; tw_last_error() is then the text. Thread safe throughout, except that one tensor or module
 * must not be freed while another thread uses it.
 *
 *   TwModule* module;
 *   if (tw_module_load("./matmul.so", NULL, &module)) { puts(tw_last_error()); exit(1); }
 *   const TwFunction* matmul;
 *   if (tw_module_function(module, "matmul", &matmul)) ...
 *   TwAny args[] = {tw_tensor_arg(a), tw_tensor_arg(b), tw_tensor_arg(c)};
 *   if (tw_function_call(matmul, args, 3)) ...
 */
#ifndef TILEWRIGHT_RUNTIME_C_API_H_
#define TILEWRIGHT_RUNTIME_C_API_H_

#include "tilewright/runtime/abi.h"

#define TILEWRIGHT_RUNTIME_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are stable; new ones are appended. */
enum {
  TW_OK = 0,
  TW_ERROR_INVALID_ARGUMENT = 1,
  TW_ERROR_MISSING_FILE = 2,   /* cannot be opened or read */
  TW_ERROR_TRUNCATED_FILE = 3, /* ends before what its headers promise */
  TW_ERROR_NOT_ELF = 4,
  TW_ERROR_WRONG_ARCHITECTURE = 5, /* for another processor or word size */
  TW_ERROR_NOT_A_MODULE = 6,       /* a library, but not one of Tilewright's */
  TW_ERROR_MALFORMED_FILE = 7,
  TW_ERROR_UNKNOWN_ABI = 8,
  TW_ERROR_CHECKSUM = 9, /* changed since it was sealed, or never sealed */
  TW_ERROR_MISSING_CPU_FEATURE = 10,
  TW_ERROR_LOAD_FAILED = 11, /* the dynamic loader refused it */
  TW_ERROR_MISSING_FUNCTION = 12,
  TW_ERROR_CALL_FAILED = 13, /* the function raised an error: its text */
  TW_ERROR_OUT_OF_MEMORY = 14,
  TW_ERROR_INTERNAL = 15
};

/* The text of this thread's latest error; valid until its next failing call. Empty before the first. */
TILEWRIGHT_RUNTIME_API const char* tw_last_error(void);

/* "0.1.0" */
TILEWRIGHT_RUNTIME_API const char* tw_runtime_version(void);

/* ---- Modules ---- */

typedef struct TwModule TwModule;
typedef struct TwFunction TwFunction;

typedef struct TwLoadOptions {
  uint32_t size;          /* sizeof(TwLoadOptions) */
  int32_t allow_unsealed; /* non-zero: load a module without a checksum too */
} TwLoadOptions;

/* Reads the file once, checks it before anything of it runs (runtime/module.h), loads it. A path without a slash names
 * a file in the current folder; no search path is ever used. `options` may be null. */
TILEWRIGHT_RUNTIME_API int tw_module_load(const char* path, const TwLoadOptions* options, TwModule** out);

/* As above, from bytes that need to live for the call only. */
TILEWRIGHT_RUNTIME_API int tw_module_load_from_memory(const void* bytes, uint64_t count, const TwLoadOptions* options,
                                                      TwModule** out);

/* Unloads the module: its functions must not be called any more. Null is fine. */
TILEWRIGHT_RUNTIME_API void tw_module_free(TwModule* module);

/* The module's metadata, JSON; lives as long as the module. */
TILEWRIGHT_RUNTIME_API const char* tw_module_metadata(const TwModule* module);

/* The exported functions in the order of their names. */
TILEWRIGHT_RUNTIME_API int32_t tw_module_num_functions(const TwModule* module);
/* Null when index is out of range. */
TILEWRIGHT_RUNTIME_API const char* tw_module_function_name(const TwModule* module, int32_t index);

/* The function belongs to the module and lives as long. */
TILEWRIGHT_RUNTIME_API int tw_module_function(const TwModule* module, const char* name, const TwFunction** out);

/* Calls with arguments in the module's order, outputs included. */
TILEWRIGHT_RUNTIME_API int tw_function_call(const TwFunction* function, const TwAny* args, int32_t num_args);

/* ---- Values ---- */

static inline TwAny tw_tensor_arg(TwDLTensor* tensor) {
  TwAny any;
  any.type_index = TW_TYPE_DLTENSOR;
  any.padding = 0;
  any.v_ptr = tensor;
  return any;
}

static inline TwAny tw_int_arg(int64_t value) {
  TwAny any;
  any.type_index = TW_TYPE_INT;
  any.padding = 0;
  any.v_int64 = value;
  return any;
}

static inline TwAny tw_float_arg(double value) {
  TwAny any;
  any.type_index = TW_TYPE_FLOAT;
  any.padding = 0;
  any.v_float64 = value;
  return any;
}

/* A compact tensor in CPU memory of this runtime's pool, aligned to 256 bytes, not initialised. */
TILEWRIGHT_RUNTIME_API int tw_tensor_create(const int64_t* shape, int32_t ndim, TwDataType dtype, TwDLTensor** out);

/* Only for tensors of tw_tensor_create. Null is fine. */
TILEWRIGHT_RUNTIME_API void tw_tensor_free(TwDLTensor* tensor);

/* ---- Threads and memory ---- */

/* How many threads a parallel loop may use, the calling one included; 0 goes back to the default:
 * TILEWRIGHT_NUM_THREADS, or else the cores that this process may run on. Waits for a running loop to end. */
TILEWRIGHT_RUNTIME_API int tw_set_num_threads(int32_t count);
TILEWRIGHT_RUNTIME_API int32_t tw_num_threads(void);

typedef struct TwMemoryStatistics {
  uint64_t in_use_bytes;     /* handed out now */
  uint64_t cached_bytes;     /* free, kept for reuse */
  uint64_t high_water_bytes; /* the most that was ever handed out at once */
  uint64_t limit_bytes;      /* 0: none */
} TwMemoryStatistics;

TILEWRIGHT_RUNTIME_API void tw_memory_statistics(TwMemoryStatistics* out);
/* The pool holds at most this much, in use and cached together; 0: no limit. What is in use already stays. */
TILEWRIGHT_RUNTIME_API void tw_set_memory_limit(uint64_t bytes);

/* ---- Timing ---- */

typedef struct TwTimeOptions {
  uint32_t size;        /* sizeof(TwTimeOptions) */
  int32_t number;       /* calls a repeat; 0: 1 */
  int32_t repeat;       /* 0: 1 */
  int32_t warmup;       /* calls before the first repeat; negative: none, 0: 1 */
  double min_repeat_ms; /* `number` grows until a repeat takes this long */
  uint64_t
      cold_flush_bytes; /* where not 0: before every call, this many bytes are written elsewhere to empty the caches */
} TwTimeOptions;

typedef struct TwTimeResult {
  double mean, median, min, stddev; /* seconds a call, over the repeats */
  int64_t number;                   /* calls a repeat in the end */
} TwTimeResult;

/* `options` may be null. `seconds`, where not null, receives the seconds a call of each of the `repeat` repeats. */
TILEWRIGHT_RUNTIME_API int tw_time_function(const TwFunction* function, const TwAny* args, int32_t num_args,
                                            const TwTimeOptions* options, TwTimeResult* result, double* seconds);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TILEWRIGHT_RUNTIME_C_API_H_ */
