#include "coe/child/surgery/child_source.h"

#include "coe/base/result.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace coe {
namespace {

// A run of the child's bytes that come from one place.
struct Piece {
  std::uint64_t position = 0;  // in the child
  std::uint64_t n_bytes = 0;
  const std::byte* memory = nullptr;  // null: from `range`
  ByteRange range;
};

class ChildSource : public gguf::GgufSource {
 public:
  ChildSource(gguf::GgufFile parent, SurgeryPlan plan, std::string name)
      : parent_(std::move(parent)), plan_(std::move(plan)), name_(std::move(name)) {
    COE_CHECK(plan_.parts.size() == 1);
    const PartPlan& part = plan_.parts.front();
    add_memory(part.header_bytes);
    for (std::size_t i = 0; i < part.tensors.size(); ++i) {
      add_memory(part.tensors[i].bytes);
      for (const ByteRange& range : part.tensors[i].ranges) add(range, nullptr);
      const std::uint64_t alignment = part.header.alignment;
      const std::uint64_t padding =
          (alignment - part.header.tensors[i].n_bytes % alignment) % alignment;
      add({.n_bytes = padding, .source = ByteRange::Source::kZeros}, nullptr);
    }
    COE_CHECK(end_ == part.header.file_bytes);
  }

  const std::string& name() const override { return name_; }
  const gguf::Header& header() const override { return plan_.parts.front().header; }

  Status read(std::uint64_t position, std::span<std::byte> out) const override {
    COE_CHECK(out.size() <= end_ && position <= end_ - out.size());
    auto piece = std::ranges::upper_bound(pieces_, position, {}, &Piece::position);
    if (piece != pieces_.begin()) --piece;
    while (!out.empty()) {
      const std::uint64_t skip = position - piece->position;
      const auto part = out.first(
          static_cast<std::size_t>(std::min<std::uint64_t>(piece->n_bytes - skip, out.size())));
      COE_TRY_STATUS(read_piece(*piece, skip, part));
      out = out.subspan(part.size());
      position += part.size();
      ++piece;
    }
    return {};
  }

  Status check_unchanged() const override { return parent_.check_unchanged(); }

 private:
  void add(const ByteRange& range, const std::byte* memory) {
    if (range.n_bytes == 0) return;
    pieces_.push_back({end_, range.n_bytes, memory, range});
    end_ += range.n_bytes;
  }
  void add_memory(const std::vector<std::byte>& bytes) {
    add({.n_bytes = bytes.size()}, bytes.data());
  }

  Status read_piece(const Piece& piece, std::uint64_t skip, std::span<std::byte> out) const {
    if (piece.memory != nullptr) {
      std::memcpy(out.data(), piece.memory + skip, out.size());
      return {};
    }
    if (piece.range.source == ByteRange::Source::kZeros) {
      std::ranges::fill(out, std::byte{0});
      return {};
    }
    return parent_.read_part(piece.range.part, piece.range.offset + skip, out);
  }

  gguf::GgufFile parent_;
  SurgeryPlan plan_;
  std::string name_;
  std::vector<Piece> pieces_;  // by position, without gaps
  std::uint64_t end_ = 0;
};

}  // namespace

std::shared_ptr<const gguf::GgufSource> child_source(gguf::GgufFile parent, SurgeryPlan plan,
                                                     std::string name) {
  return std::make_shared<ChildSource>(std::move(parent), std::move(plan), std::move(name));
}

}  // namespace coe
