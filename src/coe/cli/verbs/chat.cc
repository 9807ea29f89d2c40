// coe chat: talk to a model, or to the specialist that a mask would make of it.
#include "coe/engine/chat.h"

#include "coe/ask/answer/engine_answerer.h"
#include "coe/ask/conversation/conversation.h"
#include "coe/base/printable.h"
#include "coe/child/instant/masked_model.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/chat_command.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/line_editor.h"
#include "coe/cli/options.h"
#include "coe/cli/render/chat.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct ChatVerbOptions {
  EngineOptions engine;
  Path mask;
  std::optional<MaskedAs> masked_as = MaskedAs::kInstant;
  std::string prompt;  // empty: a conversation
  std::vector<std::string> systems;
  std::string think;  // empty: as ask has it
  AskOptions ask = specialist_defaults();
};

// A model that takes part in the conversation. What it says is its own.
struct Talker {
  std::string title;
  std::optional<MaskedModel> masked;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<EngineAnswerer> answerer;
  std::unique_ptr<Conversation> conversation;
};

Result<Talker> open_talker(const ChatVerbOptions& options, const Path& file, const Path& mask,
                           Session& session) {
  EngineOptions engine = options.engine;
  engine.model = file;
  COE_TRY(const auto model, open_model(file, session.console));
  Talker out;
  std::uint32_t n_keep = model.moe.n_expert;
  if (!mask.empty()) {
    COE_TRY(out.masked, mask_model(engine, model, mask, *options.masked_as, session.console));
    n_keep = out.masked->mask.n_keep();
  }
  COE_TRY(out.engine, session.library.open(out.masked ? out.masked->engine : engine));
  COE_TRY(auto answerer,
          EngineAnswerer::create(*out.engine, file.string(),
                                 out.masked ? out.masked->filter_or_null() : nullptr));
  out.answerer = std::make_unique<EngineAnswerer>(std::move(answerer));
  out.conversation = std::make_unique<Conversation>(*out.answerer, counter_of(*out.engine),
                                                    out.engine->info().n_ctx);
  out.conversation->set_system(options.ask.system);
  out.title =
      chat_title({.name = model.moe.id.name.empty() ? file.filename().string() : model.moe.id.name,
                  .n_expert = model.moe.n_expert,
                  .n_keep = n_keep,
                  .mask = mask,
                  .n_ctx = out.engine->info().n_ctx,
                  .thinking = options.ask.thinking});
  return out;
}

// Ctrl-C ends the work before an answer, and only the answer once it has begun.
class UntilAnswer : public Observer {
 public:
  explicit UntilAnswer(ConsoleObserver& console) : console_(console) {}
  void warning(std::string_view message) override { console_.warning(message); }
  bool cancelled() override { return !begun && console_.cancelled(); }

  bool begun = false;

 private:
  ConsoleObserver& console_;
};

class Chat {
 public:
  Chat(ChatVerbOptions options, Session& session)
      : options_(std::move(options)), session_(session) {}

  Status open() {
    COE_TRY(main_, open_talker(options_, options_.engine.model, options_.mask, session_));
    return {};
  }

  Result<ChatAnswer> answer(Talker& talker, const std::string& text, bool terminal) {
    AnswerRequest request;
    request.thinking = options_.ask.thinking;
    request.max_new_tokens = options_.ask.max_new_tokens;
    request.sampling = options_.ask.sampling;
    request.keeps_cache = true;
    UntilAnswer observer(session_.console);
    AnswerPrinter printer(terminal);
    request.on_text = [&](std::string_view piece, bool thinking) {
      return session_.json ? Status() : print(printer.take(piece, thinking));
    };
    request.stops = [&] {  // before any of it is shown
      observer.begun = true;
      return session_.console.cancelled();
    };
    auto turn = talker.conversation->ask(text, request, observer);
    if (!session_.json) COE_TRY_STATUS(print(printer.end()));
    if (!turn) return tl::unexpected(std::move(turn).error());
    notes_ = turn_notes(turn->answer, turn->n_dropped, request.thinking);
    return std::move(turn->answer);
  }

  // One question and its answer, and the end.
  Status ask_once() {
    COE_TRY(const auto turn, answer(*main_, options_.prompt, false));
    if (!session_.json) return print("\n");
    return session_.emit(chat_json({.model = options_.engine.model,
                                    .mask = options_.mask,
                                    .ask = options_.ask,
                                    .answer = turn}),
                         "");
  }

  // Until the input ends.
  Status converse() {
    LineEditor input;
    terminal_ = input.on_terminal();
    if (terminal_)
      COE_TRY_STATUS(print_words(main_->title +
                                 "\n/help lists commands; Ctrl-C stops an answer, Ctrl-D "
                                 "ends.\n"));
    while (auto line = input.next()) {
      if (line->find_first_not_of(" \t\n") == std::string::npos) continue;
      auto done = act(*line);
      if (!done) {
        // Whoever types can mend it; a script cannot. What ends the process does.
        const bool stopped = done.error().code == Code::kCancelled;
        if (!terminal_ || (stopped && !ConsoleObserver::take_interrupt()))
          return tl::unexpected(std::move(done).error());
        if (!stopped) print_error(done.error());
      } else if (!*done) {
        break;
      }
      ConsoleObserver::take_interrupt();  // an answer's, or none
    }
    return terminal_ ? print("\n") : Status();
  }

 private:
  // False: the conversation is over.
  Result<bool> act(const std::string& line) {
    COE_TRY(const auto command, parse_chat_command(line));
    switch (command.act) {
      case ChatAct::kSay:
        COE_TRY_STATUS(say(command.text));
        break;
      case ChatAct::kHelp:
        COE_TRY_STATUS(print_words(chat_help()));
        break;
      case ChatAct::kVs:
        COE_TRY_STATUS(oppose(command.text));
        break;
      case ChatAct::kMask:
        COE_TRY_STATUS(put_under(command.text == "off" ? Path() : Path(command.text)));
        break;
      case ChatAct::kThink:
        COE_TRY_STATUS(set_thinking(command.text));
        break;
      case ChatAct::kSystem: {
        COE_TRY(options_.ask.system, system_text(command.text));
        for (auto* talker : talkers()) talker->conversation->set_system(options_.ask.system);
        break;
      }
      case ChatAct::kSave:
        COE_TRY_STATUS(save(command.text));
        break;
      case ChatAct::kClear:
        for (auto* talker : talkers()) talker->conversation->forget();
        break;
      case ChatAct::kQuit:
        return false;
    }
    return true;
  }

  std::vector<Talker*> talkers() {
    std::vector<Talker*> out = {&*main_};
    if (other_) out.push_back(&*other_);
    return out;
  }

  Status say(const std::string& text) {
    for (auto* talker : talkers()) {
      if (other_) COE_TRY_STATUS(print(talker_heading(talker->title, terminal_)));
      COE_TRY(const auto turn, answer(*talker, text, terminal_));
      COE_TRY_STATUS(print("\n"));
      if (terminal_) COE_TRY_STATUS(print(speed_line(turn)));
      for (const auto& note : notes_) session_.console.warning(note);
    }
    return {};
  }

  Status oppose(const std::string& name) {
    other_.reset();
    if (name == "off") return {};
    if (name.empty() && options_.mask.empty())
      return fail(Code::kInvalidArgument, "/vs: needs a model, for this one has no mask");
    COE_TRY(other_,
            open_talker(options_, name.empty() ? options_.engine.model : Path(name), {}, session_));
    return print_words(fmt::format("from here on also answers: {}\n", other_->title));
  }

  // The new model begins with what was said.
  Status put_under(const Path& mask) {
    COE_TRY(auto next, open_talker(options_, options_.engine.model, mask, session_));
    options_.mask = mask;
    main_ = std::move(next);
    return print_words(fmt::format("begins anew: {}\n", main_->title));
  }

  Status set_thinking(const std::string& value) {
    if (value != "on" && value != "off")
      return fail(Code::kInvalidArgument,
                  fmt::format("/think: `{}` is neither on nor off", printable(value)));
    options_.ask.thinking = value == "on";
    return {};
  }

  Status save(const std::string& file) {
    COE_TRY_STATUS(
        write_file(file, chat_record(main_->conversation->messages()), session_.overwrite()));
    return print_words(fmt::format("written: {}\n", printable(file)));
  }

  ChatVerbOptions options_;
  Session& session_;
  std::optional<Talker> main_;
  std::optional<Talker> other_;  // of /vs
  std::vector<std::string> notes_;
  bool terminal_ = false;
};

Result<int> chat(ChatVerbOptions options, Session& session) {
  if (!options.think.empty()) options.ask.thinking = options.think == "on";
  if (!options.systems.empty()) {
    COE_TRY(options.ask.system, system_text(options.systems.front()));
  }
  const bool once = !options.prompt.empty();
  if (session.json && !once)
    return fail(Code::kInvalidArgument, "--json: one document holds one answer",
                "ask a single question with -p");
  Chat chat(std::move(options), session);
  COE_TRY_STATUS(chat.open());
  COE_TRY_STATUS(once ? chat.ask_once() : chat.converse());
  return kExitDone;
}

}  // namespace

void add_chat(CLI::App& app, Run& run) {
  auto options = std::make_shared<ChatVerbOptions>();
  options->engine.n_ctx = kSpecialistContext;
  auto* verb =
      app.add_subcommand("chat", "Talk to a model, or to what a mask would leave of it (--mask)");
  add_model_option(*verb, "-m,--model,model", options->engine.model, "Model to talk to")
      ->required();
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
