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

// Result rows of every benchmark: docs/formats/result-rows.md.
inline constexpr std::string_view kRows = "rows.jsonl";

// What `bench web` leaves beside these: docs/web-suite.md.
inline constexpr std::string_view kOutcomes = "outcomes.jsonl";
inline constexpr std::string_view kGallery = "index.html";
inline constexpr std::string_view kPictures = "pictures";

}  // namespace coe::run_files
