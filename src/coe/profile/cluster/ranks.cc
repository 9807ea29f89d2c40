#include "coe/profile/cluster/ranks.h"

#include "coe/base/file.h"
#include "coe/profile/routing/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Bytes = std::vector<std::byte>;

// A rank contributes bytes: the first says what it is, the rest is a profile file, or an error as
// code, message and hint.
enum class Kind : std::uint8_t { kNothing, kProfile, kError };

void append(Bytes& bytes, std::string_view text) {
  const auto more = std::as_bytes(std::span(text));
  bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes encode(const Error& error) {
  Bytes bytes = {static_cast<std::byte>(Kind::kError), static_cast<std::byte>(error.code)};
  append(bytes, error.message);
  append(bytes, "\n");  // messages are one line
  append(bytes, error.hint);
  return bytes;
}

Error decode_error(std::span<const std::byte> bytes) {
  const std::string text(reinterpret_cast<const char*>(bytes.data()) + 2, bytes.size() - 2);
  const auto end = text.find('\n');
  return {static_cast<Code>(bytes[1]), text.substr(0, end), text.substr(end + 1)};
}

// A private folder that goes away with its owner. Profiles travel in the form they have on disk.
class ScratchFolder {
 public:
  static Result<ScratchFolder> create() {
    std::error_code error;
    const auto parent = std::filesystem::temp_directory_path(error);
    std::string name = (parent / "coe-rank-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr)
      return fail(Code::kIo,
                  fmt::format("no folder for temporary files ({})",
                              error ? error.message() : "cannot make one in " + parent.string()),
                  "TMPDIR names another");
    ScratchFolder folder;
    folder.path_ = name;
    return folder;
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code leftover;  // nothing to be done about one
    if (!path_.empty()) std::filesystem::remove_all(path_, leftover);
  }
  Path profile() const { return path_ / "share.profile.gguf"; }

 private:
  ScratchFolder() = default;
  Path path_;
};

Result<Bytes> encode(const RoutingStats& stats) {
  COE_TRY(const auto folder, ScratchFolder::create());
  COE_TRY_STATUS(write_profile(folder.profile(), stats, Overwrite::kRefuse));
  COE_TRY(const auto file, MappedFile::open(folder.profile()));
  Bytes bytes = {static_cast<std::byte>(Kind::kProfile)};
  bytes.insert(bytes.end(), file.bytes().begin(), file.bytes().end());
  return bytes;
}

Result<RoutingStats> decode_profile(std::span<const std::byte> bytes) {
  COE_TRY(const auto folder, ScratchFolder::create());
  COE_TRY(auto out, AtomicFile::create(folder.profile(), Overwrite::kRefuse));
  COE_TRY_STATUS(out.write(bytes.subspan(1)));
  COE_TRY_STATUS(out.commit());
  return read_profile(folder.profile());
}

// Rank 0 takes in the contributions, one after the other.
class Sum {
 public:
  void take(std::uint32_t rank, const Bytes& bytes) {
    const auto kind = static_cast<Kind>(bytes.front());
    if (kind == Kind::kError) return note(rank, decode_error(bytes));
    if (kind == Kind::kNothing || error_) return;
    auto share = decode_profile(bytes);
    if (!share) return note(rank, std::move(share).error());
    if (!stats_) {
      stats_ = *std::move(share);
    } else if (auto status = merge_into(*stats_, *share); !status) {
      note(rank, std::move(status).error());
    }
  }

  // Speaks for `n_rank` ranks.
  Result<std::optional<RoutingStats>> result(std::uint32_t n_rank) {
    if (error_ && (n_same_ == n_rank || error_->code == Code::kCancelled))
      return tl::unexpected(*std::move(error_));
    if (error_)
      return tl::unexpected(std::move(*error_).context(fmt::format("rank {}", error_rank_)));
    if (!stats_) return fail(Code::kInternal, "no rank has a share of the profile");
    return std::move(stats_);
  }

 private:
  void note(std::uint32_t rank, Error error) {
    // A rank that stopped because another failed says "interrupted", which explains nothing.
    const bool replaces =
        !error_ || (error_->code == Code::kCancelled && error.code != Code::kCancelled);
    if (replaces) {
      n_same_ = 1;
      error_rank_ = rank;
      error_ = std::move(error);
    } else if (error.message == error_->message) {
      ++n_same_;
    }
  }

  std::optional<RoutingStats> stats_;
  std::optional<Error> error_;
  std::uint32_t error_rank_ = 0;
  std::uint32_t n_same_ = 0;  // ranks that have this error
};

constexpr std::int32_t kNoError = -1;

}  // namespace

Result<std::optional<RoutingStats>> Ranks::add_up(Result<std::optional<RoutingStats>> share,
                                                  std::uint64_t n_resumed) {
  is_over_ = true;
  state_.n_resumed = n_resumed;
  if (size() == 1) return share;
  Bytes bytes = {static_cast<std::byte>(Kind::kNothing)};
  if (share && *share) {
    if (auto encoded = encode(**share); encoded)
      bytes = *std::move(encoded);
    else
      share = tl::unexpected(std::move(encoded).error());
  }
  if (!share) {
    bytes = encode(share.error());
    state_.n_failed = 1;
  }
  Sum sum;
  communicator_.gather(state_, bytes,
                       [&](std::uint32_t rank, const Bytes& of_rank) { sum.take(rank, of_rank); });
  if (is_first()) {
    auto result = sum.result(size());
    communicator_.broadcast(result ? kNoError : static_cast<std::int32_t>(result.error().code));
    return result;
  }
  if (const auto code = communicator_.broadcast(kNoError); code != kNoError)
    return fail(static_cast<Code>(code), "");
  return std::nullopt;
}

Error Ranks::conclude(Error error) {
  if (is_over_) return error;
  auto result = add_up(tl::unexpected(std::move(error)));
  COE_CHECK(!result);
  return std::move(result).error();
}

void RankObserver::progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                            std::string_view unit) {
  ranks_.state_.n_done = done;
  ranks_.state_.n_total = total;
  const auto all = ranks_.communicator_.exchange(ranks_.state_);
  // Before the first exchange is through, what this rank knows.
  console_.progress(stage, std::max(all.n_done, done), std::max(all.n_total, total), unit);
}

bool RankObserver::cancelled() {
  return console_.cancelled() || ranks_.communicator_.exchange(ranks_.state_).n_failed > 0;
}

}  // namespace coe
