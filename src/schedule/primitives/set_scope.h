// Storage scope of a buffer. Meaning and refusals: Schedule::set_scope.
#pragma once

#include "schedule/state.h"

namespace tilewright::schedule {

Status set_scope(State& state, BlockId block, int write_index, tir::Scope scope);

}  // namespace tilewright::schedule
