#include "coe/child/verify/compare.h"

#include "coe/base/jobs.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/child/verify/values.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;  // stays in the processor's cache

struct Expert {
  std::uint32_t slot = 0;
  std::uint32_t id = 0;   // in the parent
  bool is_chunk = false;  // a slab of several experts
};

enum class Against { kParent, kZeros, kNothing };

// A piece of one tensor. Offsets are from the tensor's data in each file; whole blocks.
struct Piece {
  std::size_t pair = 0;
  std::optional<Expert> expert;
  std::uint64_t in_expert = 0;  // offset within the expert, or within the tensor
  std::uint64_t parent_at = 0;
  std::uint64_t child_at = 0;
  std::uint64_t n_bytes = 0;
  Against against = Against::kParent;
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

// Slabs of a cut tensor that the child keeps, ascending.
std::vector<std::uint32_t> kept_slabs(const ExpertSet& kept, std::uint32_t n_expert,
                                      std::uint32_t n_slab) {
  const std::uint32_t size = n_expert / n_slab;  // 1, or experts in a chunk
  std::vector<std::uint32_t> slabs;
  for (const ExpertId id : kept)
    if (id.value % size == 0) slabs.push_back(id.value / size);
  return slabs;
}

void add_slabs(std::vector<Piece>& out, std::size_t index, const TensorPair& pair,
               const std::vector<std::uint32_t>& slabs, bool zero, bool is_chunk) {
  const std::uint64_t block_bytes = gguf::traits(pair.child->type).block_bytes;
  const std::uint64_t n_bytes = pair.parent->n_bytes / pair.n_slab;
  if (!zero) {
    for (std::uint32_t slot = 0; slot < slabs.size(); ++slot)
      add_pieces(out,
                 {index, Expert{slot, slabs[slot], is_chunk}, 0, slabs[slot] * n_bytes,
                  slot * n_bytes, n_bytes, Against::kParent},
                 block_bytes);
    return;
  }
  for (std::uint32_t id = 0; id < pair.n_slab; ++id)
    add_pieces(out,
               {index, Expert{id, id, is_chunk}, 0, id * n_bytes, id * n_bytes, n_bytes,
                std::ranges::binary_search(slabs, id) ? Against::kParent : Against::kZeros},
               block_bytes);
}

std::vector<Piece> cut_up(std::span<const TensorPair> pairs, const KeptExperts& kept,
                          const CutForm& form, Compared& compared) {
  std::vector<Piece> pieces;
  std::uint32_t n_expert = 1;
  for (const TensorPair& pair : pairs)
    if (pair.kind == PairKind::kExperts) n_expert = std::max(n_expert, pair.n_slab);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const TensorPair& pair = pairs[i];
    const bool slabs = pair.kind == PairKind::kExperts || pair.kind == PairKind::kChunks;
    if (!slabs) {
      const auto against = pair.kind == PairKind::kWhole ? Against::kParent : Against::kNothing;
      add_pieces(pieces, {i, std::nullopt, 0, 0, 0, pair.child->n_bytes, against},
                 gguf::traits(pair.child->type).block_bytes);
      continue;
    }
    const auto ids = kept.find(pair.layer);
    if (ids == kept.end()) continue;
    const auto wanted = kept_slabs(ids->second, n_expert, pair.n_slab);
    add_slabs(pieces, i, pair, wanted, form.zero, pair.kind == PairKind::kChunks);
    compared.n_expert += wanted.size();
  }
  for (const auto& piece : pieces)
    if (piece.against != Against::kNothing) compared.n_bytes += piece.n_bytes;
  return pieces;
}

std::string place(const Piece& piece, bool zero) {
  if (!piece.expert) return {};
  const auto what = piece.expert->is_chunk ? "chunk" : "expert";
  if (zero) return fmt::format("{} {} ", what, piece.expert->id);
  return fmt::format("kept {} {} (the parent's {}) ", what, piece.expert->slot, piece.expert->id);
}

std::optional<std::string> judge(const Piece& piece, const std::string& where,
                                 std::span<const std::byte> parent,
                                 std::span<const std::byte> child) {
  if (piece.against == Against::kNothing) return std::nullopt;
  if (std::memcmp(parent.data(), child.data(), child.size()) == 0) return std::nullopt;
  const auto at =
      static_cast<std::uint64_t>(std::ranges::mismatch(parent, child).in1 - parent.begin());
  return fmt::format("{}{} at byte {} ({:#04x} vs {:#04x})", where,
                     piece.against == Against::kZeros ? "is removed but not zero" : "differs",
                     piece.in_expert + at, std::to_integer<unsigned>(child[at]),
                     std::to_integer<unsigned>(parent[at]));
}

// What is found is sorted back into the order of the pieces at the end.
class Comparison {
 public:
  Comparison(const gguf::GgufFile& parent, const gguf::GgufFile& child,
             std::span<const TensorPair> pairs, std::span<const Piece> pieces, bool zero,
             const gguf::Dequantizer* dequantizer)
      : parent_(parent),
        child_(child),
        pairs_(pairs),
        pieces_(pieces),
        zero_(zero),
        dequantizer_(dequantizer),
        squares_(pieces.size(), 0.0) {}

  Worker worker() {
    // Zeros where there is nothing to read.
    return [this, parent = std::vector<std::byte>(kChunkBytes),
            child = std::vector<std::byte>(kChunkBytes),
            scan = ValueScan(dequantizer_)](std::size_t piece) mutable -> Result<std::uint64_t> {
      COE_TRY_STATUS(look(piece, parent, child, scan));
      return pieces_[piece].n_bytes;
    };
  }

  std::vector<Found> take_found() {
    std::ranges::sort(found_, {}, &Found::piece);
    return std::move(found_);
  }

  // Over the pieces of each pair, in their order: the sum does not depend on the threads.
  std::vector<TensorNorm> norms() const {
    std::vector<double> sums(pairs_.size(), 0.0);
    for (std::size_t i = 0; i < pieces_.size(); ++i) sums[pieces_[i].pair] += squares_[i];
    std::vector<TensorNorm> out;
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      if (dequantizer_ != nullptr && dequantizer_->can(pairs_[i].child->type))
        out.push_back({pairs_[i].child->name, std::sqrt(sums[i])});
    return out;
  }

 private:
  Status look(std::size_t index, std::vector<std::byte>& parent_buffer,
              std::vector<std::byte>& child_buffer, ValueScan& scan) {
    const Piece& piece = pieces_[index];
    const TensorPair& pair = pairs_[piece.pair];
    const auto n = static_cast<std::size_t>(piece.n_bytes);
    const auto parent = std::span(parent_buffer).first(n);
    const auto child = std::span(child_buffer).first(n);
    COE_TRY_STATUS(child_.read(*pair.child, piece.child_at, child));
    if (piece.against == Against::kParent)
      COE_TRY_STATUS(parent_.read(*pair.parent, piece.parent_at, parent));
    else
      std::ranges::fill(parent, std::byte{0});
    const std::string where = place(piece, zero_);
    if (auto message = judge(piece, where, parent, child)) add(index, *std::move(message));
    const auto values = scan.look(pair.child->type, child);
    squares_[index] = values.sum_of_squares;
    if (values.bad_block) {
      const auto& traits = gguf::traits(pair.child->type);
      add(index,
          fmt::format("{}is not finite in {} {}", where, traits.block_size == 1 ? "value" : "block",
                      piece.in_expert / traits.block_bytes + *values.bad_block));
    }
    return {};
  }

  void add(std::size_t piece, std::string message) {
    const std::lock_guard lock(mutex_);
    found_.push_back({piece, std::move(message)});
  }

  const gguf::GgufFile& parent_;
  const gguf::GgufFile& child_;
  std::span<const TensorPair> pairs_;
  std::span<const Piece> pieces_;
  bool zero_ = false;
  const gguf::Dequantizer* dequantizer_;
  std::vector<double> squares_;  // of each piece; written by the thread that has it
  std::mutex mutex_;             // guards the rest
  std::vector<Found> found_;
};

}  // namespace

Result<Compared> compare_tensors(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                 std::span<const TensorPair> pairs, const KeptExperts& kept,
                                 const CutForm& form, const gguf::Dequantizer* dequantizer,
                                 Observer& observer, Findings& findings) {
  Compared compared;
  const auto pieces = cut_up(pairs, kept, form, compared);
  std::uint64_t total = 0;
  for (const auto& piece : pieces) total += piece.n_bytes;
  Comparison comparison(parent, child, pairs, pieces, form.zero, dequantizer);
  const auto status = run_jobs(
      {pieces.size(), "verify", total, "bytes"}, [&comparison] { return comparison.worker(); },
      observer);
  if (!status && status.error().code == Code::kCancelled)
    return fail(Code::kCancelled,
                fmt::format("{}: stopped before the check was complete", child.path().string()));
  COE_TRY_STATUS(status);
  for (auto& found : comparison.take_found())
    findings.add(pairs[pieces[found.piece].pair].child->name, std::move(found.message));
  compared.norms = comparison.norms();
  return compared;
}

}  // namespace coe
