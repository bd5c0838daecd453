#include "support/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "support/report.h"
#include "tilewright/codegen/build.h"
#include "tilewright/search/features.h"
#include "tilewright/tir/parser.h"
#include "tilewright/tir/visit.h"

namespace tilewright::bench {
namespace {

using search::StageSummary;

/// A change below this factor is not named.
constexpr double kWorthNaming = 1.2;

const StageSummary& heaviest(const search::ProgramSummary& summary) {
  return *std::max_element(summary.stages.begin(), summary.stages.end(), [](const auto& a, const auto& b) {
    return a.flops * (1 + a.special) < b.flops * (1 + b.special);
  });
}

std::string scaled_bytes(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  return bytes >= 1e6 ? fmt::format("{:.1f} MB", bytes / 1e6) : fmt::format("{:.0f} kB", bytes / 1e3);
}

/// What one call of a lowered program executes.
struct Executed {
  double accesses = 0;    // loads and stores, a vector counts once
  double strided = 0;     // of these, vectors whose elements are not neighbours
  double operations = 0;  // multiply-adds and other float arithmetic, a vector counts once
};

class Counter : public tir::Visitor {
 public:
  Executed executed;

  void visit(const tir::Stmt& s) override {
    if (const auto* loop = tir::as<tir::ForNode>(s)) {
      int64_t extent = 1;
      tir::is_const_int(loop->extent, &extent);
      const double outer = times_;
      times_ *= static_cast<double>(extent);
      visit_children(s);
      times_ = outer;
      return;
    }
    if (const auto* store = tir::as<tir::StoreNode>(s)) access(store->buffer, store->indices);
    visit_children(s);
  }

  void visit(const Expr& e) override {
    if (const auto* load = tir::as<tir::LoadNode>(e)) access(load->buffer, load->indices);
    const bool arithmetic = e.kind() == tir::ExprKind::kAdd || e.kind() == tir::ExprKind::kMul ||
                            e.kind() == tir::ExprKind::kSub || e.kind() == tir::ExprKind::kDiv ||
                            e.kind() == tir::ExprKind::kCall;
    if (arithmetic && e.dtype().is_floating()) executed.operations += times_;
    visit_children(e);
  }

 private:
  void access(const Buffer& buffer, const std::vector<Expr>& indices) {
    if (buffer.scope() == tir::Scope::kRegister || indices.empty()) return;
    executed.accesses += times_;
    if (!indices[0].dtype().is_vector()) return;
    const auto* ramp = tir::as<tir::RampNode>(indices[0]);
    if (!ramp || !tir::is_const_int(ramp->stride, 1)) executed.strided += times_;
  }

  double times_ = 1;
};

Executed count(const tir::PrimFunc& func, const Target& target) {
  Counter counter;
  counter.visit(tir::parse_func(emit(func, target, EmitKind::kLowered)).value()->body);
  return counter.executed;
}

struct Change {
  double factor;  // above 1: worse
  std::string text;
};

}  // namespace

std::string explain_slower(const tir::PrimFunc& before, const tir::PrimFunc& after, const Target& target) {
  const search::ProgramSummary was = search::summarize(before, target), is = search::summarize(after, target);
  if (was.stages.empty() || is.stages.empty()) return "the program has no analysable stage";
  const StageSummary &a = heaviest(was), &b = heaviest(is);
  std::vector<Change> changes;
  const auto name = [&](double factor, std::string text) {
    if (factor >= kWorthNaming) changes.push_back({factor, std::move(text)});
  };
  const auto ratio = [](double over, double under) { return over / std::max(under, 1.0); };

  name(a.vector_lanes / b.vector_lanes, fmt::format("{:g} lanes instead of {:g}", b.vector_lanes, a.vector_lanes));
  const Executed ran = count(before, target), runs = count(after, target);
  name(ratio(runs.operations, ran.operations),
       fmt::format("{:.3g} float instructions, before {:.3g}", runs.operations, ran.operations));
  name(ratio(runs.accesses, ran.accesses),
       fmt::format("{:.2f} loads and stores a float instruction, before {:.2f}", ratio(runs.accesses, runs.operations),
                   ratio(ran.accesses, ran.operations)));
  name(ratio(runs.strided, std::max(ran.strided, 0.01 * runs.operations)),
       fmt::format("{:.2f} strided vector accesses a float instruction, before {:.2f}",
                   ratio(runs.strided, runs.operations), ratio(ran.strided, ran.operations)));
  const char* levels[] = {"L2", "L3", "memory"};
  for (size_t i = 0; i < a.traffic.size(); ++i) {
    // Traffic that a core moves in a small part of the estimated time cannot be the reason.
    name(ratio(b.traffic[i], std::max(a.traffic[i], 0.01 * b.flops)),
         fmt::format("{} from {}, before {}", scaled_bytes(b.traffic[i]), levels[i], scaled_bytes(a.traffic[i])));
  }
  const double registers = target.vector_registers;
  if (b.tile_registers > registers)
    name(ratio(b.tile_registers, std::max(a.tile_registers, registers)),
         fmt::format("the accumulators of the unrolled tile take {:g} vector registers of {:g}, before {:g}",
                     b.tile_registers, registers, a.tile_registers));
  if (b.code_statements > 512)
    name(ratio(b.code_statements, a.code_statements),
         fmt::format("{:.0f} statements of code, before {:.0f}", b.code_statements, a.code_statements));
  name(a.parallel_balance / std::max(b.parallel_balance, 0.01),
       fmt::format("the cores are used to {:.0f} %, before {:.0f} %", 100 * b.parallel_balance,
                   100 * a.parallel_balance));
  name(ratio(b.padding_waste + 1, a.padding_waste + 1),
       fmt::format("{:.0f} % of the iterations are guarded off", 100 * b.padding_waste));

  if (changes.empty())
    return fmt::format("nothing that the analysis sees got worse (its estimate: {} ms, before {} ms)",
                       short_number(is.seconds * 1e3), short_number(was.seconds * 1e3));
  std::stable_sort(changes.begin(), changes.end(), [](const auto& x, const auto& y) { return x.factor > y.factor; });
  if (changes.size() > 3) changes.resize(3);
  std::vector<std::string> texts;
  for (const Change& c : changes) texts.push_back(c.text);
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace tilewright::bench
