// Memory between two pages that nobody may touch: a kernel that runs past an argument's end dies at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilewright::search {

class GuardedArray {
 public:
  GuardedArray() = default;
  /// Ends flush with the guard page but for rounding to 64 bytes; starts aligned to 64. `shared`: children's writes are
  /// seen.
  GuardedArray(size_t bytes, bool shared);
  GuardedArray(GuardedArray&& other) noexcept;
  GuardedArray& operator=(GuardedArray&& other) noexcept;
  ~GuardedArray();

  void* data() const { return data_; }
  bool valid() const { return data_ != nullptr; }
  /// The bytes between the end of the data and the guard page (and before its start) still hold what was put there.
  bool slack_intact() const;
  void fill_slack();
  /// From now on a write is a fault.
  void make_read_only();

 private:
  unsigned char* base_ = nullptr;
  unsigned char* data_ = nullptr;
  size_t mapped_ = 0, bytes_ = 0;
};

}  // namespace tilewright::search
