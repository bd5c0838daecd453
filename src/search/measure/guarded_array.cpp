#include "search/measure/guarded_array.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace tilewright::search {
namespace {
constexpr unsigned char kCanary = 0x5c;
}

GuardedArray::GuardedArray(size_t bytes, bool shared) : bytes_(bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t rounded = (bytes + 63) / 64 * 64;
  const size_t body = (rounded + page - 1) / page * page;
  mapped_ = body + 2 * page;
  void* memory =
      ::mmap(nullptr, mapped_, PROT_NONE, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  base_ = static_cast<unsigned char*>(memory);
  if (body > 0 && ::mprotect(base_ + page, body, PROT_READ | PROT_WRITE) != 0) return;
  data_ = base_ + page + body - rounded;
  fill_slack();
}
GuardedArray::GuardedArray(GuardedArray&& other) noexcept {
  *this = std::move(other);
}
GuardedArray& GuardedArray::operator=(GuardedArray&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(data_, other.data_);
  std::swap(mapped_, other.mapped_);
  std::swap(bytes_, other.bytes_);
  return *this;
}
GuardedArray::~GuardedArray() {
  if (base_) ::munmap(base_, mapped_);
}

void GuardedArray::fill_slack() {
  for (size_t i = bytes_; i < (bytes_ + 63) / 64 * 64; ++i) data_[i] = kCanary;
}
void GuardedArray::make_read_only() {
  if (base_ && ::mprotect(base_, mapped_, PROT_READ) == 0) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    ::mprotect(base_, page, PROT_NONE);
    ::mprotect(base_ + mapped_ - page, page, PROT_NONE);
  }
}
bool GuardedArray::slack_intact() const {
  for (size_t i = bytes_; i < (bytes_ + 63) / 64 * 64; ++i) {
    if (data_[i] != kCanary) return false;
  }
  return true;
}

}  // namespace tilewright::search
