#include "coe/college/choose/train_text.h"

#include "coe/base/jobs.h"
#include "coe/base/rng.h"
#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/text_features.h"
#include "coe/college/choose/text_model.h"
#include "coe/college/choose/text_samples.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::uint32_t kUnknown = std::numeric_limits<std::uint32_t>::max();

// A record's features as numbers: of the count first, of the model's rows then.
struct IndexedRecord {
  struct Word {
    std::uint32_t row = kUnknown;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  std::array<std::vector<std::uint32_t>, kGramBytes.size()> grams;
  std::vector<Word> words;
  std::vector<Word> pairs;
};

// Numbers features in the order in which they are met, and counts in how many records each is.
class FeatureCount {
 public:
  FeatureCount() : slots_(std::size_t{1} << 16, kUnknown) {}

  std::uint32_t see(std::uint64_t feature, std::uint32_t record) {
    if (2 * features_.size() >= slots_.size()) grow();
    std::size_t at = feature & (slots_.size() - 1);
    while (slots_[at] != kUnknown && features_[slots_[at]].hash != feature)
      at = (at + 1) & (slots_.size() - 1);
    if (slots_[at] == kUnknown) {
      slots_[at] = static_cast<std::uint32_t>(features_.size());
      features_.push_back({feature, 0, kUnknown});
    }
    auto& found = features_[slots_[at]];
    if (found.last_record != record) ++found.n_record;
    found.last_record = record;
    return slots_[at];
  }

  // The hashes of those to keep, ascending; `row_of` says for each number which one it is, or
  // kUnknown.
  std::vector<std::uint64_t> keep(const TextTraining& options, std::vector<std::uint32_t>& row_of) {
    std::vector<std::uint32_t> kept;
    for (std::uint32_t i = 0; i < features_.size(); ++i)
      if (features_[i].n_record >= options.least_records) kept.push_back(i);
    if (kept.size() > options.most_features) {
      std::ranges::sort(kept, [&](std::uint32_t a, std::uint32_t b) {
        return std::pair(features_[b].n_record, features_[a].hash) <
               std::pair(features_[a].n_record, features_[b].hash);
      });
      kept.resize(options.most_features);
    }
    std::ranges::sort(kept, {}, [&](std::uint32_t i) { return features_[i].hash; });
    row_of.assign(features_.size(), kUnknown);
    std::vector<std::uint64_t> hashes;
    for (const auto i : kept) {
      row_of[i] = static_cast<std::uint32_t>(hashes.size());
      hashes.push_back(features_[i].hash);
    }
    return hashes;
  }

 private:
  struct Feature {
    std::uint64_t hash = 0;
    std::uint32_t n_record = 0;
    std::uint32_t last_record = kUnknown;
  };

  void grow() {
    slots_.assign(2 * slots_.size(), kUnknown);
    for (std::uint32_t i = 0; i < features_.size(); ++i) {
      std::size_t at = features_[i].hash & (slots_.size() - 1);
      while (slots_[at] != kUnknown) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = i;
    }
  }

  std::vector<Feature> features_;
  std::vector<std::uint32_t> slots_;
};

// All domains' records, with their features.
class IndexedTexts {
 public:
  IndexedTexts(std::span<const DomainText> domains, const TextTraining& options)
      : domains_(domains) {
    FeatureCount count;
    std::uint32_t n_record = 0;
    for (const auto& domain : domains) {
      auto& records = records_.emplace_back();
      for (const auto& text : domain.records)
        records.push_back(index(text_features(text), count, n_record++));
    }
    std::vector<std::uint32_t> row_of;
    features_ = count.keep(options, row_of);
    for (auto& records : records_)
      for (auto& record : records) {
        for (auto& grams : record.grams)
          for (auto& gram : grams) gram = row_of[gram];
        for (auto* words : {&record.words, &record.pairs})
          for (auto& word : *words) word.row = row_of[word.row];
      }
  }

  std::span<const DomainText> domains() const { return domains_; }
  const std::vector<std::uint64_t>& features() const { return features_; }

  // Calls with the row, or kUnknown, of each feature of the window.
  template <class Visit>
  void visit(const TextWindow& window, Visit visit) const {
    const auto& record = records_[window.domain][window.record];
    for (std::size_t i = 0; i < kGramBytes.size(); ++i)
      for (std::size_t at = window.begin; at + kGramBytes[i] <= window.end; ++at)
        visit(record.grams[i][at]);
    for (const auto* words : {&record.words, &record.pairs}) {
      auto word = std::ranges::lower_bound(*words, window.begin, {}, &IndexedRecord::Word::begin);
      for (; word != words->end() && word->end <= window.end; ++word) visit(word->row);
    }
  }

 private:
  static IndexedRecord index(const TextFeatures& features, FeatureCount& count,
                             std::uint32_t record) {
    IndexedRecord out;
    for (std::size_t i = 0; i < kGramBytes.size(); ++i) {
      out.grams[i].reserve(features.grams[i].size());
      for (const auto hash : features.grams[i]) out.grams[i].push_back(count.see(hash, record));
    }
    for (const auto& word : features.words)
      out.words.push_back({count.see(word.hash, record), word.begin, word.end});
    for (const auto& pair : features.pairs)
      out.pairs.push_back({count.see(pair.hash, record), pair.begin, pair.end});
    return out;
  }

  std::span<const DomainText> domains_;
  std::vector<std::vector<IndexedRecord>> records_;  // [domains][records]
  std::vector<std::uint64_t> features_;
};

// A model while it learns.
class Learner {
 public:
  Learner(const IndexedTexts& texts, const TextTraining& options)
      : texts_(texts),
        rate_(static_cast<float>(options.rate)),
        n_domain_(texts.domains().size()),
        weights_(texts.features().size() * n_domain_, 0.0F),
        squares_(texts.features().size(), 0.0F),
        counts_(texts.features().size(), 0),
        bias_(n_domain_, 0.0F),
        scores_(n_domain_, 0.0F) {}

  void learn(const TextWindow& window) {
    read(window, [](std::uint32_t) { return true; });
    if (rows_.empty()) return;
    score();
    float most = *std::ranges::max_element(scores_);
    float sum = 0.0F;
    for (auto& value : scores_) sum += value = std::exp(value - most);
    float steepness = 0.0F;
    for (std::size_t d = 0; d < n_domain_; ++d) {
      scores_[d] = scores_[d] / sum - (d == window.domain ? 1.0F : 0.0F);
      steepness += scores_[d] * scores_[d];
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const auto row = rows_[i];
      squares_[row] += values_[i] * values_[i] * steepness;
      const float step = rate_ * values_[i] / std::sqrt(squares_[row] + kLeastSquare);
      float* const weights = &weights_[row * n_domain_];
      for (std::size_t d = 0; d < n_domain_; ++d) weights[d] -= step * scores_[d];
    }
    bias_square_ += steepness;
    const float step = rate_ / std::sqrt(bias_square_ + 1.0F);
    for (std::size_t d = 0; d < n_domain_; ++d) bias_[d] -= step * scores_[d];
  }

  // As the model itself would judge it.
  Judged judge(const TextWindow& window) {
    const auto n = read(window, [&](std::uint32_t row) { return squares_[row] > 0.0F; });
    score();
    Judged out;
    out.domain = window.domain;
    out.evidence[0].assign(scores_.begin(), scores_.end());
    out.known = n == 0 ? 0.0 : static_cast<double>(n_known_) / static_cast<double>(n);
    return out;
  }

  // Without features that were never met.
  TextModel model() const {
    TextModel out;
    out.bias = bias_;
    for (std::size_t row = 0; row < squares_.size(); ++row) {
      if (squares_[row] == 0.0F) continue;
      out.features.push_back(texts_.features()[row]);
      const auto* const weights = &weights_[row * n_domain_];
      out.weights.insert(out.weights.end(), weights, weights + n_domain_);
    }
    return out;
  }

 private:
  // So that the first step of a feature is no larger than a hundred times its value.
  static constexpr float kLeastSquare = 1e-4F;

  // Sets rows_ and values_, and returns how many features there are, known or not.
  template <class Known>
  std::size_t read(const TextWindow& window, Known is_known) {
    rows_.clear();
    values_.clear();
    n_known_ = 0;
    std::size_t n = 0;
    texts_.visit(window, [&](std::uint32_t row) {
      ++n;
      if (row == kUnknown || !is_known(row)) return;
      ++n_known_;
      if (counts_[row]++ == 0) rows_.push_back(row);
    });
    float squares = 0.0F;
    for (const auto row : rows_) {
      values_.push_back(1.0F + std::log(static_cast<float>(counts_[row])));
      squares += values_.back() * values_.back();
      counts_[row] = 0;
    }
    const float length = squares > 0.0F ? std::sqrt(squares) : 1.0F;
    for (auto& value : values_) value /= length;
    return n;
  }

  void score() {
    scores_ = bias_;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const float* const weights = &weights_[rows_[i] * n_domain_];
      for (std::size_t d = 0; d < n_domain_; ++d) scores_[d] += values_[i] * weights[d];
    }
  }

  const IndexedTexts& texts_;
  float rate_;
  std::size_t n_domain_;
  std::vector<float> weights_;  // [n_feature][n_domain]
  std::vector<float> squares_;  // [n_feature] sum of the squares of its gradients
  std::vector<std::uint32_t> counts_;
  std::vector<float> bias_;
  float bias_square_ = 0.0F;
  std::vector<float> scores_;
  std::vector<std::uint32_t> rows_;  // of the window at hand
  std::vector<float> values_;
  std::size_t n_known_ = 0;
};

// Draws windows of one domain.
class WindowSource {
 public:
  WindowSource(std::span<const DomainText> domains, std::size_t domain, std::size_t without_fold,
               const TextTraining& options)
      : text_(domains[domain]), domain_(domain), options_(options) {
    for (std::size_t r = 0; r < text_.records.size(); ++r) {
      if (text_.folds[r] == without_fold) continue;
      records_.push_back(r);
      n_byte_ += text_.records[r].size();
      ends_.push_back(n_byte_);
    }
  }

  bool empty() const { return records_.empty(); }

  // Half of them begin where a record does, as requests do, and half of them anywhere; short ones
  // are as many as long ones, on a scale of logarithms.
  TextWindow draw(Rng& rng) const {
    TextWindow out;
    out.domain = domain_;
    const bool from_start = rng.below(2) == 0;
    const auto at = rng.below(n_byte_);
    const auto i =
        from_start ? rng.below(records_.size())
                   : static_cast<std::size_t>(std::ranges::upper_bound(ends_, at) - ends_.begin());
    out.record = records_[i];
    const std::string_view text = text_.records[out.record];
    if (!from_start) out.begin = next_word(text, at - (ends_[i] - text.size()));
    const double least = std::log(static_cast<double>(options_.least_bytes));
    const double most = std::log(static_cast<double>(options_.most_bytes));
    const auto n = static_cast<std::size_t>(std::exp(least + (most - least) * rng.uniform()));
    out.end = out.begin + std::min(n, text.size() - out.begin);
    return out;
  }

 private:
  const DomainText& text_;
  std::size_t domain_;
  const TextTraining& options_;
  std::vector<std::size_t> records_;
  std::vector<std::size_t> ends_;
  std::size_t n_byte_ = 0;
};

// Nothing where a domain has no text outside the fold.
std::optional<Learner> learned(const IndexedTexts& texts, std::size_t without_fold,
                               const TextTraining& options) {
  std::vector<WindowSource> sources;
  for (std::size_t d = 0; d < texts.domains().size(); ++d) {
    sources.emplace_back(texts.domains(), d, without_fold, options);
    if (sources.back().empty()) return std::nullopt;
  }
  Learner out(texts, options);
  Rng rng(derived_seed(options.seed, without_fold));
  for (std::size_t i = 0; i < options.n_window; ++i)
    for (const auto& source : sources) out.learn(source.draw(rng));
  return out;
}

}  // namespace

TrainedText train_text(std::span<const DomainText> domains, std::span<const TextWindow> windows,
                       const TextTraining& options) {
  const IndexedTexts texts(domains, options);
  TrainedText out;
  out.judged.resize(windows.size());
  // The last job is the model of all.
  for_each_at_once(kFolds + 1, options.n_thread, [&](std::size_t fold) {
    const bool all = fold == kFolds;
    auto learner = learned(texts, fold, options);
    if (!learner) return;
    if (all) {
      out.model = learner->model();
      return;
    }
    for (std::size_t i = 0; i < windows.size(); ++i)
      if (domains[windows[i].domain].folds[windows[i].record] == fold)
        out.judged[i] = learner->judge(windows[i]);
  });
  return out;
}

}  // namespace coe
