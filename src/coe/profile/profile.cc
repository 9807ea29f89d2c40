#include "coe/profile/profile.h"

#include "coe/base/not_finite.h"
#include "coe/base/text.h"
#include "coe/engine/run_settings.h"
#include "coe/profile/chat.h"
#include "coe/profile/checkpoint.h"
#include "coe/profile/collector.h"
#include "coe/profile/pipeline.h"
#include "coe/profile/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kOtherRunHint =
    "resume with the command that began it, or start again with --force";

Status check_temperature(double temperature) {
  if (std::isfinite(temperature) && temperature > 0.0) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("a router temperature of {} is not above 0", temperature),
              "1 is the model's own; below 1 sharpens, above 1 flattens");
}

std::string role_domain(const SubDomain& domain, Role role) {
  return fmt::format("{}/{}", domain.name, role_name(role));
}

// Sums of nothing yet.
RoutingStats begin_stats(const EngineInfo& info, const MoeModel& parent, const Corpus& corpus,
                         const ProfileOptions& options) {
  RoutingStats stats;
  stats.parent = parent.id;
  stats.tool_version = tool_version();
  stats.engine = info.engine;
  stats.corpus_digest = corpus.digest;
  stats.settings = profile_settings(options);
  stats.router_temperature = options.router_temperature;
  stats.mask_digest = options.mask_digest;
  stats.shape = grid_of(parent);
  const auto add = [&](std::string name, double weight) {
    stats.domains.push_back(DomainStats::zero(std::move(name), weight, stats.shape, options.outputs,
                                              options.coactivation,
                                              options.outputs && options.squares));
  };
  for (const auto& domain : corpus.domains) {
    if (!options.roles) add(domain.name, domain.weight);
    for (const auto role : kRoles) {
      if (options.roles) add(role_domain(domain, role), domain.weight);
    }
  }
  std::ranges::sort(stats.domains, {}, &DomainStats::name);  // `a/prompt` comes after `a-b/prompt`
  return stats;
}

Status check_same(std::string_view what, const std::string& found, const std::string& expected) {
  if (found == expected) return {};
  return fail(Code::kMismatch,
              fmt::format("was begun with another {} (`{}` vs `{}`)", what, found, expected),
              std::string(kOtherRunHint));
}

Status check_settings(std::string_view found, std::string_view expected) {
  const auto difference = settings_difference(found, expected);
  if (!difference) return {};
  return fail(Code::kMismatch, "was begun with another setting: " + *difference,
              std::string(kOtherRunHint));
}

// Says whether sums of one can go on in the other.
bool same_form(const RoutingStats& a, const RoutingStats& b) {
  return a.shape == b.shape && a.router_temperature == b.router_temperature &&
         a.mask_digest == b.mask_digest &&
         std::equal(a.domains.begin(), a.domains.end(), b.domains.begin(), b.domains.end(),
                    [](const DomainStats& x, const DomainStats& y) {
                      return x.name == y.name && x.weight == y.weight &&
                             x.has_outputs() == y.has_outputs() &&
                             x.has_squares() == y.has_squares() &&
                             x.has_coactivation() == y.has_coactivation();
                    });
}

std::size_t first_pack_at(const std::vector<std::size_t>& packs, std::size_t item) {
  return static_cast<std::size_t>(std::ranges::lower_bound(packs, item) - packs.begin());
}

// Keeps the first thing said of what is no number.
class NumberCheck : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override {
    if (found_.empty()) found_ = not_a_number(routing).value_or("");
  }
  const std::string& found() const { return found_; }

 private:
  std::string found_;
};

// One run from plan to finished profile.
class Recorder {
 public:
  Recorder(Engine& engine, const Corpus& corpus, const ProfileOptions& options,
           const CheckpointOptions& checkpoint, Observer& observer)
      : engine_(engine),
        corpus_(corpus),
        options_(options),
        checkpoint_(checkpoint),
        observer_(observer) {}

  Result<ProfileRun> run(const MoeModel& parent, const std::string& command_line);

 private:
  bool checkpoints() const { return !checkpoint_.file.empty() && checkpoint_.seconds > 0.0; }
  std::string checkpoint_settings() const;
  Status resume();
  Status take_over(Checkpoint found);
  DomainStats& domain(const std::string& name);
  Status count(const WorkItem& item, std::span<const RoutingTrace> traces, Collector& collector);
  Status count_roles(const WorkItem& item, const Segments& segments, const Generated* generated,
                     std::span<const RoutingTrace> traces, Collector& collector);
  Status check_numbers(const WorkItem& item, std::span<const RoutingTrace> traces) const;
  void count_sample(const WorkItem& item, std::size_t n_token, std::span<const double> utility);
  Status record_items(Collector& collector);
  Status generate_answers(Collector& collector);
  bool between_packs() const;
  bool is_stable() const { return stability_ && stability_->is_stable(); }
  void save_in_time();
  Status save() const;
  Error stopped(Error error) const;
  void show_progress() const;

  Engine& engine_;
  const Corpus& corpus_;
  const ProfileOptions& options_;
  const CheckpointOptions& checkpoint_;
  Observer& observer_;
  WorkPlan plan_;
  std::vector<std::size_t> packs_;  // of its items
  RoutingStats stats_;
  std::optional<Stability> stability_;
  std::size_t n_done_ = 0;       // items
  std::size_t n_before_ = 0;     // items that an earlier run did
  std::int64_t n_resumed_ = 0;   // their tokens
  std::uint64_t n_decoded_ = 0;  // tokens of this run
  Clock::time_point saved_at_;
};

std::string Recorder::checkpoint_settings() const {
  return stability_ ? fmt::format("stability_keep={}", stability_->n_keep()) : std::string();
}

Status Recorder::take_over(Checkpoint found) {
  COE_TRY_STATUS(check_same("model", found.stats.parent.digest, stats_.parent.digest));
  COE_TRY_STATUS(check_same("corpus", found.stats.corpus_digest, stats_.corpus_digest));
  COE_TRY_STATUS(check_settings(found.stats.settings, stats_.settings));
  COE_TRY_STATUS(check_settings(found.head.settings, checkpoint_settings()));
  COE_TRY_STATUS(check_same("engine", found.stats.engine, stats_.engine));
  COE_TRY_STATUS(check_same("version of coe", found.stats.tool_version, stats_.tool_version));
  if (!same_form(found.stats, stats_) || found.stability.has_value() != stability_.has_value() ||
      found.head.n_item != plan_.items.size() || found.head.n_done > plan_.items.size())
    return fail(Code::kCorrupt, "does not have the form that its settings call for");
  stats_ = std::move(found.stats);
  n_done_ = n_before_ = found.head.n_done;
  n_resumed_ = stats_.n_token();
  // Or what is left would share forward passes with other samples than before.
  if (!between_packs())
    return fail(Code::kMismatch, "was begun with another size of batches",
                std::string(kOtherRunHint));
  return stability_ ? stability_->restore(*std::move(found.stability)) : Status();
}

Status Recorder::resume() {
  auto found = read_checkpoint(checkpoint_.file);
  if (!found && found.error().code == Code::kNotFound) return {};  // killed before the first
  if (!found) return tl::unexpected(std::move(found).error());
  if (auto status = take_over(*std::move(found)); !status)
    return tl::unexpected(std::move(status).error().context(checkpoint_.file.string()));
  return {};
}

Status Recorder::save() const {
  const CheckpointHead head{n_done_, plan_.items.size(), checkpoint_settings()};
  return write_checkpoint(checkpoint_.file, head, stats_,
                          stability_ ? &stability_->state() : nullptr);
}

bool Recorder::between_packs() const {
  return options_.generate || n_done_ == plan_.items.size() ||
         std::ranges::binary_search(packs_, n_done_);
}

// Keeps what is done before the work ends with an error. Amid a pack the sums cannot be resumed
// from, and an earlier checkpoint stays.
Error Recorder::stopped(Error error) const {
  if (!checkpoints() || n_done_ == 0 || !between_packs()) return error;
  if (const auto saved = save(); !saved) {
    observer_.warning(saved.error().message);
    return error;
  }
  if (error.code == Code::kCancelled)
    error.hint = checkpoint_.resume
                     ? "what is done is kept: run the same command again to go on"
                     : "what is done is kept: run the same command with --resume to go on";
  return error;
}

void Recorder::show_progress() const {
  // Only the tokens of this run, so that speed and time left are right after a resume.
  std::string unit = "tokens";
  const auto* point = stability_ ? stability_->last_point() : nullptr;
  // How much will be generated is not known before.
  if (options_.generate) unit = "answers";
  if (point != nullptr) unit += fmt::format(" (Jaccard {:.3f})", point->jaccard);
  if (options_.generate)
    return observer_.progress("profile", n_done_ - n_before_, plan_.items.size() - n_before_, unit);
  observer_.progress("profile", n_decoded_, plan_.n_token - static_cast<std::uint64_t>(n_resumed_),
                     unit);
}

DomainStats& Recorder::domain(const std::string& name) {
  const auto found = std::ranges::lower_bound(stats_.domains, name, {}, &DomainStats::name);
  COE_CHECK(found != stats_.domains.end() && found->name == name);
  return *found;
}

// Before anything is counted, so that the sums stay what they were and can be resumed from.
Status Recorder::check_numbers(const WorkItem& item, std::span<const RoutingTrace> traces) const {
  NumberCheck check;
  for (const auto& trace : traces) trace.replay(check);
  if (check.found().empty()) return {};
  const auto& record = corpus_.domains[item.domain].records[item.record];
  return no_number(fmt::format("{}: {}", record.where, check.found()));
}

void Recorder::count_sample(const WorkItem& item, std::size_t n_token,
                            std::span<const double> utility) {
  if (stability_) stability_->add_sample(item.sample, static_cast<std::int64_t>(n_token), utility);
  ++n_done_;
  n_decoded_ += n_token;
}

Status Recorder::count(const WorkItem& item, std::span<const RoutingTrace> traces,
                       Collector& collector) {
  if (options_.roles) return count_roles(item, item.segments, nullptr, traces, collector);
  collector.begin_sample();
  for (const auto& trace : traces) trace.replay(collector);
  COE_TRY_STATUS(collector.end_sample(item.n_token, domain(corpus_.domains[item.domain].name)));
  count_sample(item, item.n_token, collector.utility());
  return {};
}

// One trace for each window of the item; when generating, one for question and answer.
Status Recorder::count_roles(const WorkItem& item, const Segments& segments,
                             const Generated* generated, std::span<const RoutingTrace> traces,
                             Collector& collector) {
  const auto& sub_domain = corpus_.domains[item.domain];
  std::vector<double> utility(stats_.shape.n_flat());
  for (const auto role : kRoles) {
    const std::size_t n_token = segments.count(role);
    if (n_token == 0) continue;
    collector.begin_sample();
    std::size_t first = 0;
    for (std::size_t w = 0; w < traces.size(); ++w) {
      RoleFilter filter(std::span(segments.roles).subspan(first), role, collector);
      traces[w].replay(filter);
      first += item.windows[w].size();
    }
    COE_TRY_STATUS(collector.end_sample(n_token, domain(role_domain(sub_domain, role))));
    for (std::size_t i = 0; i < utility.size(); ++i) utility[i] += collector.utility()[i];
  }
  count_sample(item, segments.roles.size(), utility);
  if (!options_.on_chat) return {};
  return options_.on_chat({sub_domain, sub_domain.records[item.record], segments, generated});
}

void Recorder::save_in_time() {
  if (!checkpoints() ||
      Clock::now() - saved_at_ < std::chrono::duration<double>(checkpoint_.seconds))
    return;
  if (const auto status = save(); !status) observer_.warning(status.error().message);
  saved_at_ = Clock::now();
}

Status Recorder::generate_answers(Collector& collector) {
  while (n_done_ < plan_.items.size() && !is_stable()) {
    const auto& item = plan_.items[n_done_];
    RoutingTrace trace;
    const Question question{item.windows.front(), item.prompt, item.sample};
    auto answer = answer_question(engine_, plan_.markup, question, options_, trace, observer_);
    if (!answer) return tl::unexpected(stopped(std::move(answer).error()));
    if (auto numbers = check_numbers(item, {&trace, 1}); !numbers)
      return tl::unexpected(stopped(std::move(numbers).error()));
    auto counted = count_roles(item, answer->segments, &answer->generated, {&trace, 1}, collector);
    if (!counted) return tl::unexpected(stopped(std::move(counted).error()));
    show_progress();
    save_in_time();
  }
  return {};
}

Status Recorder::record_items(Collector& collector) {
  PipelineOptions pipeline;
  pipeline.outputs = options_.outputs;
  pipeline.filter = options_.filter;
  pipeline.n_engine = options_.n_engine;
  pipeline.first_pack = first_pack_at(packs_, n_done_);
  const auto deliver = [&](std::size_t first,
                           std::span<const std::vector<RoutingTrace>> traces) -> Result<Next> {
    for (std::size_t i = 0; i < traces.size(); ++i)
      COE_TRY_STATUS(check_numbers(plan_.items[first + i], traces[i]));
    for (std::size_t i = 0; i < traces.size(); ++i) {
      COE_TRY_STATUS(count(plan_.items[first + i], traces[i], collector));
      if (is_stable()) return Next::kStop;
    }
    show_progress();
    save_in_time();
    return Next::kGoOn;
  };
  if (is_stable()) return {};
  auto status = run_items(engine_, plan_.items, packs_, pipeline, observer_, deliver);
  if (!status) return tl::unexpected(stopped(std::move(status).error()));
  return {};
}

Result<ProfileRun> Recorder::run(const MoeModel& parent, const std::string& command_line) {
  COE_TRY_STATUS(check_same_layers(engine_.info(), parent));
  COE_TRY_STATUS(check_temperature(options_.router_temperature));
  stats_ = begin_stats(engine_.info(), parent, corpus_, options_);
  stats_.command_line = command_line;
  if (options_.stability) {
    COE_TRY(stability_, Stability::create(stats_.shape, *options_.stability));
  }
  COE_TRY(plan_, plan_work(engine_, corpus_, options_, observer_));
  packs_ = plan_packs(plan_.items, engine_.info());
  if (checkpoint_.resume) COE_TRY_STATUS(resume());
  Collector collector(stats_.shape, parent.n_block,
                      {.outputs = options_.outputs,
                       .coactivation = options_.coactivation,
                       .squares = options_.outputs && options_.squares,
                       .router_temperature = options_.router_temperature});
  saved_at_ = Clock::now();
  COE_TRY_STATUS(options_.generate ? generate_answers(collector) : record_items(collector));
  // A shard may hold no record of a sub-domain: an empty one would break the mean of nothing.
  std::erase_if(stats_.domains, [](const DomainStats& d) { return d.n_token == 0; });
  COE_TRY_STATUS(check_invariants(stats_));
  ProfileRun out;
  if (stability_) out.stability = stability_->report(n_done_ < plan_.items.size());
  out.stats = std::move(stats_);
  out.n_resumed = n_resumed_;
  return out;
}

}  // namespace

std::string profile_settings(const ProfileOptions& options) {
  auto text = fmt::format("max_tokens={} outputs={} shard={}/{}", options.max_tokens,
                          options.outputs ? 1 : 0, options.shard + 1, options.n_shard);
  if (options.outputs && options.squares) text += " squares=1";
  if (options.coactivation) text += " coactivation=1";
  if (options.router_temperature != 1.0)
    text += fmt::format(" router_temperature={}", options.router_temperature);
  if (!options.mask_digest.empty()) text += " mask=" + options.mask_digest;
  if (options.stability && options.stability->stop_at)
    text += fmt::format(" until_stable={} stability_keep={}", *options.stability->stop_at,
                        options.stability->n_keep);
  if (options.roles) text += fmt::format(" roles=1 closing_window={}", options.closing_window);
  if (options.generate) {
    const auto& sampling = options.generate->sampling;
    text += fmt::format(
        " generate=1 think={} temperature={} top_k={} top_p={} seed={} max_new_tokens={}",
        options.generate->thinking ? "on" : "off", sampling.temperature, sampling.top_k,
        sampling.top_p, sampling.seed, options.generate->max_new_tokens);
    if (sampling.repeat_penalty != 1.0F)
      text += fmt::format(" repeat_penalty={} repeat_last_n={}", sampling.repeat_penalty,
                          sampling.repeat_last_n);
  }
  if (!options.run_settings.empty()) text += " " + options.run_settings;
  return text;
}

Result<RoutingStats> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                                 const ProfileOptions& options, Observer& observer) {
  COE_TRY(auto run,
          run_profile(engine, parent, corpus, options, CheckpointOptions{}, {}, observer));
  return std::move(run.stats);
}

Result<ProfileRun> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                               const ProfileOptions& options, const CheckpointOptions& checkpoint,
                               const std::string& command_line, Observer& observer) {
  return Recorder(engine, corpus, options, checkpoint, observer).run(parent, command_line);
}

std::optional<std::string> profile_difference(const RoutingStats& found, const MoeModel& parent,
                                              const Corpus& corpus, const ProfileOptions& options) {
  if (found.parent.digest != parent.id.digest)
    return fmt::format("model ({} vs {})", found.parent.digest, parent.id.digest);
  if (found.corpus_digest != corpus.digest)
    return fmt::format("corpus ({} vs {})", found.corpus_digest, corpus.digest);
  return settings_difference(found.settings, profile_settings(options));
}

}  // namespace coe
