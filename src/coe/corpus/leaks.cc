#include "coe/corpus/leaks.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/ngram_index.h"
#include "coe/corpus/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

// This is a record with its place in its corpus.
struct Item {
  const Record* record = nullptr;
  const SubDomain* domain = nullptr;
  std::uint32_t number = 0;  // from 1; records of the same words share the first one's
};

// The records of a corpus, numbered so that a text that is there many times counts once.
std::vector<Item> items_of(const Corpus& corpus) {
  std::vector<Item> out;
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  for (const auto& domain : corpus.domains) {
    for (const auto& record : domain.records) {
      const auto next = static_cast<std::uint32_t>(out.size() + 1);
      const std::uint32_t number = seen.try_emplace(squeezed_hash(record.text), next).first->second;
      out.push_back({&record, &domain, number});
    }
  }
  return out;
}

bool first_of_its_words(const std::vector<Item>& items, std::size_t i) {
  return items[i].number == i + 1;
}

// An evaluation record that may be a leak, and the profiling record that shares most with it.
struct Suspect {
  std::size_t item = 0;
  std::vector<Word> words;
  double overlap = 0.0;
  bool by_share = false;
  std::size_t run_begin = 0;  // the longest run of shared words
  std::size_t run_end = 0;
  const Item* place = nullptr;
  bool whole = false;
  std::uint64_t n_shared = 0;  // n-grams shared with `place`
};

// One n-gram of a suspect.
struct Posting {
  std::uint64_t ngram = 0;
  std::uint32_t suspect = 0;
  std::uint32_t position = 0;
  std::uint32_t last_record = 0;  // counted once a record
};

std::string excerpt_of(std::string_view text) {
  constexpr std::size_t kLongest = 160;
  std::string out;
  bool blank = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) {
      blank = !out.empty();
      continue;
    }
    if (out.size() >= kLongest && is_char_start(c)) return out + "…";
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

class LeakFinder {
 public:
  LeakFinder(const Corpus& profiling, const Corpus& evaluation, const LeakOptions& options,
             Observer& observer)
      : options_(options),
        observer_(observer),
        profiling_(items_of(profiling)),
        evaluation_(items_of(evaluation)),
        index_(ngrams_of_evaluation()) {}

  Result<LeakReport> run() {
    report_.n_record = evaluation_.size();
    COE_TRY_STATUS(count_profiling());
    for (std::size_t i = 0; i < evaluation_.size(); ++i) judge(i);
    if (!suspects_.empty()) COE_TRY_STATUS(place_suspects());
    report_.n_ngram = index_.counts().size();
    for (const auto& counts : index_.counts())
      report_.n_boilerplate += static_cast<std::uint64_t>(is_boilerplate(counts));
    for (const auto& suspect : suspects_) add_leak(suspect);
    return std::move(report_);
  }

 private:
  // Also learns which records are too short to have one.
  std::vector<std::uint64_t> ngrams_of_evaluation() {
    std::vector<std::uint64_t> out;
    for (std::size_t i = 0; i < evaluation_.size(); ++i) {
      const auto words = words_of(evaluation_[i].record->text);
      if (words.size() < options_.ngram) {
        short_records_.try_emplace(squeezed_hash(evaluation_[i].record->text), nullptr);
      } else if (first_of_its_words(evaluation_, i)) {
        const auto ngrams = ngrams_of(words, options_.ngram);
        out.insert(out.end(), ngrams.begin(), ngrams.end());
      }
    }
    return out;
  }

  template <class Visit>
  Status visit_profiling(std::string_view stage, Visit visit) {
    constexpr std::size_t kPerPoll = 256;
    for (std::size_t i = 0; i < profiling_.size(); ++i) {
      if (i % kPerPoll == 0) {
        if (observer_.cancelled())
          return fail(Code::kCancelled, fmt::format("{}: interrupted", stage));
        observer_.progress(stage, i, profiling_.size(), "records");
      }
      if (first_of_its_words(profiling_, i))
        visit(profiling_[i], words_of(profiling_[i].record->text));
    }
    observer_.progress(stage, profiling_.size(), profiling_.size(), "records");
    return {};
  }

  Status count_profiling() {
    for (std::size_t i = 0; i < evaluation_.size(); ++i) {
      if (!first_of_its_words(evaluation_, i)) continue;
      for (const auto ngram : ngrams_of(words_of(evaluation_[i].record->text), options_.ngram))
        index_.find(ngram)->evaluation.see(evaluation_[i].number);
    }
    return visit_profiling("leaks", [&](const Item& item, const std::vector<Word>& words) {
      if (words.size() < options_.ngram && !short_records_.empty()) {
        const auto found = short_records_.find(squeezed_hash(item.record->text));
        if (found != short_records_.end() && found->second == nullptr) found->second = &item;
      }
      for (const auto ngram : ngrams_of(words, options_.ngram)) {
        if (auto* counts = index_.find(ngram)) counts->profiling.see(item.number);
      }
    });
  }

  bool is_boilerplate(const NgramIndex::Counts& counts) const {
    return counts.evaluation.n_record > options_.boilerplate ||
           counts.profiling.n_record > options_.boilerplate;
  }

  // Makes a record a suspect where its share is high or all of it is somewhere.
  void judge(std::size_t i) {
    Suspect suspect;
    suspect.item = i;
    suspect.words = words_of(evaluation_[i].record->text);
    if (suspect.words.size() < options_.ngram) {
      suspect.place = short_records_.at(squeezed_hash(evaluation_[i].record->text));
      suspect.whole = suspect.place != nullptr;
      if (suspect.whole) suspects_.push_back(std::move(suspect));
      return;
    }
    std::size_t n_own = 0;
    std::size_t n_shared = 0;
    std::size_t n_somewhere = 0;
    std::size_t run = 0;
    const auto ngrams = ngrams_of(suspect.words, options_.ngram);
    for (std::size_t at = 0; at < ngrams.size(); ++at) {
      const auto& counts = *index_.find(ngrams[at]);
      const bool shared = counts.profiling.n_record > 0;
      n_somewhere += static_cast<std::size_t>(shared);
      run = shared ? run + 1 : 0;
      if (run > 0 && run + options_.ngram - 1 > suspect.run_end - suspect.run_begin) {
        suspect.run_begin = at + 1 - run;
        suspect.run_end = at + options_.ngram;
      }
      if (is_boilerplate(counts)) continue;
      ++n_own;
      n_shared += static_cast<std::size_t>(shared);
    }
    // With boilerplate, and fewer n-grams of its own than one word touches, a record is a form with
    // one slot filled in: only all of it says something.
    if (n_own == ngrams.size() || n_own >= options_.ngram) {
      suspect.overlap = static_cast<double>(n_shared) / static_cast<double>(n_own);
      suspect.by_share = suspect.overlap >= options_.share;
    }
    if (suspect.by_share || n_somewhere == ngrams.size())
      suspects_.push_back(std::move(suspect));
    else
      report_.highest_clean = std::max(report_.highest_clean, suspect.overlap);
  }

  Status place_suspects() {
    std::vector<Posting> postings;
    for (std::uint32_t s = 0; s < suspects_.size(); ++s) {
      const auto ngrams = ngrams_of(suspects_[s].words, options_.ngram);
      for (std::uint32_t at = 0; at < ngrams.size(); ++at)
        postings.push_back({ngrams[at], s, at, 0});
    }
    std::sort(postings.begin(), postings.end(), [](const Posting& a, const Posting& b) {
      return std::tie(a.ngram, a.suspect, a.position) < std::tie(b.ngram, b.suspect, b.position);
    });
    return visit_profiling("leaks, where", [&](const Item& item, const std::vector<Word>& words) {
      place_in(item, words, postings);
    });
  }

  void place_in(const Item& item, const std::vector<Word>& words, std::vector<Posting>& postings) {
    const auto ngrams = ngrams_of(words, options_.ngram);
    std::unordered_map<std::uint32_t, std::uint64_t> n_shared;
    std::unordered_set<std::uint32_t> whole;
    for (std::size_t at = 0; at < ngrams.size(); ++at) {
      if (index_.find(ngrams[at]) == nullptr) continue;
      auto posting =
          std::lower_bound(postings.begin(), postings.end(), ngrams[at],
                           [](const Posting& p, std::uint64_t ngram) { return p.ngram < ngram; });
      for (; posting != postings.end() && posting->ngram == ngrams[at]; ++posting) {
        if (posting->position == 0 && contains(words, at, suspects_[posting->suspect].words))
          whole.insert(posting->suspect);
        if (posting->last_record == item.number) continue;
        posting->last_record = item.number;
        ++n_shared[posting->suspect];
      }
    }
    for (const auto& [s, n] : n_shared) {  // each suspect is told once: their order is no matter
      auto& suspect = suspects_[s];
      const bool is_whole = whole.contains(s);
      if (std::tie(is_whole, n) <= std::tie(suspect.whole, suspect.n_shared)) continue;
      suspect.whole = is_whole;
      suspect.n_shared = n;
      suspect.place = &item;
    }
  }

  static bool contains(const std::vector<Word>& words, std::size_t at,
                       const std::vector<Word>& part) {
    if (words.size() - at < part.size()) return false;
    return std::equal(part.begin(), part.end(), words.begin() + static_cast<std::ptrdiff_t>(at),
                      [](const Word& a, const Word& b) { return a.hash == b.hash; });
  }

  void add_leak(const Suspect& suspect) {
    if (!suspect.whole && !suspect.by_share) {
      report_.highest_clean = std::max(report_.highest_clean, suspect.overlap);
      return;
    }
    const Item& item = evaluation_[suspect.item];
    const std::string& text = item.record->text;
    Leak leak;
    leak.evaluation = item.record->where;
    leak.evaluation_domain = item.domain->name;
    leak.profiling = suspect.place->record->where;
    leak.profiling_domain = suspect.place->domain->name;
    leak.whole = suspect.whole;
    leak.overlap = suspect.whole ? 1.0 : suspect.overlap;
    std::string_view shared = text;
    if (suspect.run_end > 0) {
      const std::size_t begin = suspect.words[suspect.run_begin].begin;
      shared = shared.substr(begin, suspect.words[suspect.run_end - 1].end - begin);
    }
    leak.excerpt = excerpt_of(shared);
    report_.leaks.push_back(std::move(leak));
  }

  const LeakOptions& options_;
  Observer& observer_;
  std::vector<Item> profiling_;
  std::vector<Item> evaluation_;
  // By squeezed_hash(): where the profiling text has it, null when it has not.
  std::unordered_map<std::uint64_t, const Item*> short_records_;
  NgramIndex index_;
  std::vector<Suspect> suspects_;
  LeakReport report_;
};

}  // namespace

Result<LeakReport> find_leaks(const Corpus& profiling, const Corpus& evaluation,
                              const LeakOptions& options, Observer& observer) {
  if (options.ngram == 0)
    return fail(Code::kInvalidArgument, "leaks: an n-gram must have at least one word");
  if (!(options.share > 0.0) || options.share > 1.0)
    return fail(Code::kInvalidArgument,
                fmt::format("leaks: share {} is not above 0 and at most 1", options.share));
  return LeakFinder(profiling, evaluation, options, observer).run();
}

}  // namespace coe
