#include "coe/measure/webgen/answers.h"

#include "coe/ask/journal.h"
#include "coe/base/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>

namespace coe {

Result<WebAnswers> ask_web_suite(Answerer& answerer, const WebSuite& suite,
                                 const WebAskOptions& options, Observer& observer) {
  std::string questions;
  for (const auto& task : suite.tasks) questions += web_prompt(task) + "\n";
  const auto n_question = suite.tasks.size() * options.n_sample;
  COE_TRY(auto journal, Journal::open(options.journal,
                                      {digest_of(questions), n_question, options.identity,
                                       settings_of(options.ask)},
                                      options.restart));
  std::vector<std::uint64_t> numbers(n_question);
  std::iota(numbers.begin(), numbers.end(), 0);
  COE_TRY_STATUS(ask_all(
                     answerer, numbers,
                     [&](std::uint64_t i) {
                       return AskedQuestion{web_prompt(suite.tasks[i / options.n_sample])};
                     },
                     options.ask, journal, "answers", observer)
                     .map([](const auto&) {}));
  WebAnswers out;
  for (const auto i : numbers) {
    const auto& entry = journal.entries().at(i);
    if (!is_answered(entry.outcome)) ++out.n_failed;
    out.attempts.push_back({i / options.n_sample, fmt::format("{}", i % options.n_sample + 1),
                            entry.answer.content, false});
  }
  return out;
}

Result<WebAnswers> read_web_answers(const Path& folder, const WebSuite& suite) {
  std::error_code ec;
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec))
    if (entry.is_regular_file()) files.push_back(entry.path());
  if (ec) return fail(Code::kNotFound, fmt::format("{}: is no folder of answers", folder.string()));
  std::ranges::sort(files);
  WebAnswers out;
  for (std::size_t t = 0; t < suite.tasks.size(); ++t) {
    const auto& id = suite.tasks[t].id;
    for (const auto& file : files) {
      const auto stem = file.stem().string();
      if (stem != id && !stem.starts_with(id + "-")) continue;
      COE_TRY(auto text, read_text(file));
      const auto name = stem == id ? std::string("1") : stem.substr(id.size() + 1);
      const auto extension = file.extension().string();
      const bool is_source = extension == fmt::format(".{}", format_name(suite.tasks[t].format));
      out.attempts.push_back({t, name, std::move(text), is_source});
    }
  }
  if (out.attempts.empty())
    return fail(Code::kNotFound, fmt::format("{}: holds no answer to any task", folder.string()),
                "name them TASK.md (a reply), or TASK.html, .jsx, .vue, .svelte (the file)");
  return out;
}

}  // namespace coe
