#include "tilewright/runtime/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include "runtime/error_slot.h"
#include "runtime/host_services.h"

namespace tilewright::runtime {

namespace {

constexpr int kMaxThreads = 1024;
constexpr auto kSpin = std::chrono::microseconds(50);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t while_equal) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, while_equal, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

// Spins until done() or until the time is up; whether it is done.
template <typename Done>
bool spin_until(Done done) {
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    relax();
  }
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return done();
}

struct Job {
  TwParallelBody body = nullptr;
  void* closure = nullptr;
  std::int64_t extent = 0;
  std::int64_t grain = 0;
  ErrorSlot error;
};

thread_local Job* t_running = nullptr;

// The owner of the pool fills in the job, opens its chunks and moves `epoch`. A chunk is taken by a compare-and-swap on
// a word that names the epoch: whoever succeeds knows that the job stays as it is until that chunk is reported
// finished, and a thread that wakes late can never touch the next job by mistake. Two ways to hand out chunks:
//  - one contiguous chunk a thread: each has a slot of its own, so that a thread gets the same part of the data in
//  every call
//    (its cache may still hold it); threads that are done take over chunks of those that have not woken up yet;
//  - chunks of a given grain: a common counter, `tickets`, of those left, in one word with the epoch.
class Pool {
 public:
  static Pool* create(int threads) {
    auto* pool = new (std::nothrow) Pool;
    if (pool == nullptr) return nullptr;
    pool->slot_count_ = static_cast<std::uint32_t>(threads);
    pool->slots_.reset(new (std::nothrow) Slot[threads]);
    pool->threads_.reset(new (std::nothrow) pthread_t[threads]);
    if (!pool->slots_ || !pool->threads_) {
      delete pool;
      return nullptr;
    }
    sigset_t all, before;  // the program's signals are for its own threads
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < threads; ++i) {
      auto* start = new (std::nothrow) Start{pool, i};
      if (start == nullptr || pthread_create(&pool->threads_[i], nullptr, run_worker, start) != 0) {
        delete start;
        break;
      }
      ++pool->workers_;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return pool;
  }

  // Only without a running job.
  ~Pool() {
    stop_.store(true);
    epoch_.fetch_add(1);
    futex_wake(epoch_, INT_MAX);
    for (int i = 1; i <= workers_; ++i) pthread_join(threads_[i], nullptr);
  }

  pid_t pid() const { return pid_; }
  int threads() const { return workers_ + 1; }

  int run(std::int64_t extent, std::int64_t grain, int threads, TwParallelBody body, void* closure) {
    const bool ticketed = grain > 0;
    const std::int64_t least = ticketed ? extent / INT32_MAX + 1 : (extent - 1) / threads + 1;
    job_.body = body;
    job_.closure = closure;
    job_.extent = extent;
    job_.grain = std::max(grain, least);
    job_.error.is_set = false;
    const auto chunks = static_cast<std::uint32_t>((extent - 1) / job_.grain + 1);
    const std::uint32_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
    status_.store(0, std::memory_order_relaxed);
    unfinished_.store(chunks, std::memory_order_relaxed);
    limit_.store(threads, std::memory_order_relaxed);
    chunks_.store(chunks, std::memory_order_relaxed);
    ticketed_.store(ticketed, std::memory_order_relaxed);
    if (ticketed) {
      tickets_.store(std::uint64_t{epoch} << 32 | chunks, std::memory_order_release);
    } else {
      for (std::uint32_t i = 0; i < chunks; ++i) slots_[i].state.store(opened(epoch), std::memory_order_release);
    }
    epoch_.store(epoch);
    if (parked_.load() > 0) futex_wake(epoch_, threads == workers_ + 1 ? threads - 1 : INT_MAX);

    run_chunks(epoch, 0);
    wait_until_finished();
    return status_.load(std::memory_order_relaxed);
  }

  const ErrorSlot& error() const { return job_.error; }

 private:
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> state{0};
  };
  struct Start {
    Pool* pool;
    int index;
  };

  Pool() = default;

  static std::uint64_t opened(std::uint32_t epoch) { return std::uint64_t{epoch} << 1; }

  static void* run_worker(void* argument) {
    const std::unique_ptr<Start> start(static_cast<Start*>(argument));
    pthread_setname_np(pthread_self(), "tilewright");
    start->pool->work(start->index);
    return nullptr;
  }

  void work(int index) {
    std::uint32_t seen = 0;
    while (!stop_.load(std::memory_order_acquire)) {
      const auto moved = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
      if (!spin_until(moved)) {
        parked_.fetch_add(1);
        while (!moved()) futex_wait(epoch_, seen);
        parked_.fetch_sub(1);
      }
      seen = epoch_.load(std::memory_order_acquire);
      if (index < limit_.load(std::memory_order_relaxed)) run_chunks(seen, index);
    }
  }

  void run_chunks(std::uint32_t epoch, int index) {
    if (ticketed_.load(std::memory_order_relaxed)) {
      run_ticketed(epoch);
    } else {
      // At most one chunk a slot; a latecomer may see the count of a newer, ticketed job.
      const std::uint32_t chunks = std::min(chunks_.load(std::memory_order_relaxed), slot_count_);
      for (std::uint32_t i = 0; i < chunks; ++i) {
        const std::uint32_t chunk = (static_cast<std::uint32_t>(index) + i) % chunks;
        std::uint64_t open = opened(epoch);
        if (slots_[chunk].state.load(std::memory_order_relaxed) != open) continue;
        if (slots_[chunk].state.compare_exchange_strong(open, open | 1, std::memory_order_acq_rel)) run_chunk(chunk);
      }
    }
  }

  void run_ticketed(std::uint32_t epoch) {
    for (;;) {
      std::uint64_t ticket = tickets_.load(std::memory_order_acquire);
      const auto left = static_cast<std::uint32_t>(ticket);
      if (ticket >> 32 != epoch || left == 0) return;
      if (tickets_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) {
        run_chunk(chunks_.load(std::memory_order_relaxed) - left);
      }
    }
  }

  void run_chunk(std::uint32_t chunk) {
    if (status_.load(std::memory_order_relaxed) == 0) {
      const std::int64_t begin = chunk * job_.grain;
      const std::int64_t end = job_.extent - begin < job_.grain ? job_.extent : begin + job_.grain;
      t_running = &job_;
      const int status = job_.body(begin, end, job_.closure);
      t_running = nullptr;
      int none = 0;
      if (status != 0) status_.compare_exchange_strong(none, status, std::memory_order_relaxed);
    }
    if (unfinished_.fetch_sub(1) == 1 && owner_sleeps_.load()) futex_wake(unfinished_, 1);
  }

  void wait_until_finished() {
    if (spin_until([&] { return unfinished_.load(std::memory_order_acquire) == 0; })) return;
    owner_sleeps_.store(true);
    while (const std::uint32_t left = unfinished_.load()) futex_wait(unfinished_, left);
    owner_sleeps_.store(false, std::memory_order_relaxed);
  }

  Job job_;
  const pid_t pid_ = getpid();
  int workers_ = 0;
  std::uint32_t slot_count_ = 0;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<pthread_t[]> threads_;  // [0] is the caller's place
  // Written by the owner between jobs; a reader that sees a value of another job fails to take a chunk.
  std::atomic<int> limit_{0};
  std::atomic<std::uint32_t> chunks_{1};
  std::atomic<bool> ticketed_{false};
  std::atomic<bool> stop_{false};
  std::atomic<bool> owner_sleeps_{false};
  std::atomic<int> status_{0};
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  std::atomic<int> parked_{0};
  alignas(64) std::atomic<std::uint64_t> tickets_{0};
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};
};

// The process whose thread owns g_pool, or 0. Not a mutex: a second caller does not wait but runs its loop itself. A
// child of fork may inherit its parent's owner: it finds another process's number here, takes over, and leaves the pool
// that it inherited, whose threads do not exist in it, alone.
std::atomic<pid_t> g_owner{0};
Pool* g_pool = nullptr;
std::atomic<int> g_requested_threads{0};

bool try_own(pid_t pid) {
  pid_t owner = g_owner.load(std::memory_order_relaxed);
  return owner != pid &&
         g_owner.compare_exchange_strong(owner, pid, std::memory_order_acquire, std::memory_order_relaxed);
}

void disown() {
  g_owner.store(0, std::memory_order_release);
}

int default_threads() {
  if (const char* text = std::getenv("TILEWRIGHT_NUM_THREADS")) {
    char* end = nullptr;
    const long count = std::strtol(text, &end, 10);
    if (*text != 0 && *end == 0 && count >= 1) return static_cast<int>(std::min<long>(count, kMaxThreads));
  }
  // As many CPUs as the mask needs; a set of fixed size is refused on machines with more.
  for (int cpus = CPU_SETSIZE; cpus <= (1 << 20); cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return std::min(count, kMaxThreads);
  }
  return 1;
}

// With the pool owned.
void drop_pool(pid_t pid) {
  if (g_pool != nullptr && g_pool->pid() == pid) delete g_pool;
  g_pool = nullptr;
}

// At dlclose and at exit: no thread may run code that is about to be unmapped. The ownership is kept, so that loops
// that come later run serially. A loop that is still running at exit is left to the end of the process.
__attribute__((destructor)) void stop_threads() {
  const pid_t pid = getpid();
  if (try_own(pid)) drop_pool(pid);
}

}  // namespace

ErrorSlot* error_slot_of_running_loop() {
  return t_running != nullptr ? &t_running->error : nullptr;
}

int num_threads() {
  if (const int requested = g_requested_threads.load(std::memory_order_relaxed)) return requested;
  static const int detected = default_threads();
  return detected;
}

void set_num_threads(int count) {
  if (count < 0 || count > kMaxThreads) {
    throw Error(ErrorCode::kInvalidArgument,
                "expected 0 .. " + std::to_string(kMaxThreads) + " threads, got " + std::to_string(count));
  }
  if (t_running != nullptr) {
    throw Error(ErrorCode::kInvalidArgument, "the number of threads cannot change inside of a parallel loop");
  }
  const pid_t pid = getpid();
  while (!try_own(pid)) usleep(50);
  g_requested_threads.store(count, std::memory_order_relaxed);
  drop_pool(pid);
  disown();
}

int parallel_for_raw(std::int64_t extent, std::int64_t grain, std::int32_t max_threads, TwParallelBody body,
                     void* closure) {
  if (extent <= 0) return 0;
  if (extent == 1 || max_threads == 1 || t_running != nullptr || num_threads() == 1) return body(0, extent, closure);
  const pid_t pid = getpid();
  if (!try_own(pid)) return body(0, extent, closure);
  if (g_pool == nullptr || g_pool->pid() != pid) g_pool = Pool::create(num_threads());
  int threads = g_pool != nullptr ? g_pool->threads() : 1;
  if (max_threads > 0) threads = std::min(threads, max_threads);
  threads = static_cast<int>(std::min<std::int64_t>(threads, extent));
  if (threads < 2) {
    disown();
    return body(0, extent, closure);
  }
  const int status = g_pool->run(extent, grain, threads, body, closure);
  if (status == 0) {
    disown();
    return 0;
  }
  const ErrorSlot error = g_pool->error();
  disown();
  raise_error(error.is_set ? error.kind : "RuntimeError",
              error.is_set ? error.message : "a parallel loop's body failed without saying why");
  return status;
}

}  // namespace tilewright::runtime
