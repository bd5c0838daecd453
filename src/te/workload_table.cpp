#include "te/workload_table.h"

#include "tilewright/te/ops.h"

namespace tilewright::te {
namespace {

using Numbers = std::vector<int64_t>;
using Extents = std::vector<std::pair<std::string, int64_t>>;
using ops::ConvParams;

const std::vector<std::string> kProductTypes = {"f32", "f64", "f16", "bf16", "i8", "u8i8"};
const std::vector<std::string> kFloatTypes = {"f32", "f64", "f16", "bf16"};

Tensor input(const char* name, const Numbers& shape, DataType dtype) {
  return placeholder(std::vector<Expr>(shape.begin(), shape.end()), dtype, name);
}

/// Output extent of a convolution, and the extents of padded input and dilated kernel.
int64_t out(int64_t in, int64_t k, int64_t s, int64_t p, int64_t d = 1) {
  const int64_t room = in + 2 * p - d * (k - 1) - 1;
  return room < 0 ? 0 : room / s + 1;
}
void conv_extents(Extents* all, const std::string& axis, int64_t in, int64_t k, int64_t s, int64_t p, int64_t d = 1) {
  all->push_back({"the padded " + axis, in + 2 * p});
  if (d != 1) all->push_back({"the dilated kernel", d * (k - 1) + 1});
  all->push_back({"the output " + axis, out(in, k, s, p, d)});
}
Extents conv2d_extents(int64_t h, int64_t w, int64_t k, int64_t s, int64_t p, int64_t d = 1) {
  Extents all;
  conv_extents(&all, "height", h, k, s, p, d);
  conv_extents(&all, "width", w, k, s, p, d);
  return all;
}
double conv2d_flops(const Numbers& n, int64_t d = 1) {  // N,H,W,CI,CO,k,s,p
  return 2.0 * n[0] * out(n[1], n[5], n[6], n[7], d) * out(n[2], n[5], n[6], n[7], d) * n[3] * n[4] * n[5] * n[5];
}
ConvParams conv_params(int64_t s, int64_t p, int64_t d = 1, int64_t g = 1) {
  ConvParams c;
  c.stride = s, c.padding = p, c.dilation = d, c.groups = g;
  return c;
}

Extents none(const Numbers&) {
  return {};
}

void add_products(std::vector<WorkloadEntry>* t) {
  t->push_back({{"gmm",
                 {"B", "N", "M", "K"},
                 "A[B,N,K], B[B,K,M] -> C[B,N,M]",
                 "batched matrix product",
                 kProductTypes,
                 "gmm:1,512,512,512"},
                {"B"},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor a = input("A", {n[0], n[1], n[3]}, y.a), b = input("B", {n[0], n[3], n[2]}, y.b);
                  return std::vector<Tensor>{a, b, ops::batch_matmul(a, b, "C")};
                },
                [](const Numbers& n) { return 2.0 * n[0] * n[1] * n[2] * n[3]; }});
  t->push_back({{"dense",
                 {"M", "N", "K"},
                 "A[M,K], W[N,K] -> C[M,N]",
                 "dense layer, C = A W^T",
                 kProductTypes,
                 "dense:128,768,768"},
                {"W"},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor a = input("A", {n[0], n[2]}, y.a), w = input("W", {n[1], n[2]}, y.b);
                  return std::vector<Tensor>{a, w, ops::dense(a, w, "C")};
                },
                [](const Numbers& n) { return 2.0 * n[0] * n[1] * n[2]; }});
  t->push_back({{"matmul_add",
                 {"M", "N", "K"},
                 "A[M,K], B[K,N], C[M,N] -> D[M,N]",
                 "matrix product plus matrix, D = A B + C",
                 kProductTypes,
                 "matmul_add:1024,1024,1024"},
                {"B"},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor a = input("A", {n[0], n[2]}, y.a), b = input("B", {n[2], n[1]}, y.b),
                               c = input("C", {n[0], n[1]}, y.c);
                  return std::vector<Tensor>{a, b, c, ops::matmul_add(a, b, c, "D")};
                },
                [](const Numbers& n) { return 2.0 * n[0] * n[1] * n[2]; }});
  t->push_back({{"dense_bias_relu",
                 {"M", "K", "N"},
                 "X[M,K], W[K,N], b[N] -> Y[M,N]",
                 "dense layer with bias and ReLU, Y = max(X W + b, 0)",
                 kProductTypes,
                 "dense_bias_relu:1,784,128"},
                {"W"},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1]}, y.a), w = input("W", {n[1], n[2]}, y.b),
                               b = input("b", {n[2]}, y.c);
                  return std::vector<Tensor>{x, w, b, ops::dense_bias_relu(x, w, b, "Y")};
                },
                [](const Numbers& n) { return 2.0 * n[0] * n[1] * n[2]; }});
  t->push_back({{"vadd", {"N"}, "A[N], B[N] -> C[N]", "vector addition", kFloatTypes, "vadd:1048576"},
                {},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor a = input("A", n, y.a), b = input("B", n, y.b);
                  return std::vector<Tensor>{a, b, ops::add(a, b, "C")};
                },
                [](const Numbers& n) { return static_cast<double>(n[0]); }});
}

void add_convolutions(std::vector<WorkloadEntry>* t) {
  t->push_back({{"c1d",
                 {"N", "L", "CI", "CO", "k", "s", "p"},
                 "X[N,L,CI], W[k,CI,CO] -> Y[N,ol,CO]",
                 "1-D convolution",
                 kProductTypes,
                 "c1d:1,256,64,128,3,2,1"},
                {"W"},
                [](const Numbers& n) {
                  Extents all;
                  conv_extents(&all, "length", n[1], n[4], n[5], n[6]);
                  return all;
                },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2]}, y.a), w = input("W", {n[4], n[2], n[3]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv(x, w, conv_params(n[5], n[6]))};
                },
                [](const Numbers& n) { return 2.0 * n[0] * out(n[1], n[4], n[5], n[6]) * n[2] * n[3] * n[4]; }});
  t->push_back({{"c2d",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p"},
                 "X[N,H,W,CI], W[k,k,CI,CO] -> Y[N,oh,ow,CO]",
                 "2-D convolution",
                 kProductTypes,
                 "c2d:1,56,56,64,64,1,1,0"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[5], n[6], n[7]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3]}, y.a),
                               w = input("W", {n[5], n[5], n[3], n[4]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv(x, w, conv_params(n[6], n[7]))};
                },
                [](const Numbers& n) { return conv2d_flops(n); }});
  t->push_back({{"c2d_nchw",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p"},
                 "X[N,CI,H,W], W[CO,CI,k,k] -> Y[N,CO,oh,ow]",
                 "2-D convolution, channels first",
                 kProductTypes,
                 "c2d_nchw:1,56,56,64,64,3,1,1"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[5], n[6], n[7]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[3], n[1], n[2]}, y.a),
                               w = input("W", {n[4], n[3], n[5], n[5]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv2d_nchw(x, w, conv_params(n[6], n[7]))};
                },
                [](const Numbers& n) { return conv2d_flops(n); }});
  t->push_back({{"c3d",
                 {"N", "D", "H", "W", "CI", "CO", "k", "s", "p"},
                 "X[N,D,H,W,CI], W[k,k,k,CI,CO] -> Y[N,od,oh,ow,CO]",
                 "3-D convolution",
                 kProductTypes,
                 "c3d:1,16,14,14,256,256,3,1,1"},
                {"W"},
                [](const Numbers& n) {
                  Extents all;
                  conv_extents(&all, "depth", n[1], n[6], n[7], n[8]);
                  conv_extents(&all, "height", n[2], n[6], n[7], n[8]);
                  conv_extents(&all, "width", n[3], n[6], n[7], n[8]);
                  return all;
                },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3], n[4]}, y.a),
                               w = input("W", {n[6], n[6], n[6], n[4], n[5]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv(x, w, conv_params(n[7], n[8]))};
                },
                [](const Numbers& n) {
                  double taps = 2.0 * n[0] * n[4] * n[5] * n[6] * n[6] * n[6];
                  for (size_t d = 1; d <= 3; ++d) taps *= static_cast<double>(out(n[d], n[6], n[7], n[8]));
                  return taps;
                }});
  t->push_back({{"grp",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p", "groups"},
                 "X[N,H,W,CI], W[k,k,CI/groups,CO] -> Y[N,oh,ow,CO]",
                 "grouped 2-D convolution",
                 kProductTypes,
                 "grp:1,14,14,256,256,3,1,1,4"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[5], n[6], n[7]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3]}, y.a),
                               w = input("W", {n[5], n[5], n[3] / n[8], n[4]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv(x, w, conv_params(n[6], n[7], 1, n[8]))};
                },
                [](const Numbers& n) { return conv2d_flops(n) / static_cast<double>(n[8]); }});
  t->push_back({{"dil",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p", "d"},
                 "X[N,H,W,CI], W[k,k,CI,CO] -> Y[N,oh,ow,CO]",
                 "dilated 2-D convolution",
                 kProductTypes,
                 "dil:1,14,14,256,256,3,1,1,2"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[5], n[6], n[7], n[8]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3]}, y.a),
                               w = input("W", {n[5], n[5], n[3], n[4]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv(x, w, conv_params(n[6], n[7], n[8]))};
                },
                [](const Numbers& n) { return conv2d_flops(n, n[8]); }});
  t->push_back({{"dep",
                 {"N", "H", "W", "C", "k", "s", "p"},
                 "X[N,H,W,C], W[k,k,C] -> Y[N,oh,ow,C]",
                 "depthwise 2-D convolution",
                 kProductTypes,
                 "dep:1,112,112,32,3,1,1"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[4], n[5], n[6]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3]}, y.a), w = input("W", {n[4], n[4], n[3]}, y.b);
                  return std::vector<Tensor>{x, w, ops::depthwise_conv2d(x, w, conv_params(n[5], n[6]))};
                },
                [](const Numbers& n) {
                  return 2.0 * n[0] * out(n[1], n[4], n[5], n[6]) * out(n[2], n[4], n[5], n[6]) * n[3] * n[4] * n[4];
                }});
  t->push_back({{"t2d",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p"},
                 "X[N,H,W,CI], W[k,k,CI,CO] -> Y[N,oh,ow,CO]",
                 "transposed 2-D convolution, oh = (H-1)s - 2p + k",
                 kProductTypes,
                 "t2d:1,8,8,256,128,4,2,1"},
                {"W"},
                [](const Numbers& n) {
                  return Extents{{"the output height", (n[1] - 1) * n[6] - 2 * n[7] + n[5]},
                                 {"the output width", (n[2] - 1) * n[6] - 2 * n[7] + n[5]}};
                },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3]}, y.a),
                               w = input("W", {n[5], n[5], n[3], n[4]}, y.b);
                  return std::vector<Tensor>{x, w, ops::conv2d_transpose(x, w, conv_params(n[6], n[7]))};
                },
                [](const Numbers& n) { return 2.0 * n[0] * n[1] * n[2] * n[3] * n[4] * n[5] * n[5]; }});
  t->push_back({{"cap",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p"},
                 "X[N,H,W,4,4,CI], W[k,k,4,4,CI,CO] -> Y[N,oh,ow,4,4,CO]",
                 "capsule 2-D convolution: channels are 4x4 matrices",
                 kProductTypes,
                 "cap:1,8,8,32,32,3,1,1"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[5], n[6], n[7]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], 4, 4, n[3]}, y.a),
                               w = input("W", {n[5], n[5], 4, 4, n[3], n[4]}, y.b);
                  return std::vector<Tensor>{x, w, ops::capsule_conv2d(x, w, conv_params(n[6], n[7]))};
                },
                [](const Numbers& n) { return 64.0 * conv2d_flops(n); }});
}

void add_others(std::vector<WorkloadEntry>* t) {
  t->push_back(
      {{"nrm", {"B", "M", "N"}, "X[B,M,N] -> Y[B]", "root of the sum of squares", kFloatTypes, "nrm:1,512,512"},
       {},
       none,
       [](const Numbers& n, const OperandTypes& y) {
         const Tensor x = input("X", n, y.a);
         return std::vector<Tensor>{x, ops::norm(x)};
       },
       [](const Numbers& n) { return 2.0 * n[0] * n[1] * n[2]; }});
  t->push_back({{"sfm", {"M", "N"}, "X[M,N] -> Y[M,N]", "softmax over N", kFloatTypes, "sfm:512,512"},
                {},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", n, y.a);
                  return std::vector<Tensor>{x, ops::softmax(x, y.a)};
                },
                [](const Numbers& n) { return 5.0 * n[0] * n[1]; }});
  t->push_back({{"cbr",
                 {"N", "H", "W", "CI", "CO", "k", "s", "p"},
                 "X[N,H,W,CI], W[k,k,CI,CO], bias[CO], scale[CO], shift[CO] -> Y[N,oh,ow,CO]",
                 "2-D convolution, bias, scale and shift, ReLU",
                 kFloatTypes,
                 "cbr:1,56,56,64,128,3,2,1"},
                {"W"},
                [](const Numbers& n) { return conv2d_extents(n[1], n[2], n[5], n[6], n[7]); },
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor x = input("X", {n[0], n[1], n[2], n[3]}, y.a),
                               w = input("W", {n[5], n[5], n[3], n[4]}, y.b);
                  const Tensor bias = input("bias", {n[4]}, y.a), scale = input("scale", {n[4]}, y.a),
                               shift = input("shift", {n[4]}, y.a);
                  return std::vector<Tensor>{
                      x, w, bias, scale, shift, ops::conv_bn_relu(x, w, bias, scale, shift, conv_params(n[6], n[7]))};
                },
                [](const Numbers& n) { return conv2d_flops(n); }});
  t->push_back({{"tbs",
                 {"B", "seq", "heads", "dim"},
                 "Q[B,seq,heads,dim], K[B,seq,heads,dim] -> Y[B,heads,seq,seq]",
                 "attention weights: softmax(Q K^T), unscaled",
                 kFloatTypes,
                 "tbs:1,128,12,64"},
                {},
                none,
                [](const Numbers& n, const OperandTypes& y) {
                  const Tensor q = input("Q", n, y.a), k = input("K", n, y.a);
                  return std::vector<Tensor>{q, k, ops::attention_weights(q, k)};
                },
                [](const Numbers& n) {
                  const double scores = 1.0 * n[0] * n[2] * n[1] * n[1];
                  return 2.0 * scores * n[3] + 5.0 * scores;
                }});
}

}  // namespace

const std::vector<WorkloadEntry>& builtin_workloads() {
  static const std::vector<WorkloadEntry> table = [] {
    std::vector<WorkloadEntry> t;
    add_products(&t);
    add_convolutions(&t);
    add_others(&t);
    return t;
  }();
  return table;
}

}  // namespace tilewright::te
