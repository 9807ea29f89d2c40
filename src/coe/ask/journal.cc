#include "coe/ask/journal.h"

#include "coe/base/json.h"
#include "coe/base/lines.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "coe.answers.journal/1";
constexpr std::array kOutcomes = {Outcome::kDone,  Outcome::kLoop,     Outcome::kCut,
                                  Outcome::kEmpty, Outcome::kFiltered, Outcome::kFailed};

std::string header_line(const JournalHeader& header) {
  return json_line(Json{{"schema", kSchema},
                        {"questions", header.questions},
                        {"n_question", header.n_question},
                        {"identity", header.identity},
                        {"settings", header.settings}});
}

std::string entry_line(std::uint64_t question, const JournalEntry& entry) {
  Json json = {{"question", question}, {"outcome", outcome_name(entry.outcome)}};
  if (entry.outcome == Outcome::kFailed) {
    json["reason"] = entry.reason;
    return json_line(json);
  }
  const auto& answer = entry.answer;
  json.update({{"thinking", answer.thinking},
               {"content", answer.content},
               {"n_token_prompt", answer.n_token_prompt},
               {"n_token", answer.n_token},
               {"n_token_known", answer.n_token_known},
               {"seconds", answer.seconds}});
  if (entry.outcome == Outcome::kFiltered) json["reason"] = answer.filter;
  if (answer.n_replaced > 0) json["n_replaced"] = answer.n_replaced;
  return json_line(json);
}

auto bad_line(const Path& path, std::uint64_t number, std::string_view why) {
  return tl::unexpected(bad_journal_line(path, number, why));
}

// The library throws where a member is missing or of another type.
template <class Read>
auto guarded(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::optional<Outcome> outcome_named(const std::string& name) {
  for (const auto outcome : kOutcomes) {
    if (outcome_name(outcome) == name) return outcome;
  }
  return std::nullopt;
}

std::optional<std::pair<std::uint64_t, JournalEntry>> parse_entry(const Json& json) {
  using Parsed = std::optional<std::pair<std::uint64_t, JournalEntry>>;
  auto parsed = guarded([&]() -> Parsed {
    JournalEntry entry;
    const auto outcome = outcome_named(json.at("outcome").get<std::string>());
    if (!outcome) return std::nullopt;
    entry.outcome = *outcome;
    if (entry.outcome == Outcome::kFailed) {
      entry.reason = json.at("reason").get<std::string>();
    } else {
      auto& answer = entry.answer;
      answer.thinking = json.at("thinking").get<std::string>();
      answer.content = json.at("content").get<std::string>();
      const auto n_token_prompt = unsigned_at(json, "n_token_prompt");
      const auto n_token = unsigned_at(json, "n_token");
      if (!n_token_prompt || !n_token) return std::nullopt;
      answer.n_token_prompt = *n_token_prompt;
      answer.n_token = *n_token;
      answer.n_token_known = json.at("n_token_known").get<bool>();
      answer.seconds = json.at("seconds").get<double>();
      answer.n_replaced = unsigned_at(json, "n_replaced").value_or(0);
      if (entry.outcome == Outcome::kFiltered) answer.filter = json.at("reason").get<std::string>();
    }
    const auto question = unsigned_at(json, "question");
    if (!question) return std::nullopt;
    return std::pair{*question, std::move(entry)};
  });
  return parsed ? std::move(*parsed) : std::nullopt;
}

Result<JournalHeader> parse_header(const Json& json, const Path& path) {
  auto found = guarded([&] {
    const auto n_question = unsigned_at(json, "n_question");
    if (json.at("schema").get<std::string>() != kSchema || !n_question) return JournalHeader{};
    return JournalHeader{json.at("questions").get<std::string>(), *n_question,
                         json.at("identity").get<std::string>(),
                         json.at("settings").get<std::string>()};
  });
  if (!found || found->identity.empty()) return bad_line(path, 1, "no journal of coe");
  return *std::move(found);
}

Result<JournalContents> parse_journal(std::string_view text, const Path& path) {
  if (text.empty()) return bad_line(path, 1, "no journal of coe");
  JournalContents out;
  LineReader lines(text);
  while (const auto line = lines.next()) {
    const Json json = parse_json<Json>(line->text);
    if (line->number == 1) {
      COE_TRY(out.header, parse_header(json, path));
      continue;
    }
    auto entry = parse_entry(json);
    if (!entry) return bad_line(path, line->number, "no entry of a journal");
    if (entry->first >= out.header.n_question)
      return bad_line(path, line->number, "an answer to a question that there is not");
    out.entries[entry->first] = std::move(entry->second);
  }
  return out;
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kLoop:
      return "loop";
    case Outcome::kCut:
      return "cut";
    case Outcome::kEmpty:
      return "empty";
    case Outcome::kFiltered:
      return "filtered";
    case Outcome::kFailed:
      break;
  }
  return "failed";
}

Outcome outcome_of(const ChatAnswer& answer) {
  if (answer.end == AnswerEnd::kLoop) return Outcome::kLoop;
  if (answer.end == AnswerEnd::kLength || answer.end == AnswerEnd::kStopped) return Outcome::kCut;
  if (answer.end == AnswerEnd::kFilter) return Outcome::kFiltered;
  const bool blank = answer.content.find_first_not_of(" \t\r\n") == std::string::npos;
  return blank ? Outcome::kEmpty : Outcome::kDone;
}

Result<JournalContents> read_journal(const Path& path) {
  COE_TRY(const auto text, read_journal_lines(path));
  return parse_journal(text, path);
}

Status check_header(const JournalHeader& found, const JournalHeader& wanted, const Path& path,
                    std::string_view hint) {
  const auto differs = [&](std::string_view things, const std::string& there,
                           const std::string& here) -> Status {
    return tl::unexpected(journal_mismatch(path, things, there, here, hint));
  };
  if (found.questions != wanted.questions || found.n_question != wanted.n_question)
    return differs("questions", fmt::format("{} of them, {}", found.n_question, found.questions),
                   fmt::format("{}, {}", wanted.n_question, wanted.questions));
  if (found.identity != wanted.identity)
    return differs("answerers", found.identity, wanted.identity);
  if (found.settings != wanted.settings)
    return differs("settings", found.settings, wanted.settings);
  return {};
}

Result<Journal> Journal::open(const Path& path, const JournalHeader& header, bool restart) {
  COE_TRY(auto file, JournalFile::open(path, restart));
  Journal journal(std::move(file));
  if (restart || journal.file_.text().empty()) {
    COE_TRY_STATUS(journal.file_.begin(header_line(header)));
    return journal;
  }
  COE_TRY(auto contents, parse_journal(journal.file_.text(), path));
  COE_TRY_STATUS(check_header(contents.header, header, path,
                              "choose another folder, or start again with --force"));
  journal.entries_ = std::move(contents.entries);
  return journal;
}

Status Journal::add(std::uint64_t question, JournalEntry entry) {
  COE_TRY_STATUS(file_.append(entry_line(question, entry)));
  entries_[question] = std::move(entry);
  return {};
}

}  // namespace coe
