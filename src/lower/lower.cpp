#include "tilewright/lower/lower.h"

#include <fmt/format.h>

#include <chrono>

#include "lower/passes.h"
#include "lower/rewrite.h"
#include "tilewright/support/diagnostic.h"
#include "tilewright/tir/printer.h"
#include "tilewright/verify/verify.h"

namespace tilewright::lower {
namespace {

using namespace tir;  // NOLINT

void refuse_threads(const PrimFunc& func) {
  pre_order(func->body, [&](const Stmt& s) {
    const auto* n = as<ForNode>(s);
    if (n && n->loop_kind == ForKind::kThreadBinding) {
      Diagnostic d;
      d.code = "L0701";
      d.operation = "lower";
      d.message =
          fmt::format("loop `{}` is bound to {}, which a CPU does not have", n->var.name(), thread_tag_name(n->thread));
      d.place = func.name();
      PrintOptions options;
      options.loop_nest_only = true;
      options.mark_loops = {n->id};
      d.listing = to_string(func, options);
      d.remedy = "mark the loop parallel or serial for this target";
      throw Error(std::move(d));
    }
    return true;
  });
}

class Pipeline {
 public:
  Pipeline(PrimFunc func, const LowerOptions& options, std::vector<PassRecord>* records)
      : func_(std::move(func)), options_(options), records_(records) {}

  using Pass = PrimFunc (*)(const PrimFunc&, const LowerOptions&);
  void run(const char* name, Pass pass) {
    const auto start = std::chrono::steady_clock::now();
    PrimFunc next = pass(func_, options_);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    if (records_) records_->push_back({name, time.count(), !next->body.same_as(func_->body)});
    func_ = std::move(next);
  }
  /// The stages from here on promise the lowered form.
  void run_verified(const char* name, Pass pass) {
    run(name, pass);
    if (options_.verify_each_pass) verify();
  }
  void verify() const { verify::verify(func_, verify::Stage::kLowered).value(); }
  const PrimFunc& func() const { return func_; }

 private:
  PrimFunc func_;
  const LowerOptions& options_;
  std::vector<PassRecord>* records_;
};

}  // namespace

PrimFunc lower(const PrimFunc& func, const LowerOptions& options, std::vector<PassRecord>* records) {
  refuse_threads(func);
  Pipeline p(func, options, records);

  // While there are blocks: they say what a reduction is, what is initialised, and what is read and written.
  if (options.debug_bounds) p.run("insert_bounds_checks", insert_bounds_checks);
  p.run("make_fma", make_fma);
  p.run("plan_allocations", plan_allocations);
  p.run("lower_init", lower_init);
  p.run("remove_blocks", remove_blocks);

  // Loops over multi-dimensional buffers.
  p.run("compact_buffers", compact_buffers);
  p.run("peel_tails", peel_tails);

  // One statement still stands for a whole tile, so everything that costs time per statement comes here.
  p.run("flatten", flatten);
  p.run("legalize_half", legalize_half);
  p.run("expand_math", expand_math);
  p.run("vectorize", vectorize);

  // One statement for each register.
  p.run_verified("unroll", unroll);
  p.run_verified("promote_registers", promote_registers);
  p.run_verified("hoist_accumulators", hoist_accumulators);
  p.run_verified("hoist_allocations", hoist_allocations);
  p.run_verified("clean_up", clean_up);
  return p.func();
}

}  // namespace tilewright::lower
