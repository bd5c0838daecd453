// Convolutions over channels-last tensors of one to three spatial dimensions, and the 2-D variants of other layouts.
#include <fmt/format.h>

#include "te/check.h"
#include "te/ops/common.h"

namespace tilewright::te::ops {
namespace {

using Names = std::vector<std::string>;

/// Names of the spatial axes, innermost last: (x), (y, x), (z, y, x).
Names spatial_names(size_t rank) {
  const Names all = {"z", "y", "x"};
  return {all.end() - static_cast<std::ptrdiff_t>(rank), all.end()};
}

void check_params(const ConvParams& p, const char* op) {
  if (p.stride < 1 || p.padding < 0 || p.dilation < 1 || p.groups < 1) {
    fail("E0405", op,
         fmt::format("stride {}, padding {}, dilation {}, groups {}: padding must be at least 0, the others at least 1",
                     p.stride, p.padding, p.dilation, p.groups));
  }
}

/// Zeros around dimensions [first, first + count).
Tensor pad_spatial(const Tensor& x, size_t first, size_t count, int64_t padding, const Names& axes) {
  if (padding == 0) return x;
  std::vector<Expr> around(static_cast<size_t>(x.rank()), Expr(0));
  for (size_t d = 0; d < count; ++d) around[first + d] = Expr(padding);
  return pad(x, around, around, x.name() + "_pad", axes);
}

bool is_final(const Tensor& x) {
  return accumulator_type(x.dtype()) == product_type(x.dtype());
}

}  // namespace

Expr conv_extent(const Expr& in, const Expr& kernel, const ConvParams& p) {
  const Expr room = in + (2 * p.padding - 1) - (kernel - 1) * p.dilation;
  return floordiv(room, p.stride) + 1;
}

Tensor conv_accumulate(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name) {
  const char* op = "te::ops::conv";
  check_params(p, op);
  if (x.rank() < 3 || x.rank() > 5) {
    fail("E0403", op, fmt::format("the input `{}` has {} dimensions, expected 3 to 5", x.name(), x.rank()));
  }
  check_rank(w, x.rank(), op, "the weight");
  const size_t spatial = static_cast<size_t>(x.rank()) - 2;
  const Expr ci = w.shape()[spatial], co = w.shape()[spatial + 1];
  check_same(x.shape()[spatial + 1], ci * p.groups, op, "the numbers of input channels");
  int64_t channels = 0;
  if (tir::is_const_int(co, &channels) && channels % p.groups != 0) {
    fail("E0405", op, fmt::format("{} output channels cannot be split into {} groups", channels, p.groups));
  }
  Names axes = {"n"}, names = spatial_names(spatial);
  axes.insert(axes.end(), names.begin(), names.end());
  Names pad_axes = axes;
  axes.push_back("co");
  pad_axes.push_back("ci");
  const Tensor padded = pad_spatial(x, 1, spatial, p.padding, pad_axes);
  std::vector<Expr> shape = {x.shape()[0]};
  std::vector<IterVar> reduce;
  for (size_t d = 0; d < spatial; ++d) {
    shape.push_back(conv_extent(x.shape()[1 + d], w.shape()[d], p));
    reduce.push_back(reduce_axis(0, w.shape()[d], "r" + names[d]));
  }
  shape.push_back(co);
  reduce.push_back(reduce_axis(0, ci, "rc"));
  const DataType acc = accumulator_type(x.dtype());
  return compute(
      shape,
      [&](const std::vector<Var>& i) {
        std::vector<Expr> at_x = {i[0]}, at_w;
        for (size_t d = 0; d < spatial; ++d) {
          at_x.push_back(i[1 + d] * p.stride + reduce[d] * p.dilation);
          at_w.push_back(reduce[d]);
        }
        const Expr channel = reduce.back(), out_channel = i[spatial + 1];
        at_x.push_back(p.groups == 1 ? channel : floordiv(out_channel, floordiv(co, p.groups)) * ci + channel);
        at_w.push_back(channel);
        at_w.push_back(out_channel);
        return sum(widen(padded.at(at_x), acc) * widen(w.at(at_w), acc), reduce);
      },
      name, axes);
}

Tensor conv(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name) {
  return cast_to(conv_accumulate(x, w, p, stage_name(name, is_final(x))), product_type(x.dtype()), name);
}

Tensor conv2d_nchw(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name) {
  const char* op = "te::ops::conv2d_nchw";
  check_params(p, op);
  check_rank(x, 4, op, "the input");
  check_rank(w, 4, op, "the weight");
  if (p.groups != 1) fail("E0405", op, "groups are not supported in this layout");
  check_same(x.shape()[1], w.shape()[1], op, "the numbers of input channels");
  const Tensor padded = pad_spatial(x, 2, 2, p.padding, {"n", "ci", "y", "x"});
  const IterVar rc = reduce_axis(0, w.shape()[1], "rc"), ry = reduce_axis(0, w.shape()[2], "ry"),
                rx = reduce_axis(0, w.shape()[3], "rx");
  const DataType acc = accumulator_type(x.dtype());
  const Tensor y =
      compute({x.shape()[0], w.shape()[0], conv_extent(x.shape()[2], w.shape()[2], p),
               conv_extent(x.shape()[3], w.shape()[3], p)},
              [&](Expr n, Expr co, Expr i, Expr j) {
                return sum(widen(padded(n, rc, i * p.stride + ry * p.dilation, j * p.stride + rx * p.dilation), acc) *
                               widen(w(co, rc, ry, rx), acc),
                           {rc, ry, rx});
              },
              stage_name(name, is_final(x)), {"n", "co", "y", "x"});
  return cast_to(y, product_type(x.dtype()), name);
}

Tensor depthwise_conv2d(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name) {
  const char* op = "te::ops::depthwise_conv2d";
  check_params(p, op);
  check_rank(x, 4, op, "the input");
  check_rank(w, 3, op, "the weight");
  check_same(x.shape()[3], w.shape()[2], op, "the numbers of channels");
  const Tensor padded = pad_spatial(x, 1, 2, p.padding, {"n", "y", "x", "c"});
  const IterVar ry = reduce_axis(0, w.shape()[0], "ry"), rx = reduce_axis(0, w.shape()[1], "rx");
  const DataType acc = accumulator_type(x.dtype());
  const Tensor y =
      compute({x.shape()[0], conv_extent(x.shape()[1], w.shape()[0], p), conv_extent(x.shape()[2], w.shape()[1], p),
               x.shape()[3]},
              [&](Expr n, Expr i, Expr j, Expr c) {
                return sum(widen(padded(n, i * p.stride + ry * p.dilation, j * p.stride + rx * p.dilation, c), acc) *
                               widen(w(ry, rx, c), acc),
                           {ry, rx});
              },
              stage_name(name, is_final(x)), {"n", "y", "x", "c"});
  return cast_to(y, product_type(x.dtype()), name);
}

Tensor conv2d_transpose(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name) {
  const char* op = "te::ops::conv2d_transpose";
  check_params(p, op);
  check_rank(x, 4, op, "the input");
  check_rank(w, 4, op, "the weight");
  if (p.groups != 1 || p.dilation != 1) fail("E0405", op, "groups and dilation are not supported");
  check_same(x.shape()[3], w.shape()[2], op, "the numbers of input channels");
  // Y[y] = sum of X[i] W[r] over s i + r = y + p. Write r = s t + (y + p) % s: then i = (y + p) / s - t, and t runs
  // over ceil(k / s) taps. Weights beyond k and inputs outside of X are zeros of the padding stages.
  const int64_t s = p.stride;
  const Expr taps[2] = {ceildiv(w.shape()[0], s), ceildiv(w.shape()[1], s)};
  std::vector<Expr> out, before, after, w_after;
  for (size_t d = 0; d < 2; ++d) {
    out.push_back((x.shape()[1 + d] - 1) * s - 2 * p.padding + w.shape()[d]);
    int64_t extent = 0;
    if (tir::is_const_int(out[d], &extent) && extent < 1) {
      fail("E0405", op, fmt::format("output extent {} is {}, expected at least 1", 1 + d, extent));
    }
    // Inputs used: (p / s) - (taps - 1) .. (out - 1 + p) / s.
    before.push_back(max(taps[d] - 1 - p.padding / s, Expr(0)));
    after.push_back(max(floordiv(out[d] - 1 + p.padding, s) - (x.shape()[1 + d] - 1), Expr(0)));
    w_after.push_back(taps[d] * s - w.shape()[d]);
  }
  const Expr zero = 0;
  const Tensor xp = pad(x, {zero, before[0], before[1], zero}, {zero, after[0], after[1], zero}, x.name() + "_pad",
                        {"n", "y", "x", "ci"});
  const Tensor wp = pad(w, {zero, zero, zero, zero}, {w_after[0], w_after[1], zero, zero}, w.name() + "_pad",
                        {"ry", "rx", "ci", "co"});
  const IterVar ty = reduce_axis(0, taps[0], "ty"), tx = reduce_axis(0, taps[1], "tx"),
                rc = reduce_axis(0, x.shape()[3], "rc");
  const DataType acc = accumulator_type(x.dtype());
  const Tensor y = compute({x.shape()[0], out[0], out[1], w.shape()[3]},
                           [&](Expr n, Expr i, Expr j, Expr co) {
                             const Expr iy = floordiv(i + p.padding, s) - ty + before[0],
                                        ix = floordiv(j + p.padding, s) - tx + before[1];
                             const Expr r = ty * s + (i + p.padding) % s, q = tx * s + (j + p.padding) % s;
                             return sum(widen(xp(n, iy, ix, rc), acc) * widen(wp(r, q, rc, co), acc), {ty, tx, rc});
                           },
                           stage_name(name, is_final(x)), {"n", "y", "x", "co"});
  return cast_to(y, product_type(x.dtype()), name);
}

Tensor capsule_conv2d(const Tensor& x, const Tensor& w, const ConvParams& p, const std::string& name) {
  const char* op = "te::ops::capsule_conv2d";
  check_params(p, op);
  check_rank(x, 6, op, "the input");
  check_rank(w, 6, op, "the weight");
  check_same(x.shape()[5], w.shape()[4], op, "the numbers of input channels");
  check_same(x.shape()[4], w.shape()[2], op, "the inner extents of the capsules");
  const Tensor padded = pad_spatial(x, 1, 2, p.padding, {"n", "y", "x", "i", "c", "ci"});
  const IterVar ry = reduce_axis(0, w.shape()[0], "ry"), rx = reduce_axis(0, w.shape()[1], "rx"),
                rk = reduce_axis(0, w.shape()[2], "rk"), rc = reduce_axis(0, w.shape()[4], "rc");
  const DataType acc = accumulator_type(x.dtype());
  const Tensor y = compute(
      {x.shape()[0], conv_extent(x.shape()[1], w.shape()[0], p), conv_extent(x.shape()[2], w.shape()[1], p),
       x.shape()[3], w.shape()[3], w.shape()[5]},
      [&](Expr n, Expr h, Expr v, Expr i, Expr j, Expr co) {
        return sum(widen(padded(n, h * p.stride + ry * p.dilation, v * p.stride + rx * p.dilation, i, rk, rc), acc) *
                       widen(w(ry, rx, rk, j, rc, co), acc),
                   {ry, rx, rk, rc});
      },
      stage_name(name, is_final(x)), {"n", "y", "x", "i", "j", "co"});
  return cast_to(y, product_type(x.dtype()), name);
}

Tensor conv_bn_relu(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& scale, const Tensor& shift,
                    const ConvParams& p, const std::string& name) {
  const Tensor product = conv_accumulate(x, w, p, name + "_conv");
  for (const Tensor* t : {&bias, &scale, &shift}) {
    check_rank(*t, 1, "te::ops::conv_bn_relu", "a vector");
    check_same(t->shape()[0], product.shape().back(), "te::ops::conv_bn_relu", "the numbers of output channels");
  }
  const DataType acc = product.dtype(), out = product_type(x.dtype());
  return compute(
      product.shape(),
      [&](const std::vector<Var>& i) {
        auto vector = [&](const Tensor& t) { return widen(t(i.back()), acc); };
        const Expr value = (product.at(i) + vector(bias)) * vector(scale) + vector(shift);
        return widen(max(value, make_const(acc, 0)), out);
      },
      name, axis_names(product));
}

}  // namespace tilewright::te::ops
