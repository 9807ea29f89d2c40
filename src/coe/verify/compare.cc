#include "coe/verify/compare.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/tensor_type.h"
#include "coe/moe/ids.h"
#include "coe/verify/findings.h"
#include "coe/verify/finite.h"
#include "coe/verify/kept.h"
#include "coe/verify/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <sys/mman.h>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kReleaseBytes = std::uint64_t{128} << 20;  // mapped between two releases
constexpr auto kReportEvery = std::chrono::milliseconds(50);

struct Expert {
  std::uint32_t slot = 0;
  ExpertId id;
};

// A piece of one tensor. Offsets are from the tensor's data in each file; whole blocks.
struct Piece {
  std::size_t pair = 0;
  std::optional<Expert> expert;
  std::uint64_t in_expert = 0;  // offset within the expert, or within the tensor
  std::uint64_t parent_at = 0;
  std::uint64_t child_at = 0;
  std::uint64_t n_bytes = 0;
};

struct Found {
  std::size_t piece = 0;
  std::string message;
};

void add_pieces(std::vector<Piece>& out, Piece whole, std::uint64_t block_bytes) {
  const std::uint64_t step = kChunkBytes / block_bytes * block_bytes;
  for (std::uint64_t at = 0; at < whole.n_bytes; at += step) {
    Piece piece = whole;
    piece.in_expert = at;
    piece.parent_at += at;
    piece.child_at += at;
    piece.n_bytes = std::min(step, whole.n_bytes - at);
    out.push_back(piece);
  }
}

std::vector<Piece> cut_up(std::span<const TensorPair> pairs, const KeptExperts& kept,
                          CompareCounts& counts) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const TensorPair& pair = pairs[i];
    const std::uint64_t block_bytes = gguf::traits(pair.child->type).block_bytes;
    if (!pair.layer) {
      add_pieces(pieces, {i, std::nullopt, 0, 0, 0, pair.child->n_bytes}, block_bytes);
      continue;
    }
    const auto ids = kept.find(*pair.layer);
    if (ids == kept.end()) continue;
    const std::uint64_t slab = pair.child->n_bytes / ids->second.size();
    for (std::uint32_t slot = 0; slot < ids->second.size(); ++slot) {
      const ExpertId id = ids->second[slot];
      add_pieces(pieces, {i, Expert{slot, id}, 0, id.value * slab, slot * slab, slab}, block_bytes);
      ++counts.n_expert;
    }
  }
  for (const auto& piece : pieces) counts.n_bytes += piece.n_bytes;
  return pieces;
}

// Lets the pages of a mapping go; the page cache keeps what it likes. All at once, because the
// kernel also maps neighbours of what was read, so releasing piece by piece would leave some
// behind.
void release(std::span<const std::byte> mapping) {
  // madvise takes a non-const address; the mapping stays read-only. A hint: a refusal costs memory,
  // nothing else.
  ::madvise(const_cast<std::byte*>(mapping.data()), mapping.size(), MADV_DONTNEED);
}

std::string place(const Piece& piece) {
  if (!piece.expert) return {};
  return fmt::format("kept expert {} (the parent's {}) ", piece.expert->slot,
                     piece.expert->id.value);
}

std::optional<std::string> judge(const Piece& piece, gguf::TensorType type,
                                 std::span<const std::byte> parent,
                                 std::span<const std::byte> child) {
  if (std::memcmp(parent.data(), child.data(), child.size()) != 0) {
    const auto at =
        static_cast<std::uint64_t>(std::ranges::mismatch(parent, child).in1 - parent.begin());
    return fmt::format("{}differs at byte {} ({:#04x} vs {:#04x})", place(piece),
                       piece.in_expert + at, std::to_integer<unsigned>(child[at]),
                       std::to_integer<unsigned>(parent[at]));
  }
  if (const auto block = first_not_finite(type, child)) {
    const auto& traits = gguf::traits(type);
    return fmt::format("{}is not finite in {} {}", place(piece),
                       traits.block_size == 1 ? "value" : "block",
                       piece.in_expert / traits.block_bytes + *block);
  }
  return std::nullopt;
}

// Pieces are handed out by a counter; what is found is sorted back into their order at the end.
class Comparison {
 public:
  Comparison(const gguf::GgufFile& parent, const gguf::GgufFile& child,
             std::span<const TensorPair> pairs, std::span<const Piece> pieces)
      : parent_(parent), child_(child), pairs_(pairs), pieces_(pieces) {}

  void work() {
    while (!stop_) {
      const std::size_t i = next_++;
      if (i >= pieces_.size()) break;
      const Piece& piece = pieces_[i];
      const TensorPair& pair = pairs_[piece.pair];
      const auto parent = parent_.data(*pair.parent).subspan(piece.parent_at, piece.n_bytes);
      const auto child = child_.data(*pair.child).subspan(piece.child_at, piece.n_bytes);
      auto message = judge(piece, pair.child->type, parent, child);
      done_ += piece.n_bytes;
      const std::uint64_t mapped = mapped_ += parent.size() + child.size();
      if (mapped >= kReleaseBytes) {
        mapped_ = 0;
        release(parent_.bytes());
        release(child_.bytes());
      }
      if (!message) continue;
      const std::lock_guard lock(mutex_);
      found_.push_back({i, *std::move(message)});
    }
    const std::lock_guard lock(mutex_);
    ++n_finished_;
    changed_.notify_all();
  }

  // From the calling thread, until `n_worker` calls of work() have returned.
  bool watch(std::size_t n_worker, std::uint64_t total, Observer& observer) {
    while (true) {
      observer.progress("verify", done_, total, "bytes");
      if (observer.cancelled()) stop_ = true;
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, kReportEvery, [&] { return n_finished_ == n_worker; })) break;
    }
    if (!stop_) observer.progress("verify", done_, total, "bytes");
    return !stop_;
  }

  std::vector<Found> take_found() {
    std::ranges::sort(found_, {}, &Found::piece);
    return std::move(found_);
  }

 private:
  const gguf::GgufFile& parent_;
  const gguf::GgufFile& child_;
  std::span<const TensorPair> pairs_;
  std::span<const Piece> pieces_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> mapped_ = 0;  // since the last release
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::size_t n_finished_ = 0;
  std::vector<Found> found_;
};

}  // namespace

Result<CompareCounts> compare_tensors(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                      std::span<const TensorPair> pairs, const KeptExperts& kept,
                                      Observer& observer, Findings& findings) {
  CompareCounts counts;
  const auto pieces = cut_up(pairs, kept, counts);
  Comparison comparison(parent, child, pairs, pieces);
  std::vector<std::thread> workers;
  const std::size_t n_wanted = std::max(1U, std::thread::hardware_concurrency());
  try {
    while (workers.size() < n_wanted) workers.emplace_back([&comparison] { comparison.work(); });
  } catch (const std::system_error& e) {
    // The system grants no more threads: those that run do all the work.
    observer.warning(fmt::format("verify runs on {} threads: {}", workers.size(), e.what()));
  }
  if (workers.empty()) comparison.work();
  const bool finished =
      comparison.watch(std::max<std::size_t>(1, workers.size()), counts.n_bytes, observer);
  for (auto& worker : workers) worker.join();
  if (!finished)
    return fail(Code::kCancelled,
                fmt::format("{}: stopped before the check was complete", child.path().string()));
  for (auto& found : comparison.take_found())
    findings.add(pairs[pieces[found.piece].pair].child->name, std::move(found.message));
  return counts;
}

}  // namespace coe
