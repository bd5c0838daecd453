// oneDNN 2.x in two ways: "onednn" chooses every layout itself, operands are reordered once and that is not timed;
// "onednn-plain" takes the operands as they lie, as Tilewright's kernels do.
#include <fmt/format.h>
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "compare/contestant.h"

namespace tilewright::bench {
namespace {

using dnnl::memory;
using Dims = memory::dims;
constexpr auto kF32 = memory::data_type::f32;

/// An operand where it lies: extents in oneDNN's order, and strides.
struct Plain {
  Dims dims, strides;
  float* data;
  memory::desc desc() const { return {dims, kF32, strides}; }
  memory::desc desc(bool any) const { return any ? memory::desc(dims, kF32, memory::format_tag::any) : desc(); }
};

Dims compact(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

Plain row_major(Dims dims, float* data) {
  Dims strides = compact(dims);
  return {std::move(dims), std::move(strides), data};
}

/// {N, C, spatial...} stored with the channels last.
Plain channels_last(const Dims& dims, float* data) {
  Dims stored(dims.begin() + 2, dims.end());
  stored.insert(stored.begin(), dims[0]);
  stored.push_back(dims[1]);
  const Dims s = compact(stored);
  Dims strides = {s.front(), s.back()};
  strides.insert(strides.end(), s.begin() + 1, s.end() - 1);
  return {dims, strides, data};
}

struct Conv {
  Plain src, weights, dst;
  Dims stride, dilation, padding;
};

/// Everything that keeps a prepared run alive.
struct Run {
  dnnl::stream stream;
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> args;
  };
  std::vector<Step> steps;
  std::vector<std::pair<memory, memory>> outputs;  // as computed, as the caller wants it
  std::vector<std::vector<float>> folded;          // constants computed once
  std::string note;
};

class OneDnn final : public Library {
 public:
  std::string description() const override {
    const dnnl_version_t* v = dnnl_version();
    return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
  }

  std::vector<Contestant> contestants(const te::Workload& w, const Operands& o, int threads) override {
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    if (w.type != "f32") return {};
    std::vector<Contestant> out;
    for (const bool any : {true, false}) {
      auto run = std::make_shared<Run>(Run{dnnl::stream(engine_), {}, {}, {}, {}});
      try {
        if (!prepare(w, o, any, run.get())) continue;
      } catch (const dnnl::error&) {
        continue;  // no kernel for these layouts
      }
      out.push_back({any ? "onednn" : "onednn-plain", run->note,
                     [run] {
                       for (const Run::Step& s : run->steps) s.primitive.execute(run->stream, s.args);
                       run->stream.wait();
                     },
                     [run] {
                       for (const auto& [from, to] : run->outputs) {
                         memory source = from, target = to;
                         dnnl::reorder(source, target).execute(run->stream, source, target);
                       }
                       run->stream.wait();
                     }});
    }
    return out;
  }

 private:
  memory user(const Plain& p) const { return memory(p.desc(), engine_, p.data); }

  memory input(const Plain& p, const memory::desc& wanted, Run* run) const {
    memory source = user(p);
    if (source.get_desc() == wanted) return source;
    memory target(wanted, engine_);
    dnnl::reorder(source, target).execute(run->stream, source, target);
    run->stream.wait();
    return target;
  }

  memory output(const Plain& p, const memory::desc& wanted, Run* run) const {
    memory target = user(p);
    if (target.get_desc() == wanted) return target;
    memory computed(wanted, engine_);
    run->outputs.emplace_back(computed, target);
    return computed;
  }

  bool prepare(const te::Workload& w, const Operands& o, bool any, Run* run) const {
    const std::vector<int64_t>& d = w.numbers;
    const auto data = [&](size_t i) { return o[i].floats(); };
    if (w.op == "gmm") {
      // A batch of one is no batch.
      const auto batched = [&](Dims dims, size_t i) {
        if (d[0] > 1) dims.insert(dims.begin(), d[0]);
        return row_major(dims, data(i));
      };
      matmul(batched({d[1], d[3]}, 0), batched({d[3], d[2]}, 1), batched({d[1], d[2]}, 2), {}, nullptr, {}, any, run);
      return true;
    }
    if (w.op == "dense") {
      matmul(row_major({d[0], d[2]}, data(0)), {{d[2], d[1]}, {1, d[2]}, data(1)}, row_major({d[0], d[1]}, data(2)), {},
             nullptr, {}, any, run);
      return true;
    }
    if (w.op == "matmul_add") {
      const Plain addend = row_major({d[0], d[1]}, data(2));
      dnnl::post_ops ops;
      ops.append_binary(dnnl::algorithm::binary_add, addend.desc());
      matmul(row_major({d[0], d[2]}, data(0)), row_major({d[2], d[1]}, data(1)), row_major({d[0], d[1]}, data(3)), ops,
             nullptr, {{DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, user(addend)}}, any, run);
      return true;
    }
    if (w.op == "dense_bias_relu") {
      const Plain bias = row_major({1, d[2]}, data(2));
      dnnl::post_ops ops;
      ops.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
      matmul(row_major({d[0], d[1]}, data(0)), row_major({d[1], d[2]}, data(1)), row_major({d[0], d[2]}, data(3)), ops,
             &bias, {}, any, run);
      return true;
    }
    if (w.op == "vadd") {
      const Plain a = row_major({d[0]}, data(0)), b = row_major({d[0]}, data(1)), c = row_major({d[0]}, data(2));
      dnnl::binary::primitive_desc pd({dnnl::algorithm::binary_add, a.desc(), b.desc(), c.desc()}, engine_);
      add(run, dnnl::binary(pd), pd.impl_info_str(),
          {{DNNL_ARG_SRC_0, user(a)}, {DNNL_ARG_SRC_1, user(b)}, {DNNL_ARG_DST, user(c)}});
      return any;  // one layout only
    }
    if (w.op == "sfm") {
      softmax(row_major({d[0], d[1]}, data(0)), row_major({d[0], d[1]}, data(1)), run);
      return any;  // one layout only
    }
    if (w.op == "nrm") {
      const Plain x = row_major({d[0], d[1] * d[2]}, data(0)), y = row_major({d[0], 1}, data(1));
      dnnl::reduction::primitive_desc pd({dnnl::algorithm::reduction_norm_lp_sum, x.desc(), y.desc(), 2, 0}, engine_);
      add(run, dnnl::reduction(pd), pd.impl_info_str(), {{DNNL_ARG_SRC, user(x)}, {DNNL_ARG_DST, user(y)}});
      return any;  // one layout only
    }
    if (w.op == "tbs") {
      attention(d, o, run);
      return any;  // one layout only
    }
    return convolution(w, o, any, run);
  }

  static void add(Run* run, dnnl::primitive primitive, const std::string& note, std::unordered_map<int, memory> args) {
    run->steps.push_back({std::move(primitive), std::move(args)});
    run->note += (run->note.empty() ? "" : " + ") + note;
  }

  void matmul(const Plain& a, const Plain& b, const Plain& c, const dnnl::post_ops& ops, const Plain* bias,
              std::unordered_map<int, memory> args, bool any, Run* run) const {
    dnnl::primitive_attr attr;
    attr.set_post_ops(ops);
    const auto desc = bias ? dnnl::matmul::desc(a.desc(any), b.desc(any), bias->desc(), c.desc(any))
                           : dnnl::matmul::desc(a.desc(any), b.desc(any), c.desc(any));
    const dnnl::matmul::primitive_desc pd(desc, attr, engine_);
    args[DNNL_ARG_SRC] = input(a, pd.src_desc(), run);
    args[DNNL_ARG_WEIGHTS] = input(b, pd.weights_desc(), run);
    args[DNNL_ARG_DST] = output(c, pd.dst_desc(), run);
    if (bias) args[DNNL_ARG_BIAS] = user(*bias);
    add(run, dnnl::matmul(pd), pd.impl_info_str(), std::move(args));
  }

  void softmax(const Plain& x, const Plain& y, Run* run) const {
    const dnnl::softmax_forward::primitive_desc pd({dnnl::prop_kind::forward_inference, x.desc(), 1}, engine_);
    add(run, dnnl::softmax_forward(pd), pd.impl_info_str(), {{DNNL_ARG_SRC, user(x)}, {DNNL_ARG_DST, user(y)}});
  }

  /// The transposition by strides, then a batched product and a softmax in place.
  void attention(const std::vector<int64_t>& d, const Operands& o, Run* run) const {
    const int64_t batch = d[0], seq = d[1], heads = d[2], dim = d[3];
    const Plain q{{batch, heads, seq, dim}, {seq * heads * dim, dim, heads * dim, 1}, o[0].floats()};
    const Plain k{{batch, heads, dim, seq}, {seq * heads * dim, dim, 1, heads * dim}, o[1].floats()};
    matmul(q, k, row_major({batch, heads, seq, seq}, o[2].floats()), {}, nullptr, {}, false, run);
    const Plain rows = row_major({batch * heads * seq, seq}, o[2].floats());
    softmax(rows, rows, run);
  }

  bool convolution(const te::Workload& w, const Operands& o, bool any, Run* run) const {
    Conv c;
    if (!describe(w, o, &c)) return false;
    if (w.op == "t2d") {
      const dnnl::deconvolution_forward::desc desc(
          dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, c.src.desc(any),
          c.weights.desc(any), c.dst.desc(any), c.stride, c.dilation, c.padding, c.padding);
      const dnnl::deconvolution_forward::primitive_desc pd(desc, engine_);
      bind_convolution(pd, dnnl::deconvolution_forward(pd), c, run, {});
      return true;
    }
    if (w.op != "cbr") {
      const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto,
                                                 c.src.desc(any), c.weights.desc(any), c.dst.desc(any), c.stride,
                                                 c.dilation, c.padding, c.padding);
      const dnnl::convolution_forward::primitive_desc pd(desc, engine_);
      bind_convolution(pd, dnnl::convolution_forward(pd), c, run, {});
      return true;
    }
    // (conv + bias) * scale + shift: the scale goes into the weights and the bias, as every deployment does.
    const int64_t co = c.dst.dims[1];
    const float *bias = o[2].floats(), *scale = o[3].floats(), *shift = o[4].floats();
    std::vector<float> weights(c.weights.data, c.weights.data + o[1].tensor.size());
    for (size_t i = 0; i < weights.size(); ++i) weights[i] *= scale[static_cast<int64_t>(i) % co];
    std::vector<float> offset(static_cast<size_t>(co));
    for (int64_t i = 0; i < co; ++i) offset[static_cast<size_t>(i)] = bias[i] * scale[i] + shift[i];
    run->folded = {std::move(weights), std::move(offset)};
    c.weights.data = run->folded[0].data();
    const Plain folded_bias = row_major({co}, run->folded[1].data());
    dnnl::post_ops ops;
    ops.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
    dnnl::primitive_attr attr;
    attr.set_post_ops(ops);
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto,
                                               c.src.desc(any), c.weights.desc(any), folded_bias.desc(),
                                               c.dst.desc(any), c.stride, c.dilation, c.padding, c.padding);
    const dnnl::convolution_forward::primitive_desc pd(desc, attr, engine_);
    bind_convolution(pd, dnnl::convolution_forward(pd), c, run, {{DNNL_ARG_BIAS, user(folded_bias)}});
    return true;
  }

  template <typename PrimitiveDesc>
  void bind_convolution(const PrimitiveDesc& pd, dnnl::primitive primitive, const Conv& c, Run* run,
                        std::unordered_map<int, memory> args) const {
    args[DNNL_ARG_SRC] = input(c.src, pd.src_desc(), run);
    args[DNNL_ARG_WEIGHTS] = input(c.weights, pd.weights_desc(), run);
    args[DNNL_ARG_DST] = output(c.dst, pd.dst_desc(), run);
    add(run, std::move(primitive), pd.impl_info_str(), std::move(args));
  }

  /// Extents and strides of every convolution in the table but the capsules.
  static bool describe(const te::Workload& w, const Operands& o, Conv* c) {
    const std::vector<int64_t>& d = w.numbers;
    const size_t rank = w.op == "c1d" ? 1 : w.op == "c3d" ? 3 : 2;
    const bool depthwise = w.op == "dep", transposed = w.op == "t2d";
    const bool known = rank != 2 || depthwise || transposed || w.op == "c2d" || w.op == "c2d_nchw" || w.op == "grp" ||
                       w.op == "dil" || w.op == "cbr";
    if (!known) return false;
    // N, spatial..., CI[, CO], k, s, p[, groups or dilation]
    const int64_t ci = d[rank + 1], co = depthwise ? ci : d[rank + 2];
    const size_t at = rank + (depthwise ? 2 : 3);
    const int64_t k = d[at], s = d[at + 1], p = d[at + 2];
    const int64_t groups = depthwise ? ci : w.op == "grp" ? d[at + 3] : 1, dilation = w.op == "dil" ? d[at + 3] : 1;
    Dims in = {d[0], ci}, out = {d[0], co}, kernel(rank, k);
    for (size_t i = 0; i < rank; ++i) {
      const int64_t x = d[i + 1];
      in.push_back(x);
      out.push_back(transposed ? (x - 1) * s - 2 * p + k : (x + 2 * p - dilation * (k - 1) - 1) / s + 1);
    }
    c->stride = Dims(rank, s), c->dilation = Dims(rank, dilation - 1), c->padding = Dims(rank, p);
    float* y = o[o.size() - 1].floats();
    if (w.op == "c2d_nchw") {
      c->src = row_major(in, o[0].floats());
      c->weights = row_major({co, ci, k, k}, o[1].floats());
      c->dst = row_major(out, y);
      return true;
    }
    c->src = channels_last(in, o[0].floats());
    c->dst = channels_last(out, y);
    // W[k..., CI / groups, CO], the output channels of one group side by side
    const int64_t inner = ci / groups, outer = co / groups;
    Dims stored = kernel;
    stored.push_back(inner);
    stored.push_back(co);
    const Dims strides = compact(stored);
    Dims dims = {outer, inner}, by = {1, strides[rank]};
    if (groups > 1) dims.insert(dims.begin(), groups), by.insert(by.begin(), outer);
    dims.insert(dims.end(), kernel.begin(), kernel.end());
    by.insert(by.end(), strides.begin(), strides.begin() + static_cast<std::ptrdiff_t>(rank));
    c->weights = {dims, by, o[1].floats()};
    return true;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
};

}  // namespace

std::unique_ptr<Library> open_onednn(std::string*) {
  return std::make_unique<OneDnn>();
}

}  // namespace tilewright::bench
