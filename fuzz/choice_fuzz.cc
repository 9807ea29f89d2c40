// Questions and answers of multiple choice on arbitrary bytes. Each record is read as a question
// and made into one; what comes out can be asked, and errors are one line. The whole input is also
// a file of questions, and a model's answer, of which a letter found is an option's.
#include "coe/base/result.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/words.h"
#include "coe/measure/choice/letter.h"
#include "coe/measure/choice/questions.h"

#include "memory_file.h"
#include "require.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kMostOptions = 26;

void check_question(const coe::MultipleChoice& question) {
  require(!question.question.empty());
  require(question.options.size() >= 2 && question.options.size() <= kMostOptions);
  require(question.answer < question.options.size());
}

void check_made(std::string_view text) {
  const auto at = std::min(text.find('\n'), text.size());
  for (const std::uint32_t n_option : {2U, 4U, 26U}) {
    const auto made = coe::make_choice(text.substr(0, at), text.substr(at), text, n_option, 1);
    if (!made) continue;
    check_question(*made);
    auto options = made->options;
    std::ranges::sort(options);
    require(std::ranges::adjacent_find(options) == options.end());
  }
}

// A file has one form and its answers one reading.
void check_file(std::string_view text) {
  const MemoryFile file(std::as_bytes(std::span(text)));
  const std::array files = {file.path()};
  for (const std::uint32_t n_option : {0U, 4U}) {
    const auto set = coe::load_choices(files, {.n_made_option = n_option});
    if (!set) {
      require_plain(set.error(), {coe::Code::kCorrupt, coe::Code::kInvalidArgument});
      continue;
    }
    require(!set->questions.empty());
    for (const auto& question : set->questions) check_question(question.choice);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::size_t n_option : {std::size_t{2}, std::size_t{5}, kMostOptions}) {
    std::vector<std::string> options(n_option);
    options.front() = text.substr(0, 9);
    const auto found = coe::extract_letter(text, options);
    if (!found) continue;
    require(found->letter >= 'A' && found->letter < static_cast<char>('A' + n_option));
  }
  if (const auto share = coe::distinct_share(coe::words_of(text), 4))
    require(*share > 0.0 && *share <= 1.0);
  check_made(text);
  check_file(text);
  coe::RecordReader reader(text);
  while (true) {
    const auto record = reader.next();
    if (!record || !*record) return 0;
    const auto question = coe::parse_choice((*record)->text);
    if (question)
      check_question(*question);
    else
      require_plain(question.error(), {coe::Code::kCorrupt});
  }
}
