// Names of the files that runs leave in the folder of `-o DIR`.
#pragma once

#include <string_view>

namespace coe::run_files {

// Answers of models, as they come: docs/formats/generated.md.
inline constexpr std::string_view kJournal = "journal.jsonl";
inline constexpr std::string_view kRetries = "retries.jsonl";

// What `corpus generate` and `bench choice` make of them.
inline constexpr std::string_view kAnswers = "answers.jsonl";
inline constexpr std::string_view kThinking = "thinking.jsonl";
inline constexpr std::string_view kLeftOut = "left_out.jsonl";
inline constexpr std::string_view kFailed = "failed.jsonl";

}  // namespace coe::run_files
