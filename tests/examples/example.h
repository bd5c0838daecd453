// What the tests of the standing examples share: seeded arguments, and the unscheduled program in f64 as the judge.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tilewright/codegen/build.h"
#include "tilewright/schedule/stage_schedule.h"
#include "tilewright/search/inputs.h"
#include "tilewright/search/measure.h"
#include "tilewright/te/te.h"
#include "tilewright/tir/parser.h"
#include "tilewright/tir/printer.h"
#include "tilewright/tir/visit.h"

namespace tilewright::examples {

/// Arguments of a function of f32 tensors: inputs uniform in [-1, 1], outputs NaN until written.
class Arguments {
 public:
  explicit Arguments(const PrimFunc& func) {
    const std::vector<tir::ParamUse> uses = tir::param_uses(func);
    for (size_t i = 0; i < func->params.size(); ++i) {
      std::vector<int64_t> shape;
      for (const Expr& extent : func->params[i].buffer.shape()) {
        int64_t value = 0;
        EXPECT_TRUE(tir::is_const_int(extent, &value));
        shape.push_back(value);
      }
      tensors_.push_back(runtime::Tensor::empty(shape));
      written_.push_back(uses[i].written);
      if (uses[i].written && !uses[i].read)
        search::fill_poison(f32, tensors_[i].data(), tensors_[i].size());
      else
        search::fill_input(f32, 0, static_cast<int>(i), tensors_[i].data(), tensors_[i].size());
    }
  }

  float* operator[](size_t i) const { return tensors_[i].data<float>(); }
  const runtime::Tensor& tensor(size_t i) const { return tensors_[i]; }
  size_t size() const { return tensors_.size(); }
  bool written(size_t i) const { return written_[i]; }
  void call(const runtime::Function& function) const {
    std::vector<TwAny> values;
    for (const runtime::Tensor& t : tensors_) values.push_back(tw_tensor_arg(t.dl_tensor()));
    function.call(values.data(), static_cast<int32_t>(values.size()));
  }

 private:
  std::vector<runtime::Tensor> tensors_;
  std::vector<bool> written_;
};

/// What the unscheduled program gives, computed once.
class Judge {
 public:
  explicit Judge(const PrimFunc& original) : name_(original.name()), expected_(original) {
    expected_.call(build(search::reference_program(original))[name_]);
  }

  /// max|y - ref| / max|ref| of the scheduled program, built for `target` and run.
  double error(const PrimFunc& scheduled, const Target& target = Target()) const {
    return error(build(scheduled, target), scheduled);
  }
  double error(const Module& module, const PrimFunc& scheduled) const {
    const Arguments got(scheduled);
    got.call(module[name_]);
    double worst = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      if (!got.written(i)) continue;
      worst = std::max(worst, search::max_error(f32, got[i], expected_[i], got.tensor(i).size()));
    }
    return worst;
  }

 private:
  std::string name_;
  Arguments expected_;
};

/// The text of the error that `call` must throw.
template <typename F>
std::string error_of(F call) {
  try {
    call();
  } catch (const std::exception& e) {
    return e.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

/// A path for this test alone, gone when the test ends.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& ending) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "tilewright_" + test->test_suite_name() + "_" + test->name() + "_" +
            std::to_string(::getpid()) + ending;
  }
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tilewright::examples
