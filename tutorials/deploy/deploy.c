/* Runs a tuned matmul from plain C. Links the thin runtime only.
 *
 *   deploy_c gmm.so 512 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tilewright/runtime/c_api.h"

static void check(int code) {
  if (code == TW_OK) return;
  fprintf(stderr, "error: %s\n", tw_last_error());
  exit(1);
}

static TwDLTensor* make_matrix(int64_t n, unsigned seed) {
  const int64_t shape[3] = {1, n, n};
  const TwDataType f32 = {TW_DTYPE_FLOAT, 32, 1};
  TwDLTensor* tensor = NULL;
  check(tw_tensor_create(shape, 3, f32, &tensor));
  float* data = tensor->data;
  for (int64_t i = 0; i < n * n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    data[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
  }
  return tensor;
}

/* max|c - a b| / max|a b| over every 7th row, the product summed up in double precision. */
static double max_error(const TwDLTensor* a, const TwDLTensor* b, const TwDLTensor* c, int64_t n) {
  const float *pa = a->data, *pb = b->data, *pc = c->data;
  double difference = 0, scale = 0;
  for (int64_t i = 0; i < n; i += 7) {
    for (int64_t j = 0; j < n; ++j) {
      double want = 0;
      for (int64_t k = 0; k < n; ++k) want += (double)pa[i * n + k] * (double)pb[k * n + j];
      const double off = fabs((double)pc[i * n + j] - want);
      if (!(off <= difference)) difference = off; /* a NaN is kept */
      if (fabs(want) > scale) scale = fabs(want);
    }
  }
  return difference / scale;
}

int main(int argc, char** argv) {
  const int64_t n = argc == 3 ? atoi(argv[2]) : 0;
  if (n < 1) {
    fprintf(stderr, "usage: deploy_c FILE.so N\n");
    return 2;
  }
  TwModule* module = NULL;
  const TwFunction* gmm = NULL;
  check(tw_module_load(argv[1], NULL, &module));
  check(tw_module_function(module, "gmm", &gmm));

  TwDLTensor *a = make_matrix(n, 1), *b = make_matrix(n, 2), *c = make_matrix(n, 3);
  const TwAny args[3] = {tw_tensor_arg(a), tw_tensor_arg(b), tw_tensor_arg(c)};
  check(tw_function_call(gmm, args, 3));

  const double error = max_error(a, b, c, n);
  TwTimeOptions options = {.size = sizeof options, .repeat = 7, .min_repeat_ms = 40};
  TwTimeResult time;
  check(tw_time_function(gmm, args, 3, &options, &time, NULL));
  const int correct = error <= 1e-5;
  printf("C:   %.3f ms, %.1f GFLOPS, max_error %.1e: %s\n", time.min * 1e3,
         2e-9 * (double)n * (double)n * (double)n / time.min, error, correct ? "correct" : "WRONG");

  tw_tensor_free(a);
  tw_tensor_free(b);
  tw_tensor_free(c);
  tw_module_free(module);
  return correct ? 0 : 1;
}
