#include "coe/base/journal/journal_file.h"

#include "coe/base/hash.h"
#include "coe/base/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

namespace coe {
namespace {

// A line ends with `,"sum":"0123456789abcdef"}`.
constexpr std::string_view kBefore = R"(,"sum":")";
constexpr std::string_view kAfter = "\"}\n";
constexpr std::size_t kDigits = 16;
constexpr std::size_t kSumBytes = kBefore.size() + kDigits + kAfter.size();

// `rest`: the line up to its last brace.
std::string sum_of(std::string_view rest) {
  constexpr std::string_view kName = "xxh3:";
  return digest_of(rest).substr(kName.size(), kDigits);
}

std::string with_sum(std::string_view line) {
  COE_CHECK(line.ends_with("}\n"));
  const auto rest = line.substr(0, line.size() - 2);
  return fmt::format("{}{}{}{}", rest, kBefore, sum_of(rest), kAfter);
}

// Every header begins so. What a kill left of one is no longer than it, or begins with it, too; any
// other text without a line's end is somebody's file, not ours to forget.
constexpr std::string_view kHeaderStart = R"({"schema":"coe.)";

Result<std::string> read_whole_lines(const Path& path) {
  COE_TRY(auto text, read_text(path));
  const auto end = text.rfind('\n') + 1;  // npos + 1 is 0
  if (end == 0 && !text.starts_with(kHeaderStart) && !kHeaderStart.starts_with(text))
    return tl::unexpected(bad_journal_line(path, 1, "no journal of coe"));
  text.resize(end);
  return text;
}

Result<std::string> without_sums(std::string_view text, const Path& path) {
  std::string out;
  out.reserve(text.size());
  for (std::uint64_t number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n') + 1);
    text.remove_prefix(line.size());
    const auto end = line.substr(line.size() - std::min(line.size(), kSumBytes));
    if (!end.starts_with(kBefore) || !end.ends_with(kAfter)) {
      out += line;
      continue;
    }
    const auto rest = line.substr(0, line.size() - kSumBytes);
    if (end.substr(kBefore.size(), kDigits) != sum_of(rest))
      return fail(Code::kCorrupt,
                  fmt::format("{}:{}: does not have the sum that it says: it was damaged or edited",
                              path.string(), number),
                  "remove that line, and what it held is made again; or start again with --force");
    out += rest;
    out += "}\n";
  }
  return out;
}

}  // namespace

Result<JournalFile> JournalFile::open(const Path& path, bool forget) {
  COE_TRY_STATUS(check_not_input(path));
  JournalFile journal;
  journal.path_ = path;
  journal.file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (journal.file_.get() < 0) return tl::unexpected(io_error(path, "open"));
  if (::flock(journal.file_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::kExists,
                fmt::format("{}: another process is writing it{}", path.string(),
                            lock_holder(journal.file_.get())),
                "wait for it to end, or choose another folder");
  if (forget) return journal;
  COE_TRY(const auto whole, read_whole_lines(path));
  journal.size_ = whole.size();
  COE_TRY(journal.text_, without_sums(whole, path));
  return journal;
}

Status JournalFile::begin(std::string_view header) {
  text_.clear();
  size_ = 0;
  return append(header);
}

Status JournalFile::cut_to_size() {
  if (::ftruncate(file_.get(), static_cast<off_t>(size_)) == 0) return {};
  return tl::unexpected(io_error(path_, "truncate"));
}

Status JournalFile::append(std::string_view line) {
  const auto summed = with_sum(line);
  COE_TRY_STATUS(cut_to_size());
  auto status = write_all(file_.get(), std::as_bytes(std::span(summed)), path_);
  if (status && ::fsync(file_.get()) != 0) status = tl::unexpected(io_error(path_, "flush"));
  if (!status) {
    (void)cut_to_size();  // best effort: an unfinished line is passed over as well
    return status;
  }
  size_ += summed.size();
  return {};
}

Result<std::string> read_journal_lines(const Path& path) {
  COE_TRY(const auto whole, read_whole_lines(path));
  return without_sums(whole, path);
}

Error bad_journal_line(const Path& path, std::uint64_t number, std::string_view why) {
  return {Code::kCorrupt, fmt::format("{}:{}: {}", path.string(), number, why),
          "remove the journal, or start again with --force"};
}

Error journal_mismatch(const Path& path, std::string_view things, std::string_view found,
                       std::string_view wanted, std::string_view hint) {
  return {Code::kMismatch,
          fmt::format("{}: begun with other {} ({} vs {})", path.string(), things, found, wanted),
          std::string(hint)};
}

}  // namespace coe
