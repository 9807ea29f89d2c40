// coe chat: talk to a model, or to the specialist that a mask would make of it.
#include "coe/engine/chat.h"

#include "coe/ask/answer/engine_answerer.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/mask/masked/open_mask.h"
#include "coe/model/moe/open_model.h"

#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>

namespace coe::cli {

namespace {

struct ChatVerbOptions {
  EngineOptions engine;
  Path mask;
  std::string system;
  std::string prompt;  // empty: a conversation, one line of stdin a turn
  std::string think = "on";
  Sampling sampling;
  std::uint32_t max_new_tokens = 1024;
};

class Chat {
 public:
  Chat(const ChatVerbOptions& options, EngineAnswerer& answerer, Session& session)
      : options_(options), answerer_(answerer), session_(session) {
    if (!options.system.empty()) messages_.push_back({"system", options.system});
  }

  Result<ChatAnswer> answer(const std::string& text) {
    messages_.push_back({"user", text});
    AnswerRequest request;
    request.messages = messages_;
    request.thinking = options_.think == "on";
    request.max_new_tokens = options_.max_new_tokens;
    request.sampling = options_.sampling;
    request.guard_loops = false;  // whoever reads along sees it
    if (!session_.json) request.on_text = [](std::string_view piece) { return print(piece); };
    COE_TRY(auto answer, answerer_.answer(request, session_.console));
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

Result<int> chat(const ChatVerbOptions& options, Session& session) {
  if (session.json && options.prompt.empty())
    return fail(Code::kInvalidArgument, "--json: one document holds one answer",
                "ask a single question with -p");
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  std::optional<OpenMask> mask;
  if (!options.mask.empty()) {
    COE_TRY(mask, open_mask(options.mask, model));
  }
  COE_TRY(const auto engine, session.library.open(options.engine));
  COE_TRY(auto answerer, EngineAnswerer::create(*engine, options.engine.model.string(),
                                                mask ? &mask->filter : nullptr));
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
  auto* verb =
      app.add_subcommand("chat", "Talk to a model, or to what a mask would leave of it (--mask)");
  verb->add_option("-m,--model", options->engine.model, "Model to talk to")->required();
  verb->add_option("--mask", options->mask,
                   "Virtual surgery: the model with only the mask's experts");
  verb->add_option("-p,--prompt", options->prompt,
                   "Ask this and end; without it each line of the input is a turn");
  verb->add_option("--system", options->system, "System message");
  verb->add_option("--think", options->think, "Thinking, as the template switches it")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  verb->add_option("--max-new-tokens", options->max_new_tokens, "Longest answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_sampling_options(*verb, options->sampling);
  add_engine_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return chat(*options, session); }; });
}

}  // namespace coe::cli
