// MMLU-Pro publishes its questions as JSON objects with question_id, question, options, answer,
// answer_index, cot_content, category and src. Source: Wang et al., "MMLU-Pro: A More Robust and
// Challenging Multi-Task Language Understanding Benchmark", NeurIPS 2024, and its data card.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct MultipleChoice {
  std::int64_t id = 0;
  std::string question{};
  std::vector<std::string> options{};  // 2 to 26
  std::size_t answer = 0;              // index into options
  std::string reasoning{};             // worked, without the lead-in "A: "; empty in the test set
  std::string category{};
  std::string source{};
};

// 'A' for option 0.
char option_letter(std::size_t index);
// "A. first\nB. second".
std::string lettered_options(const MultipleChoice& question);

// Reads one object. Options "N/A" at the end stand for none and are dropped. Errors: kCorrupt when
// the text is not UTF-8 or no JSON object, when a field is missing or of another type, and when the
// answer is no option or its letter and index differ.
Result<MultipleChoice> parse_mmlu_pro(std::string_view json);

}  // namespace coe
