// Topics of `coe help`: what is true of all verbs.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace coe::cli {

struct Topic {
  std::string_view name;   // "exit-codes"
  std::string_view title;  // "Exit codes"
  std::string_view text;   // Markdown that reads well as it is; ends in a newline
};

std::span<const Topic> topics();
// docs/reference/topic-NAME.md.
std::string topic_page(const Topic& topic);
// Null where there is none of this name.
const Topic* find_topic(std::string_view name);

}  // namespace coe::cli
