#include "coe/ask/generate/generate.h"

#include "coe/ask/generate/outputs.h"
#include "coe/base/run_files.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <vector>

namespace coe {

namespace {

std::vector<GeneratedQuestion> questions_of(const Corpus& corpus) {
  std::vector<GeneratedQuestion> out;
  out.reserve(corpus.n_record());
  for (const auto& domain : corpus.domains) {
    for (const auto& record : domain.records) out.push_back({&domain, &record});
  }
  return out;
}

Result<Journal> open_journal(const Corpus& questions, const GenerateCorpusOptions& options) {
  std::error_code ec;
  std::filesystem::create_directory(options.folder, ec);
  if (!std::filesystem::is_directory(options.folder))
    return fail(Code::kIo, fmt::format("{}: cannot make the folder: {}", options.folder.string(),
                                       ec ? ec.message() : "a file is in the way"));
  const Path path = options.folder / run_files::kJournal;
  if (!options.restart && !std::filesystem::exists(path))
    COE_TRY_STATUS(check_outputs(options.folder));
  return Journal::open(
      path, {questions.digest, questions.n_record(), options.identity, settings_of(options.ask)},
      options.restart);
}

void count(const JournalEntry& entry, GenerateCorpusReport& report) {
  switch (entry.outcome) {
    case Outcome::kDone:
      ++report.n_done;
      break;
    case Outcome::kLoop:
      ++report.n_loop;
      break;
    case Outcome::kCut:
      ++report.n_cut;
      break;
    case Outcome::kEmpty:
      ++report.n_empty;
      break;
    case Outcome::kFiltered:
      ++report.n_filtered;
      break;
    case Outcome::kFailed:
      ++report.n_failed;
      return;
  }
  report.n_token += entry.answer.n_token;
  report.n_token_prompt += entry.answer.n_token_prompt;
  report.n_token_known = report.n_token_known && entry.answer.n_token_known;
}

}  // namespace

Result<GenerateCorpusReport> generate_corpus(Answerer& answerer, const Corpus& questions,
                                             const GenerateCorpusOptions& options,
                                             Observer& observer) {
  const auto list = questions_of(questions);
  COE_TRY(auto journal, open_journal(questions, options));
  std::vector<std::uint64_t> numbers(list.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  COE_TRY(
      const auto asked,
      ask_all(
          answerer, numbers, [&](std::uint64_t i) { return AskedQuestion{list[i].record->text}; },
          options.ask, journal, "generate", observer));

  GenerateCorpusReport report;
  report.n_question = list.size();
  for (const auto& [index, entry] : journal.entries()) count(entry, report);
  COE_TRY_STATUS(write_outputs(list, journal.entries(), options, report));
  report.n_asked = asked.n_asked;
  report.n_token_asked = asked.n_token;
  report.seconds = asked.seconds;
  return report;
}

}  // namespace coe
