// Arguments in, program compiled and run, outputs back.
#include "tilewright/tir/interpreter.h"

#include <fmt/format.h>

#include <cstring>
#include <unordered_set>

#include "tir/interpreter_program.h"

namespace tilewright::tir {
namespace {

[[noreturn]] void argument_error(const PrimFunc& func, std::string message) {
  Diagnostic d;
  d.code = "T0501";
  d.operation = "interpret";
  d.message = std::move(message);
  d.place = func.name();
  throw Error(std::move(d));
}

void check_array(const PrimFunc& func, const interp::ParamInfo& p, const HostArray* a) {
  if (!a) argument_error(func, fmt::format("argument `{}` is missing (null)", p.name));
  if (a->dtype != p.dtype)
    argument_error(func, fmt::format("argument `{}` has type {}, expected {}", p.name, a->dtype.str(), p.dtype.str()));
  const size_t rank = p.memory ? p.shape_slots.size() : 0;
  if (a->shape.size() != rank && !(rank == 0 && a->elements() == 1))
    argument_error(func, fmt::format("argument `{}` has {} dimensions, expected {}", p.name, a->shape.size(), rank));
  uint64_t count = 1;
  for (const int64_t e : a->shape) {
    if (e < 0 || (e > 0 && count > (uint64_t{1} << 40) / static_cast<uint64_t>(e)))
      argument_error(func, fmt::format("argument `{}` has an impossible extent {}", p.name, e));
    count *= static_cast<uint64_t>(e);
  }
  const uint64_t bytes = count * static_cast<uint64_t>(a->dtype.bytes());
  if (a->bytes.size() != bytes)
    argument_error(func,
                   fmt::format("argument `{}` holds {} bytes, its shape needs {}", p.name, a->bytes.size(), bytes));
}

void set_scalar(interp::Value* slot, const HostArray& a, bool float64_reference) {
  slot->u = 0;
  if (!a.dtype.is_floating())
    slot->i = a.get_int(0);
  else if (float64_reference || a.dtype.bits == 64)
    slot->d = a.get(0);
  else
    slot->f = static_cast<float>(a.get(0));
}

void run_program(const PrimFunc& func, const std::vector<HostArray*>& args, const InterpreterOptions& options) {
  if (!func.defined() || !func->body.defined())
    throw Error("T0501", "interpret", "the function or its body is missing (null)");
  if (args.size() != func->params.size())
    argument_error(func, fmt::format("{} arguments given, expected {}", args.size(), func->params.size()));
  interp::Program program;
  interp::compile(func, {options.float64_reference, options.check_uninitialised}, &program);
  std::unordered_set<int32_t> bound;
  for (size_t i = 0; i < args.size(); ++i) {
    interp::ParamInfo& p = program.params[i];
    check_array(func, p, args[i]);
    p.argument = args[i];
    if (!p.memory) {
      set_scalar(&program.slots[static_cast<size_t>(p.scalar_slot)], *args[i], options.float64_reference);
      continue;
    }
    for (size_t j = 0; j < i; ++j) {
      if (args[j] == args[i] && (p.written || program.params[j].written))
        argument_error(func, fmt::format("arguments `{}` and `{}` are the same array, and it is written",
                                         program.params[j].name, p.name));
    }
    p.memory->argument = args[i];
    for (size_t d = 0; d < p.bind_slots.size(); ++d) {
      const int32_t slot = p.bind_slots[d];
      // The first occurrence binds; the others are compared when the program starts.
      if (slot >= 0 && bound.insert(slot).second) program.slots[static_cast<size_t>(slot)].i = args[i]->shape[d];
    }
  }
  for (const auto& [name, slot] : program.symbols) {
    if (bound.count(slot) == 0) argument_error(func, fmt::format("no argument's shape gives the size `{}`", name));
  }
  interp::run(program, options.max_instances);
  for (const interp::ParamInfo& p : program.params) {
    // Held as f64: rounded once, here.
    if (!p.memory || !p.written || p.memory->storage.empty()) continue;
    for (int64_t i = 0; i < p.memory->elements * p.memory->lanes; ++i) {
      double value;
      std::memcpy(&value, p.memory->storage.data() + i * 8, 8);
      p.argument->set(i, value);
    }
  }
}

}  // namespace

Status interpret(const PrimFunc& func, std::vector<HostArray*> args, const InterpreterOptions& options) {
  try {
    run_program(func, args, options);
    return {};
  } catch (const Error& e) {
    return e.diagnostic();
  }
}

}  // namespace tilewright::tir
