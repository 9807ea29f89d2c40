// coe profile and coe merge: record routing; add profiles.
#include "coe/profile/profile.h"

#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/routing/file.h"

#include <charconv>
#include <chrono>
#include <optional>

namespace coe::cli {

namespace {

struct Options {
  CorpusOptions corpus;
  EngineOptions engine;
  ProfileOptions profile;
  Path output;
  std::string shard;
  bool no_outputs = false;
  bool generate = false;
  GenerateOptions generation;
  std::string think = "on";
  Path save_text;
};

// What the records of a run with roles were like.
struct ChatCounts {
  std::uint64_t n_record = 0;
  std::uint64_t n_turn = 0;
  std::uint64_t n_thinking = 0;
  std::uint64_t n_thinking_open = 0;
  std::uint64_t n_answer_empty = 0;
  std::uint64_t n_cut = 0;  // answers that were generated and did not end
  std::uint64_t n_new = 0;  // tokens generated

  void add(const ChatSample& sample) {
    ++n_record;
    if (sample.generated != nullptr) {
      n_new += sample.generated->n_new;
      if (!sample.generated->ended) ++n_cut;
    }
    n_turn += sample.segments.n_turn;
    n_thinking += sample.segments.n_thinking;
    n_thinking_open += sample.segments.n_thinking_open;
    n_answer_empty += sample.segments.n_answer_empty;
  }
  Json json(bool generated) const {
    Json doc = {{"n_record", n_record},
                {"n_turn", n_turn},
                {"n_thinking", n_thinking},
                {"n_thinking_open", n_thinking_open},
                {"n_answer_empty", n_answer_empty}};
    if (generated) doc.update({{"n_cut", n_cut}, {"n_token_generated", n_new}});
    return doc;
  }
  std::string text(bool generated) const {
    auto text = fmt::format(
        "turns of the model: {}, thinking blocks: {} ({} never end), empty answers: {}\n", n_turn,
        n_thinking, n_thinking_open, n_answer_empty);
    if (generated)
      text +=
          fmt::format("tokens generated: {}, answers cut off before their end: {}\n", n_new, n_cut);
    return text;
  }
};

// A generated chat in the form of docs/formats/corpus.md: a corpus of its own.
std::string record_line(const ChatSample& sample) {
  Json line = {{"text", sample.generated->text},
               {"source", sample.record.where},
               {"domain", sample.domain.name},
               {"weight", sample.domain.weight},
               {"format", "chat"},
               {"problem", sample.record.text},
               {"thinking", sample.segments.thinking},
               {"solution", sample.segments.answer},
               {"ended", sample.generated->ended},
               {"n_token_prompt", sample.generated->n_prompt},
               {"n_token_generated", sample.generated->n_new}};
  // A cut-off answer may end within a character.
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

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
  if (options.generate) {
    options.generation.thinking = options.think == "on";
    options.profile.generate = options.generation;
    options.profile.roles = true;
  }
  std::optional<AtomicFile> texts;
  if (!options.save_text.empty()) {
    COE_TRY(auto file, AtomicFile::create(options.save_text, session.overwrite()));
    texts.emplace(std::move(file));
  }
  ChatCounts chats;
  if (options.profile.roles)
    options.profile.on_chat = [&](const ChatSample& sample) -> Status {
      chats.add(sample);
      return texts ? texts->write(record_line(sample)) : Status();
    };
  COE_TRY(const auto corpus, load_corpus(options.corpus));
  COE_TRY(const auto model, open_model(options.engine.model, session));
  COE_TRY(const auto engine, open_engine(options.engine));

  const auto start = std::chrono::steady_clock::now();
  COE_TRY(auto stats, run_profile(*engine, model.moe, corpus, options.profile, session.console));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  stats.command_line = session.command_line;
  COE_TRY_STATUS(write_profile(options.output, stats, session.overwrite()));
  if (texts) COE_TRY_STATUS(texts->commit());

  const double rate = static_cast<double>(stats.n_tokens()) / seconds;
  // With roles a record is a sample of several sub-domains.
  const auto n_sample =
      options.profile.roles ? static_cast<std::int64_t>(chats.n_record) : stats.n_samples();
  auto doc = document("profile");
  doc["output"] = options.output.string();
  doc["parent"] = {{"name", stats.parent.name}, {"digest", stats.parent.digest}};
  doc["n_token"] = stats.n_tokens();
  doc["n_sample"] = n_sample;
  doc["tokens_per_s"] = rate;
  doc["domains"] = domains_json(stats);
  if (options.profile.roles) doc["chats"] = chats.json(options.generate);
  COE_TRY_STATUS(session.emit(
      doc,
      fmt::format("{}: {} tokens in {} samples, {:.0f} tokens/s\n{}{}", options.output.string(),
                  stats.n_tokens(), n_sample, rate, domains_text(stats),
                  options.profile.roles ? chats.text(options.generate) : "")));
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

namespace {

void add_generate_options(CLI::App& verb, Options& options, CLI::Option* roles) {
  auto* generate = verb.add_flag(
      "--generate", options.generate,
      "The text of a record is a question; record routing, by role, while the model answers it in "
      "its own chat template");
  generate->excludes(roles);
  auto& sampling = options.generation.sampling;
  verb.add_option("--temp,--temperature", sampling.temperature,
                  "Generation: temperature (0: the likeliest token)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->needs(generate);
  verb.add_option("--top-k", sampling.top_k, "Generation: of the k likeliest tokens (0: all)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->needs(generate);
  verb.add_option("--top-p", sampling.top_p, "Generation: of the likeliest that make up p")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->needs(generate);
  verb.add_option("--seed", sampling.seed, "Generation: seed; each record has its own, made of it")
      ->capture_default_str()
      ->needs(generate);
  verb.add_option("--max-new-tokens", options.generation.max_new_tokens,
                  "Generation: cut answers off after so many tokens")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->needs(generate);
  verb.add_option("--think", options.think, "Generation: thinking, as the template switches it")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str()
      ->needs(generate);
  verb.add_option("--save-text", options.save_text,
                  "Generation: keep the chats as JSONL text, which --roles takes")
      ->needs(generate);
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
  auto* roles = verb->add_flag(
      "--roles", options->profile.roles,
      "Records are chats in the markup of the model's template: a sub-domain for each role, "
      "NAME/prompt, NAME/thinking, NAME/closing (the end of thinking), NAME/answer");
  verb->add_option("--closing-window", options->profile.closing_window,
                   "Tokens before the end of thinking that are NAME/closing")
      ->capture_default_str();
  add_generate_options(*verb, *options, roles);
  verb->add_option("--shard", options->shard, "Only the i-th of n shares of the records, as i/n");
  add_engine_options(*verb, options->engine);
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
