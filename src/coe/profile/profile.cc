#include "coe/profile/profile.h"

#include "coe/base/text.h"
#include "coe/corpus/window.h"
#include "coe/profile/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
  std::size_t domain = 0;
  std::size_t record = 0;
  std::uint64_t index = 0;  // over the whole corpus
  ChatTask task;            // without roles only its windows
};

// One run over samples that are planned already.
class Recorder {
 public:
  Recorder(Engine& engine, const ProfileOptions& options, const Corpus& corpus,
           const ChatMarkup& markup, Collector& collector, RoutingStats& stats, Observer& observer)
      : engine_(engine),
        options_(options),
        corpus_(corpus),
        markup_(markup),
        collector_(collector),
        stats_(stats),
        observer_(observer) {}

  Status run(std::span<const Sample> samples) {
    std::uint64_t n_total = 0;
    for (const auto& sample : samples) n_total += n_units(sample);
    std::uint64_t n_done = 0;
    for (const auto& sample : samples) {
      COE_TRY_STATUS(options_.roles ? run_roles(sample) : run_plain(sample));
      n_done += n_units(sample);
      observer_.progress("profile", n_done, n_total, options_.generate ? "answers" : "tokens");
    }
    return {};
  }

 private:
  // For the progress: how much will be generated is not known before.
  std::uint64_t n_units(const Sample& sample) const {
    if (options_.generate) return 1;
    std::uint64_t n = 0;
    for (const auto& window : sample.task.windows) n += window.size();
    return n;
  }

  Status run_plain(const Sample& sample) {
    collector_.begin_sample(stats_.domains[sample.domain]);
    std::size_t n_sample = 0;
    for (const auto& window : sample.task.windows) {
      DecodeRequest request;
      request.tokens = window;
      request.routing = &collector_;
      request.outputs = options_.outputs;
      request.observer = &observer_;
      COE_TRY_STATUS(engine_.decode(request));
      n_sample += window.size();
    }
    return collector_.end_sample(n_sample);
  }

  Status run_roles(const Sample& sample) {
    const auto& domain = corpus_.domains[sample.domain];
    const auto& record = domain.records[sample.record];
    RoutingTape tape;
    COE_TRY(const auto run,
            run_chat(engine_, markup_, sample.task, sample.index, options_, tape, observer_));
    for (std::size_t r = 0; r < kRoles.size(); ++r) {
      const std::size_t n_token = run.segments.count(kRoles[r]);
      if (n_token == 0) continue;
      collector_.begin_sample(stats_.domains[sample.domain * kRoles.size() + r]);
      RoleFilter filter(run.segments.roles, kRoles[r], collector_);
      tape.replay(filter);
      COE_TRY_STATUS(collector_.end_sample(n_token));
    }
    if (!options_.on_chat) return {};
    return options_.on_chat(
        {domain, record, run.segments, options_.generate ? &run.generated : nullptr});
  }

  Engine& engine_;
  const ProfileOptions& options_;
  const Corpus& corpus_;
  const ChatMarkup& markup_;
  Collector& collector_;
  RoutingStats& stats_;
  Observer& observer_;
};

// The sub-domains of the run: those of the corpus, or one for each role of each of them.
void add_domains(RoutingStats& stats, const Corpus& corpus, const ProfileOptions& options) {
  const auto add = [&](std::string name, double weight) {
    stats.domains.push_back(
        DomainStats::zero(std::move(name), weight, stats.shape, options.outputs));
  };
  for (const auto& domain : corpus.domains) {
    if (!options.roles) {
      add(domain.name, domain.weight);
      continue;
    }
    for (const auto role : kRoles)
      add(fmt::format("{}/{}", domain.name, role_name(role)), domain.weight);
  }
}

}  // namespace

std::string profile_settings(const ProfileOptions& options) {
  auto settings = fmt::format("max_tokens={} outputs={} shard={}/{}", options.max_tokens,
                              options.outputs ? 1 : 0, options.shard + 1, options.n_shard);
  if (options.roles) settings += fmt::format(" roles=1 closing_window={}", options.closing_window);
  if (options.generate) {
    const auto& sampling = options.generate->sampling;
    settings += fmt::format(
        " generate=1 think={} temperature={} top_k={} top_p={} seed={} max_new_tokens={}",
        options.generate->thinking ? "on" : "off", sampling.temperature, sampling.top_k,
        sampling.top_p, sampling.seed, options.generate->max_new_tokens);
  }
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

  add_domains(stats, corpus, options);
  ChatMarkup markup;
  if (options.roles) {
    COE_TRY(markup, engine.chat_markup());
  }

  // Tokenising first costs little and gives the progress a total.
  std::vector<Sample> samples;
  std::uint64_t index = 0;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    const auto& domain = corpus.domains[d];
    for (std::size_t r = 0; r < domain.records.size(); ++r) {
      const auto& record = domain.records[r];
      const std::uint64_t sample = index++;
      if (sample % options.n_shard != options.shard) continue;
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      if (options.roles) {
        COE_TRY(auto task, plan_chat(engine, markup, record, options));
        samples.push_back({d, r, sample, std::move(task)});
        continue;
      }
      auto tokens = engine.tokenize(record.text);
      if (!tokens) return tl::unexpected(std::move(tokens).error().context(record.where));
      samples.push_back(
          {d, r, sample, {split_windows(*tokens, max_tokens, info.bos_token), {}, {}}});
    }
  }
  if (std::ranges::all_of(samples, [](const Sample& s) { return s.task.windows.empty(); }))
    return fail(Code::kCorrupt, "the corpus has no token in this shard",
                "use fewer shards or a larger corpus");

  Collector collector(stats.shape, parent.n_block);
  COE_TRY_STATUS(
      Recorder(engine, options, corpus, markup, collector, stats, observer).run(samples));
  // A shard may hold no record of a sub-domain: an empty one would break the mean of nothing.
  std::erase_if(stats.domains, [](const DomainStats& d) { return d.n_tokens == 0; });
  std::ranges::sort(stats.domains, {}, &DomainStats::name);  // `a/prompt` comes after `a-b/prompt`
  COE_TRY_STATUS(check_invariants(stats));
  return stats;
}

}  // namespace coe
