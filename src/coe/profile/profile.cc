#include "coe/profile/profile.h"

#include "coe/base/text.h"
#include "coe/corpus/window.h"
#include "coe/profile/chat.h"
#include "coe/profile/pipeline.h"

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
  std::size_t n_window = 0;
  std::size_t n_token = 0;
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

auto no_text() {
  return fail(Code::kCorrupt, "the corpus has no token in this shard",
              "use fewer shards or a larger corpus");
}

// The records of the shard as texts.
Status record_texts(Engine& engine, const Corpus& corpus, const ProfileOptions& options,
                    Collector& collector, RoutingStats& stats, Observer& observer) {
  const EngineInfo& info = engine.info();
  const std::size_t max_tokens =
      options.max_tokens == 0 ? info.n_ctx : std::min<std::size_t>(options.max_tokens, info.n_ctx);
  // Tokenising first costs little and gives the progress a total.
  std::vector<Sample> samples;
  std::vector<Window> windows;  // of all samples, in order
  std::uint64_t n_total = 0;
  std::uint64_t index = 0;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    const auto& domain = corpus.domains[d];
    for (const auto& record : domain.records) {
      if (index++ % options.n_shard != options.shard) continue;
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      auto tokens = engine.tokenize(record.text);
      if (!tokens) return tl::unexpected(std::move(tokens).error().context(record.where));
      Sample sample{d};
      for (auto& window : split_windows(*tokens, max_tokens, info.bos_token)) {
        ++sample.n_window;
        sample.n_token += window.size();
        windows.push_back(std::move(window));
      }
      n_total += sample.n_token;
      samples.push_back(sample);
    }
  }
  if (n_total == 0) return no_text();

  const auto packs = plan_packs(windows, info);
  PipelineOptions pipeline;
  pipeline.outputs = options.outputs;
  pipeline.n_engine = options.n_engine;
  std::uint64_t n_done = 0;
  std::size_t sample = 0;  // of the next window
  std::size_t in_sample = 0;
  const auto deliver = [&](std::size_t first, std::span<const RoutingTrace> traces) -> Status {
    for (std::size_t i = 0; i < traces.size(); ++i) {
      if (in_sample == 0) collector.begin_sample(stats.domains[samples[sample].domain]);
      traces[i].replay(collector);
      n_done += windows[first + i].size();
      if (++in_sample < samples[sample].n_window) continue;
      COE_TRY_STATUS(collector.end_sample(samples[sample].n_token));
      in_sample = 0;
      ++sample;
    }
    observer.progress("profile", n_done, n_total, "tokens");
    return {};
  };
  return run_windows(engine, windows, packs, pipeline, observer, deliver);
}

// The records of the shard as chats, one after the other.
Status record_chats(Engine& engine, const Corpus& corpus, const ProfileOptions& options,
                    Collector& collector, RoutingStats& stats, Observer& observer) {
  struct Item {
    std::size_t domain = 0;
    const Record* record = nullptr;
    std::uint64_t sample = 0;  // index over the whole corpus
    ChatTask task;
    std::uint64_t n_unit = 0;  // of progress: how much will be generated is not known before
  };
  COE_TRY(const auto markup, engine.chat_markup());
  std::vector<Item> items;
  std::uint64_t n_total = 0;
  std::uint64_t index = 0;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    for (const auto& record : corpus.domains[d].records) {
      const std::uint64_t sample = index++;
      if (sample % options.n_shard != options.shard) continue;
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      COE_TRY(auto task, plan_chat(engine, markup, record, options));
      const std::uint64_t n_unit = options.generate ? 1 : task.segments.roles.size();
      n_total += n_unit;
      items.push_back({d, &record, sample, std::move(task), n_unit});
    }
  }
  if (items.empty()) return no_text();
  std::uint64_t n_done = 0;
  for (const auto& item : items) {
    RoutingTape tape;
    COE_TRY(const auto run,
            run_chat(engine, markup, item.task, item.sample, options, tape, observer));
    for (std::size_t r = 0; r < kRoles.size(); ++r) {
      const std::size_t n_token = run.segments.count(kRoles[r]);
      if (n_token == 0) continue;
      collector.begin_sample(stats.domains[item.domain * kRoles.size() + r]);
      RoleFilter filter(run.segments.roles, kRoles[r], collector);
      tape.replay(filter);
      COE_TRY_STATUS(collector.end_sample(n_token));
    }
    if (options.on_chat)
      COE_TRY_STATUS(options.on_chat({corpus.domains[item.domain], *item.record, run.segments,
                                      options.generate ? &run.generated : nullptr}));
    n_done += item.n_unit;
    observer.progress("profile", n_done, n_total, options.generate ? "answers" : "tokens");
  }
  return {};
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
  Collector collector(stats.shape, parent.n_block);
  COE_TRY_STATUS(options.roles ? record_chats(engine, corpus, options, collector, stats, observer)
                               : record_texts(engine, corpus, options, collector, stats, observer));
  // A shard may hold no record of a sub-domain: an empty one would break the mean of nothing.
  std::erase_if(stats.domains, [](const DomainStats& d) { return d.n_tokens == 0; });
  std::ranges::sort(stats.domains, {}, &DomainStats::name);  // `a/prompt` comes after `a-b/prompt`
  COE_TRY_STATUS(check_invariants(stats));
  return stats;
}

}  // namespace coe
