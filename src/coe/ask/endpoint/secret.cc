#include "coe/ask/endpoint/secret.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

std::string redacted(std::string text, std::string_view secret) {
  if (secret.empty()) return text;
  constexpr std::string_view kMark = "…";
  for (std::size_t at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + kMark.size()))
    text.replace(at, secret.size(), kMark);
  return text;
}

std::string Redactor::feed(std::string_view piece) {
  if (secret_.empty()) return std::string(piece);
  held_ += piece;
  std::string out = redacted(std::exchange(held_, {}), secret_);
  // The longest end of it that a secret may begin with.
  std::size_t n = std::min(out.size(), secret_.size() - 1);
  while (n > 0 && !secret_.starts_with(std::string_view(out).substr(out.size() - n))) --n;
  held_ = out.substr(out.size() - n);
  out.resize(out.size() - n);
  return out;
}

std::string Redactor::finish() { return std::exchange(held_, {}); }

}  // namespace coe
