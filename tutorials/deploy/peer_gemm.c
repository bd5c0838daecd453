/* C[n,n] = A[n,n] B[n,n] in f32 by a library of the system: milliseconds of one call, best of 7 repeats of at least
 * 40 ms.
 *
 *   peer_gemm openblas|onednn 512
 *
 * Prints nothing and returns 3 when the library was not there at build time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef HAVE_OPENBLAS
#include <cblas.h>
#endif
#ifdef HAVE_DNNL
#include <dnnl.h>
#endif

typedef void (*Gemm)(int n, const float* a, const float* b, float* c);

#ifdef HAVE_OPENBLAS
static void gemm_openblas(int n, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
}
#endif
#ifdef HAVE_DNNL
static void gemm_onednn(int n, const float* a, const float* b, float* c) {
  if (dnnl_sgemm('N', 'N', n, n, n, 1, a, n, b, n, 0, c, n) != dnnl_success) exit(1);
}
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char** argv) {
  const int n = argc == 3 ? atoi(argv[2]) : 0;
  if (n < 1) {
    fprintf(stderr, "usage: peer_gemm openblas|onednn N\n");
    return 2;
  }
  Gemm gemm = NULL;
#ifdef HAVE_OPENBLAS
  if (strcmp(argv[1], "openblas") == 0) gemm = gemm_openblas;
#endif
#ifdef HAVE_DNNL
  if (strcmp(argv[1], "onednn") == 0) gemm = gemm_onednn;
#endif
  if (!gemm) return 3;

  const size_t count = (size_t)n * (size_t)n;
  float *a = aligned_alloc(64, (count * 4 + 63) / 64 * 64), *b = aligned_alloc(64, (count * 4 + 63) / 64 * 64),
        *c = aligned_alloc(64, (count * 4 + 63) / 64 * 64);
  if (!a || !b || !c) return 1;
  for (size_t i = 0; i < count; ++i) {
    a[i] = (float)((i * 7919) % 2003) / 1001 - 1;
    b[i] = (float)((i * 104729) % 1999) / 999 - 1;
  }
  gemm(n, a, b, c);
  double best = 1e30;
  long calls = 1;
  for (int repeat = 0; repeat < 7;) {
    const double start = now();
    for (long i = 0; i < calls; ++i) gemm(n, a, b, c);
    const double seconds = now() - start;
    if (seconds < 0.04) {
      calls *= 2;
      continue;
    }
    if (seconds / (double)calls < best) best = seconds / (double)calls;
    ++repeat;
  }
  printf("%.6f\n", best * 1e3);
  free(a);
  free(b);
  free(c);
  return 0;
}
