// Sums of constants times atoms: the cheap view on index expressions that most conditions need.
#pragma once

#include <cstdint>
#include <vector>

#include "tilewright/tir/expr.h"

namespace tilewright::schedule {

/// base + sum of coeff * atom; atoms are no sums and no constants, and differ from each other.
struct LinearForm {
  struct Term {
    tir::Expr atom;
    int64_t coeff;
  };
  std::vector<Term> terms;
  int64_t base = 0;
};

/// False only when a coefficient overflows. What is no sum or product with a constant is an atom.
bool linear_form(const tir::Expr& e, LinearForm* out);

}  // namespace tilewright::schedule
