#include "arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "cli.h"
#include "tilewright/codegen/build.h"
#include "tilewright/search/inputs.h"
#include "tilewright/search/measure.h"
#include "tilewright/tir/interpreter.h"
#include "tilewright/tir/stmt.h"

namespace tilewright::cli {
namespace {

constexpr double kInterpreterLimit = 1e7;

TwDataType runtime_type(tir::DataType type) {
  uint8_t code = TW_DTYPE_FLOAT;
  if (type.is_int()) code = TW_DTYPE_INT;
  if (type.is_uint()) code = TW_DTYPE_UINT;
  if (type.is_bool()) code = TW_DTYPE_BOOL;
  if (type.code == tir::TypeCode::kBfloat) code = TW_DTYPE_BFLOAT;
  return {code, type.bits, type.lanes};
}

void check_memory(const std::vector<ArgumentSpec>& specs) {
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  double bytes = 0;
  for (const ArgumentSpec& spec : specs) {
    double size = spec.type.element_bytes();
    for (const int64_t extent : spec.shape) size *= static_cast<double>(extent);
    bytes += size;
  }
  if (bytes > memory)
    refuse(fmt::format("the arguments take {:.3g} GiB, this machine has {:.3g} GiB of memory", bytes / 0x1p30,
                       memory / 0x1p30));
}

char crash_message[512];
size_t crash_message_bytes = 0;

void on_crash(int) {
  if (::write(2, crash_message, crash_message_bytes) < 0) ::_exit(kFailed);
  ::_exit(kFailed);
}

/// The unscheduled program in f64, compiled.
runtime::Function build_reference(const tir::PrimFunc& func) {
#ifdef TILEWRIGHT_CLI_LLVM
  const Target target("llvm -mcpu=native");
#else
  const Target target("c -cc=gcc");
#endif
  return build(search::reference_program(func), target)[func.name()];
}

}  // namespace

int64_t ArgumentSpec::count() const {
  int64_t n = 1;
  for (const int64_t extent : shape) n *= extent;
  return n;
}

std::string ArgumentSpec::str() const {
  return fmt::format("{}: {}[{}]", name, type.str(), fmt::join(shape, ", "));
}

std::vector<ArgumentSpec> arguments_of(const tir::PrimFunc& func) {
  std::vector<ArgumentSpec> specs;
  const std::vector<tir::ParamUse> uses = tir::param_uses(func);
  for (size_t i = 0; i < func->params.size(); ++i) {
    const Buffer& buffer = func->params[i].buffer;
    if (!buffer.defined())
      refuse(fmt::format("parameter {} of `{}` is a number, expected tensors only", i, func.name()));
    ArgumentSpec spec{buffer.name(), buffer.dtype(), {}, !uses[i].written || uses[i].read, uses[i].written};
    for (const Expr& extent : buffer.shape()) {
      int64_t value = 0;
      if (!tir::is_const_int(extent, &value))
        refuse(fmt::format("parameter `{}` of `{}` has a symbolic shape, expected numbers", spec.name, func.name()));
      spec.shape.push_back(value);
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

Arguments::Arguments(std::vector<ArgumentSpec> specs, uint64_t seed) : specs_(std::move(specs)), seed_(seed) {
  check_memory(specs_);
  arrays_.reserve(specs_.size());
  for (ArgumentSpec& spec : specs_) {
    const auto bytes = static_cast<size_t>(spec.count() * spec.type.element_bytes());
    arrays_.emplace_back(bytes, false);
    if (!arrays_.back().valid()) refuse(fmt::format("{} does not fit into memory", spec.str()));
    TwDLTensor tensor = {};
    tensor.data = arrays_.back().data();
    tensor.device = {TW_DEVICE_CPU, 0};
    tensor.ndim = static_cast<int32_t>(spec.shape.size());
    tensor.dtype = runtime_type(spec.type);
    tensor.shape = spec.shape.data();
    tensors_.push_back(tensor);
  }
  for (TwDLTensor& tensor : tensors_) values_.push_back(tw_tensor_arg(&tensor));
  fill();
}

void Arguments::fill() {
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].input)
      search::fill_input(specs_[i].type, seed_, static_cast<int>(i), arrays_[i].data(), specs_[i].count());
    else
      search::fill_poison(specs_[i].type, arrays_[i].data(), specs_[i].count());
  }
}

void Arguments::call(const runtime::Function& function) const {
  function.call(values_.data(), static_cast<int32_t>(values_.size()));
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (!arrays_[i].slack_intact())
      fail(fmt::format("{} wrote beside its argument {}", function.name(), specs_[i].str()));
  }
}

runtime::TimeResult Arguments::time(const runtime::Function& function, int repeat, double min_repeat_ms) const {
  runtime::TimeOptions options;
  options.repeat = repeat;
  options.min_repeat_ms = min_repeat_ms;
  return function.time(values_.data(), static_cast<int32_t>(values_.size()), options);
}

Reference::Reference(const tir::PrimFunc& func, uint64_t seed) {
  const std::vector<ArgumentSpec> specs = arguments_of(func);
  const auto keep = [&](size_t i, const void* data) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    outputs_.push_back({i, std::vector<uint8_t>(bytes, bytes + specs[i].count() * specs[i].type.element_bytes())});
  };
  if (search::statement_instances(func) >= kInterpreterLimit) {
    Arguments arguments(specs, seed);
    arguments.call(build_reference(func));
    for (size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].output) keep(i, arguments.data(i));
    }
    return;
  }
  std::vector<tir::HostArray> arrays;
  for (size_t i = 0; i < specs.size(); ++i) {
    arrays.push_back(tir::HostArray::zeros(specs[i].type, specs[i].shape));
    if (specs[i].input)
      search::fill_input(specs[i].type, seed, static_cast<int>(i), arrays.back().bytes.data(), specs[i].count());
  }
  std::vector<tir::HostArray*> pointers;
  for (tir::HostArray& array : arrays) pointers.push_back(&array);
  tir::InterpreterOptions options;
  options.float64_reference = true;
  if (const Status run = tir::interpret(func, pointers, options); !run) fail(run.error());
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].output) keep(i, arrays[i].bytes.data());
  }
}

Reference::Verdict Reference::compare(const Arguments& arguments) const {
  Verdict verdict;
  bool first = true;
  for (const Output& output : outputs_) {
    const ArgumentSpec& spec = arguments.specs()[output.index];
    const double error = search::max_error(spec.type, arguments.data(output.index), output.bytes.data(), spec.count());
    const double limit = search::default_tolerance(spec.type);
    verdict.correct = verdict.correct && error <= limit;
    if (first || error > verdict.max_error) {
      verdict.max_error = error;
      verdict.limit = limit;
      verdict.argument = spec.name;
    }
    first = false;
  }
  return verdict;
}

void report_crashes_of(const std::string& what) {
  const std::string text = fmt::format(
      "error: {} crashed: it touched memory that is not an argument's, or ran an "
      "instruction that this CPU lacks\n",
      one_line(what.substr(0, 200)));
  crash_message_bytes = std::min(text.size(), sizeof crash_message);
  std::memcpy(crash_message, text.data(), crash_message_bytes);
  struct sigaction action{};
  action.sa_handler = on_crash;
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) ::sigaction(signal, &action, nullptr);
}

}  // namespace tilewright::cli
