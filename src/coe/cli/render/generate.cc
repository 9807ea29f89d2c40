#include "coe/cli/render/generate.h"

#include <fmt/format.h>

namespace coe::cli {

namespace {

double tokens_per_second(const GenerateCorpusReport& report) {
  return report.seconds > 0.0 ? static_cast<double>(report.n_token_asked) / report.seconds : 0.0;
}

}  // namespace

Json generate_json(const GenerateCorpusReport& report, const GenerateCorpusOptions& options,
                   const AnswererInfo& info) {
  auto doc = document("corpus-generate");
  doc["output"] = options.folder.string();
  doc["model"] = info.model;
  doc["server"] = info.server;
  doc["thinking"] = options.ask.thinking;
  doc["seed"] = options.ask.sampling.seed;
  doc["n_question"] = report.n_question;
  doc["n_done"] = report.n_done;
  doc["n_failed"] = report.n_failed;
  doc["n_loop"] = report.n_loop;
  doc["n_empty"] = report.n_empty;
  doc["n_cut"] = report.n_cut;
  doc["n_filtered"] = report.n_filtered;
  doc["n_answer_record"] = report.n_answer;
  doc["n_thinking_record"] = report.n_thinking;
  doc["n_token"] = report.n_token;
  doc["n_token_prompt"] = report.n_token_prompt;
  doc["n_token_known"] = report.n_token_known;
  doc["n_asked"] = report.n_asked;
  doc["seconds"] = report.seconds;
  doc["tokens_per_s"] = report.n_asked > 0 ? Json(tokens_per_second(report)) : Json(nullptr);
  return doc;
}

std::string generate_text(const GenerateCorpusReport& report,
                          const GenerateCorpusOptions& options) {
  auto text = fmt::format(
      "{}: {} of {} questions answered (loops: {}, cut off: {}, empty: {}{}, failed: {})\n",
      options.folder.string(), report.n_done, report.n_question, report.n_loop, report.n_cut,
      report.n_empty, report.n_filtered > 0 ? fmt::format(", filtered: {}", report.n_filtered) : "",
      report.n_failed);
  text += fmt::format("  answers.jsonl   {} records\n  thinking.jsonl  {} records\n",
                      report.n_answer, report.n_thinking);
  if (report.n_asked > 0)
    text += fmt::format("  {} tokens{} in {:.1f} s, {:.0f} tokens/s\n", report.n_token_asked,
                        report.n_token_known ? "" : " (some counted as pieces)", report.seconds,
                        tokens_per_second(report));
  else
    text += "  nothing was left to ask\n";
  return text;
}

}  // namespace coe::cli
