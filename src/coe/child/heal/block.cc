#include "coe/child/heal/block.h"

#include "coe/base/result.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

class Reader {
 public:
  Reader(const gguf::GgufFile& file, LayerId layer, const gguf::Dequantizer& dequantizer)
      : file_(file), layer_(layer), dequantizer_(dequantizer) {}

  std::string name(std::string_view suffix) const {
    return fmt::format("blk.{}.{}", layer_.value, suffix);
  }
  bool has(std::string_view suffix) const {
    return file_.header().find_tensor(name(suffix)) != nullptr;
  }
  Result<Matrix> matrix(std::string_view suffix, std::size_t n_row, std::size_t n_column) const {
    const auto full = name(suffix);
    const auto* info = file_.header().find_tensor(full);
    if (info == nullptr)
      return fail(Code::kCorrupt,
                  fmt::format("{}: tensor `{}` is missing", file_.path().string(), full));
    const std::size_t columns = info->ne[0];
    const std::size_t rows = info->ne[1] * info->ne[2] * info->ne[3];
    if (columns != n_column || (n_row != 0 && rows != n_row))
      return fail(Code::kCorrupt,
                  fmt::format("{}: tensor `{}` is [{}, {}], not [{}, {}]", file_.path().string(),
                              full, columns, rows, n_column, n_row));
    if (!dequantizer_.can(info->type))
      return fail(Code::kUnsupported,
                  fmt::format("{}: tensor `{}` is of type {}, which has no values here",
                              file_.path().string(), full, gguf::traits(info->type).name));
    COE_TRY(const auto bytes, file_.read_all(*info));
    Matrix matrix(rows, columns);
    dequantizer_.to_floats(info->type, bytes, matrix.values);
    return matrix;
  }
  Result<std::vector<float>> vector(std::string_view suffix, std::size_t n) const {
    COE_TRY(auto row, matrix(suffix, 1, n));
    return std::move(row.values);
  }
  auto refuse(std::string_view why) const {
    return fail(
        Code::kUnsupported,
        fmt::format("{}: layer {} cannot be healed: {}", file_.path().string(), layer_.value, why),
        "cut it without healing: `coe prune`");
  }

 private:
  const gguf::GgufFile& file_;
  LayerId layer_;
  const gguf::Dequantizer& dequantizer_;
};

struct Names {
  std::string_view gate;
  std::string_view up;
  std::string_view down;
};
constexpr Names kDense = {"ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"};
constexpr Names kShared = {"ffn_gate_shexp.weight", "ffn_up_shexp.weight", "ffn_down_shexp.weight"};

Result<Names> names_of(const Reader& reader) {
  const auto whole = [&](const Names& names) {
    return reader.has(names.gate) && reader.has(names.up) && reader.has(names.down);
  };
  for (const auto* other : {"inp_gate.weight", "ffn_gate.scale", "ffn_up.scale", "ffn_down.scale",
                            "ffn_gate_shexp.scale", "ffn_up_shexp.scale", "ffn_down_shexp.scale"})
    if (reader.has(other))
      return reader.refuse(
          fmt::format("it has a tensor `{}`, which healing does not know", reader.name(other)));
  const bool normed = reader.has("post_ffw_norm_1.weight") &&
                      reader.has("post_ffw_norm_2.weight") && reader.has("post_ffw_norm.weight");
  if (normed && whole(kDense)) return kDense;
  if (reader.has("post_ffw_norm.weight") || reader.has("post_ffw_norm_1.weight"))
    return reader.refuse("its norms behind the FFN are not those of Gemma 4");
  if (whole(kShared)) return kShared;
  return reader.refuse("it has no dense FFN and no shared expert beside its experts");
}

// Several sums at once, which a compiler can turn into vectors.
float dot(std::span<const float> a, std::span<const float> b) {
  std::array<float, 16> sums{};
  std::size_t i = 0;
  for (; i + sums.size() <= a.size(); i += sums.size())
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += a[i + lane] * b[i + lane];
  float sum = std::accumulate(sums.begin(), sums.end(), 0.0F);
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// 1 / √(mean v² + ε)
float rms_scale(std::span<const float> v, float eps) {
  return 1.0F / std::sqrt(dot(v, v) / static_cast<float>(v.size()) + eps);
}

void scale(std::span<float> v, float by) {
  for (float& value : v) value *= by;
}

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

constexpr float kGeluScale = 0.7978845608028654F;  // √(2/π)
constexpr float kGeluCube = 0.044715F;

struct ActivationValue {
  float value;
  float slope;
};

// gelu(x) = x σ(2u) with u = √(2/π) (x + .044715 x³): the same as with a tanh of u.
ActivationValue activate(Activation kind, float x) {
  if (kind == Activation::kSilu) {
    const float s = sigmoid(x);
    return {x * s, s + x * s * (1.0F - s)};
  }
  const float s = sigmoid(2.0F * kGeluScale * (x + kGeluCube * x * x * x));
  const float slope_of_u = 2.0F * kGeluScale * (1.0F + 3.0F * kGeluCube * x * x);
  return {x * s, s + x * s * (1.0F - s) * slope_of_u};
}

// The gradient through v ⊙ 1/rms(v) at a value that is normalised already: grad becomes that by v.
void through_norm(std::span<const float> normalised, float rms, std::span<float> grad) {
  const float along = dot(normalised, grad) / static_cast<float>(grad.size());
  for (std::size_t j = 0; j < grad.size(); ++j) grad[j] = rms * (grad[j] - normalised[j] * along);
}

// Σ over the rows of a ⊙ b.
std::vector<float> column_products(const MatrixView& a, const MatrixView& b) {
  std::vector<float> out(a.n_column);
  for_columns(a.n_column, [&](std::size_t first, std::size_t last) {
    std::vector<double> sums(last - first);
    for (std::size_t t = 0; t < a.n_row; ++t)
      for (std::size_t j = first; j < last; ++j)
        sums[j - first] += static_cast<double>(a.row(t)[j]) * static_cast<double>(b.row(t)[j]);
    std::ranges::copy(sums, out.begin() + static_cast<std::ptrdiff_t>(first));
  });
  return out;
}

void run_activation(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
                    DenseForward& out) {
  multiply_transposed(tokens.input, weights.gate, out.gate);
  multiply_transposed(tokens.input, weights.up, out.up);
  reshape(out.act, out.gate.n_row, out.gate.n_column);
  for_rows(tokens.size(), [&](std::size_t t) {
    const float factor = tokens.gate.empty() ? 1.0F : tokens.gate[t];
    const auto gate = out.gate.row(t);
    const auto up = out.up.row(t);
    const auto act = out.act.row(t);
    for (std::size_t i = 0; i < act.size(); ++i)
      act[i] = factor * activate(block.activation, gate[i]).value * up[i];
  });
}

void run_output(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
                const MatrixView& act, DenseForward& out) {
  const std::size_t n = tokens.size();
  const std::size_t n_embd = block.n_embd();
  multiply_transposed(act, weights.down, out.dense);
  reshape(out.output, n, n_embd);
  if (block.form == BlockForm::kPlain) {
    for_rows(n, [&](std::size_t t) {
      for (std::size_t j = 0; j < n_embd; ++j)
        out.output.row(t)[j] = out.dense.row(t)[j] + tokens.experts.row(t)[j];
    });
    return;
  }
  reshape(out.mixed, n, n_embd);
  out.dense_scale.resize(n);
  out.mixed_scale.resize(n);
  for_rows(n, [&](std::size_t t) {
    const auto dense = out.dense.row(t);
    const auto experts = tokens.experts.row(t);
    const auto mixed = out.mixed.row(t);
    const auto output = out.output.row(t);
    out.dense_scale[t] = rms_scale(dense, block.eps);
    scale(dense, out.dense_scale[t]);
    for (std::size_t j = 0; j < n_embd; ++j)
      mixed[j] = weights.g1[j] * dense[j] + weights.g2[j] * experts[j];
    out.mixed_scale[t] = rms_scale(mixed, block.eps);
    scale(mixed, out.mixed_scale[t]);
    for (std::size_t j = 0; j < n_embd; ++j) output[j] = block.outer_norm[j] * mixed[j];
  });
}

}  // namespace

Result<Block> read_block(const gguf::GgufFile& file, const MoeModel& model, LayerId layer,
                         const gguf::Dequantizer& dequantizer) {
  const Reader reader(file, layer, dequantizer);
  COE_TRY(const auto names, names_of(reader));
  const std::size_t n_embd = model.n_embd;
  Block block;
  block.form = names.gate == kDense.gate ? BlockForm::kNormed : BlockForm::kPlain;
  block.activation = block.form == BlockForm::kNormed ? Activation::kGelu : Activation::kSilu;
  const auto key = model.id.architecture + ".attention.layer_norm_rms_epsilon";
  const auto eps = gguf::find_value(file.header(), key, gguf::ValueType::kF32);
  if (!eps) return tl::unexpected<Error>(Error(eps.error()).context(file.path().string()));
  block.eps = static_cast<float>((*eps)->as_float().value());
  // Where there is no norm of the FFN's own, the one behind the attention stands before it.
  const std::string_view norm =
      reader.has("ffn_norm.weight") ? "ffn_norm.weight" : "post_attention_norm.weight";
  if (!reader.has(norm)) return reader.refuse("it has no norm between attention and FFN");
  COE_TRY(block.input_norm, reader.vector(norm, n_embd));
  if (reader.has("layer_output_scale.weight")) {
    COE_TRY(const auto values, reader.vector("layer_output_scale.weight", 1));
    block.scale = values.front();
    if (!(std::abs(block.scale) > 0.0F) || !std::isfinite(block.scale))
      return reader.refuse("its output scale is zero or no number");
  }
  COE_TRY(block.parent.gate, reader.matrix(names.gate, 0, n_embd));
  const std::size_t n_ff = block.parent.gate.n_row;
  COE_TRY(block.parent.up, reader.matrix(names.up, n_ff, n_embd));
  COE_TRY(block.parent.down, reader.matrix(names.down, n_embd, n_ff));
  block.gate_name = reader.name(names.gate);
  block.up_name = reader.name(names.up);
  block.down_name = reader.name(names.down);
  if (block.form == BlockForm::kNormed) {
    COE_TRY(block.parent.g1, reader.vector("post_ffw_norm_1.weight", n_embd));
    COE_TRY(block.parent.g2, reader.vector("post_ffw_norm_2.weight", n_embd));
    COE_TRY(block.outer_norm, reader.vector("post_ffw_norm.weight", n_embd));
    block.g1_name = reader.name("post_ffw_norm_1.weight");
    block.g2_name = reader.name("post_ffw_norm_2.weight");
  } else if (reader.has("ffn_gate_inp_shexp.weight")) {
    COE_TRY(block.shared_gate, reader.vector("ffn_gate_inp_shexp.weight", n_embd));
  }
  return block;
}

Status check_healable(const gguf::GgufFile& file, const MoeModel& model,
                      const gguf::Dequantizer& dequantizer) {
  for (const auto& layer : model.layers)
    COE_TRY_STATUS(names_of(Reader(file, layer.id, dequantizer)).map([](const Names&) {}));
  return {};
}

void make_room(const Block& block, std::size_t n, bool keep_act, LayerTokens& tokens) {
  for (auto* matrix : {&tokens.input, &tokens.experts, &tokens.target})
    reshape(*matrix, n, block.n_embd());
  reshape(tokens.act, keep_act ? n : 0, keep_act ? block.n_ff() : 0);
  tokens.weight.assign(n, 0.0F);
  tokens.gate.assign(block.shared_gate.empty() ? 0 : n, 0.0F);
}

void put_tokens(const Block& block, EngineTokens& batch, std::size_t first, LayerTokens& tokens,
                GainSums* gain, DenseForward& work) {
  const std::size_t n = batch.stream.n_row;
  const std::size_t n_embd = block.n_embd();
  const bool normed = block.form == BlockForm::kNormed;
  COE_CHECK(first + n <= tokens.size());
  for_rows(n, [&](std::size_t t) {
    const auto stream = batch.stream.row(t);
    const auto x = tokens.input.row(first + t);
    const float to_x = rms_scale(stream, block.eps);
    for (std::size_t j = 0; j < n_embd; ++j) x[j] = to_x * stream[j] * block.input_norm[j];
    if (normed) scale(batch.experts.row(t), rms_scale(batch.experts.row(t), block.eps));
    if (!tokens.gate.empty()) tokens.gate[first + t] = sigmoid(dot(x, block.shared_gate));
  });
  auto rows = TokenRows(tokens).part(first, n);
  rows.act = {};
  rows.experts = batch.experts;
  run_dense(block, block.parent, rows, work);
  std::vector<GainSums> gains(gain == nullptr ? 0 : n);
  for_rows(n, [&](std::size_t t) {
    const auto target = tokens.target.row(first + t);
    const auto kept = tokens.experts.row(first + t);
    std::ranges::copy(work.output.row(t), target.begin());
    std::ranges::copy(batch.kept.row(t), kept.begin());
    if (tokens.act.n_row > 0) std::ranges::copy(work.act.row(t), tokens.act.row(first + t).begin());
    double square = 0.0;
    for (std::size_t j = 0; j < n_embd; ++j) {
      const double out =
          static_cast<double>(batch.stream.row(t)[j]) + static_cast<double>(target[j]);
      square += out * out;
    }
    tokens.weight[first + t] =
        static_cast<float>(static_cast<double>(n_embd) / std::max(square, 1e-20));
    if (!normed) return;
    scale(kept, rms_scale(kept, block.eps));
    if (gain == nullptr) return;
    for (std::size_t j = 0; j < n_embd; ++j) {
      const double g = static_cast<double>(block.parent.g2[j]);
      const double k = g * static_cast<double>(kept[j]);
      gains[t].product += k * g * static_cast<double>(batch.experts.row(t)[j]);
      gains[t].square += k * k;
    }
  });
  for (const auto& sums : gains) {
    gain->product += sums.product;
    gain->square += sums.square;
  }
}

void take_rows(const LayerTokens& tokens, std::span<const std::size_t> rows, LayerTokens& out) {
  for (const auto part : {&LayerTokens::input, &LayerTokens::experts, &LayerTokens::target})
    reshape(out.*part, rows.size(), (tokens.*part).n_column);
  for_rows(rows.size(), [&](std::size_t i) {
    for (const auto part : {&LayerTokens::input, &LayerTokens::experts, &LayerTokens::target})
      std::ranges::copy((tokens.*part).row(rows[i]), (out.*part).row(i).begin());
  });
  out.weight.clear();
  out.gate.clear();
  for (const std::size_t row : rows) {
    out.weight.push_back(tokens.weight[row]);
    if (!tokens.gate.empty()) out.gate.push_back(tokens.gate[row]);
  }
}

TokenRows TokenRows::part(std::size_t first, std::size_t n) const {
  TokenRows out = *this;
  for (const auto matrix : {&TokenRows::input, &TokenRows::experts, &TokenRows::target})
    out.*matrix = (this->*matrix).rows(first, n);
  if (act.n_row > 0) out.act = act.rows(first, n);
  out.weight = weight.subspan(first, n);
  if (!gate.empty()) out.gate = gate.subspan(first, n);
  return out;
}

void run_dense(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
               DenseForward& out) {
  if (tokens.act.n_row == 0) run_activation(block, weights, tokens, out);
  run_output(block, weights, tokens, tokens.act.n_row > 0 ? tokens.act : MatrixView(out.act), out);
}

double layer_error(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
                   DenseForward& work) {
  const std::size_t n_pass = MathDevice::pass_tokens();
  double sum = 0.0;
  double weight = 0.0;
  std::vector<double> squares;
  for (std::size_t first = 0; first < tokens.size(); first += n_pass) {
    const auto batch = tokens.part(first, std::min(n_pass, tokens.size() - first));
    run_dense(block, weights, batch, work);
    squares.assign(batch.size(), 0.0);
    for_rows(batch.size(), [&](std::size_t t) {
      for (std::size_t j = 0; j < block.n_embd(); ++j) {
        const double error = static_cast<double>(work.output.row(t)[j]) -
                             static_cast<double>(batch.target.row(t)[j]);
        squares[t] += error * error;
      }
    });
    for (std::size_t t = 0; t < batch.size(); ++t) {
      sum += static_cast<double>(batch.weight[t]) * squares[t];
      weight += static_cast<double>(batch.weight[t]);
    }
  }
  return weight > 0.0 ? sum / weight : 0.0;
}

void layer_gradient(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
                    DenseForward& forward, DenseWeights& grad) {
  const std::size_t n = tokens.size();
  const std::size_t n_embd = block.n_embd();
  const float total = std::accumulate(tokens.weight.begin(), tokens.weight.end(), 0.0F);
  auto& by_mixed = forward.output;  // becomes the gradient by y, then by d
  for_rows(n, [&](std::size_t t) {
    const auto row = by_mixed.row(t);
    const float factor = 2.0F * tokens.weight[t] / total;
    for (std::size_t j = 0; j < n_embd; ++j)
      row[j] = factor * (row[j] - tokens.target.row(t)[j]) *
               (block.outer_norm.empty() ? 1.0F : block.outer_norm[j]);
    if (block.form == BlockForm::kNormed)
      through_norm(forward.mixed.row(t), forward.mixed_scale[t], row);
  });
  if (block.form == BlockForm::kNormed) {
    grad.g1 = column_products(by_mixed, forward.dense);
    grad.g2 = column_products(by_mixed, tokens.experts);
    for_rows(n, [&](std::size_t t) {
      const auto row = by_mixed.row(t);
      for (std::size_t j = 0; j < n_embd; ++j) row[j] *= weights.g1[j];
      through_norm(forward.dense.row(t), forward.dense_scale[t], row);
    });
  }
  transposed_multiply(by_mixed, forward.act, grad.down);
  multiply(by_mixed, weights.down, forward.by_act);
  for_rows(n, [&](std::size_t t) {
    const float factor = tokens.gate.empty() ? 1.0F : tokens.gate[t];
    const auto gate = forward.gate.row(t);
    const auto up = forward.up.row(t);
    const auto act = forward.by_act.row(t);
    for (std::size_t i = 0; i < act.size(); ++i) {
      const auto f = activate(block.activation, gate[i]);
      const float by = factor * act[i];
      gate[i] = by * up[i] * f.slope;
      up[i] = by * f.value;
    }
  });
  transposed_multiply(forward.gate, tokens.input, grad.gate);
  transposed_multiply(forward.up, tokens.input, grad.up);
}

}  // namespace coe
