// The parent's logits of a text in a file, condensed (docs/formats/parent-logits.md): computed
// once, for any number of specialists and masks. Read with every length and value checked: a file
// is untrusted bytes.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/measure/eval/logits.h"
#include "coe/measure/eval/reference.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A row is that of one position.
struct ParentRow {
  double norm = 0.0;        // log_sum_exp of all logits
  float next_logit = 0.0F;  // of the token that comes
  std::uint32_t first = 0;  // the token with the largest logit
  CondensedLogits condensed;
};

struct ParentLogitsHeader {
  std::uint32_t n_vocab = 0;
  double tail = 0.0;  // see condense()
  std::uint64_t n_sequence = 0;
  std::uint64_t n_token = 0;  // scored
  std::string model_digest;   // of the parent
  std::string text_digest;    // of tokens, and which of them count
  std::string settings;       // run_settings() of who ran; at most 64 kB
};

std::string encode_header(const ParentLogitsHeader& header);
std::string encode_sequence(std::span<const ParentRow> rows);

// Reads a file's bytes, which must outlive it, sequence by sequence. Memory: one sequence. Errors:
// kCorrupt, naming the place; kUnsupported for another version.
class ParentLogitsReader {
 public:
  static Result<ParentLogitsReader> open(std::span<const std::byte> bytes, std::string name);
  const ParentLogitsHeader& header() const { return header_; }
  // The next sequence's rows; after the last, that nothing follows is checked by finish().
  Result<std::vector<ParentRow>> next();
  Status finish() const;

 private:
  ParentLogitsReader(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}
  std::span<const std::byte> bytes_;
  std::string name_;
  ParentLogitsHeader header_;
  std::size_t at_ = 0;
  std::uint64_t n_read_ = 0;
};

struct ParentCacheOptions {
  Path file;
  // The parent's; empty means any, with a file that exists.
  std::string model_digest;
  std::string settings;  // run_settings()
  double tail = 1e-4;
};

// Reads the file where it exists, else runs the parent and writes it. Either way subjects are
// compared with the condensed logits, so that both give the same numbers. The file appears when all
// is done.
class ParentCache : public ReferenceSource {
 public:
  // `parent` may be null when the file exists, and then is not run. Errors: kNotFound when neither
  // is there; those of ParentLogitsReader::open and AtomicFile::create.
  static Result<std::unique_ptr<ParentCache>> open(const ParentCacheOptions& options,
                                                   const EvalSubject* parent);
  ~ParentCache() override;

  const EvalSubject* subject() const override { return parent_ ? &*parent_ : nullptr; }
  // Errors: kMismatch when the file is of another parent, text or tail, or of other settings,
  // naming the first that differs.
  Status begin(std::span<const ScoredSequence> sequences, std::size_t n_vocab) override;
  Result<const Reference*> next(const ScoredSequence& sequence, Observer& observer) override;
  Status finish() override;

  bool is_written() const { return output_.has_value(); }  // by this run
  std::uint64_t n_byte() const { return n_byte_; }
  const ParentLogitsHeader& header() const { return header_; }

 private:
  class Rows;
  explicit ParentCache(const ParentCacheOptions& options);

  ParentCacheOptions options_;
  ParentLogitsHeader header_;
  std::optional<EvalSubject> parent_;         // writing
  std::optional<AtomicFile> output_;          // writing
  std::optional<MappedFile> input_;           // reading
  std::optional<ParentLogitsReader> reader_;  // reading
  std::unique_ptr<Rows> rows_;
  std::uint64_t n_byte_ = 0;
};

}  // namespace coe
