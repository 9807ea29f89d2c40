// coe chat: talk to a model, or to the specialist that a mask would make of it.
#include "coe/engine/chat.h"

#include "coe/ask/answer/engine_answerer.h"
#include "coe/child/instant/masked_model.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/terminal_text.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/model/moe/open_model.h"

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace coe::cli {

namespace {

struct ChatVerbOptions {
  EngineOptions engine;
  Path mask;
  std::optional<MaskedAs> masked_as = MaskedAs::kInstant;
  std::string prompt;  // empty: a conversation, one line of stdin a turn
  std::vector<std::string> systems;
  std::string think;  // empty: as ask has it
  AskOptions ask = specialist_defaults();
};

class Chat {
 public:
  Chat(const ChatVerbOptions& options, EngineAnswerer& answerer, Session& session)
      : options_(options), answerer_(answerer), session_(session) {
    if (!options.ask.system.empty()) messages_.push_back({"system", options.ask.system});
  }

  Result<ChatAnswer> answer(const std::string& text) {
    messages_.push_back({"user", text});
    AnswerRequest request;
    request.messages = messages_;
    request.thinking = options_.ask.thinking;
    request.max_new_tokens = options_.ask.max_new_tokens;
    request.sampling = options_.ask.sampling;
    request.guard_loops = false;  // whoever reads along sees it
    TerminalText written;
    if (!session_.json)
      request.on_text = [&](std::string_view piece) { return print(written.take(piece)); };
    COE_TRY(auto answer, answerer_.answer(request, session_.console));
    COE_TRY_STATUS(print(written.end()));
    // Templates leave the thinking of earlier turns out.
    messages_.push_back({"assistant", answer.content});
    return answer;
  }

 private:
  const ChatVerbOptions& options_;
  EngineAnswerer& answerer_;
  Session& session_;
  std::vector<ChatMessage> messages_;
};

Status emit_turn(const ChatAnswer& turn, const ChatVerbOptions& options, Session& session) {
  if (!session.json) return print("\n");
  auto doc = document("chat");
  doc["model"] = options.engine.model.string();
  doc["mask"] = options.mask.empty() ? Json(nullptr) : Json(options.mask.string());
  doc["sampling"] = sampling_json(options.ask);
  doc["thinking"] = turn.thinking;
  doc["answer"] = turn.content;
  doc["ended"] = turn.end == AnswerEnd::kTurn;
  doc["n_token_prompt"] = turn.n_token_prompt;
  doc["n_token_generated"] = turn.n_token;
  doc["seconds"] = turn.seconds;
  return session.emit(doc, "");
}

// Until the input ends.
Status converse(Chat& chat, const ChatVerbOptions& options, Session& session) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  std::string line;
  while (true) {
    if (terminal) COE_TRY_STATUS(print("> "));
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    COE_TRY(const auto turn, chat.answer(line));
    COE_TRY_STATUS(emit_turn(turn, options, session));
  }
  return terminal ? print("\n") : Status();
}

Result<int> chat(ChatVerbOptions options, Session& session) {
  if (!options.think.empty()) options.ask.thinking = options.think == "on";
  if (!options.systems.empty()) {
    COE_TRY(options.ask.system, system_text(options.systems.front()));
  }
  if (session.json && options.prompt.empty())
    return fail(Code::kInvalidArgument, "--json: one document holds one answer",
                "ask a single question with -p");
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  std::optional<MaskedModel> masked;
  if (!options.mask.empty()) {
    COE_TRY(masked,
            mask_model(options.engine, model, options.mask, *options.masked_as, session.console));
  }
  COE_TRY(const auto engine, session.library.open(masked ? masked->engine : options.engine));
  COE_TRY(auto answerer, EngineAnswerer::create(*engine, options.engine.model.string(),
                                                masked ? masked->filter_or_null() : nullptr));
  Chat chat(options, answerer, session);
  if (options.prompt.empty()) {
    COE_TRY_STATUS(converse(chat, options, session));
  } else {
    COE_TRY(const auto turn, chat.answer(options.prompt));
    COE_TRY_STATUS(emit_turn(turn, options, session));
  }
  return kExitDone;
}

}  // namespace

void add_chat(CLI::App& app, Run& run) {
  auto options = std::make_shared<ChatVerbOptions>();
  options->engine.n_ctx = kSpecialistContext;
  auto* verb =
      app.add_subcommand("chat", "Talk to a model, or to what a mask would leave of it (--mask)");
  verb->add_option("-m,--model", options->engine.model, "Model to talk to")->required();
  verb->add_option("--mask", options->mask, "Talk to the model with only the mask's experts");
  add_masked_as(*verb, options->masked_as);
  verb->add_option("-p,--prompt", options->prompt,
                   "Ask this and end; without it each line of the input is a turn");
  add_system_option(*verb, options->systems, "");
  verb->get_option("--system")->expected(1);
  verb->add_option("--think", options->think, "Thinking, as the template switches it")
      ->check(CLI::IsMember({"on", "off"}))
      ->default_str("off");
  verb->add_option("--max-new-tokens", options->ask.max_new_tokens, "Longest answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_sampling_options(*verb, options->ask.sampling);
  add_engine_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return chat(*options, session); }; });
}

}  // namespace coe::cli
