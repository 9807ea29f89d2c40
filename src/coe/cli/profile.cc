// coe profile and coe merge: record routing; add profiles.
#include "coe/profile/profile.h"

#include "coe/base/text.h"
#include "coe/cli/chats.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/routing/file.h"

#include <charconv>
#include <chrono>

namespace coe::cli {

namespace {

struct Options {
  CorpusOptions corpus;
  EngineOptions engine;
  ProfileOptions profile;
  ChatOptions chats;
  Path output;
  std::string shard;
  bool no_outputs = false;
};

// "2/8": the second of eight.
Status parse_shard(const std::string& text, ProfileOptions& options) {
  const char* end = text.data() + text.size();
  std::uint32_t index = 0;
  const auto first = std::from_chars(text.data(), end, index);
  std::uint32_t count = 0;
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, count) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || index < 1 || index > count)
    return fail(Code::kInvalidArgument,
                fmt::format("--shard: `{}` is not of the form i/n with 1 <= i <= n", text),
                "the second of eight shards is --shard 2/8");
  options.shard = index - 1;
  options.n_shard = count;
  return {};
}

Json domains_json(const RoutingStats& stats) {
  Json domains = Json::array();
  for (const auto& d : stats.domains)
    domains.push_back({{"name", d.name},
                       {"weight", d.weight},
                       {"n_token", d.n_tokens},
                       {"n_sample", d.n_samples}});
  return domains;
}

std::string domains_text(const RoutingStats& stats) {
  std::vector<std::vector<std::string>> rows = {{"sub-domain", "weight", "samples", "tokens"}};
  for (const auto& d : stats.domains)
    rows.push_back({d.name, fmt::format("{:g}", d.weight), fmt::format("{}", d.n_samples),
                    fmt::format("{}", d.n_tokens)});
  return format_table(rows);
}

Result<int> profile(Options options, Session& session) {
  COE_TRY_STATUS(check_output(options.output, session.overwrite()));
  if (!options.shard.empty()) COE_TRY_STATUS(parse_shard(options.shard, options.profile));
  options.profile.outputs = !options.no_outputs;
  COE_TRY(auto chats, ChatLog::create(options.chats, session.overwrite()));
  chats.attach(options.profile);
  COE_TRY(const auto corpus, load_corpus(options.corpus));
  COE_TRY(const auto model, open_model(options.engine.model, session));
  COE_TRY(const auto engine, open_engine(options.engine));

  const auto start = std::chrono::steady_clock::now();
  COE_TRY(auto stats, run_profile(*engine, model.moe, corpus, options.profile, session.console));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  stats.command_line = session.command_line;
  COE_TRY_STATUS(write_profile(options.output, stats, session.overwrite()));
  COE_TRY_STATUS(chats.commit());

  const double rate = static_cast<double>(stats.n_tokens()) / seconds;
  auto doc = document("profile");
  doc["output"] = options.output.string();
  doc["parent"] = {{"name", stats.parent.name}, {"digest", stats.parent.digest}};
  doc["n_token"] = stats.n_tokens();
  doc["n_sample"] = chats.n_sample(stats);
  doc["tokens_per_s"] = rate;
  doc["domains"] = domains_json(stats);
  chats.add_to(doc);
  COE_TRY_STATUS(session.emit(
      doc, fmt::format("{}: {} tokens in {} samples, {:.0f} tokens/s\n{}{}",
                       options.output.string(), stats.n_tokens(), chats.n_sample(stats), rate,
                       domains_text(stats), chats.text())));
  return kExitDone;
}

struct MergeOptions {
  std::vector<Path> profiles;
  Path output;
};

Result<int> merge(const MergeOptions& options, Session& session) {
  COE_TRY_STATUS(check_output(options.output, session.overwrite()));
  COE_TRY(auto stats, read_profile(options.profiles.front()));
  for (std::size_t i = 1; i < options.profiles.size(); ++i) {
    COE_TRY(const auto other, read_profile(options.profiles[i]));
    if (auto status = merge_into(stats, other); !status)
      return tl::unexpected(std::move(status).error().context(options.profiles[i].string()));
  }
  stats.command_line = session.command_line;
  stats.tool_version = tool_version();
  COE_TRY_STATUS(write_profile(options.output, stats, session.overwrite()));
  auto doc = document("merge");
  doc["output"] = options.output.string();
  doc["n_token"] = stats.n_tokens();
  doc["n_sample"] = stats.n_samples();
  doc["domains"] = domains_json(stats);
  COE_TRY_STATUS(
      session.emit(doc, fmt::format("{}: {} tokens in {} samples from {} profiles\n{}",
                                    options.output.string(), stats.n_tokens(), stats.n_samples(),
                                    options.profiles.size(), domains_text(stats))));
  return kExitDone;
}

}  // namespace

void add_profile(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("profile", "Record which experts the routers choose on a corpus");
  verb->add_option("-m,--model", options->engine.model, "Parent GGUF")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("-o,--output", options->output, "Profile to write (a GGUF file)")->required();
  verb->add_option("--max-tokens", options->profile.max_tokens,
                   "Cut longer records into windows of this many tokens (0: the context)")
      ->check(CLI::Range(0U, 1U << 24) & CLI::Validator(
                                             [](std::string& s) {
                                               return s == "1" ? std::string("must not be 1")
                                                               : std::string();
                                             },
                                             ""))
      ->capture_default_str();
  verb->add_flag(
      "--no-outputs", options->no_outputs,
      "Routing only: cheaper, but no score that needs expert output norms (reap, share, …)");
  add_chat_options(*verb, options->chats);
  verb->add_option("--shard", options->shard, "Only the i-th of n shares of the records, as i/n");
  add_engine_options(*verb, options->engine);
  verb->add_option("--contexts", options->profile.n_engine,
                   "Contexts that take turns (0: one on the CPU, two on a GPU)")
      ->check(CLI::Range(0U, 16U));
  verb->add_option("--parallel", options->engine.n_seq,
                   "Samples that share a forward pass (0: one on the CPU, many on a GPU)");
  verb->callback([options, &run] {
    run = [options](Session& session) { return profile(*options, session); };
  });
}

void add_merge(CLI::App& app, Run& run) {
  auto options = std::make_shared<MergeOptions>();
  auto* verb = app.add_subcommand("merge", "Add profiles of the same model");
  verb->add_option("profiles", options->profiles, "Profiles to add")->required();
  verb->add_option("-o,--output", options->output, "Profile to write")->required();
  verb->callback(
      [options, &run] { run = [options](Session& session) { return merge(*options, session); }; });
}

}  // namespace coe::cli
