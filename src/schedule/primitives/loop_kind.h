// Kinds of loops. Meaning and refusals: Schedule::parallel, vectorize, unroll, bind.
#pragma once

#include <string>

#include "schedule/state.h"

namespace tilewright::schedule {

Status parallel(State& state, LoopId loop);
Status vectorize(State& state, LoopId loop);
Status unroll(State& state, LoopId loop);
Status bind(State& state, LoopId loop, const std::string& thread);

}  // namespace tilewright::schedule
