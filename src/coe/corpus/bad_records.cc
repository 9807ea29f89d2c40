#include "coe/corpus/bad_records.h"

#include "coe/base/parse.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kMostKinds = 20;
constexpr std::string_view kOthers = "other reasons";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string without_numbers(std::string_view reason) {
  std::string out;
  for (const char c : reason) {
    if (!is_digit(c))
      out += c;
    else if (out.empty() || out.back() != '#')
      out += '#';
  }
  return out;
}

}  // namespace

std::uint64_t BadLimit::allowed(std::uint64_t n_record) const {
  if (count) return *count;
  if (share >= 1.0) return n_record;
  if (share <= 0.0 || n_record == 0) return 0;
  const auto n = static_cast<std::uint64_t>(std::floor(share * static_cast<double>(n_record)));
  return std::min(std::max<std::uint64_t>(n, 1), n_record - 1);
}

Result<BadLimit> BadLimit::parse(std::string_view text) {
  BadLimit out;
  std::string_view number = text;
  const bool is_share = number.ends_with('%');
  if (is_share) number.remove_suffix(1);
  number = number.substr(0, number.find_last_not_of(' ') + 1);
  std::uint64_t count = 0;
  if (is_share && parse_number(number, out.share) && out.share >= 0.0 && out.share <= 100.0) {
    out.share /= 100.0;
    return out;
  }
  if (!is_share && parse_number(number, count)) {
    out.count = count;
    return out;
  }
  return fail(Code::kInvalidArgument,
              fmt::format("`{}` is neither a share nor a number of records", printable(text)),
              "write 2% or 20; 0 allows none");
}

BadReason& BadRecords::reason_of(std::string_view reason, const std::string& place) {
  std::string key = without_numbers(reason);
  const auto find = [&] {
    return std::ranges::find_if(kinds_, [&](const Kind& kind) { return kind.key == key; });
  };
  auto found = find();
  if (found == kinds_.end() && kinds_.size() >= kMostKinds) {
    key = kOthers;
    reason = kOthers;
    found = find();
  }
  if (found != kinds_.end()) return found->reason;
  kinds_.push_back({std::move(key), {std::string(reason), 0, place}});
  return kinds_.back().reason;
}

void BadRecords::add(const Error& error, const std::string& place) {
  if (n_ == 0) first_hint_ = error.hint;
  ++n_;
  ++reason_of(error.message, place).n;
}

void BadRecords::add(const BadRecords& others) {
  if (n_ == 0) first_hint_ = others.first_hint_;
  n_ += others.n_;
  for (const auto& kind : others.kinds_)
    reason_of(kind.reason.reason, kind.reason.first).n += kind.reason.n;
}

std::vector<BadReason> BadRecords::reasons() const {
  std::vector<BadReason> out;
  out.reserve(kinds_.size());
  for (const auto& kind : kinds_) out.push_back(kind.reason);
  std::ranges::stable_sort(out, [](const auto& a, const auto& b) { return a.n > b.n; });
  return out;
}

Status BadRecords::check(const BadLimit& limit, std::uint64_t n_record) const {
  const std::uint64_t allowed = limit.allowed(n_record);
  if (n_ <= allowed) return {};
  const auto& first = kinds_.front().reason;
  std::string message = fmt::format("{}: {}", first.first, first.reason);
  if (n_record > 1) {
    message += n_ == n_record
                   ? fmt::format("; all {} records are bad", n_)
                   : fmt::format("; {} of {} records are bad, {} may be", n_, n_record, allowed);
    if (kinds_.size() > 1) message += fmt::format(", for {} reasons", kinds_.size());
  }
  std::string hint = first_hint_;
  if (n_ < n_record)
    hint += fmt::format("{}--max-bad 5% or --max-bad {} (in the spec: max_bad) leaves them out",
                        hint.empty() ? "" : "; ", n_);
  return fail(Code::kCorrupt, std::move(message), std::move(hint));
}

}  // namespace coe
