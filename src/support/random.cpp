#include "tilewright/support/random.h"

namespace tilewright {

uint64_t CounterRng::below(uint64_t n) {
  if (n <= 1) return 0;
  unsigned __int128 product = static_cast<unsigned __int128>(next()) * n;
  auto low = static_cast<uint64_t>(product);
  if (low < n) {
    const uint64_t threshold = (0 - n) % n;
    while (low < threshold) {
      product = static_cast<unsigned __int128>(next()) * n;
      low = static_cast<uint64_t>(product);
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

}  // namespace tilewright
