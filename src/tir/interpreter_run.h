// Runs a compiled program once.
#pragma once

#include <string>
#include <vector>

#include "tilewright/support/diagnostic.h"
#include "tir/interpreter_program.h"

namespace tilewright::tir::interp {

class Machine {
 public:
  Machine(Program& program, int64_t max_instances);
  /// Throws Error (T05xx).
  void execute();

 private:
  /// Address of the element a lane of an access means; false when an index is outside.
  bool locate(const Access& x, int lane, int64_t* at) const;
  /// The same for scalars.
  bool locate_fast(const Access& x, int64_t* at) const {
    const Memory& m = *x.memory;
    const int32_t* index = x.index.data();
    const int64_t *extent = m.extent.data(), *stride = m.stride.data();
    int64_t sum = 0;
    for (size_t d = 0, rank = x.index.size(); d < rank; ++d) {
      const int64_t i = slots_[index[d]].i;
      if (static_cast<uint64_t>(i) >= static_cast<uint64_t>(extent[d])) return false;
      sum += i * stride[d];
    }
    *at = sum;
    return true;
  }
  bool is_on(const Access& x, int lane) const {
    return (x.mask < 0 || slots_[x.mask + lane * x.mask_step].i) && (x.active < 0 || slots_[x.active + lane].i);
  }
  // interpreter_checks.cpp
  void check_read(const Access& x, int lane, int64_t at);
  void check_write(const Access& x, int lane, int64_t at);
  void check_layout(const Access& x, int64_t at);
  void enter(Memory& m);
  void check_argument(const ParamInfo& p);
  void begin_execution(int32_t loop);
  [[noreturn]] void fail(const char* code, std::string message, const std::string* block,
                         std::string remedy = {}) const;
  [[noreturn]] void fail_bounds(const Access& x, int lane) const;
  [[noreturn]] void fail_division(const Site& site) const;
  [[noreturn]] void fail_assertion(const std::string& message, bool assumption) const;
  [[noreturn]] void fail_fuel() const;
  [[noreturn]] void fail_race(const Access& x, int lane, const ConcurrentLoop& loop, const char* what) const;
  std::string element_text(const Access& x, int lane) const;

  Program& program_;
  std::vector<Access> accesses_;
  Value* slots_;
  int64_t max_instances_, fuel_;
};

}  // namespace tilewright::tir::interp
