// tilewright compile: code in any form, from a log's best record or the first schedule.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli.h"
#include "files.h"
#include "task.h"
#include "tilewright/search/tuner.h"
#include "tilewright/te/printer.h"
#include "tilewright/tir/printer.h"

namespace tilewright::cli {
namespace {

struct CompileArgs {
  std::string workload, log, target = kDefaultTarget, emit = "so", output;
  std::vector<std::string> constants;
  bool has_log = false, has_output = false;
};

struct Form {
  const char* name;
  bool text;
  EmitKind kind;  // unused for te and tir
};
constexpr Form kForms[] = {
    {"te", true, EmitKind::kLowered},  {"tir", true, EmitKind::kLowered}, {"lowered", true, EmitKind::kLowered},
    {"c", true, EmitKind::kC},         {"llvm", true, EmitKind::kLlvm},   {"asm", true, EmitKind::kAssembly},
    {"bc", false, EmitKind::kBitcode}, {"obj", false, EmitKind::kObject}, {"so", false, EmitKind::kSharedLibrary},
};
constexpr const char* kDeviceForms[] = {"cuda", "ptx", "cubin", "opencl"};

const Form* find_form(const std::string& name) {
  for (const Form& form : kForms) {
    if (name == form.name) return &form;
  }
  return nullptr;
}

void check_form(const std::string& name) {
  if (name == "all" || find_form(name)) return;
  if (std::find(std::begin(kDeviceForms), std::end(kDeviceForms), name) != std::end(kDeviceForms))
    refuse(fmt::format("--emit {} is not available in this version: there are no cuda and opencl targets yet", name));
  refuse(
      fmt::format("--emit is {}, expected one of so, te, tir, lowered, llvm, c, bc, asm, obj, all", in_quotes(name)));
}

/// LLVM's forms exist for targets of kind llvm only; the others for all.
bool has_form(const Target& target, const Form& form) {
  const bool llvm_only = form.kind == EmitKind::kLlvm || form.kind == EmitKind::kAssembly ||
                         form.kind == EmitKind::kBitcode || form.kind == EmitKind::kObject;
  return !llvm_only || target.kind == Target::Kind::kLlvm;
}

/// C is made by the back end of its own, for the same machine.
Target c_target(const Target& target) {
  if (target.kind == Target::Kind::kC) return target;
  std::string text = target.str();
  return Target("c" + text.substr(text.find(' ')));
}

std::string emit_form(const Task& task, const Form& form, const ChosenSchedule& chosen) {
  const std::string name = form.name;
  if (name == "te") return te::to_string(task.workload.tensors, task.workload.op);
  if (name == "tir") return tir::to_string(chosen.schedule.func());
  const Target target = form.kind == EmitKind::kC ? c_target(task.target) : task.target;
  try {
    return emit(chosen.schedule.func(), target, form.kind, build_options(task, chosen));
  } catch (const Error& e) {
    // This build or this target has no such form: the request was wrong, not the program.
    if (e.diagnostic().code == "G0840" || e.diagnostic().code == "G0842") refuse(e.diagnostic());
    throw;
  }
}

void print_form(std::string text) {
  if (text.empty() || text.back() != '\n') text += '\n';
  fmt::print("{}", text);
}

void write_output(const std::string& path, const std::string& bytes) {
  write_file(path, bytes);
  fmt::print(stderr, "wrote {} ({} bytes)\n", path, bytes.size());
}

/// "x.c" -> "x.h"
std::string header_path(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".h").string();
}

int compile(const CompileArgs& args) {
  check_form(args.emit);
  const Form* form = find_form(args.emit);
  if (!args.has_output && form && !form->text) refuse(fmt::format("--emit {} needs -o FILE: it is no text", args.emit));
  const Task task = read_task(args.workload, args.target);
  check_constants(task.workload, args.constants);
  if (form && !has_form(task.target, *form))
    refuse(
        fmt::format("--emit {} needs a target of kind llvm, but the target is {}", args.emit, in_quotes(args.target)));
  if (args.emit == "te" && task.workload.tensors.empty())
    refuse(fmt::format("--emit te: {} is loop IR, expected a workload by name", in_quotes(args.workload)));
  const bool with_header = args.emit == "c" && args.has_output && header_path(args.output) != args.output;
  if (args.has_output) check_writable("-o", args.output);
  if (with_header) check_writable("-o", header_path(args.output));

  const auto choose = [&]() -> ChosenSchedule {
    if (args.has_log) return schedule_from_log(task, args.log);
    if (args.emit == "te") return {Schedule(task.workload.func)};
    print_note("no --log is given: this is the first schedule, chosen without measuring");
    return {search::first_schedule(task.workload.func, task.target).value()};
  };
  const ChosenSchedule chosen = choose();

  if (form) {
    const std::string code = emit_form(task, *form, chosen);
    if (!args.has_output) {
      print_form(code);
      return kDone;
    }
    // The header first: whoever sees the new source finds its header.
    if (with_header)
      write_output(header_path(args.output), emit(chosen.schedule.func(), c_target(task.target), EmitKind::kCHeader,
                                                  build_options(task, chosen)));
    write_output(args.output, code);
    return kDone;
  }
  std::string all;
  for (const Form& each : kForms) {
    if (!each.text || !has_form(task.target, each)) continue;
    if (std::string(each.name) == "te" && task.workload.tensors.empty()) continue;
    all += fmt::format("// ---- {}\n{}", each.name, emit_form(task, each, chosen));
    if (all.back() != '\n') all += '\n';
  }
  if (args.has_output)
    write_output(args.output, all);
  else
    print_form(all);
  return kDone;
}

}  // namespace

void add_compile(CLI::App& app, Action* action) {
  CLI::App* sub = app.add_subcommand("compile", "Compile a workload to code in any form");
  auto args = std::make_shared<CompileArgs>();
  sub->add_option("workload", args->workload, "For example gmm:1,512,512,512, or the path of a .tir file")
      ->required()
      ->type_name("WORKLOAD");
  sub->add_option("--log", args->log, "Take the best schedule of this log")->type_name("FILE");
  sub->add_option("--target", args->target, "llvm [-mcpu= ...] or c [-cc= ...]")->type_name("T");
  add_constants(sub, &args->constants);
  sub->add_option("--emit", args->emit, "so, te, tir, lowered, c, llvm, bc, asm, obj or all")->type_name("FORM");
  sub->add_option("-o,--output", args->output, "Write here; text goes to standard output without it")
      ->type_name("FILE");
  sub->callback([=] {
    args->has_log = sub->count("--log") > 0;
    args->has_output = sub->count("--output") > 0;
    *action = [=] { return compile(*args); };
  });
}

}  // namespace tilewright::cli
