#include "coe/measure/choice/choice_run.h"

#include "coe/base/hash.h"
#include "coe/base/rng.h"
#include "coe/base/run_files.h"
#include "coe/corpus/words.h"

#include <fmt/format.h>

#include <filesystem>
#include <numeric>
#include <utility>

namespace coe {

namespace {

constexpr std::uint64_t kRetrySeed = 0x72657472;  // makes another run's seed of this one's

// Empty: ask.system.
std::string system_of(const MultipleChoice& question, const ChoiceRunOptions& options) {
  const auto own = options.systems.find(question.category);
  return own == options.systems.end() ? std::string() : own->second;
}

JournalHeader header_of(const ChoiceSet& set, const ChoiceRunOptions& options,
                        const AskOptions& ask) {
  std::string texts;
  for (const auto& question : set.questions) {
    texts += choice_prompt(question.choice, options.instruction);
    texts += fmt::format("\n{}\n", option_letter(question.choice.answer));
    if (const auto system = system_of(question.choice, options); !system.empty())
      texts += fmt::format("system: {}\n", system);
  }
  return {digest_of(texts), set.questions.size(), options.identity, settings_of(ask)};
}

AskOptions retry_options(AskOptions ask) {
  ask.sampling.seed = derived_seed(ask.sampling.seed, kRetrySeed);
  return ask;
}

bool wants_retry(const JournalEntry& entry) {
  return entry.outcome == Outcome::kLoop || entry.outcome == Outcome::kEmpty;
}

std::vector<ChoiceAnswered> answers_of(const ChoiceSet& set,
                                       const std::map<std::uint64_t, JournalEntry>& first,
                                       const std::map<std::uint64_t, JournalEntry>& retries) {
  std::vector<ChoiceAnswered> out;
  for (std::size_t i = 0; i < set.questions.size(); ++i) {
    const auto& question = set.questions[i].choice;
    ChoiceAnswered answer{chosen_option(first.at(i), question), {}};
    if (const auto retry = retries.find(i); retry != retries.end())
      answer.retry = chosen_option(retry->second, question);
    out.push_back(answer);
  }
  return out;
}

}  // namespace

std::string choice_prompt(const MultipleChoice& question, std::string_view instruction) {
  return fmt::format("{}\n{}\n\n{}", question.question, lettered_options(question), instruction);
}

ChosenOption chosen_option(const JournalEntry& entry, const MultipleChoice& question) {
  ChosenOption out;
  out.outcome = entry.outcome;
  if (!is_answered(entry.outcome)) return out;
  out.n_token = entry.answer.n_token;
  out.n_token_known = entry.answer.n_token_known;
  const auto words = words_of(entry.answer.thinking + "\n" + entry.answer.content);
  out.distinct4 = distinct_share(words, 4);
  out.found = extract_letter(entry.answer.content, question.options);
  const bool broken_off = entry.outcome == Outcome::kLoop || entry.outcome == Outcome::kCut;
  if (broken_off && out.found && out.found->rule > LetterRule::kBold) out.found.reset();
  out.right = out.found && out.found->letter == option_letter(question.answer);
  return out;
}

Result<ChoiceRun> run_choice(Answerer& answerer, const ChoiceSet& set,
                             const ChoiceRunOptions& options, Observer& observer) {
  COE_TRY_STATUS(make_folder(options.folder));
  COE_TRY(auto journal, Journal::open(options.folder / run_files::kJournal,
                                      header_of(set, options, options.ask), options.restart));
  const auto ask = [&](std::uint64_t i) {
    const auto& question = set.questions[i].choice;
    return AskedQuestion{choice_prompt(question, options.instruction),
                         system_of(question, options)};
  };
  std::vector<std::uint64_t> numbers(set.questions.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  ChoiceRun run;
  COE_TRY(run.asked, ask_all(answerer, numbers, ask, options.ask, journal, "questions", observer));

  const auto retry = retry_options(options.ask);
  COE_TRY(auto retries, Journal::open(options.folder / run_files::kRetries,
                                      header_of(set, options, retry), options.restart));
  if (options.retry && options.ask.sampling.temperature > 0.0F) {
    std::erase_if(numbers, [&](auto i) { return !wants_retry(journal.entries().at(i)); });
    COE_TRY(const auto asked, ask_all(answerer, numbers, ask, retry, retries, "retries", observer));
    run.asked.n_asked += asked.n_asked;
    run.asked.n_token += asked.n_token;
    run.asked.seconds += asked.seconds;
  }
  run.answers = answers_of(set, journal.entries(), retries.entries());
  return run;
}

Result<std::vector<ChoiceAnswered>> read_choice_run(const Path& folder, const ChoiceSet& set,
                                                    const ChoiceRunOptions& options) {
  const Path path = folder / run_files::kJournal;
  COE_TRY(const auto first, read_journal(path));
  auto header = header_of(set, options, options.ask);
  header.identity = first.header.identity;
  COE_TRY_STATUS(check_header(first.header, header, path,
                              "both models must be asked the same questions in the same way"));
  if (first.entries.size() != set.questions.size())
    return fail(Code::kMismatch,
                fmt::format("{}: {} of {} questions are answered", path.string(),
                            first.entries.size(), set.questions.size()),
                "let that run finish first");
  std::map<std::uint64_t, JournalEntry> retries;
  if (const Path retried = folder / run_files::kRetries; std::filesystem::exists(retried)) {
    COE_TRY(auto second, read_journal(retried));
    retries = std::move(second.entries);
  }
  return answers_of(set, first.entries, retries);
}

}  // namespace coe
