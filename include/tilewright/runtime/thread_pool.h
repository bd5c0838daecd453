#pragma once

#include <cstdint>
#include <type_traits>

#include "tilewright/runtime/error.h"

// The threads that parallel loops of modules run on. One loop at a time has them; a loop inside a parallel loop, or one
// that a second thread starts meanwhile, runs serially in its own thread. Idle threads spin for at most 50 microseconds
// and then sleep. A child of fork starts over with threads of its own.
namespace tilewright::runtime {

// How many threads a loop may use, the calling one included.
TILEWRIGHT_RUNTIME_API int num_threads();

// 0 goes back to the default: the environment's TILEWRIGHT_NUM_THREADS, or else the number of cores that this process
// may run on. Waits for a running loop to end. Throws kInvalidArgument outside of 0 .. 1024, and inside of a parallel
// loop.
TILEWRIGHT_RUNTIME_API void set_num_threads(int count);

// TwHostTable::parallel_for of abi.h. Errors that a body raises end up in the calling thread.
TILEWRIGHT_RUNTIME_API int parallel_for_raw(std::int64_t extent, std::int64_t grain, std::int32_t max_threads,
                                            TwParallelBody body, void* closure);

// body(begin, end) over chunks of [0, extent); it must not throw.
template <typename Body>
void parallel_for(std::int64_t extent, Body&& body, std::int64_t grain = 0, std::int32_t max_threads = 0) {
  using Callable = std::remove_reference_t<Body>;
  parallel_for_raw(
      extent, grain, max_threads,
      [](std::int64_t begin, std::int64_t end, void* closure) {
        (*static_cast<Callable*>(closure))(begin, end);
        return 0;
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace tilewright::runtime
