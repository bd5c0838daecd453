// Everything of the tensor-expression room.
#pragma once

#include "tilewright/te/create_prim_func.h"
#include "tilewright/te/ops.h"
#include "tilewright/te/printer.h"
#include "tilewright/te/reduce.h"
#include "tilewright/te/tensor.h"
#include "tilewright/te/workload.h"
