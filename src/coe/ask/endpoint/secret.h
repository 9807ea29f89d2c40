// A server's key stays out of what is kept and shown, whoever says it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

// Returns `text` with "…" wherever `secret` stood in it. An empty secret stands
// nowhere.
std::string redacted(std::string text, std::string_view secret);

// Does that in a text that comes in pieces, which may cut the secret anywhere.
class Redactor {
 public:
  // Keys shorter than this are placeholders, such as "none", which answers may
  // well hold.
  static constexpr std::size_t kShortestKey = 8;

  explicit Redactor(std::string_view secret)
      : secret_(secret.size() < kShortestKey ? std::string_view() : secret) {}
  // Returns what may be kept; the beginning of a secret is held back.
  std::string feed(std::string_view piece);
  // The text is complete. Returns what was held back.
  std::string finish();

 private:
  std::string secret_;
  std::string held_;
};

}  // namespace coe
