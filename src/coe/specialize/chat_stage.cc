#include "coe/specialize/chat_stage.h"

#include "coe/base/json.h"
#include "coe/measure/chat_check/chat_check_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace coe {

namespace {

// What helps, of what the run has not done already.
std::string cure(const PassOptions& passes) {
  std::string words = "chat records in its text help (docs/formats/corpus.md, Chats)";
  if (passes.cot.empty() && passes.closure.empty())
    words += ", and the CoT or the closure pass (--cot, --closure)";
  else if (passes.cot.empty())
    words += ", and the CoT pass (--cot)";
  else if (passes.closure.empty())
    words += ", and the closure pass (--closure)";
  return words;
}

}  // namespace

Result<ChatChecks> ask_chats(const EngineLibrary& library, LazyEngine& parent,
                             const EngineOptions& child, const Corpus& text,
                             const ChatCheckOptions& options, Observer& observer) {
  parent.close();
  ChatChecks checks;
  std::vector<ChatQuestion> questions;
  {
    COE_TRY(const auto engine, library.open(child));
    auto found = chat_questions(*engine, text, kChatCheckQuestions);
    if (!found && found.error().code == Code::kUnsupported) {
      checks.child.not_run = found.error().message;
      checks.child.engine = engine->info().engine;
      return checks;
    }
    if (!found) return tl::unexpected(std::move(found).error());
    questions = *std::move(found);
    COE_TRY(checks.child, check_chats(*engine, questions, options, "chat check", observer));
  }
  if (!checks.child.not_run.empty() || checks.child.passed()) return checks;
  COE_TRY(auto* const engine, parent.get());
  COE_TRY(checks.parent,
          check_chats(*engine, questions, options, "chat check of the parent", observer));
  return checks;
}

nlohmann::ordered_json chat_checks_json(const ChatChecks& checks) {
  nlohmann::ordered_json json;
  json["child"] = chat_check_json(checks.child);
  json["parent"] = nullptr;
  if (checks.parent) json["parent"] = chat_check_json(*checks.parent);
  return json;
}

ChatChecks read_chat_checks(const nlohmann::ordered_json& json) {
  ChatChecks checks{read_chat_check(json.at("child")), std::nullopt};
  if (const auto& parent = json.at("parent"); !parent.is_null())
    checks.parent = read_chat_check(parent);
  return checks;
}

std::string chat_warning(const ChatChecks& checks, const PassOptions& passes) {
  if (!checks.child.not_run.empty() || checks.child.passed()) return {};
  const std::string found =
      fmt::format("it does not answer chats well, greedy and with thinking off ({})",
                  chat_fault_words(checks.child));
  const bool is_parents = checks.parent && checks.parent->not_run.empty() &&
                          checks.parent->n_bad() >= checks.child.n_bad();
  if (is_parents)
    return fmt::format("{}; its parent does no better ({})", found,
                       chat_fault_words(*checks.parent));
  const bool has_chats =
      std::ranges::any_of(checks.child.answers,
                          [](const ChatCheckAnswer& answer) { return answer.question.from_chat; });
  if (!has_chats)
    return fmt::format("{}: no held-out record of its domain is a chat; {}", found, cure(passes));
  return fmt::format("{}: {}, or a larger K", found, cure(passes));
}

}  // namespace coe
