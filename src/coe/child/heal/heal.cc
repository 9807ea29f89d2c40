#include "coe/child/heal/heal.h"

#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"
#include "coe/child/heal/block.h"
#include "coe/child/heal/gather.h"
#include "coe/child/heal/layer_state.h"
#include "coe/child/heal/linear_algebra.h"
#include "coe/child/heal/token_store.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/model/gguf/value.h"
#include "coe/profile/stretches.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kTokensFile = "tokens.bin";
constexpr std::string_view kStateFile = "state.json";

Path layer_file(const Path& folder, LayerId layer) {
  return folder / fmt::format("layer-{}.gguf", layer.value);
}

// The type that a matrix of such rows gets.
gguf::TensorType type_of(std::optional<gguf::TensorType> wanted, gguf::TensorType parent,
                         std::size_t n_column) {
  const auto type = wanted.value_or(parent);
  return n_column % gguf::traits(type).block_size == 0 ? type : gguf::TensorType::kF16;
}

std::vector<std::byte> to_bytes(const gguf::Quantizer& blocks, gguf::TensorType type,
                                std::span<const float> values, std::size_t n_column) {
  const auto& facts = gguf::traits(type);
  std::vector<std::byte> bytes(values.size() / facts.block_size * facts.block_bytes);
  blocks.to_blocks(type, values, n_column, bytes);
  return bytes;
}

// What decides the vectors that are gathered, beside parent, mask, text and engine.
std::string text_settings(const HealOptions& options) {
  return fmt::format("tokens={} validation={} record_tokens={}{}", options.n_token,
                     options.n_validation, options.record_tokens,
                     options.n_used > 0 ? fmt::format(" experts_used={}", options.n_used) : "");
}

// What the child is told of its healing: `coe.heal.*`. Source: docs/formats/gguf-surgery.md.
std::vector<gguf::KeyValue> heal_records(const Healing& healing, const std::string& text_digest) {
  std::vector<std::string> names;
  std::vector<std::string> digests;
  for (const auto& layer : healing.layers)
    for (const auto& tensor : layer.tensors) {
      Hasher hasher;
      hasher.add(tensor.bytes);
      names.push_back(tensor.name);
      digests.push_back(hasher.digest());
    }
  return {{"coe.heal.settings", gguf::Value::string(healing.settings)},
          {"coe.heal.text_digest", gguf::Value::string(text_digest)},
          {"coe.heal.tensors", gguf::Value::strings(names)},
          {"coe.heal.digests", gguf::Value::strings(digests)}};
}

class Run {
 public:
  Run(Engine& engine, const gguf::GgufFile& parent, const MoeModel& model, const KeepMask& mask,
      const HealOptions& options, const gguf::Dequantizer& values, const gguf::Quantizer& blocks,
      Observer& observer)
      : engine_(engine),
        parent_(parent),
        model_(model),
        mask_(mask),
        options_(options),
        values_(values),
        blocks_(blocks),
        observer_(observer) {}

  Result<Healing> run(const Corpus& fit, const Corpus& validation);

 private:
  Status check() const;
  Status read_blocks();
  Status plan_text(const Corpus& fit, const Corpus& validation);
  // How many stretches a stopped run of the same inputs has gathered.
  std::size_t resume();
  Status keep_state(std::size_t n_done);
  TokenStore::Shape shape() const {
    return {layers_.size(), n_fit_ + n_validation_, model_.n_embd};
  }
  Result<TokenStore> gather();
  Status load(const TokenStore& store, std::size_t l, std::size_t first, std::size_t n,
              LayerTokens& tokens, GainSums* gain);
  Result<HealedLayer> fit_one(const TokenStore& store, std::size_t l);
  std::vector<ReplacedTensor> replaced(const Block& block, const DenseWeights& weights) const;
  gguf::TensorType type_of_tensor(const std::string& name, std::size_t n_column) const {
    return type_of(options_.type, parent_.header().find_tensor(name)->type, n_column);
  }

  Engine& engine_;
  const gguf::GgufFile& parent_;
  const MoeModel& model_;
  const KeepMask& mask_;
  const HealOptions& options_;
  const gguf::Dequantizer& values_;
  const gguf::Quantizer& blocks_;
  Observer& observer_;
  std::vector<LayerId> layers_;
  std::vector<Block> block_list_;
  Stretches stretches_;  // those to fit on, then those that validate
  std::size_t n_fit_ = 0;
  std::size_t n_validation_ = 0;
  std::string settings_;
  std::string gather_key_;  // identity of what decides the vectors
  std::string fit_key_;     // of what decides a fit
  std::chrono::steady_clock::time_point kept_at_;
  // Of one layer after the other, in the same memory: fresh pages for gigabytes take seconds.
  LayerTokens fit_;
  LayerTokens validation_;
  EngineTokens read_;
  DenseForward work_;
};

Status Run::check() const {
  if (options_.method == HealMethod::kAdam && options_.n_step == 0)
    return fail(Code::kInvalidArgument, "no steps are asked for",
                "ask for one at least, or for the closed form");
  const auto& info = engine_.info();
  if (std::min(info.n_ctx, info.n_batch) < options_.record_tokens)
    return fail(Code::kInvalidArgument,
                fmt::format("stretches of {} tokens do not fit into a batch of {} and a context "
                            "of {}",
                            options_.record_tokens, info.n_batch, info.n_ctx));
  if (options_.type && (!blocks_.can_make(*options_.type) || !values_.can(*options_.type)))
    return fail(Code::kInvalidArgument,
                fmt::format("the engine makes no {} without an importance matrix",
                            gguf::traits(*options_.type).name),
                "choose another type, e.g. Q8_0");
  return {};
}

Status Run::read_blocks() {
  for (const auto& layer : model_.layers) {
    COE_TRY(auto block, read_block(parent_, model_, layer.id, values_));
    layers_.push_back(layer.id);
    block_list_.push_back(std::move(block));
    if (options_.type) continue;
    const auto& own = block_list_.back();
    for (const auto& name : {own.gate_name, own.up_name, own.down_name})
      if (const auto type = parent_.header().find_tensor(name)->type; !blocks_.can_make(type))
        return fail(Code::kUnsupported,
                    fmt::format("the engine makes no {} (tensor `{}`) without an importance matrix",
                                gguf::traits(type).name, name),
                    "choose a type, e.g. Q8_0");
  }
  return {};
}

Status Run::plan_text(const Corpus& fit, const Corpus& validation) {
  COE_TRY(stretches_,
          plan_stretches(engine_, fit, {options_.n_token, options_.record_tokens}, observer_));
  for (const auto& stretch : stretches_) n_fit_ += stretch.size();
  COE_TRY(auto rest, plan_stretches(engine_, validation,
                                    {options_.n_validation, options_.record_tokens}, observer_));
  for (auto& stretch : rest) {
    n_validation_ += stretch.size();
    stretches_.push_back(std::move(stretch));
  }
  settings_ = heal_settings(options_);
  const auto key = [&](std::string_view settings) {
    Hasher hasher;
    for (const auto& part :
         {std::string_view("coe heal 1"), std::string_view(model_.id.digest),
          std::string_view(tool_version()), settings, std::string_view(engine_.info().engine),
          std::string_view(fit.digest), std::string_view(validation.digest)})
      hasher.add_sized(part);
    hasher.add_sized(mask_.digest());
    return hasher.digest();
  };
  // What is gathered does not depend on how it is fitted.
  gather_key_ = key(text_settings(options_) + " " + options_.run_settings);
  fit_key_ = key(settings_);
  return {};
}

std::size_t Run::resume() {
  std::error_code ec;
  const auto file = options_.state / kStateFile;
  if (!std::filesystem::exists(file, ec)) return 0;
  const auto anew = [&](std::string_view why) {
    observer_.warning(fmt::format("{}: {}: healing begins anew", file.string(), why));
    remove_heal_state(options_.state);
    return std::size_t{0};
  };
  const auto text = read_text(file);
  if (!text) return anew(text.error().message);
  try {
    const auto state = open_sealed_json(*text);
    if (state.at("key").get<std::string>() != gather_key_) return anew("is of another run");
    const auto n_bytes = std::filesystem::file_size(options_.state / kTokensFile, ec);
    if (ec || n_bytes != TokenStore::bytes_of(shape()))
      return anew(fmt::format("what it tells of, {}, is gone or of another size", kTokensFile));
    return std::min(state.at("n_done").get<std::size_t>(), stretches_.size());
  } catch (const nlohmann::json::exception&) {
    return anew("has another form, or was damaged");
  }
}

Status Run::keep_state(std::size_t n_done) {
  kept_at_ = std::chrono::steady_clock::now();
  return write_file(
      options_.state / kStateFile,
      sealed_json({{"schema", "coe.heal-state/1"}, {"key", gather_key_}, {"n_done", n_done}}),
      Overwrite::kAllow);
}

Result<TokenStore> Run::gather() {
  constexpr std::chrono::seconds kBetween{20};
  const auto n_done = resume();
  COE_TRY_STATUS(make_folder(options_.state));
  COE_TRY(auto store, TokenStore::open(options_.state / kTokensFile, shape(), values_, blocks_));
  COE_TRY_STATUS(keep_state(n_done));
  COE_TRY(const auto filter, virtual_surgery(mask_, parent_, model_, options_.n_used));
  const Gathered gathered = [&](std::size_t n) -> Status {
    const bool late = std::chrono::steady_clock::now() - kept_at_ > kBetween;
    if (!late && n < stretches_.size()) return {};
    COE_TRY_STATUS(store.flush());
    return keep_state(n);
  };
  COE_TRY_STATUS(gather_tokens(engine_, filter, layers_, block_list_, stretches_, n_done, store,
                               gathered, observer_));
  return store;
}

Status Run::load(const TokenStore& store, std::size_t l, std::size_t first, std::size_t n,
                 LayerTokens& tokens, GainSums* gain) {
  const auto& block = block_list_[l];
  const std::size_t n_pass = MathDevice::pass_tokens();
  make_room(block, n, options_.method == HealMethod::kRidge, tokens);
  for (std::size_t at = 0; at < n; at += n_pass) {
    const std::size_t now = std::min(n_pass, n - at);
    COE_TRY_STATUS(store.read(l, TokenStore::kStream, first + at, now, read_.stream));
    COE_TRY_STATUS(store.read(l, TokenStore::kExperts, first + at, now, read_.experts));
    COE_TRY_STATUS(store.read(l, TokenStore::kKept, first + at, now, read_.kept));
    put_tokens(block, read_, at, tokens, gain, work_);
  }
  return {};
}

std::vector<ReplacedTensor> Run::replaced(const Block& block, const DenseWeights& weights) const {
  std::vector<ReplacedTensor> tensors;
  const auto add = [&](const std::string& name, const Matrix& now, const Matrix& parent) {
    if (now.values == parent.values) return;
    const auto type = type_of_tensor(name, now.n_column);
    tensors.push_back({name, type, to_bytes(blocks_, type, now.values, now.n_column)});
  };
  add(block.gate_name, weights.gate, block.parent.gate);
  add(block.up_name, weights.up, block.parent.up);
  add(block.down_name, weights.down, block.parent.down);
  const auto add_norm = [&](const std::string& name, const std::vector<float>& now,
                            const std::vector<float>& parent) {
    if (now == parent) return;
    const auto bytes = std::as_bytes(std::span(now));
    tensors.push_back({name, gguf::TensorType::kF32, {bytes.begin(), bytes.end()}});
  };
  add_norm(block.g1_name, weights.g1, block.parent.g1);
  add_norm(block.g2_name, weights.g2, block.parent.g2);
  return tensors;
}

Result<HealedLayer> Run::fit_one(const TokenStore& store, std::size_t l) {
  const auto& block = block_list_[l];
  GainSums sums;
  COE_TRY_STATUS(load(store, l, 0, n_fit_, fit_, &sums));
  COE_TRY_STATUS(load(store, l, n_fit_, n_validation_, validation_, nullptr));
  LayerFitOptions options;
  options.method = options_.method;
  options.n_step = options_.n_step;
  options.seed = derived_seed(options_.seed, layers_[l].value);
  // Gate and up have other rows than down, and all three may have other types.
  options.round = [&](Matrix& matrix) {
    const auto& name = matrix.n_column == block.n_embd() && matrix.n_row == block.n_ff()
                           ? block.gate_name
                           : block.down_name;
    const auto type = type_of_tensor(name, matrix.n_column);
    for_rows(matrix.n_row, [&](std::size_t r) {
      values_.to_floats(type, to_bytes(blocks_, type, matrix.row(r), matrix.n_column),
                        matrix.row(r));
    });
  };
  COE_TRY(const auto fitted, fit_layer(block, fit_, validation_, sums.gain(), options, observer_));
  return HealedLayer{layers_[l],
                     fitted.error,
                     fitted.after,
                     fitted.gain,
                     fitted.lambda,
                     fitted.kept,
                     replaced(block, fitted.weights)};
}

Result<Healing> Run::run(const Corpus& fit, const Corpus& validation) {
  COE_TRY_STATUS(check());
  COE_TRY_STATUS(read_blocks());
  COE_TRY_STATUS(plan_text(fit, validation));
  Healing healing;
  healing.n_fit = n_fit_;
  healing.n_validation = n_validation_;
  healing.settings = settings_;
  for (const auto& block : block_list_)
    healing.n_ff = std::max(healing.n_ff, static_cast<std::uint32_t>(block.n_ff()));
  std::map<std::size_t, HealedLayer> done;
  std::error_code ec;
  for (std::size_t l = 0; l < layers_.size(); ++l)
    if (const auto file = layer_file(options_.state, layers_[l]); std::filesystem::exists(file, ec))
      if (auto layer = read_layer_state(file, fit_key_)) done.emplace(l, *std::move(layer));
  healing.resumed = !done.empty();
  std::optional<TokenStore> store;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    observer_.progress("fit", l, layers_.size(), "layers");
    auto found = done.find(l);
    if (found == done.end()) {
      if (!store) {
        COE_TRY(store, gather());
      }
      auto layer = fit_one(*store, l);
      if (!layer)
        return tl::unexpected<Error>(
            std::move(layer).error().context(fmt::format("layer {}", layers_[l].value)));
      COE_TRY_STATUS(write_layer_state(layer_file(options_.state, layers_[l]), *layer, fit_key_));
      found = done.emplace(l, *std::move(layer)).first;
    }
    healing.layers.push_back(std::move(found->second));
  }
  observer_.progress("fit", layers_.size(), layers_.size(), "layers");
  return healing;
}

}  // namespace

double Healing::after() const {
  double before = 0.0;
  double sum = 0.0;
  for (const auto& layer : layers) {
    before += layer.error;
    sum += layer.error * layer.after;
  }
  return before > 0.0 ? sum / before : 1.0;
}

Result<Healing> heal(Engine& engine, const gguf::GgufFile& parent, const MoeModel& model,
                     const KeepMask& mask, const Corpus& fit, const Corpus& validation,
                     const HealOptions& options, const gguf::Dequantizer& values,
                     const gguf::Quantizer& blocks, Observer& observer) {
  const MathThreads threads(engine.info().n_thread);
  const auto products = engine.products();
  const MathDevice device(products.value_or(nullptr));
  auto healing =
      Run(engine, parent, model, mask, options, values, blocks, observer).run(fit, validation);
  const auto failure = products ? device.failure() : std::optional(products.error());
  if (failure)
    observer.warning(fmt::format("healing multiplies matrices on the CPU: {}", failure->message));
  return healing;
}

void remove_heal_state(const Path& state) {
  std::error_code ec;
  std::filesystem::remove(state / kTokensFile, ec);
  std::filesystem::remove(state / kStateFile, ec);
  for (const auto& entry : std::filesystem::directory_iterator(state, ec)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("layer-") && name.ends_with(".gguf"))
      std::filesystem::remove(entry.path(), ec);
  }
  std::filesystem::remove(state, ec);  // only where nothing else is in it
}

std::string heal_settings(const HealOptions& options) {
  return fmt::format("method={} {} type={}{}{}{}", heal_method_name(options.method),
                     text_settings(options),
                     options.type ? gguf::traits(*options.type).name : "parent",
                     options.method == HealMethod::kAdam
                         ? fmt::format(" steps={} seed={}", options.n_step, options.seed)
                         : "",
                     options.run_settings.empty() ? "" : " ", options.run_settings);
}

Result<Split> split_for_healing(const Corpus& corpus) {
  constexpr std::size_t kModulus = 8;
  constexpr std::size_t kRemainder = 3;
  return split_off(corpus, kModulus, kRemainder).map_error([](Error error) {
    error.hint = "give more text: healing judges itself by texts that it did not fit on";
    return error;
  });
}

void add_healing(const Healing& healing, const std::string& text_digest, SurgeryOptions& surgery) {
  if (!healing.helps()) return;
  surgery.records = heal_records(healing, text_digest);
  for (const auto& layer : healing.layers)
    surgery.replaced.insert(surgery.replaced.end(), layer.tensors.begin(), layer.tensors.end());
}

}  // namespace coe
