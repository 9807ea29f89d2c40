#include "coe/cli/verbs/chats.h"

#include "coe/cli/options.h"
#include "coe/corpus/chat_record.h"

#include <utility>

namespace coe::cli {

namespace {

// A generated chat: a record of a corpus of its own.
ChatRecord record_of(const ChatSample& sample) {
  ChatRecord out;
  out.text = sample.generated->text;
  out.source = sample.record.where;
  out.domain = sample.domain.name;
  out.weight = sample.domain.weight;
  out.problem = sample.record.text;
  out.thinking = sample.segments.thinking;
  out.solution = sample.segments.answer;
  out.ended = sample.generated->ended;
  out.n_token_prompt = sample.generated->n_prompt;
  out.n_token_generated = sample.generated->n_new;
  return out;
}

}  // namespace

void add_chat_options(CLI::App& verb, ChatOptions& options) {
  auto* roles = verb.add_flag(
      "--roles", options.roles,
      "Records are chats in the markup of the model's template: a sub-domain for each role, "
      "NAME/prompt, NAME/thinking, NAME/closing (the end of thinking), NAME/answer");
  verb.add_option("--closing-window", options.closing_window,
                  "Roles: tokens before the end of thinking that are NAME/closing (32)");
  auto* generate = verb.add_flag(
      "--generate", options.generate,
      "The text of a record is a question: record routing, by role, while the model answers it in "
      "its own chat template");
  generate->excludes(roles);
  for (auto* option : add_sampling_options(verb, options.generation.sampling))
    option->needs(generate);
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

Result<ChatLog> ChatLog::create(const ChatOptions& options, Overwrite overwrite) {
  ChatLog log(options);
  log.counts_.generated = options.generate;
  if (options.closing_window && !log.is_on())
    return fail(Code::kInvalidArgument, "--closing-window needs --roles or --generate");
  if (options.save_text.empty()) return log;
  COE_TRY(auto file, AtomicFile::create(options.save_text, overwrite));
  log.texts_.emplace(std::move(file));
  return log;
}

void ChatLog::attach(ProfileOptions& options) {
  if (!is_on()) return;
  options.roles = true;
  if (options_.closing_window) options.closing_window = *options_.closing_window;
  if (options_.generate) {
    options.generate = options_.generation;
    options.generate->thinking = options_.think == "on";
  }
  options.on_chat = [this](const ChatSample& sample) { return add(sample); };
}

Status ChatLog::add(const ChatSample& sample) {
  ++counts_.n_record;
  counts_.n_turn += sample.segments.n_turn;
  counts_.n_thinking += sample.segments.n_thinking;
  counts_.n_thinking_open += sample.segments.n_thinking_open;
  counts_.n_answer_empty += sample.segments.n_answer_empty;
  if (sample.generated == nullptr) return {};
  counts_.n_new += sample.generated->n_new;
  if (!sample.generated->ended) ++counts_.n_cut;
  return texts_ ? texts_->write(chat_record_line(record_of(sample))) : Status();
}

Status ChatLog::commit() { return texts_ ? texts_->commit() : Status(); }

std::int64_t ChatLog::n_sample(const RoutingStats& stats) const {
  if (!is_on()) return stats.n_sample();
  std::int64_t n = 0;
  for (const auto& domain : stats.domains) {
    if (domain.name.ends_with("/prompt")) n += domain.n_sample;
  }
  return n;
}

std::optional<ChatCounts> ChatLog::counts() const {
  return is_on() ? std::optional(counts_) : std::nullopt;
}

}  // namespace coe::cli
