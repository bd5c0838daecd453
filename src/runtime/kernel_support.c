/* What every exported module carries: argument checks driven by descriptors, and parallel loops, scratch memory and
 * errors for the case that no host lends its own (abi.h, layer 3). Linked into the module with hidden symbols, so it
 * must stay small, need nothing but libc, and survive fork and dlclose. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tilewright/runtime/abi.h"

#define TW_HIDDEN __attribute__((visibility("hidden")))
#define TW_COLD __attribute__((cold, noinline))

__attribute__((visibility("default"))) const TwHostTable* __tilewright_host_v1 = NULL;

static const TwHostTable* tw_host(void) {
  return __atomic_load_n(&__tilewright_host_v1, __ATOMIC_ACQUIRE);
}

/* ---- Errors ---------------------------------------------------------------------------------------------------------
 */

enum { kTwMaxThreads = 256, kTwMessageBytes = 1024, kTwSpinNanoseconds = 50000 };

typedef struct TwJob {
  TwParallelBody body;
  void* closure;
  int64_t extent;
  int64_t grain;
  uint32_t chunks;
  int32_t limit;  /* threads that may take part */
  int32_t status; /* first non-zero result */
  int32_t unfinished;
  int32_t has_error;
  pthread_mutex_t error_lock;
  char kind[32];
  char message[kTwMessageBytes];
} TwJob;

/* The job whose body this thread is running: marks nested loops, and collects errors for the thread that waits. */
static _Thread_local TwJob* tw_current_job = NULL;

static void tw_copy_text(char* to, size_t bytes, const char* from) {
  size_t length = strlen(from);
  if (length >= bytes) length = bytes - 1;
  memcpy(to, from, length);
  to[length] = 0;
}

static TW_COLD void tw_raise(const char* kind, const char* message) {
  const TwHostTable* host = tw_host();
  if (host) {
    host->set_error(kind, message);
    return;
  }
  void (*set_error)(const char*, const char*) = NULL;
  void* symbol = dlsym(RTLD_DEFAULT, "TVMFFIErrorSetRaisedFromCStr");
  memcpy(&set_error, &symbol, sizeof(symbol));
  if (set_error) {
    set_error(kind, message);
  } else {
    fprintf(stderr, "%s: %s\n", kind, message); /* a caller without any error service sees only the -1 */
  }
}

TW_HIDDEN TW_COLD int __tilewright_fail(const char* kind, const char* message) {
  TwJob* job = tw_current_job;
  if (!kind) kind = "RuntimeError";
  if (!message) message = "unknown error";
  if (!job) {
    tw_raise(kind, message);
    return -1;
  }
  pthread_mutex_lock(&job->error_lock);
  if (!job->has_error) {
    job->has_error = 1;
    tw_copy_text(job->kind, sizeof(job->kind), kind);
    tw_copy_text(job->message, sizeof(job->message), message);
  }
  pthread_mutex_unlock(&job->error_lock);
  return -1;
}

/* ---- Thread pool
 * -------------------------------------------------------------------------------------------------------- */

/* One loop at a time: its owner publishes the job, then moves `gate`. High half of gate: number of the job; low half:
 * chunks still to be handed out. Number and count are one word, so whoever takes a chunk by compare-and-swap knows that
 * the job stays as it is until that chunk is reported finished: a worker that wakes late can never touch the next job
 * by mistake. */
typedef struct TwPool {
  uint64_t gate;
  int32_t parked;
  int32_t stop;
  int32_t workers;
  pid_t pid;
  pthread_mutex_t lock; /* with `wake` and `finished`: only for threads that have stopped spinning */
  pthread_cond_t wake;
  pthread_cond_t finished;
  TwJob job;
  pthread_t threads[kTwMaxThreads];
} TwPool;

static TwPool* tw_pool = NULL;
/* The process whose thread owns the pool, or 0. Not a lock: a second caller runs its loop itself. A child of fork that
 * inherits its parent's owner finds another process's number here and takes over. */
static int32_t tw_owner = 0;

static void tw_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t tw_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int32_t tw_count_threads(void) {
  const char* text = getenv("TILEWRIGHT_NUM_THREADS");
  long count = text ? strtol(text, NULL, 10) : 0;
  cpu_set_t cpus;
  if (count <= 0) count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
  if (count < 1) count = 1;
  return count > kTwMaxThreads ? kTwMaxThreads : (int32_t)count;
}

/* Runs chunks of job `number` until none is left. */
static void tw_run_chunks(TwPool* pool, uint32_t number, int32_t index) {
  TwJob* job = &pool->job;
  for (;;) {
    uint64_t gate = __atomic_load_n(&pool->gate, __ATOMIC_ACQUIRE);
    if ((uint32_t)(gate >> 32) != number) return;
    if (index >= __atomic_load_n(&job->limit, __ATOMIC_RELAXED)) return;
    const uint32_t left = (uint32_t)gate;
    if (left == 0) return;
    if (!__atomic_compare_exchange_n(&pool->gate, &gate, gate - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) continue;
    int64_t begin = (int64_t)(job->chunks - left) * job->grain;
    int64_t end = job->extent - begin < job->grain ? job->extent : begin + job->grain;
    if (__atomic_load_n(&job->status, __ATOMIC_RELAXED) == 0) {
      tw_current_job = job;
      int status = job->body(begin, end, job->closure);
      tw_current_job = NULL;
      if (status) {
        int32_t none = 0;
        __atomic_compare_exchange_n(&job->status, &none, status, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
      }
    }
    if (__atomic_sub_fetch(&job->unfinished, 1, __ATOMIC_ACQ_REL) == 0 && index > 0) {
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->finished);
      pthread_mutex_unlock(&pool->lock);
    }
  }
}

static uint32_t tw_job_number(TwPool* pool) {
  return (uint32_t)(__atomic_load_n(&pool->gate, __ATOMIC_SEQ_CST) >> 32);
}

static void tw_wait_for_job(TwPool* pool, uint32_t seen) {
  int64_t deadline = tw_now() + kTwSpinNanoseconds;
  do {
    for (int i = 0; i < 64; ++i) {
      if (tw_job_number(pool) != seen || __atomic_load_n(&pool->stop, __ATOMIC_RELAXED)) return;
      tw_relax();
    }
  } while (tw_now() < deadline);
  pthread_mutex_lock(&pool->lock);
  __atomic_add_fetch(&pool->parked, 1, __ATOMIC_SEQ_CST);
  while (tw_job_number(pool) == seen && !__atomic_load_n(&pool->stop, __ATOMIC_RELAXED)) {
    pthread_cond_wait(&pool->wake, &pool->lock);
  }
  __atomic_sub_fetch(&pool->parked, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&pool->lock);
}

typedef struct TwWorkerStart {
  TwPool* pool;
  int32_t index;
} TwWorkerStart;

static void* tw_worker(void* argument) {
  TwWorkerStart start = *(TwWorkerStart*)argument;
  free(argument);
  uint32_t seen = 0;
  while (!__atomic_load_n(&start.pool->stop, __ATOMIC_ACQUIRE)) {
    tw_wait_for_job(start.pool, seen);
    seen = tw_job_number(start.pool);
    tw_run_chunks(start.pool, seen, start.index);
  }
  return NULL;
}

/* Null when there is no memory; fewer workers than asked for when there are no threads left. */
static TwPool* tw_make_pool(void) {
  TwPool* pool = calloc(1, sizeof(TwPool));
  if (!pool) return NULL;
  pool->pid = getpid();
  pthread_mutex_init(&pool->lock, NULL);
  pthread_mutex_init(&pool->job.error_lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->finished, NULL);
  int32_t count = tw_count_threads();
  sigset_t all, before; /* the program's signals are for its own threads */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int32_t i = 1; i < count; ++i) {
    TwWorkerStart* start = malloc(sizeof(TwWorkerStart));
    if (!start) break;
    start->pool = pool;
    start->index = i;
    if (pthread_create(&pool->threads[pool->workers], NULL, tw_worker, start)) {
      free(start);
      break;
    }
    ++pool->workers;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pool;
}

static int tw_run_serially(int64_t extent, TwParallelBody body, void* closure) {
  return body(0, extent, closure);
}

static int tw_run_on_pool(TwPool* pool, int64_t extent, int64_t grain, int32_t threads, TwParallelBody body,
                          void* closure) {
  TwJob* job = &pool->job;
  int64_t least = grain > 0 ? extent / INT32_MAX + 1 : (extent + threads - 1) / threads;
  if (grain < least) grain = least;
  uint32_t chunks = (uint32_t)((extent - 1) / grain + 1);
  job->body = body;
  job->closure = closure;
  job->extent = extent;
  job->grain = grain;
  job->has_error = 0;
  __atomic_store_n(&job->status, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&job->limit, threads, __ATOMIC_RELAXED);
  __atomic_store_n(&job->unfinished, (int32_t)chunks, __ATOMIC_RELAXED);
  job->chunks = chunks;
  uint32_t number = tw_job_number(pool) + 1;
  __atomic_store_n(&pool->gate, (uint64_t)number << 32 | chunks, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool->parked, __ATOMIC_SEQ_CST)) {
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
  }
  tw_run_chunks(pool, number, 0);

  int64_t deadline = 0;
  for (int round = 0; __atomic_load_n(&job->unfinished, __ATOMIC_ACQUIRE); ++round) {
    tw_relax();
    if (round % 64 != 63) continue;
    if (!deadline) deadline = tw_now() + kTwSpinNanoseconds;
    if (tw_now() < deadline) continue;
    pthread_mutex_lock(&pool->lock);
    while (__atomic_load_n(&job->unfinished, __ATOMIC_ACQUIRE)) pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    break;
  }
  return __atomic_load_n(&job->status, __ATOMIC_RELAXED);
}

TW_HIDDEN int __tilewright_parallel_for(int64_t extent, int64_t grain, int32_t max_threads, TwParallelBody body,
                                        void* closure) {
  if (extent <= 0) return 0;
  const TwHostTable* host = tw_host();
  if (host) return host->parallel_for(extent, grain, max_threads, body, closure);
  if (extent == 1 || max_threads == 1 || tw_current_job) return tw_run_serially(extent, body, closure);

  const pid_t pid = getpid();
  int32_t owner = __atomic_load_n(&tw_owner, __ATOMIC_RELAXED);
  if (owner == pid || !__atomic_compare_exchange_n(&tw_owner, &owner, pid, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    return tw_run_serially(extent, body, closure);
  }
  /* A child of fork has neither the workers nor a known state of the locks: it starts over with a pool of its own. */
  TwPool* pool = tw_pool;
  if (!pool || pool->pid != pid) tw_pool = pool = tw_make_pool();
  int32_t threads = pool ? pool->workers + 1 : 1;
  if (max_threads > 0 && threads > max_threads) threads = max_threads;
  if (threads > extent) threads = (int32_t)extent;
  if (threads < 2) {
    __atomic_store_n(&tw_owner, 0, __ATOMIC_RELEASE);
    return tw_run_serially(extent, body, closure);
  }
  int status = tw_run_on_pool(pool, extent, grain, threads, body, closure);
  int has_error = 0;
  char kind[sizeof(pool->job.kind)], message[kTwMessageBytes];
  if (status) {
    has_error = pool->job.has_error;
    memcpy(kind, pool->job.kind, sizeof(kind));
    memcpy(message, pool->job.message, sizeof(message));
  }
  __atomic_store_n(&tw_owner, 0, __ATOMIC_RELEASE);
  if (status) {
    tw_raise(has_error ? kind : "RuntimeError",
             has_error ? message : "a parallel loop's body failed without saying why");
  }
  return status;
}

/* ---- Scratch memory
 * ------------------------------------------------------------------------------------------------------ */

/* A few freed blocks are kept, so that a kernel called in a loop does not map and fault in its scratch each time. */
typedef struct TwBlock {
  void* memory; /* as malloc gave it */
  uint64_t bytes;
} TwBlock;

enum { kTwKeptBlocks = 8 };
static TwBlock* tw_kept[kTwKeptBlocks];

TW_HIDDEN void* __tilewright_workspace_alloc(uint64_t bytes, uint64_t align) {
  const TwHostTable* host = tw_host();
  if (host) return host->workspace_alloc(bytes, align);
  if (align & (align - 1)) return NULL;
  if (align < 64) align = 64;
  for (int i = 0; i < kTwKeptBlocks; ++i) {
    TwBlock* block = __atomic_exchange_n(&tw_kept[i], NULL, __ATOMIC_ACQ_REL);
    if (!block) continue;
    if (block->bytes >= bytes && block->bytes / 4 <= bytes && ((uintptr_t)(block + 1) & (align - 1)) == 0)
      return block + 1;
    block = __atomic_exchange_n(&tw_kept[i], block, __ATOMIC_ACQ_REL);
    if (block) free(block->memory);
  }
  uint64_t total;
  if (__builtin_add_overflow(bytes, align + sizeof(TwBlock), &total)) return NULL;
  char* memory = malloc(total);
  if (!memory) return NULL;
  uintptr_t start = ((uintptr_t)memory + sizeof(TwBlock) + align - 1) & ~(uintptr_t)(align - 1);
  TwBlock* block = (TwBlock*)start - 1;
  block->memory = memory;
  block->bytes = bytes;
  return block + 1;
}

TW_HIDDEN void __tilewright_workspace_free(void* memory) {
  const TwHostTable* host = tw_host();
  if (host) {
    host->workspace_free(memory);
    return;
  }
  if (!memory) return;
  TwBlock* block = (TwBlock*)memory - 1;
  for (int i = 0; i < kTwKeptBlocks; ++i) {
    TwBlock* none = NULL;
    if (__atomic_compare_exchange_n(&tw_kept[i], &none, block, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return;
  }
  free(block->memory);
}

/* At dlclose and at exit: no thread of ours may run code that is about to be unmapped. At exit a loop may still be
 * running in another thread; then everything is left to the end of the process. */
__attribute__((destructor)) static void tw_unload(void) {
  const pid_t pid = getpid();
  int32_t owner = __atomic_load_n(&tw_owner, __ATOMIC_RELAXED);
  if (owner == pid || !__atomic_compare_exchange_n(&tw_owner, &owner, pid, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return;
  TwPool* pool = tw_pool;
  if (pool && pool->pid == pid) {
    pthread_mutex_lock(&pool->lock);
    __atomic_store_n(&pool->stop, 1, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int32_t i = 0; i < pool->workers; ++i) pthread_join(pool->threads[i], NULL);
    free(pool);
  }
  tw_pool = NULL;
  for (int i = 0; i < kTwKeptBlocks; ++i) {
    TwBlock* block = __atomic_exchange_n(&tw_kept[i], NULL, __ATOMIC_ACQ_REL);
    if (block) free(block->memory);
  }
}
