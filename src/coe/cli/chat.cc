// coe chat: talk to a model, or to the specialist that a mask would make of it.
#include "coe/engine/chat.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/profile/roles.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <unistd.h>

namespace coe::cli {

namespace {

struct Options {
  EngineOptions engine;
  Path mask;
  std::string system;
  std::string prompt;  // empty: a conversation, one line of stdin a turn
  std::string think = "on";
  Sampling sampling;
  std::uint32_t max_new_tokens = 1024;
};

// Prints what the model writes while it does.
class Printer : public TokenObserver {
 public:
  Printer(Engine& engine, bool silent) : engine_(engine), silent_(silent) {}
  bool on_token(std::int32_t token) override {
    if (silent_) return true;
    const auto text = engine_.spell({&token, 1});
    status_ = text ? print(text->front().text) : Status(tl::unexpected(text.error()));
    return status_.has_value();
  }
  const Status& status() const { return status_; }

 private:
  Engine& engine_;
  bool silent_;
  Status status_;
};

struct Turn {
  Segments segments;
  std::size_t n_prompt = 0;
  std::size_t n_new = 0;
  bool ended = false;
  double seconds = 0.0;
};

class Chat {
 public:
  Chat(const Options& options, Engine& engine, const ExpertFilter* filter, Session& session)
      : options_(options), engine_(engine), filter_(filter), session_(session) {
    if (!options.system.empty()) messages_.push_back({"system", options.system});
  }

  Status begin() {
    COE_TRY(markup_, engine_.chat_markup());
    return {};
  }

  Result<Turn> answer(const std::string& text) {
    messages_.push_back({"user", text});
    COE_TRY(const auto prompt, engine_.render_chat(messages_, options_.think == "on"));
    COE_TRY(auto tokens, engine_.tokenize(prompt));
    if (tokens.size() >= engine_.info().n_ctx)
      return fail(Code::kInvalidArgument,
                  fmt::format("the conversation fills the context ({} tokens of {})", tokens.size(),
                              engine_.info().n_ctx),
                  "a larger -c gives more");
    Printer printer(engine_, session_.json);
    GenerateRequest request;
    request.prompt = tokens;
    request.max_new_tokens = options_.max_new_tokens;
    request.sampling = options_.sampling;
    request.filter = filter_;
    request.written = &printer;
    request.observer = &session_.console;
    const auto start = std::chrono::steady_clock::now();
    COE_TRY(const auto generation, engine_.generate(request));
    COE_TRY_STATUS(printer.status());
    Turn turn;
    turn.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    turn.n_prompt = tokens.size();
    turn.n_new = generation.tokens.size();
    turn.ended = generation.end_token >= 0;
    tokens.insert(tokens.end(), generation.tokens.begin(), generation.tokens.end());
    COE_TRY(const auto spelled, engine_.spell(tokens));
    turn.segments = segment_roles(spelled, markup_, {.first_generated = turn.n_prompt});
    // Templates leave the thinking of earlier turns out.
    messages_.push_back({"assistant", turn.segments.answer});
    return turn;
  }

 private:
  const Options& options_;
  Engine& engine_;
  const ExpertFilter* filter_;
  Session& session_;
  ChatMarkup markup_;
  std::vector<ChatMessage> messages_;
};

Status emit_turn(const Turn& turn, const Options& options, Session& session) {
  if (!session.json) return print("\n");
  auto doc = document("chat");
  doc["model"] = options.engine.model.string();
  doc["mask"] = options.mask.empty() ? Json(nullptr) : Json(options.mask.string());
  doc["thinking"] = turn.segments.thinking;
  doc["answer"] = turn.segments.answer;
  doc["ended"] = turn.ended;
  doc["n_token_prompt"] = turn.n_prompt;
  doc["n_token_generated"] = turn.n_new;
  doc["seconds"] = turn.seconds;
  return session.emit(doc, "");
}

// Until the input ends.
Status converse(Chat& chat, const Options& options, Session& session) {
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

Result<int> chat(const Options& options, Session& session) {
  if (session.json && options.prompt.empty())
    return fail(Code::kInvalidArgument, "--json: one document holds one answer",
                "ask a single question with -p");
  COE_TRY(const auto model, open_model(options.engine.model, session));
  std::optional<OpenMask> mask;
  if (!options.mask.empty()) {
    COE_TRY(mask, open_mask(options.mask, model));
  }
  COE_TRY(const auto engine, open_engine(options.engine));
  Chat chat(options, *engine, mask ? &mask->filter : nullptr, session);
  COE_TRY_STATUS(chat.begin());
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
  auto options = std::make_shared<Options>();
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
