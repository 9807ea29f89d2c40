// Published sets hold records that cannot be used. A few of them are left out and counted by
// reason; more are an error.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// How many bad records a source may have.
struct BadLimit {
  double share = 0.01;                 // of its records
  std::optional<std::uint64_t> count;  // instead of the share

  // A share above 0 allows at least one, but one below 1 never all of them.
  std::uint64_t allowed(std::uint64_t n_record) const;
  // Reads "2%" or "20". Errors: kInvalidArgument.
  static Result<BadLimit> parse(std::string_view text);
};

struct BadReason {
  std::string reason;  // of the first of them
  std::uint64_t n = 0;
  std::string first;  // "in/a.jsonl:7"
};

class BadRecords {
 public:
  // `place` is where the record is. Reasons that differ in numbers only are one.
  void add(const Error& error, const std::string& place);
  void add(const BadRecords& others);

  std::uint64_t n() const { return n_; }
  // The most frequent first. Beyond so many, all others are one.
  std::vector<BadReason> reasons() const;
  // Errors: kCorrupt when more than `limit` allows of `n_record` were bad; the message is that of
  // the first, and the hint says how more may be.
  Status check(const BadLimit& limit, std::uint64_t n_record) const;

 private:
  struct Kind {
    std::string key;  // the reason without its numbers
    BadReason reason;
  };
  BadReason& reason_of(std::string_view reason, const std::string& place);

  std::uint64_t n_ = 0;
  std::vector<Kind> kinds_;  // in the order of their first record
  std::string first_hint_;
};

}  // namespace coe
