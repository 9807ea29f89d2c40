#include "coe/cli/options.h"

#include "coe/ask/generate/model_hooks.h"
#include "coe/base/inputs.h"
#include "coe/base/parse.h"
#include "coe/base/printable.h"
#include "coe/child/surgery/plan.h"
#include "coe/cli/render/taken.h"
#include "coe/corpus/intake/take_text.h"
#include "coe/corpus/select.h"
#include "coe/corpus/text_spec.h"
#include "coe/model/store/find.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace coe::cli {

OptionTitle::OptionTitle(CLI::App& verb, std::string title)
    : verb_(verb), title_(std::move(title)), n_before_(verb.get_options().size()) {}

// CLI11 throws for titles with line ends, which none of ours has.
// NOLINTNEXTLINE(bugprone-exception-escape)
OptionTitle::~OptionTitle() {
  const auto options = verb_.get_options();
  for (std::size_t i = n_before_; i < options.size(); ++i) options[i]->group(title_);
}

void serve_defaults(EngineOptions& options) {
  options.n_seq = 1;
  options.flash_attn = true;
  options.swa_full = false;
  options.all_logits = false;
}

namespace {

constexpr const char* kModelType = "MODEL";  // how --help calls it, and resolve_models() knows it

// Leaves `text` as it is where it is a path.
Status resolve_model(std::string& text, const Surroundings& around) {
  if (program_of(text)) {
    COE_TRY(const auto path, find_model(text, around));
    text = path.string();
    return {};
  }
  std::error_code ec;
  if (std::filesystem::exists(text, ec)) return {};
  const auto meant = meant_model(text, around);
  if (meant.empty()) return {};
  return fail(Code::kNotFound, fmt::format("{}: no such file", printable(text)),
              fmt::format("did you mean `{}`?", printable(meant)));
}

}  // namespace

CLI::Option* add_model_option(CLI::App& verb, const std::string& names, Path& model,
                              const std::string& help) {
  return verb.add_option(names, model, help)->type_name(kModelType);
}

CLI::Option* add_model_option(CLI::App& verb, const std::string& names, std::vector<Path>& models,
                              const std::string& help) {
  return verb.add_option(names, models, help)->type_name(kModelType);
}

void resolve_models(CLI::App& app, const Surroundings& around, std::optional<Error>& problem) {
  for (auto* option : app.get_options())
    if (option->get_type_name() == kModelType)
      option->transform(CLI::Validator(
          [&around, &problem](std::string& text) {
            if (auto status = resolve_model(text, around); !status && !problem)
              problem = std::move(status).error();
            return std::string();
          },
          ""));
  for (auto* verb : app.get_subcommands({})) resolve_models(*verb, around, problem);
}

CLI::Validator context_length() {
  // What is no number stays as it is and fails as one.
  return {[](std::string& text) {
            if (!text.ends_with('k') && !text.ends_with('K')) return std::string();
            std::uint64_t thousands = 0;
            const char* end = text.data() + text.size() - 1;
            const auto [stop, error] = std::from_chars(text.data(), end, thousands);
            if (error == std::errc() && stop == end && thousands <= (1U << 20))
              text = std::to_string(thousands * 1024);
            return std::string();
          },
          "", "context length"};
}

namespace {

// Each takes a text, and returns what is wrong with it.
std::string finite_problem(const std::string& text) {
  double number = 0.0;
  if (parse_number(text, number) && std::isfinite(number)) return {};
  return fmt::format("`{}` is no finite number", printable(text));
}

std::string count_problem(const std::string& text) {
  std::uint64_t number = 0;
  if (parse_number(text, number)) return {};
  return fmt::format("`{}` is no whole number from 0 on, or too large", printable(text));
}

std::string whole_problem(const std::string& text) {
  std::int64_t number = 0;
  if (parse_number(text, number)) return {};
  return fmt::format("`{}` is no whole number, or too large", printable(text));
}

}  // namespace

void check_numbers(CLI::App& app) {
  for (auto* option : app.get_options()) {
    const auto type = option->get_type_name();
    const auto hold = [&](std::string (*problem)(const std::string&)) {
      option->check(CLI::Validator([problem](std::string& text) { return problem(text); }, ""));
    };
    if (type.starts_with("FLOAT")) hold(finite_problem);
    if (type.starts_with("UINT")) hold(count_problem);
    if (type.starts_with("INT")) hold(whole_problem);
  }
  for (auto* verb : app.get_subcommands({})) check_numbers(*verb);
}

void add_engine_options(CLI::App& verb, EngineOptions& options) {
  const OptionTitle title(verb, "Engine");
  verb.add_option("-c,--ctx-size", options.n_ctx, "Context in tokens; 16k is 16384")
      ->transform(context_length())
      ->capture_default_str();
  add_device_options(verb, options);
}

void add_masked_as(CLI::App& verb, std::optional<MaskedAs>& as) {
  const auto add = [&](const char* name, MaskedAs value, std::string help) {
    if (as == value) help += " (the default)";
    auto* flag = verb.add_flag_callback(name, [&as, value] { as = value; }, help);
    flag->needs(verb.get_option("--mask"));
    return flag;
  };
  add("--instant", MaskedAs::kInstant,
      "--mask: load only the kept experts, as the cut model that is never written")
      ->excludes(add("--virtual", MaskedAs::kVirtual,
                     "--mask: load the parent whole and hide the other experts"));
}

void add_cut_options(CLI::App& verb, Path& mask, std::uint32_t& n_used) {
  verb.add_option("--mask", mask,
                  "Mask (native or reference JSON); only with --experts-used it may be left out, "
                  "and then all experts stay");
  add_experts_used(verb, n_used);
}

void add_experts_used(CLI::App& verb, std::uint32_t& n_used) {
  verb.add_option("--experts-used", n_used,
                  "Experts that the child uses for a token, fewer than the parent (default: as "
                  "many)")
      ->check(CLI::Range(1U, 65536U));
}

Status check_cut_options(const Path& mask, std::uint32_t n_used) {
  if (!mask.empty() || n_used > 0) return {};
  return fail(Code::kInvalidArgument, "--mask: no mask given",
              "add --mask MASK.json, or --experts-used N alone to keep all experts");
}

Result<KeepMask> mask_to_cut(const Path& mask, std::uint32_t n_used, const OpenModel& model) {
  if (n_used > 0) COE_TRY_STATUS(check_experts_used(model.file, model.moe, n_used));
  if (!mask.empty()) return read_mask(mask);
  return mask_of_all(model.moe);
}

void add_device_options(CLI::App& verb, EngineOptions& options) {
  const OptionTitle title(verb, "Engine");
  verb.add_option("-b,--batch-size", options.n_batch, "Tokens per forward pass")
      ->check(CLI::Range(1U, 65536U))
      ->capture_default_str();
  verb.add_option("-t,--threads", options.n_threads, "CPU threads (0: all cores)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option(std::string(kGpuLayers) + ",--ngl", options.n_gpu_layers,
                  "Layers to keep on the GPU, where there is one (-1: all); also -ngl")
      ->check(CLI::Range(-1, 1 << 20))
      ->capture_default_str();
  verb.add_option("--n-cpu-moe", options.n_cpu_moe,
                  "Keep the experts of the first N layers on the CPU");
  verb.add_option("--rpc", options.rpc_servers, "llama.cpp RPC servers, host:port,…")
      ->delimiter(',');
  verb.add_flag("!--no-repack,!--nr", options.repack,
                "Leave weights as the file has them instead of reordering them for this CPU");
  verb.add_option("--cache-type-k,--ctk", options.cache_type_k,
                  "Type of the cache of keys: f16, q8_0, …; also -ctk")
      ->check(CLI::IsMember(cache_types()))
      ->capture_default_str();
  verb.add_option("--cache-type-v,--ctv", options.cache_type_v,
                  "Type of the cache of values; also -ctv")
      ->check(CLI::IsMember(cache_types()))
      ->capture_default_str();
  verb.add_flag("--flash-attn,!--no-flash-attn", options.flash_attn,
                "Use flash attention: faster on GPUs, logits move a little")
      ->default_str(options.flash_attn ? "on" : "off");
}

std::vector<CLI::Option*> add_sampling_options(CLI::App& verb, Sampling& sampling) {
  const OptionTitle title(verb, "Generation");
  return {
      verb.add_option("--temp,--temperature", sampling.temperature,
                      "Temperature (0: the likeliest token)")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str(),
      verb.add_option("--top-k", sampling.top_k, "Of the k likeliest tokens (0: all)")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str(),
      verb.add_option("--top-p", sampling.top_p, "Of the likeliest that make up p")
          ->check(CLI::Range(0.0, 1.0))
          ->capture_default_str(),
      verb.add_option("--seed", sampling.seed, "Seed")->capture_default_str(),
      verb.add_option("--repeat-penalty", sampling.repeat_penalty,
                      "Make tokens that occurred before less likely (1: do not)")
          ->check(CLI::Range(0.01, 100.0))
          ->capture_default_str(),
      verb.add_option("--repeat-last-n", sampling.repeat_last_n,
                      "Tokens that --repeat-penalty looks back")
          ->check(CLI::Range(0, 1 << 24))
          ->capture_default_str(),
  };
}

void add_text_options(CLI::App& verb, CorpusOptions& options, bool required) {
  const OptionTitle title(verb, "Text");
  verb.add_option("-f,--file", options.files,
                  "Text: files (.txt, .md, source code, JSON Lines, exported chats; also .gz, "
                  ".zst), folders, or - (repeatable; docs/text.md)")
      ->required(required);
  verb.add_option(
          "--text", options.text_spec,
          "How a record of JSON becomes text: a field, fields joined by +, or a template with "
          "{field}")
      ->capture_default_str();
}

void add_corpus_options(CLI::App& verb, CorpusOptions& options, bool required) {
  add_text_options(verb, options, required);
  const OptionTitle title(verb, "Text");
  verb.add_option("--domain", options.domains, "Only this sub-domain of the text (repeatable)");
}

Result<Corpus> load_corpus(const CorpusOptions& options, const Path& model, Session& session,
                           std::string label) {
  if (session.ranks.size() > 1 &&
      std::ranges::find(options.files, Path("-")) != options.files.end())
    return fail(Code::kInvalidArgument, "-f -: MPI ranks share no standard input",
                "give the file by its name");
  TakeOptions take;
  COE_TRY(take.spec, TextSpec::parse(options.text_spec));
  take.model = [&] { return open_hooks(model, session.library, session.console); };
  take.only_records = options.only_records;
  take.note = [&](std::string_view message) { session.console.note(message); };
  take.on_file = [](const Path& file) { protect_input(file, "-f"); };
  take.label = std::move(label);
  COE_TRY(auto text, take_text(options.files, take, session.console));
  session.taken.push_back(taken_json(text.taken));
  if (!options.domains.empty()) COE_TRY_STATUS(select_domains(text.corpus, options.domains));
  return std::move(text.corpus);
}

void add_rows_option(CLI::App& verb, Path& path) {
  verb.add_option("-o,--output", path,
                  "JSON lines to write, one result a row (docs/formats/result-rows.md)");
}

std::vector<Path> parent_first(const Path& parent, const std::vector<Path>& children) {
  std::vector<Path> files = {parent};
  files.insert(files.end(), children.begin(), children.end());
  return files;
}

}  // namespace coe::cli
