#include "coe/base/journal/journal_file.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <span>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

namespace coe {

Result<JournalFile> JournalFile::open(const Path& path) {
  JournalFile journal;
  journal.path_ = path;
  journal.file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (journal.file_.get() < 0) return tl::unexpected(io_error(path, "open"));
  if (::flock(journal.file_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::kExists, fmt::format("{}: another process is writing it", path.string()),
                "wait for it to end, or choose another folder");
  COE_TRY_STATUS(journal.mend());
  return journal;
}

Status JournalFile::mend() {
  COE_TRY(text_, read_journal_lines(path_));
  if (::ftruncate(file_.get(), static_cast<off_t>(text_.size())) != 0)
    return tl::unexpected(io_error(path_, "truncate"));
  return {};
}

Status JournalFile::begin(std::string_view header) {
  text_.clear();
  if (::ftruncate(file_.get(), 0) != 0) return tl::unexpected(io_error(path_, "truncate"));
  return append(header);
}

Status JournalFile::append(std::string_view line) {
  COE_TRY_STATUS(write_all(file_.get(), std::as_bytes(std::span(line)), path_));
  return ::fsync(file_.get()) == 0 ? Status() : Status(tl::unexpected(io_error(path_, "flush")));
}

Result<std::string> read_journal_lines(const Path& path) {
  COE_TRY(auto text, read_text(path));
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  return text;
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
