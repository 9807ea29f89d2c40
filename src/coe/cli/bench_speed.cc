// coe bench speed: prefill and decode of a parent and its specialists, turn by turn, so that what
// else the machine does falls on all of them.
#include "coe/base/rng.h"
#include "coe/base/text.h"
#include "coe/cli/bench.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/result_rows.h"
#include "coe/stats/bootstrap.h"
#include "coe/stats/interval_text.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <utility>

namespace coe::cli {

namespace {

struct Options {
  EngineOptions engine;
  std::vector<Path> children;
  CorpusOptions corpus;
  std::uint32_t n_prompt = 512;
  std::uint32_t n_generate = 128;
  std::uint32_t n_depth = 0;
  std::uint32_t n_round = 5;
  bool one_at_a_time = false;
  Path rows;

  std::uint32_t n_token() const { return n_depth + n_prompt + n_generate; }
};

struct Contender {
  Path file;
  ModelId id;
  std::uint32_t n_expert = 0;
  std::uint64_t token_bytes = 0;
  std::unique_ptr<PlainEngine> engine;  // null between its turns with --one-at-a-time
  std::string engine_name;
  std::vector<double> prefill;  // seconds, [rounds]
  std::vector<double> decode;
};

// Weights that a token's forward pass reads at least: everything but the experts that it does not
// use, the tables of which it needs a row, and MTP blocks, which do not run.
std::uint64_t bytes_of_token(const OpenModel& model) {
  const auto& moe = model.moe;
  const bool is_tied = std::ranges::none_of(model.file.header().tensors, [](const auto& tensor) {
    return tensor.name == "output.weight";
  });
  std::vector<std::string> skipped = {"per_layer_token_embd."};
  if (!is_tied) skipped.emplace_back("token_embd.");
  for (auto block = moe.n_block - moe.n_mtp; block < moe.n_block; ++block)
    skipped.push_back(fmt::format("blk.{}.", block));
  std::uint64_t bytes = 0;
  for (const auto& tensor : model.file.header().tensors)
    if (std::ranges::none_of(skipped, [&](const auto& s) { return tensor.name.starts_with(s); }))
      bytes += tensor.n_bytes;
  // Of routers, which have two dimensions, all is read.
  for (const auto& layer : moe.layers)
    for (const auto& slab : layer.experts)
      if (model.file.header().tensors[slab.tensor].n_dims == 3)
        bytes -= slab.slab_bytes * (moe.n_expert - moe.n_expert_used);
  return bytes;
}

class Speed {
 public:
  Speed(const Options& options, Session& session) : options_(options), session_(session) {}
  Result<int> run();

 private:
  Status open_models();
  Status open_engine_of(Contender& model) const;
  Status choose_tokens();
  Status turn(Contender& model, bool counts);
  Status measure();
  Status report();
  Json row(const Contender& model, const char* metric, const Interval& value) const;

  const Options& options_;
  Session& session_;
  std::vector<Contender> models_;
  std::vector<std::int32_t> tokens_;  // the same for all: their vocabularies are the parent's
};

Status Speed::open_models() {
  std::vector<Path> files = {options_.engine.model};
  files.insert(files.end(), options_.children.begin(), options_.children.end());
  for (const auto& file : files) {
    COE_TRY(const auto model, open_model(file, session_));
    if (options_.n_token() > model.moe.n_ctx_train)
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: {} tokens are asked for, but the model was trained for {}",
                              file.string(), options_.n_token(), model.moe.n_ctx_train),
                  "lower --n-depth, --n-prompt or --n-generate");
    Contender contender{.file = file,
                        .id = model.moe.id,
                        .n_expert = model.moe.n_expert,
                        .token_bytes = bytes_of_token(model),
                        .engine = {},
                        .engine_name = {},
                        .prefill = {},
                        .decode = {}};
    models_.push_back(std::move(contender));
  }
  return {};
}

Status Speed::open_engine_of(Contender& model) const {
  if (model.engine) return {};
  auto engine = options_.engine;
  engine.model = model.file;
  engine.n_ctx = std::max(options_.n_token(), 256U);
  COE_TRY(model.engine, session_.library.open_plain(engine));
  model.engine_name = model.engine->name();
  return {};
}

// Of the text, over and over where it is short; or pseudo-random ones.
Status Speed::choose_tokens() {
  auto& parent = models_.front();
  COE_TRY_STATUS(open_engine_of(parent));
  const std::size_t n = options_.n_token();
  if (options_.corpus.files.empty()) {
    Rng rng(1);
    while (tokens_.size() < n)
      tokens_.push_back(static_cast<std::int32_t>(rng.below(parent.engine->n_vocab())));
    return {};
  }
  COE_TRY(const auto corpus, load_corpus(options_.corpus));
  while (tokens_.size() < n) {
    const auto before = tokens_.size();
    for (const auto& domain : corpus.domains)
      for (const auto& record : domain.records) {
        if (tokens_.size() >= n) break;
        COE_TRY(const auto tokens, parent.engine->tokenize(record.text));
        tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
      }
    if (tokens_.size() == before) return fail(Code::kInvalidArgument, "-f: the text is empty");
  }
  tokens_.resize(n);
  return {};
}

Status Speed::turn(Contender& model, bool counts) {
  using Clock = std::chrono::steady_clock;
  COE_TRY_STATUS(open_engine_of(model));
  if (model.engine->n_ctx() < options_.n_token())
    return fail(Code::kEngine, fmt::format("{}: the engine gives a context of {} tokens only",
                                           model.file.string(), model.engine->n_ctx()));
  const auto all = std::span<const std::int32_t>(tokens_);
  model.engine->clear();
  COE_TRY_STATUS(model.engine->append(all.first(options_.n_depth)));
  const auto start = Clock::now();
  COE_TRY_STATUS(model.engine->append(all.subspan(options_.n_depth, options_.n_prompt)));
  const auto middle = Clock::now();
  for (const auto& token : all.subspan(options_.n_depth + options_.n_prompt))
    COE_TRY_STATUS(model.engine->append(std::span(&token, 1)));
  const std::chrono::duration<double> prefill = middle - start;
  const std::chrono::duration<double> decode = Clock::now() - middle;
  if (options_.one_at_a_time) model.engine.reset();
  if (!counts) return {};
  model.prefill.push_back(prefill.count());
  model.decode.push_back(decode.count());
  return {};
}

// Each round in the other direction than the last: a machine that slows down favours nobody.
Status Speed::measure() {
  const auto n_turn = models_.size() * (options_.n_round + 1);
  std::size_t n_done = 0;
  for (std::uint32_t round = 0; round <= options_.n_round; ++round) {
    for (std::size_t i = 0; i < models_.size(); ++i) {
      if (session_.console.cancelled()) return fail(Code::kCancelled, "interrupted");
      session_.console.progress("speed", n_done++, n_turn, "turns");
      auto& model = models_[round % 2 == 0 ? i : models_.size() - 1 - i];
      // Right before what counts where nothing of a model's earlier turn is left.
      if (options_.one_at_a_time && round > 0) {
        COE_TRY_STATUS(open_engine_of(model));
        COE_TRY_STATUS(model.engine->append(std::span(tokens_).first(options_.n_prompt)));
      }
      COE_TRY_STATUS(turn(model, round > 0));
    }
  }
  session_.console.progress("speed", n_turn, n_turn, "turns");
  session_.console.clear();
  return {};
}

// Tokens a second: over rounds, tokens over seconds.
Interval rate(std::uint32_t n_token, std::span<const double> seconds) {
  const std::vector<double> tokens(seconds.size(), n_token);
  return ratio_interval(tokens, seconds);
}

Json Speed::row(const Contender& model, const char* metric, const Interval& value) const {
  return {{"metric", metric},
          {"subject", model.file.filename().string()},
          {"digest", model.id.digest},
          {"n_keep", model.n_expert},
          {"n_depth", options_.n_depth},
          {"n_prompt", options_.n_prompt},
          {"n_generate", options_.n_generate},
          {"n", options_.n_round},
          {"value", value.value},
          {"ci_low", value.lower},
          {"ci_high", value.upper}};
}

Status Speed::report() {
  ResultRows rows("bench-speed", session_);
  const auto& parent = models_.front();
  rows.set_model(parent.file, parent.id);
  rows.set_engine(parent.engine_name);
  if (options_.corpus.files.empty()) rows.set_seed(1);
  std::vector<std::vector<std::string>> table = {
      {"model", "experts", "prefill tokens/s", "decode tokens/s", "weights read"}};
  if (models_.size() > 1) table[0].insert(table[0].end(), {"prefill", "decode of parent's"});
  for (const auto& model : models_) {
    const auto prefill = rate(options_.n_prompt, model.prefill);
    const auto decode = rate(options_.n_generate, model.decode);
    rows.add(row(model, "prefill_tokens_per_s", prefill));
    rows.add(row(model, "decode_tokens_per_s", decode));
    const auto bytes = static_cast<double>(model.token_bytes);
    rows.add(row(model, "decode_bytes_per_s",
                 {bytes * decode.value, bytes * decode.lower, bytes * decode.upper}));
    auto& text = table.emplace_back(std::vector{
        model.file.filename().string(), fmt::format("{}", model.n_expert),
        interval_text(prefill, fixed(0)), interval_text(decode, fixed(1)),
        fmt::format("{}/s", human_bytes(static_cast<std::uint64_t>(bytes * decode.value)))});
    if (models_.size() == 1) continue;
    // Of speeds, so the parent's seconds are on top.
    const auto prefill_ratio = ratio_interval(parent.prefill, model.prefill);
    const auto decode_ratio = ratio_interval(parent.decode, model.decode);
    rows.add(row(model, "prefill_ratio", prefill_ratio));
    rows.add(row(model, "decode_ratio", decode_ratio));
    text.insert(text.end(),
                {interval_text(prefill_ratio, fixed(3)), interval_text(decode_ratio, fixed(3))});
  }
  if (!options_.rows.empty()) COE_TRY_STATUS(rows.write(options_.rows, session_.overwrite()));
  auto doc = rows.document();
  doc["text"] = options_.corpus.files.empty() ? "pseudo-random tokens" : "of the files given";
  doc["rounds"] = Json::array();
  for (const auto& model : models_)
    doc["rounds"].push_back({{"subject", model.file.filename().string()},
                             {"bytes_per_token", model.token_bytes},
                             {"prefill_s", model.prefill},
                             {"decode_s", model.decode}});
  return session_.emit(
      doc, fmt::format("{}: {} tokens of prompt, {} generated, behind {}; {} rounds, turn by turn\n"
                       "{}",
                       parent.engine_name, options_.n_prompt, options_.n_generate, options_.n_depth,
                       options_.n_round, format_table(table)));
}

Result<int> Speed::run() {
  if (!options_.rows.empty()) COE_TRY_STATUS(check_output(options_.rows, session_.overwrite()));
  COE_TRY_STATUS(open_models());
  COE_TRY_STATUS(choose_tokens());
  COE_TRY_STATUS(measure());
  COE_TRY_STATUS(report());
  return kExitDone;
}

}  // namespace

void add_bench_speed(CLI::App& bench, Run& run) {
  auto options = std::make_shared<Options>();
  serve_defaults(options->engine);
  auto* verb = bench.add_subcommand(
      "speed", "Prefill and decode tokens/s, parent against specialists, in turns");
  verb->add_option("-m,--model", options->engine.model, "Parent GGUF")->required();
  verb->add_option("children", options->children, "Specialists to set beside it");
  add_corpus_options(*verb, options->corpus, false);
  verb->add_option("--n-prompt", options->n_prompt, "Tokens of the prompt")
      ->check(CLI::Range(1U, 1U << 24))
      ->capture_default_str();
  verb->add_option("--n-generate", options->n_generate, "Tokens to generate")
      ->check(CLI::Range(1U, 1U << 24))
      ->capture_default_str();
  verb->add_option("--n-depth", options->n_depth, "Tokens in the context before the prompt")
      ->check(CLI::Range(0U, 1U << 24))
      ->capture_default_str();
  verb->add_option("--rounds", options->n_round, "Turns of each model, after one to warm up")
      ->check(CLI::Range(1U, 10000U))
      ->capture_default_str();
  verb->add_flag("--one-at-a-time", options->one_at_a_time,
                 "Keep no more than one model in memory: each turn loads its own");
  add_rows_option(*verb, options->rows);
  add_device_options(*verb, options->engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return Speed(*options, session).run(); };
  });
}

}  // namespace coe::cli
