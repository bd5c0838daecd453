// Every workload's loop IR, interpreted, against plain loops over doubles.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tilewright/support/random.h"
#include "tilewright/te/te.h"
#include "tilewright/tir/interpreter.h"

namespace tilewright {
namespace {

/// A dense array of doubles: wide enough for every sum of 8-bit products here.
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;
  explicit Array(std::vector<int64_t> s) : shape(std::move(s)) {
    size_t n = 1;
    for (int64_t extent : shape) n *= static_cast<size_t>(extent);
    data.resize(n);
  }
  template <typename... I>
  double& operator()(I... i) {
    const int64_t index[] = {static_cast<int64_t>(i)...};
    size_t offset = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      offset = offset * static_cast<size_t>(shape[d]) + static_cast<size_t>(index[d]);
    return data.at(offset);
  }
  /// Zero outside of the spatial dimensions 1 and 2.
  template <typename... I>
  double padded(int64_t n, int64_t y, int64_t x, I... rest) {
    return y < 0 || y >= shape[1] || x < 0 || x >= shape[2] ? 0 : (*this)(n, y, x, rest...);
  }
};
using Arrays = std::vector<Array>;
using Numbers = std::vector<int64_t>;
/// Computes the last array from the others.
using Reference = std::function<void(const Numbers&, Arrays&)>;

#define LOOP(i, extent) for (int64_t i = 0; i < (extent); ++i)

void conv2d(Arrays& a, int64_t k, int64_t s, int64_t p, int64_t d, int64_t groups) {
  Array &X = a[0], &W = a[1], &Y = a.back();
  const int64_t ci = W.shape[2], co = W.shape[3];
  LOOP(n, Y.shape[0]) LOOP(y, Y.shape[1]) LOOP(x, Y.shape[2]) LOOP(o, co) LOOP(r, k) LOOP(q, k) LOOP(c, ci) {
    Y(n, y, x, o) += X.padded(n, y * s + r * d - p, x * s + q * d - p, o / (co / groups) * ci + c) * W(r, q, c, o);
  }
}

void matmul(Array& A, Array& B, Array& C) {
  LOOP(i, C.shape[0]) LOOP(j, C.shape[1]) LOOP(k, A.shape[1]) C(i, j) += A(i, k) * B(k, j);
}

void softmax_rows(Array& Y) {
  const int64_t n = Y.shape.back();
  for (size_t row = 0; row < Y.data.size(); row += static_cast<size_t>(n)) {
    double top = -INFINITY, sum = 0;
    LOOP(j, n) top = std::max(top, Y.data[row + static_cast<size_t>(j)]);
    LOOP(j, n) sum += std::exp(Y.data[row + static_cast<size_t>(j)] - top);
    LOOP(j, n) Y.data[row + static_cast<size_t>(j)] = std::exp(Y.data[row + static_cast<size_t>(j)] - top) / sum;
  }
}

const std::vector<std::pair<const char*, Reference>>& references() {
  static const std::vector<std::pair<const char*, Reference>> all = {
      {"gmm",
       [](const Numbers& n, Arrays& a) {
         LOOP(b, n[0]) LOOP(i, n[1]) LOOP(j, n[2]) LOOP(k, n[3]) a[2](b, i, j) += a[0](b, i, k) * a[1](b, k, j);
       }},
      {"dense",
       [](const Numbers& n, Arrays& a) {
         LOOP(i, n[0])
         LOOP(j, n[1]) LOOP(k, n[2]) a[2](i, j) += a[0](i, k) * a[1](j, k);
       }},
      {"matmul_add",
       [](const Numbers&, Arrays& a) {
         a[3].data = a[2].data;
         matmul(a[0], a[1], a[3]);
       }},
      {"dense_bias_relu",
       [](const Numbers& n, Arrays& a) {
         matmul(a[0], a[1], a[3]);
         LOOP(i, n[0]) LOOP(j, n[2]) a[3](i, j) = std::max(a[3](i, j) + a[2](j), 0.0);
       }},
      {"vadd",
       [](const Numbers& n, Arrays& a) {
         LOOP(i, n[0])
         a[2](i) = a[0](i) + a[1](i);
       }},
      {"c1d",
       [](const Numbers& v, Arrays& a) {
         Array &X = a[0], &W = a[1], &Y = a[2];
         LOOP(n, v[0]) LOOP(x, Y.shape[1]) LOOP(o, v[3]) LOOP(r, v[4]) LOOP(c, v[2]) {
           const int64_t at = x * v[5] + r - v[6];
           if (at >= 0 && at < v[1]) Y(n, x, o) += X(n, at, c) * W(r, c, o);
         }
       }},
      {"c2d", [](const Numbers& v, Arrays& a) { conv2d(a, v[5], v[6], v[7], 1, 1); }},
      {"c2d_nchw",
       [](const Numbers& v, Arrays& a) {
         Array &X = a[0], &W = a[1], &Y = a[2];
         LOOP(n, v[0]) LOOP(o, v[4]) LOOP(y, Y.shape[2]) LOOP(x, Y.shape[3]) LOOP(c, v[3]) LOOP(r, v[5]) LOOP(q, v[5]) {
           const int64_t i = y * v[6] + r - v[7], j = x * v[6] + q - v[7];
           if (i >= 0 && i < v[1] && j >= 0 && j < v[2]) Y(n, o, y, x) += X(n, c, i, j) * W(o, c, r, q);
         }
       }},
      {"c3d",
       [](const Numbers& v, Arrays& a) {
         Array &X = a[0], &W = a[1], &Y = a[2];
         const int64_t k = v[6], s = v[7], p = v[8];
         LOOP(n, v[0])
         LOOP(z, Y.shape[1])
         LOOP(y, Y.shape[2]) LOOP(x, Y.shape[3]) LOOP(o, v[5]) LOOP(t, k) LOOP(r, k) LOOP(q, k) LOOP(c, v[4]) {
           const int64_t h = z * s + t - p, i = y * s + r - p, j = x * s + q - p;
           if (h < 0 || h >= v[1] || i < 0 || i >= v[2] || j < 0 || j >= v[3]) continue;
           Y(n, z, y, x, o) += X(n, h, i, j, c) * W(t, r, q, c, o);
         }
       }},
      {"grp", [](const Numbers& v, Arrays& a) { conv2d(a, v[5], v[6], v[7], 1, v[8]); }},
      {"dil", [](const Numbers& v, Arrays& a) { conv2d(a, v[5], v[6], v[7], v[8], 1); }},
      {"dep",
       [](const Numbers& v, Arrays& a) {
         Array &X = a[0], &W = a[1], &Y = a[2];
         LOOP(n, v[0]) LOOP(y, Y.shape[1]) LOOP(x, Y.shape[2]) LOOP(c, v[3]) LOOP(r, v[4]) LOOP(q, v[4]) {
           Y(n, y, x, c) += X.padded(n, y * v[5] + r - v[6], x * v[5] + q - v[6], c) * W(r, q, c);
         }
       }},
      {"t2d",
       [](const Numbers& v, Arrays& a) {
         Array &X = a[0], &W = a[1], &Y = a[2];
         LOOP(n, v[0]) LOOP(y, v[1]) LOOP(x, v[2]) LOOP(r, v[5]) LOOP(q, v[5]) LOOP(c, v[3]) LOOP(o, v[4]) {
           const int64_t i = v[6] * y + r - v[7], j = v[6] * x + q - v[7];
           if (i >= 0 && i < Y.shape[1] && j >= 0 && j < Y.shape[2]) Y(n, i, j, o) += X(n, y, x, c) * W(r, q, c, o);
         }
       }},
      {"cap",
       [](const Numbers& v, Arrays& a) {
         Array &X = a[0], &W = a[1], &Y = a[2];
         LOOP(n, v[0])
         LOOP(y, Y.shape[1])
         LOOP(x, Y.shape[2]) LOOP(i, 4) LOOP(j, 4) LOOP(o, v[4]) LOOP(r, v[5]) LOOP(q, v[5]) LOOP(c, 4) LOOP(d, v[3]) {
           Y(n, y, x, i, j, o) += X.padded(n, y * v[6] + r - v[7], x * v[6] + q - v[7], i, c, d) * W(r, q, c, j, d, o);
         }
       }},
      {"nrm",
       [](const Numbers& v, Arrays& a) {
         LOOP(b, v[0]) {
           LOOP(i, v[1]) LOOP(j, v[2]) a[1](b) += a[0](b, i, j) * a[0](b, i, j);
           a[1](b) = std::sqrt(a[1](b));
         }
       }},
      {"sfm",
       [](const Numbers&, Arrays& a) {
         a[1].data = a[0].data;
         softmax_rows(a[1]);
       }},
      {"cbr",
       [](const Numbers& v, Arrays& a) {
         conv2d(a, v[5], v[6], v[7], 1, 1);
         Array& Y = a.back();
         LOOP(n, v[0]) LOOP(y, Y.shape[1]) LOOP(x, Y.shape[2]) LOOP(o, v[4]) {
           Y(n, y, x, o) = std::max((Y(n, y, x, o) + a[2](o)) * a[3](o) + a[4](o), 0.0);
         }
       }},
      {"tbs",
       [](const Numbers& v, Arrays& a) {
         LOOP(b, v[0])
         LOOP(h, v[2])
         LOOP(i, v[1]) LOOP(j, v[1]) LOOP(d, v[3]) a[2](b, h, i, j) += a[0](b, i, h, d) * a[1](b, j, h, d);
         softmax_rows(a[2]);
       }},
  };
  return all;
}

double tolerance(DataType t) {
  if (t.is_integer()) return 0;
  return t == f64 ? 1e-12 : t == f32 ? 1e-5 : t == f16 ? 1e-2 : 2e-2;
}

/// Runs the workload on small random values and compares every element.
void check(const std::string& text) {
  SCOPED_TRACE(text);
  auto w = te::parse_workload(text);
  ASSERT_TRUE(w) << w.error().render();
  std::vector<tir::HostArray> given;
  Arrays arrays;
  CounterRng random(7);
  for (const tir::Param& p : w->func->params) {
    std::vector<int64_t> shape;
    for (const Expr& extent : p.buffer.shape()) {
      int64_t n = 0;
      ASSERT_TRUE(tir::is_const_int(extent, &n));
      shape.push_back(n);
    }
    const DataType t = p.buffer.dtype();
    given.push_back(tir::HostArray::zeros(t, shape));
    arrays.emplace_back(shape);
    if (given.size() == w->func->params.size()) break;
    for (int64_t i = 0; i < given.back().elements(); ++i) {
      if (t.is_floating())
        given.back().set(i, random.uniform() * 2 - 1);
      else
        given.back().set_int(i, t == u8   ? random.in_range(0, 255)
                                : t == i8 ? random.in_range(-128, 127)
                                          : random.in_range(-1000, 1000));
      arrays.back().data[static_cast<size_t>(i)] = given.back().get(i);
    }
  }
  std::vector<tir::HostArray*> args;
  for (tir::HostArray& a : given) args.push_back(&a);
  const Status status = tir::interpret(w->func, args);
  ASSERT_TRUE(status.ok()) << status.error().render();
  for (const auto& [name, reference] : references()) {
    if (w->op == name) reference(w->numbers, arrays);
  }
  double worst = 0, scale = 0;
  for (int64_t i = 0; i < given.back().elements(); ++i) {
    const double expected = arrays.back().data[static_cast<size_t>(i)];
    worst = std::max(worst, std::abs(given.back().get(i) - expected));
    scale = std::max(scale, std::abs(expected));
  }
  EXPECT_GT(scale, 0);
  EXPECT_LE(worst, tolerance(given.back().dtype) * scale);
}

TEST(WorkloadReference, EveryWorkloadIsCovered) {
  const auto table = te::list_workloads();
  for (size_t i = 0; i < 18; ++i) EXPECT_EQ(table[i].name, references()[i].first);
}

TEST(WorkloadReference, Products) {
  for (const char* type : {"", "@f64", "@f16", "@bf16", "@i8", "@u8i8"}) {
    for (const char* text : {"gmm:2,3,4,5", "dense:3,4,5", "matmul_add:3,4,5", "dense_bias_relu:3,4,5"})
      check(std::string(text) + type);
  }
}

TEST(WorkloadReference, Convolutions) {
  for (const char* type : {"", "@f64", "@f16", "@bf16", "@i8", "@u8i8"}) {
    for (const char* text : {"c1d:2,9,3,4,3,2,1", "c2d:1,6,7,2,3,3,2,1", "c2d_nchw:1,6,7,2,3,3,2,1",
                             "c3d:1,4,5,6,2,2,3,2,1", "grp:1,6,5,4,6,3,1,1,2", "dil:1,9,8,2,3,3,2,1,2",
                             "dep:1,6,7,4,3,2,1", "t2d:1,3,4,2,3,4,2,1", "cap:1,4,5,2,3,3,2,1"}) {
      check(std::string(text) + type);
    }
  }
}

TEST(WorkloadReference, ConvolutionsOfEveryStrideKernelAndPadding) {
  for (int k = 1; k <= 4; ++k) {
    for (int s = 1; s <= 4; ++s) {
      for (int p = 0; p <= 3; ++p) {
        for (const char* op : {"c2d:1,5,4,2,2", "t2d:1,4,3,2,2"}) {
          const std::string text =
              std::string(op) + "," + std::to_string(k) + "," + std::to_string(s) + "," + std::to_string(p);
          auto w = te::parse_workload(text);
          if (!w)
            EXPECT_EQ(w.error().code, "E0424") << text;
          else if (std::string(op)[0] == 't' && (s > k || 2 * p > k))
            continue;  // outputs may all be zero: below
          else
            check(text);
        }
      }
    }
  }
  // Outputs that no tap reaches, and inputs that no output uses.
  check("t2d:1,4,3,2,2,2,3,0");
  check("t2d:1,4,3,2,2,3,2,3");
  check("t2d:1,5,5,1,1,1,3,1");
}

TEST(WorkloadReference, Others) {
  for (const char* type : {"", "@f64", "@f16", "@bf16"}) {
    for (const char* text : {"vadd:17", "nrm:2,3,5", "sfm:3,7", "cbr:1,6,7,2,3,3,2,1", "tbs:2,3,2,4"})
      check(std::string(text) + type);
  }
}

}  // namespace
}  // namespace tilewright
