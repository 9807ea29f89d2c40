// A file of lines that a run writes while it works, so that it can be killed at any moment and goes
// on where it was. The first line, the header, says what the journal belongs to. The rooms that
// keep journals give the lines their meaning. Lines are JSON objects. In the file each has one more
// member, "sum", of what the rest of the line says, so that damage is noticed; the rooms do not see
// it.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace coe {

class JournalFile {
 public:
  // Opens the file at `path`, or makes an empty one, and locks it until this object is gone. A last
  // line that a kill left unfinished does not count, and goes when something is written. With
  // `forget` nothing is read: the file is empty from the first line on that is written. Errors:
  // kExists when another process has it open, with that process's number; kInvalidArgument when it
  // is an input; those of read_journal_lines().
  static Result<JournalFile> open(const Path& path, bool forget = false);

  const Path& path() const { return path_; }
  // The lines that the file held when it was opened, or since begin().
  std::string_view text() const { return text_; }
  // Forgets all that the file holds, and writes `header` as its first line. Errors: kIo.
  Status begin(std::string_view header);
  // Adds a line, an object and its newline. Returns when it is on disk. Errors: kIo; then nothing
  // of the line stays.
  Status append(std::string_view line);

 private:
  JournalFile() = default;
  Status cut_to_size();

  Path path_;
  std::uint64_t size_ = 0;  // of whole lines; what follows is an unfinished one
  Descriptor file_;         // holds the lock
  std::string text_;        // without the sums
};

// The lines of a journal that nobody need have open, without a last one that a kill left
// unfinished. Errors: kNotFound; kIo; kCorrupt for a line that does not have the sum that it says.
// A line that says none is of an earlier version.
Result<std::string> read_journal_lines(const Path& path);

// kCorrupt: line `number` of a journal is not what it should be.
Error bad_journal_line(const Path& path, std::uint64_t number, std::string_view why);

// kMismatch: the journal belongs to other `things` than the run at hand.
Error journal_mismatch(const Path& path, std::string_view things, std::string_view found,
                       std::string_view wanted, std::string_view hint);

}  // namespace coe
