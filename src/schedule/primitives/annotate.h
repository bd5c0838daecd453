// Annotations. Meaning and refusals: Schedule::annotate, unannotate.
#pragma once

#include <string>

#include "schedule/state.h"

namespace tilewright::schedule {

Status annotate(State& state, LoopId loop, const std::string& key, tir::AnnotationValue value);
Status annotate(State& state, BlockId block, const std::string& key, tir::AnnotationValue value);
Status unannotate(State& state, LoopId loop, const std::string& key);
Status unannotate(State& state, BlockId block, const std::string& key);

}  // namespace tilewright::schedule
