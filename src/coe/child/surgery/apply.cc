#include "coe/child/surgery/apply.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/surgery/plan.h"
#include "coe/model/gguf/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{16} << 20;  // between two polls of the observer
constexpr std::size_t kBufferBytes = std::size_t{4} << 20;
constexpr std::uint64_t kAheadBytes = std::uint64_t{64} << 20;
constexpr std::string_view kStage = "prune";

// Asks the system for what will be copied next. Its own guess, the bytes after those just read, is
// wrong at every removed expert: half of what it fetches is thrown away, and each jump waits.
class ReadAhead {
 public:
  ReadAhead(const gguf::GgufFile& parent, const PartPlan& part) : parent_(parent) {
    for (const auto& tensor : part.tensors)
      for (const ByteRange& range : tensor.ranges)
        if (range.source == ByteRange::Source::kParent) ranges_.push_back(&range);
  }

  // `copied` counts the parent's bytes so far.
  void follow(std::uint64_t copied) {
    while (next_ < ranges_.size() && asked_ < copied + kAheadBytes) {
      const ByteRange& range = *ranges_[next_];
      const std::uint64_t n = std::min(range.n_bytes - in_range_, kChunkBytes);
      parent_.will_need(range.part, range.offset + in_range_, n);
      asked_ += n;
      in_range_ += n;
      if (in_range_ < range.n_bytes) continue;
      in_range_ = 0;
      ++next_;
    }
  }

 private:
  const gguf::GgufFile& parent_;
  std::vector<const ByteRange*> ranges_;
  std::size_t next_ = 0;
  std::uint64_t in_range_ = 0;  // asked for of ranges_[next_]
  std::uint64_t asked_ = 0;
};

// Writes one file of the child.
class PartWriter {
 public:
  PartWriter(const gguf::GgufFile& parent, const Path& path, AtomicFile& output)
      : parent_(parent), path_(path), output_(output) {}

  std::uint64_t written() const { return written_; }

  Status write(std::span<const std::byte> bytes) {
    COE_TRY_STATUS(output_.write(bytes));
    written_ += bytes.size();
    return {};
  }

  Status copy(const ByteRange& range) {
    if (range.source == ByteRange::Source::kZeros) return write_zeros(range.n_bytes);
    std::uint64_t offset = range.offset;
    std::uint64_t left = range.n_bytes;
    while (in_kernel_ && left > 0) {
      auto from = static_cast<off_t>(offset);
      // No output offset: the output's own position advances, as AtomicFile::write expects.
      const ssize_t n = ::copy_file_range(parent_.part_fd(range.part), &from, output_.fd(), nullptr,
                                          static_cast<std::size_t>(left), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return tl::unexpected(io_error(path_, "write"));
      if (n <= 0) {
        in_kernel_ = false;  // two file systems, or one that cannot: try the plain way
        break;
      }
      written_ += static_cast<std::uint64_t>(n);
      offset += static_cast<std::uint64_t>(n);
      left -= static_cast<std::uint64_t>(n);
    }
    return copy_buffered(range.part, offset, left);
  }

  // Lets the disk begin with what was written, so that the final flush has little left to wait for.
  void start_writeback() {
    ::sync_file_range(output_.fd(), static_cast<off_t>(flushed_),
                      static_cast<off_t>(written_ - flushed_), SYNC_FILE_RANGE_WRITE);  // a hint
    flushed_ = written_;
  }

 private:
  Status copy_buffered(std::size_t part, std::uint64_t offset, std::uint64_t left) {
    while (left > 0) {
      if (buffer_.empty()) buffer_.resize(kBufferBytes);
      const auto piece = std::span(buffer_).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(left, kBufferBytes)));
      COE_TRY_STATUS(parent_.read_part(part, offset, piece));
      COE_TRY_STATUS(write(piece));
      offset += piece.size();
      left -= piece.size();
    }
    return {};
  }

  Status write_zeros(std::uint64_t left) {
    if (zeros_.empty()) zeros_.resize(kBufferBytes);
    while (left > 0) {
      const auto piece = std::span<const std::byte>(zeros_).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(left, kBufferBytes)));
      COE_TRY_STATUS(write(piece));
      left -= piece.size();
    }
    return {};
  }

  const gguf::GgufFile& parent_;
  const Path& path_;
  AtomicFile& output_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> zeros_;  // of mode zero
  std::uint64_t written_ = 0;
  std::uint64_t flushed_ = 0;  // handed to the disk
  bool in_kernel_ = true;
};

class Progress {
 public:
  Progress(std::uint64_t total, Observer& observer) : total_(total), observer_(observer) {}

  // `done` counts the bytes of the present file. Errors: kCancelled.
  Status report(std::uint64_t done, const Path& output) {
    observer_.progress(kStage, before_ + done, total_, "bytes");
    if (!observer_.cancelled()) return {};
    return fail(Code::kCancelled, fmt::format("{}: stopped, nothing written", output.string()));
  }
  void finish_file(std::uint64_t n_bytes) { before_ += n_bytes; }

 private:
  std::uint64_t total_;
  std::uint64_t before_ = 0;  // files already written
  Observer& observer_;
};

Status write_part(const gguf::GgufFile& parent, const PartPlan& part, const Path& path,
                  AtomicFile& file, Progress& progress) {
  PartWriter writer(parent, path, file);
  COE_TRY_STATUS(writer.write(part.header_bytes));
  ReadAhead ahead(parent, part);
  std::uint64_t copied = 0;  // of the parent
  std::vector<std::byte> padding;
  std::uint64_t reported = 0;
  const auto report = [&]() -> Status {
    if (writer.written() - reported >= kChunkBytes) {
      reported = writer.written();
      writer.start_writeback();
    }
    return progress.report(writer.written(), path);
  };
  for (std::size_t i = 0; i < part.tensors.size(); ++i) {
    COE_TRY_STATUS(writer.write(part.tensors[i].bytes));
    for (ByteRange range : part.tensors[i].ranges) {
      const std::uint64_t end = range.offset + range.n_bytes;
      for (; range.offset < end; range.offset += range.n_bytes) {
        range.n_bytes = std::min(kChunkBytes, end - range.offset);
        ahead.follow(copied);
        COE_TRY_STATUS(writer.copy(range));
        if (range.source == ByteRange::Source::kParent) copied += range.n_bytes;
        COE_TRY_STATUS(report());
      }
    }
    const std::uint64_t alignment = part.header.alignment;
    padding.resize((alignment - part.header.tensors[i].n_bytes % alignment) % alignment);
    COE_TRY_STATUS(writer.write(padding));
  }
  COE_TRY_STATUS(report());
  COE_CHECK(writer.written() == part.header.file_bytes);
  progress.finish_file(writer.written());
  return {};
}

// The first part last: until it has its name, nobody takes the others for a model.
Status commit_all(std::vector<AtomicFile>& files, const std::vector<Path>& paths,
                  Overwrite overwrite) {
  std::error_code ec;  // a name that is not there need not be removed
  // An old first part would make a model of old and new parts, should the process be killed.
  if (files.size() > 1 && overwrite == Overwrite::kAllow) std::filesystem::remove(paths[0], ec);
  for (std::size_t i = files.size(); i-- > 0;) {
    const auto status = files[i].commit();
    if (status) continue;
    for (std::size_t done = i + 1; done < files.size(); ++done)
      std::filesystem::remove(paths[done], ec);
    return status;
  }
  return {};
}

}  // namespace

Status apply_plan(const gguf::GgufFile& parent, const SurgeryPlan& plan, const Path& output,
                  Overwrite overwrite, Observer& observer, const ChildProof& proof) {
  const auto paths = output_paths(output, plan);
  // Created first: that frees what an abandoned run of the same output left behind.
  std::vector<AtomicFile> files;
  for (const Path& path : paths) {
    COE_TRY(auto file, AtomicFile::create(path, overwrite));
    files.push_back(std::move(file));
  }
  COE_TRY_STATUS(check_space(output, plan.file_bytes));
  Progress progress(plan.file_bytes, observer);
  for (std::size_t i = 0; i < files.size(); ++i)
    COE_TRY_STATUS(write_part(parent, plan.parts[i], paths[i], files[i], progress));
  COE_TRY_STATUS(parent.check_unchanged());
  if (proof) {
    std::vector<Path> temporaries;
    temporaries.reserve(files.size());
    for (const auto& file : files) temporaries.push_back(file.temporary());
    COE_TRY_STATUS(proof(temporaries));
  }
  return commit_all(files, paths, overwrite);
}

}  // namespace coe
