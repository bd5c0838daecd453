// The operator library: common operators as tensor expressions. Shapes may be symbolic.
//
// Accumulation: f16 and bf16 in f32, 8-bit integers in i32, other types in themselves; operands are cast before the
// multiply. The result has type `out` (default: the accumulator's for integers, else the operands'), by a final stage
// of its own where it differs from the accumulator's. Padding is a stage of its own in front, to be inlined by
// schedules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tilewright/te/tensor.h"

namespace tilewright::te::ops {

DataType accumulator_type(DataType operand);
/// What a product of such operands is stored as.
DataType product_type(DataType operand);
/// `e` itself, or cast.
Expr widen(Expr e, DataType dtype);
/// A stage that casts; `t` itself when it has the type already.
Tensor cast_to(const Tensor& t, DataType dtype, const std::string& name);

/// `before` and `after` zeros around each dimension; `t` itself when all are zero.
Tensor pad(const Tensor& t, const std::vector<Expr>& before, const std::vector<Expr>& after, const std::string& name,
           const std::vector<std::string>& axis_names = {});

// ---- Products
Tensor batch_matmul(const Tensor& a, const Tensor& b, const std::string& name = "C");  // [B,N,K] [B,K,M] -> [B,N,M]
Tensor matmul(const Tensor& a, const Tensor& b, const std::string& name = "C");        // [M,K] [K,N] -> [M,N]
Tensor dense(const Tensor& a, const Tensor& w, const std::string& name = "C");         // [M,K] [N,K] -> [M,N]
/// a b + c with c[M,N]; the sum is made in the accumulator's type.
Tensor matmul_add(const Tensor& a, const Tensor& b, const Tensor& c, const std::string& name = "D");
/// max(x w + bias, 0) with bias[N].
Tensor dense_bias_relu(const Tensor& x, const Tensor& w, const Tensor& bias, const std::string& name = "Y");

// ---- Convolutions: cross-correlation with zero padding, output sizes rounded down
struct ConvParams {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};
/// Output extent along one dimension.
Expr conv_extent(const Expr& in, const Expr& kernel, const ConvParams& p);
/// The product stage alone, in the accumulator's type. X[N, spatial..., CI], W[kernel..., CI/groups, CO] with one to
/// three spatial dimensions.
Tensor conv_accumulate(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name);
Tensor conv(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name = "Y");
/// X[N,CI,H,W], W[CO,CI,k,k]
Tensor conv2d_nchw(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name = "Y");
/// X[N,H,W,C], W[k,k,C]
Tensor depthwise_conv2d(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name = "Y");
/// X[N,H,W,CI], W[k,k,CI,CO]; output (H-1) stride - 2 padding + k. Written as a gather over those taps only that meet
/// an input: tap r = stride * t + (y + padding) % stride, so no time goes into multiplying zeros when stride divides k.
Tensor conv2d_transpose(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name = "Y");
/// X[N,H,W,4,4,CI], W[k,k,4,4,CI,CO]: a convolution of 4x4 matrices.
Tensor capsule_conv2d(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name = "Y");
/// max((conv + bias) * scale + shift, 0), the vectors [CO]
Tensor conv_bn_relu(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& scale, const Tensor& shift,
                    const ConvParams& p, const std::string& name = "Y");

// ---- Reductions and elementwise
/// Along the last dimension, stable: maximum, exponentials, sum and division are stages of their own.
Tensor softmax(const Tensor& x, DataType out, const std::string& name = "Y");
/// X[B,M,N] -> sqrt of the sum of squares, [B]
Tensor norm(const Tensor& x, const std::string& name = "Y");
/// softmax(Q K^T)[B,heads,seq,seq] of Q, K [B,seq,heads,dim], unscaled.
Tensor attention_weights(const Tensor& q, const Tensor& k, const std::string& name = "Y");
Tensor add(const Tensor& a, const Tensor& b, const std::string& name = "C");
Tensor relu(const Tensor& x, const std::string& name = "Y");

}  // namespace tilewright::te::ops
