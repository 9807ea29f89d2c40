#include "coe/ask/generate/outputs.h"

#include "coe/base/json.h"
#include "coe/base/run_files.h"
#include "coe/corpus/chat_record.h"

#include <array>
#include <string>
#include <string_view>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kThinkingDomain = "cot_think";

class Outputs {
 public:
  static Result<Outputs> create(const Path& folder) {
    COE_TRY(auto answers, AtomicFile::create(folder / run_files::kAnswers, Overwrite::kAllow));
    COE_TRY(auto thinking, AtomicFile::create(folder / run_files::kThinking, Overwrite::kAllow));
    COE_TRY(auto left_out, AtomicFile::create(folder / run_files::kLeftOut, Overwrite::kAllow));
    COE_TRY(auto failed, AtomicFile::create(folder / run_files::kFailed, Overwrite::kAllow));
    return Outputs(std::move(answers), std::move(thinking), std::move(left_out), std::move(failed));
  }

  Status add(const GeneratedQuestion& question, const JournalEntry& entry,
             const GenerateCorpusOptions& options, GenerateCorpusReport& report) {
    if (entry.outcome == Outcome::kFailed) return add_failure(question, entry);
    const bool kept = entry.outcome == Outcome::kDone ||
                      (entry.outcome == Outcome::kCut && options.keep_cut) ||
                      (entry.outcome == Outcome::kLoop && options.keep_loops);
    if (!kept) return add_left_out(question, entry);
    if (!entry.answer.content.empty()) {  // a cut answer may have got no further than thinking
      COE_TRY_STATUS(add_answer(question, entry, options));
      ++report.n_answer;
    }
    if (entry.answer.thinking.empty()) return {};
    ++report.n_thinking;
    return thinking_.write(json_line(Json{{"text", entry.answer.thinking},
                                          {"source", question.record->where},
                                          {"domain", kThinkingDomain},
                                          {"format", "text"},
                                          {"problem", question.record->text},
                                          {"ended", entry.outcome == Outcome::kDone}}));
  }

  Status commit() {
    for (auto* file : {&answers_, &thinking_, &left_out_, &failed_}) COE_TRY_STATUS(file->commit());
    return {};
  }

 private:
  Outputs(AtomicFile answers, AtomicFile thinking, AtomicFile left_out, AtomicFile failed)
      : answers_(std::move(answers)),
        thinking_(std::move(thinking)),
        left_out_(std::move(left_out)),
        failed_(std::move(failed)) {}

  Status add_failure(const GeneratedQuestion& question, const JournalEntry& entry) {
    return failed_.write(json_line(Json{{"source", question.record->where},
                                        {"domain", question.domain->name},
                                        {"problem", question.record->text},
                                        {"reason", entry.reason}}));
  }

  Status add_left_out(const GeneratedQuestion& question, const JournalEntry& entry) {
    Json line = {
        {"source", question.record->where},         {"domain", question.domain->name},
        {"problem", question.record->text},         {"outcome", outcome_name(entry.outcome)},
        {"thinking", entry.answer.thinking},        {"solution", entry.answer.content},
        {"n_token_generated", entry.answer.n_token}};
    if (entry.outcome == Outcome::kFiltered) line["reason"] = entry.answer.filter;
    return left_out_.write(json_line(line));
  }

  Status add_answer(const GeneratedQuestion& question, const JournalEntry& entry,
                    const GenerateCorpusOptions& options) {
    ChatRecord record;
    record.source = question.record->where;
    record.domain = question.domain->name;
    record.weight = question.domain->weight;
    record.problem = question.record->text;
    record.thinking = entry.answer.thinking;
    record.solution = entry.answer.content;
    record.ended = entry.outcome == Outcome::kDone;
    record.n_token_prompt = entry.answer.n_token_prompt;
    record.n_token_generated = entry.answer.n_token;
    if (options.render) {
      COE_TRY(record.text, options.render(record.problem, record.solution));
    } else {
      record.text = record.problem + "\n" + record.solution;
      record.format = "text";
    }
    return answers_.write(chat_record_line(record));
  }

  AtomicFile answers_;
  AtomicFile thinking_;
  AtomicFile left_out_;
  AtomicFile failed_;
};

}  // namespace

Status check_outputs(const Path& folder) {
  for (const auto name :
       {run_files::kAnswers, run_files::kThinking, run_files::kLeftOut, run_files::kFailed})
    COE_TRY_STATUS(check_output(folder / name, Overwrite::kRefuse));
  return {};
}

Status write_outputs(const std::vector<GeneratedQuestion>& questions,
                     const std::map<std::uint64_t, JournalEntry>& entries,
                     const GenerateCorpusOptions& options, GenerateCorpusReport& report) {
  COE_TRY(auto outputs, Outputs::create(options.folder));
  for (const auto& [index, entry] : entries)
    COE_TRY_STATUS(outputs.add(questions[index], entry, options, report));
  return outputs.commit();
}

}  // namespace coe
