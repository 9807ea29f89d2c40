#include "coe/measure/eval/parent_cache.h"

#include "coe/base/hash.h"
#include "coe/engine/run_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace coe {

namespace {

std::string text_digest(std::span<const ScoredSequence> sequences) {
  Hasher hasher;
  for (const auto& sequence : sequences) {
    hasher.add(std::uint64_t{sequence.tokens.size()});
    hasher.add(std::as_bytes(std::span(sequence.tokens)));
    for (std::size_t i = 0; i < sequence.scored.size(); ++i)
      hasher.add(std::string_view(sequence.scored[i] ? "1" : "0"));
  }
  return hasher.digest();
}

}  // namespace

// The rows of one sequence; written while the parent runs, or as read.
class ParentCache::Rows : public Reference, public RowObserver {
 public:
  Rows(const ScoredSequence& sequence, double tail, std::uint32_t n_thread)
      : RowObserver(n_thread),
        sequence_(sequence),
        index_(sequence),
        tail_(tail),
        rows_(index_.n_row()) {}

  void on_row(std::size_t position, std::uint32_t /*i*/, std::span<const float> logits) override {
    const auto at = index_.find(position);
    if (!at) return;
    auto& row = rows_[*at];
    row.norm = log_sum_exp(logits);
    row.next_logit = logits[static_cast<std::size_t>(sequence_.tokens[position + 1])];
    row.first = static_cast<std::uint32_t>(first_choice(logits));
    row.condensed = condense(logits, row.norm, tail_);
  }
  std::size_t n_row() const { return rows_.size(); }
  std::span<const ParentRow> rows() const { return rows_; }
  void set(std::vector<ParentRow> rows) { rows_ = std::move(rows); }

  double nll(std::size_t position) const override {
    const auto& row = at(position);
    return row.norm - row.next_logit;
  }
  std::size_t first(std::size_t position) const override { return at(position).first; }
  Divergence compare(std::size_t position, std::span<const float> logits, double norm,
                     std::size_t /*first*/) const override {
    const auto& row = at(position);
    const auto bounds = compare_condensed(row.condensed, row.norm, logits, norm);
    Divergence out;
    out.kl = bounds.lower;
    out.kl_slack = bounds.upper - bounds.lower;
    return out;
  }

 private:
  const ParentRow& at(std::size_t position) const { return rows_[index_.at(position)]; }
  const ScoredSequence& sequence_;
  RowIndex index_;
  double tail_;
  std::vector<ParentRow> rows_;
};

ParentCache::ParentCache(const ParentCacheOptions& options) : options_(options) {}
ParentCache::~ParentCache() = default;

Result<std::unique_ptr<ParentCache>> ParentCache::open(const ParentCacheOptions& options,
                                                       const EvalSubject* parent) {
  std::unique_ptr<ParentCache> cache(new ParentCache(options));
  std::error_code ec;
  if (std::filesystem::exists(options.file, ec)) {
    COE_TRY(cache->input_, MappedFile::open(options.file));
    COE_TRY(cache->reader_,
            ParentLogitsReader::open(cache->input_->bytes(), options.file.string()));
    cache->header_ = cache->reader_->header();
    cache->n_byte_ = cache->input_->bytes().size();
    return cache;
  }
  if (parent == nullptr)
    return fail(Code::kNotFound, fmt::format("{}: no such file", options.file.string()),
                "give the parent, too: it is run once, and the file written");
  COE_TRY(auto output, AtomicFile::create(options.file, Overwrite::kRefuse));
  cache->output_.emplace(std::move(output));
  cache->parent_ = *parent;
  return cache;
}

Status ParentCache::begin(std::span<const ScoredSequence> sequences, std::size_t n_vocab) {
  ParentLogitsHeader wanted;
  wanted.n_vocab = static_cast<std::uint32_t>(n_vocab);
  wanted.tail = options_.tail;
  wanted.n_sequence = sequences.size();
  for (const auto& sequence : sequences)
    wanted.n_token += static_cast<std::uint64_t>(std::ranges::count(sequence.scored, true));
  wanted.model_digest = options_.model_digest;
  wanted.text_digest = text_digest(sequences);
  wanted.settings = options_.settings;
  if (!reader_) {
    header_ = wanted;
    const auto text = encode_header(header_);
    n_byte_ = text.size();
    return output_->write(text);
  }
  const auto refuse = [&](std::string_view what) {
    return fail(Code::kMismatch, fmt::format("{}: is of {}", options_.file.string(), what),
                "remove it, or name another file");
  };
  if (!wanted.model_digest.empty() && header_.model_digest != wanted.model_digest)
    return refuse("another parent");
  if (header_.n_vocab != wanted.n_vocab) return refuse("a model of another vocabulary");
  if (header_.text_digest != wanted.text_digest || header_.n_sequence != wanted.n_sequence ||
      header_.n_token != wanted.n_token)
    return refuse("other text, or of this text cut or windowed otherwise");
  // Whoever takes the logits of any parent has no model of his own to hold them to.
  const bool any = wanted.model_digest.empty();
  if (const auto difference =
          settings_difference(any ? without_model(header_.settings) : header_.settings,
                              any ? without_model(wanted.settings) : wanted.settings))
    return refuse("another setting: " + *difference);
  if (header_.tail != wanted.tail)
    return refuse(fmt::format("a tail of {:g}, not {:g}", header_.tail, wanted.tail));
  return {};
}

Result<const Reference*> ParentCache::next(const ScoredSequence& sequence, Observer& observer) {
  rows_ = std::make_unique<Rows>(sequence, header_.tail,
                                 parent_ ? parent_->engine->info().n_thread : 1);
  if (!reader_) {
    COE_TRY_STATUS(decode_subject(*parent_, sequence.tokens, *rows_, observer));
    const auto text = encode_sequence(rows_->rows());
    n_byte_ += text.size();
    COE_TRY_STATUS(output_->write(text));
    return rows_.get();
  }
  COE_TRY(auto rows, reader_->next());
  if (rows.size() != rows_->n_row())
    return fail(Code::kCorrupt,
                fmt::format("{}: has {} rows where the text has {}", options_.file.string(),
                            rows.size(), rows_->n_row()),
                "remove it: it is made again");
  rows_->set(std::move(rows));
  return rows_.get();
}

Status ParentCache::finish() { return reader_ ? reader_->finish() : output_->commit(); }

}  // namespace coe
