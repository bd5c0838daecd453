#pragma once

#include <pthread.h>

#include <cstring>

namespace tilewright::runtime {

// Room for one error's kind and text without any allocation: it is filled in the middle of somebody's kernel.
struct ErrorSlot {
  bool is_set = false;
  char kind[32] = {};
  char message[1024] = {};

  void set(const char* new_kind, const char* new_message) noexcept {
    copy(kind, sizeof(kind), new_kind != nullptr ? new_kind : "RuntimeError");
    copy(message, sizeof(message), new_message != nullptr ? new_message : "unknown error");
    is_set = true;
  }

  // For a slot that several threads share: the first error stays.
  void set_first(const char* new_kind, const char* new_message) noexcept {
    pthread_mutex_lock(&mutex_);
    if (!is_set) set(new_kind, new_message);
    pthread_mutex_unlock(&mutex_);
  }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;

  static void copy(char* to, std::size_t bytes, const char* from) {
    std::size_t length = std::strlen(from);
    if (length >= bytes) length = bytes - 1;
    std::memcpy(to, from, length);
    to[length] = 0;
  }
};

// Where errors go while this thread runs the body of a parallel loop; else null.
ErrorSlot* error_slot_of_running_loop();

}  // namespace tilewright::runtime
