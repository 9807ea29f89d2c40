// Renders the outcomes of `coe bench web`: rows, tables, JSON.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/webgen/outcome.h"
#include "coe/measure/webgen/suite_check.h"
#include "coe/measure/webgen/task.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace coe::cli {

// Adds the share that passes, by category and of all, and each outcome.
void add_web_rows(const WebSuite& suite, const std::string& subject,
                  std::span<const WebOutcome> outcomes, ResultRows& rows);
// Shows the shares as a table, and then what failed.
std::string web_text(const WebSuite& suite, std::span<const WebOutcome> outcomes);
// Lists the tasks: what each asks for, and how often it is clicked, typed into and so on.
Json web_list_json(const WebSuite& suite);
std::string web_list_text(const WebSuite& suite);
// Returns the most memory that a page took.
std::uint64_t peak_memory(std::span<const WebOutcome> outcomes);

// The suite was tried on itself.
struct SuiteCheckOutput {
  Json attempts = Json::array();
  std::size_t n_wrong = 0;  // not as they should be
  std::string text;
};
SuiteCheckOutput suite_check_output(const WebSuite& suite, const SuiteAttempts& tried,
                                    std::span<const WebOutcome> outcomes);

}  // namespace coe::cli
