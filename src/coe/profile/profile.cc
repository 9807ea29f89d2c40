#include "coe/profile/profile.h"

#include "coe/base/text.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Adds the engine's reports of one sample to a sub-domain.
class Collector : public RoutingObserver {
 public:
  Collector(const RoutingShape& shape, std::uint32_t n_block)
      : shape_(shape), row_of_block_(n_block, kNoRow) {
    for (std::size_t row = 0; row < shape.n_layer(); ++row)
      row_of_block_[shape.layers[row].value] = row;
    sample_counts_.resize(shape.n_ranked());
    sample_weights_.resize(shape.n_ranked());
  }

  void begin_sample(DomainStats& domain) {
    domain_ = &domain;
    std::fill(sample_counts_.begin(), sample_counts_.end(), 0);
    std::fill(sample_weights_.begin(), sample_weights_.end(), 0.0);
  }

  void on_routing(const RoutingView& view) override {
    if (view.layer >= row_of_block_.size() || row_of_block_[view.layer] == kNoRow ||
        view.n_used != shape_.n_expert_used) {
      note(fmt::format("layer {}: the engine routes to {} experts where the file says {}",
                       view.layer, view.n_used, shape_.n_expert_used));
      return;
    }
    const std::size_t row = row_of_block_[view.layer];
    for (std::size_t t = 0; t < view.n_token; ++t) add_token(view, row, t);
  }

  // The sample had `n_token` tokens over all its windows.
  Status end_sample(std::size_t n_token) {
    if (!problem_.empty()) return fail(Code::kEngine, problem_);
    const auto n = static_cast<double>(n_token);
    for (std::size_t i = 0; i < sample_counts_.size(); ++i) {
      const auto count = sample_counts_[i];
      if (count == 0) continue;
      domain_->histograms[i] += count;
      domain_->weight_sum[i] += sample_weights_[i];
      domain_->freq_by_sample[i] += static_cast<double>(count) / n;
      domain_->weight_mean_by_sample[i] += sample_weights_[i] / static_cast<double>(count);
    }
    domain_->n_samples += 1;
    domain_->n_tokens += static_cast<std::int64_t>(n_token);
    return {};
  }

 private:
  static constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

  void note(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  void add_token(const RoutingView& view, std::size_t row, std::size_t t) {
    const std::size_t n_used = view.n_used;
    const auto ids = view.ids.subspan(t * n_used, n_used);
    const auto weights = view.weights.subspan(t * n_used, n_used);
    const double margin = static_cast<double>(weights.front()) - weights.back();
    double gated_total = 0.0;
    if (!view.output_norms.empty()) {
      for (std::size_t k = 0; k < n_used; ++k)
        gated_total += static_cast<double>(weights[k]) * view.output_norms[t * n_used + k];
    }
    for (std::size_t k = 0; k < n_used; ++k) {
      if (ids[k] < 0 || static_cast<std::uint32_t>(ids[k]) >= shape_.n_expert) {
        note(fmt::format("layer {}: the engine chose expert {} of {}", view.layer, ids[k],
                         shape_.n_expert));
        return;
      }
      const auto expert = static_cast<std::size_t>(ids[k]);
      const std::size_t at = shape_.at(row, expert, k);
      const double weight = weights[k];
      sample_counts_[at] += 1;
      sample_weights_[at] += weight;
      domain_->decisive[at] += margin * weight;
      if (view.output_norms.empty()) continue;
      const std::size_t flat = row * shape_.n_expert + expert;
      const double norm = view.output_norms[t * n_used + k];
      domain_->output_norm[flat] += norm;
      domain_->gated_norm[flat] += weight * norm;
      if (gated_total > 0) domain_->output_share[flat] += weight * norm / gated_total;
    }
    if (!view.moe_norms.empty() && !view.residual_norms.empty() && view.residual_norms[t] > 0)
      domain_->moe_ratio[row] += static_cast<double>(view.moe_norms[t]) / view.residual_norms[t];
  }

  const RoutingShape& shape_;
  std::vector<std::size_t> row_of_block_;
  DomainStats* domain_ = nullptr;
  std::vector<std::int64_t> sample_counts_;
  std::vector<double> sample_weights_;
  std::string problem_;
};

Status check_same_layers(const EngineInfo& info, const MoeModel& parent) {
  bool same = info.n_expert == parent.n_expert && info.n_expert_used == parent.n_expert_used &&
              info.moe_layers.size() == parent.layers.size();
  for (std::size_t i = 0; same && i < parent.layers.size(); ++i)
    same = info.moe_layers[i] == parent.layers[i].id.value;
  if (same) return {};
  return fail(
      Code::kMismatch,
      fmt::format("{}: the engine sees {} MoE layers of {} experts ({} used), the file says "
                  "{} of {} ({} used)",
                  parent.id.name, info.moe_layers.size(), info.n_expert, info.n_expert_used,
                  parent.layers.size(), parent.n_expert, parent.n_expert_used));
}

struct Sample {
  std::size_t domain = 0;  // index of its sub-domain; with roles of the first of its roles
  const Record* record = nullptr;
  std::vector<std::vector<std::int32_t>> windows;
  Segments segments;  // with roles: of the windows' tokens
};

// Segments of a record, with the tokens that its windows begin with anew as prompt.
Segments segment_windows(std::span<const TokenText> texts, const ChatMarkup& markup,
                         const SegmentOptions& options,
                         std::span<const std::vector<std::int32_t>> windows) {
  Segments segments = segment_roles(texts, markup, options);
  std::size_t n_windowed = 0;
  for (const auto& window : windows) n_windowed += window.size();
  if (n_windowed == texts.size()) return segments;
  for (std::size_t at = windows.front().size(), w = 1; w < windows.size(); ++w) {
    segments.roles.insert(segments.roles.begin() + static_cast<std::ptrdiff_t>(at), Role::kPrompt);
    at += windows[w].size();
  }
  return segments;
}

// Adds a sample to the sub-domains of its roles. Shape: domains [kRoles].
Status add_roles(const RoutingTape& tape, const Segments& segments, Collector& collector,
                 std::span<DomainStats> domains) {
  for (std::size_t r = 0; r < kRoles.size(); ++r) {
    const std::size_t n_token = segments.count(kRoles[r]);
    if (n_token == 0) continue;
    collector.begin_sample(domains[r]);
    tape.replay(segments.roles, kRoles[r], collector);
    COE_TRY_STATUS(collector.end_sample(n_token));
  }
  return {};
}

}  // namespace

std::string profile_settings(const ProfileOptions& options) {
  auto settings = fmt::format("max_tokens={} outputs={} shard={}/{}", options.max_tokens,
                              options.outputs ? 1 : 0, options.shard + 1, options.n_shard);
  if (options.roles) settings += fmt::format(" roles=1 closing={}", options.closing_window);
  return settings;
}

Result<RoutingStats> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                                 const ProfileOptions& options, Observer& observer) {
  const EngineInfo& info = engine.info();
  COE_TRY_STATUS(check_same_layers(info, parent));
  COE_CHECK(options.n_shard > 0 && options.shard < options.n_shard);
  const std::size_t max_tokens =
      options.max_tokens == 0 ? info.n_ctx : std::min<std::size_t>(options.max_tokens, info.n_ctx);

  RoutingStats stats;
  stats.parent = parent.id;
  stats.tool_version = tool_version();
  stats.engine = info.engine;
  stats.corpus_digest = corpus.digest;
  stats.settings = profile_settings(options);
  stats.n_expert_group = parent.n_expert_group;
  stats.n_chunk_expert = parent.n_chunk_expert;
  stats.shape.n_expert = parent.n_expert;
  stats.shape.n_expert_used = parent.n_expert_used;
  for (const auto& layer : parent.layers) stats.shape.layers.push_back(layer.id);

  ChatMarkup markup;
  if (options.roles) {
    COE_TRY(markup, engine.chat_markup());
  }
  // Tokenising first costs little and gives the progress a total.
  std::vector<Sample> samples;
  std::uint64_t n_total = 0;
  std::uint64_t index = 0;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    const auto& domain = corpus.domains[d];
    const std::size_t first = stats.domains.size();
    const auto add_domain = [&](std::string name) {
      stats.domains.push_back(
          DomainStats::zero(std::move(name), domain.weight, stats.shape, options.outputs));
    };
    if (options.roles) {
      for (const auto role : kRoles) add_domain(fmt::format("{}/{}", domain.name, role_name(role)));
    } else {
      add_domain(domain.name);
    }
    for (const auto& record : domain.records) {
      if (index++ % options.n_shard != options.shard) continue;
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      auto tokens = engine.tokenize(record.text);
      if (!tokens) return tl::unexpected(std::move(tokens).error().context(record.where));
      samples.push_back({first, &record, split_windows(*tokens, max_tokens, info.bos_token), {}});
      if (options.roles) {
        COE_TRY(const auto texts, engine.spell(*tokens));
        samples.back().segments = segment_windows(
            texts, markup, {.closing_window = options.closing_window}, samples.back().windows);
        if (samples.back().segments.n_turn == 0)
          return fail(Code::kCorrupt,
                      fmt::format("{}: no turn of the model in the text (nothing opens one with "
                                  "`{}`)",
                                  record.where, printable(markup.model_turns.front())),
                      "roles need text in the markup of the model's chat template");
      }
      for (const auto& window : samples.back().windows) n_total += window.size();
    }
  }
  if (n_total == 0)
    return fail(Code::kCorrupt, "the corpus has no token in this shard",
                "use fewer shards or a larger corpus");

  Collector collector(stats.shape, parent.n_block);
  std::uint64_t n_done = 0;
  for (const auto& sample : samples) {
    RoutingTape tape;  // with roles
    if (!options.roles) collector.begin_sample(stats.domains[sample.domain]);
    std::size_t n_sample = 0;
    for (const auto& window : sample.windows) {
      tape.begin_sequence(n_sample);
      DecodeRequest request;
      request.tokens = window;
      request.routing = options.roles ? static_cast<RoutingObserver*>(&tape) : &collector;
      request.outputs = options.outputs;
      request.observer = &observer;
      COE_TRY_STATUS(engine.decode(request));
      n_sample += window.size();
      n_done += window.size();
      observer.progress("profile", n_done, n_total, "tokens");
    }
    if (!options.roles) {
      COE_TRY_STATUS(collector.end_sample(n_sample));
      continue;
    }
    COE_TRY_STATUS(add_roles(tape, sample.segments, collector,
                             std::span(stats.domains).subspan(sample.domain, kRoles.size())));
    if (options.on_chat) {
      const auto& name = corpus.domains[sample.domain / kRoles.size()].name;
      options.on_chat({name, sample.record->where, sample.segments});
    }
  }
  // A shard may hold no record of a sub-domain: an empty one would break the mean of nothing.
  std::erase_if(stats.domains, [](const DomainStats& d) { return d.n_tokens == 0; });
  std::ranges::sort(stats.domains, {}, &DomainStats::name);
  COE_TRY_STATUS(check_invariants(stats));
  return stats;
}

}  // namespace coe
